"""AWS::DynamoDB::GlobalTable, acting through the public operations only."""

import json
from dataclasses import replace

import pytest

from pileus.kernel.principal import root
from pileus.services.dynamodb.resources import GlobalTable
from pileus.stacks.intrinsics import Unknown
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import Gone, ResourceContext, StillWaiting

EAST, WEST, SOUTH = "us-east-1", "eu-west-1", "sa-east-1"
STACK_TAGS = {
    "aws:cloudformation:stack-name": "shop",
    "aws:cloudformation:stack-id": "arn:aws:cloudformation:us-east-1:000000000000:stack/shop/1",
    "aws:cloudformation:logical-id": "Orders",
}
KEYS = {
    "TableName": "orders",
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
}
INDEX = {
    "IndexName": "by_a",
    "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}
ATTRIBUTES = [{"AttributeName": name, "AttributeType": "S"} for name in ("p", "a")]
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "dynamodb:GetItem", "Resource": "*"}
    ],
}


def of(*regions, **more):
    """Properties with a replica in each region; a region may come as (region, its settings)."""
    pairs = [region if isinstance(region, tuple) else (region, {}) for region in regions]
    return KEYS | {"Replicas": [{"Region": region, **settings} for region, settings in pairs]} | more


@pytest.fixture
def context(cloud):
    async def invoke(service: str, operation: str, request: dict, *, region: str = EAST) -> dict:
        return await getattr(client(cloud, region, service), operation)(**request)

    return ResourceContext(
        account=cloud.account,
        region=EAST,
        partition="aws",
        stack_name="shop",
        stack_id=STACK_TAGS["aws:cloudformation:stack-id"],
        logical_id="Orders",
        token="1",
        clock=cloud.clock,
        invoke=invoke,
        tags=STACK_TAGS,
        began_ms=cloud.clock.now_ms(),
    )


def client(cloud, region, service="dynamodb"):
    return cloud.as_(root(cloud.account), service, region=region)


async def until_done(cloud, step):
    while True:
        try:
            return await step()
        except StillWaiting:
            await cloud.settle()


async def create(cloud, context, properties):
    kind = GlobalTable()
    coerced = kind.coerced(properties)
    return await until_done(cloud, lambda: kind.create(context, coerced))


async def update(cloud, context, old, new):
    kind = GlobalTable()
    step = replace(context, began_ms=cloud.clock.now_ms())
    return await until_done(cloud, lambda: kind.update(step, "orders", kind.coerced(old), kind.coerced(new)))


async def described(cloud, region):
    return (await client(cloud, region).DescribeTable(TableName="orders"))["Table"]


async def replicas(cloud, region):
    return sorted(replica["RegionName"] for replica in (await described(cloud, region)).get("Replicas", ()))


async def tags(cloud, region):
    arn = (await described(cloud, region))["TableArn"]
    listed = (await client(cloud, region).ListTagsOfResource(ResourceArn=arn))["Tags"]
    return {tag["Key"]: tag["Value"] for tag in listed if not tag["Key"].startswith("aws:")}


async def test_a_global_table_is_made_in_all_its_regions(cloud, context):
    created = await create(cloud, context, of(EAST, WEST, SOUTH))
    table = await described(cloud, EAST)
    assert created.physical_id == "orders"
    assert created.attributes == {
        "Arn": table["TableArn"],
        "StreamArn": table["LatestStreamArn"],
        "TableId": table["TableId"],
    }
    assert await replicas(cloud, EAST) == [WEST, SOUTH]
    assert await replicas(cloud, WEST) == [SOUTH, EAST]
    again = await create(cloud, context, of(EAST, WEST, SOUTH))
    assert again == created


async def test_each_replica_gets_its_own_settings(cloud, context):
    key = "arn:aws:kms:{}:000000000000:key/11111111-1111-1111-1111-111111111111"
    west = {
        "DeletionProtectionEnabled": True,
        "GlobalSecondaryIndexes": [{"IndexName": "by_a", "ReadOnDemandThroughputSettings": {"MaxReadRequestUnits": 7}}],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 3},
        "ReadOnDemandThroughputSettings": {"MaxReadRequestUnits": 9},
        "ReplicaStreamSpecification": {"ResourcePolicy": {"PolicyDocument": POLICY}},
        "ResourcePolicy": {"PolicyDocument": POLICY},
        "SSESpecification": {"KMSMasterKeyId": key.format(WEST)},
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        "Tags": [{"Key": "where", "Value": "west"}],
    }
    east = {"SSESpecification": {"KMSMasterKeyId": key.format(EAST)}, "Tags": [{"Key": "where", "Value": "east"}]}
    properties = of(
        (EAST, east),
        (WEST, west),
        AttributeDefinitions=ATTRIBUTES,
        GlobalSecondaryIndexes=[INDEX | {"WriteOnDemandThroughputSettings": {"MaxWriteRequestUnits": 5}}],
        SSESpecification={"SSEEnabled": True, "SSEType": "KMS"},
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"},
        WriteOnDemandThroughputSettings={"MaxWriteRequestUnits": 4},
    )
    await create(cloud, context, properties)
    for region, protected, table_class in ((EAST, False, None), (WEST, True, "STANDARD_INFREQUENT_ACCESS")):
        table = await described(cloud, region)
        assert table["DeletionProtectionEnabled"] is protected
        assert table.get("TableClassSummary", {}).get("TableClass") in (table_class, "STANDARD")
        assert table["SSEDescription"]["KMSMasterKeyArn"] == key.format(region)
        assert await tags(cloud, region) == {"where": {EAST: "east", WEST: "west"}[region]}
        ttl = await client(cloud, region).DescribeTimeToLive(TableName="orders")
        assert ttl["TimeToLiveDescription"]["AttributeName"] == "until"
        backups = await client(cloud, region).DescribeContinuousBackups(TableName="orders")
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == ("ENABLED" if region == WEST else "DISABLED")
    table = await described(cloud, WEST)
    assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 9, "MaxWriteRequestUnits": 4}
    index = table["GlobalSecondaryIndexes"][0]
    assert index["OnDemandThroughput"] == {"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 5}
    for arn in (table["TableArn"], table["LatestStreamArn"]):
        assert json.loads((await client(cloud, WEST).GetResourcePolicy(ResourceArn=arn))["Policy"]) == POLICY


async def test_an_update_reaches_all_regions(cloud, context):
    old = of(EAST, (WEST, {"DeletionProtectionEnabled": True}))
    await create(cloud, context, old)
    await client(cloud, WEST).PutItem(TableName="orders", Item={"p": {"S": "1"}, "a": {"S": "x"}})
    new = of(
        EAST,
        (WEST, {"Tags": [{"Key": "a", "Value": "b"}], "TableClass": "STANDARD_INFREQUENT_ACCESS"}),
        AttributeDefinitions=ATTRIBUTES,
        GlobalSecondaryIndexes=[INDEX],
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"},
    )
    await update(cloud, context, old, new)
    for region in (EAST, WEST):
        table = await described(cloud, region)
        assert [(i["IndexName"], i["ItemCount"]) for i in table["GlobalSecondaryIndexes"]] == [("by_a", 1)]
        assert not table["DeletionProtectionEnabled"]
        ttl = await client(cloud, region).DescribeTimeToLive(TableName="orders")
        assert ttl["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    assert await tags(cloud, WEST) == {"a": "b"}
    assert (await described(cloud, WEST))["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    await update(cloud, context, new, {**new, "Replicas": of(EAST, WEST)["Replicas"]})
    assert (await described(cloud, WEST))["TableClassSummary"]["TableClass"] == "STANDARD"


async def test_a_replica_is_added_with_the_items_and_taken_away_again(cloud, context):
    await create(cloud, context, of(EAST, StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"}))
    await cloud.dynamodb.PutItem(TableName="orders", Item={"p": {"S": "1"}})
    await update(cloud, context, of(EAST), of(EAST, WEST))
    assert (await client(cloud, WEST).Scan(TableName="orders"))["Count"] == 1
    with pytest.raises(InvalidProperty, match="more than one replica in a single update"):
        await update(cloud, context, of(EAST, WEST), of(EAST, SOUTH))
    await update(cloud, context, of(EAST, WEST), of(EAST))
    assert await replicas(cloud, EAST) == []
    assert (await client(cloud, WEST).ListTables())["TableNames"] == []


async def test_a_deleted_global_table_is_gone_from_all_regions(cloud, context):
    await create(cloud, context, of(EAST, WEST, SOUTH))
    kind = GlobalTable()
    await until_done(cloud, lambda: kind.delete(context, "orders", of(EAST, WEST, SOUTH)))
    for region in (EAST, WEST, SOUTH):
        assert (await client(cloud, region).ListTables())["TableNames"] == []
    await kind.delete(context, "orders", of(EAST))
    with pytest.raises(Gone):
        await kind.read(context, "orders")


async def test_what_is_read_is_what_was_asked_for(cloud, context):
    west = {"DeletionProtectionEnabled": True, "Tags": [{"Key": "a", "Value": "b"}]}
    await create(cloud, context, of((EAST, {"DeletionProtectionEnabled": False}), (WEST, west)))
    found = await GlobalTable().read(context, "orders")
    assert found == of((EAST, {"DeletionProtectionEnabled": False}), (WEST, west))


def scaled(low, high):
    return {"MinCapacity": low, "MaxCapacity": high, "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70}}


async def test_provisioned_capacity_that_does_not_scale_is_honoured(cloud, context):
    properties = of(
        (EAST, {"ReadProvisionedThroughputSettings": {"ReadCapacityUnits": 3}}),
        BillingMode="PROVISIONED",
        WriteProvisionedThroughputSettings={"WriteCapacityAutoScalingSettings": scaled(5, 5)},
    )
    await create(cloud, context, properties)
    has = (await described(cloud, EAST))["ProvisionedThroughput"]
    assert (has["ReadCapacityUnits"], has["WriteCapacityUnits"]) == (3, 5)


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        (of(WEST), "The Replicas section must contain an entry for the current region"),
        (of(EAST, EAST), "more than one entry of the same region"),
        ({k: v for k, v in of(EAST, WEST).items() if k != "StreamSpecification"}, "StreamSpecification is required"),
        (of(EAST, MultiRegionConsistency="STRONG"), "MultiRegionConsistency"),
        (of(EAST, GlobalTableWitnesses=[{"Region": WEST}]), "GlobalTableWitnesses"),
        (of((EAST, {"ContributorInsightsSpecification": {"Enabled": True}})), "ContributorInsightsSpecification"),
        (of((EAST, {"GlobalSecondaryIndexes": [{"IndexName": "none"}]})), "indexes that the table does not have: none"),
        (of(EAST, WEST, BillingMode="PROVISIONED"), "BillingMode must be PAY_PER_REQUEST"),
        (of(EAST, BillingMode="PROVISIONED"), "must be specified when BillingMode is PROVISIONED"),
        (
            of(EAST, WriteProvisionedThroughputSettings={"WriteCapacityAutoScalingSettings": scaled(5, 50)}),
            "MinCapacity and MaxCapacity must be the same",
        ),
    ],
)
async def test_what_is_not_honoured_is_refused_by_name(cloud, context, properties, text):
    with pytest.raises(InvalidProperty, match=text):
        await create(cloud, context, properties)
    assert (await cloud.dynamodb.ListTables())["TableNames"] == []


@pytest.mark.parametrize(("changed", "is_new"), [("TableName", True), ("KeySchema", True), ("Replicas", False)])
def test_keys_and_names_need_another_table(changed, is_new):
    assert GlobalTable().replaces({changed: 1}, {changed: 2}) == is_new


async def test_a_stack_makes_and_deletes_a_global_table(cloud):
    template = {
        "Resources": {
            "Orders": {
                "Type": "AWS::DynamoDB::GlobalTable",
                "Properties": of(EAST, WEST),
            }
        },
        "Outputs": {"Id": {"Value": {"Fn::GetAtt": ["Orders", "TableId"]}}, "Name": {"Value": {"Ref": "Orders"}}},
    }
    await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=json.dumps(template))
    await cloud.advance(60_000)
    stack = (await cloud.cloudformation.DescribeStacks(StackName="shop"))["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs == {"Id": (await described(cloud, EAST))["TableId"], "Name": "orders"}
    assert await replicas(cloud, WEST) == [EAST]
    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.advance(60_000)
    for region in (EAST, WEST):
        assert (await client(cloud, region).ListTables())["TableNames"] == []


def test_what_a_change_set_does_not_know_yet_passes():
    unknown = Unknown(("Parameter",))
    kind = GlobalTable()
    settings = scaled(unknown, 5)
    kind.coerced(of(EAST, BillingMode=unknown, GlobalSecondaryIndexes=unknown))
    kind.coerced(of(EAST, unknown, WriteProvisionedThroughputSettings={"WriteCapacityAutoScalingSettings": settings}))
    kind.coerced(KEYS | {"Replicas": unknown})
