"""Query and Scan: ranges, order, pages, filters, counts, segments, and what they refuse."""

import pytest

from pileus.services.dynamodb.state import reading
from pileus.services.dynamodb.tests.conftest import index, item
from pileus.services.dynamodb.tests.test_tables import refused


def where(condition: str, **values: str | int | bytes) -> dict:
    """A key condition; :name stands for each value."""
    return {
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": {f":{name}": value for name, value in item(**values).items()},
    }


def sorted_keys(page: dict, name: str = "c") -> list:
    return [next(iter(one[name].values())) for one in page["Items"]]


async def numbers(make, count: int = 10):
    table = await make("p", "c:N")
    for n in range(count):
        await table.put(p="a", c=n * 10 - 20)
    await table.put(p="b", c=0)
    return table


@pytest.mark.parametrize(
    ("condition", "values", "found"),
    [
        ("p = :p", {}, [-20, -10, 0, 10, 20]),
        ("p = :p AND c = :x", {"x": 10}, [10]),
        ("p = :p AND c < :x", {"x": 0}, [-20, -10]),
        ("p = :p AND c <= :x", {"x": 0}, [-20, -10, 0]),
        ("p = :p AND c > :x", {"x": 0}, [10, 20]),
        ("p = :p AND c >= :x", {"x": 0}, [0, 10, 20]),
        ("p = :p AND c BETWEEN :x AND :y", {"x": -10, "y": 10}, [-10, 0, 10]),
    ],
)
async def test_a_query_reads_the_range_of_its_condition(make, condition, values, found):
    table = await numbers(make, 5)
    page = await table.Query(**where(condition, p="a", **values))
    assert [int(key) for key in sorted_keys(page)] == found
    page = await table.Query(**where(condition, p="a", **values), ScanIndexForward=False)
    assert [int(key) for key in sorted_keys(page)] == found[::-1]


async def test_begins_with_reads_the_prefix_alone(table):
    for text in ("a", "ab", "ab\0", "ab\U0010ffff", "abc", "ac", "b"):
        await table.put(p="p", c=text)
    page = await table.Query(**where("p = :p AND begins_with(c, :x)", p="p", x="ab"))
    assert sorted_keys(page) == ["ab", "ab\0", "abc", "ab\U0010ffff"]


async def test_a_query_pages_with_a_limit_in_both_directions(make):
    table = await numbers(make)
    for forward in (True, False):
        found, start = [], {}
        while True:
            page = await table.Query(**where("p = :p", p="a"), Limit=3, ScanIndexForward=forward, **start)
            found += sorted_keys(page)
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        assert [int(key) for key in found] == sorted(range(-20, 80, 10), reverse=not forward)


async def test_a_page_that_the_limit_ends_says_where_even_at_the_end(make):
    table = await numbers(make, 2)
    page = await table.Query(**where("p = :p", p="a"), Limit=2)
    assert page["LastEvaluatedKey"] == item(p="a", c=-10)
    page = await table.Query(**where("p = :p", p="a"), Limit=2, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert (page["Count"], page.get("LastEvaluatedKey")) == (0, None)


async def test_a_page_begins_after_a_key_that_need_not_be_there(make):
    table = await numbers(make, 3)
    page = await table.Query(**where("p = :p", p="a"), ExclusiveStartKey=item(p="a", c=-15))
    assert sorted_keys(page) == ["-10", "0"]


async def test_a_page_holds_a_megabyte(table):
    for n in range(4):
        await table.put(p="a", c=str(n), x="x" * 350_000)
    page = await table.Query(**where("p = :p", p="a"))
    assert (page["Count"], page["LastEvaluatedKey"]) == (3, item(p="a", c="2"))
    page = await table.Query(**where("p = :p", p="a"), ExclusiveStartKey=page["LastEvaluatedKey"])
    assert (page["Count"], page.get("LastEvaluatedKey")) == (1, None)


async def test_a_filter_is_applied_after_the_limit(make):
    table = await numbers(make)
    page = await table.Query(
        KeyConditionExpression="p = :p",
        FilterExpression="attribute_exists(nope)",
        ExpressionAttributeValues={":p": {"S": "a"}},
        Limit=4,
    )
    assert (page["Count"], page["ScannedCount"], page["Items"]) == (0, 4, [])
    assert "LastEvaluatedKey" in page


async def test_counts_come_without_items(make):
    table = await numbers(make)
    page = await table.Query(**where("p = :p", p="a"), Select="COUNT")
    assert page == {"Count": 10, "ScannedCount": 10}


async def test_a_scan_goes_over_everything_once_in_any_number_of_segments(table):
    for n in range(40):
        await table.put(p=str(n), c="c")
    for segments in (1, 2, 7, 1_000_000):
        found = []
        for segment in range(segments) if segments < 10 else (0, 999_999):
            start = {}
            while True:
                page = await table.Scan(Segment=segment, TotalSegments=segments, Limit=3, **start)
                found += sorted_keys(page, "p")
                if "LastEvaluatedKey" not in page:
                    break
                start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        if segments < 10:
            assert sorted(found, key=int) == [str(n) for n in range(40)]


async def test_segments_that_are_refused(table):
    await refused(table.Scan(Segment=0), "TotalSegments parameter is required")
    await refused(table.Scan(TotalSegments=2), "Segment parameter is required")
    await refused(table.Scan(Segment=2, TotalSegments=2), "Segment: 2 is not less than TotalSegments: 2")
    await refused(
        table.Scan(Segment=0, TotalSegments=1_000_000, ExclusiveStartKey=item(p="a", c="b")),
        "Please use ExclusiveStartKey with correct Segment",
    )


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "Either the KeyConditions or KeyConditionExpression parameter must be specified"),
        (where("c = :c", c="x"), "Query condition missed key schema element: p"),
        (where("p = :p", p=7), "Condition parameter type does not match schema type"),
        (where("p = :p", p="a") | {"IndexName": "nope"}, "The table does not have the specified index: nope"),
        (where("p = :p", p="a") | {"Select": "ALL_PROJECTED_ATTRIBUTES"}, "can be used only when Querying using an"),
        (where("p = :p", p="a") | {"Select": "SPECIFIC_ATTRIBUTES"}, "Must specify the AttributesToGet or Projection"),
        (
            where("p = :p", p="a") | {"Select": "COUNT", "ProjectionExpression": "x"},
            "Cannot specify the ProjectionExpression when choosing to get only the Count",
        ),
        (
            where("p = :p", p="a") | {"FilterExpression": "attribute_exists(c)"},
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: c",
        ),
        (where("p = :p", p="a") | {"ExclusiveStartKey": item(p="a")}, "The provided starting key is invalid"),
        (
            where("p = :p", p="a") | {"ExclusiveStartKey": item(p="b", c="c")},
            "starting key is outside query boundaries based on provided conditions",
        ),
        (
            where("p = :p AND c < :c", p="a", c="c") | {"ExclusiveStartKey": item(p="a", c="d")},
            "starting key does not match the range key predicate",
        ),
    ],
)
async def test_what_a_query_refuses(table, request_, message):
    await refused(table.Query(**request_), message)


async def test_a_table_without_sort_key_has_no_page_within_a_partition(make):
    table = await make("p")
    await table.put(p="a")
    await refused(
        table.Query(**where("p = :p", p="a"), ExclusiveStartKey=item(p="a")),
        "The provided exclusive start key is invalid",
    )


# Indexes


async def test_a_global_index_has_the_items_with_its_key_in_its_order(make):
    table = await make(types={"x": "S", "n": "N"}, GlobalSecondaryIndexes=[index("gsi", "x", "n")])
    for n in (3, 1, 2, 1):
        await table.put(p=f"p{n}", c=str(n), x="x", n=n)
    await table.put(p="without", c="c", x="x")
    await table.put(p="twin", c="c", x="x", n=2)
    page = await table.Query(IndexName="gsi", **where("x = :x AND n >= :n", x="x", n=2))
    assert sorted(sorted_keys(page, "p")[:2]) == ["p2", "twin"]
    assert sorted_keys(page, "p")[2] == "p3"
    assert (await table.Scan(IndexName="gsi"))["Count"] == 4
    await table.UpdateItem(
        Key=item(p="p3", c="3"), UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "0"}}
    )
    await table.DeleteItem(Key=item(p="p1", c="1"))
    page = await table.Query(IndexName="gsi", **where("x = :x", x="x"), Limit=1)
    assert page["LastEvaluatedKey"] == item(p="p3", c="3", x="x", n=0)
    page = await table.Query(
        IndexName="gsi", **where("x = :x", x="x"), ExclusiveStartKey=page["LastEvaluatedKey"], Limit=5
    )
    assert sorted(sorted_keys(page, "p")) == ["p2", "twin"]


async def test_an_index_shows_what_it_projects(make):
    included = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]}
    table = await make(
        types={"x": "S"},
        GlobalSecondaryIndexes=[
            index("keys", "x", projection={"ProjectionType": "KEYS_ONLY"}),
            index("some", "x", projection=included),
        ],
        LocalSecondaryIndexes=[index("local", "p", "x", projection=included)],
    )
    await table.put(p="p", c="c", x="x", a="a", b="b")
    assert (await table.Scan(IndexName="keys"))["Items"] == [item(p="p", c="c", x="x")]
    assert (await table.Scan(IndexName="some"))["Items"] == [item(p="p", c="c", x="x", a="a")]
    await refused(table.Scan(IndexName="some", ProjectionExpression="b"), "does not project")
    await refused(
        table.Scan(IndexName="some", Select="ALL_ATTRIBUTES"),
        "Select type ALL_ATTRIBUTES is not supported for global secondary index some because its projection type",
    )
    page = await table.Query(IndexName="local", **where("p = :p", p="p"), ProjectionExpression="b")
    assert page["Items"] == [item(b="b")]
    page = await table.Query(IndexName="local", **where("p = :p", p="p"), Select="ALL_ATTRIBUTES", ConsistentRead=True)
    assert page["Items"] == [item(p="p", c="c", x="x", a="a", b="b")]
    await refused(
        table.Scan(IndexName="some", ConsistentRead=True),
        "Consistent reads are not supported on global secondary indexes",
    )


async def test_a_query_filters_on_what_its_index_projects_alone(make):
    keys_only = {"ProjectionType": "KEYS_ONLY"}
    table = await make(
        types={"x": "S"},
        GlobalSecondaryIndexes=[index("gsi", "x", projection=keys_only)],
        LocalSecondaryIndexes=[index("lsi", "p", "x", projection=keys_only)],
    )
    await table.put(p="p", c="c", x="x", a="a", b="b")
    for name, asked in (("gsi", where("x = :k", k="x", v="b")), ("lsi", where("p = :k", k="p", v="b"))):
        await refused(
            table.Query(IndexName=name, FilterExpression="b = :v OR c = :v OR a.z = :v", **asked),
            f"One or more parameter values were invalid: Secondary index {name} does not project one or more filter "
            r"attributes: \[b, a\]",
        )
        assert (await table.Query(IndexName=name, FilterExpression="c <> :v", **asked))["Count"] == 1
        page = await table.Scan(IndexName=name, FilterExpression="b = :v", ExpressionAttributeValues={":v": {"S": "b"}})
        assert (page["Count"], page["ScannedCount"]) == (0, 1)
    legacy = {
        "KeyConditions": {"x": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "x"}]}},
        "QueryFilter": {"b": {"ComparisonOperator": "NULL"}},
    }
    await refused(table.Query(IndexName="gsi", **legacy), r"does not project one or more filter attributes: \[b\]")


async def test_an_index_of_several_key_attributes_is_queried_from_left_to_right(make):
    keys = [("a", "HASH"), ("b", "HASH"), ("x", "RANGE"), ("y", "RANGE")]
    several = {
        "IndexName": "gsi",
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        "Projection": {"ProjectionType": "ALL"},
    }
    table = await make("p", types={"a": "S", "b": "N", "x": "S", "y": "N"}, GlobalSecondaryIndexes=[several])
    for n in range(4):
        await table.put(p=str(n), a="a", b=1, x=f"x{n // 2}", y=n)
    page = await table.Query(IndexName="gsi", **where("a = :a AND b = :b", a="a", b=1))
    assert sorted_keys(page, "p") == ["0", "1", "2", "3"]
    page = await table.Query(
        IndexName="gsi", **where("a = :a AND b = :b AND x = :x AND y > :y", a="a", b=1, x="x1", y=2)
    )
    assert sorted_keys(page, "p") == ["3"]
    await refused(table.Query(IndexName="gsi", **where("a = :a", a="a")), "All HASH key attributes")
    page = await table.Query(IndexName="gsi", **where("x >= :x AND a = :a AND b = :b", a="a", b=1, x="x1"))
    assert sorted_keys(page, "p") == ["2", "3"]
    for condition, values in (("y = :y", {"y": 1}), ("x > :x AND y = :y", {"x": "x", "y": 1})):
        await refused(
            table.Query(IndexName="gsi", **where(f"a = :a AND b = :b AND {condition}", a="a", b=1, **values)),
            "RANGE key attributes x must have equality conditions specified in the query because a condition is "
            "present on key attribute y",
        )


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("S", ["", "\0", "a", "a\0", "aa", "b", "é", "\uffff", "\U00010000"]),
        ("B", [b"\0", b"\0\0", b"\0\xff", b"\1", b"a", b"\xfe\xff", b"\xff", b"\xff\xff"]),
        ("N", ["-9.9e125", "-100", "-12.5", "-12", "-1e-130", "0", "1e-130", "0.5", "1", "10", "12", "1e125"]),
    ],
)
async def test_sort_keys_sort_as_their_type(make, kind, values):
    table = await make("p", f"c:{kind}")
    values = [value for value in values if value != ""]
    for value in reversed(values):
        await table.PutItem(Item={"p": {"S": "p"}, "c": {kind: value}})
    found = sorted_keys(await table.Query(**where("p = :p", p="p")))
    assert [float(one) if kind == "N" else one for one in found] == [
        float(one) if kind == "N" else one for one in values
    ]


async def test_a_page_of_an_index_ends_with_what_lies_behind_it(make, monkeypatch):
    keys_only = {"ProjectionType": "KEYS_ONLY"}
    table = await make(
        types={"x": "S"},
        GlobalSecondaryIndexes=[index("gsi", "x", projection=keys_only)],
        LocalSecondaryIndexes=[index("lsi", "p", "x", projection=keys_only)],
    )
    for n in range(5):
        await table.put(p="p", c=str(n), x="x", big="b" * 300_000)
    fetched = await table.Query(IndexName="lsi", **where("p = :p", p="p"), ProjectionExpression="big")
    assert (fetched["Count"], fetched["LastEvaluatedKey"]) == (4, item(p="p", c="3", x="x"))
    assert (await table.Query(IndexName="gsi", **where("x = :x", x="x")))["Count"] == 5
    monkeypatch.setattr(reading, "READ_BYTES_MAX", 600_000)
    page = await table.Query(IndexName="gsi", **where("x = :x", x="x"))
    assert page["Count"] == 2
    rest = await table.Query(
        IndexName="gsi", **where("x = :x", x="x"), ExclusiveStartKey=page["LastEvaluatedKey"], Limit=9
    )
    assert rest["Count"] == 2


async def test_a_limit_is_positive(table):
    wanted = "failed to satisfy constraint: Member must have value greater than or equal to 1"
    await refused(
        table.Query(**where("p = :p", p="a"), Limit=0), f"1 validation error detected: Value at 'Limit' {wanted}$"
    )
    await refused(table.Scan(Limit=0), f"1 validation error detected: Value '0' at 'limit' {wanted}$")
