"""Provisioned global tables: their writes scale, in all regions alike; reads of each region by themselves."""

import pytest

from pileus.authn.linked_roles import DYNAMODB_AUTO_SCALING
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.dynamodb.tests.conftest import index, item
from pileus.services.dynamodb.tests.test_replicas import add, described, remove

EAST, WEST, SOUTH = "us-east-1", "eu-west-1", "sa-east-1"
MINUTE_MS = 60_000
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
NONE = {"AutoScalingDisabled": True, "ScalingPolicies": []}
FULL = {
    "MinimumUnits": 5,
    "MaximumUnits": 50,
    "ScalingPolicyUpdate": {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 50.0}},
}
NOT_FOUND = "ResourceNotFoundException"


@pytest.fixture
def regions(cloud):
    return {region: cloud.as_(root(cloud.account), "dynamodb", region=region) for region in (EAST, WEST, SOUTH)}


async def make_table(cloud, **more):
    await cloud.dynamodb.CreateTable(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("p", "x")][: 1 + len(more)],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        ProvisionedThroughput=UNITS,
        **more,
    )
    await cloud.settle()


async def scale(cloud, resource="table/orders", kind="Write", region=EAST, target=70.0, bounds=(5, 40), policy="mine"):
    """What a client of Application Auto Scaling sets."""
    client = cloud.as_(root(cloud.account), "application-autoscaling", region=region)
    of = "index" if "/index/" in resource else "table"
    named = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": resource,
        "ScalableDimension": f"dynamodb:{of}:{kind}CapacityUnits",
    }
    await client.RegisterScalableTarget(**named, MinCapacity=bounds[0], MaxCapacity=bounds[1])
    await client.PutScalingPolicy(
        **named,
        PolicyName=policy,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": f"DynamoDB{kind}CapacityUtilization"},
            "TargetValue": target,
            "ScaleInCooldown": 60,
        },
    )
    await cloud.settle()


async def make_global(cloud, regions, *others):
    await make_table(cloud)
    await scale(cloud)
    for region in others or (WEST,):
        await add(cloud, regions[EAST], region)


async def settings(cloud, region=EAST):
    """Region -> its ReplicaAutoScalingDescription."""
    client = cloud.as_(root(cloud.account), "dynamodb", region=region)
    answer = (await client.DescribeTableReplicaAutoScaling(TableName="orders"))["TableAutoScalingDescription"]
    assert (answer["TableName"], answer["TableStatus"]) == ("orders", "ACTIVE")
    return {replica["RegionName"]: replica for replica in answer["Replicas"]}


async def units(client, of="orders"):
    throughput = (await client.DescribeTable(TableName=of))["Table"]["ProvisionedThroughput"]
    return throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]


async def update(cloud, **asked):
    return await cloud.dynamodb.UpdateTableReplicaAutoScaling(TableName="orders", **asked)


async def refused(awaited, code, text):
    with pytest.raises(AwsError) as caught:
        await awaited
    assert (caught.value.code, caught.value.message) == (code, text)


# Who may have a replica


async def test_a_replica_of_provisioned_capacity_needs_writes_that_scale(cloud, regions):
    await make_table(cloud, GlobalSecondaryIndexes=[index("by_x", "x") | {"ProvisionedThroughput": UNITS}])
    create = [{"Create": {"RegionName": WEST}}]
    not_scaled = "{} write capacity should either be Pay-Per-Request or AutoScaled."
    ask = lambda: regions[EAST].UpdateTable(TableName="orders", ReplicaUpdates=create)  # noqa: E731
    await refused(ask(), "ValidationException", not_scaled.format("Table"))
    client = cloud.as_(root(cloud.account), "application-autoscaling")
    await client.RegisterScalableTarget(
        ServiceNamespace="dynamodb",
        ResourceId="table/orders",
        ScalableDimension="dynamodb:table:WriteCapacityUnits",
        MinCapacity=5,
        MaxCapacity=10,
    )
    await refused(ask(), "ValidationException", not_scaled.format("Table"))  # a target without a policy does not scale
    await scale(cloud)
    await refused(ask(), "ValidationException", not_scaled.format("GSI"))
    await scale(cloud, "table/orders/index/by_x")
    await ask()
    await cloud.settle()
    assert (await described(regions[WEST]))["TableStatus"] == "ACTIVE"
    assert await units(regions[WEST]) == (5, 5)


async def test_a_new_replica_scales_its_writes_as_the_others_do_and_its_reads_not(cloud, regions):
    await make_global(cloud, regions)
    found = await settings(cloud)
    assert list(found) == [WEST, EAST]
    for region in (WEST, EAST):
        assert found[region] == {
            "RegionName": region,
            "ReplicaStatus": "ACTIVE",
            "GlobalSecondaryIndexes": [],
            "ReplicaProvisionedReadCapacityAutoScalingSettings": NONE,
            "ReplicaProvisionedWriteCapacityAutoScalingSettings": {
                "MinimumUnits": 5,
                "MaximumUnits": 40,
                "AutoScalingRoleArn": f"arn:aws:iam::{cloud.account}:role/aws-service-role/{DYNAMODB_AUTO_SCALING.service}/"
                f"{DYNAMODB_AUTO_SCALING.name}",
                "ScalingPolicies": [
                    {
                        "PolicyName": "mine",
                        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70.0, "ScaleInCooldown": 60},
                    }
                ],
            },
        }
    assert await settings(cloud, WEST) == found


async def test_an_index_of_a_global_table_begins_to_scale_by_itself(cloud, regions):
    await make_global(cloud, regions)
    created = index("by_x", "x") | {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}
    await regions[EAST].UpdateTable(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "x", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": created}],
    )
    await cloud.settle()
    for region in (EAST, WEST):
        (shown,) = (await settings(cloud))[region]["GlobalSecondaryIndexes"]
        writes = shown["ProvisionedWriteCapacityAutoScalingSettings"]
        assert (shown["IndexName"], shown["IndexStatus"]) == ("by_x", "ACTIVE")
        assert shown["ProvisionedReadCapacityAutoScalingSettings"] == NONE
        assert (writes["MinimumUnits"], writes["MaximumUnits"]) == (1, 10)
        assert writes["ScalingPolicies"] == [
            {
                "PolicyName": "DynamoDBWriteCapacityUtilization:table/orders/index/by_x",
                "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70.0},
            }
        ]
    disabled = {"IndexName": "by_x", "ProvisionedWriteCapacityAutoScalingUpdate": {"AutoScalingDisabled": True}}
    await update(cloud, GlobalSecondaryIndexUpdates=[disabled])
    another = index("by_y", "x") | {"ProvisionedThroughput": UNITS}
    await refused(
        regions[EAST].UpdateTable(
            TableName="orders",
            AttributeDefinitions=[{"AttributeName": "x", "AttributeType": "S"}],
            GlobalSecondaryIndexUpdates=[{"Create": another}],
        ),
        "ValidationException",
        "GSI write capacity should either be Pay-Per-Request or AutoScaled.",
    )


# Set for all regions at once


async def test_writes_are_set_in_all_regions_and_reads_where_they_are_named(cloud, regions):
    await make_global(cloud, regions, WEST, SOUTH)
    tracking = {"TargetValue": 40.0, "DisableScaleIn": True, "ScaleOutCooldown": 30, "ScaleInCooldown": -1}
    named = {"PolicyName": "new", "TargetTrackingScalingPolicyConfiguration": tracking}
    reads = FULL | {"MinimumUnits": 7, "MaximumUnits": 9}
    answer = await update(
        cloud,
        ProvisionedWriteCapacityAutoScalingUpdate=FULL | {"ScalingPolicyUpdate": named},
        ReplicaUpdates=[{"RegionName": WEST, "ReplicaProvisionedReadCapacityAutoScalingUpdate": reads}],
    )
    await cloud.settle()
    found = await settings(cloud)
    assert {one["RegionName"] for one in answer["TableAutoScalingDescription"]["Replicas"]} == {EAST, WEST, SOUTH}
    for replica in found.values():
        writes = replica["ReplicaProvisionedWriteCapacityAutoScalingSettings"]
        assert (writes["MinimumUnits"], writes["MaximumUnits"]) == (5, 50)
        assert writes["ScalingPolicies"] == [
            {"PolicyName": "new", "TargetTrackingScalingPolicyConfiguration": tracking}
        ]
    read = {region: one["ReplicaProvisionedReadCapacityAutoScalingSettings"] for region, one in found.items()}
    assert (read[EAST], read[SOUTH]) == (NONE, NONE)
    assert read[WEST]["ScalingPolicies"] == [
        {
            "PolicyName": "DynamoDBReadCapacityUtilization:table/orders",
            "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 50.0},
        }
    ]
    # What is below the new minimum is raised to it, there alone; it shows as the replica's own.
    assert [await units(regions[region]) for region in (EAST, WEST, SOUTH)] == [(5, 5), (7, 5), (5, 5)]
    overrides = {
        replica["RegionName"]: replica.get("ProvisionedThroughputOverride")
        for replica in (await described(regions[SOUTH]))["Replicas"]
    }
    assert overrides == {EAST: {"ReadCapacityUnits": 5}, WEST: None}


async def test_disabling_leaves_the_rest_and_is_fine_twice(cloud, regions):
    await make_global(cloud, regions)
    reads = {"RegionName": EAST, "ReplicaProvisionedReadCapacityAutoScalingUpdate": FULL}
    await update(cloud, ReplicaUpdates=[reads])
    for _ in range(2):
        await update(cloud, ProvisionedWriteCapacityAutoScalingUpdate={"AutoScalingDisabled": True})
    found = await settings(cloud)
    for replica in found.values():
        assert replica["ReplicaProvisionedWriteCapacityAutoScalingSettings"] == NONE
    assert found[EAST]["ReplicaProvisionedReadCapacityAutoScalingSettings"]["MinimumUnits"] == 5


async def test_an_on_demand_table_keeps_its_settings_and_does_not_scale(cloud, regions):
    await make_global(cloud, regions)
    await regions[EAST].UpdateTable(TableName="orders", BillingMode="PAY_PER_REQUEST")
    await cloud.settle()
    writes = (await settings(cloud))[WEST]["ReplicaProvisionedWriteCapacityAutoScalingSettings"]
    assert (writes["AutoScalingDisabled"], writes["MinimumUnits"], len(writes["ScalingPolicies"])) == (True, 5, 1)
    await refused(
        update(cloud, ProvisionedWriteCapacityAutoScalingUpdate=FULL),
        "ValidationException",
        "Failed to update global table with name ‘orders‘. Replicas 'EU-WEST-1', 'US-EAST-1' BillingMode is "
        "PayPerRequest. You must convert table's BillingMode to PROVISIONED to set parameters: "
        "'GlobalTableProvisionedWriteCapacityAutoScalingSettingsUpdate'.",
    )
    await update(cloud, ProvisionedWriteCapacityAutoScalingUpdate={"AutoScalingDisabled": True})


async def test_a_table_without_replicas_is_no_global_table(cloud, regions):
    why = "Global table with name: '{}' does not exist."
    for name in ("orders", "none"):
        for ask in (
            cloud.dynamodb.DescribeTableReplicaAutoScaling(TableName=name),
            cloud.dynamodb.UpdateTableReplicaAutoScaling(
                TableName=name, ProvisionedWriteCapacityAutoScalingUpdate=FULL
            ),
        ):
            await refused(ask, NOT_FOUND, why.format(name))
        if name == "orders":
            await make_table(cloud)
    await scale(cloud)
    await refused(cloud.dynamodb.DescribeTableReplicaAutoScaling(TableName="orders"), NOT_FOUND, why.format("orders"))
    await add(cloud, regions[EAST], WEST)
    arn = (await described(regions[EAST]))["TableArn"]
    assert await cloud.dynamodb.DescribeTableReplicaAutoScaling(TableName=arn)
    await remove(cloud, regions[EAST], WEST)
    await refused(cloud.dynamodb.DescribeTableReplicaAutoScaling(TableName="orders"), NOT_FOUND, why.format("orders"))


FAILED = "Failed to update settings for global table with name: ‘orders’"
OF_SCALING = " (Service: AWSApplicationAutoScaling; Status Code: 400; Error Code: ValidationException; Request ID: "


def of_target(value):
    return FULL | {"ScalingPolicyUpdate": {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": value}}}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {},
            f"{FAILED}: Parameters 'MaximumUnits', 'ScalingPolicyUpdate', 'MinimumUnits' are required unless auto "
            "scaling is being disabled.",
        ),
        (
            {"MinimumUnits": 1, "MaximumUnits": 2, "AutoScalingDisabled": False},
            f"{FAILED}: Parameters 'ScalingPolicyUpdate' are required unless auto scaling is being disabled.",
        ),
        (
            {"AutoScalingDisabled": True, "MinimumUnits": 1, "MaximumUnits": 2},
            "Failed to update settings for global table with name ‘orders’: Parameters 'MaximumUnits', 'MinimumUnits' must "
            "be left blank when disabling auto scaling.",
        ),
        (FULL | {"MaximumUnits": 4}, "Maximum capacity cannot be less than minimum capacity"),
        (
            of_target(90.1),
            "For predefined metric type DynamoDBWriteCapacityUtilization, target value must be between '10.0' and "
            "'90.0', but was '90.1'.",
        ),
        (
            of_target(0.0),
            "For target tracking scaling, target value must be between '8.51592E-109' and '1.174271E108', but was '0.0'.",
        ),
        (FULL | {"AutoScalingRoleArn": "arn:aws:iam::000000000000:role/other"}, "iam:PassRole on resource"),
    ],
)
async def test_settings_that_are_incomplete_or_out_of_range_are_refused_and_nothing_is_changed(
    cloud, regions, settings, text
):
    await make_global(cloud, regions)
    before = await cloud.dynamodb.DescribeTableReplicaAutoScaling(TableName="orders")
    reads = {"RegionName": EAST, "ReplicaProvisionedReadCapacityAutoScalingUpdate": FULL}
    with pytest.raises(AwsError) as caught:
        await update(cloud, ProvisionedWriteCapacityAutoScalingUpdate=settings, ReplicaUpdates=[reads])
    assert caught.value.code == "ValidationException"
    if text.startswith("Failed"):
        assert caught.value.message == text
    else:
        assert text in caught.value.message
        assert OF_SCALING in caught.value.message
    assert await cloud.dynamodb.DescribeTableReplicaAutoScaling(TableName="orders") == before


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        ({}, "ValidationException", f"{FAILED} because at least one update parameter must be specified."),
        (
            {"ReplicaUpdates": [{"RegionName": EAST}]},
            "ValidationException",
            f"{FAILED} because at least one update parameter must be specified for region: ‘us-east-1’.",
        ),
        (
            {"ReplicaUpdates": [{"RegionName": EAST, "ReplicaProvisionedReadCapacityAutoScalingUpdate": FULL}] * 2},
            "ValidationException",
            f"{FAILED} because the regions: ‘[us-east-1]’ were specified more than once.",
        ),
        (
            {"ReplicaUpdates": [{"RegionName": SOUTH, "ReplicaProvisionedReadCapacityAutoScalingUpdate": FULL}]},
            NOT_FOUND,
            f"{FAILED} because a replica does not exist in region: ‘sa-east-1’.",
        ),
        (
            {"GlobalSecondaryIndexUpdates": [{"IndexName": "none", "ProvisionedWriteCapacityAutoScalingUpdate": FULL}]},
            NOT_FOUND,
            f"{FAILED} because the global secondary indexes with names: ‘[none]’ do not exist.",
        ),
        (
            {
                "ReplicaUpdates": [
                    {
                        "RegionName": EAST,
                        "ReplicaGlobalSecondaryIndexUpdates": [
                            {"IndexName": "none", "ProvisionedReadCapacityAutoScalingUpdate": FULL}
                        ],
                    }
                ]
            },
            NOT_FOUND,
            f"{FAILED} because a global secondary index with name: ‘none’ does not exist in region: ‘us-east-1’.",
        ),
    ],
)
async def test_what_asks_for_nothing_or_for_what_is_not_there_is_refused(cloud, regions, asked, code, text):
    await make_global(cloud, regions)
    await refused(update(cloud, **asked), code, text)


# It scales


async def put_many(client, units_a_second):
    """What a minute consumes at that rate, in few writes: items of 100 KB are 100 units each."""
    for n in range(units_a_second * 60 // 100):
        await client.PutItem(TableName="orders", Item={"p": {"S": str(n)}, "x": {"S": "x" * (100 * 1024 - 10)}})


async def test_writes_that_one_region_makes_scale_all_of_them(cloud, regions):
    await make_global(cloud, regions)
    await cloud.advance(MINUTE_MS - cloud.clock.now_ms() % MINUTE_MS)
    for _ in range(2):
        await put_many(regions[WEST], 10)
        await cloud.advance(MINUTE_MS)
    # 10 a second, of which 70 % are to be used.
    assert [await units(regions[region]) for region in (EAST, WEST)] == [(5, 15), (5, 15)]
    await cloud.advance(5 * MINUTE_MS)
    assert await units(regions[EAST]) == (5, 15)
    await cloud.advance(30 * MINUTE_MS)
    assert [await units(regions[region]) for region in (EAST, WEST)] == [(5, 5), (5, 5)]


async def test_reads_that_a_region_scales_are_its_own(cloud, regions):
    await make_global(cloud, regions)
    await update(cloud, ReplicaUpdates=[{"RegionName": EAST, "ReplicaProvisionedReadCapacityAutoScalingUpdate": FULL}])
    await cloud.advance(MINUTE_MS - cloud.clock.now_ms() % MINUTE_MS)
    await regions[EAST].PutItem(TableName="orders", Item={"p": {"S": "a"}, "x": {"S": "x" * (400 * 1024 - 10)}})
    for _ in range(2):
        for _ in range(6):  # 100 units each
            await regions[EAST].GetItem(TableName="orders", Key=item(p="a"), ConsistentRead=True)
        await cloud.advance(MINUTE_MS)
    # 10 a second, of which 50 % are to be used.
    assert await units(regions[EAST]) == (20, 5)
    assert await units(regions[WEST]) == (5, 5)
    (east,) = (await described(regions[EAST]))["Replicas"]
    assert east["ProvisionedThroughputOverride"] == {"ReadCapacityUnits": 5}
    # A change by hand is everybody's, but for who has reads of its own.
    await regions[EAST].UpdateTable(
        TableName="orders", ProvisionedThroughput={"ReadCapacityUnits": 30, "WriteCapacityUnits": 6}
    )
    await cloud.settle()
    assert [await units(regions[region]) for region in (EAST, WEST)] == [(30, 6), (5, 6)]
