"""Scheduled rules: due by the clock, once a moment, through restarts."""

import json

HOUR_MS = 3_600_000


async def test_a_rate_is_due_a_period_after_the_rule_was_made_and_then_each(cloud, listen):
    arn = (await cloud.events.PutRule(Name="hourly", ScheduleExpression="rate(1 hour)"))["RuleArn"]
    queue = await listen(rule="hourly")
    await cloud.advance(HOUR_MS - 1)
    assert await queue.heard() == []
    await cloud.advance(1)
    (event,) = await queue.heard()
    assert event == {
        "version": "0",
        "id": event["id"],
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": cloud.account,
        "time": "2026-01-01T01:00:00Z",
        "region": "us-east-1",
        "resources": [arn],
        "detail": {},
    }
    await cloud.advance(3 * HOUR_MS)
    assert [event["time"][11:16] for event in await queue.heard()] == ["02:00", "03:00", "04:00"]


async def test_a_cron_expression_is_due_at_its_moments(cloud, listen):
    await cloud.events.PutRule(Name="mornings", ScheduleExpression="cron(0 8 ? * MON-FRI *)")
    queue = await listen(rule="mornings", Input='{"wake": true}')
    await cloud.advance(8 * HOUR_MS - 1)
    assert await queue.heard() == []
    await cloud.advance(1)
    assert await queue.heard() == [{"wake": True}]
    await cloud.advance(4 * 24 * HOUR_MS)  # Thursday to Monday
    assert len(await queue.heard()) == 2


async def test_a_disabled_rule_is_not_due_and_a_rate_begins_anew_when_it_is_enabled(cloud, listen):
    await cloud.events.PutRule(Name="hourly", ScheduleExpression="rate(1 hour)")
    queue = await listen(rule="hourly")
    await cloud.advance(HOUR_MS // 2)
    await cloud.events.DisableRule(Name="hourly")
    await cloud.advance(2 * HOUR_MS)
    assert await queue.heard() == []
    await cloud.events.EnableRule(Name="hourly")
    await cloud.advance(HOUR_MS - 1)
    assert await queue.heard() == []
    await cloud.advance(1)
    assert len(await queue.heard()) == 1


async def test_a_rule_put_again_with_its_schedule_keeps_its_moments(cloud, listen):
    await cloud.events.PutRule(Name="hourly", ScheduleExpression="rate(1 hour)")
    queue = await listen(rule="hourly")
    await cloud.advance(HOUR_MS // 2)
    await cloud.events.PutRule(Name="hourly", ScheduleExpression="rate(1 hour)", Description="the same")
    await cloud.advance(HOUR_MS // 2)
    assert len(await queue.heard()) == 1
    await cloud.events.PutRule(Name="hourly", ScheduleExpression="rate(2 hours)")
    await cloud.advance(2 * HOUR_MS - 1)
    assert await queue.heard() == []
    await cloud.advance(1)
    assert len(await queue.heard()) == 1


async def test_a_deleted_rule_is_not_due(cloud, listen):
    await cloud.events.PutRule(Name="hourly", ScheduleExpression="rate(1 hour)")
    queue = await listen(rule="hourly")
    await cloud.events.RemoveTargets(Rule="hourly", Ids=["heard"])
    await cloud.events.DeleteRule(Name="hourly")
    await cloud.events.PutRule(Name="hourly", EventPattern=json.dumps({"source": ["none"]}))
    await cloud.events.PutTargets(Rule="hourly", Targets=[{"Id": "1", "Arn": queue.arn}])
    await cloud.advance(2 * HOUR_MS)
    assert await queue.heard() == []


async def test_moments_missed_while_nobody_ran_are_made_up_for_once(cloud, listen):
    await cloud.events.PutRule(Name="hourly", ScheduleExpression="rate(1 hour)")
    queue = await listen(rule="hourly")
    cloud.clock.advance(10 * HOUR_MS + 1)  # at one jump, as for a process that was down
    assert len(await queue.heard()) == 1
    await cloud.advance(HOUR_MS - 1)
    assert [event["time"][11:16] for event in await queue.heard()] == ["11:00"]


async def test_a_schedule_that_never_comes_is_a_rule_that_is_never_due(cloud, listen):
    await cloud.events.PutRule(Name="past", ScheduleExpression="cron(0 0 1 1 ? 2020)")
    queue = await listen(rule="past")
    await cloud.advance(400 * 24 * HOUR_MS)
    assert await queue.heard() == []


async def test_a_rule_may_have_both_a_pattern_and_a_schedule(cloud, listen, send):
    await cloud.events.PutRule(
        Name="both", ScheduleExpression="rate(1 hour)", EventPattern=json.dumps({"source": ["shop"]})
    )
    queue = await listen(rule="both")
    await send()
    await cloud.advance(HOUR_MS)
    assert [event["source"] for event in await queue.heard()] == ["shop", "aws.events"]
