"""The keys that matter most, counted in bounded memory."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pileus.services.dynamodb.contributors import KEYS_MAX, TOLD_MAX, Contributors, key_text


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9))))
def test_as_long_as_there_is_room_every_key_is_counted_exactly(added):
    found, expected = Contributors(), {}
    for key, value in added:
        found.add((str(key),), value)
        expected[(str(key),)] = expected.get((str(key),), 0) + value
    assert dict(found.largest()) == expected
    assert [value for _, value in found.largest()] == sorted(expected.values(), reverse=True)
    assert (found.unique, found.samples) == (len(expected), len(added))
    assert found.total == sum(expected.values())


def test_without_room_the_largest_stay_and_none_is_counted_too_low():
    random = Random(1)
    added = [("hot", 5.0)] * 3_000 + [(f"cold-{n}", 1.0) for n in range(4 * KEYS_MAX)]
    random.shuffle(added)
    found = Contributors()
    for key, value in added:
        found.add((key,), value)
        assert len(found.values) <= KEYS_MAX
    (key, value), *rest = found.largest()
    assert key == ("hot",)
    assert 15_000 <= value <= 15_000 + found.floor
    assert len(rest) == TOLD_MAX - 1
    assert found.floor < 100
    assert found.total == 15_000 + 4 * KEYS_MAX


def test_key_attributes_are_shown_as_text():
    item = {"s": {"S": "é"}, "n": {"N": "1.5"}, "b": {"B": b"\x00\xff"}}
    assert key_text(item, ("s",)) == "é"
    assert key_text(item, ("n",)) == "1.5"
    assert key_text(item, ("b",)) == "AP8="
    assert key_text(item, ("s", "n")) == "é,1.5"
