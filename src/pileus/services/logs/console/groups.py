"""The list of log groups."""

from pileus.kernel.errors import AwsError, ValidationException
from pileus.kernel.pages import Page, Redirect, Visit

A_PAGE = 50
RETENTION_DAYS = (
    *("1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731"),
    *("1096", "1827", "2192", "2557", "2922", "3288", "3653"),
)
"""Source: API reference, PutRetentionPolicy, retentionInDays."""


async def show_all(visit: Visit) -> Page:
    prefix, token = visit.query.get("prefix", "").strip(), visit.query.get("from", "")
    asked: dict = {"limit": A_PAGE}
    if prefix:
        asked["logGroupNamePrefix"] = prefix
    if token:
        asked["nextToken"] = token
    answer = await visit.invoke("DescribeLogGroups", asked)
    following = answer.get("nextToken", "")
    more = visit.url("groups", prefix=prefix, **{"from": following}) if following else ""
    values = {"groups": answer["logGroups"], "prefix": prefix, "more": more, "retention_days": RETENTION_DAYS}
    return Page("groups.html", "Log groups", values)


async def create(visit: Visit) -> Redirect:
    """Two operations: where the second is refused, what the first did is told with it."""
    name, days = visit.typed("name"), days_in(visit)
    await visit.invoke("CreateLogGroup", {"logGroupName": name})
    try:
        if days:
            await visit.invoke("PutRetentionPolicy", {"logGroupName": name, "retentionInDays": days})
    except AwsError as error:
        text = f"The log group {name} is there, but keeps events for ever: {error.message}"
        raise AwsError(text, code=error.code, status=error.status) from error
    return Redirect(visit.url("groups", name), f"The log group {name} is there.")


def days_in(visit: Visit) -> int:
    """0: for ever. Checked before anything is asked, so that no group is made which the wrong days were meant for."""
    text = visit.typed("days")
    if text and text not in RETENTION_DAYS:
        raise ValidationException(f"Events can't be kept for {text} days, but for {', '.join(RETENTION_DAYS)}.")
    return int(text or 0)


def trail(visit: Visit, *, of_stream: bool = False) -> tuple[tuple[str, str], ...]:
    above = (("Log groups", visit.url("groups")),)
    group = visit.labels["group"]
    return (*above, (group, visit.url("groups", group))) if of_stream else above
