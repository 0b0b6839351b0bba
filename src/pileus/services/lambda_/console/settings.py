"""What a function runs with, as far as it is no code; its reserved concurrency and tags; its end."""

import orjson

from pileus.kernel.errors import ValidationException
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.lambda_.console.functions import described, trail


async def show(visit: Visit) -> Page:
    answer = await described(visit)
    values = {
        "function": answer["Configuration"],
        "variables": answer["Configuration"].get("Environment", {}).get("Variables", {}),
        "reserved": answer.get("Concurrency", {}).get("ReservedConcurrentExecutions", ""),
        "tags": answer.get("Tags", {}),
        "here": "settings",
    }
    return Page("settings.html", visit.labels["function"], values, trail=trail(visit))


async def update(visit: Visit) -> Redirect:
    """Refused where somebody changed the function since the page was shown: their variables would be lost."""
    asked = {
        "FunctionName": visit.labels["function"],
        "Description": visit.typed("description"),
        "MemorySize": visit.whole("memory", "The memory"),
        "Timeout": visit.whole("timeout", "The timeout"),
        "Environment": {"Variables": _variables(visit.form.get("variables", ""))},
        "RevisionId": visit.typed("revision"),
    }
    await visit.invoke("UpdateFunctionConfiguration", asked)
    return _back(visit, "The function is being changed.")


async def set_concurrency(visit: Visit) -> Redirect:
    """Nothing typed: it shares the account's."""
    asked: dict = {"FunctionName": visit.labels["function"]}
    if not visit.typed("reserved"):
        await visit.invoke("DeleteFunctionConcurrency", asked)
        return _back(visit, "No concurrency is reserved.")
    asked["ReservedConcurrentExecutions"] = visit.whole("reserved", "The concurrency")
    await visit.invoke("PutFunctionConcurrency", asked)
    return _back(visit, "The concurrency is reserved.")


async def tag(visit: Visit) -> Redirect:
    tags = {visit.typed("key"): visit.typed("value")}
    await visit.invoke("TagResource", {"Resource": await _arn(visit), "Tags": tags})
    return _back(visit, "The tag is set.")


async def untag(visit: Visit) -> Redirect:
    await visit.invoke("UntagResource", {"Resource": await _arn(visit), "TagKeys": [visit.typed("key")]})
    return _back(visit, "The tag is gone.")


async def delete(visit: Visit) -> Redirect:
    name = visit.labels["function"]
    visit.must_be(name)
    await visit.invoke("DeleteFunction", {"FunctionName": name})
    return Redirect(visit.url("functions"), f"The function {name} is deleted.")


def _variables(text: str) -> dict[str, str]:
    try:
        variables = orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        raise ValidationException(f"The environment is no JSON: {error}") from error
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise ValidationException('The environment is an object of texts: {"KEY": "value"}.')
    return variables


async def _arn(visit: Visit) -> str:
    asked = {"FunctionName": visit.labels["function"]}
    return (await visit.invoke("GetFunctionConfiguration", asked))["FunctionArn"]


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("functions", visit.labels["function"], "settings"), notice)
