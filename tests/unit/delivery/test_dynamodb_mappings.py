"""Event source mappings of real DynamoDB streams; the function is played."""

import json
from datetime import UTC, datetime

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.lambda_.tests.material import allow
from tests.unit.delivery.playing import played_function

HOUR_MS = 3_600_000


@pytest.fixture
async def arn(cloud):
    made = await cloud.dynamodb.CreateTable(
        TableName="orders",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    await cloud.settle()
    await cloud.advance(10_000)
    return made["TableDescription"]["LatestStreamArn"]


@pytest.fixture
async def function(cloud):
    return await played_function(cloud, "logs:*", "sqs:*", "dynamodb:*")


@pytest.fixture
def map_(cloud, function, arn):
    async def map_(**more):
        request = {"FunctionName": "f", "EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON"} | more
        made = await cloud.lambda_.CreateEventSourceMapping(**request)
        await cloud.settle()
        return made["UUID"]

    return map_


async def put(cloud, *keys, **more):
    for key in keys:
        await cloud.dynamodb.PutItem(TableName="orders", Item={"p": {"S": key}, **more})
    await cloud.settle()


def keys(event):
    return [record["dynamodb"]["Keys"]["p"]["S"] for record in event["Records"]]


def seen(function):
    return [key for event in function.events for key in keys(event)]


async def result(cloud, uuid):
    return (await cloud.lambda_.GetEventSourceMapping(UUID=uuid))["LastProcessingResult"]


async def test_the_trim_horizon_has_all_of_a_day_and_the_latest_what_comes(cloud, function, map_):
    await put(cloud, "old")
    await cloud.advance(24 * HOUR_MS)
    await put(cloud, "a")
    first = await map_()
    assert seen(function) == ["a"]
    await cloud.lambda_.DeleteEventSourceMapping(UUID=first)
    await cloud.settle()
    function.events.clear()
    await map_(StartingPosition="LATEST")
    await put(cloud, "b")
    assert seen(function) == ["b"]


async def test_a_stream_has_no_timestamps_to_begin_at(cloud, map_):
    with pytest.raises(AwsError, match="InvalidParameterValueException"):
        await map_(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_table_is_no_event_source(cloud, function, map_, arn):
    table = arn.partition("/stream/")[0]
    with pytest.raises(AwsError, match="InvalidParameterValueException: Unrecognized event source, must be kinesis,"):
        await map_(EventSourceArn=table)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"eventName": ["INSERT"]}, ["a", "b"]),
        ({"eventName": ["MODIFY", "REMOVE"]}, ["a", "b"]),
        ({"dynamodb": {"NewImage": {"state": {"S": [{"prefix": "op"}]}}}}, ["a"]),
        ({"dynamodb": {"NewImage": {"gone": {"S": [{"exists": False}]}}, "Keys": {"p": {"S": ["b"]}}}}, ["b", "b"]),
        ({"dynamodb": {"NewImage": {"n": {"N": ["5"]}}}}, ["a"]),
        # A number is text there, so the numeric operators don't see it.
        ({"dynamodb": {"NewImage": {"n": {"N": [{"numeric": ["=", 5]}]}}}}, []),
        ({"dynamodb": {"OldImage": {"n": {"N": [{"anything-but": "5"}]}}}}, ["b"]),
        ({"eventName": ["INSERT"], "$or": [{"dynamodb": {"Keys": {"p": {"S": ["a"]}}}}, {"awsRegion": ["x"]}]}, ["a"]),
        ({"userIdentity": {"type": ["Service"]}}, []),
    ],
)
async def test_filters_see_the_record_as_dynamodb_writes_it(cloud, function, map_, pattern, expected):
    uuid = await map_(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    await put(cloud, "a", state={"S": "open"}, n={"N": "5"})
    await put(cloud, "b", state={"S": "shut"}, n={"N": "7"})
    await put(cloud, "a", state={"S": "shut"}, n={"N": "6"})
    await cloud.dynamodb.DeleteItem(TableName="orders", Key={"p": {"S": "b"}})
    await cloud.settle()
    assert seen(function) == expected
    assert await result(cloud, uuid) == ("OK" if expected else "No records processed")


async def test_records_follow_each_other_over_days_of_shards(cloud, function, map_):
    await map_()
    for n in range(20):
        await put(cloud, f"k{n}")
        await cloud.advance(HOUR_MS)
    assert seen(function) == [f"k{n}" for n in range(20)]


async def test_what_was_written_while_it_was_disabled_comes_when_it_is_enabled(cloud, function, map_):
    uuid = await map_(StartingPosition="LATEST")
    await put(cloud, "a")
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=False)
    await cloud.settle()
    await put(cloud, "b")
    await cloud.advance(10 * HOUR_MS)
    await put(cloud, "c")
    assert seen(function) == ["a"]
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=True)
    await cloud.settle()
    assert seen(function) == ["a", "b", "c"]


async def test_what_was_disabled_for_longer_than_a_day_goes_on_with_what_is_left(cloud, function, map_):
    uuid = await map_()
    await put(cloud, "a")
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=False)
    await cloud.settle()
    await put(cloud, "lost")
    await cloud.advance(24 * HOUR_MS)
    await put(cloud, "b")
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=True)
    await cloud.settle()
    assert seen(function) == ["a", "b"]


async def test_a_deleted_tables_last_records_come_and_then_its_stream_is_said_to_be_gone(cloud, function, map_, arn):
    uuid = await map_(MaximumBatchingWindowInSeconds=300)
    await put(cloud, "a")
    await cloud.dynamodb.DeleteTable(TableName="orders")
    await cloud.settle()
    assert seen(function) == ["a"]
    assert await result(cloud, uuid) == "OK"
    await cloud.advance(25 * HOUR_MS)
    found = await cloud.lambda_.GetEventSourceMapping(UUID=uuid)
    assert found["State"] == "Enabled"
    assert found["LastProcessingResult"].startswith("PROBLEM: ")
    assert arn in found["LastProcessingResult"]


async def test_an_alias_that_was_gone_is_served_from_where_it_was(cloud, function, map_):
    where = {"FunctionName": "f", "Name": "live"}
    await cloud.lambda_.CreateAlias(**where, FunctionVersion="$LATEST")
    uuid = await map_(FunctionName="f:live")
    await put(cloud, "a")
    await cloud.lambda_.DeleteAlias(**where)
    await cloud.settle()
    assert await result(cloud, uuid) == "PROBLEM: Function does not exist"
    await put(cloud, "b")
    await cloud.lambda_.CreateAlias(**where, FunctionVersion="$LATEST")
    await cloud.settle()
    assert seen(function) == ["a", "b"]


async def test_a_stream_that_opens_itself_to_the_role_is_read_at_once(cloud, function, map_, arn):
    await map_()
    await cloud.iam.PutRolePolicy(RoleName="runs", PolicyName="p", PolicyDocument=allow("logs:*"))
    await put(cloud, "a")
    assert seen(function) == []
    await cloud.advance(5 * HOUR_MS)
    role = f"arn:aws:iam::{cloud.account}:role/runs"
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "dynamodb:*", "Resource": arn}
    await cloud.dynamodb.PutResourcePolicy(
        ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    await cloud.settle()
    assert seen(function) == ["a"]


async def test_a_discarded_batch_is_described_as_dynamodbs(cloud, function, map_, arn):
    queue = (await cloud.sqs.CreateQueue(QueueName="given-up"))["QueueUrl"]
    function.answers = lambda event: ValueError()
    await map_(
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:given-up"}},
    )
    await put(cloud, "a")
    (message,) = (await cloud.sqs.ReceiveMessage(QueueUrl=queue))["Messages"]
    described = json.loads(message["Body"])["DDBStreamBatchInfo"]
    sequence_number = function.events[0]["Records"][0]["dynamodb"]["SequenceNumber"]
    assert described.pop("shardId").startswith("shardId-")
    assert described == {
        "startSequenceNumber": sequence_number,
        "endSequenceNumber": sequence_number,
        "approximateArrivalOfFirstRecord": "2026-01-01T00:00:10Z",
        "approximateArrivalOfLastRecord": "2026-01-01T00:00:10Z",
        "batchSize": 1,
        "streamArn": arn,
    }


async def test_windows_of_a_stream_carry_their_state(cloud, function, map_, arn):
    function.answers = lambda event: {"state": {"count": event["state"].get("count", 0) + len(event["Records"])}}
    await map_(TumblingWindowInSeconds=30)
    await put(cloud, "a")
    await put(cloud, "b")
    await cloud.advance(20_000)
    final = function.events[-1]
    assert final["isFinalInvokeForWindow"]
    assert final["window"] == {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:30Z"}
    assert (final["state"], final["eventSourceARN"], final["Records"]) == ({"count": 2}, arn, [])


async def test_lanes_keep_the_order_of_an_items_changes(cloud, function, map_):
    for n in range(12):
        await put(cloud, "a", "b", "c", n={"N": str(n)})
    fails = [True]
    function.answers = lambda event: ValueError() if "a" in keys(event) and fails and fails.pop() else None
    await map_(ParallelizationFactor=10, BatchSize=5)
    await cloud.advance(10_000)
    changes: dict[str, list[int]] = {}
    for event in function.events:
        for record in event["Records"]:
            image = record["dynamodb"]["NewImage"]
            changes.setdefault(image["p"]["S"], []).append(int(image["n"]["N"]))
    assert {key: list(dict.fromkeys(numbers)) for key, numbers in changes.items()} == {
        key: list(range(12)) for key in "abc"
    }
