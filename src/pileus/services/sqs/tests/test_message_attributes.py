"""Message attributes: which are taken, which are handed out, and their digest."""

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.sqs import message_attributes


def text(value: str, kind: str = "String") -> dict:
    return {"DataType": kind, "StringValue": value}


# The digests of the first four are published with an independent calculator for clients ("aws-md5-of-message-attributes").
@pytest.mark.parametrize(
    ("attributes", "digest"),
    [
        ({"attribName1": text("attribValue 1")}, "19e27d4e946b072f3f58da80d94fd778"),
        (
            {"customNumberTypeAttrib": text("4563442423554324324264524243.32543234", "Number.float")},
            "9fe1b90bbd9965bdf77bac517c7d2495",
        ),
        (
            {"binaryAttribute": {"DataType": "Binary", "BinaryValue": b"Hello binary world!"}},
            "31a92b15d92f8db860eda32aceb656c3",
        ),
        (
            {
                "customNumberTypeAttrib": text("4563442423554324324264524243.32543234", "Number.float"),
                "binaryAttribute": {"DataType": "Binary", "BinaryValue": b"Hello binary world!"},
                "attribName1": text("attribValue 1"),
            },
            "c932db14a896c663f83c260297d594ff",
        ),
    ],
)
def test_the_digest_is_the_one_that_clients_compute(attributes, digest):
    assert message_attributes.md5(attributes) == digest


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "x" * 256, "awsome"])
async def test_names_have_letters_digits_and_a_few_signs(jobs, name):
    await jobs.send("a", MessageAttributes={name: text("v")})
    [message] = await jobs.receive()
    assert message["MessageAttributes"] == {name: text("v")}


@pytest.mark.parametrize(
    "name", ["", ".a", "a.", "a..b", "a b", "é", "x" * 257, "AWS.a", "aws.a", "Amazon.a", "AMAZON.a"]
)
async def test_other_names_are_refused(jobs, name):
    with pytest.raises(AwsError) as refused:
        await jobs.send("a", MessageAttributes={name: text("v")})
    assert refused.value.code == "InvalidParameterValue"


@pytest.mark.parametrize(
    "value",
    [
        text("1", ""),
        text("1", "Text"),
        text("1", "string"),
        text("", "String"),
        text("many", "Number"),
        text("1", "Binary"),
        {"DataType": "String", "BinaryValue": b"1"},
        {"DataType": "Binary", "BinaryValue": b""},
        {"DataType": "String"},
        text("1", "String." + "x" * 250),
        {"DataType": "String", "StringListValues": ["a"]},
    ],
)
async def test_a_value_is_of_its_type(jobs, value):
    with pytest.raises(AwsError) as refused:
        await jobs.send("a", MessageAttributes={"name": value})
    assert refused.value.code == "InvalidParameterValue"


@pytest.mark.parametrize(
    "value",
    [
        text("1", "Number"),
        text("-1.5e10", "Number.float"),
        text("anything", "String." + "x" * 249),
        {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
    ],
)
async def test_a_type_may_say_more_than_its_kind(jobs, value):
    await jobs.send("a", MessageAttributes={"name": value})
    assert (await jobs.receive())[0]["MessageAttributes"] == {"name": value}


async def test_a_value_has_no_character_that_a_body_has_not(jobs):
    with pytest.raises(AwsError) as refused:
        await jobs.send("a", MessageAttributes={"name": text("\x00")})
    assert refused.value.code == "InvalidMessageContents"


async def test_a_message_has_at_most_ten_attributes(jobs):
    await jobs.send("a", MessageAttributes={f"name{number}": text("v") for number in range(10)})
    with pytest.raises(AwsError, match=r"Number of message attributes \[11\] exceeds the allowed maximum \[10\]"):
        await jobs.send("a", MessageAttributes={f"name{number}": text("v") for number in range(11)})


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ([], []),
        (["All"], ["bar", "bar.a", "bar.b", "foo"]),
        ([".*"], ["bar", "bar.a", "bar.b", "foo"]),
        (["foo"], ["foo"]),
        (["bar.*"], ["bar.a", "bar.b"]),
        (["foo", "bar.a", "none"], ["bar.a", "foo"]),
    ],
)
async def test_the_attributes_asked_for_are_handed_out_with_their_own_digest(jobs, wanted, names):
    await jobs.send("a", MessageAttributes={name: text("v") for name in ("foo", "bar", "bar.a", "bar.b")})
    answer = await jobs.sqs.ReceiveMessage(QueueUrl=jobs.url, MessageAttributeNames=wanted)
    [message] = answer["Messages"]
    shown = message.get("MessageAttributes", {})
    assert sorted(shown) == names
    assert message.get("MD5OfMessageAttributes") == (message_attributes.md5(shown) if names else None)


async def test_the_only_system_attribute_is_the_trace_header(jobs):
    with pytest.raises(AwsError, match="'Colour' is not supported"):
        await jobs.send("a", MessageSystemAttributes={"Colour": text("red")})
    with pytest.raises(AwsError, match="system attribute type"):
        await jobs.send("a", MessageSystemAttributes={"AWSTraceHeader": text("1", "Number")})


async def test_asking_for_an_unknown_system_attribute_is_refused(jobs):
    with pytest.raises(AwsError, match="Unknown Attribute Colour"):
        await jobs.sqs.ReceiveMessage(QueueUrl=jobs.url, AttributeNames=["Colour"])
