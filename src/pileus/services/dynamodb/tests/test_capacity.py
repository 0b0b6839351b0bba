"""Consumed capacity, as DynamoDB counts it; and provisioned capacity, where it is enforced."""

from dataclasses import replace

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.tests.conftest import index, item

KB = 1024


def of_size(size_bytes: int) -> dict:
    """An item of the key p = "a", c = "c" that has so many bytes."""
    return item(p="a", c="c", x="x" * (size_bytes - 5))


@pytest.mark.parametrize(("size_bytes", "units"), [(100, 1.0), (4 * KB, 1.0), (4 * KB + 1, 2.0), (400 * KB, 100.0)])
async def test_a_read_costs_a_unit_for_4_kb_and_half_where_eventually_consistent(table, size_bytes, units):
    await table.PutItem(Item=of_size(size_bytes))
    key = item(p="a", c="c")
    for consistent, expected in ((True, units), (False, units / 2)):
        answer = await table.GetItem(Key=key, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL")
        assert answer["ConsumedCapacity"] == {"TableName": "tbl", "CapacityUnits": expected}
    missing = await table.GetItem(Key=item(p="a", c="d"), ReturnConsumedCapacity="TOTAL")
    assert missing["ConsumedCapacity"]["CapacityUnits"] == 0.5


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [(0, 100, 1.0), (0, KB, 1.0), (0, KB + 1, 2.0), (3 * KB, 100, 3.0), (100, 3 * KB, 3.0), (3 * KB, 0, 3.0)],
)
async def test_a_write_costs_a_unit_for_each_kb_of_the_larger_of_before_and_after(table, before, after, units):
    if before:
        await table.PutItem(Item=of_size(before))
    if after:
        answer = await table.PutItem(Item=of_size(after), ReturnConsumedCapacity="TOTAL")
    else:
        answer = await table.DeleteItem(Key=item(p="a", c="c"), ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["CapacityUnits"] == units


async def test_each_index_costs_what_changes_in_it(make):
    keys_only = {"ProjectionType": "KEYS_ONLY"}
    table = await make(
        types={"x": "S"},
        GlobalSecondaryIndexes=[index("all", "x"), index("keys", "x", projection=keys_only)],
        LocalSecondaryIndexes=[index("local", "p", "x", projection=keys_only)],
    )

    async def put(**attributes) -> tuple:
        answer = await table.PutItem(Item=item(p="a", c="c", **attributes), ReturnConsumedCapacity="INDEXES")
        consumed = answer["ConsumedCapacity"]
        of_global = consumed.get("GlobalSecondaryIndexes", {})
        of_local = consumed.get("LocalSecondaryIndexes", {})
        units = [one.get("CapacityUnits") for one in (of_global.get("all", {}), of_global.get("keys", {}))]
        return consumed["CapacityUnits"], consumed["Table"]["CapacityUnits"], *units, len(of_local)

    assert await put(y="y") == (1.0, 1.0, None, None, 0)  # in no index
    assert await put(x="x", y="y" * 2 * KB) == (3 + 3 + 1 + 1, 3.0, 3.0, 1.0, 1)
    assert await put(x="x", y="z" * 2 * KB) == (3 + 3, 3.0, 3.0, None, 0)  # keys alone don't change
    assert await put(x="y", y="z") == (3 + 3 + 1 + 2 + 2, 3.0, 4.0, 2.0, 1)  # entries move: one goes, one comes
    assert await put(y="z") == (1 + 1 + 1 + 1, 1.0, 1.0, 1.0, 1)


async def test_a_query_costs_the_sum_of_what_it_looked_at(table):
    for n in range(3):
        await table.PutItem(Item=item(p="a", c=str(n), x="x" * 2 * KB))
    where = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    page = await table.Query(**where, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    assert page["ConsumedCapacity"]["CapacityUnits"] == 2.0
    page = await table.Query(**where, Limit=1, ReturnConsumedCapacity="TOTAL")
    assert page["ConsumedCapacity"]["CapacityUnits"] == 0.5
    page = await table.Query(**where, FilterExpression="attribute_exists(y)", ReturnConsumedCapacity="TOTAL")
    assert (page["Count"], page["ConsumedCapacity"]["CapacityUnits"]) == (0, 1.0)


async def test_a_local_index_that_fetches_costs_the_fetched_items_too(make):
    local = index("local", "p", "x", projection={"ProjectionType": "KEYS_ONLY"})
    table = await make(types={"x": "S"}, LocalSecondaryIndexes=[local])
    for n in range(2):
        await table.PutItem(Item=item(p="a", c=str(n), x="x", y="y" * 5 * KB))
    where = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    for select, of_table in (("ALL_PROJECTED_ATTRIBUTES", 0.0), ("ALL_ATTRIBUTES", 2.0)):
        page = await table.Query(IndexName="local", **where, Select=select, ReturnConsumedCapacity="INDEXES")
        consumed = page["ConsumedCapacity"]
        assert consumed["Table"] == {"CapacityUnits": of_table}
        assert consumed["LocalSecondaryIndexes"] == {"local": {"CapacityUnits": 0.5}}


async def test_a_scan_costs_a_unit_of_each_partition(make, table):
    page = await table.Scan(ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    assert page["ConsumedCapacity"]["CapacityUnits"] == 4.0
    page = await table.Scan(ConsistentRead=True, Segment=0, TotalSegments=4, ReturnConsumedCapacity="TOTAL")
    assert page["ConsumedCapacity"]["CapacityUnits"] == 1.0
    small = await make(called="small", ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
    page = await small.Scan(ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    assert page["ConsumedCapacity"]["CapacityUnits"] == 1.0


async def test_a_transaction_costs_twice(cloud, table):
    put = {"Put": {"TableName": "tbl", "Item": of_size(KB + 1)}}
    answer = await cloud.dynamodb.TransactWriteItems(TransactItems=[put], ReturnConsumedCapacity="INDEXES")
    units = {"CapacityUnits": 4.0, "WriteCapacityUnits": 4.0}
    assert answer["ConsumedCapacity"] == [{"TableName": "tbl", **units, "Table": units}]


async def test_a_table_named_by_its_arn_is_named_so_in_the_answer(cloud, table):
    answer = await cloud.dynamodb.GetItem(TableName=table.arn, Key=item(p="a", c="c"), ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["TableName"] == table.arn


# Enforced


@pytest.fixture
def throttled(cloud):
    cloud.pileus.settings = replace(cloud.pileus.settings, is_dynamodb_throttle=True)


UNITS = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}
EXCEEDED = "The level of configured provisioned throughput for the table was exceeded"


async def test_capacity_is_recorded_and_not_enforced_by_default(make):
    table = await make(ProvisionedThroughput=UNITS)
    for _ in range(3):
        await table.PutItem(Item=of_size(400 * KB))
        await table.DeleteItem(Key=item(p="a", c="c"))


async def test_a_burst_of_300_seconds_is_served_and_then_what_flows_in(cloud, make, throttled):
    table = await make(ProvisionedThroughput=UNITS)
    await table.PutItem(Item=of_size(400 * KB))  # 400 of 600 units
    await table.PutItem(Item=of_size(400 * KB - 1))  # and 400 of the 200 that are left
    with pytest.raises(AwsError, match=EXCEEDED) as refused:
        await table.DeleteItem(Key=item(p="a", c="c"))
    assert refused.value.code == "ProvisionedThroughputExceededException"
    assert refused.value.fields["ThrottlingReasons"] == [
        {"reason": "TableWriteProvisionedThroughputExceeded", "resource": table.arn}
    ]
    assert (await table.GetItem(Key=item(p="a", c="c")))["Item"] == of_size(400 * KB - 1)
    await cloud.advance(100_000)
    with pytest.raises(AwsError, match=EXCEEDED):
        await table.DeleteItem(Key=item(p="a", c="c"))
    await cloud.advance(1000)
    await table.DeleteItem(Key=item(p="a", c="c"))


async def test_reads_and_writes_have_buckets_of_their_own_and_so_has_each_global_index(cloud, make, throttled):
    gsi = index("gsi", "x") | {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}
    table = await make(types={"x": "S"}, ProvisionedThroughput=UNITS, GlobalSecondaryIndexes=[gsi])
    await table.PutItem(Item=item(p="a", c="c", x="x", y="y" * 350 * KB))
    with pytest.raises(AwsError, match="one or more global secondary indexes of the table was exceeded") as refused:
        await table.PutItem(Item=item(p="b", c="c", x="x"))
    [reason] = refused.value.fields["ThrottlingReasons"]
    assert reason == {"reason": "IndexWriteProvisionedThroughputExceeded", "resource": f"{table.arn}/index/gsi"}
    for _ in range(7):
        await table.GetItem(Key=item(p="a", c="c"))
    with pytest.raises(AwsError, match=EXCEEDED):
        await table.GetItem(Key=item(p="a", c="c"))
    await table.Scan(IndexName="gsi")


async def test_a_batch_leaves_the_tables_that_are_exhausted_unprocessed(cloud, make, throttled):
    one = await make(called="one", ProvisionedThroughput=UNITS)
    await make(called="two", ProvisionedThroughput=UNITS)
    await one.PutItem(Item=of_size(400 * KB))
    await one.DeleteItem(Key=item(p="a", c="c"))
    request = {name: [{"PutRequest": {"Item": item(p="b", c="c")}}] for name in ("one", "two")}
    answer = await cloud.dynamodb.BatchWriteItem(RequestItems=request)
    assert answer["UnprocessedItems"] == {"one": request["one"]}
    with pytest.raises(AwsError, match=EXCEEDED):
        await cloud.dynamodb.BatchWriteItem(RequestItems={"one": request["one"]})


async def test_a_transaction_is_cancelled_for_the_tables_that_are_exhausted(cloud, make, throttled):
    one = await make(called="one", ProvisionedThroughput=UNITS)
    await make(called="two", ProvisionedThroughput=UNITS)
    await one.PutItem(Item=of_size(400 * KB))
    await one.DeleteItem(Key=item(p="a", c="c"))
    writes = [{"Put": {"TableName": name, "Item": item(p="b", c="c")}} for name in ("two", "one")]
    with pytest.raises(AwsError, match=r"\[None, ProvisionedThroughputExceeded\]") as refused:
        await cloud.dynamodb.TransactWriteItems(TransactItems=writes)
    assert refused.value.fields["CancellationReasons"][1]["Message"].startswith(EXCEEDED)
    assert (await cloud.dynamodb.Scan(TableName="two"))["Count"] == 0


async def test_units_are_no_integers_even_where_the_table_itself_was_not_read(make):
    table = await make(types={"x": "S"}, LocalSecondaryIndexes=[index("lsi", "p", "x")])
    answer = await table.Scan(IndexName="lsi", ReturnConsumedCapacity="INDEXES")
    assert isinstance(answer["ConsumedCapacity"]["Table"]["CapacityUnits"], float)


async def test_a_transaction_of_statements_is_cancelled_as_well(cloud, make, throttled):
    one = await make(called="one", ProvisionedThroughput=UNITS)
    await make(called="two", ProvisionedThroughput=UNITS)
    await one.PutItem(Item=of_size(400 * KB))
    await one.DeleteItem(Key=item(p="a", c="c"))
    writes = [{"Statement": f"INSERT INTO {name} VALUE {{'p': 'b', 'c': 'c'}}"} for name in ("two", "one")]
    with pytest.raises(AwsError, match=r"\[None, ProvisionedThroughputExceeded\]"):
        await cloud.dynamodb.ExecuteTransaction(TransactStatements=writes)
    assert (await cloud.dynamodb.Scan(TableName="two"))["Count"] == 0


async def test_a_statement_of_a_batch_that_is_throttled_is_told_with_its_table(cloud, make, throttled):
    one = await make(called="one", ProvisionedThroughput=UNITS)
    await make(called="two", ProvisionedThroughput=UNITS)
    await one.PutItem(Item=of_size(400 * KB))
    await one.DeleteItem(Key=item(p="a", c="c"))
    writes = [{"Statement": f"INSERT INTO {name} VALUE {{'p': 'b', 'c': 'c'}}"} for name in ("one", "two")]
    refused, done = (await cloud.dynamodb.BatchExecuteStatement(Statements=writes))["Responses"]
    assert (refused["TableName"], refused["Error"]["Code"]) == ("one", "ProvisionedThroughputExceeded")
    assert done == {"TableName": "two"}


async def test_an_on_demand_table_is_not_throttled(table, throttled):
    for _ in range(20):
        await table.PutItem(Item=of_size(400 * KB))
        await table.DeleteItem(Key=item(p="a", c="c"))
