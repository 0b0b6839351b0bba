"""UpdateTable: capacity, settings, and indexes made and deleted while the table lives on."""

import pytest

from pileus.services.dynamodb.state import indexes
from pileus.services.dynamodb.tests.conftest import index, item, schema
from pileus.services.dynamodb.tests.test_tables import refused

UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


def create(name: str, *keys: str, **types: str) -> dict:
    return {
        "AttributeDefinitions": schema(**types)["AttributeDefinitions"],
        "GlobalSecondaryIndexUpdates": [{"Create": index(name, *keys)}],
    }


async def test_an_update_without_a_change_is_refused(table):
    await refused(table.UpdateTable(), "At least one of ProvisionedThroughput, BillingMode")


async def test_a_table_is_updating_then_active(cloud, table):
    changed = await table.UpdateTable(TableClass="STANDARD_INFREQUENT_ACCESS")
    assert changed["TableDescription"]["TableStatus"] == "UPDATING"
    await refused(table.UpdateTable(TableClass="STANDARD"), "Table is being updated: tbl", "ResourceInUseException")
    await cloud.settle()
    described = (await table.DescribeTable())["Table"]
    assert described["TableStatus"] == "ACTIVE"
    assert described["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"


async def test_throughput_changes_and_says_when(cloud, make):
    table = await make(ProvisionedThroughput=UNITS)
    await refused(
        table.UpdateTable(ProvisionedThroughput=UNITS), "The provisioned throughput for the table will not change"
    )
    await table.UpdateTable(ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 1})
    await cloud.settle()
    throughput = (await table.DescribeTable())["Table"]["ProvisionedThroughput"]
    assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == (9, 1)
    assert throughput["NumberOfDecreasesToday"] == 1
    assert {"LastIncreaseDateTime", "LastDecreaseDateTime"} <= throughput.keys()


async def test_a_table_changes_its_billing(cloud, make):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    await refused(
        table.UpdateTable(BillingMode="PROVISIONED"), "must both be specified when BillingMode is PROVISIONED"
    )
    await refused(
        table.UpdateTable(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS),
        "ProvisionedThroughput must be specified for index: gsi",
    )
    update = {"Update": {"IndexName": "gsi", "ProvisionedThroughput": UNITS}}
    await table.UpdateTable(
        BillingMode="PROVISIONED", ProvisionedThroughput=UNITS, GlobalSecondaryIndexUpdates=[update]
    )
    await cloud.settle()
    described = (await table.DescribeTable())["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert described["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    await table.UpdateTable(BillingMode="PAY_PER_REQUEST")
    await cloud.settle()
    described = (await table.DescribeTable())["Table"]
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert described["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


async def test_a_new_index_takes_the_items_that_are_there_in_steps(cloud, table, monkeypatch):
    monkeypatch.setattr(indexes, "BACKFILLED_AT_ONCE", 3)
    for n in range(10):
        await table.put(p="p", c=str(n), x=f"x{n % 2}")
    await table.put(p="p", c="without")
    await table.PutItem(Item=item(p="p", c="other type", x=7))
    changed = await table.UpdateTable(**create("gsi", "x", x="S"))
    assert changed["TableDescription"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "CREATING"
    await refused(table.Scan(IndexName="gsi"), "Cannot read from backfilling global secondary index: gsi")
    await cloud.settle()
    described = (await table.DescribeTable())["Table"]["GlobalSecondaryIndexes"][0]
    assert (described["IndexStatus"], described["ItemCount"]) == ("ACTIVE", 10)
    page = await table.Query(
        IndexName="gsi", KeyConditionExpression="x = :x", ExpressionAttributeValues={":x": {"S": "x1"}}
    )
    assert page["Count"] == 5


async def test_items_that_change_while_an_index_is_made_are_counted_once(cloud, table, monkeypatch):
    monkeypatch.setattr(indexes, "BACKFILLED_AT_ONCE", 2)
    for n in range(6):
        await table.put(p=str(n), c="c", x="x")
    await table.UpdateTable(**create("gsi", "x", x="S"))
    await table.put(p="0", c="c", x="y")  # not entered yet
    await table.DeleteItem(Key=item(p="1", c="c"))
    await table.put(p="6", c="c", x="x")
    await cloud.settle()
    described = (await table.DescribeTable())["Table"]["GlobalSecondaryIndexes"][0]
    assert (described["ItemCount"], (await table.Scan(IndexName="gsi"))["Count"]) == (6, 6)


async def test_a_deleted_index_is_gone_and_its_attribute_is_free(cloud, make):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    await table.put(p="p", c="c", x="x")
    await refused(table.PutItem(Item=item(p="p", c="d", x=7)), "Type mismatch for Index Key x Expected: S Actual: N")
    changed = await table.UpdateTable(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "gsi"}}])
    assert changed["TableDescription"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "DELETING"
    await cloud.settle()
    described = (await table.DescribeTable())["Table"]
    assert "GlobalSecondaryIndexes" not in described
    assert [one["AttributeName"] for one in described["AttributeDefinitions"]] == ["p", "c"]
    await refused(table.Scan(IndexName="gsi"), "The table does not have the specified index: gsi")
    await table.PutItem(Item=item(p="p", c="d", x=7))


@pytest.mark.parametrize(
    ("update", "message", "code"),
    [
        ([{}], "One of GlobalSecondaryIndexUpdate's members", "ValidationException"),
        (
            [{"Create": index("new", "x"), "Delete": {"IndexName": "gsi"}}],
            "Only one of GlobalSecondaryIndexUpdate's members",
            "ValidationException",
        ),
        ([{"Delete": {"IndexName": "nope"}}], "Requested resource not found", "ResourceNotFoundException"),
        ([{"Create": index("gsi", "x")}], "already exists: gsi", "ValidationException"),
        (
            [{"Create": index("new", "x")}, {"Delete": {"IndexName": "gsi"}}],
            "Only 1 online index can be created or deleted simultaneously",
            "LimitExceededException",
        ),
        ([{"Create": index("new", "z")}], "not defined in AttributeDefinitions", "ValidationException"),
    ],
)
async def test_what_changes_of_indexes_are_refused(make, update, message, code):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    definitions = schema(x="S")["AttributeDefinitions"]
    await refused(
        table.UpdateTable(AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=update), message, code
    )


async def test_an_attribute_is_not_redefined(make):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    await refused(table.UpdateTable(**create("new", "x", x="N")), "Attributes cannot be redefined")
