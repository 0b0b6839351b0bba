"""Run a template's transforms: Fn::Transform within it, deepest first, then its Transform section in its order.

Source: user guide, "Template macros" (order, the macro's request and response), "AWS::Include transform".
"""

import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.stacks import language_extensions, yaml_form
from pileus.stacks.errors import TransformFailed, format_error, template_error
from pileus.stacks.intrinsics import Scope, evaluate, unknowns
from pileus.stacks.template import LANGUAGE_EXTENSIONS, SAM, Template

INCLUDE = "AWS::Include"
OURS_NOT_YET = (
    "AWS::CodeDeployBlueGreen",
    "AWS::SecretsManager-2020-07-23",
    "AWS::SecretsManager-2024-09-16",
    "AWS::ServiceCatalog",
)


class SamTransform(Protocol):
    async def expand(self, body: dict, *, parameters: Mapping[str, Any], region: str) -> dict: ...


FetchText = Callable[[str], Awaitable[str]]
"""The text at an s3:// location, read as the stack's principal."""

CallMacro = Callable[[str, dict], Awaitable[dict]]
"""(macro's name, its request) -> its response; raises TransformFailed where there is no such macro.

The request here holds fragment, params and templateParameterValues; who calls adds accountId, region, transformId and
requestId, and knows the function.
"""


@dataclass(frozen=True)
class Means:
    """What transforms need of the world."""

    sam: SamTransform
    fetch: FetchText
    macro: CallMacro


async def expand(template: Template, scope: Scope, means: Means) -> Template:
    """What the template's transforms make of it.

    scope  parameters, mappings and pseudo parameters; no resource is known yet
    """
    declared = template.transforms
    scope = replace(scope, has_language_extensions=template.has_language_extensions)
    body = copy.deepcopy(template.body)
    transform_section = body.pop("Transform", None)
    body = await _inner(body, scope, means)
    for transform in declared:
        body = await _apply(transform, body, scope, means)
    # Kept where it changes how the rest is read; the others have done their work.
    if transform_section is not None and template.has_language_extensions:
        body["Transform"] = LANGUAGE_EXTENSIONS
    return Template(body)


async def _inner(value: Any, scope: Scope, means: Means) -> Any:
    """`value` with each Fn::Transform in it applied, the innermost first."""
    if isinstance(value, list):
        return [await _inner(item, scope, means) for item in value]
    if not isinstance(value, dict):
        return value
    out = {key: await _inner(member, scope, means) for key, member in value.items() if key != "Fn::Transform"}
    if "Fn::Transform" not in value:
        return out
    calls = value["Fn::Transform"]
    for call in calls if isinstance(calls, list) else [calls]:
        if not isinstance(call, dict) or not isinstance(call.get("Name"), str):
            raise template_error("every Fn::Transform object requires a Name")
        out = await _apply(await _inner(call, scope, means), out, scope, means)
    return out


async def _apply(transform: Any, fragment: dict, scope: Scope, means: Means) -> dict:
    name = transform.get("Name") if isinstance(transform, dict) else transform
    if not isinstance(name, str):
        raise format_error("Transform must be a name, a list of names or objects with a Name.")
    given = (transform.get("Parameters") or {}) if isinstance(transform, dict) else {}
    if name == INCLUDE:
        return await _include(given, fragment, scope, means)
    if name == LANGUAGE_EXTENSIONS:
        return language_extensions.unroll(fragment, scope)
    if name == SAM:
        return await means.sam.expand(fragment, parameters=scope.parameters, region=scope.pseudo.region)
    if name in OURS_NOT_YET:
        raise NotImplementedByUs(f"the transform {name}")
    if name.startswith("AWS::"):
        raise TransformFailed(name, "no such transform. Check that the name is spelled correctly.")
    return await _macro(name, given, fragment, scope, means)


async def _include(given: Mapping[str, Any], fragment: dict, scope: Scope, means: Means) -> dict:
    """Members of the file at Location join their place, section by section; the file's win."""
    location = evaluate(given.get("Location"), scope)
    if not isinstance(location, str) or not location.startswith("s3://"):
        raise TransformFailed(INCLUDE, "The location parameter is not a valid S3 uri.")
    try:
        text = await means.fetch(location)
    except TransformFailed:
        raise
    except AwsError as error:
        raise TransformFailed(INCLUDE, f"{location}: {error.message}") from error
    try:
        included = yaml_form.parse(text)
    except AwsError as error:
        raise TransformFailed(INCLUDE, f"{location}: {error.message}") from None
    if not fragment:
        return included
    out = dict(fragment)
    for key, member in included.items():
        if isinstance(out.get(key), dict) and isinstance(member, dict):
            out[key] = {**out[key], **member}  # a section: Resources of the file join those of the template
        else:
            out[key] = member
    return out


async def _macro(name: str, given: Mapping[str, Any], fragment: dict, scope: Scope, means: Means) -> dict:
    params = evaluate(given, scope)
    if waiting := unknowns(params):
        raise TransformFailed(name, f"parameters can't refer to resources [{', '.join(waiting)}]")
    values = {key: value for key, value in scope.parameters.items() if not key.startswith("AWS::")}
    request = {"fragment": fragment, "params": params, "templateParameterValues": values}
    response = await means.macro(name, request)
    if response.get("status", "").lower() != "success":
        reason = response.get("errorMessage") or "Received malformed response from transform"
        raise TransformFailed(name, reason)
    expanded = response.get("fragment")
    if not isinstance(expanded, dict):
        raise TransformFailed(name, "Received malformed response from transform")
    return expanded
