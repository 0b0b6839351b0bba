"""TransactWriteItems and TransactGetItems."""

import pytest

from pileus.services.dynamodb.tests.conftest import index, item
from pileus.services.dynamodb.tests.test_tables import refused

CANCELLED = "TransactionCanceledException"


def put(table: str = "tbl", condition: str | None = None, shows: bool = False, **attributes) -> dict:
    asked: dict = {"TableName": table, "Item": item(**attributes)}
    if condition:
        asked["ConditionExpression"] = condition
    if shows:
        asked["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return {"Put": asked}


def add(n: int, **key) -> dict:
    return {
        "Update": {
            "TableName": "tbl",
            "Key": item(**key),
            "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": str(n)}},
        }
    }


async def test_all_is_written_or_nothing(cloud, table):
    await table.put(p="old", c="c", x="x")
    check = {"ConditionCheck": {"TableName": "tbl", "Key": item(p="old", c="c"), "ConditionExpression": "x = :x"}}
    check["ConditionCheck"]["ExpressionAttributeValues"] = {":x": {"S": "x"}}
    delete = {"Delete": {"TableName": "tbl", "Key": item(p="gone", c="c")}}
    await table.put(p="gone", c="c")
    await cloud.dynamodb.TransactWriteItems(TransactItems=[put(p="a", c="c"), add(5, p="b", c="c"), check, delete])
    assert await table.get(p="b", c="c") == item(p="b", c="c", n=5)
    assert await table.get(p="gone", c="c") is None
    failing = put(p="old", c="c", condition="attribute_not_exists(p)", shows=True)
    error = await refused(
        cloud.dynamodb.TransactWriteItems(TransactItems=[add(1, p="b", c="c"), failing]),
        r"please refer cancellation reasons for specific reasons \[None, ConditionalCheckFailed\]",
        CANCELLED,
    )
    assert error.fields["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": item(p="old", c="c", x="x"),
        },
    ]
    assert await table.get(p="b", c="c") == item(p="b", c="c", n=5)


async def test_all_failed_conditions_are_told(cloud, table):
    there = "attribute_exists(p)"
    error = await refused(
        cloud.dynamodb.TransactWriteItems(
            TransactItems=[put(p="a", c="c", condition=there), put(p="b", c="c"), put(p="d", c="c", condition=there)]
        ),
        r"\[ConditionalCheckFailed, None, ConditionalCheckFailed\]",
        CANCELLED,
    )
    assert len(error.fields["CancellationReasons"]) == 3


async def test_the_first_action_that_is_not_valid_ends_the_look(cloud, table):
    error = await refused(
        cloud.dynamodb.TransactWriteItems(
            TransactItems=[
                put(p="a", c="c"),
                put(p=1, c="c"),
                put(p=2, c="c"),
                put(p="b", c="c", condition="attribute_exists(p)"),
            ]
        ),
        r"\[None, ValidationError, None, None\]",
        CANCELLED,
    )
    assert "Type mismatch for key p" in error.fields["CancellationReasons"][1]["Message"]


async def test_an_update_that_can_not_be_is_a_reason(cloud, table):
    await table.put(p="a", c="c", n="text")
    await refused(
        cloud.dynamodb.TransactWriteItems(TransactItems=[put(p="b", c="c"), add(1, p="a", c="c")]),
        r"\[None, ValidationError\]",
        CANCELLED,
    )
    assert await table.get(p="b", c="c") is None


async def test_a_token_makes_a_transaction_once_in_ten_minutes(cloud, table):
    async def write(n: int = 1, **more) -> dict:
        return await cloud.dynamodb.TransactWriteItems(
            TransactItems=[add(n, p="a", c="c")], ClientRequestToken="token", **more
        )

    first = await write(ReturnConsumedCapacity="TOTAL")
    assert first["ConsumedCapacity"] == [{"TableName": "tbl", "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}]
    again = await write(ReturnConsumedCapacity="TOTAL")
    assert again["ConsumedCapacity"] == [{"TableName": "tbl", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}]
    assert await table.get(p="a", c="c") == item(p="a", c="c", n=1)
    await refused(write(n=2), "do not match", "IdempotentParameterMismatchException")
    await cloud.advance(599_999)
    await write()
    assert await table.get(p="a", c="c") == item(p="a", c="c", n=1)
    await cloud.advance(1)
    await write(n=2)
    assert await table.get(p="a", c="c") == item(p="a", c="c", n=3)


async def test_a_transaction_that_failed_keeps_no_token(cloud, table):
    there = put(p="a", c="c", condition="attribute_exists(p)")
    call = {"TransactItems": [there], "ClientRequestToken": "token"}
    await refused(cloud.dynamodb.TransactWriteItems(**call), "ConditionalCheckFailed", CANCELLED)
    await table.put(p="a", c="c", x="x")
    await cloud.dynamodb.TransactWriteItems(**call)
    assert await table.get(p="a", c="c") == item(p="a", c="c")


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([put(p="a", c="c"), add(1, p="a", c="c")], "cannot include multiple operations on one item"),
        ([{}], "TransactWriteRequest should contain Delete or Put or Update request"),
        ([put(p="a", c="c"), {"Unknown": 1}], "TransactWriteRequest should contain Delete or Put or Update request"),
        ([put(p="a", c="c") | add(1, p="b", c="c")], "can only contain one of Check, Put, Update or Delete"),
        ([put(p="a", c=str(n)) for n in range(101)], "Member must have length less than or equal to 100"),
        ([put(p="a", c=str(n), x="x" * 400_000) for n in range(11)], "Collection of items size cannot exceed 4MB"),
        ([put(p="a", c="c", x="x" * 409_600)], "Item size has exceeded the maximum allowed size"),
    ],
)
async def test_what_a_transaction_refuses(cloud, table, items, message):
    await refused(cloud.dynamodb.TransactWriteItems(TransactItems=items), message)


async def test_an_empty_key_of_an_index_refuses_the_transaction_and_is_no_reason_to_cancel_it(cloud, make):
    await make(called="tbl", types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    empty = "The AttributeValue for a key attribute cannot contain an empty string value."
    await refused(
        cloud.dynamodb.TransactWriteItems(TransactItems=[put(p="b", c="c"), put(p="a", c="c", x="")]),
        f"{empty} IndexName: gsi, IndexKey: x",
    )
    update = {"TableName": "tbl", "Key": item(p="a", c="c"), "UpdateExpression": "SET x = :x"}
    update["ExpressionAttributeValues"] = {":x": {"S": ""}}
    await refused(
        cloud.dynamodb.TransactWriteItems(TransactItems=[put(p="b", c="c"), {"Update": update}]),
        f"attempted to update a secondary index key to a value that is not supported. {empty}$",
    )
    assert (await cloud.dynamodb.Scan(TableName="tbl"))["Count"] == 0


async def test_a_table_that_is_not_there_refuses_the_transaction(cloud, table):
    await refused(
        cloud.dynamodb.TransactWriteItems(TransactItems=[put(p="a", c="c"), put(table="nope", p="a", c="c")]),
        "Requested resource not found",
        "ResourceNotFoundException",
    )


async def test_reads_are_in_the_order_they_were_asked(cloud, table):
    await table.put(p="a", c="c", x="x", y="y")
    asked = [
        {"Get": {"TableName": "tbl", "Key": item(p="nope", c="c")}},
        {"Get": {"TableName": "tbl", "Key": item(p="a", c="c"), "ProjectionExpression": "y"}},
    ]
    answer = await cloud.dynamodb.TransactGetItems(TransactItems=asked, ReturnConsumedCapacity="TOTAL")
    assert answer["Responses"] == [{}, {"Item": item(y="y")}]
    assert answer["ConsumedCapacity"] == [{"TableName": "tbl", "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}]
    await refused(
        cloud.dynamodb.TransactGetItems(TransactItems=[asked[0], asked[0]]), "multiple operations on one item"
    )
    wrong = [asked[0], {"Get": {"TableName": "tbl", "Key": item(p="a")}}]
    await refused(cloud.dynamodb.TransactGetItems(TransactItems=wrong), r"\[None, ValidationError\]", CANCELLED)


async def test_a_collection_that_grows_too_large_cancels_the_transaction(cloud, make, monkeypatch):
    from pileus.services.dynamodb.state import indexes

    monkeypatch.setattr(indexes, "COLLECTION_BYTES_MAX", 10)
    table = await make(types={"x": "S"}, LocalSecondaryIndexes=[index("lsi", "p", "x")])
    await refused(
        cloud.dynamodb.TransactWriteItems(TransactItems=[put(p="b", c="c"), put(p="a", c="c", z="0123456789")]),
        r"\[None, ItemCollectionSizeLimitExceeded\]",
        CANCELLED,
    )
    assert (await table.Scan())["Count"] == 0


async def test_an_empty_key_refuses_a_transaction_and_one_that_does_not_fit_cancels_it(cloud, table):
    empty, other = item(p="", c="c"), {"p": {"N": "5"}, "c": {"S": "c"}}
    for key in (empty, other):
        asked = [
            {"Put": {"TableName": "tbl", "Item": key}},
            {"Delete": {"TableName": "tbl", "Key": key}},
            {"ConditionCheck": {"TableName": "tbl", "Key": key, "ConditionExpression": "attribute_exists(p)"}},
        ]
        calls = [cloud.dynamodb.TransactWriteItems(TransactItems=[one]) for one in asked]
        calls.append(cloud.dynamodb.TransactGetItems(TransactItems=[{"Get": {"TableName": "tbl", "Key": key}}]))
        for call in calls:
            if key is empty:
                await refused(call, "cannot contain an empty string value. Key: p")
            else:
                await refused(call, r"specific reasons \[ValidationError\]", CANCELLED)


async def test_a_condition_check_affects_no_item_collection(cloud, make):
    await make(called="tbl", types={"x": "S"}, LocalSecondaryIndexes=[index("lsi", "p", "x")])
    check = {"TableName": "tbl", "Key": item(p="b", c="c"), "ConditionExpression": "attribute_not_exists(p)"}
    answer = await cloud.dynamodb.TransactWriteItems(
        TransactItems=[put(p="a", c="c"), {"ConditionCheck": check}], ReturnItemCollectionMetrics="SIZE"
    )
    assert [one["ItemCollectionKey"] for one in answer["ItemCollectionMetrics"]["tbl"]] == [item(p="a")]
