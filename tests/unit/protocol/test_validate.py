"""Constraints and AWS's words for them."""

import pytest

from pileus.kernel.errors import AwsError, ValidationException
from pileus.protocol import models, patterns
from pileus.protocol.refusals import SerializationException
from pileus.protocol.validate import default_wording


def text_of(service: str, operation: str, params: dict) -> str:
    with pytest.raises(AwsError) as refused:
        models.load(service).operation(operation).validate(params)
    return str(refused.value)


def test_nothing_to_say_about_what_fits():
    assert models.load("sqs").operation("SendMessage").violations({"QueueUrl": "u", "MessageBody": "b"}) == []


def test_length_and_required_are_counted_and_joined():
    assert text_of("kms", "CreateAlias", {"AliasName": ""}) == (
        "ValidationException: 3 validation errors detected: "
        "Value '' at 'aliasName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$; "
        "Value '' at 'aliasName' failed to satisfy constraint: Member must have length greater than or equal to 1; "
        "Value null at 'targetKeyId' failed to satisfy constraint: Member must not be null"
    )


def test_enum():
    params = {"TableName": "abc", "AttributeDefinitions": [], "KeySchema": [{"AttributeName": "a", "KeyType": "X"}]}
    assert text_of("dynamodb", "CreateTable", params).endswith(
        "Value 'X' at 'keySchema.1.member.keyType' failed to satisfy constraint: "
        "Member must satisfy enum value set: [HASH, RANGE]"
    )


def test_numbers():
    assert (
        "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to"
        in text_of("logs", "FilterLogEvents", {"logGroupName": "g", "limit": 10001})
    )


def test_a_lists_elements_are_named_together():
    assert text_of("ssm", "DeleteParameters", {"Names": ["ok", ""]}) == (
        "ValidationException: 1 validation error detected: Value '[ok, ]' at 'names' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must have length less than or equal to 2048, "
        "Member must have length greater than or equal to 1]"
    )


def test_a_maps_values_are_named_together():
    params = {"resourceArn": "arn:aws:logs:us-east-1:000000000000:log-group:g", "tags": {"a": "x" * 257}}
    assert (
        "at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length"
        in text_of("logs", "TagResource", params)
    )


def test_secrets_are_not_shown():
    said = text_of("secretsmanager", "CreateSecret", {"Name": "n", "SecretString": ""})
    assert "Value at 'secretString' failed" in said


def test_a_query_service_asks_for_the_missing_parameter():
    assert text_of("iam", "GetRolePolicy", {"RoleName": "r"}) == (
        "MissingParameter: The request must contain the parameter PolicyName"
    )


def test_a_service_may_word_it_itself_or_accept_what_the_model_does_not():
    op = models.load("kms").operation("CreateAlias")
    seen = []
    op.validate({"AliasName": "a"}, seen.extend)  # extend returns None: accepted
    assert [(v.member, v.path, v.constraint) for v in seen] == [("TargetKeyId", "targetKeyId", "required")]
    with pytest.raises(AwsError, match="Mine: 1"):
        op.validate({"AliasName": "a"}, lambda found: AwsError(str(len(found)), code="Mine"))
    assert isinstance(default_wording("json", seen), ValidationException)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"QueueUrl": 3}, "NUMBER_VALUE can not be converted to a String"),
        ({"QueueUrl": True}, "TRUE_VALUE can not be converted to a String"),
        ({"DelaySeconds": "3"}, "STRING_VALUE can not be converted to an Integer"),
        ({"DelaySeconds": 1 << 31}, "NUMBER_VALUE can not be converted to an Integer"),
        ({"DelaySeconds": -(1 << 31) - 1}, "NUMBER_VALUE can not be converted to an Integer"),
        ({"DelaySeconds": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"MessageBody": {}}, "Start of structure or map found where not expected."),
        ({"MessageBody": []}, "Start of list found where not expected."),
        ({"MessageAttributes": "x"}, "Expected map or null"),
    ],
)
def test_a_wrong_type_is_a_serialization_error(params, words):
    with pytest.raises(SerializationException, match=words):
        models.load("sqs").operation("SendMessage").violations(params)


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        (r"[a-z]+", "abc", "abc1"),
        (r"^[a-z]+$", "abc", "abc\n"),
        (r"^arn:", "arn:aws", "xarn:"),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Größe 1 /=", "a#"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\U0001f600", "\x01"),
        (r"\P{C}*", "ab", "a\x00"),
        (r"[\w+=,.@-]+", "a.b@c", "a b"),
        (r"\p{Alnum}+", "a1", "ä"),
        (r"[\w-_]*", "a-_1", "a b"),
    ],
)
def test_javas_patterns(pattern, fits, does_not):
    matches = patterns.compiled(pattern)
    assert matches(fits)
    assert not matches(does_not)


def test_a_pattern_that_python_can_not_express_is_left_out():
    assert patterns.compiled(r"[a-z&&[^b]]") is None
