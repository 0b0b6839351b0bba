"""DynamoDB Streams as functions' pollers read them."""

import json

import pytest

from pileus.delivery.sources import TRIM_HORIZON, Reader, SourceGone, SourceRefused
from pileus.kernel.principal import role_session, root
from pileus.services.dynamodb.event_source import EVENT_SOURCE
from pileus.services.dynamodb.tests.test_streams import HOUR_MS, make_table, put


def reader_of(cloud, arn, principal=None):
    async def who():
        return principal or root(cloud.account)

    return Reader(cloud.pileus, arn, who)


async def read(reader, shard, position=TRIM_HORIZON, limit=100):
    page = await EVENT_SOURCE.read(reader, shard, position, limit)
    return page, [record.event["dynamodb"]["Keys"]["p"]["S"] for record in page.records]


async def test_a_record_is_as_a_function_sees_it(cloud):
    arn = await make_table(cloud)
    await put(cloud, "a", blob={"B": b"\x00\x01"}, inner={"M": {"list": {"L": [{"B": b"x"}]}}})
    reader = reader_of(cloud, arn)
    [shard] = await EVENT_SOURCE.shards(reader)
    page, _ = await read(reader, shard.id)
    [record] = page.records
    event = json.loads(json.dumps(record.event))
    assert event["eventSource"] == "aws:dynamodb"
    assert event["eventSourceARN"] == arn
    assert event["eventName"] == "INSERT"
    assert event["dynamodb"]["ApproximateCreationDateTime"] == cloud.at(0) // 1000
    assert event["dynamodb"]["NewImage"]["blob"] == {"B": "AAE="}
    assert event["dynamodb"]["NewImage"]["inner"] == {"M": {"list": {"L": [{"B": "eA=="}]}}}
    assert event["dynamodb"]["SequenceNumber"] == record.sequence_number
    assert json.loads(record.key) == {"p": {"S": "a"}}


async def test_an_expiry_tells_its_identity_in_lower_case(cloud):
    arn = await make_table(cloud)
    await cloud.dynamodb.UpdateTimeToLive(
        TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
    )
    await put(cloud, "a", until={"N": str(cloud.at(60_000) // 1000)})
    await cloud.advance(120_000)
    reader = reader_of(cloud, arn)
    [shard] = await EVENT_SOURCE.shards(reader)
    page, _ = await read(reader, shard.id)
    assert page.records[1].event["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


async def test_reading_goes_on_after_a_position(cloud):
    arn = await make_table(cloud)
    for p in "abc":
        await put(cloud, p)
    reader = reader_of(cloud, arn)
    [shard] = await EVENT_SOURCE.shards(reader)
    page, keys = await read(reader, shard.id, limit=2)
    assert keys == ["a", "b"]
    page, keys = await read(reader, shard.id, page.records[-1].sequence_number)
    assert keys == ["c"]
    assert not page.is_end
    page, keys = await read(reader, shard.id, page.records[-1].sequence_number)
    assert (keys, page.is_end) == ([], False)


async def test_latest_is_behind_what_is_there(cloud):
    arn = await make_table(cloud)
    reader = reader_of(cloud, arn)
    [shard] = await EVENT_SOURCE.shards(reader)
    empty = await EVENT_SOURCE.begin(reader, shard.id, "LATEST", None)
    await put(cloud, "a")
    latest = await EVENT_SOURCE.begin(reader, shard.id, "LATEST", None)
    await put(cloud, "b")
    assert (await read(reader, shard.id, empty))[1] == ["a", "b"]
    assert (await read(reader, shard.id, latest))[1] == ["b"]


async def test_a_shards_child_names_its_parent_and_the_parent_ends(cloud):
    arn = await make_table(cloud)
    await put(cloud, "a")
    await cloud.advance(4 * HOUR_MS)
    reader = reader_of(cloud, arn)
    parent, child = await EVENT_SOURCE.shards(reader)
    assert child.parents == (parent.id,)
    page, keys = await read(reader, parent.id)
    assert keys == ["a"]
    assert page.is_end


async def test_what_expired_is_passed_over(cloud):
    arn = await make_table(cloud)
    await put(cloud, "old")
    reader = reader_of(cloud, arn)
    [shard] = await EVENT_SOURCE.shards(reader)
    page, _ = await read(reader, shard.id)
    await put(cloud, "older")
    await cloud.advance(HOUR_MS)
    await put(cloud, "new")
    await cloud.advance(23 * HOUR_MS)
    assert (await read(reader, shard.id, page.records[0].sequence_number))[1] == ["new"]
    await cloud.advance(24 * HOUR_MS)
    page, keys = await read(reader, shard.id, page.records[0].sequence_number)
    assert (keys, page.is_end) == ([], True)


async def test_a_stream_that_is_gone_says_so(cloud):
    arn = await make_table(cloud)
    reader = reader_of(cloud, arn.replace("orders", "others"))
    with pytest.raises(SourceGone):
        await EVENT_SOURCE.shards(reader)
    with pytest.raises(SourceRefused, match="Stream not found"):
        await EVENT_SOURCE.check(reader, timeout_s=3)


async def test_a_role_that_may_not_read_is_refused(cloud):
    arn = await make_table(cloud)
    await cloud.iam.CreateRole(RoleName="nobody", AssumeRolePolicyDocument=TRUST)
    principal = role_session(f"arn:aws:iam::{cloud.account}:role/nobody", "AROAEXAMPLE", "session")
    with pytest.raises(SourceRefused, match="Please ensure the role can perform the GetRecords"):
        await EVENT_SOURCE.check(reader_of(cloud, arn, principal), timeout_s=3)
    await EVENT_SOURCE.check(reader_of(cloud, arn), timeout_s=3)


@pytest.mark.parametrize("missing", [None, "GetRecords", "GetShardIterator", "DescribeStream", "ListStreams"])
async def test_a_role_needs_each_of_the_four_permissions(cloud, missing):
    arn = await make_table(cloud)
    actions = {"GetRecords", "GetShardIterator", "DescribeStream", "ListStreams"} - {missing}
    allowed = {"Effect": "Allow", "Action": [f"dynamodb:{action}" for action in sorted(actions)], "Resource": "*"}
    made = await cloud.iam.CreateRole(RoleName="reads", AssumeRolePolicyDocument=TRUST)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    await cloud.iam.PutRolePolicy(RoleName="reads", PolicyName="p", PolicyDocument=policy)
    reader = reader_of(cloud, arn, role_session(made["Role"]["Arn"], made["Role"]["RoleId"], "session"))
    if missing is None:
        await EVENT_SOURCE.check(reader, timeout_s=3)
        return
    with pytest.raises(SourceRefused, match="Please ensure the role can perform the GetRecords"):
        await EVENT_SOURCE.check(reader, timeout_s=3)


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


async def test_whoever_reads_hears_that_the_stream_is_gone(cloud):
    arn = await make_table(cloud)
    reader = reader_of(cloud, arn)
    await cloud.dynamodb.DeleteTable(TableName="orders")
    await cloud.settle()
    async with cloud.store.watch(EVENT_SOURCE.topic(reader, None)) as notices:
        await cloud.advance(25 * HOUR_MS)
        assert notices.arrived.is_set()
    with pytest.raises(SourceGone):
        await EVENT_SOURCE.shards(reader)
