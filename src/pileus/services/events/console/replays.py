"""Replays: an archive's events, sent again. They begin on the archive's page."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.events.console.lists import REFRESH_S, some_of

BUSY = ("STARTING", "RUNNING", "CANCELLING")


async def show_all(visit: Visit) -> Page:
    answer, listed = await some_of(visit, "ListReplays", {}, "replays")
    replays = [{"replay": each, "archive": _archive(each)} for each in answer["Replays"]]
    is_busy = any(each["State"] in BUSY for each in answer["Replays"])
    return Page("replays.html", "Replays", {"replays": replays, **listed}, refresh_s=REFRESH_S if is_busy else 0)


async def show(visit: Visit) -> Page:
    replay = await visit.invoke("DescribeReplay", {"ReplayName": visit.labels["replay"]})
    is_busy = replay["State"] in BUSY and not visit.form
    values = {"replay": replay, "archive": _archive(replay), "can_end": replay["State"] in BUSY[:2]}
    trail = (("Replays", visit.url("replays")),)
    return Page("replay.html", replay["ReplayName"], values, trail=trail, refresh_s=REFRESH_S if is_busy else 0)


async def cancel(visit: Visit) -> Redirect:
    name = visit.labels["replay"]
    await visit.invoke("CancelReplay", {"ReplayName": name})
    return Redirect(visit.url("replays", name), f"The replay {name} is being cancelled.")


def _archive(replay: dict) -> str:
    return replay["EventSourceArn"].partition("archive/")[2]
