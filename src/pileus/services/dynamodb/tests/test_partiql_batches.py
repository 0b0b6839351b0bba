"""BatchExecuteStatement: statements that succeed or fail each by itself."""

import pytest

from pileus.kernel.errors import AwsError

ORDERS = {
    "TableName": "Orders",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "state", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-state",
            "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        },
    ],
}
CHECK_FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}


@pytest.fixture
async def batch(cloud):
    """batch("statement", ("statement", {parameter}, …), {"Statement": …, more}, …), on a table with the order "a"."""
    await cloud.dynamodb.CreateTable(**ORDERS)
    await cloud.settle()
    await cloud.dynamodb.PutItem(TableName="Orders", Item={"id": {"S": "a"}, "n": {"N": "1"}})

    async def run(*statements: str | tuple | dict, **more) -> list[dict]:
        answer = await cloud.dynamodb.BatchExecuteStatement(Statements=list(map(entry, statements)), **more)
        return answer if more else answer["Responses"]

    return run


def entry(statement: str | tuple | dict) -> dict:
    if isinstance(statement, str):
        return {"Statement": statement}
    if isinstance(statement, tuple):
        return {"Statement": statement[0], "Parameters": list(statement[1:])}
    return statement


async def everything(cloud) -> list[dict]:
    found = (await cloud.dynamodb.Scan(TableName="Orders"))["Items"]
    return sorted(found, key=lambda item: item["id"]["S"])


async def test_a_batch_reads_one_item_a_statement(batch):
    assert await batch(
        "SELECT * FROM Orders WHERE id = 'a'",
        ("SELECT n FROM Orders WHERE id = ?", {"S": "a"}),
        "SELECT * FROM Orders WHERE id = 'x'",
        "SELECT * FROM Orders WHERE id = 'a' AND n = 2",
    ) == [
        {"TableName": "Orders", "Item": {"id": {"S": "a"}, "n": {"N": "1"}}},
        {"TableName": "Orders", "Item": {"n": {"N": "1"}}},
        {"TableName": "Orders"},
        {"TableName": "Orders"},
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM Orders",
        "SELECT * FROM Orders WHERE n = 1",
        "SELECT * FROM Orders WHERE id > 'a'",
        "SELECT * FROM Orders WHERE id IN ['a']",
        """SELECT * FROM "Orders"."by-state" WHERE state = 'new'""",
    ],
)
async def test_a_read_that_may_find_several_fails_by_itself(batch, statement):
    text = "Select statements within BatchExecuteStatement must specify the primary key in the where clause."
    failed, read = await batch(statement, "SELECT * FROM Orders WHERE id = 'a'")
    assert failed == {"Error": {"Code": "ValidationError", "Message": text}}
    assert "Item" in read


async def test_writes_that_fail_leave_the_others_done(cloud, batch):
    responses = await batch(
        "INSERT INTO Orders VALUE {'id': 'b'}",
        "INSERT INTO Orders VALUE {'id': 'a'}",
        "UPDATE Orders SET n = 2 WHERE id = 'a' AND n = 5",
        {
            "Statement": "UPDATE Orders SET n = 2 WHERE id = 'a' AND n = 5",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
        "UPDATE Orders SET n = n + 1 WHERE id = 'a' RETURNING MODIFIED NEW *",
        "UPDATE Orders REMOVE n WHERE id = 'a' RETURNING MODIFIED NEW *",
        "UPDATE Orders SET n = 1",
        "INSERT INTO Nowhere VALUE {'id': 'a'}",
        "NONSENSE",
        ("INSERT INTO Orders VALUE {'id': ?}", {"S": "c"}, {"S": "d"}),
    )
    assert responses == [
        {"TableName": "Orders"},
        {
            "TableName": "Orders",
            "Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"},
        },
        {"TableName": "Orders", "Error": CHECK_FAILED},
        {"TableName": "Orders", "Error": CHECK_FAILED | {"Item": {"id": {"S": "a"}, "n": {"N": "1"}}}},
        {"TableName": "Orders", "Item": {"n": {"N": "2"}}},
        {"TableName": "Orders"},
        {
            "Error": {
                "Code": "ValidationError",
                "Message": "Where clause does not contain a mandatory equality on all key attributes",
            }
        },
        {"TableName": "Nowhere", "Error": {"Code": "ResourceNotFound", "Message": "Requested resource not found"}},
        {
            "Error": {
                "Code": "ValidationError",
                "Message": "Statement wasn't well formed, can't be processed: Expected data manipulation",
            }
        },
        {
            "Error": {
                "Code": "ValidationError",
                "Message": "Number of parameters in request and statement don't match.",
            }
        },
    ]
    assert await everything(cloud) == [{"id": {"S": "a"}}, {"id": {"S": "b"}}]


async def test_a_collection_that_grows_too_large_fails_one_statement_and_leaves_nothing_of_it(
    cloud, batch, monkeypatch
):
    monkeypatch.setattr("pileus.services.dynamodb.state.indexes.COLLECTION_BYTES_MAX", 100)
    await cloud.dynamodb.CreateTable(
        TableName="Threads",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "at", "by")],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[
            {
                "IndexName": "by-by",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "by", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    await cloud.settle()
    small = ("INSERT INTO Threads VALUE {'id': ?, 'at': '1'}", {"S": "a"})
    large = ("INSERT INTO Threads VALUE {'id': 'b', 'at': '1', 'by': 'c', 'x': ?}", {"S": "x" * 100})
    responses = await batch(small, large, "INSERT INTO Threads VALUE {'id': 'b', 'at': '1'}")
    assert [one.get("Error", {}).get("Code") for one in responses] == [None, "ItemCollectionSizeLimitExceeded", None]
    found = (await cloud.dynamodb.Scan(TableName="Threads"))["Items"]
    assert sorted(item["id"]["S"] for item in found) == ["a", "b"]
    assert (await cloud.dynamodb.Scan(TableName="Threads", IndexName="by-by"))["Count"] == 0


async def test_a_batch_reads_or_writes(cloud, batch):
    with pytest.raises(AwsError) as caught:
        await batch("SELECT * FROM Orders WHERE id = 'a'", "DELETE FROM Orders WHERE id = 'a'")
    assert caught.value.code == "ValidationException"
    assert len(await everything(cloud)) == 1


async def test_up_to_25_statements(batch):
    read = "SELECT * FROM Orders WHERE id = 'a'"
    assert len(await batch(*[read] * 25)) == 25
    with pytest.raises(AwsError) as caught:
        await batch(*[read] * 26)
    assert caught.value.code == "ValidationException"
    assert "Member must have length less than or equal to 25" in caught.value.message


async def test_the_capacity_of_a_batch_is_told_by_table(batch):
    answer = await batch(
        "SELECT * FROM Orders WHERE id = 'a'",
        {"Statement": "SELECT * FROM Orders WHERE id = 'x'", "ConsistentRead": True},
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"] == [{"TableName": "Orders", "CapacityUnits": 1.5}]
