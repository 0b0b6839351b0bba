import pytest

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.expressions import Bound, bind
from pileus.services.dynamodb.expressions.reserved import RESERVED_WORDS

N = {"N": "1"}


def refusal(request: dict, *expressions: str) -> str:
    with pytest.raises(ValidationException) as refused:
        bind(request, *expressions)
    return refused.value.message


def condition(text: str, names: dict | None = None, values: dict | None = None) -> dict:
    return {
        "ConditionExpression": text,
        **({} if names is None else {"ExpressionAttributeNames": names}),
        **({} if values is None else {"ExpressionAttributeValues": values}),
    }


def test_a_request_without_expressions_binds_nothing():
    assert bind({"TableName": "t"}) == Bound()
    assert bind({"TableName": "t", "ConditionExpression": None, "Expected": None}) == Bound()


def test_placeholders_are_shared_by_all_expressions_of_a_request():
    found = bind(
        {
            "UpdateExpression": "SET #a = :new",
            "ConditionExpression": "#a = :old AND #b.#c[0] = :new",
            "ExpressionAttributeNames": {"#a": "name", "#b": "x.y", "#c": "#c"},
            "ExpressionAttributeValues": {":new": {"N": "2.0"}, ":old": N},
        }
    )
    item = {"name": N, "x.y": {"M": {"#c": {"L": [{"N": "2"}]}}}}
    assert found.condition.holds(item)
    assert found.update.apply(item, ("p",)).item["name"] == {"N": "2"}


def test_one_text_means_other_attributes_with_other_names():
    for name in ("a", "b"):
        assert bind(condition("#x = :v", {"#x": name}, {":v": N})).condition.holds({name: N})


def test_what_was_right_with_one_requests_values_is_checked_with_anothers():
    request = condition("begins_with(#x, :v) AND size(#x) > :n", {"#x": "a"}, {":v": {"S": "b"}, ":n": N})
    kept = bind(request)
    assert kept.condition.holds({"a": {"S": "bc"}})
    assert not bind(request | {"ExpressionAttributeValues": {":v": {"S": "c"}, ":n": N}}).condition.holds(
        {"a": {"S": "bc"}}
    )
    assert kept.condition.holds({"a": {"S": "bc"}})
    assert "operand type: N" in refusal(request | {"ExpressionAttributeValues": {":v": N, ":n": N}})
    assert "for key :v" in refusal(request | {"ExpressionAttributeValues": {":v": {}, ":n": N}})
    assert "is not defined" in refusal(request | {"ExpressionAttributeValues": {":n": N}})
    more = {":v": {"S": "b"}, ":n": N, ":m": N}
    assert refusal(request | {"ExpressionAttributeValues": more}).endswith("unused in expressions: keys: {:m}")
    names = {"#x": "a", "#y": "b"}
    assert refusal(request | {"ExpressionAttributeNames": names}).endswith("unused in expressions: keys: {#y}")


def test_no_names_are_not_empty_names():
    assert bind(condition("attribute_exists(a)")).condition.holds({"a": N})
    assert refusal(condition("attribute_exists(a)", {})) == "ExpressionAttributeNames must not be empty"
    assert refusal(condition("attribute_exists(a)", None, {})) == "ExpressionAttributeValues must not be empty"


def test_a_placeholder_begins_with_any_letter_digit_or_underscore():
    assert bind(condition("#1 = :_ AND #_x <> :1a", {"#1": "a", "#_x": "b"}, {":_": N, ":1a": N})).condition


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (condition("a = b", {}), "ExpressionAttributeNames must not be empty"),
        (condition("a = b", None, {}), "ExpressionAttributeValues must not be empty"),
        (condition("a = b", {"n": "x"}), 'ExpressionAttributeNames contains invalid key: Syntax error; key: "n"'),
        (condition("a = b", {"#": "x"}), 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#"'),
        (condition("a = b", {"#a-b": "x"}), 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b"'),
        (condition("a = b", None, {"v": N}), 'ExpressionAttributeValues contains invalid key: Syntax error; key: "v"'),
        (
            condition("a = b", {"#a": ""}),
            "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a",
        ),
        (
            condition("a = :v", None, {":v": {}}),
            "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly "
            "one of the supported datatypes for key :v",
        ),
        (
            condition("a = :v", None, {":v": {"NS": []}}),
            "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: "
            "An number set  may not be empty for key :v",
        ),
        (
            condition("a = :v", None, {":v": {"NS": ["1", "1.0"]}}),
            "ExpressionAttributeValues contains invalid value: Input collection contains duplicates for key :v",
        ),
        (
            condition("a = :v", None, {":v": {"N": "dog"}}),
            "ExpressionAttributeValues contains invalid value: "
            "The parameter cannot be converted to a numeric value: dog for key :v",
        ),
        (
            condition("a = b", {"#a": "x", "#b": "y"}),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}",
        ),
        (
            condition("#a = b", {"#a": "x", "#b": "y"}),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}",
        ),
        (
            condition("a = :a OR a <> :a", None, {":a": N, ":b": N}),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}",
        ),
    ],
)
def test_wrong_placeholders_are_refused_in_awss_words(request_, message):
    assert refusal(request_) == message


def test_a_value_that_is_too_deep_is_refused_in_the_words_of_a_put():
    deep = N
    for _ in range(32):
        deep = {"L": [deep]}
    assert bind(condition("a = :v", None, {":v": deep["L"][0]})).condition
    assert refusal(condition("a = :v", None, {":v": deep})).startswith(
        "Nesting Levels have exceeded supported limits: "
    )


def test_names_have_at_most_65535_bytes():
    assert bind(condition("attribute_exists(#a)", {"#a": "x" * 65_535})).condition
    too_long = "Attribute name is too large, must be less than 65536 bytes"
    assert refusal(condition("attribute_exists(#a)", {"#a": "x" * 65_536})) == too_long
    assert refusal(condition("a = :v", None, {":v": {"M": {"x" * 65_536: N}}})) == too_long


def test_a_placeholder_has_at_most_255_characters():
    name = "#" + "x" * 254
    assert bind(condition(f"attribute_exists({name})", {name: "a"})).condition
    assert "too long" in refusal(condition(f"attribute_exists({name}x)", {f"{name}x": "a"}))


def test_all_values_together_have_at_most_2_mib():
    half = "x" * (1024 * 1024 - 2)
    assert bind(condition("a = :a OR a = :b", None, {":a": {"S": half}, ":b": {"S": half}})).condition
    assert "2097152 bytes" in refusal(condition("a = :a OR a = :b", None, {":a": {"S": half}, ":b": {"S": half + "x"}}))


def test_placeholders_without_expressions_are_refused():
    assert refusal({"ExpressionAttributeNames": {"#a": "a"}}) == (
        "ExpressionAttributeNames can only be specified when using expressions"
    )
    values = {"ExpressionAttributeValues": {":a": N}}
    assert refusal(values, "ConditionExpression") == (
        "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"
    )
    assert refusal(values, "UpdateExpression", "ConditionExpression") == (
        "ExpressionAttributeValues can only be specified when using expressions: "
        "UpdateExpression and ConditionExpression are null"
    )
    assert refusal(values, "KeyConditionExpression", "FilterExpression", "ProjectionExpression") == (
        "ExpressionAttributeValues can only be specified when using expressions: "
        "FilterExpression and KeyConditionExpression are null"
    )


@pytest.mark.parametrize(
    ("request_", "older", "newer"),
    [
        ({"ProjectionExpression": "a", "AttributesToGet": ["b"]}, "AttributesToGet", "ProjectionExpression"),
        (
            {"UpdateExpression": "SET a = b", "ConditionExpression": "a = b", "AttributeUpdates": {}, "Expected": {}},
            "AttributeUpdates, Expected",
            "UpdateExpression, ConditionExpression",
        ),
        (
            {"FilterExpression": "a = b", "KeyConditionExpression": "p = :p", "AttributesToGet": ["a"]},
            "AttributesToGet",
            "FilterExpression, KeyConditionExpression",
        ),
        ({"KeyConditionExpression": "p = :p", "KeyConditions": {}}, "KeyConditions", "KeyConditionExpression"),
        ({"ProjectionExpression": "p", "QueryFilter": {}, "KeyConditions": {}}, "QueryFilter", "ProjectionExpression"),
        ({"FilterExpression": "p", "ConditionalOperator": "OR"}, "ConditionalOperator", "FilterExpression"),
    ],
)
def test_expressions_do_not_mix_with_what_they_replace(request_, older, newer):
    assert refusal(request_) == (
        "Can not use both expression and non-expression parameters in the same request: "
        f"Non-expression parameters: {{{older}}} Expression parameters: {{{newer}}}"
    )


def test_there_are_573_reserved_words_and_none_is_an_attributes_name():
    assert len(RESERVED_WORDS) == 573
    for word in sorted(RESERVED_WORDS - {"AND", "OR", "NOT", "BETWEEN", "IN"}):
        assert refusal({"ProjectionExpression": f"a, {word.lower()}"}) == (
            f"Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: {word.lower()}"
        )
