"""AWS::DynamoDB::GlobalTable, acting through the public operations only."""

import json
from dataclasses import replace

import pytest

from pileus.kernel.principal import root
from pileus.services.dynamodb.resources import GlobalTable
from pileus.stacks.intrinsics import Unknown
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import Gone, ResourceContext, StillWaiting

EAST, WEST, SOUTH, OREGON = "us-east-1", "eu-west-1", "sa-east-1", "us-west-2"
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
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "dynamodb:DeleteResourcePolicy",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalTag/may": "not"}},
        }
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
    def at_most(units):
        return {"ReadOnDemandThroughputSettings": {"MaxReadRequestUnits": units}}

    west = {
        "DeletionProtectionEnabled": True,
        "Tags": [{"Key": "a", "Value": "b"}],
        "GlobalSecondaryIndexes": [{"IndexName": "by_a", **at_most(30)}],
        **at_most(20),
    }
    writes = {"WriteOnDemandThroughputSettings": {"MaxWriteRequestUnits": 40}}
    properties = of((EAST, {"DeletionProtectionEnabled": False}), (WEST, west), **writes)
    properties |= {"GlobalSecondaryIndexes": [INDEX | writes], "AttributeDefinitions": sorted(ATTRIBUTES, key=str)}
    await create(cloud, context, properties)
    assert await GlobalTable().read(context, "orders") == properties


async def test_vector_indexes_are_in_all_regions(cloud, context):
    vectors = {
        "IndexName": "vix",
        "VectorAttribute": {"AttributeName": "v"},
        "Projection": {"ProjectionType": "ALL"},
        "Dimensions": 2,
        "DistanceFunction": "COSINE",
    }
    both = of(EAST, WEST)
    with_one = both | {"VectorIndexes": [vectors]}
    await create(cloud, context, with_one)
    read = await GlobalTable().read(context, "orders")
    assert read["VectorIndexes"] == [vectors]
    other = both | {"VectorIndexes": [vectors | {"IndexName": "two"}]}
    await update(cloud, context, with_one, other)
    for region in (EAST, WEST):
        indexes = (await described(cloud, region))["VectorIndexes"]
        assert [(index["IndexName"], index["IndexStatus"]) for index in indexes] == [("two", "ACTIVE")]


def scaled(low, high, **more):
    target = {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70}}
    return {"MinCapacity": low, "MaxCapacity": high, **target, **more}


def reads(settings):
    return {"ReadCapacityAutoScalingSettings": settings}


def reading(settings):
    """Of a replica, or its index: how its reads scale, or how many there are."""
    given = {"ReadCapacityUnits": settings} if isinstance(settings, int) else reads(settings)
    return {"ReadProvisionedThroughputSettings": given}


def writing(settings):
    return {"WriteProvisionedThroughputSettings": {"WriteCapacityAutoScalingSettings": settings}}


PROVISIONED = {"BillingMode": "PROVISIONED", **writing(scaled(5, 50))}


async def units(cloud, region, index_name=""):
    """(reads, writes) of the table or its index in a region."""
    table = await described(cloud, region)
    of = next((one for one in table.get("GlobalSecondaryIndexes", ()) if one["IndexName"] == index_name), table)
    has = of["ProvisionedThroughput"]
    return has["ReadCapacityUnits"], has["WriteCapacityUnits"]


async def bounds(cloud, region):
    """What scales in a region: (ResourceId's end, kind) -> (MinCapacity, MaxCapacity, TargetValue)."""
    scaling = client(cloud, region, "application-autoscaling")
    targets = (await scaling.DescribeScalableTargets(ServiceNamespace="dynamodb"))["ScalableTargets"]
    policies = (await scaling.DescribeScalingPolicies(ServiceNamespace="dynamodb"))["ScalingPolicies"]
    value = {
        (policy["ResourceId"], policy["ScalableDimension"]): policy["TargetTrackingScalingPolicyConfiguration"][
            "TargetValue"
        ]
        for policy in policies
    }
    found = {}
    for target in targets:
        of = target["ResourceId"], target["ScalableDimension"]
        kind = "reads" if "Read" in of[1] else "writes"
        found[of[0].rpartition("/")[2], kind] = (target["MinCapacity"], target["MaxCapacity"], value.get(of))
    return found


async def test_provisioned_replicas_scale_as_the_template_says(cloud, context):
    indexes = {"AttributeDefinitions": ATTRIBUTES, "GlobalSecondaryIndexes": [INDEX | writing(scaled(2, 20))]}
    own = {"IndexName": "by_a"}
    first = of(
        (EAST, reading(scaled(3, 30)) | {"GlobalSecondaryIndexes": [own | reading(4)]}),
        (WEST, reading(7) | {"GlobalSecondaryIndexes": [own | reading(scaled(6, 60))]}),
        **PROVISIONED,
        **indexes,
    )
    await create(cloud, context, first)
    await cloud.settle()
    shared = {("orders", "writes"): (5, 50, 70), ("by_a", "writes"): (2, 20, 70)}
    assert await bounds(cloud, EAST) == shared | {("orders", "reads"): (3, 30, 70)}
    assert await bounds(cloud, WEST) == shared | {("by_a", "reads"): (6, 60, 70)}
    assert [await units(cloud, EAST), await units(cloud, EAST, "by_a")] == [(3, 5), (4, 2)]
    assert [await units(cloud, WEST), await units(cloud, WEST, "by_a")] == [(7, 5), (6, 2)]

    found = await GlobalTable().read(context, "orders")
    assert found["Replicas"] == [replica | {"DeletionProtectionEnabled": False} for replica in first["Replicas"]]
    assert {key: found[key] for key in first if key not in ("Replicas", "AttributeDefinitions")} == {
        key: first[key] for key in first if key not in ("Replicas", "AttributeDefinitions")
    }

    second = of(
        (EAST, reading(9) | {"GlobalSecondaryIndexes": [own | reading(4)]}),
        (WEST, reading(scaled(8, 80)) | {"GlobalSecondaryIndexes": [own | reading(scaled(6, 66))]}),
        **PROVISIONED | writing(scaled(10, 100)),
        **indexes,
    )
    await update(cloud, context, first, second)
    await cloud.advance(60_000)  # reads and writes change one after another
    shared |= {("orders", "writes"): (10, 100, 70)}
    assert await bounds(cloud, EAST) == shared
    assert await bounds(cloud, WEST) == shared | {("orders", "reads"): (8, 80, 70), ("by_a", "reads"): (6, 66, 70)}
    assert [await units(cloud, EAST), await units(cloud, EAST, "by_a")] == [(9, 10), (4, 2)]
    assert [await units(cloud, WEST), await units(cloud, WEST, "by_a")] == [(8, 10), (6, 2)]

    kind = GlobalTable()
    await until_done(cloud, lambda: kind.delete(context, "orders", kind.coerced(second)))
    assert [await bounds(cloud, EAST), await bounds(cloud, WEST)] == [{}, {}]


async def test_an_update_leaves_alone_what_has_scaled(cloud, context):
    first = of((EAST, reading(scaled(1, 10))), (WEST, reading(scaled(1, 10))), **PROVISIONED)
    await create(cloud, context, first)
    await client(cloud, EAST).UpdateTable(
        TableName="orders", ProvisionedThroughput={"ReadCapacityUnits": 8, "WriteCapacityUnits": 30}
    )
    await cloud.settle()
    tagged = [{**replica, "Tags": [{"Key": "team", "Value": "a"}]} for replica in first["Replicas"]]
    await update(cloud, context, first, first | {"Replicas": tagged})
    assert await units(cloud, EAST) == (8, 30)
    assert await tags(cloud, WEST) == {"team": "a"}


async def test_a_table_that_becomes_provisioned_begins_with_its_seed(cloud, context):
    await create(cloud, context, of(EAST, WEST))
    unseeded = of((EAST, reading(scaled(1, 10))), (WEST, reading(2)), **PROVISIONED)
    with pytest.raises(InvalidProperty, match="SeedCapacity must be specified"):
        await update(cloud, context, of(EAST, WEST), unseeded)
    seeded = of(
        (EAST, reading(scaled(1, 10, SeedCapacity=6))),
        (WEST, reading(2)),
        **PROVISIONED | writing(scaled(5, 50, SeedCapacity=12)),
    )
    await update(cloud, context, of(EAST, WEST), seeded)
    await cloud.settle()
    assert [await units(cloud, EAST), await units(cloud, WEST)] == [(6, 12), (2, 12)]
    await update(cloud, context, seeded, of(EAST, WEST))
    assert await bounds(cloud, EAST) == {}
    assert (await described(cloud, WEST))["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("witness", [None, OREGON])
async def test_replicas_of_strong_consistency_are_made_and_deleted_together(cloud, context, witness):
    others = [WEST] if witness else [WEST, OREGON]
    strong = of(EAST, *others, MultiRegionConsistency="STRONG")
    strong |= {"GlobalTableWitnesses": [{"Region": witness}]} if witness else {}
    del strong["StreamSpecification"]
    await create(cloud, context, strong)
    table = await described(cloud, WEST)
    assert table["MultiRegionConsistency"] == "STRONG"
    assert table.get("GlobalTableWitnesses", []) == (
        [{"RegionName": witness, "WitnessStatus": "ACTIVE"}] if witness else []
    )
    await client(cloud, EAST).PutItem(TableName="orders", Item={"p": {"S": "a"}})
    assert (await client(cloud, WEST).GetItem(TableName="orders", Key={"p": {"S": "a"}}))["Item"]
    found = await GlobalTable().read(context, "orders")
    assert found["MultiRegionConsistency"] == "STRONG"
    assert found.get("GlobalTableWitnesses") == strong.get("GlobalTableWitnesses")
    tagged = [{**replica, "Tags": [{"Key": "team", "Value": "a"}]} for replica in strong["Replicas"]]
    await update(cloud, context, strong, strong | {"Replicas": tagged})
    assert await tags(cloud, WEST) == {"team": "a"}
    kind = GlobalTable()
    await until_done(cloud, lambda: kind.delete(context, "orders", kind.coerced(strong)))
    for region in (EAST, *others):
        assert (await client(cloud, region).ListTables())["TableNames"] == []


async def test_contributor_insights_are_each_replicas_own(cloud, context):
    on = {"ContributorInsightsSpecification": {"Enabled": True, "Mode": "THROTTLED_KEYS"}}
    own = {"GlobalSecondaryIndexes": [{"IndexName": "by_a", **on}]}
    indexes = {"AttributeDefinitions": ATTRIBUTES, "GlobalSecondaryIndexes": [INDEX]}
    first = of((EAST, on), (WEST, own), **indexes)
    await create(cloud, context, first)

    async def enabled(region):
        listed = await client(cloud, region).ListContributorInsights()
        return [one.get("IndexName", "") for one in listed["ContributorInsightsSummaries"]]

    assert [await enabled(EAST), await enabled(WEST)] == [[""], ["by_a"]]
    found = await GlobalTable().read(context, "orders")
    assert [replica.get("ContributorInsightsSpecification") for replica in found["Replicas"]] == [
        on["ContributorInsightsSpecification"],
        None,
    ]
    await update(cloud, context, first, of(EAST, (WEST, on), **indexes))
    assert [await enabled(EAST), await enabled(WEST)] == [[], [""]]


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
        (of(EAST, WEST, MultiRegionConsistency="STRONG"), "must have three Replicas"),
        (of(EAST, GlobalTableWitnesses=[{"Region": WEST}]), "where MultiRegionConsistency is STRONG"),
        (of((EAST, {"GlobalSecondaryIndexes": [{"IndexName": "none"}]})), "indexes that the table does not have: none"),
        (of(EAST, BillingMode="PROVISIONED"), "must be specified when BillingMode is PROVISIONED"),
        (
            of((EAST, {"ReadProvisionedThroughputSettings": {"ReadCapacityUnits": 1, **reads(scaled(1, 2))}})),
            "either ReadCapacityUnits or ReadCapacityAutoScalingSettings, but not both",
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
