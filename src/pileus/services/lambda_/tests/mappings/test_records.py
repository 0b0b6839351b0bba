"""What reaches the function from a queue, in which batches and how many at once."""

import asyncio
import base64
import json

import pytest

from pileus.services.lambda_.tests.mappings.played import (
    QUEUE_ARN,
    left,
    send,
    turns,
)

# What reaches the function


async def test_a_message_reaches_the_function_as_a_record_and_goes(cloud, played, map_, url):
    await map_()
    attributes = {
        "colour": {"DataType": "String", "StringValue": "red"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    await send(cloud, url, "hello", MessageAttributes=attributes)
    ((record,),) = (event["Records"] for event in played.events)
    assert record["receiptHandle"] and record.pop("receiptHandle")
    assert record.pop("messageId")
    assert record.pop("md5OfMessageAttributes")
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SentTimestamp"] == str(cloud.at(0))
    record.pop("attributes")
    assert record == {
        "body": "hello",
        "messageAttributes": {
            "colour": {"stringValue": "red", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "raw": {
                "binaryValue": base64.b64encode(b"\x00\x01").decode(),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            },
        },
        "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": "us-east-1",
    }
    assert await left(cloud, url) == (0, 0)


async def test_what_was_there_before_the_mapping_is_read_too(cloud, played, map_, url):
    await send(cloud, url, "a", "b")
    await map_()
    assert sorted(body for batch in played.batches for body in batch) == ["a", "b"]


async def test_a_batch_has_up_to_its_size(cloud, played, map_, url):
    await send(cloud, url, *(str(n) for n in range(7)))
    await map_(BatchSize=3)
    assert [len(batch) for batch in played.batches] == [3, 3, 1]


async def test_a_window_gathers_more_than_one_receive_gives(cloud, played, map_, url):
    await send(cloud, url, *(str(n) for n in range(25)))
    await map_(BatchSize=100, MaximumBatchingWindowInSeconds=10)
    await cloud.advance(9999)
    assert played.batches == []
    await cloud.advance(1)
    assert [len(batch) for batch in played.batches] == [25]
    assert await left(cloud, url) == (0, 0)


async def test_a_full_batch_does_not_wait_for_its_window(cloud, played, map_, url):
    await send(cloud, url, *(str(n) for n in range(25)))
    await map_(BatchSize=12, MaximumBatchingWindowInSeconds=10)
    assert [len(batch) for batch in played.batches] == [12, 12]
    await cloud.advance(10_000)
    assert [len(batch) for batch in played.batches] == [12, 12, 1]


async def test_a_window_that_outlasts_the_visibility_timeout_ends_all_the_same(cloud, played, map_, url):
    """A message that comes back while it is held begins no window of its own."""
    await map_(BatchSize=100, MaximumBatchingWindowInSeconds=75)
    await send(cloud, url, "a")
    await cloud.advance(74_999)
    assert played.batches == []
    await cloud.advance(1)
    assert played.batches == [["a"]]
    assert await left(cloud, url) == (0, 0)


async def test_six_megabytes_end_a_batch(cloud, played, map_, url):
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"MaximumMessageSize": "1048576"})
    await send(cloud, url, *("x" * 1_000_000 for _ in range(8)))
    await map_(BatchSize=100, MaximumBatchingWindowInSeconds=10)
    await cloud.advance(10_000)
    assert [len(batch) for batch in played.batches] == [6, 2]
    assert await left(cloud, url) == (0, 0)


async def test_a_failed_batch_comes_back_after_its_visibility_timeout(cloud, played, map_, url):
    played.answers = lambda event: ValueError("no")
    await map_()
    await send(cloud, url, "a")
    assert played.batches == [["a"]]
    await cloud.advance(29_999)
    assert played.batches == [["a"]]
    await cloud.advance(1)
    assert played.batches == [["a"], ["a"]]
    assert played.events[1]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"


async def test_a_message_that_fails_too_often_goes_to_the_dead_letters(cloud, played, map_, url):
    dead = (await cloud.sqs.CreateQueue(QueueName="dead"))["QueueUrl"]
    redrive = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 2}
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(redrive)})
    played.answers = lambda event: ValueError("no")
    await map_()
    await send(cloud, url, "a")
    await cloud.advance(120_000)
    assert played.batches == [["a"], ["a"]]
    assert await left(cloud, dead) == (1, 0)


async def test_a_message_behind_many_spent_ones_is_found(cloud, played, map_, url):
    """One receive moves five hundred to the dead letters, and answers with nothing."""
    await cloud.sqs.CreateQueue(QueueName="dead")
    for _ in range(60):
        entries = [{"Id": str(n), "MessageBody": "spent"} for n in range(10)]
        await cloud.sqs.SendMessageBatch(QueueUrl=url, Entries=entries)
    for _ in range(60):
        await cloud.sqs.ReceiveMessage(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1)
    await cloud.advance(1000)
    redrive = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 1}
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(redrive)})
    await send(cloud, url, "good")
    await map_()
    assert played.batches == [["good"]]


async def test_a_reported_message_alone_comes_back(cloud, played, map_, url):
    await send(cloud, url, "good", "bad")

    def answers(event):
        bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in bad]}

    played.answers = answers
    await map_(FunctionResponseTypes=["ReportBatchItemFailures"])
    assert await left(cloud, url) == (0, 1)
    await cloud.advance(30_000)
    assert played.batches == [["good", "bad"], ["bad"]]


@pytest.mark.parametrize(
    ("response", "kept"),
    [
        (None, 0),
        ({}, 0),
        ({"batchItemFailures": []}, 0),
        ({"batchItemFailures": None}, 0),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 2),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 2),
        ({"batchItemFailures": [{"id": "x"}]}, 2),
        ({"batchItemFailures": [{"itemIdentifier": "nobody"}]}, 2),
        (["no", "object"], 2),
    ],
)
async def test_what_a_report_means(cloud, played, map_, url, response, kept):
    await send(cloud, url, "a", "b")
    played.answers = lambda event: response
    await map_(FunctionResponseTypes=["ReportBatchItemFailures"])
    assert await left(cloud, url) == (0, kept)


async def test_without_response_types_a_report_means_nothing(cloud, played, map_, url):
    await send(cloud, url, "a")
    played.answers = lambda event: {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    await map_()
    assert await left(cloud, url) == (0, 0)


async def test_what_filters_refuse_is_deleted_unseen(cloud, played, map_, url):
    await map_(FilterCriteria={"Filters": [{"Pattern": '{"body": {"kind": ["order"]}}'}]})
    await send(cloud, url, '{"kind": "order"}', '{"kind": "other"}', "plain")
    assert played.batches == [['{"kind": "order"}']]
    assert await left(cloud, url) == (0, 0)


# FIFO


async def test_groups_keep_their_order_and_a_failing_one_holds_up_no_other(cloud, played, map_, fifo):
    played.answers = lambda event: ValueError() if event["Records"][0]["body"].startswith("a1") else None
    for n in range(3):
        for group in "ab":
            await send(cloud, fifo, f"{group}{n}", MessageGroupId=group)
    await map_(EventSourceArn=QUEUE_ARN + ".fifo", BatchSize=1)
    assert [body for [body] in played.batches if body[0] == "b"] == ["b0", "b1", "b2"]
    assert [body for [body] in played.batches if body[0] == "a"] == ["a0", "a1"]
    played.answers = lambda event: None
    await cloud.advance(30_000)
    assert [body for [body] in played.batches if body[0] == "a"] == ["a0", "a1", "a1", "a2"]
    assert await left(cloud, fifo) == (0, 0)


async def test_one_group_runs_one_batch_at_a_time(cloud, played, map_, fifo):
    played.gate = asyncio.Event()
    made = await cloud.lambda_.CreateEventSourceMapping(
        FunctionName="echo", EventSourceArn=QUEUE_ARN + ".fifo", BatchSize=1
    )
    for n in range(4):
        await cloud.sqs.SendMessage(QueueUrl=fifo, MessageBody=f"a{n}", MessageGroupId="a")
        await cloud.sqs.SendMessage(QueueUrl=fifo, MessageBody=f"b{n}", MessageGroupId="b")
    await turns()
    assert played.running == 2
    played.gate.set()
    await cloud.settle()
    assert [body for [body] in played.batches if body[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert made["State"] == "Creating"


# Concurrency


async def test_batches_run_side_by_side_up_to_the_maximum_concurrency(cloud, played, map_, url):
    await send(cloud, url, *(str(n) for n in range(12)))
    played.gate = asyncio.Event()
    await cloud.lambda_.CreateEventSourceMapping(
        FunctionName="echo", EventSourceArn=QUEUE_ARN, BatchSize=1, ScalingConfig={"MaximumConcurrency": 3}
    )
    await turns()
    assert played.running == 3
    played.gate.set()
    await cloud.settle()
    assert len(played.batches) == 12
    assert played.most_running == 3


async def test_concurrency_begins_with_five_batches_and_grows(cloud, played, map_, url):
    await send(cloud, url, *(str(n) for n in range(40)))
    played.gate = asyncio.Event()
    await cloud.lambda_.CreateEventSourceMapping(FunctionName="echo", EventSourceArn=QUEUE_ARN, BatchSize=1)
    await turns()
    assert played.running == 5
    played.gate.set()
    played.gate = asyncio.Event()
    await turns()
    assert played.running == 10
    played.gate.set()
    played.gate = None
    await cloud.settle()
    assert len(played.batches) == 40


async def test_a_throttled_batch_is_tried_again_while_its_messages_are_hidden(cloud, played, map_, url):
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    await map_()
    await send(cloud, url, "a")
    await cloud.advance(5000)
    assert played.batches == []
    assert await left(cloud, url) == (0, 1)
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=1)
    await cloud.advance(10_000)
    assert played.batches == [["a"]]
    assert played.events[0]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"
    assert await left(cloud, url) == (0, 0)


async def test_a_batch_that_stays_throttled_comes_back(cloud, played, map_, url):
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    await map_()
    await send(cloud, url, "a")
    await cloud.advance(31_000)
    await cloud.lambda_.DeleteFunctionConcurrency(FunctionName="echo")
    await cloud.advance(30_000)
    assert played.events[0]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"


# With the real runtime


async def test_a_real_function_empties_a_queue(cloud, make, role, url):
    await make()
    await cloud.lambda_.CreateEventSourceMapping(FunctionName="echo", EventSourceArn=QUEUE_ARN)
    await send(cloud, url, *(str(n) for n in range(30)))
    assert await left(cloud, url) == (0, 0)
    found = await cloud.logs.FilterLogEvents(logGroupName="/aws/lambda/echo", filterPattern="REPORT")
    assert 3 <= len(found["events"]) <= 30
