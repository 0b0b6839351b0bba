"""The list of event buses; what one is, its policy and tags."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.events.console.lists import some_of


async def show_all(visit: Visit) -> Page:
    answer, listed = await some_of(visit, "ListEventBuses", {}, "buses")
    return Page("buses.html", "Event buses", {"buses": answer["EventBuses"], **listed})


async def create(visit: Visit) -> Redirect:
    name = visit.typed("name")
    asked: dict = {"Name": name}
    if visit.typed("description"):
        asked["Description"] = visit.typed("description")
    await visit.invoke("CreateEventBus", asked)
    return Redirect(visit.url("buses", name), f"The event bus {name} is there.")


async def show_settings(visit: Visit) -> Page:
    bus = await described(visit)
    tags = (await visit.invoke("ListTagsForResource", {"ResourceARN": bus["Arn"]}))["Tags"]
    values = {"bus": bus["Name"], "described": bus, "tags": tags, "here": "settings"}
    return Page("bus_settings.html", bus["Name"], values, trail=trail(visit))


async def update(visit: Visit) -> Redirect:
    """An empty ARN: no dead-letter queue."""
    queue = visit.typed("dead_letters")
    asked = {
        "Name": visit.labels["bus"],
        "Description": visit.typed("description"),
        "DeadLetterConfig": {"Arn": queue} if queue else {},
    }
    await visit.invoke("UpdateEventBus", asked)
    return _back(visit, "The event bus is changed.")


async def put_policy(visit: Visit) -> Redirect:
    """An empty text takes the policy away."""
    asked, text = {"EventBusName": visit.labels["bus"]}, visit.typed("policy")
    if text:
        await visit.invoke("PutPermission", {**asked, "Policy": text})
        return _back(visit, "The policy is in force.")
    await visit.invoke("RemovePermission", {**asked, "RemoveAllPermissions": True})
    return _back(visit, "There is no policy any more.")


async def delete(visit: Visit) -> Redirect:
    name = visit.labels["bus"]
    visit.must_be(name)
    await visit.invoke("DeleteEventBus", {"Name": name})
    return Redirect(visit.url("buses"), f"The event bus {name} is deleted.")


async def described(visit: Visit) -> dict:
    """The description of the bus that the address names."""
    return await visit.invoke("DescribeEventBus", {"Name": visit.labels["bus"]})


def trail(visit: Visit, *, of_rule: bool = False) -> tuple[tuple[str, str], ...]:
    above = (("Event buses", visit.url("buses")),)
    bus = visit.labels["bus"]
    return (*above, (bus, visit.url("buses", bus))) if of_rule else above


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("buses", visit.labels["bus"], "settings"), notice)
