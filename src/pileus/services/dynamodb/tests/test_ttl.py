"""Time to live, by the one clock."""

from pileus.services.dynamodb.state import expiry, ttl
from pileus.services.dynamodb.tests.conftest import item, schema
from pileus.services.dynamodb.tests.test_tables import refused
from pileus.testing import STARTS_AT_MS

NOW_S = STARTS_AT_MS // 1000
ON = {"AttributeName": "ttl", "Enabled": True}


async def test_an_item_goes_when_its_time_has_passed(cloud, table):
    await table.UpdateTimeToLive(TimeToLiveSpecification=ON)
    await cloud.settle()
    await table.put(p="a", c="c", ttl=NOW_S + 10)
    await table.put(p="b", c="c", ttl=NOW_S + 20)
    await table.put(p="c", c="c")
    await cloud.advance(9_999)
    assert await table.get(p="a", c="c") is not None
    await cloud.advance(1)
    assert await table.get(p="a", c="c") is None
    assert await table.get(p="b", c="c") is not None
    await cloud.advance(10_000)
    assert (await table.Scan())["Count"] == 1
    assert (await table.DescribeTable())["Table"]["ItemCount"] == 1


async def test_an_expiry_that_moves_is_the_one_that_counts(cloud, table):
    await table.UpdateTimeToLive(TimeToLiveSpecification=ON)
    await table.put(p="a", c="c", ttl=NOW_S + 10)
    await table.put(p="b", c="c", ttl=NOW_S + 100)
    await table.put(p="a", c="c", ttl=NOW_S + 50)
    await table.put(p="b", c="c", ttl=NOW_S + 20)
    await cloud.advance(20_000)
    assert [one["p"]["S"] for one in (await table.Scan())["Items"]] == ["a"]
    await table.put(p="a", c="c")
    await cloud.advance(100_000)
    assert await table.get(p="a", c="c") is not None


async def test_what_is_no_expiry_is_ignored(cloud, table):
    await table.UpdateTimeToLive(TimeToLiveSpecification=ON)
    await table.put(p="text", c="c", ttl=str(NOW_S))
    await table.put(p="too old", c="c", ttl=NOW_S - 5 * 365 * 86_400 - 1)
    await table.put(p="old", c="c", ttl=NOW_S - 5 * 365 * 86_400)
    await table.PutItem(Item={"p": {"S": "huge"}, "c": {"S": "c"}, "ttl": {"N": "1e100"}})
    await cloud.advance(1000)
    assert sorted(one["p"]["S"] for one in (await table.Scan())["Items"]) == ["huge", "text", "too old"]


async def test_items_that_are_there_expire_once_ttl_is_on_and_not_once_it_is_off(cloud, table, monkeypatch):
    monkeypatch.setattr(ttl, "ENTERED_AT_ONCE", 2)
    monkeypatch.setattr(expiry, "EXPIRED_AT_ONCE", 2)
    for n in range(7):
        await table.put(p=str(n), c="c", ttl=NOW_S - 1)
    await table.put(p="later", c="c", ttl=NOW_S + 7200)
    await cloud.advance(1000)
    assert (await table.Scan())["Count"] == 8
    await table.UpdateTimeToLive(TimeToLiveSpecification=ON)
    await cloud.settle()
    assert (await table.Scan())["Count"] == 1
    await cloud.advance(3_600_000)
    await table.UpdateTimeToLive(TimeToLiveSpecification=ON | {"Enabled": False})
    await cloud.advance(7_200_000)
    assert (await table.Scan())["Count"] == 1


async def test_ttl_is_described_and_changes_at_most_once_an_hour(cloud, table):
    assert await table.DescribeTimeToLive() == {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    off = ON | {"Enabled": False}
    await refused(table.UpdateTimeToLive(TimeToLiveSpecification=off), "TimeToLive is already disabled")
    assert await table.UpdateTimeToLive(TimeToLiveSpecification=ON) == {"TimeToLiveSpecification": ON}
    assert await table.DescribeTimeToLive() == {
        "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    }
    await refused(table.UpdateTimeToLive(TimeToLiveSpecification=ON), "TimeToLive is already enabled")
    other = off | {"AttributeName": "other"}
    await refused(table.UpdateTimeToLive(TimeToLiveSpecification=other), "active on a different AttributeName")
    await cloud.advance(3_599_999)
    await refused(table.UpdateTimeToLive(TimeToLiveSpecification=off), "multiple times within a fixed interval")
    await cloud.advance(1)
    await table.UpdateTimeToLive(TimeToLiveSpecification=off)
    assert await table.DescribeTimeToLive() == {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}


async def test_it_is_not_described_of_a_table_that_comes_or_goes(cloud, table):
    message = "Cannot describe time to live while table is in {0} state: Current table state is {0}"
    await table.DeleteTable()
    await refused(table.DescribeTimeToLive(), message.format("DELETING"))
    await cloud.settle()
    await cloud.dynamodb.CreateTable(TableName=table.name, BillingMode="PAY_PER_REQUEST", **schema("p"))
    await refused(table.DescribeTimeToLive(), message.format("CREATING"))


async def test_a_deleted_table_wakes_nobody(cloud, table):
    await table.UpdateTimeToLive(TimeToLiveSpecification=ON)
    await table.PutItem(Item=item(p="a", c="c", ttl=NOW_S + 10))
    await table.DeleteTable()
    await cloud.settle()
    assert cloud.pileus.wheel.next_at_ms() > STARTS_AT_MS + 10_000
