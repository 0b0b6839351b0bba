"""Reports of Contributor Insights rules."""

import asyncio
from datetime import UTC, datetime, timedelta

from pileus.kernel.call import Call
from pileus.services.cloudwatch import definitions, errors, names
from pileus.services.cloudwatch.names import RuleKey
from pileus.services.cloudwatch.reports import METRICS, MINUTE_MS, ORDERS, Contributor, Period, Report
from pileus.services.cloudwatch.state import contributions, insight_rules
from pileus.services.cloudwatch.state.records import CONTRIBUTORS_PER_REPORT

DAY_MS = 24 * 3_600_000
"""The longest range of a report. Source: user guide, "Viewing Contributor Insights reports"."""

PERIOD_MAX_S = 86_400
"""Source: user guide, "CloudWatch service quotas" (Period)."""

DEFAULT_CONTRIBUTORS = 10
CONTRIBUTORS_MAX = 100

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MINUTES_AT_A_STRETCH = 60
"""Some 50 ms at the most; then other requests have their turn."""


async def get_insight_rule_report(call: Call, request: dict) -> dict:
    """What a rule's contributors contributed from StartTime, rounded down to the minute, until before EndTime.

    request  Period: seconds, a multiple of 60; the first begins at StartTime
    returns  MetricDatapoints where Metrics name any. Periods without contributions have no data points
    errors   InvalidParameterValue, ResourceNotFoundException
    source   API reference, GetInsightRuleReport; DynamoDB developer guide, "CloudWatch contributor insights for
             DynamoDB: How it works" (at most 25 contributors)
    """
    start_ms, end_ms = _range_in(request)
    period_ms = _period_in(request)
    count = _count_in(request)
    order = request.get("OrderBy", "Sum")
    if order not in ORDERS:
        raise _invalid("OrderBy", f"must be {' or '.join(ORDERS)}")
    metrics = request.get("Metrics") or []
    if not METRICS.keys() >= set(metrics):
        raise _invalid("Metrics", f"must be among {', '.join(METRICS)}")
    rule = await call.read(insight_rules.require, names.rule_key(call, request["RuleName"]))
    if count > CONTRIBUTORS_PER_REPORT:
        raise _invalid("MaxContributorCount", f"must be at most {CONTRIBUTORS_PER_REPORT} for a rule of DynamoDB")
    report = await _report(call, rule.key, start_ms, end_ms, period_ms)
    definition = definitions.read(rule.definition)
    result = {
        "KeyLabels": definition.key_labels,
        "AggregationStatistic": definition.aggregates,
        "AggregateValue": report.sum,
        "ApproximateUniqueCount": report.unique,
        "Contributors": [_contributor_out(each) for each in report.top(count, order)],
    }
    if metrics:
        result["MetricDatapoints"] = [_period_out(period, metrics) for period in report.periods()]
    return result


async def _report(call: Call, key: RuleKey, start_ms: int, end_ms: int, period_ms: int) -> Report:
    report, seen = Report(start_ms, end_ms, period_ms), set()
    while True:
        minutes = await call.read(contributions.read, key, start_ms=start_ms, end_ms=end_ms, limit=MINUTES_AT_A_STRETCH)
        seen.add(call.seen)
        for minute in minutes:
            report.add(minute)
        if len(minutes) < MINUTES_AT_A_STRETCH:
            break
        start_ms = minutes[-1].start_ms + 1
        await asyncio.sleep(0)
    for commit in seen - {call.seen}:
        # The gateway waits for the last one; but what an earlier stretch saw may have been taken back since.
        await call.cloud.store.durable(commit)
    return report


def _range_in(request: dict) -> tuple[int, int]:
    start_ms, end_ms = _ms(request["StartTime"]), _ms(request["EndTime"])
    if start_ms >= end_ms:
        raise errors.InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    if end_ms - start_ms > DAY_MS:
        raise errors.InvalidParameterValue("The time from StartTime to EndTime must be at most 24 hours.")
    return start_ms - start_ms % MINUTE_MS, end_ms


def _period_in(request: dict) -> int:
    period_s = request["Period"]
    if period_s % 60 or period_s > PERIOD_MAX_S:
        raise _invalid("Period", f"must be a multiple of 60, and at most {PERIOD_MAX_S}")
    return period_s * 1000


def _count_in(request: dict) -> int:
    count = request.get("MaxContributorCount", DEFAULT_CONTRIBUTORS)
    if not 1 <= count <= CONTRIBUTORS_MAX:
        raise _invalid("MaxContributorCount", f"must be from 1 to {CONTRIBUTORS_MAX}")
    return count


def _invalid(name: str, must: str) -> errors.InvalidParameterValue:
    return errors.InvalidParameterValue(f"The value for parameter {name} {must}.")


def _contributor_out(contributor: Contributor) -> dict:
    return {
        "Keys": list(contributor.keys),
        "ApproximateAggregateValue": contributor.sum,
        "Datapoints": [
            {"Timestamp": _moment(start_ms), "ApproximateValue": value}
            for start_ms, value in sorted(contributor.values.items())
        ],
    }


def _period_out(period: Period, metrics: list[str]) -> dict:
    return {"Timestamp": _moment(period.start_ms), **{name: METRICS[name](period) for name in metrics}}


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _moment(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
