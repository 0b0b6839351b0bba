"""A replica leaves its global table and stays as a table of its own."""

import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root, user
from pileus.services.dynamodb.tests.test_replicas import (
    EAST,
    SOUTH,
    WEST,
    add,
    described,
    items,
    kept,
    make_global,
    make_table,
    put,
    statuses,
    update,
)


@pytest.fixture
def regions(cloud):
    """The table's operations in each region."""
    return {region: cloud.as_(root(cloud.account), "dynamodb", region=region) for region in (EAST, WEST, SOUTH)}


def leaving(region):
    return {"Disassociate": {"RegionName": region, "DisassociationMode": "WAIT_FOR_REPLICATION"}}


async def leave(cloud, client, region):
    await update(client, DisassociationProtectionEnabled=False)
    await update(client, ReplicaUpdates=[leaving(region)])
    await cloud.settle()


async def refused(awaited, text):
    with pytest.raises(AwsError, match=text) as caught:
        await awaited
    assert caught.value.code == "ValidationException"


async def test_both_of_two_are_tables_of_their_own_then(cloud, regions):
    await make_global(cloud, regions)
    await put(regions[EAST], "before")
    await leave(cloud, regions[WEST], WEST)
    for region in (EAST, WEST):
        table = await described(regions[region])
        assert table["TableStatus"] == "ACTIVE"
        assert not {"Replicas", "GlobalTableVersion", "DisassociationProtectionEnabled"} & table.keys()
        await put(regions[region], region)
    await cloud.settle()
    assert set(await items(regions[EAST])) == {"before", EAST}
    assert set(await items(regions[WEST])) == {"before", WEST}
    assert not kept(cloud)


async def test_of_three_the_others_go_on(cloud, regions):
    await make_global(cloud, regions, WEST, SOUTH)
    await leave(cloud, regions[WEST], WEST)
    assert await statuses(regions[EAST]) == {SOUTH: "ACTIVE"}
    assert await statuses(regions[SOUTH]) == {EAST: "ACTIVE"}
    assert await statuses(regions[WEST]) == {}
    await put(regions[SOUTH], "of-two")
    await cloud.settle()
    assert set(await items(regions[EAST])) == {"of-two"}
    assert await items(regions[WEST]) == {}


async def test_what_was_written_before_goes_both_ways_first(cloud, regions):
    await make_global(cloud, regions)
    await update(regions[WEST], DisassociationProtectionEnabled=False)
    for n in range(3):
        await put(regions[EAST], f"east-{n}")
        await put(regions[WEST], f"west-{n}")
    told = await update(regions[WEST], ReplicaUpdates=[leaving(WEST)])
    assert told["TableStatus"] == "UPDATING"
    assert (await described(regions[WEST]))["Replicas"]
    await cloud.settle()
    assert set(await items(regions[EAST])) == set(await items(regions[WEST]))
    assert len(await items(regions[EAST])) == 6
    assert "Replicas" not in await described(regions[WEST])


async def test_what_it_has_stays(cloud, regions):
    await make_global(cloud, regions)
    await add_index(cloud, regions[EAST])
    await regions[EAST].UpdateTimeToLive(
        TableName="orders", TimeToLiveSpecification={"AttributeName": "ends", "Enabled": True}
    )
    await update(regions[WEST], DeletionProtectionEnabled=True)
    await cloud.settle()
    before = await described(regions[WEST])
    await leave(cloud, regions[WEST], WEST)
    after = await described(regions[WEST])
    for name in ("TableArn", "TableId", "GlobalSecondaryIndexes", "LatestStreamArn", "DeletionProtectionEnabled"):
        assert after[name] == before[name]
    # TTL now deletes in both.
    for region in (EAST, WEST):
        await regions[region].PutItem(
            TableName="orders", Item={"p": {"S": "mortal"}, "ends": {"N": str(cloud.clock.now_ms() // 1000 + 60)}}
        )
    await cloud.advance(3_600_000)
    assert [await items(regions[region]) for region in (EAST, WEST)] == [{}, {}]


async def add_index(cloud, client):
    await update(
        client,
        AttributeDefinitions=[{"AttributeName": "q", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-q",
                    "KeySchema": [{"AttributeName": "q", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )
    await cloud.settle()


async def test_a_replica_is_protected_from_it_and_each_for_itself(cloud, regions):
    await make_global(cloud, regions)
    assert (await described(regions[WEST]))["DisassociationProtectionEnabled"] is True
    await refused(update(regions[WEST], ReplicaUpdates=[leaving(WEST)]), "protected against disassociation")
    await update(regions[WEST], DisassociationProtectionEnabled=False)
    assert (await described(regions[WEST]))["DisassociationProtectionEnabled"] is False
    assert (await described(regions[EAST]))["DisassociationProtectionEnabled"] is True
    await update(regions[WEST], DisassociationProtectionEnabled=True)
    await refused(update(regions[WEST], ReplicaUpdates=[leaving(WEST)]), "protected against disassociation")


async def test_protection_is_changed_alone_and_of_replicas_only(cloud, regions):
    await make_table(cloud)
    await refused(update(regions[EAST], DisassociationProtectionEnabled=False), "can only be specified for a replica")
    await add(cloud, regions[EAST], WEST)
    both = {"DisassociationProtectionEnabled": False, "DeletionProtectionEnabled": True}
    await refused(update(regions[EAST], **both), "must be the only operation in the request")


async def test_only_the_local_replica_leaves_and_alone(cloud, regions):
    await make_table(cloud)
    await refused(update(regions[EAST], ReplicaUpdates=[leaving(EAST)]), "not a replica of a global table")
    await add(cloud, regions[EAST], WEST)
    await update(regions[EAST], DisassociationProtectionEnabled=False)
    await refused(update(regions[EAST], ReplicaUpdates=[leaving(WEST)]), "Only the local replica")
    two = [leaving(EAST), leaving(WEST)]
    await refused(update(regions[EAST], ReplicaUpdates=two), "must be the only replica update")
    two = [leaving(EAST), {"Delete": {"RegionName": WEST}}]
    await refused(update(regions[EAST], ReplicaUpdates=two), "more than one type of replica actions")
    assert await statuses(regions[EAST]) == {WEST: "ACTIVE"}


async def test_it_takes_a_permission_of_its_own(cloud, regions):
    await make_global(cloud, regions)
    await update(regions[WEST], DisassociationProtectionEnabled=False)
    made = (await cloud.iam.CreateUser(UserName="ann"))["User"]
    arn = f"arn:aws:dynamodb:{WEST}:{cloud.account}:table/orders"

    async def may(*actions):
        statement = {"Effect": "Allow", "Action": [f"dynamodb:{action}" for action in actions], "Resource": arn}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="p", PolicyDocument=document)

    ann = cloud.as_(user(cloud.account, "ann", made["UserId"]), "dynamodb", region=WEST)
    await may("UpdateTable")
    with pytest.raises(AwsError, match="dynamodb:DisassociateTableReplica") as denied:
        await update(ann, ReplicaUpdates=[leaving(WEST)])
    assert denied.value.code == "AccessDenied"
    await may("UpdateTable", "DisassociateTableReplica")
    await update(ann, ReplicaUpdates=[leaving(WEST)])
    await cloud.settle()
    assert await statuses(regions[WEST]) == {}
