"""How much capacity an account and a table may have."""

import re

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.dynamodb.tests.conftest import index, schema

HIGHER = "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."


def units(reads: int, writes: int = 1) -> dict:
    return {"ProvisionedThroughput": {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}}


def above(kind: str, count: int, of_index: str = "") -> str:
    what = "index" if of_index else "table"
    of_index = f" for index {of_index}" if of_index else ""
    return (
        f"The requested {kind}{of_index}, {count}, is above the per {what} maximum for the account in us-east-1. "
        f"Per {what} maximum: 40000. {HIGHER}"
    )


def beyond(kind: str, reserved: int, requested: int) -> str:
    return (
        f"This request would have caused the {kind} limit to be exceeded for the account in us-east-1. "
        f"Current {kind} reserved by the account: {reserved}. Limit: 80000. Requested: {requested}. {HIGHER}"
    )


async def limited(running, why: str) -> None:
    with pytest.raises(AwsError, match=f"^LimitExceededException: {re.escape(why)}$"):
        await running


@pytest.fixture
def create(cloud):
    async def created(name: str, throughput: dict, **more) -> None:
        await cloud.dynamodb.CreateTable(TableName=name, **schema("p", **more.pop("types", {})), **throughput, **more)
        await cloud.settle()

    return created


async def test_a_new_table_has_up_to_40_000_units_of_each_kind(create):
    await create("most", units(40_000, 40_000))
    await limited(create("reads", units(40_001, 50_000)), above("ReadCapacityUnits", 40_001))
    await limited(create("writes", units(1, 40_001)), above("WriteCapacityUnits", 40_001))


async def test_a_new_tables_global_indexes_count_with_it(create):
    def with_index(own: dict, its: dict) -> dict:
        return own | {"types": {"x": "S"}, "GlobalSecondaryIndexes": [index("gsi", "x") | its]}

    await create("most", **with_index({"throughput": units(30_000)}, units(10_000)))
    await limited(
        create("one", **with_index({"throughput": units(1)}, units(40_001))), above("ReadCapacityUnits", 40_001, "gsi")
    )
    await limited(
        create("sum", **with_index({"throughput": units(30_000)}, units(10_001))), above("ReadCapacityUnits", 40_001)
    )


async def test_a_table_is_changed_within_the_same_bounds(cloud, create):
    await create("tbl", units(10), types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x") | units(20)])
    change = cloud.dynamodb.UpdateTable
    await limited(change(TableName="tbl", **units(45_000)), above("ReadCapacityUnits", 45_000))
    of_index = [{"Update": {"IndexName": "gsi"} | units(20, 45_000)}]
    await limited(
        change(TableName="tbl", GlobalSecondaryIndexUpdates=of_index), above("WriteCapacityUnits", 45_000, "gsi")
    )
    new = [{"Create": index("new", "y") | units(45_000)}]
    await limited(
        change(
            TableName="tbl",
            **{"AttributeDefinitions": schema("y")["AttributeDefinitions"]},
            GlobalSecondaryIndexUpdates=new,
        ),
        above("ReadCapacityUnits", 45_000, "new"),
    )
    # The sum is a new table's bound only.
    await change(TableName="tbl", **units(40_000))
    await cloud.settle()
    await change(TableName="tbl", GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "gsi"} | units(30_000)}])
    described = (await cloud.dynamodb.DescribeTable(TableName="tbl"))["Table"]
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 40_000


async def test_an_account_has_80_000_units_in_a_region(cloud, create):
    await create("one", units(40_000))
    await create("two", units(30_000, 10), types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x") | units(5_000)])
    await limited(create("three", units(5_001)), beyond("ReadCapacityUnits", 75_000, 5_001))
    await limited(
        cloud.dynamodb.UpdateTable(TableName="two", **units(35_001, 10)), beyond("ReadCapacityUnits", 75_000, 5_001)
    )
    assert (await cloud.dynamodb.ListTables())["TableNames"] == ["one", "two"]
    await create("three", units(5_000))
    await limited(create("four", units(1)), beyond("ReadCapacityUnits", 80_000, 1))
    await create("on-demand", {"BillingMode": "PAY_PER_REQUEST"})
    await limited(
        cloud.dynamodb.UpdateTable(TableName="on-demand", BillingMode="PROVISIONED", **units(7)),
        beyond("ReadCapacityUnits", 80_000, 7),
    )
    # Less is always to be had, and what is given back is there for others, as is every other region's.
    await cloud.dynamodb.UpdateTable(TableName="one", **units(39_999, 5))
    await create("four", units(1))
    await cloud.dynamodb.DeleteTable(TableName="three")
    await create("five", units(5_000))
    west = cloud.as_(root(cloud.account), "dynamodb", region="us-west-2")
    await west.CreateTable(TableName="other", **schema("p"), **units(40_000))


async def test_a_replica_counts_in_its_own_region(cloud, create):
    west = cloud.as_(root(cloud.account), "dynamodb", region="eu-west-1")
    for name in ("one", "two"):
        await west.CreateTable(TableName=name, **schema("p"), **units(39_990))
    await create("tbl", {"BillingMode": "PAY_PER_REQUEST"})
    await cloud.dynamodb.UpdateTable(TableName="tbl", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    await cloud.settle()
    change = {"TableName": "tbl", "BillingMode": "PROVISIONED"}
    why = beyond("ReadCapacityUnits", 79_980, 21).replace("us-east-1", "eu-west-1")
    await limited(cloud.dynamodb.UpdateTable(**change, **units(21)), why)
    assert "BillingModeSummary" in (await cloud.dynamodb.DescribeTable(TableName="tbl"))["Table"]
    await cloud.dynamodb.UpdateTable(**change, **units(20))


async def test_a_restored_table_is_a_new_one(cloud, create):
    await create("one", units(40_000))
    await create("two", units(30_000))
    backup = (await cloud.dynamodb.CreateBackup(TableName="two", BackupName="kept"))["BackupDetails"]["BackupArn"]
    await cloud.settle()
    restore = {"BackupArn": backup, "TargetTableName": "three"}
    await limited(cloud.dynamodb.RestoreTableFromBackup(**restore), beyond("ReadCapacityUnits", 70_000, 30_000))
    override = {"ReadCapacityUnits": 10_000, "WriteCapacityUnits": 1}
    await cloud.dynamodb.RestoreTableFromBackup(**restore, ProvisionedThroughputOverride=override)


async def test_on_demand_limits_and_warm_throughput_have_the_bound_of_a_table(cloud, create):
    exceeds = "exceeds TableMax{}CapacityUnits of the account in region us-east-1"
    requested = "Subscriber limit exceeded: Requested {} for {} for {} " + exceeds
    on_demand = {"BillingMode": "PAY_PER_REQUEST"}
    gsi = index("gsi", "x")
    await limited(
        create("tbl", on_demand, OnDemandThroughput={"MaxReadRequestUnits": 40_001}),
        requested.format("MaxReadRequestUnits", "OnDemandThroughput", "table", "Read"),
    )
    await limited(
        create("tbl", on_demand, WarmThroughput={"WriteUnitsPerSecond": 40_001}),
        requested.format("WriteUnitsPerSecond", "WarmThroughput", "table", "Write"),
    )
    await create("tbl", on_demand, types={"x": "S"}, GlobalSecondaryIndexes=[gsi])

    def changed(what: dict):
        update = {"Update": {"IndexName": "gsi"} | what}
        return cloud.dynamodb.UpdateTable(TableName="tbl", GlobalSecondaryIndexUpdates=[update])

    await limited(
        changed({"OnDemandThroughput": {"MaxWriteRequestUnits": 50_000}}),
        requested.format("MaxWriteRequestUnits", "OnDemandThroughput", "index : gsi", "Write"),
    )
    await limited(
        changed({"WarmThroughput": {"ReadUnitsPerSecond": 50_000}}),
        requested.format("ReadUnitsPerSecond", "WarmThroughput", "index gsi", "Read"),
    )
    await changed({"OnDemandThroughput": {"MaxWriteRequestUnits": 40_000}})
