"""DynamoDB as users of boto3's resource know it: Python's values, conditions as objects, batch writers, collections."""

from decimal import Decimal

import pytest
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

QUICK = {"Delay": 0.05, "MaxAttempts": 200}


@pytest.fixture(scope="module")
def dynamodb(session, endpoint):
    return session.resource("dynamodb", endpoint_url=endpoint)


@pytest.fixture
def table(dynamodb, request):
    made = dynamodb.create_table(
        TableName=request.node.name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "artist", "AttributeType": "S"},
            {"AttributeName": "year", "AttributeType": "N"},
            {"AttributeName": "genre", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "artist", "KeyType": "HASH"}, {"AttributeName": "year", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-genre",
                "KeySchema": [{"AttributeName": "genre", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    made.meta.client.get_waiter("table_exists").wait(TableName=made.name, WaiterConfig=QUICK)
    made.reload()
    return made


def test_every_type_comes_back_as_it_went(table):
    item = {
        "artist": "ä",
        "year": 1,
        "number": Decimal("1.2345678901234567890123456789012345678"),
        "small": Decimal("1E-130"),
        "negative": -7,
        "binary": Binary(b"\0\xff"),
        "bytes": b"raw",
        "true": True,
        "none": None,
        "empty": "",
        "list": [1, "two", [Decimal("3.5")], {"four": None}],
        "map": {"nested": {"deep": [b"x"]}},
        "strings": {"a", "b"},
        "numbers": {1, Decimal("2.5")},
        "binaries": {Binary(b"1"), Binary(b"2")},
    }
    table.put_item(Item=item)
    found = table.get_item(Key={"artist": "ä", "year": 1}, ConsistentRead=True)["Item"]
    assert found == item | {"bytes": Binary(b"raw"), "map": {"nested": {"deep": [Binary(b"x")]}}}
    assert isinstance(found["number"], Decimal) and isinstance(found["strings"], set)


def test_what_is_no_value_is_refused_by_the_service(table):
    for wrong, words in (
        ({"number": Decimal("1E+126")}, "Number overflow"),
        ({"artist": ""}, "empty string value"),
        ({"year": "1"}, "Type mismatch for key year"),
    ):
        with pytest.raises(ClientError, match=words):
            table.put_item(Item={"artist": "a", "year": 1} | wrong)


def test_conditions_as_objects(table):
    with table.batch_writer() as batch:
        for year in range(1990, 2000):
            batch.put_item(
                Item={"artist": "a", "year": year, "genre": "even" if year % 2 == 0 else "odd", "n": {"x": year}}
            )
    ranged = Key("artist").eq("a") & Key("year").between(1992, 1997)
    found = table.query(KeyConditionExpression=ranged, FilterExpression=Attr("n.x").gt(1993) & ~Attr("genre").eq("odd"))
    assert [item["year"] for item in found["Items"]] == [1994, 1996]
    assert (found["Count"], found["ScannedCount"]) == (2, 6)
    by_genre = table.query(IndexName="by-genre", KeyConditionExpression=Key("genre").eq("odd"), Select="COUNT")
    assert by_genre["Count"] == 5
    either = Attr("year").is_in([1990, 1999]) | Attr("n.x").lt(1991)
    assert {item["year"] for item in table.scan(FilterExpression=either)["Items"]} == {1990, 1999}
    newest = table.query(
        KeyConditionExpression=Key("artist").eq("a"), ScanIndexForward=False, Limit=1, ProjectionExpression="n.x"
    )
    assert newest["Items"] == [{"n": {"x": 1999}}]
    assert newest["LastEvaluatedKey"] == {"artist": "a", "year": 1999}
    table.put_item(Item={"artist": "b", "year": 1}, ConditionExpression=Attr("artist").not_exists())
    with pytest.raises(table.meta.client.exceptions.ConditionalCheckFailedException):
        table.put_item(Item={"artist": "b", "year": 1}, ConditionExpression=Attr("artist").not_exists())


def test_a_batch_writer_sends_all_and_drops_repeats(table):
    with table.batch_writer(overwrite_by_pkeys=["artist", "year"]) as batch:
        for n in range(60):
            batch.put_item(Item={"artist": f"a{n % 3}", "year": n % 30, "n": n})
        batch.delete_item(Key={"artist": "a0", "year": 0})
    items = table.scan()["Items"]
    assert len(items) == 29
    assert {item["n"] for item in items} == set(range(31, 60))


def test_updates_and_what_they_return(table):
    table.put_item(Item={"artist": "a", "year": 1, "n": 1, "tags": {"x", "y"}})
    answer = table.update_item(
        Key={"artist": "a", "year": 1},
        UpdateExpression="SET n = n + :d, seen = if_not_exists(seen, :d) DELETE tags :tags",
        ConditionExpression=Attr("n").eq(1),
        ExpressionAttributeValues={":d": Decimal("0.5"), ":tags": {"x"}},
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"] == {
        "artist": "a",
        "year": 1,
        "n": Decimal("1.5"),
        "seen": Decimal("0.5"),
        "tags": {"y"},
    }
    assert table.delete_item(Key={"artist": "a", "year": 1}, ReturnValues="ALL_OLD")["Attributes"]["tags"] == {"y"}


def test_the_resource_s_collections_and_batches(dynamodb, table):
    assert table.name in {one.name for one in dynamodb.tables.all()}
    assert (table.table_status, table.item_count) == ("ACTIVE", 0)
    table.put_item(Item={"artist": "a", "year": 1, "n": Decimal("1.5")})
    got = dynamodb.batch_get_item(RequestItems={table.name: {"Keys": [{"artist": "a", "year": 1}]}})
    assert got["Responses"][table.name] == [{"artist": "a", "year": 1, "n": Decimal("1.5")}]
    dynamodb.meta.client.transact_write_items(
        TransactItems=[
            {"Delete": {"TableName": table.name, "Key": {"artist": "a", "year": 1}}},
            {"Put": {"TableName": table.name, "Item": {"artist": "b", "year": 2, "tags": {1, 2}}}},
        ]
    )
    assert table.scan()["Items"] == [{"artist": "b", "year": 2, "tags": {1, 2}}]
    table.delete()
    table.meta.client.get_waiter("table_not_exists").wait(TableName=table.name, WaiterConfig=QUICK)
    with pytest.raises(table.meta.client.exceptions.ResourceNotFoundException):
        table.reload()
