"""Event source mappings: what feeds functions from queues and streams."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.lambda_.console.functions import trail
from pileus.services.lambda_.console.lists import REFRESH_S, given_numbers, some_of

BUSY = ("Creating", "Enabling", "Disabling", "Updating", "Deleting")
POSITIONS = (("", "None: it is a queue"), ("TRIM_HORIZON", "The oldest record"), ("LATEST", "The next record"))


async def show_all(visit: Visit) -> Page:
    return await _listed(visit, {}, ("mappings",), "all_mappings.html", "Event source mappings", {}, ())


async def show_of_function(visit: Visit) -> Page:
    name = visit.labels["function"]
    values = {"function": {"FunctionName": name}, "here": "mappings"}
    place = ("functions", name, "mappings")
    return await _listed(visit, {"FunctionName": name}, place, "mappings.html", name, values, trail(visit))


async def _listed(
    visit: Visit, asked: dict, place: tuple, template: str, title: str, values: dict, above: tuple
) -> Page:
    answer, more = await some_of(visit, "ListEventSourceMappings", asked, *place)
    mappings = [{"mapping": each, "function": _function(each)} for each in answer["EventSourceMappings"]]
    found = {"mappings": mappings, "more": more, "positions": POSITIONS}
    is_busy = any(each["mapping"]["State"] in BUSY for each in mappings) and not visit.form
    return Page(template, title, values | found, trail=above, refresh_s=REFRESH_S if is_busy else 0)


async def create(visit: Visit) -> Redirect:
    asked: dict = {
        "FunctionName": visit.labels.get("function") or visit.typed("function"),
        "EventSourceArn": visit.typed("source"),
        "Enabled": bool(visit.typed("enabled")),
        **given_numbers(
            visit,
            ("BatchSize", "batch", "The batch size"),
            ("MaximumBatchingWindowInSeconds", "window", "The batching window"),
        ),
    }
    if visit.typed("position"):
        asked["StartingPosition"] = visit.typed("position")
    mapping = await visit.invoke("CreateEventSourceMapping", asked)
    return Redirect(visit.url("mappings", mapping["UUID"]), "The event source mapping is being created.")


async def show(visit: Visit) -> Page:
    mapping = await visit.invoke("GetEventSourceMapping", {"UUID": visit.labels["mapping"]})
    values = {"mapping": mapping, "function": _function(mapping)}
    above = (("Event source mappings", visit.url("mappings")),)
    is_busy = mapping["State"] in BUSY and not visit.form
    return Page("mapping.html", mapping["UUID"], values, trail=above, refresh_s=REFRESH_S if is_busy else 0)


async def update(visit: Visit) -> Redirect:
    changes = {
        "BatchSize": visit.whole("batch", "The batch size"),
        "MaximumBatchingWindowInSeconds": visit.whole("window", "The batching window"),
    }
    return await _change(visit, changes, "The event source mapping is being changed.")


async def enable(visit: Visit) -> Redirect:
    return await _change(visit, {"Enabled": True}, "The event source mapping is being enabled.")


async def disable(visit: Visit) -> Redirect:
    return await _change(visit, {"Enabled": False}, "The event source mapping is being disabled.")


async def delete(visit: Visit) -> Redirect:
    uuid = visit.labels["mapping"]
    visit.must_be(uuid)
    await visit.invoke("DeleteEventSourceMapping", {"UUID": uuid})
    return Redirect(visit.url("mappings"), f"The event source mapping {uuid} is being deleted.")


async def _change(visit: Visit, changes: dict, notice: str) -> Redirect:
    uuid = visit.labels["mapping"]
    await visit.invoke("UpdateEventSourceMapping", {"UUID": uuid, **changes})
    return Redirect(visit.url("mappings", uuid), notice)


def _function(mapping: dict) -> dict:
    """The name and, where the mapping has one, the qualifier."""
    name, _, qualifier = mapping["FunctionArn"].partition(":function:")[2].partition(":")
    return {"name": name, "qualifier": qualifier}
