"""BatchGetItem and BatchWriteItem."""

from pileus.services.dynamodb.tests.conftest import item
from pileus.services.dynamodb.tests.test_tables import refused


def put(**attributes) -> dict:
    return {"PutRequest": {"Item": item(**attributes)}}


def delete(**key) -> dict:
    return {"DeleteRequest": {"Key": item(**key)}}


async def test_a_batch_writes_to_several_tables(cloud, make):
    one, other = await make("p", called="one"), await make("p", called="other")
    await one.put(p="old")
    answer = await cloud.dynamodb.BatchWriteItem(
        RequestItems={"one": [put(p="a", x=1), delete(p="old"), delete(p="never")], other.arn: [put(p="b")]}
    )
    assert answer == {"UnprocessedItems": {}}
    assert await one.get(p="a") == item(p="a", x=1)
    assert await one.get(p="old") is None
    assert await other.get(p="b") == item(p="b")


async def test_a_batch_reads_what_is_there(cloud, table):
    await table.put(p="a", c="b", x=1)
    keys = [item(p="a", c="b"), item(p="a", c="nope")]
    answer = await cloud.dynamodb.BatchGetItem(RequestItems={"tbl": {"Keys": keys, "ProjectionExpression": "x"}})
    assert answer == {"Responses": {"tbl": [item(x=1)]}, "UnprocessedKeys": {}}


async def test_a_batch_of_more_than_16_mb_leaves_keys_unprocessed(cloud, table):
    for n in range(50):
        await table.put(p="a", c=str(n), x="x" * 400_000)
    keys = [item(p="a", c=str(n)) for n in range(50)]
    answer = await cloud.dynamodb.BatchGetItem(RequestItems={"tbl": {"Keys": keys, "ConsistentRead": True}})
    assert len(answer["Responses"]["tbl"]) == 41
    assert answer["UnprocessedKeys"] == {"tbl": {"Keys": keys[41:], "ConsistentRead": True}}


async def test_what_batches_refuse(cloud, table):
    dynamodb = cloud.dynamodb
    twice = [item(p="a", c="b")] * 2
    await refused(dynamodb.BatchGetItem(RequestItems={"tbl": {"Keys": twice}}), "contains duplicates")
    await refused(
        dynamodb.BatchWriteItem(RequestItems={"tbl": [put(p="a", c="b"), delete(p="a", c="b")]}), "contains duplicates"
    )
    keys = [item(p="a", c=str(n)) for n in range(101)]
    await refused(
        dynamodb.BatchGetItem(RequestItems={"tbl": {"Keys": keys}}), "Member must have length less than or equal to 100"
    )
    await make_two(dynamodb)
    await refused(
        dynamodb.BatchGetItem(RequestItems={"tbl": {"Keys": keys[:60]}, "two": {"Keys": keys[60:]}}),
        "Too many items requested for the BatchGetItem call",
    )
    writes = [put(p="a", c=str(n)) for n in range(26)]
    await refused(
        dynamodb.BatchWriteItem(RequestItems={"tbl": writes[:20], "two": writes[20:]}),
        "Too many items requested for the BatchWriteItem call",
    )
    await refused(
        dynamodb.BatchWriteItem(RequestItems={"tbl": writes[:1], "nope": writes[1:2]}),
        "Requested resource not found",
        "ResourceNotFoundException",
    )
    await refused(dynamodb.BatchWriteItem(RequestItems={"tbl": [{}]}), "Supplied AttributeValue is empty")
    assert (await table.Scan())["Count"] == 0


async def make_two(dynamodb) -> None:
    definitions = [{"AttributeName": name, "AttributeType": "S"} for name in "pc"]
    keys = [{"AttributeName": name, "KeyType": kind} for name, kind in zip("pc", ("HASH", "RANGE"), strict=True)]
    await dynamodb.CreateTable(
        TableName="two", KeySchema=keys, AttributeDefinitions=definitions, BillingMode="PAY_PER_REQUEST"
    )


async def test_one_bad_item_refuses_the_whole_batch(cloud, table):
    await refused(
        cloud.dynamodb.BatchWriteItem(RequestItems={"tbl": [put(p="a", c="b"), put(p="a")]}),
        "The provided key element does not match the schema",
    )
    assert (await table.Scan())["Count"] == 0


async def test_a_key_that_does_not_fit_is_told_alike_of_puts_and_deletes(cloud, table):
    for key in ({"p": {"N": "5"}, "c": {"S": "c"}}, {"x": {"S": "x"}}):
        for one in ({"PutRequest": {"Item": key}}, {"DeleteRequest": {"Key": key}}):
            await refused(
                cloud.dynamodb.BatchWriteItem(RequestItems={"tbl": [one]}),
                "The provided key element does not match the schema",
            )
    for one in (put(p="", c="c"), delete(p="", c="c")):
        await refused(
            cloud.dynamodb.BatchWriteItem(RequestItems={"tbl": [one]}), "cannot contain an empty string value. Key: p"
        )


async def test_lengths_of_batches_are_told_in_dynamodbs_words(cloud, table):
    many = {"tbl": [put(p="a", c=str(n)) for n in range(26)]}
    for writes in (many, {"tbl": []}):
        await refused(
            cloud.dynamodb.BatchWriteItem(RequestItems=writes),
            r"1 validation error detected: Value '{tbl=\[.*\]}' at 'requestItems' failed to satisfy constraint: Map value "
            r"must satisfy constraint: \[Member must have length less than or equal to 25, Member must have length "
            r"greater than or equal to 1\]",
        )
    for keys, bound in (([item(p="a", c=str(n)) for n in range(101)], "less than or equal to 100"), ([], "greater.*1")):
        await refused(
            cloud.dynamodb.BatchGetItem(RequestItems={"tbl": {"Keys": keys}}),
            "1 validation error detected: Value at 'RequestItems.tbl.member.Keys' failed to satisfy constraint: Member "
            f"must have length {bound}",
        )


async def test_a_batch_of_nothing_is_refused(cloud):
    await refused(
        cloud.dynamodb.BatchGetItem(RequestItems={}),
        "1 validation error detected: Value at 'RequestItems' failed to satisfy constraint: Member must have length "
        "greater than or equal to 1",
    )
    await refused(
        cloud.dynamodb.BatchWriteItem(RequestItems={}), "The requestItems parameter is required for BatchWriteItem"
    )


async def test_a_batch_has_one_kind_of_projections(cloud, table):
    keys = [item(p="a", c="b")]
    asked = {
        "tbl": {"Keys": keys, "ProjectionExpression": "p"},
        "two": {"Keys": keys, "AttributesToGet": ["p"]},
    }
    await refused(cloud.dynamodb.BatchGetItem(RequestItems=asked), "Can not use both expression and non-expression")
