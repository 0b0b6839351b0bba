"""Who may invoke a function: the statements of its policy, or of a version's or alias's."""

import orjson

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.lambda_.console.functions import qualified, trail

CONDITIONS = (("SourceArn", "source_arn"), ("SourceAccount", "source_account"), ("PrincipalOrgID", "organization"))


async def show(visit: Visit) -> Page:
    name, qualifier = visit.labels["function"], visit.query.get("qualifier", "").strip()
    function = await visit.invoke("GetFunctionConfiguration", qualified(visit, qualifier))
    try:
        policy = (await visit.invoke("GetPolicy", qualified(visit, qualifier)))["Policy"]
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        policy = '{"Statement": []}'
    values = {
        "function": function,
        "qualifier": qualifier,
        "statements": orjson.loads(policy)["Statement"],
        "here": "permissions",
    }
    return Page("permissions.html", name, values, trail=trail(visit))


async def add(visit: Visit) -> Redirect:
    asked = qualified(visit, visit.query.get("qualifier", "").strip())
    asked |= {
        "StatementId": visit.typed("sid"),
        "Principal": visit.typed("principal"),
        "Action": visit.typed("may"),
        **{member: visit.typed(field) for member, field in CONDITIONS if visit.typed(field)},
    }
    await visit.invoke("AddPermission", asked)
    return _back(visit, f"The statement {asked['StatementId']} is in force.")


async def remove(visit: Visit) -> Redirect:
    sid = visit.typed("sid")
    asked = {**qualified(visit, visit.query.get("qualifier", "").strip()), "StatementId": sid}
    await visit.invoke("RemovePermission", asked)
    return _back(visit, f"The statement {sid} is gone.")


def _back(visit: Visit, notice: str) -> Redirect:
    place = ("functions", visit.labels["function"], "permissions")
    return Redirect(visit.url(*place, qualifier=visit.query.get("qualifier", "")), notice)
