import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.store.keys import after_prefix, pack, unpack

INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
SURROGATES = st.text(st.characters(codec=None, exclude_categories=()) | st.sampled_from("\0\x01ÿ\ud800"), max_size=5)
PARTS = {
    "str": SURROGATES,
    "int": INTEGERS,
    "bytes": st.binary(max_size=5) | st.sampled_from([b"\0", b"\0\xff", b"\xff\0", b""]),
}
KEYS = st.lists(st.one_of(*PARTS.values()), max_size=4).map(tuple)


@st.composite
def keys_of_one_shape(draw) -> list[tuple]:
    shape = draw(st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=3))
    return [tuple(draw(PARTS[kind]) for kind in shape) for _ in range(4)]


@given(KEYS)
def test_a_key_unpacks_to_its_parts(key):
    assert unpack(pack(key)) == key


@given(keys_of_one_shape())
def test_packed_keys_sort_as_their_tuples(keys):
    assert [unpack(raw) for raw in sorted(map(pack, keys))] == sorted(keys)


@given(KEYS, KEYS)
def test_keys_with_a_prefix_lie_between_it_and_its_end(prefix, rest):
    start = pack(prefix)
    assert start <= pack(prefix + rest) < after_prefix(start)


@given(KEYS, KEYS)
def test_keys_without_the_prefix_lie_outside(prefix, key):
    start = pack(prefix)
    is_inside = start <= pack(key) < after_prefix(start)
    assert is_inside == (
        key[: len(prefix)] == prefix and list(map(type, key[: len(prefix)])) == list(map(type, prefix))
    )


@given(KEYS, st.binary(max_size=3))
def test_a_start_goes_before_the_parts(key, start):
    assert pack(key, start) == start + pack(key)


@pytest.mark.parametrize("part", [None, True, 1.5, ("a",), bytearray(b"a")])
def test_other_types_are_refused(part):
    with pytest.raises(TypeError):
        pack((part,))
