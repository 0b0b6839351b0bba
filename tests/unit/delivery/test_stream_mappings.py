"""Event source mappings of a stream: the stream is in memory where DynamoDB's would be, the function is played."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pileus.delivery.sources import SourceRefused
from pileus.kernel.errors import AwsError
from pileus.services.lambda_.tests.material import TRUST, allow, zipped
from tests.unit.delivery.playing import played_function
from tests.unit.delivery.polling import FakeStream

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000"
RECORDS_ARN = "arn:aws:sqs:us-east-1:000000000000:given-up"


@pytest.fixture
async def stream(cloud):
    stream = FakeStream(cloud)
    await stream.add_shard("shardId-1")
    cloud.pileus._ready["dynamodb"] = SimpleNamespace(source=lambda: stream, stop=None)
    return stream


@pytest.fixture
async def function(cloud, stream):
    return await played_function(cloud, "logs:*", "sqs:*", "s3:PutObject")


@pytest.fixture
def map_(cloud, function):
    async def map_(**more):
        request = {"FunctionName": "f", "EventSourceArn": ARN, "StartingPosition": "TRIM_HORIZON"} | more
        made = await cloud.lambda_.CreateEventSourceMapping(**request)
        await cloud.settle()
        return made["UUID"]

    return map_


def seen(function):
    return [record["n"] for event in function.events for record in event["Records"]]


async def put(cloud, stream, *data):
    await stream.put(*data, shard="shardId-1")
    await cloud.settle()


async def test_a_mapping_of_a_stream_shows_what_holds(cloud, stream, map_):
    uuid = await map_(
        StartingPosition="LATEST",
        MaximumRetryAttempts=3,
        MaximumRecordAgeInSeconds=60,
        BisectBatchOnFunctionError=True,
        ParallelizationFactor=2,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    found = await cloud.lambda_.GetEventSourceMapping(UUID=uuid)
    for member in ("UUID", "EventSourceMappingArn", "LastModified"):
        assert found.pop(member)
    assert found == {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": ARN,
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "State": "Enabled",
        "StateTransitionReason": "User action",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "StartingPosition": "LATEST",
        "LastProcessingResult": "No records processed",
        "ParallelizationFactor": 2,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 3,
        "MaximumRecordAgeInSeconds": 60,
        "TumblingWindowInSeconds": 0,
        "DestinationConfig": {"OnFailure": {}},
    }


async def test_results_show_as_the_last_one(cloud, stream, function, map_):
    uuid = await map_()

    async def last():
        return (await cloud.lambda_.GetEventSourceMapping(UUID=uuid))["LastProcessingResult"]

    await put(cloud, stream, 1)
    assert await last() == "OK"
    function.answers = lambda event: ValueError()
    await put(cloud, stream, 2)
    assert await last() == "PROBLEM: Function call failed"
    function.answers = lambda event: None
    await cloud.advance(1000)
    assert await last() == "OK"


async def test_disabled_it_keeps_its_place(cloud, stream, function, map_):
    uuid = await map_()
    await put(cloud, stream, 1)
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=False)
    await cloud.settle()
    await put(cloud, stream, 2)
    assert seen(function) == [1]
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=True)
    await cloud.settle()
    assert seen(function) == [1, 2]


async def test_a_new_mapping_begins_where_it_says_and_not_where_a_deleted_one_was(cloud, stream, function, map_):
    uuid = await map_()
    await put(cloud, stream, 1)
    await cloud.lambda_.DeleteEventSourceMapping(UUID=uuid)
    await cloud.settle()
    await map_()
    assert seen(function) == [1, 1]


async def test_what_is_given_up_is_told_to_a_queue(cloud, stream, function, map_):
    url = (await cloud.sqs.CreateQueue(QueueName="given-up"))["QueueUrl"]
    function.answers = lambda event: ValueError()
    await map_(MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": RECORDS_ARN}})
    await put(cloud, stream, 1, 2)
    await cloud.advance(10_000)
    (message,) = (await cloud.sqs.ReceiveMessage(QueueUrl=url))["Messages"]
    record = json.loads(message["Body"])
    assert record["requestContext"].pop("requestId")
    assert record == {
        "requestContext": {
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-01-01T00:00:00.500Z",
        "FakeBatchInfo": {
            "shardId": "shardId-1",
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "approximateArrivalOfFirstRecord": "2026-01-01T00:00:00Z",
            "approximateArrivalOfLastRecord": "2026-01-01T00:00:00Z",
            "batchSize": 2,
            "streamArn": ARN,
        },
    }


async def test_what_is_given_up_goes_to_a_bucket_with_its_batch(cloud, stream, function, map_):
    await cloud.s3.CreateBucket(Bucket="given-up")
    function.answers = lambda event: ValueError()
    uuid = await map_(MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::given-up"}})
    await put(cloud, stream, 7)
    await cloud.advance(1)
    (item,) = (await cloud.s3.ListObjectsV2(Bucket="given-up"))["Contents"]
    assert item["Key"].startswith(f"aws/lambda/{uuid}/shardId-1/2026/01/01/2026-01-01T00.00.00-")
    body = (await cloud.s3.GetObject(Bucket="given-up", Key=item["Key"]))["Body"]
    text = b"".join([chunk async for chunk in body]) if not isinstance(body, bytes) else body
    assert json.loads(json.loads(text)["payload"])["Records"][0]["n"] == 7


TO_A_QUEUE = {"DestinationConfig": {"OnFailure": {"Destination": RECORDS_ARN}}}
TO_A_BUCKET = {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::given-up"}}}


@pytest.mark.parametrize(
    ("destination", "service", "make"),
    [(TO_A_QUEUE, "sqs", {"QueueName": "given-up"}), (TO_A_BUCKET, "s3", {"Bucket": "given-up"})],
)
async def test_a_destination_must_be_there_when_it_is_named(cloud, stream, map_, destination, service, make):
    arn = destination["DestinationConfig"]["OnFailure"]["Destination"]
    with pytest.raises(AwsError, match=f"InvalidParameterValueException: The destination ARN {arn} is invalid."):
        await map_(**destination)
    uuid = await map_()
    with pytest.raises(AwsError, match=f"InvalidParameterValueException: The destination ARN {arn} is invalid."):
        await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, **destination)
    await getattr(getattr(cloud, service), "CreateQueue" if service == "sqs" else "CreateBucket")(**make)
    updated = await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, **destination)
    assert updated["DestinationConfig"] == destination["DestinationConfig"]


@pytest.mark.parametrize(("destination", "operation"), [(TO_A_QUEUE, "SendMessage"), (TO_A_BUCKET, "PutObject")])
async def test_the_role_must_be_able_to_send_to_the_destination(cloud, stream, map_, destination, operation):
    await cloud.sqs.CreateQueue(QueueName="given-up")
    await cloud.s3.CreateBucket(Bucket="given-up")
    await cloud.iam.PutRolePolicy(RoleName="runs", PolicyName="p", PolicyDocument=allow("logs:*"))
    words = f"InvalidParameterValueException: .*role does not have permissions to call {operation} on "
    with pytest.raises(AwsError, match=words):
        await map_(**destination)
    uuid = await map_()
    with pytest.raises(AwsError, match=words):
        await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, **destination)
    await cloud.iam.PutRolePolicy(
        RoleName="runs", PolicyName="p", PolicyDocument=allow("sqs:SendMessage", "s3:PutObject")
    )
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, **destination)


async def test_another_functions_role_must_be_able_to_send_there_too(cloud, stream, map_):
    await cloud.sqs.CreateQueue(QueueName="given-up")
    uuid = await map_(**TO_A_QUEUE)
    role = await cloud.iam.CreateRole(RoleName="other", AssumeRolePolicyDocument=TRUST)
    await cloud.lambda_.CreateFunction(
        FunctionName="g",
        Runtime="python3.11",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": zipped()},
    )
    with pytest.raises(AwsError, match="does not have permissions to call SendMessage"):
        await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, FunctionName="g")


@pytest.mark.parametrize("nothing", [{}, {"OnFailure": {"Destination": ""}}])
async def test_a_destination_is_taken_away_by_naming_none(cloud, stream, map_, nothing):
    await cloud.sqs.CreateQueue(QueueName="given-up")
    uuid = await map_(**TO_A_QUEUE)
    updated = await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, DestinationConfig=nothing)
    assert updated["DestinationConfig"] == {"OnFailure": {}}


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (
            {"StartingPosition": None},
            "ValidationException",
            "'startingPosition' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"StartingPosition": "AT_TIMESTAMP"},
            "InvalidParameterValueException",
            "Unsupported starting position for arn",
        ),
        (
            {"DestinationConfig": {"OnFailure": {}}},
            "InvalidParameterValueException",
            "The Destination field is required for an OnFailure configuration.",
        ),
        (
            {"ScalingConfig": {"MaximumConcurrency": 2}},
            "InvalidParameterValueException",
            "Unsupported 'ScalingConfig' parameter for given event source mapping type.",
        ),
        ({"BatchSize": 10_001}, "ValidationException", "batchSize"),
        ({"ParallelizationFactor": 0}, "ValidationException", "parallelizationFactor"),
        ({"ParallelizationFactor": 11}, "ValidationException", "parallelizationFactor"),
        ({"TumblingWindowInSeconds": -1}, "ValidationException", "tumblingWindowInSeconds"),
        ({"TumblingWindowInSeconds": 901}, "ValidationException", "tumblingWindowInSeconds"),
        ({"MaximumRetryAttempts": -2}, "ValidationException", "maximumRetryAttempts"),
        ({"MaximumRetryAttempts": 10_001}, "ValidationException", "maximumRetryAttempts"),
        ({"MaximumRecordAgeInSeconds": 604_801}, "ValidationException", "maximumRecordAgeInSeconds"),
        (
            {"StartingPositionTimestamp": datetime(2026, 1, 1, tzinfo=UTC)},
            "InvalidParameterValueException",
            "valid for the starting position AT_TIMESTAMP only",
        ),
        ({"MaximumRecordAgeInSeconds": 59}, "InvalidParameterValueException", "must be -1 or at least 60"),
        ({"TumblingWindowInSeconds": 60, "ParallelizationFactor": 2}, "NotImplemented", "TumblingWindowInSeconds"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "kafka://topic"}}}, "NotImplemented", "Kafka"),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": RECORDS_ARN}}},
            "InvalidParameterValueException",
            "OnSuccess",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:lambda:us-east-1:000000000000:function:f"}}},
            "InvalidParameterValueException",
            "DestinationConfig is invalid",
        ),
    ],
)
async def test_what_can_not_be_mapped_is_refused(cloud, stream, map_, more, code, words):
    with pytest.raises(AwsError) as refusal:
        await map_(**more)
    assert refusal.value.code == code
    assert words in refusal.value.message


@pytest.mark.parametrize(
    "more",
    [
        {"BatchSize": 1},
        {"BatchSize": 10_000},
        {"ParallelizationFactor": 10},
        {"TumblingWindowInSeconds": 900},
        {"MaximumRetryAttempts": -1},
        {"MaximumRetryAttempts": 10_000},
        {"MaximumRecordAgeInSeconds": -1},
        {"MaximumRecordAgeInSeconds": 60},
        {"MaximumRecordAgeInSeconds": 604_800},
    ],
)
async def test_what_is_within_the_limits_is_mapped(cloud, stream, map_, more):
    uuid = await map_(**more)
    found = await cloud.lambda_.GetEventSourceMapping(UUID=uuid)
    assert found["State"] == "Enabled"
    assert found.items() >= more.items()


@pytest.mark.parametrize(("ahead_ms", "is_taken"), [(0, True), (1, False)])
async def test_no_mapping_begins_in_the_future(cloud, stream, map_, ahead_ms, is_taken):
    limits = replace(stream.limits(None), starting_positions=frozenset({"AT_TIMESTAMP"}))
    stream.limits = lambda arn: limits
    at = datetime.fromtimestamp((cloud.clock.now_ms() + ahead_ms) / 1000, UTC)
    request = {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": at}
    if is_taken:
        found = await cloud.lambda_.GetEventSourceMapping(UUID=await map_(**request))
        assert found["StartingPositionTimestamp"] == at
    else:
        with pytest.raises(AwsError, match="StartingPositionTimestamp cannot be in the future"):
            await map_(**request)
    with pytest.raises(AwsError, match="InvalidParameterValueException: Need to specify a timestamp"):
        await map_(StartingPosition="AT_TIMESTAMP")


async def test_the_plug_in_has_a_say(cloud, stream, map_):
    async def check(reader, *, timeout_s):
        raise SourceRefused("Cannot access stream.")

    stream.check = check
    with pytest.raises(AwsError, match="InvalidParameterValueException: Cannot access"):
        await map_()


async def test_one_mapping_a_stream_and_function(cloud, stream, map_):
    uuid = await map_()
    with pytest.raises(AwsError) as refusal:
        await map_()
    assert refusal.value.message == (
        f'The event source arn (" {ARN} ") and function (" f ") provided mapping already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}"
    )


async def test_sams_dynamodb_event_brings_the_mapping_and_the_permission(cloud, stream, function):
    body = json.dumps(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {
                "G": {
                    "Type": "AWS::Serverless::Function",
                    "Properties": {
                        "InlineCode": "def handler(event, context):\n    return None\n",
                        "Handler": "index.handler",
                        "Runtime": "python3.11",
                        "Events": {
                            "Changes": {
                                "Type": "DynamoDB",
                                "Properties": {
                                    "Stream": ARN,
                                    "StartingPosition": "TRIM_HORIZON",
                                    "BatchSize": 7,
                                    "MaximumRetryAttempts": 3,
                                    "BisectBatchOnFunctionError": True,
                                    "ParallelizationFactor": 2,
                                    "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": RECORDS_ARN}},
                                },
                            }
                        },
                    },
                },
            },
        }
    )
    await cloud.sqs.CreateQueue(QueueName="given-up")
    await cloud.cloudformation.CreateStack(
        StackName="app", TemplateBody=body, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    await cloud.settle()
    await cloud.advance(60_000)
    stack = (await cloud.cloudformation.DescribeStacks(StackName="app"))["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    (mapping,) = (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"]
    assert (mapping["State"], mapping["BatchSize"], mapping["MaximumRetryAttempts"]) == ("Enabled", 7, 3)
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": RECORDS_ARN}}
    await put(cloud, stream, 1)
    assert seen(function) == [1]


async def test_a_stacks_mapping_changes_and_loses_its_destination(cloud, stream, function):
    await cloud.sqs.CreateQueue(QueueName="given-up")
    properties = {"FunctionName": "f", "EventSourceArn": ARN, "StartingPosition": "TRIM_HORIZON"}

    async def deploy(operation, **more):
        resource = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {**properties, **more}}
        await operation(StackName="s", TemplateBody=json.dumps({"Resources": {"M": resource}}))
        await cloud.settle()
        await cloud.advance(60_000)
        return (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"][0]

    made = await deploy(
        cloud.cloudformation.CreateStack, **TO_A_QUEUE, MaximumRetryAttempts=2, TumblingWindowInSeconds=9
    )
    assert made["DestinationConfig"] == TO_A_QUEUE["DestinationConfig"]
    changed = await deploy(cloud.cloudformation.UpdateStack, MaximumRecordAgeInSeconds=60)
    assert changed["UUID"] == made["UUID"]
    assert changed["DestinationConfig"] == {"OnFailure": {}}
    numbers = [changed[f"{name}"] for name in ("MaximumRetryAttempts", "TumblingWindowInSeconds")]
    assert (*numbers, changed["MaximumRecordAgeInSeconds"]) == (-1, 0, 60)


async def test_a_batch_that_fails_for_ever_is_given_up_when_its_records_expire(cloud, stream, function, map_):
    limits = stream.limits(None)
    stream.limits = lambda arn: replace(limits, retention_ms=86_400_000)
    function.answers = lambda event: ValueError() if event["Records"][0]["n"] == 1 else None
    await map_(BatchSize=1)
    await put(cloud, stream, 1)
    await cloud.advance(86_300_000)
    await put(cloud, stream, 2)
    assert 2 not in seen(function)
    await cloud.advance(300_000)
    assert 2 in seen(function)
