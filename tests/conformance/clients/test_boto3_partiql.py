"""PartiQL as boto3's users know it: statements, batches and transactions of the client, Python's values of the resource."""

from decimal import Decimal

import pytest
from boto3.dynamodb.types import Binary


@pytest.fixture(scope="module")
def dynamodb(connect):
    return connect("dynamodb")


@pytest.fixture
def table(dynamodb, request) -> str:
    """A table with a partition key p and a sort key s, and an index on g."""
    name = request.node.name
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "s", "AttributeType": "N"},
            {"AttributeName": "g", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return name


def test_statements_and_their_pages(dynamodb, table):
    for s in range(7):
        dynamodb.execute_statement(
            Statement=f"""INSERT INTO "{table}" VALUE {{'p': 'a', 's': ?, 'g': 'x', 'b': ?}}""",
            Parameters=[{"N": str(s)}, {"B": bytes([s, 255])}],
        )
    read = {"Statement": f"""SELECT s, b FROM "{table}" WHERE p = 'a' ORDER BY s DESC""", "Limit": 3}
    items = []
    while True:
        page = dynamodb.execute_statement(**read)
        items += page["Items"]
        if "NextToken" not in page:
            break
        assert page["LastEvaluatedKey"]["p"] == {"S": "a"}
        read["NextToken"] = page["NextToken"]
    assert [(item["s"]["N"], item["b"]["B"]) for item in items] == [(str(s), bytes([s, 255])) for s in range(6, -1, -1)]
    indexed = dynamodb.execute_statement(Statement=f"""SELECT * FROM "{table}"."by-g" WHERE g = 'x' AND s > 4""")
    assert [item["s"]["N"] for item in indexed["Items"]] == ["5", "6"]


def test_errors_are_the_exceptions_of_the_model(dynamodb, table):
    insert = f"""INSERT INTO "{table}" VALUE {{'p': 'a', 's': 1, 'n': 1}}"""
    dynamodb.execute_statement(Statement=insert)
    with pytest.raises(dynamodb.exceptions.DuplicateItemException):
        dynamodb.execute_statement(Statement=insert)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as failed:
        dynamodb.execute_statement(
            Statement=f"""UPDATE "{table}" SET n = 2 WHERE p = 'a' AND s = 1 AND n = 5""",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert failed.value.response["Item"]["n"] == {"N": "1"}
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.execute_statement(Statement="SELECT * FROM nothing")
    with pytest.raises(dynamodb.exceptions.ClientError, match="Statement wasn't well formed"):
        dynamodb.execute_statement(Statement="SELECT")


def test_a_batch_tells_of_each_statement(dynamodb, table):
    insert = f"""INSERT INTO "{table}" VALUE {{'p': ?, 's': 1}}"""
    answer = dynamodb.batch_execute_statement(
        Statements=[{"Statement": insert, "Parameters": [{"S": p}]} for p in ("a", "a", "b")],
        ReturnConsumedCapacity="TOTAL",
    )
    assert [one.get("Error", {}).get("Code") for one in answer["Responses"]] == [None, "DuplicateItem", None]
    assert answer["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 2.0}]
    select = f"""SELECT * FROM "{table}" WHERE p = ? AND s = 1"""
    read = dynamodb.batch_execute_statement(
        Statements=[{"Statement": select, "Parameters": [{"S": p}]} for p in ("b", "c")]
    )["Responses"]
    assert read == [{"TableName": table, "Item": {"p": {"S": "b"}, "s": {"N": "1"}}}, {"TableName": table}]


def test_a_transaction_is_all_or_nothing(dynamodb, table):
    insert = f"""INSERT INTO "{table}" VALUE {{'p': ?, 's': 1, 'n': 0}}"""
    inserts = [{"Statement": insert, "Parameters": [{"S": p}]} for p in ("a", "b")]
    exists = {"Statement": f"""EXISTS(SELECT * FROM "{table}" WHERE p = 'c' AND s = 1 AND n = 0)"""}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as cancelled:
        dynamodb.execute_transaction(TransactStatements=[*inserts, exists])
    codes = [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]]
    assert codes == ["None", "None", "ConditionalCheckFailed"]
    assert dynamodb.scan(TableName=table)["Count"] == 0
    dynamodb.execute_transaction(TransactStatements=inserts)
    select = f"""SELECT p FROM "{table}" WHERE p = ? AND s = 1"""
    read = dynamodb.execute_transaction(
        TransactStatements=[{"Statement": select, "Parameters": [{"S": p}]} for p in ("b", "c", "a")]
    )
    assert read["Responses"] == [{"Item": {"p": {"S": "b"}}}, {}, {"Item": {"p": {"S": "a"}}}]


def test_the_resource_takes_and_gives_pythons_values(session, endpoint, table):
    client = session.resource("dynamodb", endpoint_url=endpoint).meta.client
    values = ["a", 1, {"x": [Decimal("1.50"), None, True]}, {"t", "u"}, b"\0\xff"]
    client.execute_statement(
        Statement=f"""INSERT INTO "{table}" VALUE {{'p': ?, 's': ?, 'm': ?, 'tags': ?, 'b': ?}}""", Parameters=values
    )
    [item] = client.execute_statement(Statement=f"""SELECT * FROM "{table}" WHERE p = ?""", Parameters=["a"])["Items"]
    assert item == {
        "p": "a",
        "s": 1,
        "m": {"x": [Decimal("1.5"), None, True]},
        "tags": {"t", "u"},
        "b": Binary(b"\0\xff"),
    }
