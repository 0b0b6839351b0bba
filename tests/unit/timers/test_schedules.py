"""Rate and cron expressions: what they mean, and what is refused."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pileus.timers.schedules import InvalidSchedule, parse


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def moments(expression: str, after: str, count: int, zone=UTC) -> list[str]:
    schedule, at_ms, found = parse(expression), ms(after), []
    for _ in range(count):
        at_ms = schedule.next_after(at_ms, began_ms=0, zone=zone)
        if at_ms is None:
            break
        found.append(datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "period_ms"),
    [
        ("rate(1 minute)", 60_000),
        ("rate(5 minutes)", 300_000),
        ("rate(1 hour)", 3_600_000),
        ("rate(12 hours)", 43_200_000),
        ("rate(1 day)", 86_400_000),
        ("rate(7 days)", 604_800_000),
    ],
)
def test_a_rate_counts_from_its_beginning(expression, period_ms):
    schedule = parse(expression)
    assert schedule.next_after(1_000, began_ms=1_000) == 1_000 + period_ms
    assert schedule.next_after(999 + period_ms, began_ms=1_000) == 1_000 + period_ms
    assert schedule.next_after(1_000 + period_ms, began_ms=1_000) == 1_000 + 2 * period_ms


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(2920001 days)",
        "rate(999999999999999 days)",
        "rate(1.5 hours)",
        "rate(5 seconds)",
        "rate(5)",
        "every minute",
        "cron(0 10 * * ?)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(7 20 * * 1-7 *)",
        "cron(60 10 * * ? *)",
        "cron(*/60 * * * ? *)",
        "cron(0/0 * * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 0 * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 32W * ? *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 ? * 0 *)",
        "cron(0 10 ? * 3#6 *)",
        "cron(0 10 ? * 3#1,6#3 *)",
        "cron(0 10 * * ? 1969)",
        "cron(0 10 * * ? 2200)",
        "cron(0 10 * JANUARY ? *)",
        "cron(0 10 * * ? *) ",
        "cron(0/5, 9-18, ?, *, MON-FRI, *)",
        "at(2026-01-01T00:00:00)",
    ],
)
def test_what_is_no_schedule_is_refused(expression):
    with pytest.raises(InvalidSchedule):
        parse(expression)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("cron(15 12 * * ? *)", ["2026-01-01T12:15", "2026-01-02T12:15"]),
        ("cron(0/15 * * * ? *)", ["2026-01-01T00:15", "2026-01-01T00:30"]),
        ("cron(5/30 23 * * ? *)", ["2026-01-01T23:05", "2026-01-01T23:35"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-01-01T18:00", "2026-01-02T18:00", "2026-01-05T18:00"]),
        ("cron(0 18 ? * fri,tue *)", ["2026-01-02T18:00", "2026-01-06T18:00"]),
        ("cron(0 18 ? * FRI-MON *)", ["2026-01-02T18:00", "2026-01-03T18:00", "2026-01-04T18:00", "2026-01-05T18:00"]),
        ("cron(0 0 ? * 1 *)", ["2026-01-04T00:00"]),
        ("cron(0 8 1 * ? *)", ["2026-01-01T08:00", "2026-02-01T08:00"]),
        ("cron(0 8 31 * ? *)", ["2026-01-31T08:00", "2026-03-31T08:00"]),
        ("cron(0 8 29 2 ? *)", ["2028-02-29T08:00", "2032-02-29T08:00"]),
        ("cron(0 0 L * ? *)", ["2026-01-31T00:00", "2026-02-28T00:00", "2026-03-31T00:00", "2026-04-30T00:00"]),
        ("cron(0 0 L-1 * ? *)", ["2026-01-30T00:00", "2026-02-27T00:00"]),
        ("cron(0 0 LW * ? *)", ["2026-01-30T00:00", "2026-02-27T00:00", "2026-03-31T00:00"]),
        # 2026-03-15 is a Sunday, 2026-08-15 a Saturday; the 1st of August too, which must not leave the month.
        ("cron(0 0 15W 3,8 ? *)", ["2026-03-16T00:00", "2026-08-14T00:00"]),
        ("cron(0 0 1W 8 ? *)", ["2026-08-03T00:00"]),
        ("cron(0 0 31W * ? *)", ["2026-01-30T00:00", "2026-03-31T00:00", "2026-05-29T00:00"]),
        ("cron(0 0 ? * 6L *)", ["2026-01-30T00:00", "2026-02-27T00:00"]),
        ("cron(0 0 ? * L *)", ["2026-01-03T00:00", "2026-01-10T00:00"]),
        ("cron(0 0 ? * 3#2 *)", ["2026-01-13T00:00", "2026-02-10T00:00"]),
        ("cron(0 0 ? * THU#5 *)", ["2026-01-29T00:00", "2026-04-30T00:00"]),
        ("cron(0 0 1 JAN-MAR ? 2027-2028)", ["2027-01-01T00:00", "2027-02-01T00:00"]),
        ("cron(0 0 1 1 ? 2020)", []),
        ("cron(0 0 31 2 ? *)", []),
    ],
)
def test_a_cron_expression_names_these_moments(expression, found):
    assert moments(expression, "2026-01-01T00:00", len(found) or 1) == found


def test_a_moment_is_not_after_itself():
    schedule = parse("cron(0 10 * * ? *)")
    ten = ms("2026-01-01T10:00")
    assert schedule.next_after(ten - 1) == ten
    assert schedule.next_after(ten) == ten + 86_400_000


def test_in_a_zone_a_skipped_hour_is_left_out_and_a_repeated_one_counts_once():
    berlin = ZoneInfo("Europe/Berlin")
    assert moments("cron(30 2 * * ? *)", "2026-03-28T00:00", 2, berlin) == ["2026-03-28T01:30", "2026-03-30T00:30"]
    assert moments("cron(30 2 * * ? *)", "2026-10-24T12:00", 2, berlin) == ["2026-10-25T00:30", "2026-10-26T01:30"]
