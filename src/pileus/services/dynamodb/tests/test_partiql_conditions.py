"""WHERE clauses, evaluated; and their keys against a plain walk through all items."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.partiql.access import KeySchema, partitions, primary_key
from pileus.services.dynamodb.partiql.binding import bind
from pileus.services.dynamodb.partiql.conditions import condition_of, update_of
from pileus.services.dynamodb.partiql.grammar import parse
from pileus.services.dynamodb.values import key_bytes

ITEM = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "nil": {"NULL": True},
    "flag": {"BOOL": True},
    "list": {"L": [{"N": "1"}, {"M": {"k": {"S": "deep"}}}]},
    "tags": {"SS": ["a", "b"]},
    "#odd": {"S": "x"},
    "a.b": {"N": "1"},
}


def condition(where: str, *parameters: dict):
    return condition_of(bind(parse(f"SELECT * FROM t WHERE {where}"), list(parameters)).where)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("n = 5", True),
        ("n = 5.0", True),
        ("n = '5'", False),
        ("n <> 5", False),
        ("none <> 5", True),
        ("n BETWEEN 5 AND 6", True),
        ("n NOT BETWEEN 5 AND 6", False),
        ("n IN (1, 5)", True),
        ("n NOT IN [1, 5]", False),
        ("flag = TRUE AND nil = NULL", True),
        ("list[0] = 1 AND list[1].k = 'deep'", True),
        ("list = [1, {'k': 'deep'}]", True),
        ("tags = <<'b', 'a'>>", True),
        ("contains(tags, 'a') AND contains(s, 'ell')", True),
        ("begins_with(s, 'he')", True),
        ("attribute_type(tags, 'SS')", True),
        ("size(s) = 5 AND size(tags) < 3", True),
        ("nil IS NULL", True),
        ("nil IS BOOL", False),
        ("list IS STRING", False),
        ("attribute_exists(nil)", True),
        ("Attribute_Exists(none)", False),
        ("attribute_not_exists(none) AND NOT attribute_not_exists(list[0])", True),
        ("none IS NULL", False),
        ("none IS NOT NULL", True),
        ("none IS MISSING", True),
        ("nil IS MISSING", False),
        ("list[7] IS MISSING", True),
        ("none = MISSING", True),
        ("n <> MISSING", True),
        (""""#odd" = 'x'""", True),
        (""""a.b" = 1 AND a.b IS MISSING""", True),
        ("NOT (n = 5 AND s = 'x') AND (n = 1 OR NOT n = 1)", True),
        ("n = n", None),
    ],
)
def test_what_a_clause_means(where, expected):
    if expected is None:
        with pytest.raises(ValidationException, match="The first operand must be distinct"):
            condition(where)
    else:
        assert condition(where).holds(ITEM) is expected


def test_parameters_are_values_of_any_type():
    assert condition("tags = ? AND n > ?", {"SS": ["b", "a"]}, {"N": "4"}).holds(ITEM)


def test_names_that_look_like_placeholders_stand_for_themselves():
    statement = bind(parse("""UPDATE t SET "#odd" = 'y' SET list[1]."#0" = "#odd" WHERE n = 5"""), [])
    updated = update_of(statement.actions).apply(ITEM, ())
    assert updated.item["#odd"] == {"S": "y"}
    assert updated.item["list"]["L"][1]["M"]["#0"] == {"S": "x"}


def test_a_clause_may_be_as_long_as_a_statement():
    assert condition(" AND ".join(["n=5"] * 1000)).holds(ITEM)
    assert not condition(" OR ".join(["n=4"] * 1000)).holds(ITEM)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("n < [1]", "Incorrect operand type for operator or function; operator or function: <, operand type: L"),
        ("n BETWEEN 1 AND {}", "Incorrect operand type for operator or function; operator or function: BETWEEN, operand type: M"),
        ("begins_with(n, 5)", "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"),
        ("n < MISSING", "Only equality and inequality operators can be used with MISSING"),
        ("flag", "Statement wasn't well formed, can't be processed: Expected a condition"),
        ("size(s)", "Statement wasn't well formed, can't be processed: Expected a condition"),
        ("1 IS MISSING", "Statement wasn't well formed, can't be processed: Expected an attribute"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(where, why):
    with pytest.raises(ValidationException) as caught:
        condition(where)
    assert caught.value.message == why


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("n + 1 = 6", True),
        ("n - 1 = 4 AND 4 = n - 1", True),
        ("n -1 = 4", True),
        ("n - 2 - 2 = 1", True),
        ("n - (2 - 2) = 5", True),
        ("n = 2 + 3", True),
        ("n + list[0] > 5.9", True),
        ("size(s) - size(tags) = 3", True),
        ("n BETWEEN 2 + 2 AND 3 + 3", True),
        ("n + 1 IN (1, n, 6)", True),
        ("contains(list, n - 4)", True),
        ("0.1 + 0.2 = 0.3", True),
        ("n + s = 5", False),  # s is no number, so the sum is MISSING
        ("n + s <> 5", True),
        ("none + 1 < 9 OR none + 1 >= 9", False),
        ("none + 1 <> 9", True),
        ("NOT none + 1 = 9", True),
        ("n + none IS MISSING AND n + none = MISSING", True),
        ("n + 1 IS INT AND n + 1 IS NOT MISSING AND n + 1 <> MISSING", True),
        ("size(s) IS INT AND size(n) IS MISSING", True),
    ],
)
def test_sums_in_a_clause(where, expected):
    assert condition(where).holds(ITEM) is expected


@pytest.mark.parametrize("parameter", [{"S": "1"}, {"NULL": True}, {"L": [{"N": "1"}]}])
def test_a_sum_takes_no_value_that_is_no_number(parameter):
    why = "Incorrect operand type for operator or function; operator or function: [+], operand type: "
    with pytest.raises(ValidationException, match=why):
        condition("n + ? = 6", parameter)


@pytest.mark.parametrize("where", ["begins_with(n + 1, '6')", "size(n + 1) = 1", "attribute_type(n, n + 1)"])
def test_a_sum_is_a_number_where_none_belongs(where):
    with pytest.raises(ValidationException, match=r"Incorrect operand type .*, operand type: N"):
        condition(where)


@pytest.mark.parametrize("where", ["n + 9.99e125 > 1", "big + 1 = 0", "0 - big = 0 - small - big"])
def test_a_sum_beyond_38_digits_is_an_error_as_in_an_update(where):
    item = ITEM | {"big": {"N": "1" + "0" * 40}, "small": {"N": "0.1"}}
    with pytest.raises(ValidationException, match="Number overflow"):
        condition(where).holds(item)


def test_a_sum_of_sums_is_set():
    statement = bind(parse("UPDATE t SET n = n + list[0] - (n - 7) WHERE n = 5"), [])
    assert update_of(statement.actions).apply(ITEM, ()).item["n"] == {"N": "8"}
    with pytest.raises(ValidationException, match="operator or function: list_append, operand type: N"):
        update_of(parse("UPDATE t SET list = list_append(list, n + 1) WHERE n = 5").actions)


TYPED = {
    "s": {"S": ""},
    "n": {"N": "1.5"},
    "b": {"B": b"x"},
    "bool": {"BOOL": False},
    "nil": {"NULL": True},
    "l": {"L": []},
    "m": {"M": {}},
    "ss": {"SS": ["a"]},
    "ns": {"NS": ["1"]},
    "bs": {"BS": [b"a"]},
}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("NULL", "nil"),
        ("MISSING", "none"),
        ("bool", "bool"),
        ("BOOLEAN", "bool"),
        ("INT", "n"),
        ("integer", "n"),
        ("BIGINT", "n"),
        ("DECIMAL", "n"),
        ("FLOAT", "n"),
        ("DOUBLE PRECISION", "n"),
        ("STRING", "s"),
        ("VARCHAR", "s"),
        ("character varying", "s"),
        ("BLOB", "b"),
        ("LIST", "l"),
        ("ARRAY", "l"),
        ("STRUCT", "m"),
        ("TUPLE", "m"),
        ("BAG", "ss ns bs"),
        ("TIMESTAMP", ""),
        ("SEXP", ""),
    ],
)
def test_is_asks_for_a_type(kind, names):
    for name in (*TYPED, "none"):
        is_of_it = name in names.split()
        assert condition(f"{name} IS {kind}").holds(TYPED) is is_of_it, name
        assert condition(f"{name} IS NOT {kind} AND {name} <> 'x'").holds(TYPED) is not is_of_it, name


# The keys of a clause: whatever it is, the keys that are read hold every item that meets it, once.

SCHEMA = KeySchema(("p",), ("s",), {"p": "S", "s": "N"})
ALL = [{"p": {"S": p}, "s": {"N": str(s)}, "x": {"N": str(x)}} for p, s, x in product("abc", range(4), range(2))]
_simple = st.one_of(
    st.builds("p = '{}'".format, st.sampled_from("abc")),
    st.builds("p <> '{}'".format, st.sampled_from("abc")),
    st.builds("p IN ['{}', '{}']".format, st.sampled_from("abc"), st.sampled_from("abc")),
    st.builds("s {} {}".format, st.sampled_from(["=", "<", "<=", ">", ">=", "<>"]), st.integers(0, 3)),
    st.builds("{} < s".format, st.integers(0, 3)),
    st.builds("s IN ({}, {})".format, st.integers(0, 3), st.integers(0, 3)),
    st.builds(lambda low, more: f"s BETWEEN {low} AND {low + more}", st.integers(0, 3), st.integers(0, 2)),
    st.builds("x = {}".format, st.integers(0, 1)),
    st.builds("s {} {} = {}".format, st.sampled_from("+-"), st.integers(0, 2), st.integers(0, 3)),
    st.builds("s > x + {}".format, st.integers(0, 2)),
    st.builds("p IS {}".format, st.sampled_from(["STRING", "INT", "MISSING", "NOT NULL"])),
)
CLAUSES = st.recursive(
    _simple,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT {}".format, inner),
    ),
    max_leaves=8,
)


@given(CLAUSES)
def test_no_clause_reads_too_little_or_anything_twice(text):
    where = parse(f"SELECT * FROM t WHERE {text}").where
    wanted = condition_of(where)
    needed = partitions(where, SCHEMA)
    if needed is None:
        return
    for item in ALL:
        sort_key = key_bytes(item["s"])
        reached = [
            one
            for one in needed
            if one.hash_values == (item["p"],)
            and one.span.low <= sort_key
            and (one.span.high is None or sort_key < one.span.high)
        ]
        assert len(reached) <= 1
        assert reached or not wanted.holds(item)


@given(CLAUSES)
def test_a_primary_key_and_the_rest_of_the_clause_mean_the_clause(text):
    where = parse(f"SELECT * FROM t WHERE {text}").where
    found = primary_key(where, SCHEMA)
    if found is None:
        return
    key, rest = found
    wanted, left = condition_of(where), condition_of(rest)
    for item in ALL:
        has_key = all(item[name] == value for name, value in key.items())
        assert wanted.holds(item) is (has_key and (left is None or left.holds(item)))
