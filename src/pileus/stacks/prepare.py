"""From what a caller gave to a blueprint: parameters resolved, transforms run, everything checked that can be.

Used alike by creations, updates, change sets and nested stacks. Whatever is wrong is raised here, before a row is
written.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from pileus.kernel.errors import NotImplementedByUs
from pileus.stacks import template as templates
from pileus.stacks.conditions import check_rules, evaluate_conditions
from pileus.stacks.errors import InsufficientCapabilitiesException, ValidationError, format_error
from pileus.stacks.graph import graph_of
from pileus.stacks.intrinsics import Made, Pseudo, evaluate
from pileus.stacks.outputs import imports_of
from pileus.stacks.parameters import resolve_parameters, values_of
from pileus.stacks.plan import Before, Deployed
from pileus.stacks.records import Blueprint, Resource, Stack
from pileus.stacks.references import check_references
from pileus.stacks.resource import ResourceTypes
from pileus.stacks.template import Template
from pileus.stacks.transforms import Means, expand
from pileus.stacks.work import scope_for

NAMES_OF_IAM_TYPES = {
    "AWS::IAM::AccessKey": None,
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": None,
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": None,
}
"""Types that need CAPABILITY_IAM, and the property that makes it CAPABILITY_NAMED_IAM.
Source: API reference, CreateStack, Capabilities."""
IAM, NAMED_IAM, AUTO_EXPAND = "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"


@dataclass(frozen=True)
class Asked:
    """What the caller wants a stack to be.

    given               [{"ParameterKey", "ParameterValue" or "UsePreviousValue"}]
    previous            the blueprint the stack has, for an update
    resource_types      the caller's own limit on types, or empty
    needs_auto_expand   the template's macros run at once, without a change set to look at
    """

    text: str
    from_s3: bool
    given: Sequence[Mapping[str, Any]] = ()
    previous: Blueprint | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    capabilities: Sequence[str] = ()
    resource_types: Sequence[str] = ()
    needs_auto_expand: bool = True


@dataclass(frozen=True)
class World:
    """What preparing needs: the types, the ways of transforms, SSM parameters, the region's exports."""

    types: ResourceTypes
    means: Means
    ssm: Callable[[str], Awaitable[str]]
    exports: Mapping[str, str]


async def prepare(asked: Asked, pseudo: Pseudo, world: World, blueprint_id: str) -> Blueprint:
    """The blueprint. Raises ValidationError, InsufficientCapabilitiesException, TransformFailed."""
    template = templates.read(asked.text, from_s3=asked.from_s3)
    has_macros = bool(template.transforms) or _has_inner_transform(template.body)
    if has_macros and asked.needs_auto_expand and AUTO_EXPAND not in asked.capabilities:
        raise InsufficientCapabilitiesException(AUTO_EXPAND)
    refuse_unasked_permissions(template, asked.capabilities)
    previous = _given_before(asked)
    parameters = await resolve_parameters(template.parameters, asked.given, previous=previous, ssm=world.ssm)
    scope = scope_for(template, parameters, pseudo, world.exports)
    if has_macros:
        template = await expand(template, scope, world.means)
        # A transform may have added parameters with defaults (SAM does for SSM) and mappings.
        parameters = await resolve_parameters(template.parameters, asked.given, previous=previous, ssm=world.ssm)
        scope = scope_for(template, parameters, pseudo, world.exports)
    templates.check_expanded(template, world.types.names())
    check_references(template, world.types.supports_attribute)
    refuse_unasked_permissions(template, asked.capabilities)
    _refuse_other_types(template, asked.resource_types)
    _refuse_snapshots(template, world.types)
    _refuse_policies(template)
    scope = replace(scope, conditions=evaluate_conditions(template.conditions, scope))
    check_rules(template, scope)
    members = graph_of(template, scope.conditions).needs
    imports = imports_of(template, scope.conditions, scope)
    # Evaluated with nothing made yet, for what can be told wrong already: a mapping without the key, a list too short.
    unmade = replace(scope, resources=dict.fromkeys(members))
    for logical_id in members:
        evaluate(template.properties(logical_id), unmade)
    return Blueprint(
        pseudo.stack_id,
        blueprint_id,
        asked.text,
        template.body,
        parameters,
        dict(asked.tags),
        list(asked.capabilities),
        imports,
        template.description,
        has_macros,
    )


async def preflight(asked: Asked, world: World) -> Template:
    """What a change set refuses at once, before it is prepared: all that needs no macro."""
    template = templates.read(asked.text, from_s3=asked.from_s3)
    refuse_unasked_permissions(template, asked.capabilities)
    await resolve_parameters(template.parameters, asked.given, previous=_given_before(asked), ssm=world.ssm)
    if not template.transforms and not _has_inner_transform(template.body):
        templates.check_expanded(template, world.types.names())
        check_references(template, world.types.supports_attribute)
    return template


def _given_before(asked: Asked) -> dict[str, str]:
    return {} if asked.previous is None else {p.name: p.given for p in asked.previous.parameters.values()}


def needed_capabilities(template: Template) -> tuple[list[str], str]:
    """(capabilities, reason) as GetTemplateSummary and ValidateTemplate tell."""
    kinds, is_named = _iam_resources(template)
    if kinds:
        needed = [NAMED_IAM] if is_named else [IAM]
        return needed, f"The following resource(s) require capabilities: [{', '.join(kinds)}]"
    if template.transforms:
        return [AUTO_EXPAND], f"The following transforms require capabilities: {template.transforms}"
    return [], ""


def refuse_unasked_permissions(template: Template, capabilities: Sequence[str]) -> None:
    kinds, is_named = _iam_resources(template)
    if is_named and NAMED_IAM not in capabilities:
        raise InsufficientCapabilitiesException(NAMED_IAM)
    if kinds and not {IAM, NAMED_IAM} & set(capabilities):
        raise InsufficientCapabilitiesException(IAM)


def _iam_resources(template: Template) -> tuple[list[str], bool]:
    kinds: dict[str, None] = {}
    is_named = False
    for resource in template.resources.values():
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if kind in NAMES_OF_IAM_TYPES:
            kinds[kind] = None
            is_named |= NAMES_OF_IAM_TYPES[kind] in (resource.get("Properties") or {})
    return list(kinds), is_named


def _has_inner_transform(value: Any) -> bool:
    if isinstance(value, dict):
        return "Fn::Transform" in value or any(_has_inner_transform(member) for member in value.values())
    return isinstance(value, list) and any(_has_inner_transform(item) for item in value)


def _refuse_other_types(template: Template, allowed: Sequence[str]) -> None:
    """The request's ResourceTypes: "AWS::EC2::*", "AWS::*", "Custom::*" or whole names."""
    if not allowed:
        return
    for resource in template.resources.values():
        if not any(fnmatchcase(resource["Type"], pattern) for pattern in allowed):
            raise ValidationError(f"Resource type {resource['Type']} is not allowed by parameter ResourceTypes")


def _refuse_snapshots(template: Template, types: ResourceTypes) -> None:
    for logical_id, resource in template.resources.items():
        known = types.get(resource["Type"])
        for member in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.get(member) == "Snapshot" and known is not None and not known.snapshots:
                raise format_error(
                    f"Resource type {resource['Type']} does not support {member} Snapshot (resource {logical_id})"
                )


def _refuse_policies(template: Template) -> None:
    """Signals and rolling updates are the business of types that nobody wrote yet."""
    for logical_id, resource in template.resources.items():
        for member in ("CreationPolicy", "UpdatePolicy"):
            if member in resource:
                raise NotImplementedByUs(f"the {member} of the resource {logical_id}")


def before_of(stack: Stack, blueprint: Blueprint | None, rows: Mapping[str, Resource]) -> Before:
    """The stack as it is, for the plan of a change set."""
    if blueprint is None:
        return Before()
    resources = {
        name: Deployed(
            row.type,
            row.physical_id,
            row.source,
            row.properties,
            Made(row.physical_id if row.reference is None else row.reference, row.attributes),
        )
        for name, row in rows.items()
        if row.is_there and not row.status.endswith("_FAILED")  # those are to be made again
    }
    return Before(resources, stack.outputs, values_of(blueprint.parameters), blueprint.tags)
