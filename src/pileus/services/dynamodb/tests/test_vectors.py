"""Vector indexes: made, filled, searched, refused, and what follows a table with them."""

import asyncio
import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from pileus.kernel.errors import AccessDenied, AwsError
from pileus.kernel.principal import root
from pileus.services.dynamodb.tests.conftest import TableClient, item, schema

TYPES = {"tenant": "S", "kind": "S", "year": "N"}
SCHEMA = [
    {"AttributeName": "tenant", "SearchSchemaElementType": "HASH"},
    {"AttributeName": "kind", "SearchSchemaElementType": "INLINE_FILTER"},
    {"AttributeName": "year", "SearchSchemaElementType": "INLINE_FILTER"},
]
FEW = {"Embedding": (1, 0, 0), "B": (0, 1, 0), "C": (-1, 0, 0), "D": (0.6, 0.8, 0)}


def vector_index(name: str = "vix", distance: str = "COSINE", **more: Any) -> dict:
    return {
        "IndexName": name,
        "VectorAttribute": {"AttributeName": "v"},
        "Dimensions": 3,
        "DistanceFunction": distance,
        "Projection": {"ProjectionType": "ALL"},
    } | more


def numbers(*values: float | str) -> list[dict]:
    return [{"N": str(value)} for value in values]


def vector(*values: float | str) -> dict:
    return {"L": numbers(*values)}


@pytest.fixture
def searched(make: Callable) -> Callable:
    """`await searched()`: a table of the key p with the index vix; more are its search schema's and projection's."""

    async def made(**more: Any) -> TableClient:
        types = TYPES if "SearchSchema" in more else {}
        return await make("p", types=types, VectorIndexes=[vector_index(**more)])

    return made


async def put(table: TableClient, p: str, *values: float | str, **more: str | int) -> dict:
    return await table.PutItem(Item={**item(p=p, **more), "v": vector(*values)})


async def found(table: TableClient, *values: float | str, index: str = "vix", **more: Any) -> list[str]:
    """The keys of what is found, the nearest first."""
    asked = {"SearchVector": numbers(*values), "TopK": 10} | more
    answer = await table.SearchVectors(IndexName=index, **asked)
    return [one["Item"]["p"]["S"] for one in answer["SearchResults"]]


async def described(table: TableClient, name: str = "vix") -> dict | None:
    indexes = (await table.DescribeTable())["Table"].get("VectorIndexes", [])
    return next((index for index in indexes if index["IndexName"] == name), None)


async def refusal(asked: Any, code: str = "ValidationException") -> str:
    with pytest.raises(AwsError) as refused:
        await asked
    assert refused.value.code == code
    return refused.value.message


# Searches


@pytest.mark.parametrize(
    ("distance", "scores"),
    [
        ("COSINE", [("a", 0.0), ("d", 0.39999998), ("b", 1.0), ("c", 2.0)]),
        ("EUCLIDEAN", [("a", 0.0), ("d", 0.8944272), ("b", 1.4142135), ("c", 2.0)]),
        ("DOT_PRODUCT", [("a", 1.0), ("d", 0.6), ("b", 0.0), ("c", -1.0)]),
    ],
)
async def test_scores_and_their_order_are_those_of_the_distance_function(searched, distance, scores):
    table = await searched(distance=distance)
    for p, values in (("c", (-1, 0, 0)), ("b", (0, 1, 0)), ("d", ("0.6", "0.8", 0)), ("a", (1, 0, 0))):
        await put(table, p, *values)
    answer = await table.SearchVectors(IndexName="vix", SearchVector=numbers(1, 0, 0), TopK=10)
    assert [(one["Item"]["p"]["S"], one["Score"]) for one in answer["SearchResults"]] == scores
    assert answer.keys() == {"SearchResults"}


async def test_no_more_than_top_k_are_found(searched):
    table = await searched()
    for number in range(12):
        await put(table, str(number), 1, number, 0)
    assert await found(table, 1, 0, 0, TopK=3) == ["0", "1", "2"]


async def test_a_search_sees_what_was_written_before_it(searched):
    table = await searched()
    await put(table, "a", 1, 0, 0)
    await put(table, "b", 0, 1, 0)
    assert await found(table, 1, 0, 0) == ["a", "b"]
    await put(table, "a", 0, 0, 1)
    await table.UpdateItem(
        Key=item(p="b"), UpdateExpression="SET v = :v", ExpressionAttributeValues={":v": vector(1, 0, 0)}
    )
    assert await found(table, 1, 0, 0) == ["b", "a"]
    await table.UpdateItem(Key=item(p="b"), UpdateExpression="REMOVE v")
    await table.DeleteItem(Key=item(p="a"))
    assert await found(table, 1, 0, 0) == []
    assert await table.get(p="b") == item(p="b")


async def test_a_long_search_goes_in_turns(searched, monkeypatch):
    monkeypatch.setattr("pileus.services.dynamodb.state.searching.TURN_ENTRIES", 4)
    monkeypatch.setattr("pileus.services.dynamodb.state.searching.TURN_BYTES", 1)
    table = await searched(distance="EUCLIDEAN")
    for number in range(21):
        await put(table, f"{number:02}", number, 0, 0)
    assert await found(table, 20, 0, 0, TopK=5) == ["20", "19", "18", "17", "16"]


async def test_others_run_between_the_turns_of_a_search(cloud, searched, monkeypatch):
    """What has changed since it was looked at is left out; what was not looked at yet is as it is now."""
    monkeypatch.setattr("pileus.services.dynamodb.state.searching.TURN_ENTRIES", 1)
    table = await searched(distance="EUCLIDEAN")
    for number in range(6):
        await put(table, str(number), number, 0, 0)
    order = [one["p"]["S"] for one in (await table.Scan(ProjectionExpression="p"))["Items"]]
    real, pauses = asyncio.sleep, []

    async def pause(delay):
        await real(delay)
        pauses.append(None)
        if len(pauses) == 3:
            await put(table, order[0], 100, 0, 0)
            await table.DeleteItem(Key=item(p=order[1]))
            await put(table, order[5], 200, 0, 0)

    monkeypatch.setattr("pileus.services.dynamodb.operations.turns.asyncio.sleep", pause)
    asked = {"IndexName": "vix", "SearchVector": numbers(0, 0, 0), "TopK": 10}
    results = (await table.SearchVectors(**asked))["SearchResults"]
    found = {one["Item"]["p"]["S"]: one["Score"] for one in results}
    assert found == {p: float(p) for p in order[2:5]} | {order[5]: 200.0}
    assert list(found.values()) == sorted(found.values())


async def test_searches_find_what_looking_at_every_item_finds(searched):
    table = await searched(SearchSchema=SCHEMA, distance="EUCLIDEAN")
    chances = random.Random(7)
    there: dict[str, dict] = {}
    for step in range(150):
        p = str(chances.randrange(25))
        if chances.random() < 0.2:
            await table.DeleteItem(Key=item(p=p))
            there.pop(p, None)
        else:
            values = [chances.randrange(-50, 50) / 4 for _ in range(3)]
            whole = item(p=p, kind=chances.choice("kl"), year=chances.randrange(5))
            whole |= item(tenant=chances.choice("tu")) if chances.random() < 0.9 else {}
            whole |= {"v": vector(*values)} if chances.random() < 0.9 else {}
            there[p] = whole
            await table.PutItem(Item=whole)
        if step % 10 == 0:
            query, tenant, year = [chances.randrange(-50, 50) / 4 for _ in range(3)], chances.choice("tu"), 2
            expected = sorted(
                math.dist(query, [float(one["N"]) for one in each["v"]["L"]])
                for each in there.values()
                if each.get("tenant") == {"S": tenant} and "v" in each and int(each["year"]["N"]) >= year
            )
            answer = await table.SearchVectors(
                IndexName="vix",
                SearchVector=numbers(*query),
                TopK=4,
                SearchConditionExpression="tenant = :t AND #y >= :y",
                ExpressionAttributeNames={"#y": "year"},
                ExpressionAttributeValues={":t": {"S": tenant}, ":y": {"N": str(year)}},
            )
            assert [one["Score"] for one in answer["SearchResults"]] == pytest.approx(expected[:4])
    index = await described(table)
    assert index["ItemCount"] == sum("v" in one and "tenant" in one for one in there.values())
    for p in there:
        await table.DeleteItem(Key=item(p=p))
    index = await described(table)
    assert (index["ItemCount"], index["IndexSizeBytes"]) == (0, 0)


async def test_vectors_are_answered_as_32_bit_numbers_where_they_are_asked_for(searched):
    table = await searched()
    precise = ("0.1", "16777217", "-0.00001")
    await put(table, "a", *precise, label="x")
    by_default = await table.SearchVectors(IndexName="vix", SearchVector=numbers(*precise), TopK=1)
    assert by_default["SearchResults"] == [{"Item": item(p="a", label="x"), "Score": 0.0}]
    projected = await table.SearchVectors(
        IndexName="vix", SearchVector=numbers(*precise), TopK=1, ProjectionExpression="p, v, nothing"
    )
    assert projected["SearchResults"][0]["Item"] == item(p="a") | {"v": vector("0.1", "16777216.0", "-0.00001")}
    assert (await table.get(p="a"))["v"] == vector(*precise)


@pytest.mark.parametrize(
    ("projection", "shown"),
    [
        ({"ProjectionType": "KEYS_ONLY"}, {"p", "tenant", "kind"}),
        ({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["title"]}, {"p", "tenant", "kind", "title"}),
        ({"ProjectionType": "ALL"}, {"p", "tenant", "kind", "title", "text"}),
    ],
)
async def test_an_index_answers_what_it_projects(searched, projection, shown):
    table = await searched(Projection=projection, SearchSchema=SCHEMA)
    await put(table, "a", 1, 0, 0, tenant="t", kind="k", title="x", text="y")
    asked = {"SearchConditionExpression": "tenant = :t", "ExpressionAttributeValues": {":t": {"S": "t"}}}
    answer = await table.SearchVectors(IndexName="vix", SearchVector=numbers(1, 0, 0), TopK=1, **asked)
    assert answer["SearchResults"][0]["Item"].keys() == shown


async def test_a_search_of_a_partition_looks_at_no_other(make):
    table = await make("p", types=TYPES, VectorIndexes=[vector_index(SearchSchema=SCHEMA, Dimensions=1024)])
    for number in range(5):
        await put(table, str(number), *["0.5"] * 1024, tenant="t" if number < 2 else "u")
    answer = await table.SearchVectors(
        IndexName="vix",
        SearchVector=numbers(*["0.5"] * 1024),
        TopK=1,
        SearchConditionExpression="tenant = :t",
        ExpressionAttributeValues={":t": {"S": "t"}},
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"] == {"VectorSearchRequestBytes": 2 * 4096.0 + len("p0tenantt")}


async def test_a_partition_is_searched_alone(searched):
    table = await searched(SearchSchema=SCHEMA)
    for number in range(4):
        await put(table, str(number), 1, number, 0, tenant="even" if number % 2 == 0 else "odd")
    await put(table, "none", 1, 0, 0)
    asked = {"SearchConditionExpression": "tenant = :t", "ExpressionAttributeValues": {":t": {"S": "odd"}}}
    assert await found(table, 1, 0, 0, **asked) == ["1", "3"]
    await table.UpdateItem(
        Key=item(p="2"), UpdateExpression="SET tenant = :t", ExpressionAttributeValues={":t": {"S": "odd"}}
    )
    assert await found(table, 1, 0, 0, **asked) == ["1", "2", "3"]
    await table.UpdateItem(Key=item(p="1"), UpdateExpression="REMOVE tenant")
    assert await found(table, 1, 0, 0, **asked) == ["2", "3"]


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ("tenant = :t AND kind = :k", ["a", "c"]),
        ("kind = :k AND :t = tenant", ["a", "c"]),
        ("tenant = :t AND #y >= :n", ["b", "c"]),
        ("tenant = :t AND #y BETWEEN :m AND :n", ["a", "b"]),
        ("tenant = :t AND (kind = :k OR #y = :n)", ["a", "b", "c"]),
        ("tenant = :t AND kind IN (:l, :t)", ["b"]),
        ("tenant = :t AND NOT kind = :k", ["b", "d"]),
        ("tenant = :t AND tenant = :k", []),
    ],
)
async def test_inline_filters_are_conditions(searched, condition, keys):
    table = await searched(SearchSchema=SCHEMA)
    await put(table, "a", 1, 0, 0, tenant="t", kind="k", year=1)
    await put(table, "b", 1, 1, 0, tenant="t", kind="l", year=2)
    await put(table, "c", 1, 2, 0, tenant="t", kind="k", year=3)
    await put(table, "d", 1, 3, 0, tenant="t")
    await put(table, "e", 1, 3, 0, tenant="u", kind="k", year=2)
    values = {":t": {"S": "t"}, ":k": {"S": "k"}, ":l": {"S": "l"}, ":m": {"N": "1.0"}, ":n": {"N": "2"}}
    used = {name: value for name, value in values.items() if name in condition}
    names = {"ExpressionAttributeNames": {"#y": "year"}} if "#y" in condition else {}
    asked = {"SearchConditionExpression": condition, "ExpressionAttributeValues": used, **names}
    assert await found(table, 1, 0, 0, **asked) == keys


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("tenant < :t", "Invalid SearchConditionExpression: Invalid comparator used in SearchConditionExpression"),
        ("tenant IN (:t)", "Invalid SearchConditionExpression: Invalid operator used in SearchConditionExpression"),
        (
            "tenant = :t OR kind = :t",
            "Invalid SearchConditionExpression: Invalid operator used in SearchConditionExpression",
        ),
        (
            "NOT tenant = :t",
            "Invalid SearchConditionExpression: Invalid operator used in SearchConditionExpression",
        ),
        ("kind.x = :t", "Invalid SearchConditionExpression: Invalid operator used in SearchConditionExpression"),
        ("kind = :t", "SearchConditionExpression must be provided when SearchSchema has a HASH key"),
        (None, "SearchConditionExpression must be provided when SearchSchema has a HASH key"),
        (
            "p = :t",
            "SearchConditionExpression must not contain any attributes that is not in SearchSchema. Invalid attribute: p",
        ),
        (
            "tenant = :t AND #y = :t",
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        ),
        (
            "tenant = :t AND",
            'Invalid SearchConditionExpression: Syntax error; token: "<EOF>", near: "AND"',
        ),
    ],
)
async def test_other_conditions_are_refused(searched, condition, message):
    table = await searched(SearchSchema=SCHEMA)
    asked: dict = {}
    if condition is not None:
        asked = {"SearchConditionExpression": condition, "ExpressionAttributeValues": {":t": {"S": "t"}}}
        if "#y" in condition:
            asked["ExpressionAttributeNames"] = {"#y": "year"}
    assert await refusal(found(table, 1, 0, 0, **asked)) == message


async def test_functions_are_not_there_yet(searched):
    table = await searched(SearchSchema=SCHEMA)
    asked = {
        "SearchConditionExpression": "tenant = :t AND begins_with(kind, :t)",
        "ExpressionAttributeValues": {":t": {"S": "t"}},
    }
    with pytest.raises(AwsError, match="functions in a SearchConditionExpression") as refused:
        await found(table, 1, 0, 0, **asked)
    assert refused.value.status == 501


async def test_a_search_is_checked(searched):
    table = await searched()
    invalid = (
        "Search vector contains invalid values. All values in the search vector must be a 32-bit floating-point number "
        "attribute"
    )
    assert (
        await refusal(found(table, 1, 0)) == "Input search vector dimension 2 does not match vector index dimension 3"
    )
    assert await refusal(found(table, 1, 0, 0, index="other")) == "The table does not have the specified index: other"
    for wrong in ([vector(1, 0, 0)], numbers(1, 0, "1e39"), numbers(1, 0, "x"), numbers(1, 0, "nan")):
        assert await refusal(found(table, SearchVector=wrong)) == invalid
    unused = {"ExpressionAttributeValues": {":t": {"S": "t"}}}
    assert "SearchConditionExpression is null" in await refusal(found(table, 1, 0, 0, **unused))
    message = await refusal(found(table, 1, 0, 0, TopK=0))
    assert "Member must have value greater than or equal to 1" in message
    missing = TableClient.__new__(TableClient)
    missing._client, missing.name = table._client, "missing"
    await refusal(found(missing, 1, 0, 0), "ResourceNotFoundException")
    assert "'101'" in await refusal(found(missing, 1, 0, 0, TopK=101))


async def test_an_answer_has_a_largest_size(searched, monkeypatch):
    table = await searched()
    await put(table, "a", 1, 0, 0, text="x" * 900)
    await put(table, "b", 1, 1, 0, text="x" * 900)
    monkeypatch.setattr("pileus.services.dynamodb.state.searching.SEARCH_BYTES_MAX", 1024)
    assert await found(table, 1, 0, 0, TopK=1) == ["a"]
    assert "maximum response size" in await refusal(found(table, 1, 0, 0))
    assert await found(table, 1, 0, 0, ProjectionExpression="p") == ["a", "b"]


# Writes


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (vector(1, 0), "size for parameter v, Expected: 3, Actual: 2 IndexName: vix"),
        (
            {"L": [{"N": "1"}, {"S": "oops"}, {"N": "0"}]},
            "type for parameter v[1], Expected: 32-bit floating point number, Actual: S. IndexName: vix",
        ),
        ({"S": "x"}, "type for parameter v, Expected: 32-bit floating point number list IndexName: vix"),
        (
            vector(1, 0, "1e39"),
            "type for parameter v[2], Expected: 32-bit floating point number, Actual: N. IndexName: vix",
        ),
    ],
)
async def test_vectors_that_do_not_fit_are_refused(cloud, searched, value, message):
    table = await searched()
    wanted = f"One or more parameter values were invalid. Invalid {message}"
    bad = {**item(p="a"), "v": value}
    assert await refusal(table.PutItem(Item=bad)) == wanted
    update = {"UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": value}}
    assert await refusal(table.UpdateItem(Key=item(p="a"), **update)) == wanted
    batch = {"tbl": [{"PutRequest": {"Item": bad}}]}
    assert await refusal(cloud.dynamodb.BatchWriteItem(RequestItems=batch)) == wanted
    with pytest.raises(AwsError) as cancelled:
        await cloud.dynamodb.TransactWriteItems(TransactItems=[{"Put": {"TableName": "tbl", "Item": bad}}])
    assert cancelled.value.fields["CancellationReasons"] == [{"Code": "ValidationError", "Message": wanted}]


async def test_search_attributes_that_do_not_fit_are_refused(searched):
    table = await searched(SearchSchema=SCHEMA)
    assert await refusal(put(table, "a", 1, 0, 0, tenant="")) == (
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The "
        "AttributeValue for a key attribute cannot contain an empty string value. IndexName: vix, IndexKey: tenant"
    )
    mismatch = "One or more parameter values were invalid: Type mismatch for Index Key {} Expected: {} Actual: {} IndexName: vix"
    assert await refusal(put(table, "a", 1, 0, 0, tenant=1)) == mismatch.format("tenant", "S", "N")
    assert await refusal(put(table, "a", 1, 0, 0, tenant="t", year="x")) == mismatch.format("year", "N", "S")
    await put(table, "a", 1, 0, 0, tenant="t", kind="")


async def test_what_writes_and_searches_consume(searched):
    table = await searched()
    whole = {**item(p="a"), "v": vector(1, 0, 0)}
    first = await table.PutItem(Item=whole, ReturnConsumedCapacity="INDEXES")
    assert first["ConsumedCapacity"] == {
        "TableName": "tbl",
        "CapacityUnits": 1.0,
        "Table": {"CapacityUnits": 1.0},
        "VectorIndexes": {"vix": {"VectorWriteRequestBytes": 1024.0}},
    }
    again = await table.PutItem(Item=whole, ReturnConsumedCapacity="INDEXES")
    assert "VectorIndexes" not in again["ConsumedCapacity"]
    other = await table.PutItem(Item=item(p="b"), ReturnConsumedCapacity="INDEXES")
    assert "VectorIndexes" not in other["ConsumedCapacity"]
    total = await table.DeleteItem(Key=item(p="a"), ReturnConsumedCapacity="TOTAL")
    assert total["ConsumedCapacity"] == {"TableName": "tbl", "CapacityUnits": 1.0}
    for detail in ("TOTAL", "INDEXES"):
        search = await table.SearchVectors(
            IndexName="vix", SearchVector=numbers(1, 0, 0), TopK=1, ReturnConsumedCapacity=detail
        )
        assert search["ConsumedCapacity"] == {"VectorSearchRequestBytes": 1024.0}


async def test_a_wide_vector_is_written_at_four_bytes_a_number(make):
    table = await make("p", VectorIndexes=[vector_index(Dimensions=1024)])
    written = await table.PutItem(Item={**item(p="a"), "v": vector(*["0.25"] * 1024)}, ReturnConsumedCapacity="INDEXES")
    assert written["ConsumedCapacity"]["VectorIndexes"]["vix"] == {"VectorWriteRequestBytes": 4096.0 + len("v" + "pa")}
    index = await described(table)
    assert (index["ItemCount"], index["IndexSizeBytes"]) == (1, 4099)


# Indexes are made and deleted


async def test_an_index_is_described_as_it_was_asked_for(cloud, make):
    table = await make(
        "p",
        types=TYPES,
        VectorIndexes=[vector_index(SearchSchema=SCHEMA), vector_index("two", "EUCLIDEAN", Dimensions=3)],
    )
    assert await described(table) == vector_index(SearchSchema=SCHEMA) | {
        "IndexStatus": "ACTIVE",
        "IndexSizeBytes": 0,
        "ItemCount": 0,
        "IndexArn": f"{table.arn}/index/vix",
    }
    assert (await described(table, "two"))["DistanceFunction"] == "EUCLIDEAN"


async def test_a_new_tables_index_is_creating_with_it(cloud):
    answer = await cloud.dynamodb.CreateTable(
        TableName="tbl",
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        VectorIndexes=[vector_index()],
    )
    index = answer["TableDescription"]["VectorIndexes"][0]
    assert index["IndexStatus"] == "CREATING"
    assert "Backfilling" not in index


@pytest.mark.parametrize(
    ("indexes", "message"),
    [
        ([], "List of VectorIndexes is empty"),
        ([vector_index(Dimensions=4097)], "Number of dimensions must be between 1 and 4096 inclusive."),
        ([vector_index(f"v-{at}") for at in range(6)], "VectorIndex count exceeds the per-table limit of 5"),
        (
            [vector_index(), vector_index("two", Dimensions=4)],
            "Conflicting attribute definition for 'v'. All VectorIndexes on the same vector attribute must use the same "
            "dimensions.",
        ),
        ([vector_index(), vector_index()], "Duplicate index name: vix"),
        ([vector_index(SearchSchema=SCHEMA)], "One element in SearchSchema is not defined in attribute definitions"),
        ([vector_index(VectorAttribute={"AttributeName": "p"})], "Conflicting attribute definition for 'p'."),
        (
            [vector_index(Projection={"ProjectionType": "INCLUDE"})],
            "ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
    ],
)
async def test_indexes_that_can_not_be_are_refused(make, indexes, message):
    assert await refusal(make("p", VectorIndexes=indexes)) == f"One or more parameter values were invalid: {message}"


async def test_other_refusals_of_new_indexes(make):
    only = "One or more parameter values were invalid: Vector indexes are only supported for PAY_PER_REQUEST tables"
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    assert await refusal(make("p", ProvisionedThroughput=units, VectorIndexes=[vector_index()])) == only
    assert "not used" in await refusal(
        make("p", types={"x": "S", **TYPES}, VectorIndexes=[vector_index(SearchSchema=SCHEMA)])
    )
    twice = [SCHEMA[0], SCHEMA[0] | {"SearchSchemaElementType": "INLINE_FILTER"}]
    assert "duplicate" in await refusal(
        make("p", types={"tenant": "S"}, VectorIndexes=[vector_index(SearchSchema=twice)])
    )
    hashes = [one | {"SearchSchemaElementType": "HASH"} for one in SCHEMA]
    assert "more than one HASH" in await refusal(
        make("p", types=TYPES, VectorIndexes=[vector_index(SearchSchema=hashes)])
    )
    table = await make("p", VectorIndexes=[vector_index()])
    assert await refusal(table.UpdateTable(BillingMode="PROVISIONED", ProvisionedThroughput=units)) == only


async def test_an_index_of_a_live_table_is_backfilled(cloud, make, monkeypatch):
    monkeypatch.setattr("pileus.services.dynamodb.state.indexes.BACKFILLED_AT_ONCE", 2)
    table = await make("p")
    for number in range(5):
        await put(table, str(number), 1, number, 0, tenant="t")
    await put(table, "short", 1)
    await table.PutItem(Item={**item(p="text"), "v": {"S": "x"}})
    await table.put(p="none")
    answer = await table.UpdateTable(
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in TYPES.items()],
        VectorIndexUpdates=[{"Create": vector_index(SearchSchema=SCHEMA)}],
    )
    made = answer["TableDescription"]["VectorIndexes"][0]
    assert answer["TableDescription"]["TableStatus"] == "UPDATING"
    assert (made["IndexStatus"], made["Backfilling"]) == ("CREATING", False)
    asked = {"SearchConditionExpression": "tenant = :t", "ExpressionAttributeValues": {":t": {"S": "t"}}}
    assert await refusal(found(table, 1, 0, 0, **asked)) == "The table does not have the specified index: vix"
    assert await refusal(
        table.UpdateTable(VectorIndexUpdates=[{"Delete": {"IndexName": "vix"}}]), "ResourceInUseException"
    ) == (
        "Attempt to change a resource which is still in use: Index creation is in resource allocation phase. Retry "
        "deletion during backfilling phase or when the index is active. Table: tbl Index: vix"
    )
    assert (
        await refusal(table.UpdateTable(VectorIndexUpdates=[{"Create": vector_index("two")}]), "LimitExceededException")
        == "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
    )
    await put(table, "5", 1, 5, 0, tenant="t")
    await table.DeleteItem(Key=item(p="0"))
    await cloud.settle()
    index = await described(table)
    assert (index["IndexStatus"], index["ItemCount"]) == ("ACTIVE", 5)
    assert "Backfilling" not in index
    assert await found(table, 1, 0, 0, **asked) == ["1", "2", "3", "4", "5"]
    # What an index left out may stay as it is, but not be written anew.
    await table.UpdateItem(
        Key=item(p="text"), UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": {"S": "x"}}
    )
    await refusal(table.PutItem(Item={**item(p="text"), "v": {"S": "x"}}))


async def test_an_index_is_deleted_with_its_entries(cloud, searched):
    table = await searched(SearchSchema=SCHEMA)
    await put(table, "a", 1, 0, 0, tenant="t")
    answer = await table.UpdateTable(VectorIndexUpdates=[{"Delete": {"IndexName": "vix"}}])
    assert answer["TableDescription"]["VectorIndexes"][0]["IndexStatus"] == "DELETING"
    await cloud.settle()
    assert await described(table) is None
    definitions = (await table.DescribeTable())["Table"]["AttributeDefinitions"]
    assert [one["AttributeName"] for one in definitions] == ["p"]
    await table.PutItem(Item={**item(p="a"), "v": {"S": "no vector now"}})


async def test_one_index_is_changed_at_a_time(cloud, make):
    table = await make("p", VectorIndexes=[vector_index()])
    one = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
    updates = [{"Create": vector_index("two")}, {"Create": vector_index("three")}]
    assert await refusal(table.UpdateTable(VectorIndexUpdates=updates), "LimitExceededException") == one
    gone = [{"Delete": {"IndexName": "vix"}}]
    made = [
        {
            "Create": {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        }
    ]
    both = {
        "VectorIndexUpdates": gone,
        "GlobalSecondaryIndexUpdates": made,
        "AttributeDefinitions": [{"AttributeName": "g", "AttributeType": "S"}],
    }
    assert await refusal(table.UpdateTable(**both), "LimitExceededException") == one
    exists = [{"Create": vector_index()}]
    assert await refusal(table.UpdateTable(VectorIndexUpdates=exists)) == (
        "Attempting to create an index which already exists"
    )
    for name in ("two", "three", "four", "five"):
        await table.UpdateTable(VectorIndexUpdates=[{"Create": vector_index(name)}])
        await cloud.settle()
    assert await refusal(
        table.UpdateTable(VectorIndexUpdates=[{"Create": vector_index("six")}]), "LimitExceededException"
    ) == ("Subscriber limit exceeded: Number of vector secondary indexes exceeds per-table limit of 5")
    await refusal(
        table.UpdateTable(VectorIndexUpdates=[{"Delete": {"IndexName": "none"}}]), "ResourceNotFoundException"
    )


async def test_a_table_goes_with_its_indexes(cloud, searched):
    table = await searched()
    await put(table, "a", 1, 0, 0)
    await table.DeleteTable()
    await cloud.settle()
    again = await searched()
    assert await found(again, 1, 0, 0) == []


# Other operations


async def test_other_reads_of_a_vector_index_are_refused(cloud, searched):
    table = await searched()
    query = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    refused = "{} operation not supported on this index type"
    assert await refusal(table.Query(IndexName="vix", **query)) == f"{refused.format('Query')}."
    assert await refusal(table.Scan(IndexName="vix")) == refused.format("Scan")
    statement = 'SELECT * FROM "tbl"."vix"'
    assert await refusal(cloud.dynamodb.ExecuteStatement(Statement=statement)) == refused.format("Scan")


async def test_expired_items_leave_the_index(cloud, searched):
    table = await searched()
    await table.UpdateTimeToLive(TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    await put(table, "a", 1, 0, 0, until=cloud.clock.now_ms() // 1000 + 60)
    assert await found(table, 1, 0, 0) == ["a"]
    cloud.clock.advance(ms=61_000)
    await cloud.settle()
    assert await found(table, 1, 0, 0) == []


async def test_a_restored_table_has_the_indexes_that_it_is_to_have(cloud, make):
    table = await make("p", types=TYPES, VectorIndexes=[vector_index(SearchSchema=SCHEMA), vector_index("two")])
    await put(table, "a", 1, 0, 0, tenant="t")
    backup = (await table.CreateBackup(BackupName="kept"))["BackupDetails"]["BackupArn"]
    await cloud.settle()
    kept = (await cloud.dynamodb.DescribeBackup(BackupArn=backup))["BackupDescription"]["SourceTableFeatureDetails"]
    assert kept["VectorIndexes"] == [vector_index(SearchSchema=SCHEMA), vector_index("two")]
    for name, override, names in (
        ("all", {}, ["vix", "two"]),
        ("one", {"VectorIndexOverride": [vector_index("two")]}, ["two"]),
        ("none", {"VectorIndexOverride": []}, []),
    ):
        await cloud.dynamodb.RestoreTableFromBackup(TargetTableName=name, BackupArn=backup, **override)
        await cloud.settle()
        restored = (await cloud.dynamodb.DescribeTable(TableName=name))["Table"]
        assert [index["IndexName"] for index in restored.get("VectorIndexes", [])] == names
        assert all(index["ItemCount"] == 1 for index in restored.get("VectorIndexes", []))
        assert len(restored["AttributeDefinitions"]) == (4 if "vix" in names else 1)
        if names:
            answer = await cloud.dynamodb.SearchVectors(
                TableName=name, IndexName="two", SearchVector=numbers(1, 0, 0), TopK=1
            )
            assert len(answer["SearchResults"]) == 1
    other = {"VectorIndexOverride": [vector_index("two", "EUCLIDEAN")]}
    message = await refusal(cloud.dynamodb.RestoreTableFromBackup(TargetTableName="other", BackupArn=backup, **other))
    assert "does not match a vector index" in message


async def test_replicas_have_the_indexes_and_follow_their_changes(cloud, searched):
    table = await searched()
    await put(table, "a", 1, 0, 0)
    await table.UpdateTable(ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    await cloud.settle()
    there = cloud.as_(root(cloud.account), "dynamodb", "eu-west-1")

    async def found_there(index: str = "vix") -> list[str]:
        asked = {"IndexName": index, "SearchVector": numbers(1, 0, 0), "TopK": 5}
        return [one["Item"]["p"]["S"] for one in (await there.SearchVectors(TableName="tbl", **asked))["SearchResults"]]

    assert await found_there() == ["a"]
    await put(table, "b", 0, 1, 0)
    await cloud.settle()
    assert await found_there() == ["a", "b"]
    await table.UpdateTable(VectorIndexUpdates=[{"Create": vector_index("two", "EUCLIDEAN")}])
    await cloud.settle()
    assert await found_there("two") == ["a", "b"]
    await table.UpdateTable(VectorIndexUpdates=[{"Delete": {"IndexName": "vix"}}])
    await cloud.settle()
    described = (await there.DescribeTable(TableName="tbl"))["Table"]["VectorIndexes"]
    assert [(index["IndexName"], index["IndexStatus"]) for index in described] == [("two", "ACTIVE")]


async def test_an_import_fills_the_indexes(cloud):
    await cloud.s3.CreateBucket(Bucket="source")
    lines = (
        '{"Item": {"p": {"S": "a"}, "v": {"L": [{"N": "1"}, {"N": "0"}, {"N": "0"}]}}}\n'
        '{"Item": {"p": {"S": "short"}, "v": {"L": [{"N": "1"}]}}}\n'
    )
    await cloud.s3.PutObject(Bucket="source", Key="data/1", Body=lines.encode())
    parameters = {
        "TableName": "tbl",
        "BillingMode": "PAY_PER_REQUEST",
        "VectorIndexes": [vector_index()],
        **schema("p"),
    }
    begun = await cloud.dynamodb.ImportTable(
        S3BucketSource={"S3Bucket": "source"}, InputFormat="DYNAMODB_JSON", TableCreationParameters=parameters
    )
    await cloud.settle()
    arn = begun["ImportTableDescription"]["ImportArn"]
    ended = (await cloud.dynamodb.DescribeImport(ImportArn=arn))["ImportTableDescription"]
    assert (ended["ImportStatus"], ended["ImportedItemCount"], ended["ErrorCount"]) == ("FAILED", 1, 1)
    assert await found(TableClient(cloud, "tbl"), 1, 0, 0) == ["a"]


async def test_a_search_takes_the_permission_on_the_index(cloud, searched):
    table = await searched()
    await put(table, "a", 1, 0, 0)
    other = "111122223333"
    stranger = cloud.as_(root(other), "dynamodb")
    asked = {"TableName": table.arn, "IndexName": "vix", "SearchVector": numbers(1, 0, 0), "TopK": 1}
    with pytest.raises(AccessDenied, match=f"dynamodb:SearchVectors on resource: {table.arn}/index/vix"):
        await stranger.SearchVectors(**asked)
    statement = {"Effect": "Allow", "Principal": {"AWS": other}, "Action": "dynamodb:SearchVectors"}
    keyed = {"Condition": {"StringEquals": {"dynamodb:Select": "ALL_ATTRIBUTES"}}}
    for resource, more, is_allowed in (
        (table.arn, {}, False),
        (f"{table.arn}/index/*", keyed, False),
        (f"{table.arn}/index/*", {}, True),
    ):
        policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": resource} | more]}
        await cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=json.dumps(policy))
        if is_allowed:
            assert len((await stranger.SearchVectors(**asked))["SearchResults"]) == 1
        else:
            with pytest.raises(AccessDenied):
                await stranger.SearchVectors(**asked)


async def test_the_tables_page_shows_and_deletes_them(cloud, make):
    await make("p", types=TYPES, VectorIndexes=[vector_index(SearchSchema=SCHEMA)])
    page = (await cloud.browser.get("dynamodb/tables/tbl")).text
    assert "vix ACTIVE v 3 COSINE tenant (HASH), kind (INLINE_FILTER), year (INLINE_FILTER) ALL 0" in page
    await cloud.browser.post("dynamodb/tables/tbl", "delete-vector-index", index="vix", typed_name="vix")
    await cloud.settle()
    assert "VectorIndexes" not in (await cloud.dynamodb.DescribeTable(TableName="tbl"))["Table"]
