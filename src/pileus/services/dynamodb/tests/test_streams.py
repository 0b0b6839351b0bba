from datetime import UTC, datetime

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root

HOUR_MS = 3_600_000
KEY = {"AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}]}


async def make_table(cloud, name="orders", view_type="NEW_AND_OLD_IMAGES"):
    """A table with a stream; returns the stream's ARN."""
    made = await cloud.dynamodb.CreateTable(
        TableName=name,
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view_type},
        **KEY,
    )
    await cloud.settle()
    return made["TableDescription"]["LatestStreamArn"]


async def put(cloud, p, table="orders", **attributes):
    await cloud.dynamodb.PutItem(TableName=table, Item={"p": {"S": p}, **attributes})


async def shards_of(cloud, arn):
    return (await cloud.dynamodbstreams.DescribeStream(StreamArn=arn))["StreamDescription"]["Shards"]


async def read(cloud, arn, kind="TRIM_HORIZON", shard=-1, **more):
    """What is read from there on, and whether the shard is at its end."""
    shard_id = (await shards_of(cloud, arn))[shard]["ShardId"]
    at = await cloud.dynamodbstreams.GetShardIterator(StreamArn=arn, ShardId=shard_id, ShardIteratorType=kind, **more)
    found = []
    iterator = at["ShardIterator"]
    while True:
        page = await cloud.dynamodbstreams.GetRecords(ShardIterator=iterator)
        found += page["Records"]
        iterator = page.get("NextShardIterator")
        if iterator is None or not page["Records"]:
            return found, iterator is None


def names(records):
    return [(record["eventName"], record["dynamodb"]["Keys"]["p"]["S"]) for record in records]


class TestRecords:
    async def test_a_record_says_what_was_done_in_the_order_it_was_done(self, cloud):
        arn = await make_table(cloud)
        await put(cloud, "a", n={"N": "1"})
        await put(cloud, "a", n={"N": "2"})
        await cloud.dynamodb.DeleteItem(TableName="orders", Key={"p": {"S": "a"}})
        records, _ = await read(cloud, arn)
        assert names(records) == [("INSERT", "a"), ("MODIFY", "a"), ("REMOVE", "a")]
        modified = records[1]["dynamodb"]
        assert modified["OldImage"] == {"p": {"S": "a"}, "n": {"N": "1"}}
        assert modified["NewImage"] == {"p": {"S": "a"}, "n": {"N": "2"}}
        assert "OldImage" not in records[0]["dynamodb"]
        assert "NewImage" not in records[2]["dynamodb"]
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
        assert numbers == sorted(numbers)
        assert len({record["eventID"] for record in records}) == 3

    @pytest.mark.parametrize(
        ("view_type", "images"),
        [
            ("KEYS_ONLY", set()),
            ("NEW_IMAGE", {"NewImage"}),
            ("OLD_IMAGE", {"OldImage"}),
            ("NEW_AND_OLD_IMAGES", {"NewImage", "OldImage"}),
        ],
    )
    async def test_the_view_type_says_which_images_there_are(self, cloud, view_type, images):
        arn = await make_table(cloud, view_type=view_type)
        await put(cloud, "a", n={"N": "1"})
        await put(cloud, "a", n={"N": "2"})
        records, _ = await read(cloud, arn)
        change = records[1]["dynamodb"]
        assert images == {"NewImage", "OldImage"} & change.keys()
        assert change["StreamViewType"] == view_type
        # p and a: two bytes; n and 1: three bytes.
        assert change["SizeBytes"] == 2 + 5 * len(images)

    async def test_a_put_that_changes_nothing_makes_no_record(self, cloud):
        arn = await make_table(cloud)
        await put(cloud, "a", n={"N": "1"})
        await put(cloud, "a", n={"N": "1.0"})
        await cloud.dynamodb.DeleteItem(TableName="orders", Key={"p": {"S": "never there"}})
        records, _ = await read(cloud, arn)
        assert names(records) == [("INSERT", "a")]

    async def test_the_order_in_which_attributes_are_sent_is_no_change(self, cloud):
        arn = await make_table(cloud)
        await put(cloud, "a", n={"N": "1"}, m={"N": "2"})
        await put(cloud, "a", m={"N": "2"}, n={"N": "1"})
        records, _ = await read(cloud, arn)
        assert names(records) == [("INSERT", "a")]

    async def test_an_expiry_carries_the_service_principal(self, cloud):
        arn = await make_table(cloud)
        await cloud.dynamodb.UpdateTimeToLive(
            TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
        )
        await put(cloud, "a", until={"N": str(cloud.at(60_000) // 1000)})
        await cloud.advance(120_000)
        records, _ = await read(cloud, arn)
        assert names(records) == [("INSERT", "a"), ("REMOVE", "a")]
        assert records[1]["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
        assert "userIdentity" not in records[0]

    async def test_records_are_read_for_24_hours(self, cloud):
        arn = await make_table(cloud)
        await put(cloud, "old")
        await cloud.advance(HOUR_MS)
        await put(cloud, "new")
        await cloud.advance(23 * HOUR_MS - 1)
        assert names((await read(cloud, arn, shard=0))[0]) == [("INSERT", "old"), ("INSERT", "new")]
        await cloud.advance(1)
        assert names((await read(cloud, arn, shard=0))[0]) == [("INSERT", "new")]


class TestUpdateTable:
    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ({"StreamEnabled": True}, "invalid: If stream is being enabled then UpdateViewType is required"),
            (
                {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"},
                "invalid: If stream is being disabled, then UpdateViewType must not be specified",
            ),
            (
                {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
                "ValidationException: Table already has an enabled stream: TableName: orders",
            ),
        ],
    )
    async def test_what_it_refuses_of_a_table_with_a_stream(self, cloud, asked, message):
        await make_table(cloud)
        with pytest.raises(AwsError, match=message):
            await cloud.dynamodb.UpdateTable(TableName="orders", StreamSpecification=asked)

    async def test_it_disables_no_stream_twice(self, cloud):
        await make_table(cloud)
        off = {"StreamEnabled": False}
        await cloud.dynamodb.UpdateTable(TableName="orders", StreamSpecification=off)
        await cloud.settle()
        with pytest.raises(AwsError, match="ValidationException: Table has no stream to disable: TableName: orders"):
            await cloud.dynamodb.UpdateTable(TableName="orders", StreamSpecification=off)


class TestIterators:
    async def test_latest_begins_behind_what_is_there(self, cloud):
        arn = await make_table(cloud)
        await put(cloud, "a")
        shard = (await shards_of(cloud, arn))[0]["ShardId"]
        at = await cloud.dynamodbstreams.GetShardIterator(StreamArn=arn, ShardId=shard, ShardIteratorType="LATEST")
        await put(cloud, "b")
        page = await cloud.dynamodbstreams.GetRecords(ShardIterator=at["ShardIterator"])
        assert names(page["Records"]) == [("INSERT", "b")]

    async def test_at_and_after_a_sequence_number(self, cloud):
        arn = await make_table(cloud)
        for p in "abc":
            await put(cloud, p)
        number = (await read(cloud, arn))[0][1]["dynamodb"]["SequenceNumber"]
        at, _ = await read(cloud, arn, "AT_SEQUENCE_NUMBER", SequenceNumber=number)
        after, _ = await read(cloud, arn, "AFTER_SEQUENCE_NUMBER", SequenceNumber=number)
        assert names(at) == [("INSERT", "b"), ("INSERT", "c")]
        assert names(after) == [("INSERT", "c")]

    async def test_an_iterator_lives_15_minutes(self, cloud):
        arn = await make_table(cloud)
        shard = (await shards_of(cloud, arn))[0]["ShardId"]
        at = await cloud.dynamodbstreams.GetShardIterator(StreamArn=arn, ShardId=shard, ShardIteratorType="LATEST")
        cloud.clock.advance(ms=15 * 60_000 - 1)
        await cloud.dynamodbstreams.GetRecords(ShardIterator=at["ShardIterator"])
        cloud.clock.advance(ms=1)
        with pytest.raises(AwsError, match="ExpiredIteratorException: Iterator expired"):
            await cloud.dynamodbstreams.GetRecords(ShardIterator=at["ShardIterator"])

    async def test_a_page_has_as_many_records_as_asked_for(self, cloud):
        arn = await make_table(cloud)
        for p in "abc":
            await put(cloud, p)
        shard = (await shards_of(cloud, arn))[0]["ShardId"]
        at = await cloud.dynamodbstreams.GetShardIterator(
            StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        page = await cloud.dynamodbstreams.GetRecords(ShardIterator=at["ShardIterator"], Limit=2)
        assert names(page["Records"]) == [("INSERT", "a"), ("INSERT", "b")]
        page = await cloud.dynamodbstreams.GetRecords(ShardIterator=page["NextShardIterator"], Limit=2)
        assert names(page["Records"]) == [("INSERT", "c")]

    async def test_a_page_has_at_most_a_megabyte(self, cloud):
        arn = await make_table(cloud, view_type="NEW_IMAGE")
        for p in "abc":
            await put(cloud, p, text={"S": "x" * 390_000})
        shard = (await shards_of(cloud, arn))[0]["ShardId"]
        at = await cloud.dynamodbstreams.GetShardIterator(
            StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        page = await cloud.dynamodbstreams.GetRecords(ShardIterator=at["ShardIterator"])
        assert names(page["Records"]) == [("INSERT", "a"), ("INSERT", "b")]

    async def test_what_was_trimmed_is_refused_by_number(self, cloud):
        arn = await make_table(cloud)
        await put(cloud, "old")
        await put(cloud, "older")
        number = (await read(cloud, arn))[0][0]["dynamodb"]["SequenceNumber"]
        await cloud.advance(HOUR_MS)
        await put(cloud, "new")
        await cloud.advance(23 * HOUR_MS)
        with pytest.raises(AwsError, match="TrimmedDataAccessException"):
            await read(cloud, arn, "AT_SEQUENCE_NUMBER", shard=0, SequenceNumber=number)

    @pytest.mark.parametrize("kind", ["TRIM_HORIZON", "LATEST"])
    async def test_a_sequence_number_is_for_those_who_need_one(self, cloud, kind):
        arn = await make_table(cloud)
        with pytest.raises(AwsError, match="ValidationException"):
            await read(cloud, arn, kind, SequenceNumber="1" * 21)
        with pytest.raises(AwsError, match="ValidationException"):
            await read(cloud, arn, "AT_SEQUENCE_NUMBER")

    @pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
    @pytest.mark.parametrize("number", ["9" * 21, "9" * 40, str(10**20 + (1 << 63) - 1)])
    async def test_a_sequence_number_greater_than_any_is_none(self, cloud, kind, number):
        arn = await make_table(cloud)
        with pytest.raises(AwsError, match=f"ValidationException: Invalid SequenceNumber: {number}"):
            await read(cloud, arn, kind, SequenceNumber=number)
        assert await read(cloud, arn, kind, SequenceNumber=str(10**20 + (1 << 63) - 2)) == ([], False)

    async def test_at_a_time(self, cloud):
        arn = await make_table(cloud)
        for p in "abcde":
            await put(cloud, p)
            cloud.clock.advance(ms=60_000)
        found, _ = await read(cloud, arn, "AT_TIMESTAMP", Timestamp=moment(cloud.at(2 * 60_000)))
        assert names(found) == [("INSERT", "c"), ("INSERT", "d"), ("INSERT", "e")]

    async def test_what_is_no_iterator(self, cloud):
        with pytest.raises(AwsError, match="ValidationException: Invalid ShardIterator"):
            await cloud.dynamodbstreams.GetRecords(ShardIterator="x" * 40)

    async def test_a_stream_is_read_in_its_tables_region(self, cloud):
        arn = await make_table(cloud)
        [shard] = await shards_of(cloud, arn)
        asked = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        here = await cloud.dynamodbstreams.GetShardIterator(**asked)
        west = cloud.as_(root(cloud.account), "dynamodbstreams", region="eu-west-1")
        for request in (
            west.DescribeStream(StreamArn=arn),
            west.GetShardIterator(**asked),
            west.GetRecords(ShardIterator=here["ShardIterator"]),
        ):
            with pytest.raises(AwsError, match="ResourceNotFoundException: Requested resource not found: Stream"):
                await request

    async def test_what_is_no_shard(self, cloud):
        arn = await make_table(cloud)
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await cloud.dynamodbstreams.GetShardIterator(
                StreamArn=arn, ShardId="shardId-" + "0" * 28, ShardIteratorType="LATEST"
            )


class TestShards:
    async def test_a_shard_is_followed_by_its_child_after_four_hours(self, cloud):
        arn = await make_table(cloud)
        await put(cloud, "a")
        await cloud.advance(4 * HOUR_MS - 1)
        assert len(await shards_of(cloud, arn)) == 1
        await cloud.advance(1)
        await put(cloud, "b")
        parent, child = await shards_of(cloud, arn)
        assert child["ParentShardId"] == parent["ShardId"]
        assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
        assert "EndingSequenceNumber" not in child["SequenceNumberRange"]
        records, is_end = await read(cloud, arn, shard=0)
        assert names(records) == [("INSERT", "a")]
        assert is_end
        assert names((await read(cloud, arn, shard=1))[0]) == [("INSERT", "b")]

    async def test_a_closed_shard_goes_after_24_hours(self, cloud):
        arn = await make_table(cloud)
        first = (await shards_of(cloud, arn))[0]["ShardId"]
        await cloud.advance(28 * HOUR_MS - 1)
        assert (await shards_of(cloud, arn))[0]["ShardId"] == first
        await cloud.advance(1)
        shards = await shards_of(cloud, arn)
        assert first not in {shard["ShardId"] for shard in shards}
        assert "ParentShardId" not in shards[0]

    async def test_the_children_of_a_shard(self, cloud):
        arn = await make_table(cloud)
        await cloud.advance(8 * HOUR_MS)
        shards = await shards_of(cloud, arn)
        answer = await cloud.dynamodbstreams.DescribeStream(
            StreamArn=arn, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": shards[0]["ShardId"]}
        )
        assert answer["StreamDescription"]["Shards"] == [shards[1]]

    async def test_shards_come_in_pages(self, cloud):
        arn = await make_table(cloud)
        await cloud.advance(8 * HOUR_MS)
        shards = await shards_of(cloud, arn)
        page = (await cloud.dynamodbstreams.DescribeStream(StreamArn=arn, Limit=2))["StreamDescription"]
        assert page["Shards"] == shards[:2]
        rest = await cloud.dynamodbstreams.DescribeStream(
            StreamArn=arn, ExclusiveStartShardId=page["LastEvaluatedShardId"]
        )
        assert rest["StreamDescription"]["Shards"] == shards[2:]
        assert "LastEvaluatedShardId" not in rest["StreamDescription"]


class TestStreams:
    async def test_a_stream_that_was_closed_is_read_for_24_hours(self, cloud):
        arn = await make_table(cloud)
        await put(cloud, "a")
        await cloud.dynamodb.UpdateTable(TableName="orders", StreamSpecification={"StreamEnabled": False})
        await cloud.settle()
        await put(cloud, "b")
        described = await cloud.dynamodbstreams.DescribeStream(StreamArn=arn)
        assert described["StreamDescription"]["StreamStatus"] == "DISABLED"
        assert names((await read(cloud, arn))[0]) == [("INSERT", "a")]
        await cloud.advance(24 * HOUR_MS)
        with pytest.raises(AwsError, match="ResourceNotFoundException: Requested resource not found: Stream"):
            await cloud.dynamodbstreams.DescribeStream(StreamArn=arn)
        assert (await cloud.dynamodbstreams.ListStreams())["Streams"] == []

    async def test_a_deleted_tables_stream_is_read_for_24_hours(self, cloud):
        arn = await make_table(cloud)
        await put(cloud, "a")
        await cloud.dynamodb.DeleteTable(TableName="orders")
        await cloud.settle()
        assert names((await read(cloud, arn))[0]) == [("INSERT", "a")]
        await cloud.advance(24 * HOUR_MS)
        assert (await cloud.dynamodbstreams.ListStreams())["Streams"] == []

    async def test_a_stream_that_is_opened_again_is_another(self, cloud):
        first = await make_table(cloud)
        await put(cloud, "a")
        for specification in (
            {"StreamEnabled": False},
            {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        ):
            cloud.clock.advance(ms=1000)
            await cloud.dynamodb.UpdateTable(TableName="orders", StreamSpecification=specification)
            await cloud.settle()
        table = (await cloud.dynamodb.DescribeTable(TableName="orders"))["Table"]
        second = table["LatestStreamArn"]
        assert second != first
        assert (await read(cloud, second))[0] == []
        assert names((await read(cloud, first))[0]) == [("INSERT", "a")]
        listed = await cloud.dynamodbstreams.ListStreams(TableName="orders")
        assert [stream["StreamArn"] for stream in listed["Streams"]] == [first, second]

    async def test_streams_have_labels_of_their_own_though_the_clock_stands_still(self, cloud):
        first = await make_table(cloud)
        await put(cloud, "a")
        await cloud.dynamodb.DeleteTable(TableName="orders")
        await cloud.settle()
        second = await make_table(cloud)
        await put(cloud, "b")
        assert first != second
        assert names((await read(cloud, second))[0]) == [("INSERT", "b")]
        assert names((await read(cloud, first))[0]) == [("INSERT", "a")]

    async def test_streams_come_in_pages_in_the_order_of_their_tables(self, cloud):
        arns = [await make_table(cloud, name) for name in ("aaa", "bbb", "ccc")]
        page = await cloud.dynamodbstreams.ListStreams(Limit=2)
        assert [stream["StreamArn"] for stream in page["Streams"]] == arns[:2]
        assert page["LastEvaluatedStreamArn"] == arns[1]
        rest = await cloud.dynamodbstreams.ListStreams(Limit=2, ExclusiveStartStreamArn=arns[1])
        assert [stream["StreamArn"] for stream in rest["Streams"]] == arns[2:]
        assert "LastEvaluatedStreamArn" not in rest

    @pytest.mark.parametrize(("limit", "is_taken"), [(100, True), (101, False)])
    async def test_a_page_lists_at_most_100(self, cloud, limit, is_taken):
        if is_taken:
            await cloud.dynamodbstreams.ListStreams(Limit=limit)
        else:
            with pytest.raises(AwsError, match="at 'limit' failed to satisfy constraint"):
                await cloud.dynamodbstreams.ListStreams(Limit=limit)

    async def test_what_is_no_stream(self, cloud):
        with pytest.raises(AwsError, match="ValidationException"):
            await cloud.dynamodbstreams.DescribeStream(StreamArn="x" * 40)
        arn = await make_table(cloud)
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await cloud.dynamodbstreams.DescribeStream(StreamArn=arn.replace("orders", "others"))


def moment(ms):
    return datetime.fromtimestamp(ms / 1000, UTC)
