"""Vector search as boto3's users know it: an index made with its table or on a live one, searched, and deleted."""

import time

import pytest

DIMENSIONS = 4
DEADLINE_S = 20


@pytest.fixture(scope="module")
def dynamodb(connect):
    return connect("dynamodb")


def numbers(*values: float) -> list[dict]:
    return [{"N": str(value)} for value in values]


def index(name: str, distance: str = "COSINE", **more) -> dict:
    return {
        "IndexName": name,
        "VectorAttribute": {"AttributeName": "Embedding"},
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["Title"]},
        "Dimensions": DIMENSIONS,
        "DistanceFunction": distance,
        **more,
    }


@pytest.fixture
def table(dynamodb, request) -> str:
    """A table of products with an index by category and brand."""
    name = request.node.name
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"} for attribute in ("ProductId", "Category", "Brand")
        ],
        KeySchema=[{"AttributeName": "ProductId", "KeyType": "HASH"}],
        VectorIndexes=[
            index(
                "by-category",
                SearchSchema=[
                    {"AttributeName": "Category", "SearchSchemaElementType": "HASH"},
                    {"AttributeName": "Brand", "SearchSchemaElementType": "INLINE_FILTER"},
                ],
            )
        ],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return name


def put(dynamodb, table: str, product: str, category: str, brand: str, *values: float) -> None:
    dynamodb.put_item(
        TableName=table,
        Item={
            "ProductId": {"S": product},
            "Category": {"S": category},
            "Brand": {"S": brand},
            "Title": {"S": product.upper()},
            "Text": {"S": "long"},
            "Embedding": {"L": numbers(*values)},
        },
    )


def test_the_nearest_of_a_category_are_found(dynamodb, table):
    put(dynamodb, table, "near", "audio", "acme", 1, 0.1, 0, 0)
    put(dynamodb, table, "far", "audio", "acme", 0, 1, 0, 0)
    put(dynamodb, table, "other", "audio", "other", 1, 0, 0, 0)
    put(dynamodb, table, "elsewhere", "video", "acme", 1, 0, 0, 0)
    asked = {"TableName": table, "IndexName": "by-category", "SearchVector": numbers(1, 0, 0, 0), "TopK": 10}
    answer = dynamodb.search_vectors(
        **asked,
        SearchConditionExpression="Category = :c AND Brand = :b",
        ExpressionAttributeValues={":c": {"S": "audio"}, ":b": {"S": "acme"}},
        ReturnConsumedCapacity="TOTAL",
    )
    assert [result["Item"]["ProductId"]["S"] for result in answer["SearchResults"]] == ["near", "far"]
    assert answer["SearchResults"][0]["Item"].keys() == {"ProductId", "Category", "Brand", "Title"}
    assert answer["SearchResults"][1]["Score"] == 1.0
    assert answer["ConsumedCapacity"]["VectorSearchRequestBytes"] >= 1024
    with pytest.raises(dynamodb.exceptions.ClientError, match="must be provided when SearchSchema has a HASH key"):
        dynamodb.search_vectors(**asked)
    with pytest.raises(
        dynamodb.exceptions.ClientError, match="Invalid size for parameter Embedding, Expected: 4, Actual: 1"
    ):
        put(dynamodb, table, "short", "audio", "acme", 1)


def test_an_index_is_made_and_deleted_on_a_live_table(dynamodb, table):
    put(dynamodb, table, "a", "audio", "acme", 3, 4, 0, 0)

    def change(**update) -> list[dict]:
        """Until nothing is under way any more, as the guide says to wait."""
        dynamodb.update_table(TableName=table, VectorIndexUpdates=[update])
        deadline = time.monotonic() + DEADLINE_S
        while True:
            described = dynamodb.describe_table(TableName=table)["Table"]
            indexes = described.get("VectorIndexes", [])
            if all(one["IndexStatus"] == "ACTIVE" and not one.get("Backfilling") for one in indexes):
                return indexes
            assert time.monotonic() < deadline

    indexes = change(Create=index("plain", "EUCLIDEAN"))
    assert [one["ItemCount"] for one in indexes] == [1, 1]
    found = dynamodb.search_vectors(
        TableName=table,
        IndexName="plain",
        SearchVector=numbers(0, 0, 0, 0),
        TopK=1,
        ProjectionExpression="Embedding",
    )
    assert found["SearchResults"] == [{"Item": {"Embedding": {"L": numbers(3.0, 4.0, 0.0, 0.0)}}, "Score": 5.0}]
    assert [one["IndexName"] for one in change(Delete={"IndexName": "plain"})] == ["by-category"]
