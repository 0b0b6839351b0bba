"""What is kept of what services count, and for how long."""

from pileus.services.cloudwatch.state import contributions
from pileus.services.cloudwatch.state.records import MINUTES, RULES
from pileus.services.cloudwatch.tests.conftest import RULE, definition

DAY_MS = 24 * 3_600_000
DAY_MINUTES = 1440


def rows(cloud) -> list:
    return cloud.store.look(lambda tx: list(MINUTES.scan(tx)))[0]


async def test_a_minute_that_is_told_twice_counts_once(cloud, rule, count, report):
    await count(0, {"a": 1.0})
    await count(0, {"a": 1.0})
    assert (await report(0, 1))["AggregateValue"] == 1.0
    await count(0, {"a": 2.0, "b": 1.0})
    assert (await report(0, 1))["AggregateValue"] == 3.0
    assert len(rows(cloud)) == 1


async def test_an_unknown_rule_keeps_nothing(cloud, count):
    await count(0, {"a": 1.0})
    assert rows(cloud) == []


async def test_a_disabled_rule_keeps_what_it_had_and_no_more(cloud, dynamodb, rule, count, report):
    await count(0, {"a": 1.0})
    await dynamodb.PutInsightRule(RuleName=rule, RuleDefinition=definition(), RuleState="DISABLED")
    await count(1, {"a": 1.0})
    assert (await report(0, 2))["AggregateValue"] == 1.0
    await dynamodb.PutInsightRule(RuleName=rule, RuleDefinition=definition(), RuleState="ENABLED")
    await count(2, {"a": 1.0})
    assert (await report(0, 3))["AggregateValue"] == 2.0


async def test_a_minute_keeps_five_hundred_contributors(cloud, rule, count):
    await count(0, {f"{at:03}": 501.0 - at for at in range(501)})
    (row,) = rows(cloud)
    assert (len(row.contributors), row.contributors[-1], row.unique) == (500, (("499",), 2.0), 501)


async def test_keys_of_a_minute_take_64_kib_beyond_those_that_a_report_shows(cloud, rule, count):
    await count(0, {f"{at:02}" + "é" * 1000: 100.0 - at for at in range(60)})  # 2,002 bytes each
    await count(1, {f"{at:02}" + "é" * 2000: 100.0 - at for at in range(60)})  # 4,002
    assert [len(row.contributors) for row in rows(cloud)] == [32, 25]


async def test_a_minute_is_there_for_15_days(cloud, rule, count, report):
    await count(0, {"a": 1.0})
    await count(1, {"b": 1.0})
    await cloud.advance(15 * DAY_MS - 1)
    assert (await report(0, 2))["ApproximateUniqueCount"] == 2
    await cloud.advance(1)
    assert (await report(0, 2))["ApproximateUniqueCount"] == 1
    await cloud.advance(60_000)
    assert (await report(0, 2))["ApproximateUniqueCount"] == 0


async def test_old_minutes_leave_the_disk_within_the_hour(cloud, rule, count):
    await count(0, {"a": 1.0})
    await count(1, {"b": 1.0})
    await cloud.advance(15 * DAY_MS)
    assert [row.contributors[0][0] for row in rows(cloud)] == [("b",)]
    await cloud.advance(contributions.EXPIRY_EVERY_MS)
    assert rows(cloud) == []


async def test_the_expiry_goes_on_as_long_as_there_is_something(cloud, rule, count):
    await count(0, {"a": 1.0})
    await cloud.advance(15 * DAY_MS)
    assert rows(cloud) == []
    await count(15 * DAY_MINUTES, {"b": 1.0})
    await cloud.advance(15 * DAY_MS - 1)
    assert len(rows(cloud)) == 1
    await cloud.advance(1)
    assert rows(cloud) == []


async def test_the_expiry_removes_a_bounded_number_at_a_time(cloud, rule, count, monkeypatch):
    monkeypatch.setattr(contributions, "EXPIRY_ROWS", 2)
    for minute in range(5):
        await count(minute, {"a": 1.0})
    cloud.clock.advance(ms=16 * DAY_MS)
    key = str(cloud.store.look(RULES.get, cloud.account, cloud.region, RULE)[0].id)
    await cloud.store.write(contributions.expire, key)
    assert len(rows(cloud)) == 3
    await cloud.settle()
    assert rows(cloud) == []


async def test_a_minute_that_is_told_too_late_is_not_kept(cloud, rule, count):
    cloud.clock.advance(ms=15 * DAY_MS)
    await count(0, {"a": 1.0})
    assert rows(cloud) == []
    await count(1, {"a": 1.0})
    assert len(rows(cloud)) == 1


async def test_nothing_of_a_deleted_rule_is_left(cloud, dynamodb, rule, count):
    await count(0, {"a": 1.0})
    await dynamodb.DeleteInsightRules(RuleNames=[rule])
    await count(1, {"a": 1.0})
    assert rows(cloud) == []
    await cloud.advance(16 * DAY_MS)
