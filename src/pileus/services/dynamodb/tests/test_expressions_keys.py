import pytest

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import KeyAttribute, KeyCondition, KeyTest, bind

P, C = KeyAttribute("p", "S"), KeyAttribute("c", "N")
VALUES = {":p": {"S": "x"}, ":c": {"N": "3"}, ":d": {"N": "5"}, ":e": {"S": ""}, ":b": {"B": b"x"}}


def condition(text: str, partition: KeyAttribute = P, sort: KeyAttribute | None = C) -> KeyCondition:
    request: dict = {"KeyConditionExpression": text}
    if values := {name: value for name, value in VALUES.items() if name in text}:
        request["ExpressionAttributeValues"] = values
    return bind(request).key_condition.on(partition, sort)


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("p = :p", None),
        ("(p = :p)", None),
        (":p = p", None),
        ("p = :p AND c = :c", KeyTest("=", ({"N": "3"},))),
        ("((c = :c) AND (p = :p))", KeyTest("=", ({"N": "3"},))),
        ("p = :p and c < :c", KeyTest("<", ({"N": "3"},))),
        ("p = :p AND :c < c", KeyTest(">", ({"N": "3"},))),
        (":c >= c AND :p = p", KeyTest("<=", ({"N": "3"},))),
        ("p = :p AND c BETWEEN :c AND :d", KeyTest("BETWEEN", ({"N": "3"}, {"N": "5"}))),
        ("c between :c and :d and p = :p", KeyTest("BETWEEN", ({"N": "3"}, {"N": "5"}))),
    ],
)
def test_a_key_condition_names_a_partition_and_a_test_of_the_sort_key(text, sort):
    assert condition(text) == KeyCondition({"S": "x"}, sort)


def test_begins_with_is_for_strings_and_binaries():
    assert condition("p = :p AND begins_with(c, :p)", sort=KeyAttribute("c", "S")).sort == KeyTest(
        "begins_with", ({"S": "x"},)
    )
    assert condition("p = :p AND begins_with(c, :b)", sort=KeyAttribute("c", "B")).sort.operands == ({"B": b"x"},)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Invalid KeyConditionExpression: The expression can not be empty;"),
        ("p", 'Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: "p"'),
        ("p = :p AND c != :c", 'Invalid KeyConditionExpression: Syntax error; token: "!", near: "c !="'),
        ("((c = :c) AND ((p = :p)))", "Invalid KeyConditionExpression: The expression has redundant parentheses;"),
        ("p = :p AND dog(c)", "Invalid KeyConditionExpression: Invalid function name; function: dog"),
        (
            "p = :p AND begins_with(c, :c)",
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; "
            "operator or function: begins_with, operand type: N",
        ),
        (
            "p = :p AND c BETWEEN :d AND :c",
            "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to "
            "lower bound; lower bound operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {N:3}",
        ),
        ("p = :p OR c = :c", "Invalid operator used in KeyConditionExpression: OR"),
        ("NOT p = :p", "Invalid operator used in KeyConditionExpression: NOT"),
        ("p = :p AND c IN (:c)", "Invalid operator used in KeyConditionExpression: IN"),
        ("p = :p AND c <> :c", "Invalid operator used in KeyConditionExpression: <>"),
        ("p = :p AND attribute_exists(c)", "Invalid operator used in KeyConditionExpression: attribute_exists"),
        ("p = :p AND size(c) = :c", "KeyConditionExpressions cannot contain nested operations"),
        ("p = :p AND c.d < :c", "KeyConditionExpressions cannot have conditions on nested attributes"),
        (
            "p = :p AND p = :p",
            "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key",
        ),
        (
            "p = :p AND c > :c AND c < :d",
            "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key",
        ),
        ("p = c", "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"),
        (":p = :e", "Invalid condition in KeyConditionExpression: No key attribute specified"),
        (
            "p = :p AND :c BETWEEN c AND :d",
            "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as its first "
            "operand",
        ),
        ("c = :c", "Query condition missed key schema element: p"),
        ("p = :p AND a < :c", "Query condition missed key schema element: c"),
        (
            "p = :p AND c < :c AND a < :c",
            "The number of query conditions (3) exceeds the number of key attributes defined in the schema (2)",
        ),
        ("p < :p", "Query key condition not supported"),
        ("p = :c", "One or more parameter values were invalid: Condition parameter type does not match schema type"),
        (
            "p = :p AND c = :p",
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
        (
            "p = :e",
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
            "string value. Key: p",
        ),
    ],
)
def test_what_no_key_condition_may_be_is_refused_in_awss_words(text, message):
    with pytest.raises(ValidationException) as refused:
        condition(text)
    assert refused.value.message == message


def test_a_key_without_sort_key_takes_one_test():
    with pytest.raises(ValidationException, match="Query key condition not supported"):
        condition("p = :p AND c = :c", sort=None)


def legacy(**conditions) -> dict:
    return {
        name: {"ComparisonOperator": operator, "AttributeValueList": list(values)}
        for name, (operator, *values) in conditions.items()
    }


def test_key_conditions_are_the_legacy_form():
    found = bind({"KeyConditions": legacy(p=("EQ", {"S": "x"}), c=("BETWEEN", {"N": "1.0"}, {"N": "2"}))}).key_condition
    assert found.on(P, C) == KeyCondition({"S": "x"}, KeyTest("BETWEEN", ({"N": "1"}, {"N": "2"})))
    found = bind({"KeyConditions": legacy(p=("EQ", {"S": "x"}), c=("BEGINS_WITH", {"S": "a"}))}).key_condition
    assert found.on(P, KeyAttribute("c", "S")).sort == KeyTest("begins_with", ({"S": "a"},))


def test_key_conditions_go_with_a_filter_expression_and_a_projection_expression():
    found = bind(
        {
            "KeyConditions": legacy(p=("EQ", {"S": "x"})),
            "FilterExpression": "a = :a",
            "ProjectionExpression": "a",
            "ExpressionAttributeValues": {":a": {"N": "1"}},
        }
    )
    assert found.key_condition.on(P, C).partition == {"S": "x"}
    assert found.filter.holds({"a": {"N": "1"}})
    assert found.projection.of({"a": {"N": "1"}, "b": {"N": "2"}}) == {"a": {"N": "1"}}


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({}, "Conditions can be of length 1 or 2 only"),
        (legacy(p=("LE", {"S": "x"})), "Query key condition not supported"),
        (legacy(p=("BETWEEN", {"S": "x"}, {"S": "y"})), "Query key condition not supported"),
        (legacy(p=("NE", {"S": "x"})), "Attempted conditional constraint is not an indexable operation"),
        (legacy(p=("NULL",)), "Attempted conditional constraint is not an indexable operation"),
        (
            legacy(p=("EQ",)),
            "One or more parameter values were invalid: Invalid number of argument(s) for the EQ ComparisonOperator",
        ),
        (
            legacy(p=("EQ", {"S": "x"}), c=("BEGINS_WITH", {"N": "1"})),
            "One or more parameter values were invalid: ComparisonOperator BEGINS_WITH is not valid for N "
            "AttributeValue type",
        ),
        (legacy(c=("EQ", {"N": "1"})), "Query condition missed key schema element: p"),
    ],
)
def test_what_no_key_conditions_may_be_is_refused_in_awss_words(conditions, message):
    with pytest.raises(ValidationException) as refused:
        bind({"KeyConditions": conditions}).key_condition.on(P, C)
    assert refused.value.message == message
