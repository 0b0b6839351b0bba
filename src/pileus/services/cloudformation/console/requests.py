"""The forms that ask for a new stack, for an update, or for a change set of either."""

from typing import Any

import orjson

from pileus.kernel.errors import ValidationException
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.cloudformation.console.stacks import described, of_stack

CAPABILITIES = (
    ("CAPABILITY_IAM", "It may make IAM resources"),
    ("CAPABILITY_NAMED_IAM", "It may make IAM resources with names of its own"),
    ("CAPABILITY_AUTO_EXPAND", "It may have macros and nested stacks"),
)
HIDDEN = "****"
"""What CloudFormation tells of a parameter's value under NoEcho."""


async def show_new(visit: Visit) -> Page:
    return _new(visit, _typed(visit))


async def show_update(visit: Visit) -> Page:
    stack = await described(visit)
    return _of_stack(visit, stack, _typed(visit) if visit.form else await _as_it_is(visit, stack))


async def check(visit: Visit) -> Page:
    """What the template declares; parameters that are not typed yet are filled in with their defaults."""
    asked = _template(visit)
    if asked.pop("UsePreviousTemplate", False):
        asked["StackName"] = visit.labels["stack"]
    declared = await visit.invoke("GetTemplateSummary", asked)
    typed = _typed(visit)
    values = {each["ParameterKey"]: each.get("DefaultValue", "") for each in declared["Parameters"]}
    values |= {name: value for name, value in _object(typed["parameters"]).items() if name in values}
    typed["parameters"] = _text(values)
    if "stack" in visit.labels:
        return _of_stack(visit, await described(visit), typed, declared)
    return _new(visit, typed, declared)


async def create(visit: Visit) -> Redirect:
    name = visit.typed("name")
    asked = {
        "StackName": name,
        "OnFailure": visit.typed("on_failure", "ROLLBACK"),
        "EnableTerminationProtection": bool(visit.typed("protection")),
        **_asked(visit),
    }
    await visit.invoke("CreateStack", asked)
    return Redirect(visit.url("stacks", name, "events"), f"The stack {name} is being created.")


async def update(visit: Visit) -> Redirect:
    await visit.invoke("UpdateStack", {"StackName": visit.labels["stack"], **_asked(visit)})
    return Redirect(visit.url("stacks", visit.labels["stack"], "events"), "The stack is being updated.")


async def create_change_set(visit: Visit) -> Redirect:
    stack = visit.labels.get("stack") or visit.typed("name")
    name = visit.typed("change_set")
    kind = "UPDATE" if "stack" in visit.labels else "CREATE"
    asked = {"StackName": stack, "ChangeSetName": name, "ChangeSetType": kind, **_asked(visit)}
    await visit.invoke("CreateChangeSet", asked)
    return Redirect(visit.url("stacks", stack, "change-sets", name), "The change set is being prepared.")


def _new(visit: Visit, typed: dict, declared: dict | None = None) -> Page:
    values = {"typed": typed, "declared": declared, "capabilities": CAPABILITIES}
    return Page("new_stack.html", "New stack", values, trail=(("Stacks", visit.url("stacks")),))


def _of_stack(visit: Visit, stack: dict, typed: dict, declared: dict | None = None) -> Page:
    values = {"typed": typed, "declared": declared, "capabilities": CAPABILITIES}
    page = of_stack(visit, "update.html", "update", stack, **values)
    page.refresh_s = 0
    return page


def _typed(visit: Visit) -> dict:
    """The form's texts, and which capabilities are ticked."""
    texts = {name: visit.form.get(name, "") for name in ("template", "url", "parameters", "tags", "role")}
    return {**texts, "capabilities": [name for name, _ in CAPABILITIES if visit.form.get(name)]}


async def _as_it_is(visit: Visit, stack: dict) -> dict:
    """The form as the stack fills it in."""
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())}
    tags = {each["Key"]: each["Value"] for each in stack["Tags"]}
    return {
        "template": (await visit.invoke("GetTemplate", {"StackName": stack["StackId"]}))["TemplateBody"],
        "url": "",
        "parameters": _text({name: None if value == HIDDEN else value for name, value in parameters.items()}),
        "tags": _text(tags),
        "role": stack.get("RoleARN", ""),
        "capabilities": stack.get("Capabilities", []),
    }


def _asked(visit: Visit) -> dict:
    """The members that CreateStack, UpdateStack and CreateChangeSet have in common."""
    asked = _template(visit) | {
        "Parameters": [_parameter(name, value) for name, value in _object(visit.typed("parameters")).items()],
        "Tags": [{"Key": key, "Value": _value(key, value)} for key, value in _object(visit.typed("tags")).items()],
        "Capabilities": [name for name, _ in CAPABILITIES if visit.form.get(name)],
    }
    if visit.typed("role"):
        asked["RoleARN"] = visit.typed("role")
    return asked


def _template(visit: Visit) -> dict:
    """Where both are empty, an update keeps the template it has. Browsers end lines by CR LF, whoever typed them."""
    if visit.typed("url"):
        return {"TemplateURL": visit.typed("url")}
    if "stack" in visit.labels and not visit.typed("template"):
        return {"UsePreviousTemplate": True}
    return {"TemplateBody": visit.form.get("template", "").replace("\r\n", "\n")}


def _parameter(name: str, value: Any) -> dict:
    if value is None:
        return {"ParameterKey": name, "UsePreviousValue": True}
    return {"ParameterKey": name, "ParameterValue": _value(name, value)}


def _value(name: str, value: Any) -> str:
    """Numbers and booleans as JSON writes them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    raise ValidationException(f"The value of {name} must be a text.")


def _object(text: str) -> dict:
    """{name: value} of a field's JSON; nothing typed is nothing."""
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        raise ValidationException(f"That is no JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ValidationException('Write parameters and tags as {"name": "value"}.')
    return value


def _text(values: dict) -> str:
    return orjson.dumps(values, option=orjson.OPT_INDENT_2).decode() if values else ""
