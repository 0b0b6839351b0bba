"""SELECT from an index: what the index has is all there is, but for local ones, which can ask their table."""

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.tests.conftest import index, item, schema

NAMED = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["shown"]}
KEYS = {"ProjectionType": "KEYS_ONLY"}


@pytest.fixture
async def select(cloud):
    """Of a table whose indexes have shown or nothing, and none of them hidden; p3 is in no index."""
    await cloud.dynamodb.CreateTable(
        TableName="Tbl",
        BillingMode="PAY_PER_REQUEST",
        **schema("p", "c", g="S", l="S"),
        GlobalSecondaryIndexes=[index("part", "g", projection=NAMED), index("bare", "g", projection=KEYS)],
        LocalSecondaryIndexes=[index("near", "p", "l", projection=KEYS), index("more", "p", "l", projection=NAMED)],
    )
    await cloud.settle()
    for c, g, hidden in (("1", "y", "a"), ("2", "y", "b"), ("3", None, "c"), ("4", "z", "d")):
        rest = {"g": g, "l": c, "shown": c} if g else {}
        await cloud.dynamodb.PutItem(TableName="Tbl", Item=item(p="p", c=c, hidden=hidden, **rest))

    async def run(statement: str, **request) -> dict:
        return await cloud.dynamodb.ExecuteStatement(Statement=statement, ReturnConsumedCapacity="INDEXES", **request)

    return run


async def rows(running) -> list[str]:
    return sorted(one["c"]["S"] for one in (await running)["Items"])


async def refusal(running) -> str:
    with pytest.raises(AwsError) as caught:
        await running
    return f"{caught.value.code}: {caught.value.message}"


async def test_an_item_that_the_index_does_not_hold_is_not_there(select):
    assert await rows(select("SELECT p, c FROM Tbl.part WHERE g = 'y'")) == ["1", "2"]
    assert await rows(select("SELECT p, c FROM Tbl WHERE p = 'p'")) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("Tbl.bare WHERE g = 'y'", {"p", "c", "g"}),
        ("Tbl.part WHERE g = 'y'", {"p", "c", "g", "shown"}),
        ("Tbl.near WHERE p = 'p'", {"p", "c", "l"}),
    ],
)
async def test_a_star_is_what_the_index_projects(select, where, shown):
    answer = await select(f"SELECT * FROM {where}")
    assert all(found.keys() == shown for found in answer["Items"])
    assert "Table" not in answer["ConsumedCapacity"] or not answer["ConsumedCapacity"]["Table"]["CapacityUnits"]


async def test_a_local_index_asks_its_table_for_what_it_lacks(select):
    answer = await select("SELECT hidden FROM Tbl.near WHERE p = 'p'")
    assert [one["hidden"]["S"] for one in answer["Items"]] == ["a", "b", "d"]
    assert answer["ConsumedCapacity"]["Table"]["CapacityUnits"] > 0


async def test_a_global_index_shows_only_what_it_projects(select):
    assert await refusal(select("SELECT hidden FROM Tbl.part WHERE g = 'y'")) == (
        "ValidationException: One or more parameter values were invalid: "
        "Global secondary index part does not project [hidden]"
    )


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("part", "g = 'y' AND hidden = 'a'"),
        ("near", "p = 'p' AND hidden = 'a'"),
        ("part", "g = 'y' AND hidden IS MISSING"),
        ("part", "g = 'y' AND hidden IS NOT MISSING"),
        ("part", "g = 'y' AND begins_with(hidden, 'a')"),
        ("part", "g = 'y' AND NOT hidden = 'a'"),
        ("part", "g IN ['y', 'z'] AND hidden = 'a'"),
        ("near", "p = 'p' AND l BETWEEN '1' AND '4' AND hidden = 'a'"),
    ],
)
async def test_a_query_of_an_index_is_not_filtered_by_what_the_index_lacks(select, name, where):
    assert await refusal(select(f"SELECT p FROM Tbl.{name} WHERE {where}")) == (
        "ValidationException: One or more parameter values were invalid: "
        f"Secondary index {name} does not project one or more filter attributes: [hidden]"
    )


@pytest.mark.parametrize(
    ("name", "where", "found"),
    [
        ("part", "hidden = 'a'", []),
        ("near", "hidden = 'a'", []),
        ("part", "hidden = 'a' AND hidden = 'b'", []),
        ("bare", "NOT hidden = 'a'", ["1", "2", "4"]),
        ("part", "(g = 'y' AND hidden = 'a') OR g = 'z'", ["4"]),
        ("part", "g = 'y' AND shown = '1'", ["1"]),
        ("part", "g = 'y' AND shown IS NOT MISSING", ["1", "2"]),
    ],
)
async def test_a_scan_of_an_index_finds_nothing_by_what_the_index_lacks(select, name, where, found):
    assert await rows(select(f"SELECT p, c FROM Tbl.{name} WHERE {where}")) == found
