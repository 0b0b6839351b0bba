"""A group's streams, and one of them: its events, a page at a time both ways."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.logs.console.groups import trail

A_PAGE = 50
EVENTS_A_PAGE = 200


async def show_all(visit: Visit) -> Page:
    """The last written to first; by name where a beginning of names is asked, as the operation wants it."""
    group, prefix, token = visit.labels["group"], visit.query.get("prefix", "").strip(), visit.query.get("from", "")
    asked: dict = {"logGroupName": group, "limit": A_PAGE}
    if prefix:
        asked["logStreamNamePrefix"] = prefix
    else:
        asked |= {"orderBy": "LastEventTime", "descending": True}
    if token:
        asked["nextToken"] = token
    answer = await visit.invoke("DescribeLogStreams", asked)
    following = answer.get("nextToken", "")
    more = visit.url("groups", group, prefix=prefix, **{"from": following}) if following else ""
    values = {"group": group, "here": "streams", "streams": answer["logStreams"], "prefix": prefix, "more": more}
    return Page("streams.html", group, values, trail=trail(visit))


async def create(visit: Visit) -> Redirect:
    group, name = visit.labels["group"], visit.typed("name")
    await visit.invoke("CreateLogStream", {"logGroupName": group, "logStreamName": name})
    return Redirect(visit.url("groups", group, "streams", name), f"The stream {name} is there.")


async def show(visit: Visit) -> Page:
    """Begins with the newest. Beyond the oldest there is nothing; beyond the newest there may be, later.

    query    at     a token of the operation's, or "head": from the oldest on
             order  "newest": the newest of a page stands above the others
    """
    group, stream = visit.labels["group"], visit.labels["stream"]
    at, order = visit.query.get("at", ""), visit.query.get("order", "")
    asked: dict = {"logGroupName": group, "logStreamName": stream, "limit": EVENTS_A_PAGE}
    if at == "head":
        asked["startFromHead"] = True
    elif at:
        asked["nextToken"] = at
    answer = await visit.invoke("GetLogEvents", asked)
    events, older = answer["events"], answer["nextBackwardToken"]

    def to(at: str, order: str = order) -> str:
        return visit.url("groups", group, "streams", stream, at=at, order=order)

    values = {
        "group": group,
        "events": events[::-1] if order == "newest" else events,
        "is_newest_first": order == "newest",
        "turned": to(at, "" if order == "newest" else "newest"),
        "oldest": to("head"),
        "older": "" if at in ("head", older) or not (events or at) else to(older),
        "newer": to(answer["nextForwardToken"]),
        "newest": to(""),
    }
    return Page("stream.html", stream, values, trail=trail(visit, of_stream=True))


async def delete(visit: Visit) -> Redirect:
    group, name = visit.labels["group"], visit.labels["stream"]
    visit.must_be(name)
    await visit.invoke("DeleteLogStream", {"logGroupName": group, "logStreamName": name})
    return Redirect(visit.url("groups", group), f"The stream {name} is deleted.")
