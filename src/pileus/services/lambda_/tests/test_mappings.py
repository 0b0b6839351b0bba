"""Event source mappings of queues: their operations, and what reaches the function. The function is played by the test,
but where a test says otherwise."""

import asyncio
import base64
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pileus.kernel.errors import AccessDenied, AwsError
from pileus.kernel.principal import role_session
from pileus.services.lambda_.tests.material import TRUST, allow

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"
POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


class PlayedFunction:
    """Stands where the engine is asked. `answers`: fn(event) -> a response, or an exception that it raises."""

    def __init__(self, cloud):
        self.events = []
        self.arns = []
        self.running = 0
        self.most_running = 0
        self.answers = lambda event: None
        self.gate = None
        self._running = cloud.pileus.engines["lambda"].running
        self._enter = self._running.concurrency
        self._running.invoke = self.invoke
        self._cloud = cloud

    async def invoke(self, ref, payload, *, request_id, started=None, **more):
        (version, function), _ = await self._running._ready_version(ref)
        self._running.concurrency.enter(function)
        try:
            if started is not None:
                started()
            event = json.loads(payload)
            self.events.append(event)
            self.arns.append(ref.arn)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            if self.gate is not None:
                await self.gate.wait()
            response = self.answers(event)
        finally:
            self.running -= 1
            self._running.concurrency.leave(function)
        error = "Unhandled" if isinstance(response, Exception) else None
        payload = json.dumps({"errorMessage": str(response)} if error else response).encode()
        spec = await self._running._spec(version)
        invocation = SimpleNamespace(payload=payload, error=error, log_stream="none")
        return SimpleNamespace(version=version, invocation=invocation, spec=spec, seen=0)

    @property
    def batches(self):
        return [[record["body"] for record in event["Records"]] for event in self.events]


@pytest.fixture
async def role(cloud):
    made = await cloud.iam.CreateRole(RoleName="runs-functions", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*", *POLLING))
    return made["Role"]["Arn"]


@pytest.fixture
async def played(cloud, make):
    await make()
    return PlayedFunction(cloud)


@pytest.fixture
async def url(cloud):
    return (await cloud.sqs.CreateQueue(QueueName="jobs"))["QueueUrl"]


@pytest.fixture
def map_(cloud, played, url):
    async def map_(**more):
        request = {"FunctionName": "echo", "EventSourceArn": QUEUE_ARN} | more
        made = await cloud.lambda_.CreateEventSourceMapping(**request)
        await cloud.settle()
        return made["UUID"]

    return map_


async def send(cloud, url, *bodies, **more):
    for body in bodies:
        await cloud.sqs.SendMessage(QueueUrl=url, MessageBody=body, **more)
    await cloud.settle()


async def left(cloud, url):
    """(visible, in flight)"""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = (await cloud.sqs.GetQueueAttributes(QueueUrl=url, AttributeNames=names))["Attributes"]
    return tuple(int(found[name]) for name in names)


async def mapping(cloud, uuid):
    return await cloud.lambda_.GetEventSourceMapping(UUID=uuid)


def refused(code, words=""):
    return pytest.raises(AwsError, match=f"{code}.*{words}" if words else code)


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


@pytest.fixture
async def fifo(cloud):
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    return (await cloud.sqs.CreateQueue(QueueName="jobs.fifo", Attributes=attributes))["QueueUrl"]


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


async def turns():
    """Let everything that is ready run."""
    for _ in range(400):
        await asyncio.sleep(0)


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


# States


async def test_a_mapping_is_creating_then_enabled(cloud, played, url):
    made = await cloud.lambda_.CreateEventSourceMapping(FunctionName="echo", EventSourceArn=QUEUE_ARN)
    uuid = made["UUID"]
    assert made.pop("LastModified").timestamp() * 1000 == cloud.at(0)
    assert made == {
        "UUID": uuid,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": QUEUE_ARN,
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:echo",
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": [],
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}",
    }
    await cloud.settle()
    assert (await mapping(cloud, uuid))["State"] == "Enabled"


async def test_a_disabled_mapping_reads_nothing_until_it_is_enabled(cloud, played, map_, url):
    uuid = await map_(Enabled=False)
    assert (await mapping(cloud, uuid))["State"] == "Disabled"
    await send(cloud, url, "a")
    assert played.batches == []
    changed = await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=True)
    assert changed["State"] == "Enabling"
    await cloud.settle()
    assert (await mapping(cloud, uuid))["State"] == "Enabled"
    assert played.batches == [["a"]]


async def test_disabling_lets_the_batch_under_way_end_and_loses_nothing(cloud, played, map_, url):
    uuid = await map_()
    played.gate = asyncio.Event()
    await cloud.sqs.SendMessage(QueueUrl=url, MessageBody="a")
    await turns()
    assert played.running == 1
    assert (await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=False))["State"] == "Disabling"
    await turns()
    assert (await mapping(cloud, uuid))["State"] == "Disabling"
    with refused("ResourceInUseException", "Cannot update the event source mapping because it is in use."):
        await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=True)
    played.gate.set()
    await cloud.settle()
    assert (await mapping(cloud, uuid))["State"] == "Disabled"
    assert await left(cloud, url) == (0, 0)
    await send(cloud, url, "b")
    assert await left(cloud, url) == (1, 0)


async def test_what_a_window_has_gathered_is_handed_over_before_the_mapping_is_disabled(cloud, played, map_, url):
    """Received once more it would be a dead letter that nobody has seen."""
    await cloud.sqs.CreateQueue(QueueName="dead")
    redrive = json.dumps({"deadLetterTargetArn": QUEUE_ARN.replace("jobs", "dead"), "maxReceiveCount": 1})
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})
    uuid = await map_(BatchSize=100, MaximumBatchingWindowInSeconds=20, ScalingConfig={"MaximumConcurrency": 2})
    await send(cloud, url, "a", "b")
    assert played.batches == []
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=False)
    await cloud.settle()
    assert played.batches == [["a", "b"]]
    assert (await mapping(cloud, uuid))["State"] == "Disabled"
    assert await left(cloud, url) == (0, 0)


async def test_an_update_changes_what_it_names(cloud, played, map_, url):
    uuid = await map_(BatchSize=2, FunctionResponseTypes=["ReportBatchItemFailures"])
    changed = await cloud.lambda_.UpdateEventSourceMapping(
        UUID=uuid,
        BatchSize=5,
        ScalingConfig={"MaximumConcurrency": 7},
        FilterCriteria={"Filters": [{"Pattern": '{"body":["x"]}'}]},
    )
    assert changed["State"] == "Updating"
    await cloud.settle()
    now = await mapping(cloud, uuid)
    assert now["State"] == "Enabled"
    assert now["BatchSize"] == 5
    assert now["ScalingConfig"] == {"MaximumConcurrency": 7}
    assert now["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    await cloud.lambda_.UpdateEventSourceMapping(
        UUID=uuid, ScalingConfig={}, FilterCriteria={}, FunctionResponseTypes=[]
    )
    now = await mapping(cloud, uuid)
    assert not {"ScalingConfig", "FilterCriteria"} & now.keys()
    assert now["FunctionResponseTypes"] == []


async def test_an_update_may_name_another_function(cloud, played, map_, make, url):
    uuid = await map_()
    await make("other")
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, FunctionName="other")
    await send(cloud, url, "a")
    assert played.arns == ["arn:aws:lambda:us-east-1:000000000000:function:other"]


async def test_a_deleted_mapping_goes_and_leaves_the_messages(cloud, played, map_, url):
    uuid = await map_()
    assert (await cloud.lambda_.DeleteEventSourceMapping(UUID=uuid))["State"] == "Deleting"
    await cloud.settle()
    with refused("ResourceNotFoundException", "The resource you requested does not exist."):
        await mapping(cloud, uuid)
    await send(cloud, url, "a")
    assert played.batches == []
    assert await map_()


async def test_a_mapping_outlives_its_function_and_serves_the_next_of_that_name(cloud, played, map_, make, url):
    uuid = await map_()
    await cloud.lambda_.DeleteFunction(FunctionName="echo")
    await send(cloud, url, "a")
    assert await left(cloud, url) == (1, 0)
    found = await mapping(cloud, uuid)
    assert (found["State"], found["LastProcessingResult"]) == ("Enabled", "PROBLEM: Function does not exist")
    await make()
    await cloud.settle()
    assert played.batches == [["a"]]
    assert "LastProcessingResult" not in await mapping(cloud, uuid)


async def test_a_function_that_is_gone_is_said_so_before_anything_arrives(cloud, played, map_, url):
    uuid = await map_()
    await cloud.lambda_.DeleteFunction(FunctionName="echo")
    await cloud.settle()
    assert (await mapping(cloud, uuid))["LastProcessingResult"] == "PROBLEM: Function does not exist"


async def test_an_alias_that_is_gone_is_said_so_and_the_next_of_that_name_is_served_at_once(cloud, played, map_, url):
    where = {"FunctionName": "echo", "Name": "live"}
    await cloud.lambda_.CreateAlias(**where, FunctionVersion="$LATEST")
    uuid = await map_(FunctionName="echo:live")
    await cloud.lambda_.DeleteAlias(**where)
    await cloud.settle()
    assert (await mapping(cloud, uuid))["LastProcessingResult"] == "PROBLEM: Function does not exist"
    await send(cloud, url, "a")
    assert played.batches == []
    await cloud.lambda_.CreateAlias(**where, FunctionVersion="$LATEST")
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_an_alias_that_goes_to_a_version_with_a_better_role_is_served_at_once(cloud, played, map_, url, role):
    await cloud.lambda_.PublishVersion(FunctionName="echo")
    await cloud.settle()
    await cloud.lambda_.CreateAlias(FunctionName="echo", Name="live", FunctionVersion="1")
    await map_(FunctionName="echo:live")
    other = await cloud.iam.CreateRole(RoleName="other", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(RoleName="other", PolicyName="p", PolicyDocument=allow("logs:*", *POLLING))
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*"))
    await send(cloud, url, "a")
    await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", Role=other["Role"]["Arn"])
    await cloud.settle()
    await cloud.lambda_.PublishVersion(FunctionName="echo")
    await cloud.settle()
    assert played.batches == []
    await cloud.lambda_.UpdateAlias(FunctionName="echo", Name="live", FunctionVersion="2")
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_a_mapping_outlives_its_queue_and_reads_the_next_of_that_name(cloud, played, map_, url):
    uuid = await map_()
    await cloud.sqs.DeleteQueue(QueueUrl=url)
    await cloud.settle()
    assert (await mapping(cloud, uuid))["LastProcessingResult"].startswith("PROBLEM: The specified queue")
    await cloud.advance(61_000)
    await cloud.sqs.CreateQueue(QueueName="jobs")
    await cloud.settle()
    assert "LastProcessingResult" not in await mapping(cloud, uuid)
    await send(cloud, url, "a")
    assert played.batches == [["a"]]


async def test_a_role_that_loses_its_permission_reads_no_more(cloud, played, map_, url):
    uuid = await map_()
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*"))
    await send(cloud, url, "a")
    assert played.batches == []
    assert (await mapping(cloud, uuid))["LastProcessingResult"].startswith("PROBLEM: The execution role lacks")
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*", *POLLING))
    await cloud.settle()
    assert played.batches == [["a"]]
    assert "LastProcessingResult" not in await mapping(cloud, uuid)


async def test_a_queue_that_opens_itself_to_the_role_is_read_at_once(cloud, played, map_, url, role):
    await map_()
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*"))
    await send(cloud, url, "a")
    await cloud.advance(86_400_000)
    assert played.batches == []
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sqs:*", "Resource": QUEUE_ARN}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"Policy": policy})
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_a_role_that_is_gone_is_said_so_and_the_next_of_that_name_reads_at_once(cloud, played, map_, url):
    uuid = await map_()
    await cloud.iam.DeleteRolePolicy(RoleName="runs-functions", PolicyName="p")
    await cloud.iam.DeleteRole(RoleName="runs-functions")
    await send(cloud, url, "a")
    await cloud.advance(60_000)
    found = await mapping(cloud, uuid)
    assert found["LastProcessingResult"] == "PROBLEM: Lambda failed to assume your function execution role."
    await cloud.iam.CreateRole(RoleName="runs-functions", AssumeRolePolicyDocument=TRUST)
    await cloud.settle()
    assert played.batches == []
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*", *POLLING))
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_a_policy_that_allows_it_after_all_is_followed_by_a_reading_at_once(cloud, played, map_, url):
    await map_()
    policy = await cloud.iam.CreatePolicy(PolicyName="polling", PolicyDocument=allow("logs:*"))
    arn = policy["Policy"]["Arn"]
    await cloud.iam.AttachRolePolicy(RoleName="runs-functions", PolicyArn=arn)
    await cloud.iam.DeleteRolePolicy(RoleName="runs-functions", PolicyName="p")
    await send(cloud, url, "a")
    assert played.batches == []
    await cloud.iam.CreatePolicyVersion(PolicyArn=arn, PolicyDocument=allow(*POLLING), SetAsDefault=True)
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_a_function_that_got_another_role_hears_of_that_one(cloud, played, map_, url):
    await map_()
    other = await cloud.iam.CreateRole(RoleName="other", AssumeRolePolicyDocument=TRUST, Path="/of/functions/")
    await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", Role=other["Role"]["Arn"])
    await cloud.settle()
    await send(cloud, url, "a")
    await cloud.advance(60_000)
    assert played.batches == []
    await cloud.iam.PutRolePolicy(RoleName="other", PolicyName="p", PolicyDocument=allow(*POLLING))
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_messages_that_arrive_mend_no_role(cloud, played, map_, url, monkeypatch):
    await map_()
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*"))
    await send(cloud, url, "a")
    source = (await cloud.pileus.service("sqs")).source()
    tries, receive = [], source.receive

    async def counted(*args):
        tries.append(cloud.clock.now_ms())
        return await receive(*args)

    monkeypatch.setattr(source, "receive", counted, raising=False)
    await send(cloud, url, *"bcdefg")
    assert tries == []
    await cloud.iam.CreateRole(RoleName="of-others", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(RoleName="of-others", PolicyName="p", PolicyDocument=allow("logs:*"))
    await cloud.settle()
    assert tries == []
    await cloud.advance(3_600_000)
    minutes = [(at - tries[0]) / 60_000 for at in tries]
    assert minutes == [0, 1, 3, 7, 15, 30, 45]


async def test_what_a_window_has_gathered_is_handed_over_when_its_queue_is_gone(cloud, played, map_, url):
    await map_(MaximumBatchingWindowInSeconds=20)
    await send(cloud, url, "a")
    await cloud.sqs.DeleteQueue(QueueUrl=url)
    await cloud.settle()
    assert played.batches == [["a"]]


# Lists, tags, permissions


async def test_mappings_are_listed_by_function_and_by_source(cloud, played, map_, make, url):
    await cloud.sqs.CreateQueue(QueueName="other")
    await make("second")
    other = "arn:aws:sqs:us-east-1:000000000000:other"
    one = await map_()
    two = await map_(EventSourceArn=other)
    three = await map_(FunctionName="second")

    async def listed(**more):
        found = await cloud.lambda_.ListEventSourceMappings(**more)
        return {each["UUID"] for each in found["EventSourceMappings"]}

    assert await listed() == {one, two, three}
    assert await listed(FunctionName="echo") == {one, two}
    assert await listed(EventSourceArn=QUEUE_ARN) == {one, three}
    assert await listed(EventSourceArn=QUEUE_ARN, FunctionName="second") == {three}
    with refused("ResourceNotFoundException"):
        await listed(FunctionName="nobody")
    first = await cloud.lambda_.ListEventSourceMappings(MaxItems=2)
    rest = await cloud.lambda_.ListEventSourceMappings(Marker=first["NextMarker"])
    assert "NextMarker" not in rest
    assert {each["UUID"] for each in first["EventSourceMappings"] + rest["EventSourceMappings"]} == {one, two, three}


async def test_a_mapping_has_tags(cloud, played, map_, url):
    uuid = await map_(Tags={"team": "blue"})
    arn = (await mapping(cloud, uuid))["EventSourceMappingArn"]
    await cloud.lambda_.TagResource(Resource=arn, Tags={"cost": "1"})
    assert (await cloud.lambda_.ListTags(Resource=arn))["Tags"] == {"team": "blue", "cost": "1"}
    await cloud.lambda_.UntagResource(Resource=arn, TagKeys=["team"])
    assert (await cloud.lambda_.ListTags(Resource=arn))["Tags"] == {"cost": "1"}


async def test_policies_may_look_at_the_mappings_function(cloud, played, map_, make, url):
    await make("second")
    statement = {
        "Effect": "Allow",
        "Action": ["lambda:*EventSourceMapping"],
        "Resource": "*",
        "Condition": {"ArnLike": {"lambda:FunctionArn": "arn:aws:lambda:*:*:function:echo"}},
    }
    made = await cloud.iam.CreateRole(RoleName="deploys", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(
        RoleName="deploys",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    deployer = cloud.as_(role_session(made["Role"]["Arn"], made["Role"]["RoleId"], "me"), "lambda")
    mine = await deployer.CreateEventSourceMapping(FunctionName="echo", EventSourceArn=QUEUE_ARN)
    await cloud.settle()
    with pytest.raises(AccessDenied):
        await deployer.CreateEventSourceMapping(FunctionName="second", EventSourceArn=QUEUE_ARN)
    with pytest.raises(AccessDenied):
        await deployer.UpdateEventSourceMapping(UUID=mine["UUID"], FunctionName="second")
    await deployer.UpdateEventSourceMapping(UUID=mine["UUID"], BatchSize=3)
    theirs = await map_(FunctionName="second")
    with pytest.raises(AccessDenied):
        await deployer.DeleteEventSourceMapping(UUID=theirs)


# Refusals


async def test_the_role_must_be_able_to_read_the_queue(cloud, played, map_, url):
    for missing in POLLING:
        rest = [action for action in POLLING if action != missing]
        await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow(*rest))
        operation = missing.removeprefix("sqs:")
        with refused(
            "InvalidParameterValueException",
            f"The provided execution role does not have permissions to call {operation} on SQS",
        ):
            await map_()


async def test_the_queues_own_policy_may_give_the_permission(cloud, played, map_, url, role):
    await cloud.iam.DeleteRolePolicy(RoleName="runs-functions", PolicyName="p")
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sqs:*", "Resource": QUEUE_ARN}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"Policy": policy})
    await map_()
    await send(cloud, url, "a")
    assert played.batches == [["a"]]


async def test_one_mapping_a_queue_and_function(cloud, played, map_, url):
    uuid = await map_()
    with pytest.raises(AwsError) as refusal:
        await map_()
    assert refusal.value.code == "ResourceConflictException"
    assert refusal.value.message == (
        f'An event source mapping with SQS arn (" {QUEUE_ARN} ") and function (" echo ") already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}"
    )


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", "Function not found"),
        ({"EventSourceArn": QUEUE_ARN + "2"}, "InvalidParameterValueException", "AWS.SimpleQueueService.NonExistent"),
        (
            {"EventSourceArn": "arn:aws:sqs:us-east-1::jobs"},
            "InvalidParameterValueException",
            "Invalid event source ARN",
        ),
        ({"EventSourceArn": "arn:aws:s3:::bucket"}, "InvalidParameterValueException", "Unrecognized event source"),
        (
            {"EventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/c/1"},
            "NotImplemented",
            "with kafka as the event source",
        ),
        (
            {"EventSourceArn": QUEUE_ARN.replace("us-east-1", "eu-west-1")},
            "InvalidParameterValueException",
            "must be in the function's region",
        ),
        (
            {"StartingPosition": "LATEST"},
            "InvalidParameterValueException",
            "StartingPosition is not valid for SQS event sources.",
        ),
        *(
            (
                {member: value},
                "InvalidParameterValueException",
                f"Unsupported '{member}' parameter for given event source mapping type.",
            )
            for member, value in {
                "StartingPositionTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
                "ParallelizationFactor": 1,
                "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:jobs"}},
                "MaximumRecordAgeInSeconds": 60,
                "BisectBatchOnFunctionError": True,
                "MaximumRetryAttempts": 2,
                "TumblingWindowInSeconds": 1,
            }.items()
        ),
        ({"BatchSize": 0}, "ValidationException", "batchSize"),
        ({"BatchSize": 10001, "MaximumBatchingWindowInSeconds": 1}, "ValidationException", "batchSize"),
        ({"MaximumBatchingWindowInSeconds": 301}, "ValidationException", "maximumBatchingWindowInSeconds"),
        ({"ScalingConfig": {"MaximumConcurrency": 1001}}, "ValidationException", "maximumConcurrency"),
        ({"FunctionResponseTypes": ["Report"]}, "ValidationException", "functionResponseTypes"),
        (
            {"BatchSize": 11},
            "InvalidParameterValueException",
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        ({"ScalingConfig": {"MaximumConcurrency": 1}}, "ValidationException", "maximumConcurrency"),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
            "InvalidParameterValueException",
            "Invalid filter pattern definition.",
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["x"]}'}] * 6}},
            "InvalidParameterValueException",
            "Number of filters exceeds the limit of 5",
        ),
        ({"FilterCriteria": {"Filters": [{"Pattern": "x" * 4097}]}}, "ValidationException", "4096"),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}, "NotImplemented", "with KMSKeyArn"),
        ({"MetricsConfig": {"Metrics": ["EventCount"]}}, "NotImplemented", "with MetricsConfig"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 2}}, "NotImplemented", "with ProvisionedPollerConfig"),
        ({"Topics": ["topic"]}, "NotImplemented", "with Topics"),
    ],
)
async def test_what_can_not_be_mapped_is_refused(cloud, played, map_, url, more, code, words):
    with refused(code, words):
        await map_(**more)
    assert (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"BatchSize": 10},
        {"BatchSize": 11, "MaximumBatchingWindowInSeconds": 1},
        {"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 300},
        {"ScalingConfig": {"MaximumConcurrency": 2}},
        {"ScalingConfig": {"MaximumConcurrency": 1000}},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["x"]}'}] * 5}},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["' + "x" * 4082 + '"]}'}]}},
    ],
)
async def test_what_is_within_the_limits_is_mapped(cloud, played, map_, url, more):
    uuid = await map_(**more)
    assert (await mapping(cloud, uuid))["State"] == "Enabled"


async def test_an_update_is_checked_together_with_what_is_there(cloud, played, map_, url):
    uuid = await map_(BatchSize=11, MaximumBatchingWindowInSeconds=1)
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, BatchSize=12)
    await cloud.settle()
    with refused("InvalidParameterValueException", "Maximum batch window in seconds must be greater than 0"):
        await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, MaximumBatchingWindowInSeconds=0)
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, MaximumBatchingWindowInSeconds=0, BatchSize=10)


async def test_a_batching_window_is_not_for_fifo_queues(cloud, played, map_, fifo):
    with refused("InvalidParameterValueException", "Batching window is not supported for FIFO queues"):
        await map_(EventSourceArn=QUEUE_ARN + ".fifo", MaximumBatchingWindowInSeconds=1)


async def test_the_visibility_timeout_must_last_for_the_function(cloud, played, map_, make, url):
    await make("slow", Timeout=31)
    with refused(
        "InvalidParameterValueException",
        "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds",
    ):
        await map_(FunctionName="slow")
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"VisibilityTimeout": "31"})
    await map_(FunctionName="slow")


# With the real runtime


async def test_a_real_function_empties_a_queue(cloud, make, role, url):
    await make()
    await cloud.lambda_.CreateEventSourceMapping(FunctionName="echo", EventSourceArn=QUEUE_ARN)
    await send(cloud, url, *(str(n) for n in range(30)))
    assert await left(cloud, url) == (0, 0)
    found = await cloud.logs.FilterLogEvents(logGroupName="/aws/lambda/echo", filterPattern="REPORT")
    assert 3 <= len(found["events"]) <= 30
