"""Batches: up to ten entries, each succeeds or fails alone."""

import pytest

from pileus.kernel.errors import AwsError

BATCHES = {
    "SendMessageBatch": lambda entry_id: {"Id": entry_id, "MessageBody": "a"},
    "DeleteMessageBatch": lambda entry_id: {"Id": entry_id, "ReceiptHandle": "x"},
    "ChangeMessageVisibilityBatch": lambda entry_id: {"Id": entry_id, "ReceiptHandle": "x", "VisibilityTimeout": 1},
}


@pytest.fixture(params=BATCHES)
def batch(request, jobs):
    """(a function that sends entries of these ids, the operation's name)."""

    async def send(*ids: str) -> dict:
        entries = [BATCHES[request.param](entry_id) for entry_id in ids]
        return await getattr(jobs.sqs, request.param)(QueueUrl=jobs.url, Entries=entries)

    send.operation = request.param
    return send


async def test_a_batch_has_an_entry(batch):
    with pytest.raises(AwsError) as refused:
        await batch()
    assert refused.value.code == "EmptyBatchRequest"
    assert refused.value.message == f"There should be at least one {batch.operation}RequestEntry in the request."


async def test_a_batch_has_at_most_ten_entries(batch):
    await batch(*map(str, range(10)))
    with pytest.raises(AwsError) as refused:
        await batch(*map(str, range(11)))
    assert refused.value.code == "TooManyEntriesInBatchRequest"
    assert refused.value.message == "Maximum number of entries per request are 10. You have sent 11."


async def test_the_ids_of_a_batch_differ(batch):
    with pytest.raises(AwsError, match="Id b repeated") as refused:
        await batch("a", "b", "b")
    assert refused.value.code == "BatchEntryIdsNotDistinct"


@pytest.mark.parametrize("entry_id", ["", "a.b", "a b", "é", "x" * 81])
async def test_the_ids_of_a_batch_are_simple(batch, entry_id):
    with pytest.raises(AwsError, match="at most 80 letters long") as refused:
        await batch(entry_id)
    assert refused.value.code == "InvalidBatchEntryId"


async def test_the_longest_id_of_a_batch_has_80_characters(batch):
    answer = await batch("x" * 80)
    assert [entry["Id"] for entry in answer["Successful"] + answer["Failed"]] == ["x" * 80]


async def test_messages_of_a_batch_are_sent_but_for_those_that_can_not_be(jobs):
    answer = await jobs.sqs.SendMessageBatch(
        QueueUrl=jobs.url,
        Entries=[
            {"Id": "good", "MessageBody": "a"},
            {"Id": "character", "MessageBody": "\x00"},
            {"Id": "delay", "MessageBody": "b", "DelaySeconds": 901},
            {"Id": "type", "MessageBody": "c", "MessageDeduplicationId": "1"},
            {"Id": "later", "MessageBody": "d", "DelaySeconds": 10},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["good", "later"]
    assert {entry["Id"]: (entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]} == {
        "character": ("InvalidMessageContents", True),
        "delay": ("InvalidParameterValue", True),
        "type": ("InvalidParameterValue", True),
    }
    assert await jobs.counts() == (1, 0, 1)


async def test_a_batch_for_a_fifo_queue_keeps_its_order_and_its_duplicates_out(make):
    orders = await make("orders.fifo")
    entries = [{"Id": str(n), "MessageBody": body, "MessageGroupId": "g"} for n, body in enumerate("cabca")]
    answer = await orders.sqs.SendMessageBatch(QueueUrl=orders.url, Entries=entries)
    assert len(answer["Successful"]) == 5
    assert answer["Successful"][0]["MessageId"] == answer["Successful"][3]["MessageId"]
    assert await orders.bodies() == ["c", "a", "b"]


async def test_a_batch_has_at_most_a_mebibyte_in_all(jobs):
    def entries(size: int) -> list[dict]:
        return [{"Id": "a", "MessageBody": "x" * 524_288}, {"Id": "b", "MessageBody": "x" * size}]

    await jobs.sqs.SendMessageBatch(QueueUrl=jobs.url, Entries=entries(524_288))
    with pytest.raises(AwsError) as refused:
        await jobs.sqs.SendMessageBatch(QueueUrl=jobs.url, Entries=entries(524_289))
    assert refused.value.code == "BatchRequestTooLong"
    assert refused.value.message == ("Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.")


async def test_messages_of_a_batch_are_deleted_but_for_those_that_can_not_be(jobs):
    await jobs.send("a")
    [message] = await jobs.receive()
    answer = await jobs.sqs.DeleteMessageBatch(
        QueueUrl=jobs.url,
        Entries=[
            {"Id": "good", "ReceiptHandle": message["ReceiptHandle"]},
            {"Id": "again", "ReceiptHandle": message["ReceiptHandle"]},
            {"Id": "bad", "ReceiptHandle": "nonsense"},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["good", "again"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("bad", "ReceiptHandleIsInvalid")]
    assert await jobs.counts() == (0, 0, 0)


async def test_messages_of_a_batch_are_hidden_but_for_those_that_can_not_be(jobs):
    for body in "ab":
        await jobs.send(body)
    a, b = await jobs.receive()
    answer = await jobs.sqs.ChangeMessageVisibilityBatch(
        QueueUrl=jobs.url,
        Entries=[
            {"Id": "zero", "ReceiptHandle": a["ReceiptHandle"], "VisibilityTimeout": 0},
            {"Id": "long", "ReceiptHandle": b["ReceiptHandle"], "VisibilityTimeout": 43_201},
            {"Id": "none", "ReceiptHandle": b["ReceiptHandle"]},
            {"Id": "bad", "ReceiptHandle": "nonsense", "VisibilityTimeout": 1},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["zero"]
    assert {entry["Id"]: entry["Code"] for entry in answer["Failed"]} == {
        "long": "InvalidParameterValue",
        "none": "MissingParameter",
        "bad": "ReceiptHandleIsInvalid",
    }
    assert await jobs.bodies() == ["a"]


async def test_a_batch_to_a_queue_that_is_not_there_fails_whole(jobs):
    with pytest.raises(AwsError) as refused:
        await jobs.sqs.SendMessageBatch(QueueUrl=jobs.url + "x", Entries=[{"Id": "a", "MessageBody": "a"}])
    assert refused.value.code == "QueueDoesNotExist"


async def test_an_attribute_without_a_type_fails_its_message_alone(jobs):
    untyped = {"name": {"StringValue": "1"}}
    answer = await jobs.sqs.SendMessageBatch(
        QueueUrl=jobs.url,
        Entries=[{"Id": "a", "MessageBody": "a", "MessageAttributes": untyped}, {"Id": "b", "MessageBody": "b"}],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["b"]
    [failed] = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("a", "InvalidParameterValue", True)
    assert failed["Message"] == "The message attribute 'name' must contain non-empty message attribute type."
    assert await jobs.bodies() == ["b"]


async def test_what_an_entry_lacks_has_the_query_protocols_name(jobs):
    with pytest.raises(AwsError) as refused:
        await jobs.sqs.SendMessageBatch(QueueUrl=jobs.url, Entries=[{"MessageBody": "a"}])
    assert refused.value.code == "MissingParameter"
    assert refused.value.message == "The request must contain the parameter SendMessageBatchRequestEntry.1.Id."
