"""Dynamic references: {{resolve:ssm:name:version}}, {{resolve:ssm-secure:…}}, {{resolve:secretsmanager:id:…}}.

Resolved last, when a resource is about to be made, and never written down: a stack's template, events and change sets
show the reference, not the secret. Source: user guide, "Dynamic references".
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pileus.stacks.errors import ValidationError

_REFERENCE = re.compile(r"\{\{resolve:([a-z-]+):([^{}]+)\}\}")
MOST_IN_A_TEMPLATE = 60
SERVICES = ("ssm", "ssm-secure", "secretsmanager")


@dataclass(frozen=True)
class DynamicReference:
    """`name` is the parameter's or the secret's; the rest is None where the reference does not say.

    version      of an SSM parameter
    json_key, stage, version_id   of a secret
    """

    service: str
    name: str
    version: str | None = None
    json_key: str | None = None
    stage: str | None = None
    version_id: str | None = None


Resolver = Callable[[DynamicReference], Awaitable[str]]


def parse_reference(service: str, rest: str) -> DynamicReference:
    if service not in SERVICES:
        raise ValidationError(f"Template error: Dynamic reference service {service} is not supported")
    wrong = ValidationError(
        f"Incorrect format is used in the following SSM reference: [{rest}]"
        if service != "secretsmanager"
        else f"Could not parse SecretString JSON reference [{rest}]"
    )
    if service != "secretsmanager":
        # A shared parameter is named by its ARN, which has colons of its own.
        match = re.fullmatch(r"(arn:[^:]+:ssm:[^:]*:[^:]*:[^:]+|[A-Za-z0-9_.\-/]+)(?::(\d+))?", rest)
        if not match:
            raise wrong
        return DynamicReference(service, match.group(1), version=match.group(2))
    if rest.startswith("arn:"):
        parts = rest.split(":")
        if len(parts) < 7:
            raise wrong
        name, rest_parts = ":".join(parts[:7]), parts[7:]
    else:
        name, *rest_parts = rest.split(":")
    if rest_parts and rest_parts[0] not in ("SecretString", ""):
        raise ValidationError(
            f"Template error: secretsmanager references support only SecretString, not {rest_parts[0]}"
        )
    key, stage, version_id, *more = [part or None for part in rest_parts[1:]] + [None, None, None]
    if [part for part in more if part] or not name:
        raise wrong
    if stage and version_id:
        raise ValidationError(
            "Template error: a secretsmanager reference has a version stage or a version id, not both"
        )
    return DynamicReference(service, name, json_key=key, stage=stage, version_id=version_id)


def dynamic_references_in(value: Any) -> list[DynamicReference]:
    """Each once, in the order they occur."""
    found: dict[DynamicReference, None] = {}

    def look(inner: Any) -> None:
        if isinstance(inner, str):
            for service, rest in _REFERENCE.findall(inner):
                found[parse_reference(service, rest)] = None
        elif isinstance(inner, dict | list):
            for item in inner.values() if isinstance(inner, dict) else inner:
                look(item)

    look(value)
    return list(found)


async def resolve_dynamic(value: Any, resolver: Resolver) -> Any:
    """`value` with every reference replaced; each is asked for once."""
    references = dynamic_references_in(value)
    if not references:
        return value
    answers = {reference: await resolver(reference) for reference in references}

    def fill(inner: Any) -> Any:
        if isinstance(inner, str):
            return _REFERENCE.sub(lambda match: answers[parse_reference(match.group(1), match.group(2))], inner)
        if isinstance(inner, dict):
            return {key: fill(item) for key, item in inner.items()}
        if isinstance(inner, list):
            return [fill(item) for item in inner]
        return inner

    return fill(value)
