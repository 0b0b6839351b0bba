"""How a function's asynchronous invocations are retried, and where records of them go."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.lambda_.console.functions import qualified, trail
from pileus.services.lambda_.console.lists import given_numbers, some_of


async def show(visit: Visit) -> Page:
    name = visit.labels["function"]
    place = ("functions", name, "asynchronous")
    answer, more = await some_of(visit, "ListFunctionEventInvokeConfigs", {"FunctionName": name}, *place)
    configs = [
        {"config": config, "qualifier": config["FunctionArn"].rpartition(":")[2]}
        for config in answer["FunctionEventInvokeConfigs"]
    ]
    values = {"function": {"FunctionName": name}, "configs": configs, "more": more, "here": "asynchronous"}
    return Page("asynchronous.html", name, values, trail=trail(visit))


async def put(visit: Visit) -> Redirect:
    """The whole configuration of a qualifier: what is left empty has Lambda's default."""
    asked = qualified(visit, visit.typed("qualifier")) | given_numbers(
        visit,
        ("MaximumRetryAttempts", "retries", "The number of retries"),
        ("MaximumEventAgeInSeconds", "age", "The age"),
    )
    destinations = {
        member: {"Destination": visit.typed(field)}
        for member, field in (("OnSuccess", "on_success"), ("OnFailure", "on_failure"))
        if visit.typed(field)
    }
    if destinations:
        asked["DestinationConfig"] = destinations
    await visit.invoke("PutFunctionEventInvokeConfig", asked)
    return _back(visit, "The configuration is in force.")


async def delete(visit: Visit) -> Redirect:
    await visit.invoke("DeleteFunctionEventInvokeConfig", qualified(visit, visit.typed("qualifier")))
    return _back(visit, "The defaults are in force.")


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("functions", visit.labels["function"], "asynchronous"), notice)
