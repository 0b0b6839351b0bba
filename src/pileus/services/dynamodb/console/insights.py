"""Contributor insights of a table and its global indexes: on or off, and where their reports are."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.dynamodb.console.tables import REFRESH_S, described, trail

REPORTS = {
    "PKC": "accessed partition keys",
    "SKC": "accessed items",
    "PKT": "throttled partition keys",
    "SKT": "throttled items",
}
"""What a rule's name says that it counts."""
ON_THEIR_WAY = ("ENABLING", "DISABLING")


async def show(visit: Visit) -> Page:
    table = await described(visit)
    names = ["", *(index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ()))]
    rows = [await _row(visit, name) for name in names]
    refresh_s = REFRESH_S if any(row["ContributorInsightsStatus"] in ON_THEIR_WAY for row in rows) else 0
    values = {"table": table, "here": "insights", "rows": rows}
    return Page("insights.html", table["TableName"], values, trail=trail(visit), refresh_s=refresh_s)


async def _row(visit: Visit, index_name: str) -> dict:
    row = await visit.invoke("DescribeContributorInsights", _named(visit, index_name))
    rules = row.get("ContributorInsightsRuleList", ())
    reports = [
        (REPORTS[rule.split("-")[1]], visit.url_of("cloudwatch", "insight-rules", rule)) for rule in sorted(rules)
    ]
    return {**row, "reports": reports}


async def enable(visit: Visit) -> Redirect:
    """mode: which keys are counted"""
    asked = {"ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": visit.typed("mode")}
    await visit.invoke("UpdateContributorInsights", _named(visit, visit.typed("index")) | asked)
    return _back(visit, "The insights are being enabled.")


async def disable(visit: Visit) -> Redirect:
    asked = {"ContributorInsightsAction": "DISABLE"}
    await visit.invoke("UpdateContributorInsights", _named(visit, visit.typed("index")) | asked)
    return _back(visit, "The insights are being disabled, and what they counted is deleted.")


def _named(visit: Visit, index_name: str) -> dict:
    return {"TableName": visit.labels["table"]} | ({"IndexName": index_name} if index_name else {})


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("tables", visit.labels["table"], "insights"), notice)
