"""Global tables whose replicas are of several accounts."""

import json
import random

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root, user
from pileus.services.dynamodb.tests.test_auto_scaling import scale
from pileus.services.dynamodb.tests.test_replicas import (
    BOTH_IMAGES,
    EAST,
    SOUTH,
    WEST,
    delete,
    described,
    items,
    kept,
    make_table,
    put,
    statuses,
    update,
)

OTHER, THIRD = "222222222222", "333333333333"
HOUR_MS = 3_600_000
DATA = ("ReadDataForReplication", "WriteDataForReplication")
ACTIONS = (*DATA, "ReplicateSettings")


@pytest.fixture
def owners(cloud):
    """region -> the account that has the replica there."""
    return {EAST: cloud.account, WEST: OTHER, SOUTH: THIRD}


@pytest.fixture
def clients(cloud, owners):
    return {region: cloud.as_(root(account), "dynamodb", region=region) for region, account in owners.items()}


def arn(owners, region):
    return f"arn:aws:dynamodb:{region}:{owners[region]}:table/orders"


def policy(owners, region, *, joined_by=(), actions=ACTIONS, among=(EAST, WEST)):
    """Lets DynamoDB replicate `among` the regions' replicas, and the accounts of `joined_by` join."""
    of = {
        "aws:SourceAccount": [owners[one] for one in among],
        "aws:SourceArn": [arn(owners, one) for one in among],
    }
    statements = [
        {
            "Sid": "Steady",
            "Effect": "Allow",
            "Action": [f"dynamodb:{action}" for action in actions],
            "Resource": arn(owners, region),
            "Principal": {"Service": ["replication.dynamodb.amazonaws.com"]},
            "Condition": {"StringEquals": of},
        },
    ]
    if joined_by:
        statements.append(
            {
                "Sid": "Join",
                "Effect": "Allow",
                "Action": "dynamodb:AssociateTableReplica",
                "Resource": arn(owners, region),
                "Principal": {"AWS": [owners[one] for one in joined_by]},
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


async def make_source(cloud, owners, *, mode="ENABLED", joined_by=(WEST,), among=(EAST, WEST), **more):
    document = policy(owners, EAST, joined_by=joined_by, among=among)
    await make_table(cloud, GlobalTableSettingsReplicationMode=mode, ResourcePolicy=document, **more)


def joining(owners, region, *, source=EAST, among=(EAST, WEST), joined_by=(), **more):
    return {
        "TableName": "orders",
        "GlobalTableSourceArn": arn(owners, source),
        "GlobalTableSettingsReplicationMode": "ENABLED",
        "ResourcePolicy": policy(owners, region, among=among, joined_by=joined_by),
    } | more


async def join(cloud, clients, owners, region, **more):
    made = await clients[region].CreateTable(**joining(owners, region, **more))
    await cloud.settle()
    return made["TableDescription"]


@pytest.fixture
async def two(cloud, clients, owners):
    await make_source(cloud, owners)
    await join(cloud, clients, owners, WEST)


@pytest.fixture
async def three(cloud, clients, owners):
    everywhere = (EAST, WEST, SOUTH)
    await make_source(cloud, owners, joined_by=(WEST, SOUTH), among=everywhere)
    await join(cloud, clients, owners, WEST, among=everywhere, joined_by=(SOUTH,))
    await join(cloud, clients, owners, SOUTH, among=everywhere)


async def refused(awaited, code, text):
    with pytest.raises(AwsError, match=text) as caught:
        await awaited
    assert caught.value.code == code


async def repolicy(cloud, clients, owners, region, **more):
    await clients[region].PutResourcePolicy(
        ResourceArn=arn(owners, region), Policy=policy(owners, region, **more), ConfirmRemoveSelfResourceAccess=True
    )
    await cloud.settle()


# A replica joins


async def test_a_replica_has_its_sources_schema_and_items(cloud, clients, owners):
    await make_source(
        cloud,
        owners,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("p", "q")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-q",
                "KeySchema": [{"AttributeName": "q", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        TableClass="STANDARD_INFREQUENT_ACCESS",
        Tags=[{"Key": "team", "Value": "east"}],
    )
    await put(clients[EAST], "before", n=1)
    made = await join(cloud, clients, owners, WEST, Tags=[{"Key": "team", "Value": "west"}])
    assert made["TableStatus"] == "CREATING"
    assert made["TableArn"] == arn(owners, WEST)
    there, here = await described(clients[WEST]), await described(clients[EAST])
    for name in ("KeySchema", "AttributeDefinitions", "BillingModeSummary", "StreamSpecification"):
        assert there[name] == here[name], name
    assert [index["IndexName"] for index in there["GlobalSecondaryIndexes"]] == ["by-q"]
    assert "TableClassSummary" not in there
    tags = await clients[WEST].ListTagsOfResource(ResourceArn=arn(owners, WEST))
    assert tags["Tags"] == [{"Key": "team", "Value": "west"}]
    assert await items(clients[WEST]) == {"before": {"n": 1}}


async def test_a_replica_has_the_vector_indexes_too(cloud, clients, owners):
    index = {
        "IndexName": "near",
        "VectorAttribute": {"AttributeName": "v"},
        "Dimensions": 2,
        "DistanceFunction": "EUCLIDEAN",
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    await make_source(cloud, owners, VectorIndexes=[index])
    vector = {"L": [{"N": "1"}, {"N": "2"}]}
    await clients[EAST].PutItem(TableName="orders", Item={"p": {"S": "a"}, "v": vector})
    await join(cloud, clients, owners, WEST)
    asked = {"TableName": "orders", "IndexName": "near", "SearchVector": vector["L"], "TopK": 1}
    (found,) = (await clients[WEST].SearchVectors(**asked))["SearchResults"]
    assert found == {"Item": {"p": {"S": "a"}}, "Score": 0.0}


async def test_each_is_described_with_the_others(cloud, clients, owners, two):
    for region, other in ((EAST, WEST), (WEST, EAST)):
        table = await described(clients[region])
        assert table["TableStatus"] == "ACTIVE"
        assert table["GlobalTableVersion"] == "2019.11.21"
        assert table["GlobalTableSettingsReplicationMode"] == "ENABLED"
        (replica,) = table["Replicas"]
        assert replica["ReplicaArn"] == arn(owners, other)
        assert replica["RegionName"] == other
        assert replica["ReplicaStatus"] == "ACTIVE"
        assert replica["GlobalTableSettingsReplicationMode"] == "ENABLED"


async def test_changes_go_both_ways_and_to_all(cloud, clients, owners, three):
    for region, client in clients.items():
        await put(client, region)
    await cloud.settle()
    for client in clients.values():
        assert set(await items(client)) == set(clients)
    assert not kept(cloud)


async def test_a_replica_may_have_another_name(cloud, clients, owners):
    of = {
        "aws:SourceAccount": [owners[EAST], OTHER],
        "aws:SourceArn": [arn(owners, EAST), f"arn:aws:dynamodb:{WEST}:{OTHER}:table/theirs"],
    }

    def document(mine):
        steady = {
            "Effect": "Allow",
            "Action": [f"dynamodb:{action}" for action in ACTIONS],
            "Resource": mine,
            "Principal": {"Service": "replication.dynamodb.amazonaws.com"},
            "Condition": {"StringEquals": of},
        }
        joins = {
            "Effect": "Allow",
            "Action": "dynamodb:AssociateTableReplica",
            "Resource": mine,
            "Principal": {"AWS": OTHER},
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [steady, joins]})

    await make_table(cloud, GlobalTableSettingsReplicationMode="ENABLED", ResourcePolicy=document(arn(owners, EAST)))
    asked = joining(owners, WEST) | {"TableName": "theirs", "ResourcePolicy": document(of["aws:SourceArn"][1])}
    await clients[WEST].CreateTable(**asked)
    await cloud.settle()
    await put(clients[EAST], "a")
    await cloud.settle()
    found = await clients[WEST].Scan(TableName="theirs")
    assert [item["p"]["S"] for item in found["Items"]] == ["a"]
    await clients[WEST].DeleteTable(TableName="theirs")
    await cloud.settle()
    assert await statuses(clients[EAST]) == {}


# Who may


@pytest.mark.parametrize("lacks", ACTIONS)
@pytest.mark.parametrize("lacking", [EAST, WEST])
async def test_both_must_let_dynamodb_replicate(cloud, clients, owners, lacks, lacking):
    await make_source(cloud, owners)
    actions = [action for action in ACTIONS if action != lacks]
    asked = joining(owners, WEST)
    if lacking == EAST:
        await repolicy(cloud, clients, owners, EAST, joined_by=(WEST,), actions=actions)
    else:
        asked["ResourcePolicy"] = policy(owners, WEST, actions=actions)
    await refused(clients[WEST].CreateTable(**asked), "AccessDenied", f"dynamodb:{lacks} on resource: .*{lacking}")
    await refused(described(clients[WEST]), "ResourceNotFoundException", "orders")
    assert await statuses(clients[EAST]) == {}


async def test_a_policy_lets_it_on_behalf_of_each_replica_and_itself(cloud, clients, owners):
    await make_source(cloud, owners)
    for among in ((EAST,), (WEST,)):
        await refused(clients[WEST].CreateTable(**joining(owners, WEST, among=among)), "AccessDenied", "on behalf of")
    asked = joining(owners, WEST)
    del asked["ResourcePolicy"]
    await refused(clients[WEST].CreateTable(**asked), "AccessDenied", "ReadDataForReplication")


async def test_every_replica_must_let_the_account_join(cloud, clients, owners):
    everywhere = (EAST, WEST, SOUTH)
    await make_source(cloud, owners, joined_by=(WEST, SOUTH), among=everywhere)
    await join(cloud, clients, owners, WEST, among=everywhere)
    asked = joining(owners, SOUTH, among=everywhere)
    await refused(clients[SOUTH].CreateTable(**asked), "AccessDenied", f"AssociateTableReplica on resource: .*{WEST}")
    await repolicy(cloud, clients, owners, WEST, among=everywhere, joined_by=(SOUTH,))
    await join(cloud, clients, owners, SOUTH, among=everywhere)
    assert await statuses(clients[EAST]) == {WEST: "ACTIVE", SOUTH: "ACTIVE"}


async def test_nobody_learns_whether_a_table_is_there(cloud, clients, owners):
    asked = joining(owners, WEST)
    await refused(clients[WEST].CreateTable(**asked), "AccessDenied", "dynamodb:AssociateTableReplica")
    await make_source(cloud, owners, joined_by=())
    await refused(clients[WEST].CreateTable(**asked), "AccessDenied", "dynamodb:AssociateTableReplica")


async def test_the_joining_caller_needs_the_permissions_too(cloud, clients, owners):
    await make_source(cloud, owners)
    iam = cloud.as_(root(OTHER), "iam")
    made = (await iam.CreateUser(UserName="ann"))["User"]
    ann = cloud.as_(user(OTHER, "ann", made["UserId"]), "dynamodb", region=WEST)
    own = [
        *("CreateTable", "CreateTableReplica", "PutResourcePolicy", "BatchWriteItem", "DeleteItem", "GetItem"),
        *("PutItem", "Query", "Scan", "UpdateItem"),
    ]

    async def may(*on_source):
        statements = [
            {"Effect": "Allow", "Action": [f"dynamodb:{one}" for one in own], "Resource": arn(owners, WEST)},
            *({"Effect": "Allow", "Action": f"dynamodb:{one}", "Resource": arn(owners, EAST)} for one in on_source),
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        await iam.PutUserPolicy(UserName="ann", PolicyName="p", PolicyDocument=document)

    await may()
    await refused(ann.CreateTable(**joining(owners, WEST)), "AccessDenied", "dynamodb:AssociateTableReplica")
    await may("AssociateTableReplica")
    await ann.CreateTable(**joining(owners, WEST))


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"GlobalTableSettingsReplicationMode": None}, "GlobalTableSettingsReplicationMode must be ENABLED"),
        ({"GlobalTableSettingsReplicationMode": "DISABLED"}, "GlobalTableSettingsReplicationMode must be ENABLED"),
        ({"GlobalTableSourceArn": "arn:aws:s3:::orders"}, "Invalid GlobalTableSourceArn"),
        ({"BillingMode": "PAY_PER_REQUEST"}, "BillingMode cannot be specified"),
        ({"SSESpecification": {"Enabled": True}}, "AWS managed keys"),
    ],
)
async def test_what_a_replica_is_asked_to_be_is_refused(cloud, clients, owners, asked, text):
    await make_source(cloud, owners)
    request = {name: value for name, value in (joining(owners, WEST) | asked).items() if value is not None}
    await refused(clients[WEST].CreateTable(**request), "ValidationException", text)


async def test_a_source_must_be_set_to_it(cloud, clients, owners):
    await make_source(cloud, owners, mode="DISABLED")
    assert (await described(clients[EAST]))["GlobalTableSettingsReplicationMode"] == "DISABLED"
    asked = joining(owners, WEST)
    await refused(clients[WEST].CreateTable(**asked), "ValidationException", "must be ENABLED for the source table")
    await update(clients[EAST], GlobalTableSettingsReplicationMode="ENABLED")
    await cloud.settle()
    await join(cloud, clients, owners, WEST)
    assert await statuses(clients[EAST]) == {WEST: "ACTIVE"}


async def test_replicas_of_one_account_and_of_several_do_not_mix(cloud, clients, owners):
    await make_source(cloud, owners)
    await update(clients[EAST], ReplicaUpdates=[{"Create": {"RegionName": SOUTH}}])
    await cloud.settle()
    assert (await described(clients[EAST]))["GlobalTableSettingsReplicationMode"] == "ENABLED_WITH_OVERRIDES"
    asked = joining(owners, WEST)
    await refused(clients[WEST].CreateTable(**asked), "ValidationException", "whose replicas are of one account")


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
async def test_each_account_changes_its_own_replica_alone(cloud, clients, owners, two, kind):
    action = {"RegionName": SOUTH if kind == "Create" else WEST} | (
        {"TableClassOverride": "STANDARD"} if kind == "Update" else {}
    )
    text = "by the accounts that own them"
    await refused(update(clients[EAST], ReplicaUpdates=[{kind: action}]), "ValidationException", text)


async def test_one_account_and_one_region_have_one_replica(cloud, clients, owners, two):
    there = cloud.as_(root(OTHER), "dynamodb", region=SOUTH)
    more = dict(owners) | {SOUTH: OTHER}
    everywhere = (EAST, WEST, SOUTH)
    for region in (EAST, WEST):
        await repolicy(cloud, clients, owners, region, among=everywhere, joined_by=(WEST,))
    asked = joining(more, SOUTH, among=everywhere)
    await refused(there.CreateTable(**asked), "ValidationException", "must be in a separate account")
    there = cloud.as_(root(THIRD), "dynamodb", region=WEST)
    for region in (EAST, WEST):
        await repolicy(cloud, clients, owners, region, among=everywhere, joined_by=(SOUTH,))
    asked = joining(dict(owners) | {WEST: THIRD}, WEST)
    await refused(there.CreateTable(**asked), "ValidationException", f"already has a replica in region: {WEST}")


async def test_the_mode_is_of_tables_without_replicas(cloud, clients, owners, two):
    text = "can only be changed for a table that has no replicas"
    await refused(update(clients[WEST], GlobalTableSettingsReplicationMode="DISABLED"), "ValidationException", text)


# Settings


async def test_settings_are_the_same_in_all(cloud, clients, owners, two):
    created = {
        "IndexName": "by-q",
        "KeySchema": [{"AttributeName": "q", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    await update(
        clients[WEST],
        AttributeDefinitions=[{"AttributeName": "q", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": created}],
    )
    await cloud.settle()
    await update(clients[EAST], OnDemandThroughput={"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 8})
    await cloud.settle()
    await clients[WEST].UpdateTimeToLive(
        TableName="orders", TimeToLiveSpecification={"AttributeName": "ends", "Enabled": True}
    )
    for client in clients[EAST], clients[WEST]:
        table = await described(client)
        assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["by-q"]
        assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 8}
        expiry = (await client.DescribeTimeToLive(TableName="orders"))["TimeToLiveDescription"]
        assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ends"}


async def test_some_settings_are_each_accounts_own(cloud, clients, owners, two):
    await update(clients[EAST], TableClass="STANDARD_INFREQUENT_ACCESS")
    await cloud.settle()
    await update(clients[EAST], DeletionProtectionEnabled=True)
    key = f"arn:aws:kms:{EAST}:{owners[EAST]}:key/1"
    await update(clients[EAST], SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
    await cloud.settle()
    there = await described(clients[WEST])
    assert not {"TableClassSummary", "SSEDescription"} & there.keys()
    assert there["DeletionProtectionEnabled"] is False


async def test_none_are_changed_while_one_does_not_let_them_be(cloud, clients, owners, two):
    await repolicy(cloud, clients, owners, WEST, actions=DATA)
    asked = {"OnDemandThroughput": {"MaxReadRequestUnits": 7}}
    for region in (EAST, WEST):
        await refused(update(clients[region], **asked), "AccessDenied", "dynamodb:ReplicateSettings")
        ttl = {"AttributeName": "ends", "Enabled": True}
        refusal = clients[region].UpdateTimeToLive(TableName="orders", TimeToLiveSpecification=ttl)
        await refused(refusal, "AccessDenied", "dynamodb:ReplicateSettings")
    await put(clients[EAST], "goes-on")
    await cloud.settle()
    assert set(await items(clients[WEST])) == {"goes-on"}


# Provisioned capacity


async def scaling(cloud, owners, region, resource="table/orders"):
    """(MinCapacity, MaxCapacity, target) of writes, as the region's account sees them."""
    client = cloud.as_(root(owners[region]), "application-autoscaling", region=region)
    of = {"ServiceNamespace": "dynamodb", "ResourceIds": [resource]}
    (target,) = (await client.DescribeScalableTargets(**of))["ScalableTargets"]
    of = {"ServiceNamespace": "dynamodb", "ResourceId": resource}
    (found,) = (await client.DescribeScalingPolicies(**of))["ScalingPolicies"]
    tracking = found["TargetTrackingScalingPolicyConfiguration"]
    return target["MinCapacity"], target["MaxCapacity"], tracking["TargetValue"]


@pytest.fixture
async def provisioned(cloud, clients, owners):
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    await make_source(cloud, owners, BillingMode="PROVISIONED", ProvisionedThroughput=units)
    await refused(clients[WEST].CreateTable(**joining(owners, WEST)), "ValidationException", "or AutoScaled")
    await scale(cloud, target=60.0)
    await join(cloud, clients, owners, WEST)


async def test_how_writes_scale_comes_along(cloud, clients, owners, provisioned):
    assert await scaling(cloud, owners, WEST) == (5, 40, 60.0)
    assert (await described(clients[WEST]))["ProvisionedThroughput"]["WriteCapacityUnits"] == 5


async def test_writes_scale_everywhere_when_one_region_writes(cloud, clients, owners, provisioned):
    await update(clients[WEST], ProvisionedThroughput={"ReadCapacityUnits": 6, "WriteCapacityUnits": 9})
    await cloud.settle()
    throughput = (await described(clients[EAST]))["ProvisionedThroughput"]
    assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == (6, 9)


async def test_a_new_index_scales_in_all_accounts(cloud, clients, owners, provisioned):
    created = {
        "IndexName": "by-q",
        "KeySchema": [{"AttributeName": "q", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    }
    definitions = [{"AttributeName": "q", "AttributeType": "S"}]
    asked = {"AttributeDefinitions": definitions, "GlobalSecondaryIndexUpdates": [{"Create": created}]}
    await update(clients[WEST], **asked)
    await cloud.settle()
    for region in (EAST, WEST):
        assert await scaling(cloud, owners, region, "table/orders/index/by-q") == (1, 10, 70.0)


async def test_writes_are_set_for_all_and_reads_for_ones_own(cloud, clients, owners, provisioned):
    settings = {
        "MinimumUnits": 7,
        "MaximumUnits": 70,
        "ScalingPolicyUpdate": {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 50.0}},
    }
    answer = await clients[WEST].UpdateTableReplicaAutoScaling(
        TableName="orders",
        ProvisionedWriteCapacityAutoScalingUpdate=settings,
        ReplicaUpdates=[{"RegionName": WEST, "ReplicaProvisionedReadCapacityAutoScalingUpdate": settings}],
    )
    shown = answer["TableAutoScalingDescription"]["Replicas"]
    assert [replica["RegionName"] for replica in shown] == sorted((EAST, WEST))
    for replica in shown:
        writes = replica["ReplicaProvisionedWriteCapacityAutoScalingSettings"]
        assert (writes["MinimumUnits"], writes["MaximumUnits"]) == (7, 70)
        reads = replica["ReplicaProvisionedReadCapacityAutoScalingSettings"]
        assert ("MinimumUnits" in reads) == (replica["RegionName"] == WEST)
    of_other = [{"RegionName": EAST, "ReplicaProvisionedReadCapacityAutoScalingUpdate": settings}]
    asked = clients[WEST].UpdateTableReplicaAutoScaling(TableName="orders", ReplicaUpdates=of_other)
    await refused(asked, "ValidationException", "by the account that owns it")
    await repolicy(cloud, clients, owners, EAST, actions=DATA)
    asked = {"TableName": "orders", "ProvisionedWriteCapacityAutoScalingUpdate": settings}
    await refused(clients[WEST].UpdateTableReplicaAutoScaling(**asked), "AccessDenied", "ReplicateSettings")


# Cut off


async def test_replication_stops_for_who_does_not_let_it_and_goes_on_later(cloud, clients, owners, two):
    await repolicy(cloud, clients, owners, WEST, actions=("ReplicateSettings",))
    assert (await described(clients[WEST]))["TableStatus"] == "REPLICATION_NOT_AUTHORIZED"
    assert await statuses(clients[EAST]) == {WEST: "REPLICATION_NOT_AUTHORIZED"}
    assert (await described(clients[EAST]))["TableStatus"] == "ACTIVE"
    await put(clients[EAST], "east", n=1)
    await put(clients[WEST], "west", n=1)
    await put(clients[EAST], "both", n=1)
    await put(clients[WEST], "both", n=2)
    await cloud.settle()
    assert await items(clients[EAST]) == {"east": {"n": 1}, "both": {"n": 1}}
    assert await items(clients[WEST]) == {"west": {"n": 1}, "both": {"n": 2}}
    await repolicy(cloud, clients, owners, WEST)
    for region in (EAST, WEST):
        assert (await described(clients[region]))["TableStatus"] == "ACTIVE"
        assert await items(clients[region]) == {"east": {"n": 1}, "west": {"n": 1}, "both": {"n": 2}}
    assert not kept(cloud)


async def test_a_policy_that_goes_cuts_off_too(cloud, clients, owners, two):
    await clients[EAST].DeleteResourcePolicy(ResourceArn=arn(owners, EAST))
    await put(clients[WEST], "a")
    await cloud.settle()
    assert await items(clients[EAST]) == {}
    assert await statuses(clients[WEST]) == {EAST: "REPLICATION_NOT_AUTHORIZED"}


async def test_the_others_go_on_among_themselves(cloud, clients, owners, three):
    everywhere = (EAST, WEST, SOUTH)
    await repolicy(cloud, clients, owners, SOUTH, actions=("ReplicateSettings",), among=everywhere)
    await put(clients[EAST], "a", n=1)
    await cloud.settle()
    await put(clients[EAST], "a", n=2)
    await put(clients[WEST], "b", n=1)
    await cloud.settle()
    for region in (EAST, WEST):
        assert await items(clients[region]) == {"a": {"n": 2}, "b": {"n": 1}}
    assert await items(clients[SOUTH]) == {}
    await repolicy(cloud, clients, owners, SOUTH, among=everywhere)
    for client in clients.values():
        assert await items(client) == {"a": {"n": 2}, "b": {"n": 1}}
    assert not kept(cloud)


async def test_after_20_hours_it_is_a_table_of_its_own(cloud, clients, owners, three):
    await repolicy(cloud, clients, owners, SOUTH, actions=("ReplicateSettings",), among=(EAST, WEST, SOUTH))
    await put(clients[EAST], "a")
    await put(clients[SOUTH], "own")
    await cloud.advance(20 * HOUR_MS - 1)
    assert await statuses(clients[SOUTH]) != {}
    await cloud.advance(1)
    assert await statuses(clients[SOUTH]) == {}
    assert (await described(clients[SOUTH]))["TableStatus"] == "ACTIVE"
    assert await statuses(clients[EAST]) == {WEST: "ACTIVE"}
    assert set(await items(clients[SOUTH])) == {"own"}
    assert set(await items(clients[WEST])) == {"a"}
    assert not kept(cloud)
    await repolicy(cloud, clients, owners, SOUTH, among=(EAST, WEST, SOUTH))
    assert set(await items(clients[SOUTH])) == {"own"}


async def test_nobody_leaves_while_one_is_cut_off(cloud, clients, owners, two):
    await repolicy(cloud, clients, owners, WEST, actions=("ReplicateSettings",))
    leaving = {"Disassociate": {"RegionName": EAST, "DisassociationMode": "WAIT_FOR_REPLICATION"}}
    await update(clients[EAST], DisassociationProtectionEnabled=False)
    await update(clients[EAST], ReplicaUpdates=[leaving])
    await cloud.settle()
    assert (await described(clients[EAST]))["TableStatus"] == "ACTIVE"
    assert await statuses(clients[EAST]) == {WEST: "REPLICATION_NOT_AUTHORIZED"}
    await repolicy(cloud, clients, owners, WEST)
    await update(clients[EAST], ReplicaUpdates=[leaving])
    await cloud.settle()
    assert await statuses(clients[EAST]) == {}
    assert await statuses(clients[WEST]) == {}


@pytest.mark.parametrize("seed", range(6))
async def test_the_last_writer_wins_whoever_was_cut_off_meanwhile(cloud, clients, owners, three, seed):
    rng = random.Random(seed)
    everywhere = (EAST, WEST, SOUTH)
    wanted = {}
    for step in range(60):
        client = clients[rng.choice(everywhere)]
        p = rng.choice("abcde")
        if rng.random() < 0.8:
            await put(client, p, n=step)
            wanted[p] = {"n": step}
        elif p in await items(client):  # else it changes nothing, and goes nowhere
            await delete(client, p)
            wanted.pop(p, None)
        if rng.random() < 0.3:
            region = rng.choice(everywhere)
            actions = ACTIONS if rng.random() < 0.5 else ("ReplicateSettings",)
            await clients[region].PutResourcePolicy(
                ResourceArn=arn(owners, region),
                Policy=policy(owners, region, among=everywhere, actions=actions),
                ConfirmRemoveSelfResourceAccess=True,
            )
        if rng.random() < 0.5:
            await cloud.settle()
    for region in everywhere:
        await repolicy(cloud, clients, owners, region, among=everywhere)
    for region in everywhere:
        assert await items(clients[region]) == wanted, region
    assert not kept(cloud)


# The end


async def test_the_last_table_stays_as_it_is_and_may_be_a_source_again(cloud, clients, owners, two):
    await clients[WEST].DeleteTable(TableName="orders")
    await cloud.settle()
    table = await described(clients[EAST])
    assert "Replicas" not in table
    assert table["GlobalTableSettingsReplicationMode"] == "ENABLED"
    await join(cloud, clients, owners, WEST)
    assert await statuses(clients[EAST]) == {WEST: "ACTIVE"}


async def test_a_source_is_not_deleted_for_a_day(cloud, clients, owners, two):
    text = "acted as a source region"
    await refused(clients[EAST].DeleteTable(TableName="orders"), "ValidationException", text)
    await cloud.advance(24 * HOUR_MS)
    await clients[EAST].DeleteTable(TableName="orders")
    await cloud.settle()
    assert await statuses(clients[WEST]) == {}


async def test_a_replica_that_is_cut_off_can_be_deleted(cloud, clients, owners, two):
    await repolicy(cloud, clients, owners, WEST, actions=("ReplicateSettings",))
    await put(clients[WEST], "lost")
    await clients[WEST].DeleteTable(TableName="orders")
    await cloud.settle()
    await refused(described(clients[WEST]), "ResourceNotFoundException", "orders")
    assert await items(clients[EAST]) == {}
    assert not kept(cloud)
    await cloud.advance(21 * HOUR_MS)
    assert (await described(clients[EAST]))["TableStatus"] == "ACTIVE"


async def test_the_stream_of_a_source_is_opened(cloud, clients, owners):
    await make_source(cloud, owners, StreamSpecification=None)
    await join(cloud, clients, owners, WEST)
    for region in (EAST, WEST):
        assert (await described(clients[region]))["StreamSpecification"] == BOTH_IMAGES
