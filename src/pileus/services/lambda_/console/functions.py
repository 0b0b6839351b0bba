"""The list of functions, and what one is."""

from pileus.kernel.pages import Page, Visit
from pileus.services.lambda_.console.lists import REFRESH_S, some_of


async def show_all(visit: Visit) -> Page:
    answer, more = await some_of(visit, "ListFunctions", {}, "functions")
    return Page("functions.html", "Functions", {"functions": answer["Functions"], "more": more})


async def show(visit: Visit) -> Page:
    """Of the version or alias that the query's `qualifier` names; else of $LATEST."""
    name = visit.labels["function"]
    answer = await described(visit)
    function = answer["Configuration"]
    urls = (await visit.invoke("ListFunctionUrlConfigs", {"FunctionName": name}))["FunctionUrlConfigs"]
    values = {
        "function": function,
        "location": answer["Code"].get("Location", ""),
        "reserved": answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "urls": urls,
        "qualifier": visit.query.get("qualifier", ""),
        "here": "overview",
    }
    is_busy = function.get("State") == "Pending" or function.get("LastUpdateStatus") == "InProgress"
    return Page("function.html", name, values, trail=trail(visit), refresh_s=REFRESH_S if is_busy else 0)


async def described(visit: Visit) -> dict:
    """GetFunction of the function that the address names."""
    return await visit.invoke("GetFunction", qualified(visit, visit.query.get("qualifier", "")))


def qualified(visit: Visit, qualifier: str) -> dict:
    asked = {"FunctionName": visit.labels["function"]}
    return {**asked, "Qualifier": qualifier} if qualifier else asked


def trail(visit: Visit) -> tuple[tuple[str, str], ...]:
    return (("Functions", visit.url("functions")),)
