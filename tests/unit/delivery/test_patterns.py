"""Event patterns. Source: EventBridge user guide, "Comparison operators for use in event patterns"."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.delivery.patterns import InvalidPattern, compile, compile_object


def wants(pattern: dict, event: dict) -> bool:
    return compile(json.dumps(pattern)).matches(event)


EVENT = {
    "source": "shop",
    "count": 3,
    "price": 2.5,
    "is_paid": True,
    "note": None,
    "empty": "",
    "tags": ["red", "Blue"],
    "address": {"ip": "10.0.1.7", "city": "Oslo"},
    "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2, "gift": True}],
    "none": [],
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        # values
        ({"source": ["shop"]}, True),
        ({"source": ["Shop"]}, False),
        ({"source": ["x", "shop"]}, True),
        ({"count": [3]}, True),
        ({"count": [3.0]}, True),
        ({"count": ["3"]}, False),
        ({"is_paid": [True]}, True),
        ({"is_paid": [1]}, False),
        ({"count": [True]}, False),
        ({"note": [None]}, True),
        ({"note": [""]}, False),
        ({"empty": [""]}, True),
        ({"empty": [None]}, False),
        ({"missing": [None]}, False),
        ({"source": ["shop"], "count": [4]}, False),
        # nesting and arrays
        ({"address": {"city": ["Oslo"]}}, True),
        ({"address": ["Oslo"]}, False),
        ({"tags": ["red"]}, True),
        ({"tags": ["green"]}, False),
        ({"lines": {"sku": ["b"]}}, True),
        ({"lines": {"sku": ["b"], "n": [2]}}, True),
        ({"lines": {"sku": ["b"], "n": [1]}}, False),
        # prefix, suffix, case
        ({"source": [{"prefix": "sh"}]}, True),
        ({"source": [{"prefix": "Sh"}]}, False),
        ({"source": [{"prefix": {"equals-ignore-case": "SH"}}]}, True),
        ({"source": [{"suffix": "op"}]}, True),
        ({"source": [{"suffix": {"equals-ignore-case": "OP"}}]}, True),
        ({"source": [{"equals-ignore-case": "SHOP"}]}, True),
        ({"count": [{"prefix": "3"}]}, False),
        # numbers
        ({"count": [{"numeric": ["=", 3]}]}, True),
        ({"price": [{"numeric": [">", 2.4, "<=", 2.5]}]}, True),
        ({"price": [{"numeric": [">", 2.5]}]}, False),
        ({"price": [{"numeric": [">=", 2.5, "<", 2.6]}]}, True),
        ({"source": [{"numeric": [">", 0]}]}, False),
        ({"is_paid": [{"numeric": ["=", 1]}]}, False),
        # exists
        ({"source": [{"exists": True}]}, True),
        ({"note": [{"exists": True}]}, True),
        ({"missing": [{"exists": False}]}, True),
        ({"source": [{"exists": False}]}, False),
        ({"missing": [{"exists": True}]}, False),
        ({"address": [{"exists": True}]}, False),
        ({"none": [{"exists": False}]}, True),
        ({"address": {"zip": [{"exists": False}]}}, True),
        ({"missing": {"deep": [{"exists": False}]}}, True),
        ({"lines": {"gift": [{"exists": False}], "sku": ["a"]}}, False),
        ({"lines": {"colour": [{"exists": False}], "sku": ["a"]}}, True),
        ({"missing": [{"exists": False}, "x"]}, True),
        # anything-but
        ({"source": [{"anything-but": "shop"}]}, False),
        ({"source": [{"anything-but": ["shop", "x"]}]}, False),
        ({"source": [{"anything-but": ["y", "x"]}]}, True),
        ({"count": [{"anything-but": 4}]}, True),
        ({"count": [{"anything-but": [3, 4]}]}, False),
        ({"missing": [{"anything-but": "x"}]}, False),
        ({"source": [{"anything-but": {"prefix": "sh"}}]}, False),
        ({"source": [{"anything-but": {"prefix": ["ab", "cd"]}}]}, True),
        ({"source": [{"anything-but": {"suffix": "op"}}]}, False),
        ({"source": [{"anything-but": {"suffix": ["ab", "op"]}}]}, False),
        ({"source": [{"anything-but": {"equals-ignore-case": "SHOP"}}]}, False),
        ({"source": [{"anything-but": {"equals-ignore-case": ["A", "B"]}}]}, True),
        ({"source": [{"anything-but": {"wildcard": "s*p"}}]}, False),
        ({"source": [{"anything-but": {"wildcard": ["s*x", "*y"]}}]}, True),
        # wildcard
        ({"source": [{"wildcard": "s*p"}]}, True),
        ({"source": [{"wildcard": "*"}]}, True),
        ({"source": [{"wildcard": "sh*"}]}, True),
        ({"source": [{"wildcard": "*h*p"}]}, True),
        ({"source": [{"wildcard": "s*o*h*"}]}, False),
        ({"source": [{"wildcard": "shop"}]}, True),
        ({"source": [{"wildcard": "shop*shop"}]}, False),
        # cidr
        ({"address": {"ip": [{"cidr": "10.0.0.0/16"}]}}, True),
        ({"address": {"ip": [{"cidr": "10.1.0.0/16"}]}}, False),
        ({"address": {"city": [{"cidr": "10.1.0.0/16"}]}}, False),
        # $or
        ({"$or": [{"source": ["x"]}, {"count": [3]}]}, True),
        ({"$or": [{"source": ["x"]}, {"count": [4]}]}, False),
        ({"is_paid": [False], "$or": [{"source": ["x"]}, {"count": [3]}]}, False),
        ({"address": {"$or": [{"city": ["Oslo"]}, {"ip": ["x"]}]}}, True),
        ({"$or": [{"source": ["x"]}, {"address": {"$or": [{"city": ["y"]}, {"ip": [{"prefix": "10."}]}]}}]}, True),
        ({"source": ["shop"], "$or": [{"source": ["x"]}, {"source": [{"prefix": "s"}]}]}, True),
    ],
)
def test_a_pattern_matches(pattern, expected):
    assert wants(pattern, EVENT) is expected


def test_a_backslash_makes_a_star_itself():
    assert wants({"a": [{"wildcard": "1\\*2"}]}, {"a": "1*2"})
    assert not wants({"a": [{"wildcard": "1\\*2"}]}, {"a": "1x2"})
    assert wants({"a": [{"wildcard": "1\\\\*"}]}, {"a": "1\\x"})


def test_or_is_an_ordinary_name_where_it_holds_no_two_patterns():
    assert wants({"$or": ["x"]}, {"$or": "x"})
    assert wants({"$or": [{"prefix": "x"}, {"prefix": "y"}]}, {"$or": "yes"})


def test_ipv6_addresses_have_networks_too():
    assert wants({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "2001:db8::1"})
    assert not wants({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "10.0.0.1"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Not valid JSON"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"a": NaN}', "Non-standard token"),
        ('{"a": "x"}', '"a" must be an object or an array'),
        ('{"a": {"b": 1}}', '"b" must be an object or an array'),
        ('{"a": []}', "Empty arrays are not allowed"),
        ('{"a": {}}', "Empty objects are not allowed"),
        ('{"a": [["x"]]}', "Match value must be String, number, true, false, or null"),
        ('{"a": [{}]}', "Only one key allowed in match expression"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Only one key allowed in match expression"),
        ('{"a": [{"starts": "x"}]}', "Unrecognized match type starts"),
        ('{"a": [{"prefix": 1}]}', "prefix match pattern must be a string"),
        ('{"a": [{"suffix": ["x"]}]}', "suffix match pattern must be a string"),
        ('{"a": [{"equals-ignore-case": 1}]}', "equals-ignore-case match pattern must be a string"),
        ('{"a": [{"exists": "yes"}]}', "exists match pattern must be either true or false."),
        ('{"a": [{"numeric": 1}]}', "Value of numeric must be an array."),
        ('{"a": [{"numeric": []}]}', "Invalid member in numeric match"),
        ('{"a": [{"numeric": [">"]}]}', "Value of > must be numeric"),
        ('{"a": [{"numeric": [">", "x"]}]}', "Value of > must be numeric"),
        ('{"a": [{"numeric": ["!", 1]}]}', "Unrecognized numeric range operator: !"),
        ('{"a": [{"numeric": [">", 2, "<", 1]}]}', "Bottom must be less than top"),
        ('{"a": [{"numeric": ["<", 2, ">", 1]}]}', "Bad numeric range operator: <"),
        ('{"a": [{"numeric": [">", 1, "<", 2, "<", 3]}]}', "Too many elements in numeric expression"),
        ('{"a": [{"numeric": [">", 5000000001]}]}', "Value must be between -5.0E9 and 5.0E9, inclusive"),
        ('{"a": [{"cidr": "10.0.0.0"}]}', "Malformed CIDR, one '/' required"),
        ('{"a": [{"cidr": "10.0.0.x/8"}]}', "Malformed CIDR"),
        ('{"a": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters at pos 1"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character at pos 1"),
        ('{"a": [{"anything-but": ["x", 1]}]}', "mixed type is not supported"),
        ('{"a": [{"anything-but": []}]}', "Empty arrays are not allowed"),
        ('{"a": [{"anything-but": null}]}', "Value of anything-but must be an array or single string/number value."),
        ('{"a": [{"anything-but": {"numeric": ["=", 1]}}]}', "Unsupported anything-but pattern: numeric"),
        ('{"a": [{"anything-but": {"prefix": ""}}]}', "Null prefix/suffix not allowed"),
        ('{"a": [{"anything-but": {"suffix": [1]}}]}', "prefix/suffix match pattern must be a string"),
        (
            '{"a": [{"anything-but": {"equals-ignore-case": ["x", 1]}}]}',
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
        ),
        ('{"a": [{"anything-but": [null]}]}', "Inside anything but list, start|null|boolean is not supported."),
        ('{"a": [{"prefix": {"suffix": "x"}}]}', "Unsupported prefix pattern: suffix"),
        ('{"a": [{"cidr": 1}]}', "prefix match pattern must be a string"),
        ('{"a": [{"numeric": ["=", "x"]}]}', "Value of equals must be numeric"),
    ],
)
def test_what_is_no_pattern_is_refused(text, says):
    with pytest.raises(InvalidPattern) as refusal:
        compile(text)
    assert says in str(refusal.value)


def test_the_combinations_of_or_have_a_limit():
    ten = [{f"k{n}": ["x"]} for n in range(10)]
    compile_object({"a": {"$or": ten}, "b": {"$or": ten}, "c": {"$or": ten}})
    with pytest.raises(InvalidPattern, match="too complex"):
        compile_object({"a": {"$or": ten}, "b": {"$or": ten}, "c": {"$or": [*ten, {"k": ["x"]}]}})


@pytest.mark.parametrize("stars", ["*" + "a*" * 40])
def test_no_wildcard_takes_long(stars):
    assert not wants({"a": [{"wildcard": stars + "b"}]}, {"a": "a" * 100_000})


scalars = st.one_of(st.none(), st.booleans(), st.integers(-100, 100), st.text("ab*", max_size=4))
events = st.dictionaries(st.sampled_from("abc"), st.recursive(scalars, lambda inner: st.lists(inner, max_size=3)))


@given(events)
def test_an_event_matches_the_pattern_of_its_own_values(event):
    pattern = {name: _scalars(value) for name, value in event.items()}
    pattern = {name: values for name, values in pattern.items() if values}
    if pattern:
        assert wants(pattern, event)


@given(events, st.sampled_from("abc"))
def test_a_field_exists_or_does_not(event, name):
    there, absent = wants({name: [{"exists": True}]}, event), wants({name: [{"exists": False}]}, event)
    assert there is not absent


@given(scalars.filter(lambda v: isinstance(v, str) or type(v) is int), scalars)
def test_anything_but_is_the_opposite_of_the_value(wanted, value):
    assert wants({"a": [{"anything-but": wanted}]}, {"a": value}) is not wants({"a": [wanted]}, {"a": value})


@given(st.text("ab", max_size=6), st.text("ab*", max_size=5))
def test_a_wildcard_matches_as_a_glob_does(value, text):
    import fnmatch

    if "**" not in text:
        assert wants({"a": [{"wildcard": text}]}, {"a": value}) is fnmatch.fnmatchcase(value, text)


def _scalars(value):
    if isinstance(value, list):
        return [each for one in value for each in _scalars(one)]
    return [value]
