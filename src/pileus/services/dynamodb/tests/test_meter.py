"""What tables consume in a minute, as those who watch it are told."""

import pytest

from pileus.services.dynamodb import meter
from pileus.services.dynamodb.state import scaling
from pileus.services.dynamodb.tests.conftest import index, item
from pileus.store.transaction import Transaction

MINUTE_MS = 60_000
PROVISIONED = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


@pytest.fixture
def told(cloud, monkeypatch):
    """The events that were committed, as (kind, payload)."""
    found = []

    def emit_all(tx, events):
        found.extend(events)
        for kind, payload in events:
            tx.emit(kind, payload)

    monkeypatch.setattr(meter, "_emit_all", emit_all)
    return found


@pytest.fixture
async def table(cloud, make):
    made = await make(
        types={"x": "S"},
        ProvisionedThroughput=PROVISIONED,
        GlobalSecondaryIndexes=[index("gsi", "x") | {"ProvisionedThroughput": PROVISIONED}],
        LocalSecondaryIndexes=[index("lsi", "p", "x")],
    )
    await cloud.advance(MINUTE_MS - cloud.clock.now_ms() % MINUTE_MS)
    return made


def consumed(told):
    return {
        (payload["resource"], payload["dimension"].split(":", 1)[1]): payload["consumed"]
        for kind, payload in told
        if kind == scaling.MEASURED
    }


async def test_what_a_minute_consumed_is_told_by_table_index_and_kind_when_it_has_ended(cloud, table, told):
    began_ms = cloud.clock.now_ms()
    await table.PutItem(Item=item(p="a", c="b", x="y"))  # one unit each of the table, its local and its global index
    await table.GetItem(Key=item(p="a", c="b"), ConsistentRead=True)
    names = {"ExpressionAttributeValues": {":x": {"S": "y"}}, "KeyConditionExpression": "x = :x"}
    await table.Query(IndexName="gsi", **names)
    await cloud.advance(MINUTE_MS - 1)
    assert told == []
    await cloud.advance(1)
    assert consumed(told) == {
        ("table/tbl", "table:WriteCapacityUnits"): 2.0,
        ("table/tbl", "table:ReadCapacityUnits"): 1.0,
        ("table/tbl/index/gsi", "index:WriteCapacityUnits"): 1.0,
        ("table/tbl/index/gsi", "index:ReadCapacityUnits"): 0.5,
    }
    assert {payload["minute_ms"] for _, payload in told} == {began_ms}
    assert {(payload["account"], payload["region"]) for _, payload in told} == {(cloud.account, cloud.region)}


async def test_every_way_to_read_and_write_counts(cloud, table, told):
    key = {"Key": item(p="a", c="b")}
    put = {"Item": item(p="a", c="b")}
    writes = [
        table.PutItem(**put),
        table.UpdateItem(**key, AttributeUpdates={"y": {"Value": {"N": "1"}}}),
        table.DeleteItem(**key),
        cloud.dynamodb.BatchWriteItem(RequestItems={"tbl": [{"PutRequest": put}]}),
        cloud.dynamodb.TransactWriteItems(TransactItems=[{"Put": {"TableName": "tbl", **put}}]),  # two units
        cloud.dynamodb.ExecuteStatement(Statement="UPDATE tbl SET y = 2 WHERE p = 'a' AND c = 'b'"),
        cloud.dynamodb.BatchExecuteStatement(
            Statements=[{"Statement": "UPDATE tbl SET y = 3 WHERE p = 'a' AND c = 'b'"}]
        ),
        cloud.dynamodb.ExecuteTransaction(  # two units
            TransactStatements=[{"Statement": "UPDATE tbl SET y = 4 WHERE p = 'a' AND c = 'b'"}]
        ),
    ]
    for write in writes:
        await write
    reads = [
        table.GetItem(**key, ConsistentRead=True),
        table.Scan(ConsistentRead=True),
        table.Query(
            ConsistentRead=True, KeyConditions={"p": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}}
        ),
        cloud.dynamodb.BatchGetItem(RequestItems={"tbl": {"Keys": [key["Key"]], "ConsistentRead": True}}),
        cloud.dynamodb.TransactGetItems(TransactItems=[{"Get": {"TableName": "tbl", **key}}]),  # two units
        cloud.dynamodb.ExecuteStatement(Statement="SELECT * FROM tbl WHERE p = 'a'", ConsistentRead=True),
        cloud.dynamodb.BatchExecuteStatement(
            Statements=[{"Statement": "SELECT * FROM tbl WHERE p = 'a' AND c = 'b'", "ConsistentRead": True}]
        ),
        cloud.dynamodb.ExecuteTransaction(  # two units
            TransactStatements=[{"Statement": "SELECT * FROM tbl WHERE p = 'a' AND c = 'b'"}]
        ),
    ]
    for read in reads:
        await read
    await cloud.advance(MINUTE_MS)
    assert consumed(told) == {
        ("table/tbl", "table:WriteCapacityUnits"): 6 + 2 * 2.0,
        ("table/tbl", "table:ReadCapacityUnits"): 6 + 2 * 2.0,
    }


async def test_each_minute_is_told_by_itself_and_one_without_requests_not_at_all(cloud, table, told):
    for minute in (0, 2):
        await cloud.advance(minute * MINUTE_MS)
        await table.PutItem(Item=item(p="a", c="b"))
    await cloud.advance(5 * MINUTE_MS)
    assert [payload["minute_ms"] - told[0][1]["minute_ms"] for _, payload in told] == [0, 2 * MINUTE_MS]


async def test_an_on_demand_table_is_not_counted(cloud, make, told):
    table = await make()
    await table.PutItem(Item=item(p="a", c="b"))
    await table.GetItem(Key=item(p="a", c="b"))
    await cloud.advance(2 * MINUTE_MS)
    assert told == []


async def test_a_change_of_capacity_is_told(cloud, table, monkeypatch):
    changed = []
    monkeypatch.setattr("pileus.store.transaction.Transaction.emit", noting(changed, Transaction.emit))
    units = {"ReadCapacityUnits": 6, "WriteCapacityUnits": 5}
    await table.UpdateTable(
        ProvisionedThroughput=units,
        GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "gsi", "ProvisionedThroughput": units}}],
    )
    assert changed == ["table/tbl", "table/tbl/index/gsi"]
    await cloud.settle()
    await table.UpdateTable(DeletionProtectionEnabled=True)
    assert len(changed) == 2


def noting(resources, emit):
    def noted(tx, kind, payload, **more):
        if kind == scaling.CHANGED:
            resources.append(payload["resource"])
        return emit(tx, kind, payload, **more)

    return noted
