"""Asynchronous invocations: accepted events are retried, given up and reported as AWS does."""

import asyncio
import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.lambda_.state import ASYNC_EVENTS
from pileus.services.lambda_.tests.material import allow

FAIL = "def handler(event, context):\n    raise ValueError('no luck')\n"
MINUTE_MS = 60_000


@pytest.fixture
async def queue(cloud):
    url = (await cloud.sqs.CreateQueue(QueueName="records"))["QueueUrl"]
    return url, "arn:aws:sqs:us-east-1:000000000000:records"


async def send(cloud, event, name="echo"):
    answer = await cloud.lambda_.Invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
    assert answer["StatusCode"] == 202


async def received(cloud, queue):
    found = await cloud.sqs.ReceiveMessage(
        QueueUrl=queue[0], MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
    )
    return found.get("Messages", [])


async def runs(cloud, name="echo"):
    found = await cloud.logs.FilterLogEvents(logGroupName=f"/aws/lambda/{name}", filterPattern="REPORT")
    return len(found["events"])


def waiting(cloud):
    return cloud.store.look(lambda tx: list(ASYNC_EVENTS.scan(tx)))[0]


async def test_an_accepted_event_runs_and_is_reported_to_its_destination(cloud, make, queue):
    arn = (await make())["FunctionArn"]
    await cloud.lambda_.PutFunctionEventInvokeConfig(
        FunctionName="echo", DestinationConfig={"OnSuccess": {"Destination": queue[1]}}
    )
    await send(cloud, {"a": 1})
    await cloud.settle()
    (message,) = await received(cloud, queue)
    record = json.loads(message["Body"])
    assert record["requestContext"].pop("requestId")
    assert record == {
        "version": "1.0",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "requestContext": {"functionArn": f"{arn}:$LATEST", "condition": "Success", "approximateInvokeCount": 1},
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"a": 1},
    }
    assert waiting(cloud) == []


async def test_a_failing_event_runs_again_after_one_and_after_two_minutes_and_is_given_up(cloud, make, queue):
    await make("echo", FAIL, DeadLetterConfig={"TargetArn": queue[1]})
    await send(cloud, {"a": 1})
    await cloud.settle()
    assert await runs(cloud) == 1
    await cloud.advance(MINUTE_MS - 1)
    assert await runs(cloud) == 1
    await cloud.advance(1)
    assert await runs(cloud) == 2
    await cloud.advance(2 * MINUTE_MS - 1)
    assert await runs(cloud) == 2
    assert await received(cloud, queue) == []
    await cloud.advance(1)
    assert await runs(cloud) == 3
    (message,) = await received(cloud, queue)
    assert json.loads(message["Body"]) == {"a": 1}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes.pop("RequestID")
    assert attributes == {"ErrorCode": "200", "ErrorMessage": "no luck"}
    assert waiting(cloud) == []


async def test_without_retries_the_first_failure_is_the_last(cloud, make, queue):
    await make("echo", FAIL)
    await cloud.lambda_.PutFunctionEventInvokeConfig(
        FunctionName="echo", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": queue[1]}}
    )
    await send(cloud, {"a": 1})
    await cloud.settle()
    (message,) = await received(cloud, queue)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ValueError"


async def test_a_throttled_event_waits_and_counts_no_attempt(cloud, make):
    await make()
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=1)
    function = cloud.store.look(_function)[0]
    concurrency = cloud.pileus.engines["lambda"].running.concurrency
    concurrency.enter(function)
    await send(cloud, {"a": 1})
    await cloud.settle()
    await cloud.advance(10_000)
    (event,) = waiting(cloud)
    assert event.runs == 0
    assert event.throttled == 4  # at 0, 1, 3 and 7 seconds
    concurrency.leave(function)
    await cloud.advance(5000)
    assert waiting(cloud) == []
    assert await runs(cloud) == 1


async def test_an_event_that_waited_too_long_is_given_up_unseen(cloud, make, queue):
    await make()
    await cloud.lambda_.PutFunctionEventInvokeConfig(
        FunctionName="echo",
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": queue[1]}},
    )
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=1)
    cloud.pileus.engines["lambda"].running.concurrency.enter(cloud.store.look(_function)[0])
    await send(cloud, {"a": 1})
    await cloud.settle()
    await cloud.advance(MINUTE_MS - 1)
    assert len(waiting(cloud)) == 1
    await cloud.advance(1)
    (message,) = await received(cloud, queue)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert "responseContext" not in record


async def test_events_of_a_stopped_function_go_to_its_destination_at_once(cloud, make, queue):
    await make()
    await cloud.lambda_.PutFunctionEventInvokeConfig(
        FunctionName="echo", DestinationConfig={"OnFailure": {"Destination": queue[1]}}
    )
    await cloud.lambda_.PutFunctionConcurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    await send(cloud, {"a": 1})
    await cloud.settle()
    (message,) = await received(cloud, queue)
    assert json.loads(message["Body"])["requestContext"]["condition"] == "ZeroReservedConcurrency"


async def test_a_function_may_be_another_ones_destination(cloud, make):
    await cloud.iam.PutRolePolicy(
        RoleName="runs-functions",
        PolicyName="chain",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}],
            }
        ),
    )
    next_arn = (await make("next"))["FunctionArn"]
    await make()
    await cloud.lambda_.PutFunctionEventInvokeConfig(
        FunctionName="echo", DestinationConfig={"OnSuccess": {"Destination": next_arn}}
    )
    await send(cloud, {"a": 1})
    await cloud.settle()
    assert await runs(cloud, "next") == 1


async def test_the_record_needs_the_roles_permission(cloud, make, queue):
    await make("echo")
    await cloud.lambda_.PutFunctionEventInvokeConfig(
        FunctionName="echo", DestinationConfig={"OnSuccess": {"Destination": queue[1]}}
    )
    await cloud.iam.DeleteRolePolicy(RoleName="runs-functions", PolicyName="logs")
    await send(cloud, {"a": 1})
    await cloud.settle()
    await cloud.advance(MINUTE_MS)
    assert await received(cloud, queue) == []


async def test_a_destination_is_refused_that_the_role_may_not_send_to(cloud, make, queue):
    other = (await make("other"))["FunctionArn"]
    await make("echo")
    await cloud.iam.DeleteRolePolicy(RoleName="runs-functions", PolicyName="logs")
    for destination, operation in ((queue[1], "SendMessage"), (other, "InvokeFunction")):
        with pytest.raises(AwsError) as refused:
            await cloud.lambda_.PutFunctionEventInvokeConfig(
                FunctionName="echo", DestinationConfig={"OnSuccess": {"Destination": destination}}
            )
        assert (refused.value.code, refused.value.message) == (
            "InvalidParameterValueException",
            f"The function's execution role does not have permissions to call {operation} on {destination}",
        )
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("sqs:SendMessage"))
    await cloud.lambda_.PutFunctionEventInvokeConfig(
        FunctionName="echo", DestinationConfig={"OnSuccess": {"Destination": queue[1]}}
    )


async def test_a_dead_letter_queue_is_refused_that_the_role_may_not_send_to(cloud, make, queue):
    await make("echo")
    await cloud.iam.PutRolePolicy(
        RoleName="runs-functions",
        PolicyName="logs",
        PolicyDocument=allow("sqs:SendMessage", resource="arn:aws:sqs:*:x"),
    )
    dead_letters = {"DeadLetterConfig": {"TargetArn": queue[1]}}
    words = "The provided execution role does not have permissions to call SendMessage on SQS"
    with pytest.raises(AwsError, match=words):
        await make("another", **dead_letters)
    with pytest.raises(AwsError, match=words):
        await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", **dead_letters)
    await cloud.iam.PutRolePolicy(
        RoleName="runs-functions", PolicyName="logs", PolicyDocument=allow("sqs:SendMessage", resource=queue[1])
    )
    await make("another", **dead_letters)
    await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", **dead_letters)


async def test_events_of_a_deleted_function_go_with_it(cloud, make):
    await make("echo", FAIL)
    await send(cloud, {})
    await cloud.settle()
    await cloud.lambda_.DeleteFunction(FunctionName="echo")
    await cloud.advance(MINUTE_MS)
    assert waiting(cloud) == []


async def test_an_event_for_nobody_is_refused_before_it_is_accepted(cloud):
    with pytest.raises(AwsError, match="Function not found"):
        await send(cloud, {})


def _function(tx):
    from pileus.services.lambda_.state import FUNCTIONS

    return next(FUNCTIONS.scan(tx))


async def test_an_event_that_a_stop_interrupts_is_kept_and_counts_as_no_failure(cloud, make):
    await make("slow", "import threading\ndef handler(event, context):\n    threading.Event().wait(60)\n", Timeout=90)
    await cloud.lambda_.PutFunctionEventInvokeConfig(FunctionName="slow", MaximumRetryAttempts=0)
    service = cloud.pileus.engines["lambda"]
    started = asyncio.Event()

    def on_log(spec, stream, lines):
        service.logs.take(spec, stream, lines)
        if lines[0][1].startswith("START"):
            started.set()

    service.engine.on_log = on_log
    await send(cloud, {}, "slow")
    await started.wait()
    await service.stop()
    await cloud.settle()
    (event,) = waiting(cloud)
    assert (event.runs, event.throttled) == (0, 1)


async def test_a_crowd_of_events_needs_few_environments(cloud, make):
    await make()
    for n in range(60):
        await send(cloud, {"n": n})
    await cloud.settle()
    assert await runs(cloud) == 60
    assert waiting(cloud) == []
    assert len(cloud.pileus.engines["lambda"].engine.pool.all) < 60


async def test_the_older_form_of_asynchronous_invocation(cloud, make):
    await make()
    assert (await cloud.lambda_.InvokeAsync(FunctionName="echo", InvokeArgs=b'{"a": 1}'))["Status"] == 202
    await cloud.settle()
    assert await runs(cloud) == 1
