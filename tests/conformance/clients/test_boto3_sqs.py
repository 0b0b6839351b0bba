"""SQS as boto3's users know it: client and resource, batches, FIFO, dead letters, move tasks, policies, tags."""

import hashlib
import json
import time

import pytest
from botocore.exceptions import ClientError, ParamValidationError


@pytest.fixture(scope="module")
def sqs(connect):
    return connect("sqs")


@pytest.fixture
def url(sqs, request) -> str:
    return sqs.create_queue(QueueName=request.node.name[:80].replace("[", "-").replace("]", ""))["QueueUrl"]


def arn_of(sqs, url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_a_message_on_its_way(sqs, url):
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="grüße",
        MessageAttributes={
            "kind": {"DataType": "String", "StringValue": "greeting"},
            "size": {"DataType": "Number", "StringValue": "5"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5("grüße".encode()).hexdigest()
    got = sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"], WaitTimeSeconds=1
    )["Messages"][0]
    assert (got["Body"], got["MessageId"]) == ("grüße", sent["MessageId"])
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got["MessageAttributes"]["raw"] == {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=url)["Messages"][0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_batches_say_what_failed(sqs, url):
    entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(9)]
    entries.append({"Id": "bad", "MessageBody": "x", "DelaySeconds": 901})
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert {entry["Id"] for entry in sent["Successful"]} == set("012345678")
    assert [(entry["Id"], entry["SenderFault"]) for entry in sent["Failed"]] == [("bad", True)]
    got: list[dict] = []
    while len(got) < 9:
        got += sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)["Messages"]
    handles = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(got)]
    hidden = [handle | {"VisibilityTimeout": 60} for handle in handles]
    assert len(sqs.change_message_visibility_batch(QueueUrl=url, Entries=hidden)["Successful"]) == 9
    assert len(sqs.delete_message_batch(QueueUrl=url, Entries=handles)["Successful"]) == 9
    with pytest.raises(sqs.exceptions.BatchEntryIdsNotDistinct):
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "x"}] * 2)
    with pytest.raises(sqs.exceptions.TooManyEntriesInBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x"} for n in range(11)])


def test_long_polling_returns_when_a_message_comes(sqs, url, connect):
    began = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    assert 0.9 < time.monotonic() - began < 10
    connect("sqs").send_message(QueueUrl=url, MessageBody="x", DelaySeconds=1)
    began = time.monotonic()
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert time.monotonic() - began < 15


def test_fifo_keeps_order_and_drops_repeats(sqs):
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="orders.fifo", Attributes=attributes)["QueueUrl"]
    sent = [sqs.send_message(QueueUrl=url, MessageBody=f"{n}", MessageGroupId="g") for n in (1, 2, 2, 3)]
    assert sent[1]["SequenceNumber"] == sent[2]["SequenceNumber"]
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in got] == ["1", "2", "3"]
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=url, MessageBody="x")
    assert error.value.response["Error"]["Code"] == "MissingParameter"


def test_dead_letters_and_the_way_back(sqs):
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    assert next(iter(sqs.get_paginator("list_dead_letter_source_queues").paginate(QueueUrl=dead)))["queueUrls"] == [url]
    sqs.send_message(QueueUrl=url, MessageBody="bad")
    assert sqs.receive_message(QueueUrl=url)["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert (
        sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"]
        == "1"
    )
    task = sqs.start_message_move_task(SourceArn=arn_of(sqs, dead))["TaskHandle"]
    moved = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]
    assert moved["Body"] == "bad"
    deadline = time.monotonic() + 30
    while (found := sqs.list_message_move_tasks(SourceArn=arn_of(sqs, dead))["Results"][0])["Status"] == "RUNNING":
        assert time.monotonic() < deadline
    assert (found["Status"], found["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    with pytest.raises(ClientError):
        sqs.cancel_message_move_task(TaskHandle=task)  # it is over


def test_queues_are_listed_in_pages(sqs):
    for n in range(5):
        sqs.create_queue(QueueName=f"page-{n}")
    pages = list(sqs.get_paginator("list_queues").paginate(QueueNamePrefix="page-", PaginationConfig={"PageSize": 2}))
    assert [len(page["QueueUrls"]) for page in pages] == [2, 2, 1]
    assert sqs.get_queue_url(QueueName="page-3")["QueueUrl"] in pages[1]["QueueUrls"]


def test_tags_permissions_and_purge(sqs, url, account):
    sqs.tag_queue(QueueUrl=url, Tags={"team": "a", "env": "test"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["env"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "a"}
    sqs.add_permission(QueueUrl=url, Label="share", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert policy["Statement"][0]["Sid"] == "share"
    sqs.remove_permission(QueueUrl=url, Label="share")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
        sqs.purge_queue(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_tags_that_only_aws_sets_are_refused(sqs, url):
    with pytest.raises(ClientError, match="reserved for system use"):
        sqs.tag_queue(QueueUrl=url, Tags={"aws:cloudformation:stack-name": "shop"})
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)


def test_another_account_sends_when_it_is_allowed(sqs, url, connect):
    other = connect("sqs", aws_access_key_id="111122223333", aws_secret_access_key="test")
    with pytest.raises(ClientError) as error:
        other.send_message(QueueUrl=url, MessageBody="x")
    assert error.value.response["Error"]["Code"] == "AccessDenied"
    sqs.add_permission(QueueUrl=url, Label="share", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    other.send_message(QueueUrl=url, MessageBody="x")
    assert sqs.receive_message(QueueUrl=url)["Messages"]


def test_errors_are_the_clients_classes(sqs, url):
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as error:
        sqs.get_queue_url(QueueName="none-such")
    assert error.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName=url.rsplit("/", 1)[1], Attributes={"DelaySeconds": "7"})
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="forged")
    with pytest.raises(sqs.exceptions.InvalidAttributeName):
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Nonsense"])
    with pytest.raises(ClientError) as error:
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11)
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"
    with pytest.raises(ParamValidationError):
        sqs.send_message(QueueUrl=url)


def test_a_deleted_queue_is_gone_and_its_name_taken_for_a_minute(sqs):
    url = sqs.create_queue(QueueName="short-lived")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(sqs.exceptions.QueueDeletedRecently):
        sqs.create_queue(QueueName="short-lived")


def test_the_resource_api(session, endpoint):
    resource = session.resource("sqs", endpoint_url=endpoint)
    queue = resource.create_queue(QueueName="things", Attributes={"DelaySeconds": "0"})
    queue.send_message(MessageBody="one")
    queue.send_messages(Entries=[{"Id": "2", "MessageBody": "two"}])
    bodies = set()
    while len(bodies) < 2:
        for message in queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=2):
            bodies.add(message.body)
            message.change_visibility(VisibilityTimeout=30)
            message.delete()
    assert bodies == {"one", "two"}
    assert resource.get_queue_by_name(QueueName="things").attributes["DelaySeconds"] == "0"
    assert [found.url for found in resource.queues.filter(QueueNamePrefix="things")] == [queue.url]
    queue.delete()
