"""The list of insight rules; one of them, and its contributors of late. No forms: all rules are the services' own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Visit

A_PAGE = 50
SPANS = {
    "1h": ("Last hour", 1, 60, "a minute"),
    "3h": ("Last three hours", 3, 300, "5 minutes"),
    "24h": ("Last day", 24, 3600, "an hour"),
}
"""What the address says -> (title, hours, seconds of a period, the period)."""

DEFAULT_SPAN = "3h"
CONTRIBUTORS = 25


async def show_all(visit: Visit) -> Page:
    asked: dict = {"MaxResults": A_PAGE}
    if visit.query.get("from"):
        asked["NextToken"] = visit.query["from"]
    answer = await visit.invoke("DescribeInsightRules", asked)
    following = answer.get("NextToken", "")
    more = visit.url("insight-rules", **{"from": following}) if following else ""
    rules = [{**rule, **_counted(rule)} for rule in answer["InsightRules"]]
    return Page("insight_rules.html", "Contributor Insights", {"rules": rules, "more": more})


async def show(visit: Visit) -> Page:
    """query  last: of SPANS; order: of the operation's OrderBy"""
    name, order = visit.labels["rule"], visit.query.get("order", "Sum")
    last = visit.query.get("last", DEFAULT_SPAN)
    _, hours, period_s, period = SPANS.get(last, SPANS[DEFAULT_SPAN])
    now = datetime.fromtimestamp(visit.cloud.clock.now_ms() / 1000, UTC)
    asked = {
        "RuleName": name,
        "StartTime": now - timedelta(hours=hours),
        "EndTime": now,
        "Period": period_s,
        "MaxContributorCount": CONTRIBUTORS,
        "OrderBy": order,
    }
    report = await visit.invoke("GetInsightRuleReport", asked)
    rule = await _described(visit, name)

    def to(last: str, order: str) -> str:
        return visit.url("insight-rules", name, last=last, order=order)

    values = {
        "rule": {**rule, **_counted(rule)},
        "report": report,
        "contributors": [{**each, "peak": _peak(each)} for each in report["Contributors"]],
        "period": period,
        "spans": [(title, to(key, order), key == last) for key, (title, *_) in SPANS.items()],
        "order": order,
        "turned": to(last, "Sum" if order == "Maximum" else "Maximum"),
    }
    return Page("insight_rule.html", name, values, trail=(("Contributor Insights", visit.url("insight-rules")),))


async def _described(visit: Visit, name: str) -> dict:
    """There is no description of one rule but the list of all, of which an account has a hundred."""
    asked: dict = {}
    while True:
        answer = await visit.invoke("DescribeInsightRules", asked)
        for rule in answer["InsightRules"]:
            if rule["Name"] == name:
                return rule
        if "NextToken" not in answer:
            raise AwsError(f"The insight rule {name} does not exist.", code="ResourceNotFoundException", status=404)
        asked = {"NextToken": answer["NextToken"]}


def _counted(rule: dict) -> dict[str, Any]:
    """What a rule counts, and by which keys."""
    contribution = orjson.loads(rule["Definition"])["Contribution"]
    value = contribution.get("ValueOf", "occurrences")
    return {"counts": value.removeprefix("$."), "by": [key.removeprefix("$.") for key in contribution["Keys"]]}


def _peak(contributor: dict) -> dict:
    return max(contributor["Datapoints"], key=lambda each: each["ApproximateValue"])
