"""Deliveries: to each kind of target, as whom, tried how often, and given up where."""

import io
import json
import zipfile
from itertools import pairwise

import orjson
import pytest

from pileus.kernel.errors import AwsError, ServiceUnavailable
from pileus.kernel.principal import root
from pileus.protocol import models
from pileus.protocol.validate import checker
from pileus.services.events import target_kinds
from pileus.services.events.tests.conftest import BUS_PATTERN, statement

TRUST = statement("sts:AssumeRole", "*").replace('"Resource": "*"', '"Sid": "Trust"')
DAY_MS = 86_400_000


async def make_role(cloud, action: str, name: str = "sends") -> str:
    made = await cloud.iam.CreateRole(RoleName=name, AssumeRolePolicyDocument=TRUST)
    allow = {"Effect": "Allow", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    await cloud.iam.PutRolePolicy(RoleName=name, PolicyName="sends", PolicyDocument=document)
    return made["Role"]["Arn"]


async def put_target(cloud, arn: str, **more) -> None:
    await cloud.events.PutTargets(Rule="orders", Targets=[{"Id": "1", "Arn": arn, **more}])


# Queues


async def test_a_queues_policy_may_name_the_rule(cloud, rule, listen, send):
    queue = await listen(rule="orders")
    for source_arn, count in ((rule + "x", 0), (rule, 1)):
        policy = statement("sqs:SendMessage", queue.arn, ArnEquals={"aws:SourceArn": source_arn})
        await cloud.sqs.SetQueueAttributes(QueueUrl=queue.url, Attributes={"Policy": policy})
        await send()
        assert len(await queue.heard()) == count


async def test_a_fifo_queue_gets_the_targets_message_group(rule, listen, send):
    queue = await listen("heard.fifo", rule="orders", SqsParameters={"MessageGroupId": "group"})
    await send()
    (message,) = await queue.messages()
    assert message["Attributes"]["MessageGroupId"] == "group"


async def test_a_queue_gets_the_trace_header(rule, listen, send):
    queue = await listen(rule="orders")
    await send(TraceHeader="Root=1-5759e988-bd862e3fe1be46a994272793")
    (message,) = await queue.messages()
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1-5759e988-bd862e3fe1be46a994272793"


async def test_the_target_gets_what_its_transformer_makes(rule, listen, send):
    transformer = {
        "InputPathsMap": {"total": "$.detail.total"},
        "InputTemplate": '{"t": <total>, "r": "<aws.events.rule-name>"}',
    }
    queue = await listen(rule="orders", InputTransformer=transformer)
    await send({"total": 5})
    assert await queue.heard() == [{"t": 5, "r": "orders"}]


async def test_with_a_role_the_target_is_called_as_it(cloud, rule, listen, send):
    queue = await listen()
    await cloud.sqs.SetQueueAttributes(QueueUrl=queue.url, Attributes={"Policy": ""})
    await put_target(cloud, queue.arn)
    await send()
    assert await queue.heard() == []
    await put_target(cloud, queue.arn, RoleArn=await make_role(cloud, "sqs:SendMessage"))
    await send()
    assert len(await queue.heard()) == 1


# Functions


@pytest.fixture
async def function(cloud):
    """The ARN of a function that prints what it gets."""
    trust = TRUST.replace("events.amazonaws.com", "lambda.amazonaws.com")
    role = (await cloud.iam.CreateRole(RoleName="runs", AssumeRolePolicyDocument=trust))["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    await cloud.iam.PutRolePolicy(RoleName="runs", PolicyName="logs", PolicyDocument=document)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "import json\ndef handler(event, context):\n    print('got', json.dumps(event))\n")
    made = await cloud.lambda_.CreateFunction(
        FunctionName="prints",
        Runtime="python3.11",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": packed.getvalue()},
    )
    await cloud.settle()
    return made["FunctionArn"]


async def printed(cloud) -> list[dict]:
    await cloud.settle()
    try:
        found = await cloud.logs.FilterLogEvents(logGroupName="/aws/lambda/prints", filterPattern="got")
    except AwsError:
        return []
    return [json.loads(event["message"].removeprefix("got ")) for event in found["events"]]


async def test_a_function_is_invoked_where_its_policy_lets_the_rule(cloud, rule, function, send):
    await put_target(cloud, function)
    await send({"n": 1})
    assert await printed(cloud) == []
    await cloud.lambda_.AddPermission(
        FunctionName="prints",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    await send({"n": 2})
    assert [event["detail"] for event in await printed(cloud)] == [{"n": 2}]


async def test_a_functions_destination_may_be_a_bus(cloud, function, listen):
    allow = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    await cloud.iam.PutRolePolicy(RoleName="runs", PolicyName="events", PolicyDocument=document)
    bus = f"arn:aws:events:us-east-1:{cloud.account}:event-bus/default"
    await cloud.lambda_.PutFunctionEventInvokeConfig(
        FunctionName="prints", DestinationConfig={"OnSuccess": {"Destination": bus}}
    )
    await cloud.events.PutRule(Name="results", EventPattern=json.dumps({"source": ["lambda"]}))
    queue = await listen(rule="results")
    await cloud.lambda_.Invoke(FunctionName="prints", InvocationType="Event", Payload=b'{"n": 1}')
    (event,) = await queue.heard()
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert (event["detail"]["requestPayload"], event["resources"]) == ({"n": 1}, [f"{function}:$LATEST", bus])


# Log groups


async def test_a_log_group_gets_a_line_an_event(cloud, rule, send):
    await cloud.logs.CreateLogGroup(logGroupName="/aws/events/orders")
    arn = f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/aws/events/orders"
    await put_target(cloud, arn, RoleArn=await make_role(cloud, "logs:*"))
    answer = await send({"n": 1})
    await cloud.settle()
    (line,) = (await cloud.logs.FilterLogEvents(logGroupName="/aws/events/orders"))["events"]
    assert (json.loads(line["message"])["id"], line["timestamp"]) == (answer["EventId"], cloud.clock.now_ms())


async def test_without_a_role_the_log_groups_account_must_let_events_in(cloud, rule, send):
    await cloud.logs.CreateLogGroup(logGroupName="/aws/events/orders")
    arn = f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/aws/events/orders"
    await put_target(cloud, arn)
    for count in (0, 1):
        await send()
        await cloud.settle()
        found = await cloud.logs.FilterLogEvents(logGroupName="/aws/events/orders")
        assert len(found["events"]) == count
        policy = statement("logs:CreateLogStream", f"{arn}:*"), statement("logs:PutLogEvents", f"{arn}:*")
        for name, document in zip("ab", policy, strict=True):
            await cloud.logs.PutResourcePolicy(policyName=name, policyDocument=document)


# Buses


async def make_bus(cloud, listen, name: str):
    await cloud.events.CreateEventBus(Name=name)
    await cloud.events.PutRule(Name="all", EventBusName=name, EventPattern=BUS_PATTERN)
    return f"arn:aws:events:us-east-1:{cloud.account}:event-bus/{name}", await listen(name, rule="all", bus=name)


async def test_a_bus_gets_the_same_event_and_no_third_bus_does(cloud, rule, listen, send):
    second, heard_second = await make_bus(cloud, listen, "second")
    third, heard_third = await make_bus(cloud, listen, "third")
    dead = await listen("dead")
    await put_target(cloud, second)
    forward = {"Id": "third", "Arn": third, "DeadLetterConfig": {"Arn": dead.arn}}
    await cloud.events.PutTargets(Rule="all", EventBusName="second", Targets=[forward])
    answer = await send({"n": 1})
    (event,) = await heard_second.heard()
    assert (event["id"], event["source"]) == (answer["EventId"], "shop")
    assert await heard_third.heard() == []
    (letter,) = await dead.messages()
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "THIRD_ACCOUNT_HOP_DETECTED"


async def test_another_accounts_bus_must_let_the_sender_in(cloud, rule, listen, send):

    theirs = cloud.as_(root("111122223333"), "events")
    await theirs.PutRule(Name="all", EventPattern=BUS_PATTERN)
    bus = "arn:aws:events:us-east-1:111122223333:event-bus/default"
    queue, dead = await listen(), await listen("dead")
    await theirs.PutTargets(Rule="all", Targets=[{"Id": "1", "Arn": queue.arn}])
    await put_target(cloud, bus, DeadLetterConfig={"Arn": dead.arn})
    await send()
    assert (await queue.heard(), len(await dead.messages())) == ([], 1)
    await theirs.PutPermission(StatementId="us", Action="events:PutEvents", Principal=cloud.account)
    await send()
    assert [event["account"] for event in await queue.heard()] == [cloud.account]


# Services that come later


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:kinesis:us-east-1:000000000000:stream/s",
        "arn:aws:firehose:us-east-1:000000000000:deliverystream/d",
        "arn:aws:sns:us-east-1:000000000000:t",
        "arn:aws:states:us-east-1:000000000000:stateMachine:m",
        "arn:aws:logs:us-east-1:000000000000:log-group:g:*",
        "arn:aws:lambda:us-east-1:000000000000:function:f:alias",
        "arn:aws:sqs:us-east-1:000000000000:q",
    ],
)
def test_requests_are_as_the_targets_models_want_them(arn):
    told = {"target": {"Id": "1", "Arn": arn}, "rule": "arn:rule", "received_ms": 5, "trace": ""}
    event = {"id": "6f8b2a5e-64e5-4b9b-8d2c-b1f0b9d7ffb3"}
    for service, operation, request in target_kinds.requests_of(told, event, "{}", "http://localhost:4566"):
        model = models.load(service)
        op = model.operation(operation)
        assert not checker(op.shapes(model.protocols[0]), op.input)(request)


# Retries and dead letters


@pytest.fixture
def broken(cloud, monkeypatch):
    """Make every SendMessage to the queue `heard` fail: `broken(error)`; the times of the attempts."""
    attempts: list[int] = []
    invoke = cloud.pileus.invoke

    def broken(error: AwsError | None) -> list[int]:
        async def failing(call, request):
            if call.operation == "SendMessage" and request["QueueUrl"].endswith("/heard"):
                attempts.append(call.now_ms)
                if error is not None:
                    raise error
            return await invoke(call, request)

        monkeypatch.setattr(cloud.pileus, "invoke", failing)
        return attempts

    return broken


async def test_a_target_that_fails_is_tried_again_later_and_later(cloud, rule, listen, send, broken):
    queue = await listen(rule="orders")
    attempts = broken(ServiceUnavailable())
    await send({"n": 1})
    await cloud.advance(60_000)
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    assert len(pauses) >= 4
    assert all((1000 << at) / 2 <= pause <= 1000 << at for at, pause in enumerate(pauses))
    broken(None)
    await cloud.advance(60_000)
    assert [event["detail"] for event in await queue.heard()] == [{"n": 1}]


async def letter_after(cloud, dead, ms: int) -> dict[str, str]:
    await cloud.advance(ms)
    (letter,) = await dead.messages()
    return {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()} | {
        "body": letter["Body"]
    }


async def test_after_the_last_retry_the_event_is_a_dead_letter(cloud, rule, listen, send, broken):
    dead = await listen("dead")
    await listen(
        rule="orders",
        Input='"constant"',
        RetryPolicy={"MaximumRetryAttempts": 2},
        DeadLetterConfig={"Arn": dead.arn},
    )
    attempts = broken(ServiceUnavailable("busy"))
    answer = await send({"n": 1})
    letter = await letter_after(cloud, dead, 60_000)
    assert len(attempts) == 3
    body = orjson.loads(letter.pop("body"))
    assert (body["id"], body["detail"]) == (answer["EventId"], {"n": 1})
    assert letter == {
        "RULE_ARN": rule,
        "TARGET_ARN": f"arn:aws:sqs:us-east-1:{cloud.account}:heard",
        "ERROR_CODE": "INTERNAL_ERROR",
        "ERROR_MESSAGE": "busy",
        "RETRY_ATTEMPTS": "2",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }


async def test_an_event_that_grew_too_old_is_a_dead_letter(cloud, rule, listen, send, broken):
    dead = await listen("dead")
    await listen(rule="orders", RetryPolicy={"MaximumEventAgeInSeconds": 60}, DeadLetterConfig={"Arn": dead.arn})
    broken(ServiceUnavailable())
    await send()
    await cloud.advance(59_999)
    assert await dead.messages() == []
    letter = await letter_after(cloud, dead, 1)
    assert letter["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


async def test_without_a_policy_it_is_tried_for_a_day_at_most_185_times_more(cloud, rule, listen, send, broken):
    await listen(rule="orders")
    attempts = broken(ServiceUnavailable())
    await send()
    await cloud.advance(DAY_MS + 1)
    count = len(attempts)
    assert 150 < count <= 186
    await cloud.advance(DAY_MS)
    assert len(attempts) == count


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AwsError("no", code="AccessDenied", status=403), "NO_PERMISSIONS"),
        (AwsError("no", code="QueueDoesNotExist"), "NO_RESOURCE"),
        (AwsError("no", code="InvalidMessageContents"), "INVALID_PARAMETER"),
    ],
)
async def test_what_only_the_user_can_mend_is_not_tried_again(cloud, rule, listen, send, broken, error, code):
    dead = await listen("dead")
    await listen(rule="orders", DeadLetterConfig={"Arn": dead.arn})
    attempts = broken(error)
    await send()
    letter = await letter_after(cloud, dead, 0)
    assert (letter["ERROR_CODE"], letter["RETRY_ATTEMPTS"], len(attempts)) == (code, "0", 1)
    assert "EXHAUSTED_RETRY_CONDITION" not in letter


async def test_a_role_that_events_may_not_assume_is_a_dead_letter(cloud, rule, listen, send):
    dead = await listen("dead")
    role = await make_role(cloud, "sqs:SendMessage")
    await listen(rule="orders", RoleArn=role, DeadLetterConfig={"Arn": dead.arn})
    trust = TRUST.replace("events.amazonaws.com", "lambda.amazonaws.com")
    await cloud.iam.UpdateAssumeRolePolicy(RoleName="sends", PolicyDocument=trust)
    await send()
    assert (await letter_after(cloud, dead, 0))["ERROR_CODE"] == "FAILED_TO_ASSUME_ROLE"


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ThrottlingException", "ResourceConflictException"])
async def test_what_passes_is_tried_again(cloud, rule, listen, send, broken, code):
    queue = await listen(rule="orders")
    broken(AwsError("later", code=code))
    await send()
    await cloud.settle()
    broken(None)
    await cloud.advance(1000)
    assert len(await queue.heard()) == 1
