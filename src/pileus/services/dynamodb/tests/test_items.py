"""Single items: keys, sizes, conditions, what is returned, what is refused."""

import pytest

from pileus.services.dynamodb.tests.conftest import index, item
from pileus.services.dynamodb.tests.test_tables import refused

FAILED = "ConditionalCheckFailedException"


async def test_a_put_takes_the_place_of_the_whole_item(table):
    await table.put(p="a", c="b", x="old", y="old")
    await table.put(p="a", c="b", x="new")
    assert await table.get(p="a", c="b") == item(p="a", c="b", x="new")
    assert await table.get(p="a", c="other") is None


async def test_bytes_from_inside_the_cloud_and_numbers_are_canonical(make):
    table = await make("p:B", "c:N")
    await table.PutItem(Item={"p": {"B": b"\0\1"}, "c": {"N": "1.50e1"}, "x": {"BS": [b"b", b"a"]}})
    found = await table.GetItem(Key={"p": {"B": "AAE="}, "c": {"N": "15"}})
    assert found["Item"] == {"p": {"B": b"\0\1"}, "c": {"N": "15"}, "x": {"BS": [b"a", b"b"]}}


async def test_a_projection_shows_what_it_names(table):
    await table.PutItem(Item=item(p="a", c="b", x=1, y=2))
    found = await table.GetItem(Key=item(p="a", c="b"), ProjectionExpression="y, nope")
    assert found["Item"] == item(y=2)


async def test_return_values_of_put_and_delete(table):
    assert await table.PutItem(Item=item(p="a", c="b", x=1), ReturnValues="ALL_OLD") == {}
    put = await table.PutItem(Item=item(p="a", c="b", x=2), ReturnValues="ALL_OLD")
    assert put["Attributes"] == item(p="a", c="b", x=1)
    deleted = await table.DeleteItem(Key=item(p="a", c="b"), ReturnValues="ALL_OLD")
    assert deleted["Attributes"] == item(p="a", c="b", x=2)
    assert await table.DeleteItem(Key=item(p="a", c="b"), ReturnValues="ALL_OLD") == {}
    await refused(table.PutItem(Item=item(p="a", c="b"), ReturnValues="ALL_NEW"), "Return values set to invalid value")


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("NONE", None),
        ("ALL_OLD", {"p": {"S": "a"}, "c": {"S": "b"}, "x": {"N": "1"}, "y": {"N": "2"}}),
        ("ALL_NEW", {"p": {"S": "a"}, "c": {"S": "b"}, "x": {"N": "6"}, "y": {"N": "2"}, "z": {"N": "5"}}),
        ("UPDATED_OLD", {"x": {"N": "1"}}),
        ("UPDATED_NEW", {"x": {"N": "6"}, "z": {"N": "5"}}),
    ],
)
async def test_return_values_of_update(table, wanted, shown):
    await table.PutItem(Item=item(p="a", c="b", x=1, y=2))
    answer = await table.UpdateItem(
        Key=item(p="a", c="b"),
        UpdateExpression="SET x = x + :n, z = :n",
        ExpressionAttributeValues={":n": {"N": "5"}},
        ReturnValues=wanted,
    )
    assert answer.get("Attributes") == shown


async def test_an_update_makes_an_item_unless_it_only_takes_away(table):
    key = item(p="a", c="b")
    assert await table.UpdateItem(Key=key, UpdateExpression="REMOVE x", ReturnValues="ALL_NEW") == {}
    assert await table.get(p="a", c="b") is None
    await table.UpdateItem(Key=key)
    assert await table.get(p="a", c="b") == key
    await table.DeleteItem(Key=key)
    await table.UpdateItem(Key=key, UpdateExpression="ADD x :one", ExpressionAttributeValues={":one": {"N": "1"}})
    assert await table.get(p="a", c="b") == item(p="a", c="b", x=1)


async def test_a_condition_that_fails_changes_nothing_and_shows_what_is_there_if_asked(table):
    await table.put(p="a", c="b", x="x")
    for call in (
        table.PutItem(Item=item(p="a", c="b"), ConditionExpression="attribute_not_exists(p)"),
        table.DeleteItem(Key=item(p="a", c="b"), ConditionExpression="attribute_not_exists(p)"),
        table.UpdateItem(
            Key=item(p="a", c="b"), UpdateExpression="REMOVE x", ConditionExpression="attribute_not_exists(p)"
        ),
    ):
        error = await refused(call, "The conditional request failed", FAILED)
        assert error.fields == {}
    error = await refused(
        table.DeleteItem(
            Key=item(p="a", c="b"),
            ConditionExpression="attribute_not_exists(p)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        ),
        "The conditional request failed",
        FAILED,
    )
    assert error.fields == {"Item": item(p="a", c="b", x="x")}
    assert await table.get(p="a", c="b") == item(p="a", c="b", x="x")


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (item(c="b"), "One or more parameter values were invalid: Missing the key p in the item"),
        (item(p="a"), "Missing the key c in the item"),
        (item(p=1, c="b"), "Type mismatch for key p expected: S actual: N"),
        (item(p="", c="b"), "cannot contain an empty string value. Key: p"),
        (item(p="a", c=""), "cannot contain an empty string value. Key: c"),
        (item(p="a" * 2049, c="b"), "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
        (item(p="a", c="b" * 1025), "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"),
    ],
)
async def test_what_keys_a_put_item_must_have(table, put, message):
    await refused(table.PutItem(Item=put), message)


async def test_keys_of_2048_and_1024_bytes_are_the_longest(table):
    await table.put(p="a" * 2048, c="b" * 1024)
    assert await table.get(p="a" * 2048, c="b" * 1024) is not None
    await table.put(p="é" * 1024, c="é" * 512)
    await refused(table.PutItem(Item=item(p="é" * 1025, c="b")), "2048 bytes")


@pytest.mark.parametrize("key", [item(p="a"), item(p="a", c="b", x="y"), item(p="a", x="b"), item(p="a", c=1)])
async def test_a_key_has_exactly_the_keys_attributes(table, key):
    mismatch = "The provided key element does not match the schema"
    await refused(table.GetItem(Key=key), mismatch)
    await refused(table.DeleteItem(Key=key), mismatch)
    await refused(table.UpdateItem(Key=key), mismatch)


async def test_an_item_of_400_kb_is_the_largest(table):
    room = 409_600 - len("pacbx")
    await table.put(p="a", c="b", x="x" * room)
    await refused(
        table.PutItem(Item=item(p="a", c="b", x="x" * (room + 1))), "Item size has exceeded the maximum allowed size"
    )
    await refused(
        table.UpdateItem(
            Key=item(p="a", c="b"), UpdateExpression="SET y = :y", ExpressionAttributeValues={":y": {"S": ""}}
        ),
        "Item size to update has exceeded the maximum allowed size",
    )
    await table.UpdateItem(
        Key=item(p="a", c="b"), UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": {"S": "short"}}
    )
    described = (await table.DescribeTable())["Table"]
    assert described["TableSizeBytes"] == len("pacbxshort")


async def test_a_key_is_not_updated(table):
    await refused(
        table.UpdateItem(
            Key=item(p="a", c="b"), UpdateExpression="SET c = :c", ExpressionAttributeValues={":c": {"S": "d"}}
        ),
        "Cannot update attribute c. This attribute is part of the key",
    )
    await refused(
        table.UpdateItem(
            Key=item(p="a", c="b"),
            UpdateExpression="SET c = :c",
            ConditionExpression="attribute_exists(p)",
            ExpressionAttributeValues={":c": {"S": "d"}},
        ),
        "Cannot update attribute c. This attribute is part of the key",
    )


async def test_an_index_key_must_be_of_its_type_and_not_empty(make):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    await refused(
        table.PutItem(Item=item(p="a", c="b", x=1)),
        "Type mismatch for Index Key x Expected: S Actual: N IndexName: gsi",
    )
    await refused(table.PutItem(Item=item(p="a", c="b", x="")), "IndexName: gsi, IndexKey: x")
    await refused(table.PutItem(Item=item(p="a", c="b", x="x" * 2049)), "Size of hashkey has exceeded")
    await refused(
        table.UpdateItem(
            Key=item(p="a", c="b"), UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": {"N": "1"}}
        ),
        "Type mismatch for Index Key x",
    )
    await table.put(p="a", c="b", x="x" * 2048)


async def test_of_several_indexes_that_refuse_a_value_the_first_by_name_is_told(make):
    by_x = [index("zzz", "x"), index("gsi", "x")]
    table = await make(types={"x": "S"}, LocalSecondaryIndexes=[index("lsi", "p", "x")], GlobalSecondaryIndexes=by_x)
    await refused(table.PutItem(Item=item(p="a", c="b", x=1)), "IndexName: gsi$")


async def test_an_update_to_an_empty_index_key_is_refused_in_words_of_its_own(make):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    await refused(
        table.UpdateItem(
            Key=item(p="a", c="b"), UpdateExpression="SET x = :x", ExpressionAttributeValues={":x": {"S": ""}}
        ),
        "The update expression attempted to update a secondary index key to a value that is not supported. The "
        "AttributeValue for a key attribute cannot contain an empty string value.$",
    )


@pytest.mark.parametrize(
    ("expression", "counted"),
    [
        ("SET x = :x", 3 + 19 + len("x")),
        ("SET x = :x, y = z", 3 + 19 + 19 + len("x") + len("yz")),
        ("SET x = :x REMOVE z", 3 + 19 + 2 + len("x")),
        ("SET l[0] = :x", 3 + 20 + len("l") + 3 + 1),
    ],
)
async def test_an_update_counts_what_it_writes_and_its_actions(cloud, make, expression, counted):
    table = await make("p")
    before = {"p": {"S": "a"}, "z": {"S": "z"}, "l": {"L": [{"S": ""}]}}
    await table.PutItem(Item=before)

    def asked(size: int) -> dict:
        values = {":x": {"S": "x" * size}}
        return {"Key": item(p="a"), "UpdateExpression": expression, "ExpressionAttributeValues": values}

    largest = asked(409_600 - counted)
    larger = asked(409_600 - counted + 1)
    await refused(table.UpdateItem(**larger), "Item size to update has exceeded the maximum allowed size")
    # A transaction limits the item alone.
    await cloud.dynamodb.TransactWriteItems(TransactItems=[{"Update": {"TableName": "tbl", **larger}}])
    await table.PutItem(Item=before)
    await table.UpdateItem(**largest)


async def test_a_table_that_is_not_there(cloud):
    for call in (
        cloud.dynamodb.GetItem(TableName="nope", Key=item(p="a")),
        cloud.dynamodb.PutItem(TableName="nope", Item=item(p="a")),
    ):
        await refused(call, "^ResourceNotFoundException: Requested resource not found$", "ResourceNotFoundException")


async def test_an_item_that_is_put_again_unchanged_is_not_written(cloud, table):
    await table.put(p="a", c="b", x="x")
    before = cloud.store.applied
    await table.put(p="a", c="b", x="x")
    assert cloud.store.applied == before


async def test_item_collection_metrics_where_there_is_a_local_index(make, table):
    assert "ItemCollectionMetrics" not in await table.PutItem(
        Item=item(p="a", c="b"), ReturnItemCollectionMetrics="SIZE"
    )
    table = await make(called="lsi", types={"x": "S"}, LocalSecondaryIndexes=[index("lsi", "p", "x")])
    answer = await table.PutItem(Item=item(p="a", c="b"), ReturnItemCollectionMetrics="SIZE")
    assert answer["ItemCollectionMetrics"] == {"ItemCollectionKey": item(p="a"), "SizeEstimateRangeGB": [0.0, 1.0]}


async def test_the_collection_of_an_item_that_is_not_there_is_named_by_its_canonical_key(cloud, make):
    table = await make(
        called="lsi", types={"p": "N", "c": "S", "x": "S"}, LocalSecondaryIndexes=[index("lsi", "p", "x")]
    )
    answer = await table.DeleteItem(Key={"p": {"N": "01.0"}, "c": {"S": "gone"}}, ReturnItemCollectionMetrics="SIZE")
    assert answer["ItemCollectionMetrics"]["ItemCollectionKey"] == {"p": {"N": "1"}}


async def test_a_collection_of_ten_gigabytes_is_the_largest(make, monkeypatch):
    from pileus.services.dynamodb.state import indexes

    monkeypatch.setattr(indexes, "COLLECTION_BYTES_MAX", 100)
    table = await make(types={"x": "S"}, LocalSecondaryIndexes=[index("lsi", "p", "x")])
    await table.put(p="a", c="b", x="x" * 45)  # fifty bytes in the table, fifty in the index
    await refused(
        table.PutItem(Item=item(p="a", c="c")), "Collection size exceeded", "ItemCollectionSizeLimitExceededException"
    )
    await table.put(p="b", c="c")
    await table.DeleteItem(Key=item(p="a", c="b"))
    await table.put(p="a", c="c")


async def test_an_unknown_value_is_told_with_the_known_ones_in_dynamodbs_order(table):
    await refused(
        table.UpdateItem(Key=item(p="a", c="b"), ReturnValues="SOME"),
        "Value 'SOME' at 'returnValues' failed to satisfy constraint: Member must satisfy enum value set: "
        r"\[ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW\]",
    )
