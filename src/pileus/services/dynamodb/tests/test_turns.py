"""A page is read in turns, and the steps of long work are bounded: nobody waits long for another's many items."""

import asyncio

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.state import reading
from pileus.services.dynamodb.tests.conftest import index, item

COUNT = 23
READS = {
    "scan": ("Scan", {}),
    "scan of an index": ("Scan", {"IndexName": "by_g"}),
    "segment": ("Scan", {"Segment": 1, "TotalSegments": 2}),
    "filter": ("Scan", {"FilterExpression": "c > :c", "ExpressionAttributeValues": {":c": {"N": "7"}}}),
    "limit": ("Scan", {"Limit": 17}),
    "exact limit": ("Scan", {"Limit": COUNT}),
    "count": ("Scan", {"Select": "COUNT"}),
    "query": ("Query", {}),
    "backwards": ("Query", {"ScanIndexForward": False}),
    "query of a range": ("Query", {"KeyConditionExpression": "p = :p AND c BETWEEN :low AND :high"}),
    "limited query": ("Query", {"Limit": 9, "ScanIndexForward": False}),
    "query that counts": ("Query", {"Select": "COUNT"}),
    "query of a global index": ("Query", {"IndexName": "by_g"}),
    "query of a local index": ("Query", {"IndexName": "by_v", "ConsistentRead": True}),
    "fetching": ("Query", {"IndexName": "by_v", "Select": "ALL_ATTRIBUTES"}),
}


@pytest.fixture
async def filled(make):
    """One partition, and as many items of others beside it."""
    table = await make(
        "p",
        "c:N",
        types={"v": "N", "g": "S"},
        GlobalSecondaryIndexes=[index("by_g", "g", "c", projection={"ProjectionType": "KEYS_ONLY"})],
        LocalSecondaryIndexes=[index("by_v", "p", "v", projection={"ProjectionType": "KEYS_ONLY"})],
    )
    for n in range(COUNT):
        await table.put(p="one", c=n, v=COUNT - n, g="same", text="x" * n)
        await table.put(p=f"other-{n}", c=n)
    return table


async def read(table, operation, asked):
    """All pages, each with what it cost."""
    pages, start = [], {}
    if operation == "Query":
        asked = {"KeyConditionExpression": "p = :p"} | asked
        if asked.get("IndexName") == "by_g":
            asked["KeyConditionExpression"] = "g = :p"
        values = {":p": {"S": "same" if asked.get("IndexName") == "by_g" else "one"}}
        if ":low" in asked["KeyConditionExpression"]:
            values |= {":low": {"N": "3"}, ":high": {"N": "19"}}
        asked["ExpressionAttributeValues"] = values
    while True:
        page = await getattr(table, operation)(**asked, **start, ReturnConsumedCapacity="INDEXES")
        pages.append(page)
        if "LastEvaluatedKey" not in page:
            return pages
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


@pytest.mark.parametrize("turn", [1, 4, COUNT])
@pytest.mark.parametrize("kind", READS)
async def test_turns_do_not_show(filled, monkeypatch, kind, turn):
    whole = await read(filled, *READS[kind])
    monkeypatch.setattr(reading, "TURN_ITEMS", turn)
    assert await read(filled, *READS[kind]) == whole


@pytest.mark.parametrize("page_bytes", [100, 1 << 20])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM tbl",
        "SELECT * FROM tbl WHERE v > 5",
        "SELECT * FROM tbl WHERE p = 'one'",
        "SELECT * FROM tbl WHERE p = 'one' AND c > 4 ORDER BY c DESC",
        "SELECT * FROM tbl.by_g WHERE g = 'same'",
        "SELECT * FROM tbl WHERE p IN ['one', 'other-1']",
    ],
)
async def test_turns_of_statements_do_not_show(cloud, filled, monkeypatch, statement, page_bytes):
    monkeypatch.setattr(reading, "PAGE_BYTES_MAX", page_bytes)

    async def run():
        pages, more = [], {}
        while True:
            page = await cloud.dynamodb.ExecuteStatement(Statement=statement, ReturnConsumedCapacity="INDEXES", **more)
            pages.append(page)
            if "NextToken" not in page:
                return pages
            more = {"NextToken": page["NextToken"]}

    whole = await run()
    for turn in (1, 4):
        monkeypatch.setattr(reading, "TURN_ITEMS", turn)
        assert await run() == whole


@pytest.mark.parametrize("kind", ["scan", "count", "query", "backwards", "query of a local index"])
async def test_others_run_between_the_turns(filled, monkeypatch, kind):
    monkeypatch.setattr(reading, "TURN_ITEMS", 2)
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.ensure_future(others())
    await read(filled, *READS[kind])
    running.cancel()
    assert turns >= COUNT // 2


async def test_a_statement_lets_others_run_too(cloud, filled, monkeypatch):
    monkeypatch.setattr(reading, "TURN_ITEMS", 2)
    looks = count_looks(cloud, monkeypatch)
    await cloud.dynamodb.ExecuteStatement(Statement="SELECT * FROM tbl WHERE p = 'one'")
    assert len(looks) >= COUNT // 2


async def test_a_turn_ends_with_the_bytes_that_lie_behind_an_index(cloud, make, monkeypatch):
    table = await make(
        "p", types={"g": "S"}, GlobalSecondaryIndexes=[index("by_g", "g", projection={"ProjectionType": "KEYS_ONLY"})]
    )
    for n in range(12):
        await table.put(p=str(n), g="same", text="x" * 300_000)
    looks = count_looks(cloud, monkeypatch)
    page = await table.Query(
        IndexName="by_g", KeyConditionExpression="g = :g", ExpressionAttributeValues=item(**{":g": "same"})
    )
    assert page["Count"] == 12
    assert "LastEvaluatedKey" not in page
    assert len(looks) == 3  # of four items, the last of which goes beyond 1 MB


async def test_items_are_as_they_are_at_their_turn(cloud, filled, monkeypatch):
    """Between the turns one that was read goes, one that wasn't goes too, and others come behind and before."""
    monkeypatch.setattr(reading, "TURN_ITEMS", 5)

    async def change():
        await filled.DeleteItem(Key=item(p="one", c=4))
        await filled.DeleteItem(Key=item(p="one", c=5))
        await filled.put(p="one", c=-1)
        await filled.put(p="one", c=COUNT)

    await after_looks(cloud, monkeypatch, 1, change)
    [page] = await read(filled, "Query", {})
    assert [int(one["c"]["N"]) for one in page["Items"]] == [n for n in range(COUNT + 1) if n != 5]


async def test_a_table_that_goes_between_the_turns_is_not_found(cloud, filled, monkeypatch):
    monkeypatch.setattr(reading, "TURN_ITEMS", 5)
    await after_looks(cloud, monkeypatch, 1, lambda: filled.DeleteTable())
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        await filled.Scan()


def count_looks(cloud, monkeypatch) -> list:
    """What grows by one for each look at rows of a page."""
    looks = []
    real = reading.read_entries

    def counted(*args, **named):
        looks.append(None)
        return real(*args, **named)

    monkeypatch.setattr(reading, "read_entries", counted)
    return looks


async def after_looks(cloud, monkeypatch, count, change) -> None:
    """Let `change` run once so many turns have been read, before the next one."""
    looks = count_looks(cloud, monkeypatch)
    real, done = asyncio.sleep, []

    async def pause(delay):
        await real(delay)
        if len(looks) == count and not done:
            done.append(None)
            await change()

    monkeypatch.setattr("pileus.services.dynamodb.operations.turns.asyncio.sleep", pause)
