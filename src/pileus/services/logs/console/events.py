"""A group's events across its streams, by a pattern and by time."""

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Visit
from pileus.services.logs.console.groups import trail

A_PAGE = 200
FIELDS = ("pattern", "stream", "since", "until", "newest_first")


async def show(visit: Visit) -> Page:
    """A pattern that is none, or a time, is told above the form, which keeps what was typed."""
    group = visit.labels["group"]
    typed = {name: visit.typed(name) for name in FIELDS}
    values = {"group": group, "here": "events", "typed": typed, "events": [], "more": "", "refused": None}
    try:
        answer = await visit.invoke("FilterLogEvents", {"logGroupName": group, **_asked(visit, typed)})
    except AwsError as error:
        if not any(typed.values()):
            raise  # it is not about the form
        values["refused"] = error
    else:
        following = answer.get("nextToken", "")
        more = visit.url("groups", group, "events", **typed, **{"from": following}) if following else ""
        values |= {"events": answer["events"], "more": more}
    return Page("events.html", group, values, trail=trail(visit))


def _asked(visit: Visit, typed: dict[str, str]) -> dict:
    asked: dict = {"limit": A_PAGE}
    if typed["pattern"]:
        asked["filterPattern"] = typed["pattern"]
    if typed["newest_first"]:
        asked["startFromHead"] = False
    if typed["stream"].endswith("*"):  # no stream's name has one
        asked["logStreamNamePrefix"] = typed["stream"].removesuffix("*")
    elif typed["stream"]:
        asked["logStreamNames"] = [typed["stream"]]
    for name, member in (("since", "startTime"), ("until", "endTime")):
        if typed[name]:
            asked[member] = int(visit.time(name).timestamp() * 1000)
    if visit.query.get("from"):
        asked["nextToken"] = visit.query["from"]
    return asked
