"""Which keys a WHERE clause needs."""

import pytest

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.partiql.access import KeySchema, Span, partitions, primary_key
from pileus.services.dynamodb.partiql.grammar import parse
from pileus.services.dynamodb.values import key_bytes

TABLE = KeySchema(("p",), ("s",), {"p": "S", "s": "N"})
HASH_ONLY = KeySchema(("p",), (), {"p": "S"})
COMPOSITE = KeySchema(("a", "b"), ("c", "d"), {"a": "S", "b": "S", "c": "N", "d": "N"})


def needed(where: str, schema: KeySchema = TABLE):
    return partitions(parse(f"SELECT * FROM t WHERE {where}").where, schema)


def values(where: str, schema: KeySchema = TABLE) -> list[str] | None:
    found = needed(where, schema)
    return None if found is None else ["".join(value["S"] for value in one.hash_values) for one in found]


def keys(where: str) -> list[dict | None]:
    return [one.key for one in needed(where)]


def holds(where: str, sort_key: int, schema: KeySchema = TABLE) -> bool:
    [one] = needed(where, schema)
    encoded = key_bytes({"N": str(sort_key)})
    return one.span.low <= encoded and (one.span.high is None or encoded < one.span.high)


@pytest.mark.parametrize(
    "where",
    ["p > 'a'", "x = 1", "p = 'a' OR x = 1", "NOT p = 'a'", "p <> 'a'", "p IS MISSING", "p = x", "s = 1", "p.x = 'a'"],
)
def test_without_the_partition_key_it_is_a_scan(where):
    assert needed(where) is None


def test_without_a_clause_it_is_a_scan():
    assert partitions(None, TABLE) is None


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("p = 'a'", ["a"]),
        ("'a' = p", ["a"]),
        ("p = 'a' AND x = 1", ["a"]),
        ("p = 'a' AND (x = 1 OR y = 2)", ["a"]),
        ("p = 'b' OR p = 'a'", ["b", "a"]),
        ("p IN ['b', 'a', 'b']", ["b", "a"]),
        ("(p = 'a' AND x = 1) OR (p = 'b' AND y = 1)", ["a", "b"]),
        ("p IN ['a', 'b'] AND p IN ['b', 'c']", ["b"]),
        ("p = 'a' AND p = 'b'", []),
    ],
)
def test_the_partitions_that_equality_in_and_or_name(where, expected):
    assert values(where) == expected


def test_all_attributes_of_a_composite_partition_key_are_needed():
    assert values("a = 'x' AND b = 'y'", COMPOSITE) == ["xy"]
    assert values("a = 'x'", COMPOSITE) is None


def test_the_whole_key_is_a_key():
    key = {"p": {"S": "a"}, "s": {"N": "1"}}
    assert keys("p = 'a' AND s = 1") == [key]
    assert keys("p = 'a' AND s IN (1, 2)") == [key, {"p": {"S": "a"}, "s": {"N": "2"}}]
    assert keys("(p = 'a' AND s = 1) OR (p = 'a' AND s = 1 AND x = 3)") == [key]
    assert keys("p = 'a'") == keys("p = 'a' AND s > 1") == [None]
    assert needed("p = 'a'", HASH_ONLY)[0].key == {"p": {"S": "a"}}


@pytest.mark.parametrize(
    ("where", "inside"),
    [
        ("s < 5", [3, 4]),
        ("s <= 5", [3, 4, 5]),
        ("s > 5", [6, 7]),
        ("5 <= s", [5, 6, 7]),
        ("s BETWEEN 4 AND 6", [4, 5, 6]),
        ("s > 3 AND s < 5", [4]),
        ("(s = 4 OR s = 6)", [4, 5, 6]),
        ("s > 3 AND x = 5", [4, 5, 6, 7]),
    ],
)
def test_the_range_of_the_sort_key(where, inside):
    found = needed(f"p = 'a' AND {where}")
    spans = [one.span for one in found]
    lowest = min(span.low for span in spans)
    highest = None if any(span.high is None for span in spans) else max(span.high for span in spans)
    hull = Span(lowest, highest)
    sort_keys = {n: key_bytes({"N": str(n)}) for n in range(3, 8)}
    assert [n for n, key in sort_keys.items() if hull.low <= key and (hull.high is None or key < hull.high)] == inside


def test_an_empty_range_needs_nothing():
    assert needed("p = 'a' AND s > 5 AND s < 5") == []
    assert needed("p = 'a' AND s BETWEEN 6 AND 5") == []


def test_ranges_of_one_partition_are_read_as_one():
    assert len(needed("p = 'a' AND (s < 3 OR s > 5)")) == 1
    assert holds("p = 'a' AND (s < 3 OR s > 5)", 4)


def test_a_composite_sort_key_is_used_from_the_left_up_to_its_first_range():
    [one] = needed("a = 'x' AND b = 'y' AND c = 1 AND d > 2", COMPOSITE)
    assert one.span.low > key_bytes({"N": "1"}) + key_bytes({"N": "2"})
    assert one.span.high == Span(key_bytes({"N": "1"})).low[:-1] + b"\x01"
    [one] = needed("a = 'x' AND b = 'y' AND d > 2", COMPOSITE)
    assert one.span == Span()


def test_a_key_value_of_another_type_is_refused_where_the_key_is_used():
    text = "One or more parameter values were invalid: Condition parameter type does not match schema type"
    for where in ("p = 1", "p = 'a' AND s = 'x'", "p = 'a' AND begins_with(s, 'x')"):
        with pytest.raises(ValidationException) as caught:
            needed(where)
        assert caught.value.message == text
    assert needed("s > 'x'") is None


def test_up_to_fifty_partition_keys():
    names = [f"'{n}'" for n in range(51)]
    assert len(needed(f"p IN [{', '.join(names[:50])}]")) == 50
    with pytest.raises(ValidationException):
        needed(f"p IN [{', '.join(names)}]")


def test_more_alternatives_than_are_looked_at_make_the_access_wider():
    sort_keys = ", ".join(str(n) for n in range(100))
    assert keys(f"s IN [{sort_keys}] AND p IN ['a', 'b', 'c', 'd']") == [None] * 4


def test_a_primary_key_is_demanded_by_equality_alone():
    where = parse("SELECT * FROM t WHERE x = 1 AND (p = 'a' AND s = 2) AND y = 3").where
    key, rest = primary_key(where, TABLE)
    assert key == {"p": {"S": "a"}, "s": {"N": "2"}}
    assert rest == parse("SELECT * FROM t WHERE x = 1 AND y = 3").where
    assert primary_key(parse("SELECT * FROM t WHERE p = 'a' AND s = 2").where, TABLE)[1] is None


@pytest.mark.parametrize("where", ["p = 'a'", "p = 'a' AND s > 1", "p = 'a' OR s = 1", "p IN ['a'] AND s = 1"])
def test_anything_less_demands_no_primary_key(where):
    assert primary_key(parse(f"SELECT * FROM t WHERE {where}").where, TABLE) is None
