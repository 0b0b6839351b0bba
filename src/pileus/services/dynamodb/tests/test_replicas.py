"""Global tables, version 2019.11.21."""

import json
import random

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root, user
from pileus.services.dynamodb.state import replicas, replication, steps

HOUR_MS = 3_600_000
EAST, WEST, SOUTH = "us-east-1", "eu-west-1", "sa-east-1"
BOTH_IMAGES = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.fixture
def regions(cloud):
    """The table's operations in each region: regions[WEST].PutItem(...)."""
    return {region: cloud.as_(root(cloud.account), "dynamodb", region=region) for region in (EAST, WEST, SOUTH)}


async def make_table(cloud, **more):
    asked = {
        "TableName": "orders",
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": BOTH_IMAGES,
    } | more
    await cloud.dynamodb.CreateTable(**{name: value for name, value in asked.items() if value is not None})
    await cloud.settle()


async def update(client, **asked):
    return (await client.UpdateTable(TableName="orders", **asked))["TableDescription"]


async def add(cloud, client, region, **more):
    await update(client, ReplicaUpdates=[{"Create": {"RegionName": region, **more}}])
    await cloud.settle()


async def remove(cloud, client, region):
    await update(client, ReplicaUpdates=[{"Delete": {"RegionName": region}}])
    await cloud.settle()


async def make_global(cloud, regions, *others, **more):
    await make_table(cloud, **more)
    for region in others or (WEST,):
        await add(cloud, regions[EAST], region)


async def described(client):
    return (await client.DescribeTable(TableName="orders"))["Table"]


async def statuses(client):
    return {r["RegionName"]: r["ReplicaStatus"] for r in (await described(client)).get("Replicas", ())}


async def put(client, p, **attributes):
    item = {"p": {"S": p}} | {name: {"N": str(value)} for name, value in attributes.items()}
    await client.PutItem(TableName="orders", Item=item)


async def delete(client, p):
    await client.DeleteItem(TableName="orders", Key={"p": {"S": p}})


async def items(client):
    found = (await client.Scan(TableName="orders"))["Items"]
    return {item["p"]["S"]: {k: int(v["N"]) for k, v in item.items() if k != "p"} for item in found}


async def records(cloud, client, region):
    """(name, keys, user identity) of all records of the table's stream."""
    streams = cloud.as_(root(cloud.account), "dynamodbstreams", region=region)
    arn = (await described(client))["LatestStreamArn"]
    found = []
    for shard in (await streams.DescribeStream(StreamArn=arn))["StreamDescription"]["Shards"]:
        request = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = (await streams.GetShardIterator(**request))["ShardIterator"]
        found += (await streams.GetRecords(ShardIterator=iterator))["Records"]
    return [(r["eventName"], r["dynamodb"]["Keys"]["p"]["S"], r.get("userIdentity")) for r in found]


def record(tx, cloud, region):
    return replicas.TABLES.get(tx, cloud.account, region, "orders")


def kept(cloud):
    """Rows of changes that wait."""
    return cloud.store.look(
        lambda tx: sum(len(list(tx.scan(prefix, prefix + b"\xff"))) for prefix in (replicas.WAITING, replicas.LINE))
    )[0]


# Making replicas


async def test_a_replica_is_a_table_of_the_same_name_in_the_other_region(cloud, regions):
    await make_table(
        cloud,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("p", "a")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_a",
                "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        Tags=[{"Key": "team", "Value": "shop"}],
        DeletionProtectionEnabled=True,
    )
    made = await update(regions[EAST], ReplicaUpdates=[{"Create": {"RegionName": WEST}}])
    assert made["TableStatus"] == "UPDATING"
    assert [(r["RegionName"], r["ReplicaStatus"]) for r in made["Replicas"]] == [(WEST, "CREATING")]
    await cloud.settle()
    east, west = await described(regions[EAST]), await described(regions[WEST])
    assert (east["TableStatus"], west["TableStatus"]) == ("ACTIVE", "ACTIVE")
    assert east["GlobalTableVersion"] == west["GlobalTableVersion"] == "2019.11.21"
    assert await statuses(regions[EAST]) == {WEST: "ACTIVE"}
    assert await statuses(regions[WEST]) == {EAST: "ACTIVE"}
    for same in ("KeySchema", "AttributeDefinitions", "BillingModeSummary", "StreamSpecification"):
        assert east[same] == west[same]
    assert west["TableArn"] == east["TableArn"].replace(EAST, WEST)
    assert west["TableId"] != east["TableId"]
    assert west["LatestStreamArn"].startswith(west["TableArn"])
    assert [(i["IndexName"], i["IndexStatus"]) for i in west["GlobalSecondaryIndexes"]] == [("by_a", "ACTIVE")]
    assert (await regions[WEST].ListTagsOfResource(ResourceArn=west["TableArn"]))["Tags"] == []
    assert (east["DeletionProtectionEnabled"], west["DeletionProtectionEnabled"]) == (True, False)


async def test_a_replica_takes_no_requests_before_it_is_filled(cloud, regions):
    await make_table(cloud)
    await update(regions[EAST], ReplicaUpdates=[{"Create": {"RegionName": WEST}}])
    with pytest.raises(AwsError, match="Requested resource not found"):
        await put(regions[WEST], "a")
    await put(regions[EAST], "a")
    with pytest.raises(AwsError, match="in use"):
        await update(regions[EAST], ReplicaUpdates=[{"Create": {"RegionName": SOUTH}}])
    await cloud.settle()
    assert await items(regions[WEST]) == {"a": {}}


async def test_a_table_without_a_stream_gets_one(cloud, regions):
    await make_table(cloud, StreamSpecification=None)
    await add(cloud, regions[EAST], WEST)
    for region in (EAST, WEST):
        assert (await described(regions[region]))["StreamSpecification"] == BOTH_IMAGES


@pytest.mark.parametrize(
    ("table", "region", "text"),
    [
        ({}, EAST, "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable"),
        (
            {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}},
            WEST,
            "Table write capacity should either be Pay-Per-Request or AutoScaled.",
        ),
        ({}, "nowhere", "ValidationException: Region nowhere is not supported"),
    ],
)
async def test_what_cant_have_a_replica_is_refused(cloud, regions, table, region, text):
    await make_table(cloud, **table)
    with pytest.raises(AwsError, match=text):
        await add(cloud, regions[EAST], region)
    assert "Replicas" not in await described(regions[EAST])


async def test_a_region_that_has_such_a_table_is_refused(cloud, regions):
    await make_global(cloud, regions)
    with pytest.raises(AwsError, match="one or more replicas already existed as tables"):
        await add(cloud, regions[EAST], WEST)
    message = "not part of the global table. Please retry the request without these replicas: .sa-east-1.."
    with pytest.raises(AwsError, match=message):
        await remove(cloud, regions[EAST], SOUTH)


CREATES = {"Create": {"RegionName": "eu-west-1"}}
DELETES = {"Delete": {"RegionName": "eu-west-1"}}
CLASSES = ("STANDARD", "STANDARD_INFREQUENT_ACCESS")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"ReplicaUpdates": [{}]}, "There are no actions specified in the Replica Update Action of the request."),
        (
            {"ReplicaUpdates": [{"Update": {"RegionName": WEST}}]},
            "There are no actions specified in the Replica Update",
        ),
        ({"ReplicaUpdates": [CREATES | DELETES]}, "with more than one type of replica actions not allowed."),
        ({"ReplicaUpdates": [CREATES, DELETES]}, "with more than one type of replica actions not allowed."),
        (
            {"ReplicaUpdates": [CREATES, {"Create": {"RegionName": SOUTH}}]},
            "Update table operation with more than one create or delete replica actions not allowed",
        ),
        (
            {"ReplicaUpdates": [{"Update": {"RegionName": WEST, "TableClassOverride": kind}} for kind in CLASSES]},
            "more than one update of the same region: eu-west-1",
        ),
        (
            {"ReplicaUpdates": [CREATES], "BillingMode": "PAY_PER_REQUEST"},
            "invalid: Replica modification must be the only operation in the request",
        ),
    ],
)
async def test_one_replica_is_made_or_deleted_at_a_time(cloud, regions, asked, message):
    await make_table(cloud)
    with pytest.raises(AwsError, match=f"ValidationException: .*{message}"):
        await update(regions[EAST], **asked)
    await update(regions[EAST], ReplicaUpdates=[CREATES, CREATES])
    assert await statuses(regions[EAST]) == {WEST: "CREATING"}


@pytest.mark.parametrize("view_type", ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE"])
async def test_the_view_type_of_a_stream_is_kept_and_the_replicas_too(cloud, regions, view_type):
    has = BOTH_IMAGES | {"StreamViewType": view_type}
    await make_global(cloud, regions, StreamSpecification=has)
    for region in (EAST, WEST):
        assert (await described(regions[region]))["StreamSpecification"] == has
    await put(regions[EAST], "a")
    await cloud.settle()
    assert await items(regions[WEST]) == {"a": {}}


async def test_consistency_may_be_said_to_be_eventual(cloud, regions):
    await make_table(cloud)
    await update(regions[EAST], ReplicaUpdates=[{"Create": {"RegionName": WEST}}], MultiRegionConsistency="EVENTUAL")


@pytest.mark.parametrize(
    ("place", "bound", "value", "in_a_step"), [(replication, "AT_ONCE", 3, 3), (steps, "BYTES_AT_ONCE", 1, 1)]
)
async def test_a_filled_table_is_copied_while_it_is_written_to(
    cloud, regions, monkeypatch, place, bound, value, in_a_step
):
    monkeypatch.setattr(place, bound, value)
    await make_table(cloud)
    for n in range(20):
        await put(regions[EAST], f"{n:02}", n=n)
    await update(regions[EAST], ReplicaUpdates=[{"Create": {"RegionName": WEST}}])
    rng = random.Random(7)
    filled = []
    for step in range(30):
        name = f"{rng.randrange(25):02}"
        await (delete(regions[EAST], name) if rng.random() < 0.3 else put(regions[EAST], name, n=100 + step))
        if step % 6 == 0:
            await cloud.store.write(lambda tx: replication.fill(tx, str(record(tx, cloud, WEST).id)))
            filled.append((await described(regions[WEST]))["ItemCount"])
    assert filled[0] == in_a_step
    assert (await described(regions[WEST]))["TableStatus"] == "CREATING"
    await cloud.settle()
    assert await items(regions[WEST]) == await items(regions[EAST]) != {}
    assert (await described(regions[WEST]))["ItemCount"] == len(await items(regions[EAST]))
    assert kept(cloud) == 0


async def test_filling_makes_no_stream_records(cloud, regions):
    await make_table(cloud)
    await put(regions[EAST], "a")
    await add(cloud, regions[EAST], WEST)
    assert await records(cloud, regions[WEST], WEST) == []


# Replication


async def test_changes_go_to_the_other_regions_and_no_further(cloud, regions):
    await make_global(cloud, regions, WEST, SOUTH)
    await put(regions[WEST], "a", n=1)
    assert await items(regions[EAST]) == {}
    await cloud.settle()
    for region in (EAST, SOUTH):
        assert await items(regions[region]) == {"a": {"n": 1}}
    await delete(regions[SOUTH], "a")
    await cloud.settle()
    for region in (EAST, WEST, SOUTH):
        assert await items(regions[region]) == {}
        assert await records(cloud, regions[region], region) == [("INSERT", "a", None), ("REMOVE", "a", None)]
    assert kept(cloud) == 0


async def test_the_last_writer_wins(cloud, regions):
    await make_global(cloud, regions)
    await put(regions[WEST], "a", n=1)
    cloud.clock.advance(ms=1)
    await put(regions[EAST], "a", n=2)
    await put(regions[EAST], "b", n=1)
    await put(regions[WEST], "b", n=2)
    await cloud.settle()
    for region in (EAST, WEST):
        assert await items(regions[region]) == {"a": {"n": 2}, "b": {"n": 2}}


async def test_an_older_put_does_not_bring_a_deleted_item_back(cloud, regions):
    await make_global(cloud, regions)
    await put(regions[EAST], "a", n=1)
    await cloud.settle()
    await put(regions[EAST], "a", n=2)
    await delete(regions[WEST], "a")
    await cloud.settle()
    for region in (EAST, WEST):
        assert await items(regions[region]) == {}
    await put(regions[EAST], "a", n=3)
    await cloud.settle()
    assert await items(regions[WEST]) == {"a": {"n": 3}}


async def test_conditions_look_at_their_own_region(cloud, regions):
    await make_global(cloud, regions)
    for region in (EAST, WEST):
        await regions[region].PutItem(
            TableName="orders",
            Item={"p": {"S": "a"}, "by": {"S": region}},
            ConditionExpression="attribute_not_exists(p)",
        )
    await cloud.settle()
    for region in (EAST, WEST):
        found = await regions[region].GetItem(TableName="orders", Key={"p": {"S": "a"}})
        assert found["Item"]["by"] == {"S": WEST}


@pytest.mark.parametrize("seed", range(25))
async def test_concurrent_writes_converge_to_the_last_of_each_item(cloud, regions, monkeypatch, seed):
    monkeypatch.setattr(replication, "AT_ONCE", 2)
    await make_global(cloud, regions, WEST, SOUTH)
    rng = random.Random(seed)
    last: dict[str, dict] = {}
    for step in range(60):
        region, name = rng.choice((EAST, WEST, SOUTH)), rng.choice("abcd")
        local = await items(regions[region])
        if rng.random() < 0.3:
            if name in local:  # deleting what isn't there is no change
                await delete(regions[region], name)
                last.pop(name, None)
        else:
            await put(regions[region], name, n=step)
            last[name] = {"n": step}
        if rng.random() < 0.2:
            some = rng.choice((EAST, WEST, SOUTH))
            await cloud.store.write(lambda tx, some=some: replication.push(tx, str(record(tx, cloud, some).id)))
        if rng.random() < 0.05:
            await cloud.settle()
    await cloud.settle()
    for region in (EAST, WEST, SOUTH):
        assert await items(regions[region]) == last
    assert kept(cloud) == 0


async def test_a_transaction_is_atomic_in_its_own_region(cloud, regions):
    await make_global(cloud, regions)
    writes = [{"Put": {"TableName": "orders", "Item": {"p": {"S": name}, "n": {"N": "1"}}}} for name in "ab"]
    await regions[EAST].TransactWriteItems(TransactItems=writes)
    await put(regions[WEST], "a", n=2)
    await cloud.settle()
    for region in (EAST, WEST):
        assert await items(regions[region]) == {"a": {"n": 2}, "b": {"n": 1}}


async def test_many_changes_of_an_item_go_as_one(cloud, regions):
    await make_global(cloud, regions)
    for n in range(5):
        await put(regions[EAST], "a", n=n)
    await cloud.settle()
    assert len(await records(cloud, regions[EAST], EAST)) == 5
    assert await records(cloud, regions[WEST], WEST) == [("INSERT", "a", None)]


async def test_what_expires_goes_in_all_regions_and_one_says_that_it_was_ttl(cloud, regions):
    await make_global(cloud, regions, WEST, SOUTH)
    ttl = {"Enabled": True, "AttributeName": "until"}
    await regions[WEST].UpdateTimeToLive(TableName="orders", TimeToLiveSpecification=ttl)
    for region in (EAST, WEST, SOUTH):
        answer = await regions[region].DescribeTimeToLive(TableName="orders")
        assert answer["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    await put(regions[SOUTH], "a", until=cloud.clock.now_ms() // 1000 + 60)
    await cloud.settle()
    await cloud.advance(59_000)
    assert "a" in await items(regions[WEST])
    await cloud.advance(1000)
    by_ttl = []
    for region in (EAST, WEST, SOUTH):
        assert await items(regions[region]) == {}
        name, _, identity = (await records(cloud, regions[region], region))[-1]
        assert name == "REMOVE"
        by_ttl += [region] if identity else []
    assert by_ttl == [EAST]


async def test_expiry_goes_on_where_the_oldest_replica_goes(cloud, regions):
    await make_global(cloud, regions)
    ttl = {"Enabled": True, "AttributeName": "until"}
    await regions[EAST].UpdateTimeToLive(TableName="orders", TimeToLiveSpecification=ttl)
    await put(regions[EAST], "a", until=cloud.clock.now_ms() // 1000 + 60)
    await put(regions[EAST], "b", until=cloud.clock.now_ms() // 1000 + 48 * 3600)
    await cloud.settle()
    await cloud.advance(24 * HOUR_MS)
    await regions[EAST].DeleteTable(TableName="orders")
    await cloud.settle()
    assert list(await items(regions[WEST])) == ["b"]
    await cloud.advance(24 * HOUR_MS)
    assert await items(regions[WEST]) == {}


# Settings


async def test_an_index_is_made_and_deleted_in_all_regions(cloud, regions):
    await make_global(cloud, regions)
    await regions[WEST].PutItem(TableName="orders", Item={"p": {"S": "1"}, "a": {"S": "x"}})
    await cloud.settle()
    index = {
        "IndexName": "by_a",
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    await update(
        regions[WEST],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("p", "a")],
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )
    with pytest.raises(AwsError, match="in use"):
        await update(regions[EAST], TableClass="STANDARD_INFREQUENT_ACCESS")
    await cloud.settle()
    for region in (EAST, WEST):
        found = await regions[region].Query(
            TableName="orders",
            IndexName="by_a",
            KeyConditionExpression="a = :a",
            ExpressionAttributeValues={":a": {"S": "x"}},
        )
        assert found["Count"] == 1
        assert [
            i["IndexName"] for r in (await described(regions[region]))["Replicas"] for i in r["GlobalSecondaryIndexes"]
        ] == ["by_a"]
    await update(regions[EAST], GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_a"}}])
    await cloud.settle()
    for region in (EAST, WEST):
        table = await described(regions[region])
        assert "GlobalSecondaryIndexes" not in table
        assert len(table["AttributeDefinitions"]) == 1


async def test_capacity_is_the_same_everywhere_but_for_a_replicas_reads(cloud, regions):
    await make_global(cloud, regions)
    await update(
        regions[EAST],
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
    )
    await cloud.settle()
    override = {"RegionName": WEST, "ProvisionedThroughputOverride": {"ReadCapacityUnits": 50}}
    await update(regions[EAST], ReplicaUpdates=[{"Update": override}])
    await cloud.settle()
    assert await units(regions[EAST]) == (5, 6)
    assert await units(regions[WEST]) == (50, 6)
    replica = (await described(regions[EAST]))["Replicas"][0]
    assert replica["ProvisionedThroughputOverride"] == {"ReadCapacityUnits": 50}
    await update(regions[EAST], ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 8})
    await cloud.settle()
    assert await units(regions[WEST]) == (50, 8)
    await update(regions[WEST], ProvisionedThroughput={"ReadCapacityUnits": 60, "WriteCapacityUnits": 9})
    await cloud.settle()
    assert await units(regions[EAST]) == (60, 9)
    await update(regions[WEST], BillingMode="PAY_PER_REQUEST")
    await cloud.settle()
    assert (await described(regions[EAST]))["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    with pytest.raises(AwsError, match="ProvisionedThroughputOverride can only be specified"):
        await update(regions[EAST], ReplicaUpdates=[{"Update": override}])


async def units(client):
    has = (await described(client))["ProvisionedThroughput"]
    return has["ReadCapacityUnits"], has["WriteCapacityUnits"]


async def test_a_replicas_own_settings(cloud, regions):
    own = {"OnDemandThroughputOverride": {"MaxReadRequestUnits": 9}, "TableClassOverride": "STANDARD_INFREQUENT_ACCESS"}
    await make_table(cloud, OnDemandThroughput={"MaxReadRequestUnits": 1, "MaxWriteRequestUnits": 2})
    await add(cloud, regions[EAST], WEST, **own)
    west = await described(regions[WEST])
    assert west["OnDemandThroughput"] == {"MaxReadRequestUnits": 9, "MaxWriteRequestUnits": 2}
    assert west["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    replica = (await described(regions[EAST]))["Replicas"][0]
    assert replica["OnDemandThroughputOverride"] == {"MaxReadRequestUnits": 9}
    assert replica["ReplicaTableClassSummary"] == {"TableClass": "STANDARD_INFREQUENT_ACCESS"}
    await update(regions[EAST], OnDemandThroughput={"MaxReadRequestUnits": 3, "MaxWriteRequestUnits": 4})
    await cloud.settle()
    west = await described(regions[WEST])
    assert west["OnDemandThroughput"] == {"MaxReadRequestUnits": 9, "MaxWriteRequestUnits": 4}
    await update(
        regions[EAST],
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    await cloud.settle()
    assert "OnDemandThroughput" not in await described(regions[WEST])
    with pytest.raises(AwsError, match="does not have the specified index: none"):
        asked = {"RegionName": WEST, "GlobalSecondaryIndexes": [{"IndexName": "none"}]}
        await update(regions[EAST], ReplicaUpdates=[{"Update": asked}])


async def test_a_customers_key_is_said_for_each_replica(cloud, regions):
    key = "arn:aws:kms:{}:000000000000:key/11111111-1111-1111-1111-111111111111"
    specified = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key.format(EAST)}
    await make_table(cloud, SSESpecification=specified)
    with pytest.raises(AwsError, match="KMSMasterKeyId must be specified for each replica"):
        await add(cloud, regions[EAST], WEST)
    await add(cloud, regions[EAST], WEST, KMSMasterKeyId=key.format(WEST))
    assert (await described(regions[WEST]))["SSEDescription"]["KMSMasterKeyArn"] == key.format(WEST)
    await update(regions[EAST], SSESpecification={"Enabled": True, "SSEType": "KMS"})
    await cloud.settle()
    assert f":{WEST}:" in (await described(regions[WEST]))["SSEDescription"]["KMSMasterKeyArn"]
    assert (await described(regions[WEST]))["SSEDescription"]["KMSMasterKeyArn"] != key.format(WEST)
    with pytest.raises(AwsError, match="KMSMasterKeyId must be specified for each replica"):
        await update(regions[EAST], SSESpecification=specified)
    own = {"Update": {"RegionName": WEST, "KMSMasterKeyId": key.format(WEST)}}
    await update(regions[EAST], SSESpecification=specified, ReplicaUpdates=[own])
    await cloud.settle()
    assert (await described(regions[EAST]))["SSEDescription"]["KMSMasterKeyArn"] == key.format(EAST)
    assert (await described(regions[WEST]))["SSEDescription"]["KMSMasterKeyArn"] == key.format(WEST)


async def test_a_replicas_stream_stays_on(cloud, regions):
    await make_global(cloud, regions)
    for region in (EAST, WEST):
        with pytest.raises(AwsError, match="Disabling Stream is not allowed for a Global Table replica"):
            await update(regions[region], StreamSpecification={"StreamEnabled": False})
    await remove(cloud, regions[EAST], WEST)
    await update(regions[EAST], StreamSpecification={"StreamEnabled": False})


# Deletion


async def test_a_deleted_replica_is_gone_and_the_last_table_is_a_table_of_one_region(cloud, regions):
    await make_global(cloud, regions, WEST, SOUTH)
    await put(regions[EAST], "a")
    await cloud.settle()
    gone = await update(regions[EAST], ReplicaUpdates=[{"Delete": {"RegionName": WEST}}])
    assert (gone["TableStatus"], {r["RegionName"]: r["ReplicaStatus"] for r in gone["Replicas"]}) == (
        "UPDATING",
        {WEST: "DELETING", SOUTH: "ACTIVE"},
    )
    await cloud.settle()
    assert await statuses(regions[EAST]) == {SOUTH: "ACTIVE"}
    assert await statuses(regions[SOUTH]) == {EAST: "ACTIVE"}
    with pytest.raises(AwsError, match="not found"):
        await described(regions[WEST])
    await remove(cloud, regions[EAST], SOUTH)
    table = await described(regions[EAST])
    assert table["TableStatus"] == "ACTIVE"
    assert not {"Replicas", "GlobalTableVersion"} & table.keys()
    await put(regions[EAST], "b")
    assert kept(cloud) == 0
    await regions[EAST].DeleteTable(TableName="orders")


async def test_what_was_written_to_a_replica_goes_to_the_others_before_it_goes(cloud, regions):
    await make_global(cloud, regions)
    await put(regions[WEST], "a", n=1)
    await regions[WEST].DeleteTable(TableName="orders")
    await put(regions[EAST], "b", n=1)
    await cloud.settle()
    assert await items(regions[EAST]) == {"a": {"n": 1}, "b": {"n": 1}}
    assert "Replicas" not in await described(regions[EAST])
    assert kept(cloud) == 0


async def test_the_source_of_a_replica_stays_for_a_day(cloud, regions):
    await make_global(cloud, regions)
    refusal = "acted as a source region for new replica"
    for attempt in (
        lambda: regions[EAST].DeleteTable(TableName="orders"),
        lambda: update(regions[WEST], ReplicaUpdates=[{"Delete": {"RegionName": EAST}}]),
    ):
        with pytest.raises(AwsError, match=refusal):
            await attempt()
    await cloud.advance(24 * HOUR_MS - 1)
    with pytest.raises(AwsError, match=refusal):
        await regions[EAST].DeleteTable(TableName="orders")
    await cloud.advance(1)
    await regions[EAST].DeleteTable(TableName="orders")
    await cloud.settle()
    assert "Replicas" not in await described(regions[WEST])


async def test_a_protected_replica_is_not_deleted(cloud, regions):
    await make_global(cloud, regions)
    await update(regions[WEST], DeletionProtectionEnabled=True)
    await cloud.settle()
    assert not (await described(regions[EAST]))["DeletionProtectionEnabled"]
    with pytest.raises(AwsError, match="protected against deletion"):
        await remove(cloud, regions[EAST], WEST)


async def test_a_replica_can_come_back(cloud, regions):
    await make_global(cloud, regions)
    await put(regions[EAST], "a", n=1)
    await cloud.settle()
    await remove(cloud, regions[EAST], WEST)
    await add(cloud, regions[EAST], WEST)
    await put(regions[WEST], "b", n=2)
    await cloud.settle()
    assert await items(regions[EAST]) == await items(regions[WEST]) == {"a": {"n": 1}, "b": {"n": 2}}


async def test_a_restored_table_has_no_replicas(cloud, regions):
    await make_global(cloud, regions)
    await put(regions[EAST], "a")
    backup = await regions[WEST].CreateBackup(TableName="orders", BackupName="before")
    await cloud.settle()
    await regions[WEST].RestoreTableFromBackup(
        TargetTableName="restored", BackupArn=backup["BackupDetails"]["BackupArn"]
    )
    await cloud.settle()
    table = (await regions[WEST].DescribeTable(TableName="restored"))["Table"]
    assert "Replicas" not in table


# Permissions


async def allowed(cloud, actions, region):
    """A user who may do that in one region."""
    made = (await cloud.iam.CreateUser(UserName="dev"))["User"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:dynamodb:{region}:*:table/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await cloud.iam.PutUserPolicy(UserName="dev", PolicyName="own", PolicyDocument=policy)
    return cloud.as_(user(cloud.account, "dev", made["UserId"]), "dynamodb", region=region)


async def test_a_replica_takes_permissions_in_its_region(cloud, regions):
    await make_table(cloud)
    dev = await allowed(cloud, ["dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive"], EAST)
    with pytest.raises(AwsError, match=f"dynamodb:CreateTable on resource: .*:{WEST}:"):
        await add(cloud, dev, WEST)
    await add(cloud, regions[EAST], WEST)
    with pytest.raises(AwsError, match=f"dynamodb:DeleteTable on resource: .*:{WEST}:"):
        await remove(cloud, dev, WEST)
    with pytest.raises(AwsError, match=f"dynamodb:UpdateTimeToLive on resource: .*:{WEST}:"):
        await dev.UpdateTimeToLive(
            TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
        )
