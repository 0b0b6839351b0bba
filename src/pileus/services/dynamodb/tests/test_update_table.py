"""UpdateTable: capacity, settings, and indexes made and deleted while the table lives on."""

import pytest

from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.changes import DAY_MS
from pileus.services.dynamodb.state import indexes, tables
from pileus.services.dynamodb.tests.conftest import index, item, schema
from pileus.services.dynamodb.tests.test_tables import refused

UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


def create(name: str, *keys: str, **types: str) -> dict:
    return {
        "AttributeDefinitions": schema(**types)["AttributeDefinitions"],
        "GlobalSecondaryIndexUpdates": [{"Create": index(name, *keys)}],
    }


async def test_an_update_without_a_change_is_refused(cloud, table):
    message = "At least one of ProvisionedThroughput, BillingMode, .*, WarmThroughput or TableClass is required$"
    for nothing in (
        {},
        {"GlobalSecondaryIndexUpdates": []},
        {"AttributeDefinitions": schema(p="S")["AttributeDefinitions"]},
    ):
        await refused(table.UpdateTable(**nothing), message)
    # Said before anybody looks whether there is such a table.
    await refused(cloud.dynamodb.UpdateTable(TableName="nope"), message)


DROP = [{"Delete": {"IndexName": "gsi"}}]
STREAM = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"SSESpecification": {"Enabled": True}, "DeletionProtectionEnabled": True},
            "Server-Side Encryption modification must be the only operation in the request",
        ),
        (
            {"BillingMode": "PAY_PER_REQUEST", "DeletionProtectionEnabled": True},
            "DeletionProtection modification must be the only operation in the request",
        ),
        (
            {"TableClass": "STANDARD", "GlobalSecondaryIndexUpdates": DROP},
            "TableClass modification must be the only operation in the request",
        ),
        (
            {"WarmThroughput": {"ReadUnitsPerSecond": 13_000}} | STREAM,
            "WarmThroughput must be the only operation in the request",
        ),
        (
            {"WarmThroughput": {"ReadUnitsPerSecond": 13_000}} | create("new", "x", x="S"),
            "Create global secondary index cannot be specified when updating WarmThroughput",
        ),
        (
            {"OnDemandThroughput": {"MaxReadRequestUnits": 5}} | STREAM,
            "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request",
        ),
        ({"ProvisionedThroughput": UNITS} | STREAM, "You cannot modify stream status while updating table IOPS"),
        (
            {"ProvisionedThroughput": UNITS, "GlobalSecondaryIndexUpdates": DROP},
            "You cannot create or delete index while updating table IOPS",
        ),
        (
            STREAM | {"GlobalSecondaryIndexUpdates": DROP},
            "You cannot create or delete index while changing stream status",
        ),
        (
            {"DeletionProtectionEnabled": True, "GlobalSecondaryIndexUpdates": []},
            "List of GlobalSecondaryIndexUpdates is empty",
        ),
    ],
)
async def test_what_does_not_go_together_is_refused_and_nothing_is_done(make, asked, message):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    before = (await table.DescribeTable())["Table"]
    await refused(table.UpdateTable(**asked), message)
    assert (await table.DescribeTable())["Table"] == before


async def test_throughput_that_says_nothing_is_none(table):
    changed = await table.UpdateTable(WarmThroughput={}, DeletionProtectionEnabled=True)
    assert changed["TableDescription"]["DeletionProtectionEnabled"]


async def test_a_table_that_is_no_longer_protected_can_be_deleted_at_once(make):
    table = await make(DeletionProtectionEnabled=True)
    await refused(table.DeleteTable(), "Resource cannot be deleted as it is currently protected against deletion")
    changed = await table.UpdateTable(DeletionProtectionEnabled=False)
    assert changed["TableDescription"]["TableStatus"] == "ACTIVE"
    await table.DeleteTable()


async def test_a_table_whose_index_is_being_made_cannot_be_deleted(cloud, table, monkeypatch):
    monkeypatch.setattr(indexes, "BACKFILLED_AT_ONCE", 1)
    await table.put(p="p", c="c", x="x")
    await table.UpdateTable(**create("gsi", "x", x="S"))
    await refused(table.DeleteTable(), "Table: tbl is in the process of being updated.$", "ResourceInUseException")
    record = await cloud.pileus.store.read(tables.named, Address(cloud.account, cloud.region, "tbl"))
    await cloud.pileus.store.write(tables.settle, str(record.id))
    assert (await table.DescribeTable())["Table"]["TableStatus"] == "ACTIVE"
    await refused(
        table.DeleteTable(),
        "Cannot delete table while indexes are being created, updated, or deleted.$",
        "ResourceInUseException",
    )
    await cloud.settle()
    await table.DeleteTable()


async def test_decreases_have_a_limit(cloud, make):
    table = await make(ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 9})
    cloud.clock.advance(ms=-cloud.clock.now_ms() % DAY_MS)  # midnight

    async def to(units: int) -> None:
        await table.UpdateTable(ProvisionedThroughput={"ReadCapacityUnits": units, "WriteCapacityUnits": units})
        await cloud.settle()

    for units in (8, 7, 6, 5):
        await to(units)
    refusal = await refused(to(4), "Number of decreases today: 4. Last decrease at ", "LimitExceededException")
    assert " 12:00:00 AM Coordinated Universal Time. Next decrease can be made at " in refusal.message
    assert refusal.message.endswith(" at 1:00:00 AM Coordinated Universal Time")
    await to(9)
    cloud.clock.advance(ms=3_600_000)
    await to(4)
    await refused(to(3), "Number of decreases today: 5.", "LimitExceededException")
    cloud.clock.advance(ms=23 * 3_600_000)
    for units in (3, 2):
        await to(units)
    assert (await table.DescribeTable())["Table"]["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 2


async def test_the_class_changes_twice_in_thirty_days(cloud, table):
    for name in ("STANDARD_INFREQUENT_ACCESS", "STANDARD"):
        await table.UpdateTable(TableClass=name)
        await cloud.settle()
    for name in ("STANDARD", "STANDARD_INFREQUENT_ACCESS"):
        await refused(
            table.UpdateTable(TableClass=name),
            "^LimitExceededException: Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 day",
            "LimitExceededException",
        )
    cloud.clock.advance(ms=30 * DAY_MS)
    await table.UpdateTable(TableClass="STANDARD_INFREQUENT_ACCESS")


async def test_on_demand_limits_are_set_and_taken_away_one_by_one(table):
    async def limits(**asked: int) -> dict | None:
        changed = await table.UpdateTable(OnDemandThroughput=asked)
        assert changed["TableDescription"]["TableStatus"] == "ACTIVE"
        return (await table.DescribeTable())["Table"].get("OnDemandThroughput")

    both = {"MaxReadRequestUnits": 1000, "MaxWriteRequestUnits": 500}
    assert await limits(**both) == both
    assert await limits(MaxReadRequestUnits=2000) == both | {"MaxReadRequestUnits": 2000}
    assert await limits(MaxReadRequestUnits=-1) == {"MaxWriteRequestUnits": 500}
    assert await limits(MaxWriteRequestUnits=-1) is None
    await refused(
        limits(MaxWriteRequestUnits=-2), "MaxWriteRequestUnits for OnDemandThroughput for table is outside of"
    )


async def test_limits_go_with_the_mode_and_warmth_stays(cloud, make):
    limited = index("gsi", "x") | {"OnDemandThroughput": {"MaxReadRequestUnits": 5}}
    table = await make(
        types={"x": "S"}, GlobalSecondaryIndexes=[limited], OnDemandThroughput={"MaxReadRequestUnits": 5}
    )

    async def change(**asked) -> tuple[dict, dict]:
        await table.UpdateTable(**asked)
        await cloud.settle()
        described = (await table.DescribeTable())["Table"]
        return described, described["GlobalSecondaryIndexes"][0]

    of_index = [{"Update": {"IndexName": "gsi", "ProvisionedThroughput": UNITS}}]
    described, gsi = await change(
        BillingMode="PROVISIONED", ProvisionedThroughput=UNITS, GlobalSecondaryIndexUpdates=of_index
    )
    assert "OnDemandThroughput" not in described
    assert "OnDemandThroughput" not in gsi
    assert [one["WarmThroughput"]["ReadUnitsPerSecond"] for one in (described, gsi)] == [12_000, 12_000]
    limit = {"OnDemandThroughput": {"MaxReadRequestUnits": 5}}
    await refused(table.UpdateTable(**limit), "cannot be specified when the table BillingMode is PROVISIONED$")


async def test_a_table_stays_as_warm_as_it_was(cloud, make):
    table = await make(ProvisionedThroughput=UNITS)
    for units in (9, 2):
        await table.UpdateTable(ProvisionedThroughput={"ReadCapacityUnits": units, "WriteCapacityUnits": units})
        await cloud.settle()
    warm = (await table.DescribeTable())["Table"]["WarmThroughput"]
    assert (warm["ReadUnitsPerSecond"], warm["WriteUnitsPerSecond"]) == (9, 9)
    await refused(
        table.UpdateTable(WarmThroughput={"ReadUnitsPerSecond": 8}),
        "ReadUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput, decreasing",
    )
    await table.UpdateTable(WarmThroughput={"ReadUnitsPerSecond": 10})
    warm = (await table.DescribeTable())["Table"]["WarmThroughput"]
    assert (warm["ReadUnitsPerSecond"], warm["WriteUnitsPerSecond"]) == (10, 9)


async def test_a_table_is_not_encrypted_again_as_it_is(cloud, make):
    wanted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "arn:aws:kms:us-east-1:000000000000:key/k"}
    table = await make(SSESpecification=wanted)
    await refused(table.UpdateTable(SSESpecification=wanted), "already encrypted with given KMSMasterKeyId")
    await table.UpdateTable(SSESpecification={"Enabled": False})
    await cloud.settle()
    await refused(table.UpdateTable(SSESpecification={"Enabled": False}), "Table is already encrypted by default")


async def test_a_table_is_updating_then_active(cloud, table):
    changed = await table.UpdateTable(TableClass="STANDARD_INFREQUENT_ACCESS")
    assert changed["TableDescription"]["TableStatus"] == "UPDATING"
    await refused(
        table.UpdateTable(TableClass="STANDARD"),
        "Table: tbl is in the process of being updated",
        "ResourceInUseException",
    )
    await cloud.settle()
    described = (await table.DescribeTable())["Table"]
    assert described["TableStatus"] == "ACTIVE"
    assert described["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ({"SSESpecification": {"Enabled": True}}, lambda table: table["SSEDescription"]["Status"]),
        ({"WarmThroughput": {"ReadUnitsPerSecond": 13_000}}, lambda table: table["WarmThroughput"]["Status"]),
        (
            {
                "GlobalSecondaryIndexUpdates": [
                    {"Update": {"IndexName": "gsi", "OnDemandThroughput": {"MaxReadRequestUnits": 5}}}
                ]
            },
            lambda table: table["GlobalSecondaryIndexes"][0]["IndexStatus"],
        ),
    ],
)
async def test_only_a_part_is_updating(cloud, make, asked, part):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    changed = (await table.UpdateTable(**asked))["TableDescription"]
    assert (changed["TableStatus"], part(changed)) == ("ACTIVE", "UPDATING")
    assert (await table.Scan(IndexName="gsi"))["Count"] == 0
    await cloud.settle()
    assert part((await table.DescribeTable())["Table"]) in ("ACTIVE", "ENABLED")


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
    await refused(table.UpdateTable(BillingMode="PROVISIONED"), "must be specified when BillingMode is PROVISIONED")
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
    new = changed["TableDescription"]["GlobalSecondaryIndexes"][0]
    assert (new["IndexStatus"], new["Backfilling"]) == ("CREATING", False)
    await refused(table.Scan(IndexName="gsi"), "Cannot read from backfilling global secondary index: gsi")
    await cloud.settle()
    described = (await table.DescribeTable())["Table"]["GlobalSecondaryIndexes"][0]
    assert (described["IndexStatus"], described["ItemCount"]) == ("ACTIVE", 10)
    assert "Backfilling" not in described
    page = await table.Query(
        IndexName="gsi", KeyConditionExpression="x = :x", ExpressionAttributeValues={":x": {"S": "x1"}}
    )
    assert page["Count"] == 5


async def test_an_item_that_violates_a_later_index_can_be_updated_elsewhere(cloud, table):
    await table.PutItem(Item=item(p="p", c="c", x=7))
    await table.UpdateTable(**create("gsi", "x", x="S"))
    await cloud.settle()
    change = {"UpdateExpression": "SET #n = :v", "ExpressionAttributeValues": {":v": {"N": "8"}}}
    await table.UpdateItem(Key=item(p="p", c="c"), **change, ExpressionAttributeNames={"#n": "y"})
    await refused(
        table.UpdateItem(Key=item(p="p", c="c"), **change, ExpressionAttributeNames={"#n": "x"}),
        "Type mismatch for Index Key x",
    )
    assert (await table.Scan(IndexName="gsi"))["Count"] == 0


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
    assert [one["AttributeName"] for one in described["AttributeDefinitions"]] == ["c", "p"]
    await refused(table.Scan(IndexName="gsi"), "The table does not have the specified index: gsi")
    await table.PutItem(Item=item(p="p", c="d", x=7))


@pytest.mark.parametrize(
    ("update", "message", "code"),
    [
        ([{}], "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, ", "ValidationException"),
        (
            [{"Create": index("new", "x"), "Delete": {"IndexName": "gsi"}}],
            "Only one global secondary index action is allowed per",
            "ValidationException",
        ),
        ([{"Delete": {"IndexName": "nope"}}], "not found: Index nope for table tbl", "ResourceNotFoundException"),
        ([{"Create": index("gsi", "x")}], "Attempting to create an index which already exists$", "ValidationException"),
        (
            [{"Create": index("new", "x")}, {"Delete": {"IndexName": "gsi"}}],
            "Only 1 online index can be created or deleted simultaneously",
            "LimitExceededException",
        ),
        ([{"Update": {"IndexName": "gsi"}}], "The only Updates for index: gsi when Table", "ValidationException"),
        (
            [{"Update": {"IndexName": "gsi", "ProvisionedThroughput": UNITS}}],
            "can be to OnDemandThroughput, WarmThroughput",
            "ValidationException",
        ),
        (
            [{"Update": {"IndexName": "gsi", "WarmThroughput": {}}}],
            "WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for index: gsi",
            "ValidationException",
        ),
        (
            [{"Update": {"IndexName": "gsi", "WarmThroughput": {"WriteUnitsPerSecond": 1}}}],
            "WriteUnitsPerSecond for WarmThroughput for index gsi is lower than current WarmThroughput",
            "ValidationException",
        ),
        (
            [{"Delete": {"IndexName": "gsi"}}, {"Create": index("gsi", "x")}],
            "Only one global secondary index update per index is allowed simultaneously. Index: gsi",
            "ValidationException",
        ),
        (
            [{"Delete": {"IndexName": "lsi"}}],
            "Cannot delete an index that is not a GlobalSecondaryIndex: lsi",
            "ValidationException",
        ),
        (
            [{"Create": index("new", "x") | {"ProvisionedThroughput": UNITS}}],
            "can be specified for index: new when BillingMode is PAY_PER_REQUEST",
            "ValidationException",
        ),
        ([{"Create": index("new", "z")}], "not defined in AttributeDefinitions", "ValidationException"),
    ],
)
async def test_what_changes_of_indexes_are_refused(make, update, message, code):
    table = await make(
        types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")], LocalSecondaryIndexes=[index("lsi", "p", "x")]
    )
    definitions = schema(x="S")["AttributeDefinitions"]
    await refused(
        table.UpdateTable(AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=update), message, code
    )


async def test_a_twenty_first_index_is_too_many(make):
    table = await make(GlobalSecondaryIndexes=[index(f"gsi{n}", "p") for n in range(20)])
    await refused(
        table.UpdateTable(**create("gsi20", "x", x="S")),
        "Number of global secondary indexes exceeds per-table limit of 20",
        "LimitExceededException",
    )


async def test_a_new_index_names_its_attributes_and_capacity(make):
    table = await make(ProvisionedThroughput=UNITS)
    new = [{"Create": index("new", "x")}]
    await refused(
        table.UpdateTable(GlobalSecondaryIndexUpdates=new), "AttributeDefinitions is not specified for index: new"
    )
    await refused(
        table.UpdateTable(**create("new", "x", x="S")),
        "Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: new",
    )


async def test_an_attribute_is_not_redefined(make):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    await refused(table.UpdateTable(**create("new", "x", x="N")), "Attributes cannot be redefined")
