import pytest

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import bind

INVALID = "One or more parameter values were invalid: "
ITEM = {
    "n": {"N": "2"},
    "s": {"S": "hello"},
    "b": {"B": b"\x80"},
    "l": {"L": [{"N": "1"}]},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "yes": {"BOOL": True},
    "#x": {"N": "1"},
}


def holds(name: str, operator: str, *arguments: dict, parameter: str = "ScanFilter") -> bool:
    found = bind({parameter: {name: {"ComparisonOperator": operator, "AttributeValueList": list(arguments)}}})
    return (found.filter or found.condition).holds(ITEM)


@pytest.mark.parametrize("parameter", ["ScanFilter", "QueryFilter", "Expected"])
@pytest.mark.parametrize(
    ("name", "operator", "arguments", "wanted"),
    [
        ("n", "EQ", [{"N": "2.0"}], True),
        ("n", "EQ", [{"S": "2"}], False),
        ("l", "EQ", [{"L": [{"N": "1"}]}], True),
        ("ss", "EQ", [{"SS": ["b", "a"]}], True),
        ("absent", "EQ", [{"N": "2"}], False),
        ("#x", "EQ", [{"N": "1"}], True),
        ("n", "NE", [{"N": "2"}], False),
        ("n", "NE", [{"S": "2"}], True),
        ("absent", "NE", [{"N": "2"}], True),
        ("n", "LE", [{"N": "2"}], True),
        ("n", "LE", [{"N": "1"}], False),
        ("n", "LT", [{"N": "10"}], True),
        ("n", "LT", [{"N": "2"}], False),
        ("s", "LT", [{"S": "z"}], True),
        ("b", "GT", [{"B": b"\x7f"}], True),
        ("n", "GE", [{"N": "2"}], True),
        ("n", "GT", [{"N": "2"}], False),
        ("s", "GT", [{"N": "1"}], False),
        ("absent", "LT", [{"N": "2"}], False),
        ("n", "NOT_NULL", [], True),
        ("absent", "NOT_NULL", [], False),
        ("absent", "NULL", [], True),
        ("n", "NULL", [], False),
        ("s", "CONTAINS", [{"S": "ell"}], True),
        ("ss", "CONTAINS", [{"S": "a"}], True),
        ("ns", "CONTAINS", [{"N": "1"}], True),
        ("l", "CONTAINS", [{"N": "1"}], True),
        ("n", "CONTAINS", [{"N": "2"}], False),
        ("s", "NOT_CONTAINS", [{"S": "x"}], True),
        ("s", "NOT_CONTAINS", [{"S": "ell"}], False),
        ("absent", "NOT_CONTAINS", [{"S": "x"}], False),
        ("s", "BEGINS_WITH", [{"S": "he"}], True),
        ("s", "BEGINS_WITH", [{"S": "el"}], False),
        ("n", "BEGINS_WITH", [{"S": "2"}], False),
        ("n", "IN", [{"N": "1"}, {"N": "2"}], True),
        ("n", "IN", [{"S": "2"}], False),
        ("n", "BETWEEN", [{"N": "1"}, {"N": "2"}], True),
        ("n", "BETWEEN", [{"N": "3"}, {"N": "4"}], False),
        ("s", "BETWEEN", [{"N": "3"}, {"N": "4"}], False),
    ],
)
def test_every_comparison_operator_does_what_aws_says(parameter, name, operator, arguments, wanted):
    assert holds(name, operator, *arguments, parameter=parameter) is wanted


@pytest.mark.parametrize(
    ("operator", "arguments", "message"),
    [
        *[
            (operator, [{"S": "a"}] * count, f"Invalid number of argument(s) for the {operator} ComparisonOperator")
            for operator in ("EQ", "NE", "LE", "LT", "GE", "GT", "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH")
            for count in (0, 2)
        ],
        ("NULL", [{"S": "a"}], "Invalid number of argument(s) for the NULL ComparisonOperator"),
        ("NOT_NULL", [{"S": "a"}], "Invalid number of argument(s) for the NOT_NULL ComparisonOperator"),
        ("IN", [], "Invalid number of argument(s) for the IN ComparisonOperator"),
        ("BETWEEN", [{"S": "a"}], "Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
        ("BETWEEN", [{"S": "a"}] * 3, "Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
        *[
            (operator, [{"SS": ["a"]}], f"ComparisonOperator {operator} is not valid for SS AttributeValue type")
            for operator in ("LE", "LT", "GE", "GT", "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH", "IN")
        ],
        ("BEGINS_WITH", [{"N": "1"}], "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"),
        ("BETWEEN", [{"L": []}, {"L": []}], "ComparisonOperator BETWEEN is not valid for L AttributeValue type"),
        ("IN", [{"N": "1"}, {"S": "a"}], "AttributeValues inside AttributeValueList must be of same type"),
        ("BETWEEN", [{"N": "1"}, {"S": "a"}], "AttributeValues inside AttributeValueList must be of same type"),
        ("EQ", [{"NS": []}], "An number set  may not be empty"),
    ],
)
def test_arguments_of_the_wrong_number_or_type_are_refused_in_awss_words(operator, arguments, message):
    with pytest.raises(ValidationException) as refused:
        holds("n", operator, *arguments)
    assert refused.value.message == INVALID + message


def test_the_lower_bound_of_between_comes_first():
    with pytest.raises(ValidationException) as refused:
        holds("n", "BETWEEN", {"N": "10"}, {"N": "9"})
    assert refused.value.message == (
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
    )


def test_an_expected_value_is_there_or_an_attribute_is_not():
    assert bind({"Expected": {"n": {"Value": {"N": "2"}}}}).condition.holds(ITEM)
    assert bind({"Expected": {"n": {"Value": {"N": "2"}, "Exists": True}}}).condition.holds(ITEM)
    assert not bind({"Expected": {"n": {"Value": {"N": "3"}}}}).condition.holds(ITEM)
    assert not bind({"Expected": {"x": {"Value": {"N": "3"}}}}).condition.holds(ITEM)
    assert bind({"Expected": {"x": {"Exists": False}}}).condition.holds(ITEM)
    assert bind({"Expected": {"x": {"Exists": False}}}).condition.holds(None)
    assert not bind({"Expected": {"n": {"Exists": False}}}).condition.holds(ITEM)
    assert bind({"Expected": {"n": {"ComparisonOperator": "LT", "Value": {"N": "3"}}}}).condition.holds(ITEM)
    assert bind({"Expected": {"n": {"ComparisonOperator": "NOT_NULL"}}}).condition.holds(ITEM)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (
            {"Value": {"N": "1"}, "AttributeValueList": [{"N": "1"}], "ComparisonOperator": "EQ"},
            "Value and AttributeValueList cannot be used together for Attribute: a",
        ),
        (
            {"Exists": False, "ComparisonOperator": "EQ", "AttributeValueList": [{"N": "1"}]},
            "Exists and ComparisonOperator cannot be used together for Attribute: a",
        ),
        (
            {"ComparisonOperator": "EQ"},
            "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a",
        ),
        (
            {"AttributeValueList": [{"N": "1"}]},
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        ({"Exists": True}, "Value must be provided when Exists is true for Attribute: a"),
        ({}, "Value must be provided when Exists is null for Attribute: a"),
        (
            {"Exists": False, "Value": {"N": "1"}},
            "Value cannot be used when Exists is false for Attribute: a",
        ),
    ],
)
def test_what_contradicts_itself_in_expected_is_refused_in_awss_words(expected, message):
    with pytest.raises(ValidationException) as refused:
        bind({"Expected": {"a": expected}})
    assert refused.value.message == INVALID + message


def test_conditions_are_joined_by_and_unless_the_conditional_operator_is_or():
    right, wrong = {"Value": {"N": "2"}}, {"Value": {"N": "3"}}
    both = {"Expected": {"n": right, "s": wrong}}
    assert not bind(both).condition.holds(ITEM)
    assert not bind(both | {"ConditionalOperator": "AND"}).condition.holds(ITEM)
    assert bind(both | {"ConditionalOperator": "OR"}).condition.holds(ITEM)


def test_a_conditional_operator_joins_something():
    for request in ({}, {"Expected": {}}, {"ScanFilter": {}}):
        with pytest.raises(ValidationException) as refused:
            bind(request | {"ConditionalOperator": "OR"})
        assert refused.value.message == "ConditionalOperator cannot be used without Filter or Expected"
    with pytest.raises(ValidationException) as refused:
        bind({"Expected": {"a": {"Exists": False}}, "ConditionalOperator": "AND"})
    assert refused.value.message == (
        "ConditionalOperator can only be used when Filter or Expected has two or more elements"
    )


def test_empty_legacy_parameters_ask_for_nothing():
    found = bind({"Expected": {}, "AttributeUpdates": {}})
    assert (found.condition, found.update) == (None, None)


@pytest.mark.parametrize("parameter", ["ScanFilter", "QueryFilter", "Expected"])
def test_a_condition_needs_an_attributes_name(parameter):
    with pytest.raises(ValidationException) as refused:
        bind({parameter: {"": {"ComparisonOperator": "NULL"}}})
    assert refused.value.message == INVALID + "Empty attribute name"


def test_thousands_of_conditions_exhaust_nothing():
    many = {f"a{number}": {"ComparisonOperator": "NULL"} for number in range(5000)}
    assert bind({"ScanFilter": many}).filter.holds(ITEM)


def test_a_query_filter_may_not_name_the_key_of_its_query():
    found = bind({"QueryFilter": {"c": {"ComparisonOperator": "NULL"}}}).filter
    with pytest.raises(ValidationException) as refused:
        found.refuse_keys(("p", "c"))
    assert refused.value.message == (
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: c"
    )


def test_attributes_to_get_are_top_level_names():
    found = bind({"AttributesToGet": ["n", "#x", "absent", "l[0]"]}).projection
    assert found.of(ITEM) == {"n": {"N": "2"}, "#x": {"N": "1"}}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b", "a"], INVALID + "Duplicate value in attribute name: a"),
        ([""], INVALID + "Empty attribute name"),
        (["x" * 65_536], "Attribute name is too large, must be less than 65536 bytes"),
    ],
)
def test_wrong_attributes_to_get_are_refused_in_awss_words(names, message):
    with pytest.raises(ValidationException) as refused:
        bind({"AttributesToGet": names})
    assert refused.value.message == message


def updated(item: dict, **updates) -> dict:
    return bind({"AttributeUpdates": updates}).update.apply(item, ("p",)).item


@pytest.mark.parametrize(
    ("name", "action", "value", "wanted"),
    [
        ("n", "PUT", {"S": "x"}, {"S": "x"}),
        ("new", "PUT", {"N": "1.0"}, {"N": "1"}),
        ("a.b", "PUT", {"N": "1"}, {"N": "1"}),
        ("n", "DELETE", None, None),
        ("new", "DELETE", None, None),
        ("ss", "DELETE", {"SS": ["a", "x"]}, {"SS": ["b"]}),
        ("ss", "DELETE", {"SS": ["a", "b"]}, None),
        ("new", "DELETE", {"SS": ["a"]}, None),
        ("n", "ADD", {"N": "-3.5"}, {"N": "-1.5"}),
        ("new", "ADD", {"N": "2"}, {"N": "2"}),
        ("ns", "ADD", {"NS": ["2", "10"]}, {"NS": ["1", "2", "10"]}),
        ("new", "ADD", {"SS": ["a"]}, {"SS": ["a"]}),
        ("l", "ADD", {"L": [{"S": "x"}]}, {"L": [{"N": "1"}, {"S": "x"}]}),
        ("new", "ADD", {"L": [{"S": "x"}]}, {"L": [{"S": "x"}]}),
    ],
)
def test_attribute_updates_put_delete_and_add(name, action, value, wanted):
    one = {"Action": action} | ({} if value is None else {"Value": value})
    result = updated(ITEM, **{name: one})
    assert result.get(name) == wanted
    assert {key: result[key] for key in result if key != name} == {key: ITEM[key] for key in ITEM if key != name}


def test_an_update_without_action_is_a_put():
    assert updated(ITEM, n={"Value": {"S": "x"}})["n"] == {"S": "x"}


@pytest.mark.parametrize(
    ("name", "one", "message"),
    [
        ("n", {"Action": "PUT"}, INVALID + "Only DELETE action is allowed when no attribute value is specified"),
        ("n", {}, INVALID + "Only DELETE action is allowed when no attribute value is specified"),
        (
            "n",
            {"Action": "DELETE", "Value": {"S": "a"}},
            INVALID + "DELETE action with value is not supported for the type S",
        ),
        (
            "l",
            {"Action": "DELETE", "Value": {"L": []}},
            INVALID + "DELETE action with value is not supported for the type L",
        ),
        ("n", {"Action": "ADD", "Value": {"S": "a"}}, INVALID + "ADD action is not supported for the type S"),
        ("n", {"Action": "ADD", "Value": {"M": {}}}, INVALID + "ADD action is not supported for the type M"),
        ("n", {"Action": "ADD", "Value": {"SS": ["a"]}}, "Type mismatch for attribute to update"),
        ("ns", {"Action": "ADD", "Value": {"SS": ["a"]}}, "Type mismatch for attribute to update"),
        ("l", {"Action": "ADD", "Value": {"N": "1"}}, "Type mismatch for attribute to update"),
        ("ss", {"Action": "DELETE", "Value": {"NS": ["1"]}}, "Type mismatch for attribute to update"),
        (
            "p",
            {"Action": "PUT", "Value": {"S": "x"}},
            INVALID + "Cannot update attribute p. This attribute is part of the key",
        ),
        ("", {"Action": "PUT", "Value": {"S": "x"}}, INVALID + "Empty attribute name"),
    ],
)
def test_wrong_attribute_updates_are_refused_in_awss_words(name, one, message):
    with pytest.raises(ValidationException) as refused:
        updated(ITEM, **{name: one})
    assert refused.value.message == message
