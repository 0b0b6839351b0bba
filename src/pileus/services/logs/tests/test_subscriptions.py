"""Subscriptions to a function. Lambda is a stand-in that keeps what it was invoked with: the rest is real."""

import base64
import gzip
import json
from types import ModuleType, SimpleNamespace

import orjson
import pytest

from pileus.app import Pileus
from pileus.config import Settings
from pileus.kernel.clock import Clock
from pileus.kernel.errors import AwsError
from pileus.kernel.ids import Ids
from pileus.kernel.service import Service
from pileus.services import logs
from pileus.services.logs.background import PAYLOAD_MAX_BYTES, payloads
from pileus.store.blobs import Blobs
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store
from pileus.testing import STARTS_AT_MS as NOW
from pileus.testing import Cloud, Registry

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
GROUP_ARN = "arn:aws:logs:us-east-1:000000000000:log-group:app:*"


class Function:
    """What the stand-in keeps and does. `policy` is the function's."""

    def __init__(self):
        self.calls = []
        self.failures = []
        self.policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "logs.us-east-1.amazonaws.com"},
                    "Action": "lambda:InvokeFunction",
                    "Resource": ARN,
                    "Condition": {"ArnLike": {"aws:SourceArn": GROUP_ARN}},
                }
            ],
        }

    def service(self):
        module = ModuleType("lambda_stand_in")

        async def invoke(call, request):
            if request["InvocationType"] == "DryRun":
                return {"StatusCode": 204}
            self.calls.append((call.principal.service, call.source_arn, request["Payload"]))
            if self.failures:
                raise self.failures.pop(0)
            return {"StatusCode": 202}

        invoke.__module__ = module.__name__
        module.invoke = invoke
        authorize = SimpleNamespace(
            RESOURCES={"Invoke": lambda call, request: [request["FunctionName"]]},
            ACTIONS={"Invoke": "lambda:InvokeFunction"},
            resource_policy=lambda tx, call, arn: json.dumps(self.policy) if self.policy else None,
        )
        return Service("lambda", module, authorize)

    @property
    def received(self):
        return [
            orjson.loads(gzip.decompress(base64.b64decode(orjson.loads(payload)["awslogs"]["data"])))
            for _, _, payload in self.calls
        ]


@pytest.fixture
def function():
    return Function()


@pytest.fixture
async def cloud(tmp_path, function):
    clock, ids = Clock(frozen_at_ms=NOW), Ids(seed=1)
    store = Store(MemoryEngine(), clock, ids)
    registry = Registry([logs.SERVICE, function.service()])
    settings = Settings(data_dir=tmp_path, is_ephemeral=True, durability="none")
    pileus = Pileus(settings, store, Blobs(tmp_path / "blobs", ids, store), registry, clock=clock, ids=ids)
    await pileus.start()
    cloud = Cloud(pileus)
    await cloud.logs.CreateLogGroup(logGroupName="app")
    await cloud.logs.CreateLogStream(logGroupName="app", logStreamName="one")
    yield cloud
    await pileus.stop()


async def subscribe(cloud, name="errors", pattern="ERROR", group="app", **more):
    await cloud.logs.PutSubscriptionFilter(
        logGroupName=group, filterName=name, filterPattern=pattern, destinationArn=ARN, **more
    )


async def put(cloud, *messages):
    events = [{"timestamp": cloud.clock.now_ms() + at, "message": message} for at, message in enumerate(messages)]
    await cloud.logs.PutLogEvents(logGroupName="app", logStreamName="one", logEvents=events)


async def test_the_function_gets_what_matches(cloud, function):
    await subscribe(cloud)
    await put(cloud, "fine", "ERROR é", "ERROR 2")
    await put(cloud, "fine")
    await cloud.settle()
    ((caller, source_arn, _),) = function.calls
    assert (caller, source_arn) == ("logs.amazonaws.com", GROUP_ARN)
    found = await cloud.logs.FilterLogEvents(logGroupName="app", filterPattern="ERROR")
    ids = [event["eventId"] for event in found["events"]]
    assert function.received == [
        {
            "messageType": "DATA_MESSAGE",
            "owner": "000000000000",
            "logGroup": "app",
            "logStream": "one",
            "subscriptionFilters": ["errors"],
            "logEvents": [
                {"id": ids[0], "timestamp": NOW + 1, "message": "ERROR é"},
                {"id": ids[1], "timestamp": NOW + 2, "message": "ERROR 2"},
            ],
        }
    ]


async def test_throttling_is_tried_again_and_a_refusal_is_not(cloud, function):
    await subscribe(cloud)
    function.failures = [AwsError("slow down", code="TooManyRequestsException", status=429)]
    await put(cloud, "ERROR 1")
    await cloud.settle()
    await cloud.advance(1_000)
    assert len(function.calls) == 2
    function.failures = [AwsError("gone", code="ResourceNotFoundException", status=404)]
    await put(cloud, "ERROR 2")
    await cloud.settle()
    await cloud.advance(600_000)
    assert len(function.calls) == 3


async def test_faults_are_tried_again_for_a_day(cloud, function):
    await subscribe(cloud)
    function.failures = [AwsError("fault", code="ServiceException", status=500) for _ in range(10_000)]
    await put(cloud, "ERROR")
    await cloud.settle()
    await cloud.advance(25 * 3_600_000)
    tried = len(function.calls)
    assert tried > 100
    await cloud.advance(3_600_000)
    assert len(function.calls) == tried


async def test_a_function_that_logs_may_not_invoke_is_refused(cloud, function):
    function.policy = None
    with pytest.raises(AwsError) as caught:
        await subscribe(cloud)
    assert caught.value.code == "InvalidParameterException"
    assert caught.value.message.startswith("Could not execute the lambda function.")


async def test_a_group_has_two_subscriptions_at_most(cloud):
    await subscribe(cloud, "b")
    await subscribe(cloud, "a")
    with pytest.raises(AwsError) as caught:
        await subscribe(cloud, "c")
    assert caught.value.code == "LimitExceededException"
    await subscribe(cloud, "a", pattern="other")
    found = (await cloud.logs.DescribeSubscriptionFilters(logGroupName="app"))["subscriptionFilters"]
    assert [(each["filterName"], each["filterPattern"]) for each in found] == [("a", "other"), ("b", "ERROR")]
    await cloud.logs.DeleteSubscriptionFilter(logGroupName="app", filterName="a")
    await subscribe(cloud, "c")
    with pytest.raises(AwsError) as caught:
        await cloud.logs.DeleteSubscriptionFilter(logGroupName="app", filterName="a")
    assert caught.value.code == "ResourceNotFoundException"


async def test_a_function_can_not_subscribe_to_its_own_log(cloud):
    await cloud.logs.CreateLogGroup(logGroupName="/aws/lambda/f")
    with pytest.raises(AwsError) as caught:
        await subscribe(cloud, group="/aws/lambda/f")
    assert caught.value.code == "InvalidParameterException"


@pytest.mark.parametrize("service", ["kinesis", "firehose"])
async def test_other_destinations_are_refused_by_name(cloud, service):
    with pytest.raises(AwsError) as caught:
        await cloud.logs.PutSubscriptionFilter(
            logGroupName="app",
            filterName="x",
            filterPattern="",
            destinationArn=f"arn:aws:{service}:us-east-1:000000000000:stream/s",
        )
    assert caught.value.code == "NotImplemented"


def test_payloads_stay_below_what_lambda_takes():
    what = {"account": "0", "group": "g", "stream": "s", "filter": "f"}
    events = [[str(n), n, Ids(seed=n).hex(50_000)] for n in range(20)]
    made = payloads(what, events)
    assert len(made) > 1 and all(len(payload) <= PAYLOAD_MAX_BYTES + 100 for payload in made)
    seen = [
        event["id"]
        for payload in made
        for event in orjson.loads(gzip.decompress(base64.b64decode(orjson.loads(payload)["awslogs"]["data"])))[
            "logEvents"
        ]
    ]
    assert seen == [str(n) for n in range(20)]
