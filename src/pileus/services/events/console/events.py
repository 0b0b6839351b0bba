"""An event sent by hand, and a pattern tried on one."""

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Visit
from pileus.services.events.console.rules import PATTERN

EVENT = """{
  "id": "1",
  "detail-type": "order placed",
  "source": "shop",
  "account": "000000000000",
  "time": "2026-01-31T12:00:00Z",
  "region": "us-east-1",
  "resources": [],
  "detail": {}
}"""


async def show_sending(visit: Visit) -> Page:
    return Page("send.html", "Send an event", {"sent": ""})


async def send(visit: Visit) -> Page:
    """It stays on the page, where the same event may be sent again."""
    entry: dict = {
        "EventBusName": visit.typed("bus") or "default",
        "Source": visit.typed("source"),
        "DetailType": visit.typed("detail_type"),
        "Detail": visit.typed("detail"),
    }
    resources = visit.typed("resources").split()
    if resources:
        entry["Resources"] = resources
    (result,) = (await visit.invoke("PutEvents", {"Entries": [entry]}))["Entries"]
    if "ErrorCode" in result:
        raise AwsError(result["ErrorMessage"], code=result["ErrorCode"])
    return Page("send.html", "Send an event", {"sent": result["EventId"]})


async def show_pattern(visit: Visit) -> Page:
    """With the pattern of the rule that the query names, if it does."""
    pattern = PATTERN
    if visit.query.get("rule"):
        asked = {"Name": visit.query["rule"], "EventBusName": visit.query.get("bus") or "default"}
        pattern = (await visit.invoke("DescribeRule", asked)).get("EventPattern", PATTERN)
    return _pattern_page(pattern, None)


async def try_pattern(visit: Visit) -> Page:
    asked = {"EventPattern": visit.typed("pattern"), "Event": visit.typed("event")}
    answer = await visit.invoke("TestEventPattern", asked)
    return _pattern_page(PATTERN, answer["Result"])


def _pattern_page(pattern: str, matches: bool | None) -> Page:
    return Page("pattern.html", "Try a pattern", {"pattern": pattern, "event": EVENT, "matches": matches})
