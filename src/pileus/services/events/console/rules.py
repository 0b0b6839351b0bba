"""A bus's rules; one of them, and its targets."""

from pileus.kernel.errors import AwsError, ValidationException
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.events.console.buses import trail
from pileus.services.events.console.lists import some_of
from pileus.services.events.console.targets import all_targets, to_form

PATTERN = """{
  "source": ["shop"],
  "detail-type": ["order placed"]
}"""


async def show_all(visit: Visit) -> Page:
    bus = visit.labels["bus"]
    answer, listed = await some_of(visit, "ListRules", {"EventBusName": bus}, "buses", bus)
    values = {"bus": bus, "rules": answer["Rules"], "here": "rules", "pattern": PATTERN, **listed}
    return Page("rules.html", bus, values, trail=trail(visit))


async def create(visit: Visit) -> Redirect:
    """PutRule would replace a rule of that name: where there is one, nothing is done."""
    bus, name = visit.labels["bus"], visit.typed("name")
    if await _is_there(visit, bus, name):
        raise ValidationException(f"There is a rule {name} on this bus already.")
    await visit.invoke("PutRule", {"Name": name, "EventBusName": bus, **_fields(visit)})
    return Redirect(visit.url("buses", bus, "rules", name), f"The rule {name} is there.")


async def _is_there(visit: Visit, bus: str, name: str) -> bool:
    try:
        await visit.invoke("DescribeRule", {"Name": name, "EventBusName": bus})
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return False
    return True


async def show(visit: Visit) -> Page:
    rule = await described(visit)
    targets = await all_targets(visit)
    tags = (await visit.invoke("ListTagsForResource", {"ResourceARN": rule["Arn"]}))["Tags"]
    chosen = next((each for each in targets if each["Id"] == visit.query.get("target")), None)
    values = {
        "bus": visit.labels["bus"],
        "rule": rule,
        "targets": targets,
        "target": to_form(chosen),
        "tags": tags,
    }
    return Page("rule.html", rule["Name"], values, trail=trail(visit, of_rule=True))


async def update(visit: Visit) -> Redirect:
    """PutRule forgets what it isn't told: what the form has no field for goes along as it is."""
    rule = await described(visit)
    kept = {name: rule[name] for name in ("State", "RoleArn") if name in rule}
    await visit.invoke("PutRule", {**_of(visit), **_fields(visit), **kept})
    return _back(visit, "The rule is changed.")


async def enable(visit: Visit) -> Redirect:
    await visit.invoke("EnableRule", _of(visit))
    return _back(visit, "The rule is enabled.")


async def disable(visit: Visit) -> Redirect:
    await visit.invoke("DisableRule", _of(visit))
    return _back(visit, "The rule is disabled.")


async def delete(visit: Visit) -> Redirect:
    bus, name = visit.labels["bus"], visit.labels["rule"]
    visit.must_be(name)
    await visit.invoke("DeleteRule", _of(visit))
    return Redirect(visit.url("buses", bus), f"The rule {name} is deleted.")


async def described(visit: Visit) -> dict:
    """The description of the rule that the address names."""
    return await visit.invoke("DescribeRule", _of(visit))


def _of(visit: Visit) -> dict:
    return {"Name": visit.labels["rule"], "EventBusName": visit.labels["bus"]}


def _fields(visit: Visit) -> dict:
    """Of the form's fields those that are filled in."""
    members = (("EventPattern", "pattern"), ("ScheduleExpression", "schedule"), ("Description", "description"))
    return {member: visit.typed(field) for member, field in members if visit.typed(field)}


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("buses", visit.labels["bus"], "rules", visit.labels["rule"]), notice)
