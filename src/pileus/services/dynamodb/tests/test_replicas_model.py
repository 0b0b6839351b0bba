"""Whatever is written in whatever region, and however changes are delivered: all regions come to the same tables.

Of concurrent changes of an item the last one stays, as the region had it where it was made.
"""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.dynamodb.state import replicas, replication
from pileus.services.dynamodb.tests.conftest import index, schema

REGIONS = ("us-east-1", "eu-west-1", "sa-east-1")
NAMES = count()

_region, _key, _value = st.sampled_from(REGIONS), st.sampled_from("abc"), st.integers(0, 2)
_actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _region, _key, _value),
        st.tuples(st.just("put if absent"), _region, _key, _value),
        st.tuples(st.just("add"), _region, _key, st.integers(1, 3)),
        st.tuples(st.just("delete"), _region, _key),
        st.tuples(st.just("put together"), _region, st.lists(_key, unique=True, min_size=2), _value),
        st.tuples(st.just("deliver"), _region, st.integers(1, 3)),
    ),
    min_size=1,
    max_size=25,
)


class Global:
    """A table in three regions, whose changes are delivered by hand."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.name = f"table-{next(NAMES)}"
        self.clients = {region: self.client("dynamodb", region) for region in REGIONS}
        self.expected = {}

    def client(self, service, region):
        return self.cloud.as_(root(self.cloud.account), service, region=region)

    async def make(self):
        first = self.clients[REGIONS[0]]
        await first.CreateTable(
            TableName=self.name,
            **schema("p", v="N"),
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[index("by_v", "v")],
        )
        await self.cloud.settle()
        for region in REGIONS[1:]:
            await first.UpdateTable(TableName=self.name, ReplicaUpdates=[{"Create": {"RegionName": region}}])
            await self.cloud.settle()

    async def get(self, region, key):
        return (await self.clients[region].GetItem(TableName=self.name, Key=self.key(key))).get("Item")

    def key(self, key):
        return {"p": {"S": key}}

    async def run(self, kind, region, *asked):
        if kind == "deliver":
            await self.deliver(region, *asked)
            return
        keys = asked[0] if isinstance(asked[0], list) else [asked[0]]
        before = [await self.get(region, key) for key in keys]
        await self.write(kind, region, *asked)
        for key, had in zip(keys, before, strict=True):
            has = await self.get(region, key)
            if has != had:  # what changes nothing goes nowhere
                self.expected[key] = has

    async def write(self, kind, region, *asked):
        client, named = self.clients[region], {"TableName": self.name}
        if kind == "put together":
            items = [self.key(key) | {"v": {"N": str(asked[1])}} for key in asked[0]]
            await client.TransactWriteItems(TransactItems=[{"Put": {**named, "Item": item}} for item in items])
            return
        key = self.key(asked[0])
        if kind == "delete":
            await client.DeleteItem(**named, Key=key)
        elif kind == "add":
            added = {"UpdateExpression": "ADD v :n", "ExpressionAttributeValues": {":n": {"N": str(asked[1])}}}
            await client.UpdateItem(**named, Key=key, **added)
        else:
            condition = {"ConditionExpression": "attribute_not_exists(p)"} if kind == "put if absent" else {}
            is_there = await self.get(region, asked[0]) is not None
            try:
                await client.PutItem(**named, Item=key | {"v": {"N": str(asked[1])}}, **condition)
            except AwsError as error:
                assert error.code == "ConditionalCheckFailedException"
                assert is_there  # in this region, whatever others have
            else:
                assert not condition or not is_there

    async def deliver(self, region, at_once):
        def push(tx):
            table = replicas.TABLES.get(tx, self.cloud.account, region, self.name)
            replication.push(tx, str(table.id))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(replication, "AT_ONCE", at_once)
            await self.cloud.store.write(push)

    async def items(self, region, **asked):
        found = (await self.clients[region].Scan(TableName=self.name, **asked))["Items"]
        return {item["p"]["S"]: item for item in found}

    async def told(self, region):
        """What one has who follows the region's stream."""
        streams = self.client("dynamodbstreams", region)
        arn = (await self.clients[region].DescribeTable(TableName=self.name))["Table"]["LatestStreamArn"]
        items = {}
        [shard] = (await streams.DescribeStream(StreamArn=arn))["StreamDescription"]["Shards"]
        asked = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = (await streams.GetShardIterator(**asked))["ShardIterator"]
        for record in (await streams.GetRecords(ShardIterator=iterator))["Records"]:
            change = record["dynamodb"]
            key = change["Keys"]["p"]["S"]
            assert items.pop(key, None) == change.get("OldImage")
            if "NewImage" in change:
                items[key] = change["NewImage"]
        return items


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=_actions)
async def test_all_regions_converge(cloud, actions):
    table = Global(cloud)
    await table.make()
    for action in actions:
        await table.run(*action)
    await cloud.settle()
    expected = {key: item for key, item in table.expected.items() if item is not None}
    for region in REGIONS:
        assert await table.items(region) == expected
        assert await table.items(region, IndexName="by_v") == expected
        assert await table.told(region) == expected
        described = (await table.clients[region].DescribeTable(TableName=table.name))["Table"]
        assert described["ItemCount"] == described["GlobalSecondaryIndexes"][0]["ItemCount"] == len(expected)
