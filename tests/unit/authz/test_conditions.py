"""Every operator, from both sides; sets, …IfExists, Null, absent keys."""

import pytest

from pileus.authz.conditions import OPERATORS, InvalidCondition, compile_block
from pileus.authz.context import PlainContext


def holds(operator: str, wanted, **context) -> bool:
    """The request's key `k` against `wanted`; k absent when not given."""
    values = wanted if isinstance(wanted, list) else [wanted]
    tests = compile_block({operator: {"x:k": values}}, True)
    keys = PlainContext({"x:k" if name == "k" else name: value for name, value in context.items()})
    return all(test.holds(keys) is True for test in tests)


CASES = [
    ("StringEquals", "a", "a", "A"),
    ("StringEquals", "a*", "a*", "ab"),
    ("StringEqualsIgnoreCase", "Ab", "aB", "abc"),
    ("StringLike", "a*c?", "abbcd", "abbc"),
    ("StringLike", "*", "", None),
    ("StringLike", "a", "a", "A"),
    ("StringLike", "(a.b)*", "(a.b)x", "axb"),
    ("NumericEquals", "10", "10.0", "11"),
    ("NumericLessThan", "10", "9.99", "10"),
    ("NumericLessThanEquals", "10", "10", "10.01"),
    ("NumericGreaterThan", "10", "10.01", "10"),
    ("NumericGreaterThanEquals", "10", "10", "9.99"),
    ("NumericLessThan", "10", 9, "many"),
    ("DateEquals", "2020-04-01T00:00:00Z", "2020-04-01T02:00:00+02:00", "2020-04-01T00:00:01Z"),
    ("DateEquals", "1585699200", "2020-04-01T00:00:00Z", "2020-04-01"[:7] + "-02"),
    ("DateLessThan", "2020-04-01", "2020-03-31T23:59:59.999Z", "2020-04-01T00:00:00Z"),
    ("DateLessThanEquals", "2020-04", "2020-04-01T00:00:00Z", "2020-04-01T00:00:00.001Z"),
    ("DateGreaterThan", "2020", "2020-01-01T00:00:00.001Z", "2020-01-01T00:00:00Z"),
    ("DateGreaterThanEquals", "2020-04-01T00:00:00Z", "2020-04-01T00:00:00Z", "2020-03-31T23:59:59Z"),
    ("DateLessThan", "2020-04-01", "0", "whenever"),
    ("Bool", "true", True, "false"),
    ("Bool", "False", "FALSE", True),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", "QmluYXJ6"),
    ("IpAddress", "203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
    ("IpAddress", "203.0.113.7", "203.0.113.7", "203.0.113.8"),
    ("IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5678::1", "2001:db8:1234:5679::1"),
    ("IpAddress", "203.0.113.9/24", "203.0.113.1", "::1"),
    ("ArnEquals", "arn:aws:sns:*:1:t*", "arn:aws:sns:us-east-1:1:topic", "arn:aws:sns:us-east-1:2:topic"),
    ("ArnLike", "arn:aws:s3:::b/*", "arn:aws:s3:::b/a:b/c", "arn:aws:s3:::c/a"),
    (
        "ArnLike",  # the guide's own example: the wildcard stays between its colons
        "arn:aws:some:*:111122223333:finance/*",
        "arn:aws:some:us-east-2:111122223333:finance/document.txt",
        "arn:aws:some:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
    ),
]
NEGATED = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
    "ArnEquals": "ArnNotEquals",
    "ArnLike": "ArnNotLike",
}


@pytest.mark.parametrize(("operator", "wanted", "fits", "differs"), CASES)
def test_each_operator_on_both_sides(operator, wanted, fits, differs):
    assert holds(operator, wanted, k=fits)
    assert differs is None or not holds(operator, wanted, k=differs)
    assert holds(operator, ["zzz" if "String" in operator else wanted, wanted], k=fits)
    if operator in NEGATED:
        assert not holds(NEGATED[operator], wanted, k=fits)
        assert differs is None or holds(NEGATED[operator], wanted, k=differs)


def test_the_cases_leave_no_operator_out():
    assert {case[0] for case in CASES} | {NEGATED[case[0]] for case in CASES if case[0] in NEGATED} == set(OPERATORS)


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_an_absent_key_fails_all_but_the_negated_and_the_if_exists(operator):
    wanted = next(case[1] for case in CASES if case[0] == operator or NEGATED.get(case[0]) == operator)
    assert holds(operator, wanted) is OPERATORS[operator].negated
    assert holds(operator + "IfExists", wanted)
    assert holds("ForAllValues:" + operator, wanted)
    assert not holds("ForAnyValue:" + operator, wanted)


@pytest.mark.parametrize(("operator", "wanted", "fits", "differs"), CASES)
def test_if_exists_still_judges_a_key_that_is_there(operator, wanted, fits, differs):
    assert holds(operator + "IfExists", wanted, k=fits)
    assert differs is None or not holds(operator + "IfExists", wanted, k=differs)


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "c"], False),
        ("ForAllValues:StringEquals", [], True),
        ("ForAllValues:StringEquals", [""], True),
        ("ForAnyValue:StringEquals", ["a", "c"], True),
        ("ForAnyValue:StringEquals", ["c", "d"], False),
        ("ForAnyValue:StringEquals", [], False),
        ("ForAnyValue:StringEquals", [""], False),
        ("ForAllValues:StringNotEquals", ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["a", "d"], False),
        ("ForAnyValue:StringNotEquals", ["a", "d"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("forallvalues:stringlike", ["a", "b"], True),
        ("ForAnyValue:StringLikeIfExists", ["x"], False),
    ],
)
def test_sets_of_values(operator, values, expected):
    assert holds(operator, ["a", "b"], k=values) is expected


def test_null_asks_whether_the_key_is_there():
    assert holds("Null", "true")
    assert not holds("Null", "false")
    assert holds("Null", "false", k="x")
    assert not holds("Null", "true", k="x")
    assert holds("Null", "true", k=[])


def test_all_keys_and_operators_must_hold_and_values_are_alternatives():
    block = {"StringEquals": {"x:a": ["1", "2"], "x:b": ["3"]}, "Bool": {"x:c": ["true"]}}
    tests = compile_block(block, True)

    def verdict(**keys) -> bool:
        context = PlainContext({f"x:{name}": value for name, value in keys.items()})
        return all(test.holds(context) for test in tests)

    assert verdict(a="2", b="3", c=True)
    assert not verdict(a="3", b="3", c=True)
    assert not verdict(a="1", b="4", c=True)
    assert not verdict(a="1", b="3", c=False)


def test_keys_ignore_case():
    tests = compile_block({"StringEquals": {"AWS:PrincipalTag/Team": ["x"]}}, True)
    assert tests[0].holds(PlainContext({"aws:principaltag/team": "x"}))


def test_variables_fill_values_and_their_wildcards_are_letters():
    assert holds("StringLike", "home/${v}/*", k="home/me/x", v="me")
    assert holds("StringLike", "home/${v}/*", k="home/*/x", v="*")
    assert not holds("StringLike", "home/${v}/*", k="home/you/x", v="*")
    assert holds("StringEquals", "${v}", k="a*", v="a*")
    assert holds("ArnLike", "arn:aws:iam::1:user/${v}", k="arn:aws:iam::1:user/me", v="me")
    assert not holds("NumericEquals", "1", k="2", v="1")
    assert not holds("StringEquals", "${v}", k="a")


@pytest.mark.parametrize(
    ("operator", "wanted"),
    [
        ("StringEqual", "a"),
        ("ForSomeValues:StringEquals", "a"),
        ("NumericEquals", "ten"),
        ("NumericEquals", "NaN"),
        ("DateEquals", "tomorrow"),
        ("Bool", "yes"),
        ("BinaryEquals", "%%%"),
        ("IpAddress", "300.0.0.1"),
        ("Null", "maybe"),
        ("NullIfExists", "true"),
    ],
)
def test_nonsense_is_refused_when_the_policy_is_read(operator, wanted):
    with pytest.raises(InvalidCondition):
        compile_block({operator: {"x:k": [wanted]}}, True)
