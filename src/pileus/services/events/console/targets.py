"""A rule's targets: five at most."""

import orjson

from pileus.kernel.errors import AwsError, ValidationException
from pileus.kernel.pages import Redirect, Visit

WITH_FIELDS = ("Id", "Arn", "RoleArn")
"""The members of a target that have fields of their own; the others are JSON."""


async def all_targets(visit: Visit) -> list[dict]:
    found, asked = [], _of(visit)
    while True:
        answer = await visit.invoke("ListTargetsByRule", asked)
        found += answer["Targets"]
        if not answer.get("NextToken"):
            return found
        asked["NextToken"] = answer["NextToken"]


def to_form(target: dict | None) -> dict:
    """A target as its form's fields hold it; None: an empty form."""
    target = target or {}
    more = {name: value for name, value in target.items() if name not in WITH_FIELDS}
    return {
        "id": target.get("Id", ""),
        "arn": target.get("Arn", ""),
        "role": target.get("RoleArn", ""),
        "more": orjson.dumps(more, option=orjson.OPT_INDENT_2).decode() if more else "",
    }


async def put(visit: Visit) -> Redirect:
    """One of the same Id is replaced."""
    target = {**_more(visit), "Id": visit.typed("id"), "Arn": visit.typed("arn")}
    if visit.typed("role"):
        target["RoleArn"] = visit.typed("role")
    _done(await visit.invoke("PutTargets", {**_of(visit), "Targets": [target]}))
    return _back(visit, f"The target {target['Id']} is set.")


async def remove(visit: Visit) -> Redirect:
    target = visit.form.get("id", "")
    _done(await visit.invoke("RemoveTargets", {**_of(visit), "Ids": [target]}))
    return _back(visit, f"The target {target} is removed.")


def _more(visit: Visit) -> dict:
    text = visit.typed("more")
    if not text:
        return {}
    try:
        more = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValidationException(f"That is no JSON: {error}") from error
    if not isinstance(more, dict):
        raise ValidationException("What more there is of a target is an object.")
    return more


def _done(answer: dict) -> None:
    """Raise what an answer tells of the one target that it is about."""
    for failed in answer["FailedEntries"]:
        raise AwsError(failed["ErrorMessage"], code=failed["ErrorCode"])


def _of(visit: Visit) -> dict:
    return {"Rule": visit.labels["rule"], "EventBusName": visit.labels["bus"]}


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("buses", visit.labels["bus"], "rules", visit.labels["rule"]), notice)
