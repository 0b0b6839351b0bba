"""Archives: what a bus received, kept; and the start of a replay of it."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.events.console.lists import some_of


async def show_all(visit: Visit) -> Page:
    answer, listed = await some_of(visit, "ListArchives", {}, "archives")
    return Page("archives.html", "Archives", {"archives": answer["Archives"], **listed})


async def create(visit: Visit) -> Redirect:
    name, fields = visit.typed("name"), _fields(visit)
    bus = await visit.invoke("DescribeEventBus", {"Name": visit.typed("bus") or "default"})
    given = {member: value for member, value in fields.items() if value != ""}
    await visit.invoke("CreateArchive", {"ArchiveName": name, "EventSourceArn": bus["Arn"], **given})
    return Redirect(visit.url("archives", name), f"The archive {name} is there.")


async def show(visit: Visit) -> Page:
    archive = await _described(visit)
    bus = archive["EventSourceArn"].partition("event-bus/")[2]
    trail = (("Archives", visit.url("archives")),)
    return Page("archive.html", archive["ArchiveName"], {"archive": archive, "bus": bus}, trail=trail)


async def update(visit: Visit) -> Redirect:
    await visit.invoke("UpdateArchive", {"ArchiveName": visit.labels["archive"], **_fields(visit)})
    return Redirect(visit.url("archives", visit.labels["archive"]), "The archive is changed.")


async def replay(visit: Visit) -> Redirect:
    """To the bus that the events came from, as AWS demands."""
    name, start, end = visit.typed("name"), visit.time("start"), visit.time("end")
    archive = await _described(visit)
    asked = {
        "ReplayName": name,
        "EventSourceArn": archive["ArchiveArn"],
        "EventStartTime": start,
        "EventEndTime": end,
        "Destination": {"Arn": archive["EventSourceArn"]},
    }
    rules = visit.typed("rules").split()
    if rules:
        asked["Destination"]["FilterArns"] = rules
    await visit.invoke("StartReplay", asked)
    return Redirect(visit.url("replays", name), f"The replay {name} has begun.")


async def delete(visit: Visit) -> Redirect:
    name = visit.labels["archive"]
    visit.must_be(name)
    await visit.invoke("DeleteArchive", {"ArchiveName": name})
    return Redirect(visit.url("archives"), f"The archive {name} is deleted.")


async def _described(visit: Visit) -> dict:
    return await visit.invoke("DescribeArchive", {"ArchiveName": visit.labels["archive"]})


def _fields(visit: Visit) -> dict:
    """No days: for ever."""
    return {
        "Description": visit.typed("description"),
        "EventPattern": visit.typed("pattern"),
        "RetentionDays": visit.whole("days", "The retention in days") if visit.typed("days") else 0,
    }
