"""Sending, receiving, deleting and hiding messages of a standard queue."""

import hashlib

import pytest

from pileus.kernel.errors import AwsError

DAY_MS = 86_400_000


# Sending


async def test_a_message_comes_as_it_was_sent(jobs):
    sent = await jobs.send("hello", MessageAttributes={"colour": {"DataType": "String", "StringValue": "red"}})
    [message] = await jobs.receive()

    assert message["Body"] == "hello"
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"] == hashlib.md5(b"hello").hexdigest()
    assert message["MessageAttributes"] == {"colour": {"DataType": "String", "StringValue": "red"}}
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


async def test_system_attributes_say_when_and_by_whom_and_how_often(cloud, jobs):
    await jobs.send("hello")
    cloud.clock.advance(ms=1_500)
    [message] = await jobs.receive()

    assert message["Attributes"] == {
        "SenderId": cloud.account,
        "SentTimestamp": str(cloud.at(0)),
        "ApproximateReceiveCount": "1",
        "ApproximateFirstReceiveTimestamp": str(cloud.at(1_500)),
    }


async def test_only_the_system_attributes_asked_for_are_answered(jobs):
    await jobs.send("hello")
    answer = await jobs.sqs.ReceiveMessage(QueueUrl=jobs.url, MessageSystemAttributeNames=["SentTimestamp"])
    assert list(answer["Messages"][0]["Attributes"]) == ["SentTimestamp"]


async def test_a_trace_header_travels_with_the_message_and_not_in_its_size(make):
    small = await make("small", MaximumMessageSize="1024")
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    sent = await small.send("x" * 1024, MessageSystemAttributes=header)
    [message] = await small.receive()

    assert message["Attributes"]["AWSTraceHeader"] == "Root=1-5759e988-bd862e3fe1be46a994272793"
    assert "MD5OfMessageSystemAttributes" in sent


@pytest.mark.parametrize("size", [4_096, 4_097, 1_048_576])
async def test_large_messages_come_whole_each_time(jobs, size):
    body = "é" * (size // 2) + "x" * (size % 2)
    await jobs.send(body)
    assert await jobs.bodies(VisibilityTimeout=0) == [body]
    [again] = await jobs.receive()
    assert again["Body"] == body
    await jobs.delete(again)
    assert await jobs.counts() == (0, 0, 0)


async def test_a_message_may_have_as_many_bytes_as_the_queue_takes_and_no_more(make):
    small = await make("small", MaximumMessageSize="1024")
    await small.send("x" * 1024)
    with pytest.raises(AwsError, match="Message must be shorter than 1024 bytes") as refused:
        await small.send("x" * 1025)
    assert refused.value.code == "InvalidParameterValue"


async def test_attributes_count_towards_the_size(make):
    small = await make("small", MaximumMessageSize="1024")
    attributes = {"name": {"DataType": "String", "StringValue": "v" * 10}}  # 4 + 6 + 10 bytes
    await small.send("x" * 1004, MessageAttributes=attributes)
    with pytest.raises(AwsError, match="Message must be shorter"):
        await small.send("x" * 1005, MessageAttributes=attributes)


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff"])
async def test_characters_that_xml_has_not_are_refused(jobs, character):
    with pytest.raises(AwsError, match="Invalid characters found") as refused:
        await jobs.send(f"a{character}b")
    assert refused.value.code == "InvalidMessageContents"


@pytest.mark.parametrize("character", ["\t", "\n", "\r", " ", "\x7f", "\ud7ff", "\ue000", "\ufffd", "\U00010000"])
async def test_characters_at_the_edges_of_what_xml_has_are_sent(jobs, character):
    await jobs.send(f"a{character}b")
    assert await jobs.bodies() == [f"a{character}b"]


async def test_an_empty_body_is_a_missing_one(jobs):
    with pytest.raises(AwsError, match="must contain the parameter MessageBody") as refused:
        await jobs.send("")
    assert refused.value.code == "MissingParameter"


async def test_a_standard_queue_takes_no_deduplication_id(jobs):
    with pytest.raises(AwsError, match="not valid for this queue type"):
        await jobs.send("a", MessageDeduplicationId="1")


async def test_sending_to_a_queue_that_is_not_there_is_refused(jobs):
    with pytest.raises(AwsError, match="The specified queue does not exist") as refused:
        await jobs.sqs.SendMessage(QueueUrl=jobs.url + "x", MessageBody="a")
    assert refused.value.code == "QueueDoesNotExist"


# Delay


async def test_a_delayed_message_comes_when_its_delay_ends(cloud, jobs):
    await jobs.send("later", DelaySeconds=900)
    cloud.clock.advance(ms=899_999)
    assert await jobs.bodies() == []
    assert await jobs.counts() == (0, 0, 1)

    cloud.clock.advance(ms=1)
    assert await jobs.counts() == (1, 0, 0)
    assert await jobs.bodies() == ["later"]


async def test_a_delay_over_fifteen_minutes_is_refused(jobs):
    with pytest.raises(AwsError, match="DelaySeconds must be >= 0 and <= 900"):
        await jobs.send("later", DelaySeconds=901)


async def test_a_message_may_undo_the_delay_of_its_queue(cloud, make):
    slow = await make("slow", DelaySeconds="10")
    await slow.send("by default")
    await slow.send("at once", DelaySeconds=0)
    assert await slow.bodies() == ["at once"]
    cloud.clock.advance(ms=10_000)
    assert await slow.bodies() == ["by default"]


# Receiving


async def test_messages_come_oldest_first_and_no_more_than_asked_for(cloud, jobs):
    for body in "abcde":
        await jobs.send(body)
        cloud.clock.advance(ms=1)
    assert await jobs.bodies(3) == ["a", "b", "c"]
    assert await jobs.bodies(3) == ["d", "e"]


async def test_an_empty_queue_answers_without_messages(jobs):
    assert await jobs.sqs.ReceiveMessage(QueueUrl=jobs.url) == {}


async def test_a_message_comes_back_when_its_visibility_timeout_ends(cloud, jobs):
    await jobs.send("hello")
    await jobs.receive()

    cloud.clock.advance(ms=29_999)
    assert await jobs.receive() == []

    cloud.clock.advance(ms=1)
    [again] = await jobs.receive()
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    assert again["Attributes"]["ApproximateFirstReceiveTimestamp"] == str(cloud.at(0))


async def test_a_receive_may_set_another_visibility_timeout(cloud, jobs):
    await jobs.send("hello")
    await jobs.receive(VisibilityTimeout=5)
    cloud.clock.advance(ms=5_000)
    assert await jobs.bodies() == ["hello"]


async def test_a_timeout_of_zero_hides_nothing_and_gives_a_message_once_per_receive(jobs):
    for body in "ab":
        await jobs.send(body)
    assert await jobs.bodies(VisibilityTimeout=0) == ["a", "b"]
    assert await jobs.bodies(VisibilityTimeout=0) == ["a", "b"]
    assert await jobs.counts() == (2, 0, 0)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MaxNumberOfMessages", 0, "Must be between 1 and 10, if provided."),
        ("MaxNumberOfMessages", 11, "Must be between 1 and 10, if provided."),
        ("WaitTimeSeconds", 21, "Must be >= 0 and <= 20, if provided."),
        ("WaitTimeSeconds", -1, "Must be >= 0 and <= 20, if provided."),
        ("VisibilityTimeout", 43_201, "Must be between 0 and 43200, if provided."),
        ("VisibilityTimeout", -1, "Must be between 0 and 43200, if provided."),
    ],
)
async def test_what_a_receive_may_ask_for_has_limits(jobs, name, value, reason):
    with pytest.raises(AwsError) as refused:
        await jobs.sqs.ReceiveMessage(QueueUrl=jobs.url, **{name: value})
    assert refused.value.code == "InvalidParameterValue"
    assert refused.value.message == f"Value {value} for parameter {name} is invalid. Reason: {reason}"


async def test_an_attempt_id_means_nothing_to_a_standard_queue(jobs):
    for body in "ab":
        await jobs.send(body)
    assert [await jobs.bodies(1, ReceiveRequestAttemptId="1") for _ in range(2)] == [["a"], ["b"]]


async def test_at_most_120_000_messages_are_in_flight(jobs, monkeypatch):
    monkeypatch.setattr("pileus.services.sqs.state.messages.IN_FLIGHT_MAX", 3)
    for body in "abcde":
        await jobs.send(body)
    assert await jobs.bodies(10) == ["a", "b", "c"]
    with pytest.raises(AwsError) as refused:
        await jobs.receive()
    assert refused.value.code == "OverLimit"


async def test_counts_follow_every_step_of_a_message(cloud, jobs):
    await jobs.send("a")
    await jobs.send("b", DelaySeconds=10)
    assert await jobs.counts() == (1, 0, 1)
    [a] = await jobs.receive(VisibilityTimeout=20)
    assert await jobs.counts() == (0, 1, 1)
    cloud.clock.advance(ms=10_000)
    assert await jobs.counts() == (1, 1, 0)
    cloud.clock.advance(ms=10_000)
    assert await jobs.counts() == (2, 0, 0)
    await jobs.delete(a)
    assert await jobs.counts() == (1, 0, 0)


# Deleting


async def test_a_deleted_message_does_not_come_back(cloud, jobs):
    await jobs.send("hello")
    [message] = await jobs.receive()
    await jobs.delete(message)
    cloud.clock.advance(ms=DAY_MS)
    assert await jobs.receive() == []


async def test_deleting_twice_is_no_error(jobs):
    await jobs.send("hello")
    [message] = await jobs.receive()
    await jobs.delete(message)
    await jobs.delete(message)


async def test_a_handle_deletes_after_its_timeout_and_after_a_later_receive(cloud, jobs):
    await jobs.send("hello")
    [first] = await jobs.receive(VisibilityTimeout=1)
    cloud.clock.advance(ms=1_000)
    [second] = await jobs.receive()
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    await jobs.delete(first)
    assert await jobs.counts() == (0, 0, 0)


async def test_a_handle_that_is_none_is_refused(jobs):
    with pytest.raises(AwsError, match='The input receipt handle "nonsense" is not a valid receipt handle') as refused:
        await jobs.delete({"ReceiptHandle": "nonsense"})
    assert refused.value.code == "ReceiptHandleIsInvalid"


async def test_a_handle_of_another_queue_is_refused(jobs, make):
    await jobs.send("hello")
    [message] = await jobs.receive()
    other = await make("other")
    with pytest.raises(AwsError) as refused:
        await other.delete(message)
    assert refused.value.code == "ReceiptHandleIsInvalid"


# Changing visibility


async def test_a_changed_timeout_counts_from_the_change(cloud, jobs):
    await jobs.send("hello")
    [message] = await jobs.receive(VisibilityTimeout=60)
    cloud.clock.advance(ms=15_000)
    await jobs.hide(message, 10)
    cloud.clock.advance(ms=9_999)
    assert await jobs.receive() == []
    cloud.clock.advance(ms=1)
    assert await jobs.bodies() == ["hello"]


async def test_a_timeout_changed_to_zero_gives_the_message_back_at_once(jobs):
    for body in "ab":
        await jobs.send(body)
    [a] = await jobs.receive(1)
    await jobs.hide(a, 0)
    assert sorted(await jobs.bodies()) == ["a", "b"]


async def test_a_message_stays_hidden_for_twelve_hours_in_all_and_no_longer(cloud, jobs):
    await jobs.send("hello")
    [message] = await jobs.receive()
    cloud.clock.advance(ms=1_000)
    with pytest.raises(AwsError, match="Total VisibilityTimeout for the message is beyond the limit") as refused:
        await jobs.hide(message, 43_200)
    assert refused.value.code == "InvalidParameterValue"
    await jobs.hide(message, 43_199)
    cloud.clock.advance(ms=43_198_999)
    assert await jobs.receive() == []
    cloud.clock.advance(ms=1)
    assert await jobs.bodies() == ["hello"]


async def test_only_a_message_in_flight_can_be_hidden_longer(cloud, jobs):
    await jobs.send("hello")
    [message] = await jobs.receive(VisibilityTimeout=5)
    cloud.clock.advance(ms=5_000)
    with pytest.raises(AwsError) as refused:
        await jobs.hide(message, 10)
    assert refused.value.code == "MessageNotInflight"


async def test_the_handle_of_an_earlier_receive_hides_nothing(cloud, jobs):
    await jobs.send("hello")
    [first] = await jobs.receive(VisibilityTimeout=1)
    cloud.clock.advance(ms=1_000)
    await jobs.receive()
    with pytest.raises(AwsError) as refused:
        await jobs.hide(first, 0)
    assert refused.value.code == "MessageNotInflight"


async def test_a_deleted_message_can_not_be_hidden(jobs):
    await jobs.send("hello")
    [message] = await jobs.receive()
    await jobs.delete(message)
    with pytest.raises(AwsError, match="Message does not exist or is not available for visibility timeout change"):
        await jobs.hide(message, 10)


# Retention


async def test_a_message_is_kept_as_long_as_the_queue_keeps_messages(cloud, make):
    short = await make("short", MessageRetentionPeriod="60")
    await short.send("old")
    cloud.clock.advance(ms=59_999)
    assert await short.bodies(VisibilityTimeout=0) == ["old"]
    cloud.clock.advance(ms=1)
    assert await short.bodies() == []


async def test_retention_empties_a_queue_that_nobody_reads(cloud, make):
    short = await make("short", MessageRetentionPeriod="60")
    for body in "ab":
        await short.send(body)
        await cloud.advance(ms=30_000)
    await cloud.advance(ms=0)
    assert await short.counts() == (1, 0, 0)
    await cloud.advance(ms=30_000)
    assert await short.counts() == (0, 0, 0)


async def test_retention_takes_messages_in_flight_and_delayed_ones(cloud, make):
    short = await make("short", MessageRetentionPeriod="60")
    await short.send("in flight")
    await short.receive(VisibilityTimeout=3600)
    await short.send("delayed", DelaySeconds=900)
    await cloud.advance(ms=59_999)
    assert await short.counts() == (0, 1, 1)
    await cloud.advance(ms=1)
    assert await short.counts() == (0, 0, 0)


async def test_a_shorter_retention_is_for_the_messages_that_are_there_too(cloud, jobs):
    await jobs.send("old")
    await cloud.advance(ms=120_000)
    await jobs.set(MessageRetentionPeriod="60")
    await cloud.settle()
    assert await jobs.counts() == (0, 0, 0)


async def test_a_longer_retention_is_for_the_messages_that_are_there_too(cloud, make):
    short = await make("short", MessageRetentionPeriod="60")
    await short.send("old")
    await short.set(MessageRetentionPeriod="120")
    await cloud.advance(ms=119_999)
    assert await short.counts() == (1, 0, 0)
    await cloud.advance(ms=1)
    assert await short.counts() == (0, 0, 0)
