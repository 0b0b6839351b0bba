import json

import pytest

from pileus.stacks import template as templates
from pileus.stacks.errors import ValidationError
from pileus.stacks.references import check_references
from pileus.stacks.template import check_expanded, read

QUEUE = {"Type": "AWS::SQS::Queue"}


def check(body: dict, supports=None):
    template = read(json.dumps(body))
    check_expanded(template, ["AWS::SQS::Queue", "AWS::SNS::Topic"])
    check_references(template, supports)
    return template


def message_of(body: dict, supports=None) -> str:
    with pytest.raises(ValidationError) as raised:
        check(body, supports)
    return raised.value.message


def test_a_whole_template_passes():
    check(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Parameters": {"P": {"Type": "String"}},
            "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "x"]}},
            "Resources": {
                "Q": {**QUEUE, "Condition": "C", "Metadata": {"drawn": {"Ref": "nothing"}}},
                "R": {
                    **QUEUE,
                    "DependsOn": "Q",
                    "Properties": {"QueueName": {"Fn::Sub": "${AWS::StackName}-${Q.Arn}"}},
                },
                "X": {"Type": "Custom::Anything"},
            },
            "Outputs": {"O": {"Value": {"Fn::GetAtt": ["Q", "Arn"]}, "Export": {"Name": "n"}}},
        }
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"Resources": {}}, "Template format error: At least one Resources member must be defined."),
        ({"Foo": 1, "Resources": {"Q": QUEUE}}, "Template format error: Invalid template property or properties [Foo]"),
        ({"Resources": {"a-b": QUEUE}}, "Template format error: Resource name a-b is non alphanumeric."),
        (
            {"Resources": {"Q": {}}},
            "Template format error: [/Resources/Q] Every Resources object must contain a Type member.",
        ),
        (
            {"Resources": {"Q": {**QUEUE, "Properties": {"A": [None]}}}},
            "Template format error: [/Resources/Q/Properties/A/0] 'null' values are not allowed in templates",
        ),
        ({"Resources": {"Q": {**QUEUE, "Propertys": {}}}}, "Invalid template resource property 'Propertys'"),
        (
            {"Resources": {"Q": {"Type": "AWS::Foo::Bar"}, "R": {"Type": "AWS::Foo::Baz"}}},
            "Template format error: Unrecognized resource types: [AWS::Foo::Bar, AWS::Foo::Baz]",
        ),
        ({"Resources": {"Q": {**QUEUE, "Condition": "C"}}}, "Template format error: Condition C is not defined."),
        (
            {"Resources": {"Q": {**QUEUE, "Properties": {"A": {"Ref": "X"}, "B": {"Fn::Sub": "${Y.Arn}"}}}}},
            "Template format error: Unresolved resource dependencies [X, Y] in the Resources block of the template",
        ),
        (
            {"Resources": {"Q": {**QUEUE, "Properties": {"A": {"Fn::GetAtt": ["X", "Arn"]}}}}},
            "Template error: instance of Fn::GetAtt references undefined resource X",
        ),
        (
            {"Resources": {"Q": {**QUEUE, "DependsOn": ["P"]}}, "Parameters": {"P": {"Type": "String"}}},
            "Template format error: Unresolved resource dependencies [P] in the Resources block of the template",
        ),
        (
            {"Resources": {"Q": QUEUE}, "Outputs": {"O": {"Value": {"Ref": "X"}}}},
            "Template format error: Unresolved resource dependencies [X] in the Outputs block of the template",
        ),
        (
            {"Resources": {"Q": QUEUE}, "Conditions": {"C": {"Fn::Equals": [{"Ref": "Q"}, ""]}}},
            "Template format error: Unresolved dependencies [Q]. Cannot reference resources in the Conditions block of "
            "the template",
        ),
        (
            {"Resources": {"Q": QUEUE}, "Outputs": {"O": {}}},
            "Template format error: Every Outputs member must contain a Value object",
        ),
        (
            {"Resources": {"Q": QUEUE}, "Parameters": {"P": {}}},
            "Template format error: Every Parameters object must contain a Type member.",
        ),
    ],
)
def test_what_is_wrong_is_named(body, message):
    assert message_of(body) == message


def test_an_attribute_that_the_type_lacks_is_refused():
    body = {"Resources": {"Q": QUEUE, "R": {**QUEUE, "Properties": {"A": {"Fn::GetAtt": ["Q", "Nope"]}}}}}
    assert message_of(body, lambda kind, attribute: attribute == "Arn") == (
        "Template error: resource Q does not support attribute type Nope in Fn::GetAtt"
    )
    check(body, lambda kind, attribute: attribute == "Nope")


def test_500_resources_are_allowed_and_501_are_not():
    check({"Resources": {f"Q{number}": QUEUE for number in range(500)}})
    assert message_of({"Resources": {f"Q{number}": QUEUE for number in range(501)}}) == (
        "Template format error: Number of resources, 501, is greater than maximum allowed, 500"
    )


@pytest.mark.parametrize(
    ("section", "member"),
    [("Parameters", {"Type": "String"}), ("Outputs", {"Value": "x"}), ("Mappings", {"a": {"b": "c"}})],
)
def test_200_of_the_other_sections_are_allowed_and_201_are_not(section, member):
    check({"Resources": {"Q": QUEUE}, section: {f"N{number}": member for number in range(200)}})
    assert message_of({"Resources": {"Q": QUEUE}, section: {f"N{number}": member for number in range(201)}}) == (
        f"Template format error: {section} count 201 is greater than max allowed 200"
    )


def test_a_body_has_51_200_bytes_and_one_from_s3_a_million():
    def text(size_bytes: int) -> str:
        return '{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'.ljust(size_bytes)

    read(text(templates.BODY_BYTES))
    with pytest.raises(ValidationError, match="less than or equal to 51200"):
        read(text(templates.BODY_BYTES + 1))
    read(text(templates.BODY_FROM_S3_BYTES), from_s3=True)
    with pytest.raises(ValidationError, match="may not exceed 1000000 bytes"):
        read(text(templates.BODY_FROM_S3_BYTES + 1), from_s3=True)
