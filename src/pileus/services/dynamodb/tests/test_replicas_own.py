"""What each replica of a global table has for itself, and what its neighbours see of it.

Source: DynamoDB developer guide, "How DynamoDB global tables work" (2019.11.21); API reference, UpdateTable,
UpdateReplicationGroupMemberAction.
"""

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.state import replication
from pileus.services.dynamodb.tests.conftest import index
from pileus.services.dynamodb.tests.test_replicas import (
    EAST,
    SOUTH,
    WEST,
    add,
    delete,
    described,
    items,
    make_global,
    make_table,
    put,
    record,
    records,
    regions,  # noqa: F401
    remove,
    statuses,
    update,
)

ON = {"PointInTimeRecoveryEnabled": True}
OTHER_CLASS = "STANDARD_INFREQUENT_ACCESS"
BY_A = {
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("p", "a")],
    "GlobalSecondaryIndexes": [index("by_a", "a")],
}


async def test_a_transaction_is_seen_in_parts_by_the_others(cloud, regions, monkeypatch):  # noqa: F811
    """Source: "Transactions": they are atomic in the region where they were made, and are not replicated as a unit."""
    await make_global(cloud, regions)
    writes = [{"Put": {"TableName": "orders", "Item": {"p": {"S": name}}}} for name in "ab"]
    await regions[EAST].TransactWriteItems(TransactItems=writes)
    assert await items(regions[EAST]) == {"a": {}, "b": {}}
    monkeypatch.setattr(replication, "AT_ONCE", 1)
    await cloud.store.write(lambda tx: replication.push(tx, str(record(tx, cloud, EAST).id)))
    assert await items(regions[WEST]) == {"a": {}}
    with pytest.raises(AwsError, match=r"\[None, ConditionalCheckFailed\]"):
        checks = [
            {
                "ConditionCheck": {
                    "TableName": "orders",
                    "Key": {"p": {"S": name}},
                    "ConditionExpression": "attribute_exists(p)",
                }
            }
            for name in "ab"
        ]
        await regions[WEST].TransactWriteItems(TransactItems=checks)
    await cloud.settle()
    assert await items(regions[WEST]) == {"a": {}, "b": {}}


async def test_a_replica_can_be_asked_for_in_any_region(cloud, regions):  # noqa: F811
    await make_global(cloud, regions)
    await put(regions[EAST], "a", n=1)
    await cloud.settle()
    await add(cloud, regions[WEST], SOUTH)
    for region, others in ((EAST, {WEST, SOUTH}), (WEST, {EAST, SOUTH}), (SOUTH, {EAST, WEST})):
        assert (await statuses(regions[region])).keys() == others
        assert await items(regions[region]) == {"a": {"n": 1}}
    await remove(cloud, regions[EAST], SOUTH)  # WEST was its source, EAST may let it go
    assert await statuses(regions[WEST]) == {EAST: "ACTIVE"}


async def test_tags_policies_recovery_and_protection_are_each_replicas_own(cloud, regions):  # noqa: F811
    await make_global(cloud, regions)
    arns = {region: (await described(regions[region]))["TableArn"] for region in (EAST, WEST)}
    await regions[WEST].TagResource(ResourceArn=arns[WEST], Tags=[{"Key": "team", "Value": "west"}])
    await regions[WEST].UpdateContinuousBackups(TableName="orders", PointInTimeRecoverySpecification=ON)
    await update(regions[WEST], DeletionProtectionEnabled=True)
    await cloud.settle()
    assert (await regions[EAST].ListTagsOfResource(ResourceArn=arns[EAST]))["Tags"] == []
    recovery = (await regions[EAST].DescribeContinuousBackups(TableName="orders"))["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    assert not (await described(regions[EAST]))["DeletionProtectionEnabled"]


async def test_a_replica_is_restored_as_a_table_of_its_own(cloud, regions):  # noqa: F811
    """Source: "Before you begin using point-in-time recovery": an independent table, no part of the global table."""
    await make_global(cloud, regions)
    await regions[WEST].UpdateContinuousBackups(TableName="orders", PointInTimeRecoverySpecification=ON)
    await put(regions[EAST], "a", n=1)
    await cloud.settle()  # what others wrote can be recovered here too
    await regions[WEST].RestoreTableToPointInTime(
        SourceTableName="orders", TargetTableName="restored", UseLatestRestorableTime=True
    )
    await delete(regions[WEST], "a")
    await cloud.settle()
    assert (await regions[WEST].Scan(TableName="restored"))["Count"] == 1
    table = (await regions[WEST].DescribeTable(TableName="restored"))["Table"]
    assert not {"Replicas", "GlobalTableVersion", "StreamSpecification"} & table.keys()


async def test_the_table_class_of_a_replica_stays_what_was_said_of_it(cloud, regions):  # noqa: F811
    await make_table(cloud)
    await add(cloud, regions[EAST], WEST, TableClassOverride=OTHER_CLASS)
    await add(cloud, regions[EAST], SOUTH)

    async def classes():
        return [
            (await described(regions[region])).get("TableClassSummary", {}).get("TableClass", "STANDARD")
            for region in (EAST, WEST, SOUTH)
        ]

    assert await classes() == ["STANDARD", OTHER_CLASS, "STANDARD"]
    await update(regions[EAST], TableClass=OTHER_CLASS)
    await cloud.settle()
    assert await classes() == [OTHER_CLASS] * 3
    await update(regions[EAST], TableClass="STANDARD")
    await cloud.settle()
    assert await classes() == ["STANDARD", OTHER_CLASS, "STANDARD"]
    changed = {"Update": {"RegionName": WEST, "TableClassOverride": "STANDARD"}}
    await update(regions[EAST], ReplicaUpdates=[changed])
    await cloud.settle()
    assert await classes() == ["STANDARD"] * 3


async def test_an_index_of_a_replica_has_reads_of_its_own(cloud, regions):  # noqa: F811
    await make_global(cloud, regions, **BY_A)
    asked = {"IndexName": "by_a", "OnDemandThroughputOverride": {"MaxReadRequestUnits": 7}}
    own = {"RegionName": WEST, "GlobalSecondaryIndexes": [asked]}
    await update(regions[EAST], ReplicaUpdates=[{"Update": own}])
    await cloud.settle()
    [replica] = (await described(regions[EAST]))["Replicas"]
    assert replica["GlobalSecondaryIndexes"] == [asked]
    for region, limit in ((EAST, None), (WEST, 7)):
        [found] = (await described(regions[region]))["GlobalSecondaryIndexes"]
        assert found.get("OnDemandThroughput", {}).get("MaxReadRequestUnits") == limit


async def test_each_region_has_a_stream_of_all_changes(cloud, regions):  # noqa: F811
    await make_global(cloud, regions)
    await put(regions[EAST], "a", n=1)
    await cloud.settle()
    await put(regions[WEST], "a", n=2)
    await cloud.settle()
    await delete(regions[EAST], "a")
    await cloud.settle()
    changes = [(name, "a", None) for name in ("INSERT", "MODIFY", "REMOVE")]
    for region in (EAST, WEST):
        assert await records(cloud, regions[region], region) == changes
    arns = {(await described(regions[region]))["LatestStreamArn"] for region in (EAST, WEST)}
    assert len(arns) == 2


async def test_an_imported_table_and_a_restored_one_can_have_replicas(cloud, regions):  # noqa: F811
    """Source: "DynamoDB data import from Amazon S3": a global table replica can be added after the import."""
    await cloud.s3.CreateBucket(Bucket="source")
    await cloud.s3.PutObject(Bucket="source", Key="data", Body=b'{"Item":{"p":{"S":"a"}}}\n')
    parameters = {
        "TableName": "orders",
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    await cloud.dynamodb.ImportTable(
        S3BucketSource={"S3Bucket": "source"}, InputFormat="DYNAMODB_JSON", TableCreationParameters=parameters
    )
    with pytest.raises(AwsError, match="ResourceInUseException"):
        await update(regions[EAST], ReplicaUpdates=[{"Create": {"RegionName": WEST}}])
    await cloud.settle()
    await add(cloud, regions[EAST], WEST)
    assert await items(regions[WEST]) == {"a": {}}


async def test_an_export_is_of_its_own_region(cloud, regions):  # noqa: F811
    await cloud.s3.CreateBucket(Bucket="exports")
    await make_global(cloud, regions)
    await regions[WEST].UpdateContinuousBackups(TableName="orders", PointInTimeRecoverySpecification=ON)
    await put(regions[EAST], "a")
    arn = (await described(regions[WEST]))["TableArn"]
    begun = await regions[WEST].ExportTableToPointInTime(TableArn=arn, S3Bucket="exports")
    await cloud.settle()
    asked = {"ExportArn": begun["ExportDescription"]["ExportArn"]}
    done = (await regions[WEST].DescribeExport(**asked))["ExportDescription"]
    assert (done["ExportStatus"], done["ItemCount"]) == ("COMPLETED", 0)  # the change had not yet come
    with pytest.raises(AwsError, match="ExportNotFoundException"):
        await regions[EAST].DescribeExport(**asked)
