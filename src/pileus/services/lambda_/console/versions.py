"""A function's versions, and the aliases that point to them."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.lambda_.console.functions import trail
from pileus.services.lambda_.console.lists import some_of


async def show(visit: Visit) -> Page:
    name = visit.labels["function"]
    asked, place = {"FunctionName": name}, ("functions", name, "versions")
    versions, more = await some_of(visit, "ListVersionsByFunction", asked, *place)
    aliases, more_aliases = await some_of(visit, "ListAliases", asked, *place, begins_at="aliases_from")
    values = {
        "function": {"FunctionName": name},
        "versions": versions["Versions"],
        "more": more,
        "aliases": aliases["Aliases"],
        "more_aliases": more_aliases,
        "here": "versions",
    }
    return Page("versions.html", name, values, trail=trail(visit))


async def publish(visit: Visit) -> Redirect:
    """Without a description the version has $LATEST's."""
    asked = {"FunctionName": visit.labels["function"]}
    if visit.typed("description"):
        asked["Description"] = visit.typed("description")
    published = await visit.invoke("PublishVersion", asked)
    return _back(visit, f"$LATEST is published as version {published['Version']}.")


async def delete(visit: Visit) -> Redirect:
    name, number = visit.labels["function"], visit.typed("number")
    visit.must_be(f"{name}:{number}")
    await visit.invoke("DeleteFunction", {"FunctionName": name, "Qualifier": number})
    return _back(visit, f"Version {number} is deleted.")


async def create_alias(visit: Visit) -> Redirect:
    await visit.invoke("CreateAlias", {**_alias(visit), "Description": visit.typed("description")})
    return _back(visit, f"The alias {visit.typed('name')} points to version {visit.typed('to')}.")


async def update_alias(visit: Visit) -> Redirect:
    await visit.invoke("UpdateAlias", _alias(visit))
    return _back(visit, f"The alias {visit.typed('name')} points to version {visit.typed('to')}.")


async def delete_alias(visit: Visit) -> Redirect:
    name = visit.typed("name")
    visit.must_be(name)
    await visit.invoke("DeleteAlias", {"FunctionName": visit.labels["function"], "Name": name})
    return _back(visit, f"The alias {name} is deleted.")


def _alias(visit: Visit) -> dict:
    return {
        "FunctionName": visit.labels["function"],
        "Name": visit.typed("name"),
        "FunctionVersion": visit.typed("to"),
    }


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("functions", visit.labels["function"], "versions"), notice)
