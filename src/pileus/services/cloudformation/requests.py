"""What several operations ask in the same words: which parts of a request are honoured, what an operation begins with."""

import hashlib
import json
import re
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.tags import from_list, tag_problem
from pileus.services.cloudformation import sources
from pileus.services.cloudformation.engine import engine_of
from pileus.services.cloudformation.errors import ValidationError
from pileus.stacks import acting
from pileus.stacks.intrinsics import Pseudo
from pileus.stacks.prepare import Asked, World, prepare
from pileus.stacks.records import MAKE, Blueprint, Operation, Stack

STACK_NAME = re.compile("[a-zA-Z][-a-zA-Z0-9]*")
STACK_NAME_CHARACTERS = 128

WITHOUT_EFFECT = {
    "NotificationARNs": [],
    "DeploymentConfig": {},
    "IncludeNestedStacks": False,
    "ImportExistingResources": False,
    "DisableValidation": False,
    "StackPolicyBody": "",
    "StackPolicyURL": "",
    "StackPolicyDuringUpdateBody": "",
    "StackPolicyDuringUpdateURL": "",
}
"""Members that are not honoured, and the value that asks for nothing."""


def refuse_without_effect(call: Call, request: dict) -> None:
    for name, nothing in WITHOUT_EFFECT.items():
        if name in request and request[name] and request[name] != nothing:
            raise NotImplementedByUs(f"cloudformation:{call.operation} with {name}")
    if (request.get("RollbackConfiguration") or {}).get("RollbackTriggers"):
        raise NotImplementedByUs(f"cloudformation:{call.operation} with RollbackConfiguration")
    if request.get("DeploymentMode") not in (None, "STANDARD"):
        raise NotImplementedByUs(f"cloudformation:{call.operation} with DeploymentMode")


def tags_of(request: dict, previous: Blueprint | None) -> dict[str, str]:
    """The stack's tags. An update that gives none keeps them."""
    if request.get("Tags") is None:
        return {} if previous is None else dict(previous.tags)
    tags = from_list(request["Tags"])
    if problem := tag_problem(tags):
        raise ValidationError(problem)
    return tags


def asked_in(request: dict, text: str, from_s3: bool, previous: Blueprint | None) -> Asked:
    return Asked(
        text,
        from_s3,
        request.get("Parameters") or (),
        previous,
        tags_of(request, previous),
        request.get("Capabilities") or (),
        request.get("ResourceTypes") or (),
    )


async def prepared(call: Call, request: dict, pseudo: Pseudo, previous: Blueprint | None) -> tuple[Blueprint, World]:
    """The blueprint that the request describes, checked."""
    text, from_s3 = await sources.template_text(call, request, previous)
    world = await engine_of(call.cloud).world(call)
    return await prepare(asked_in(request, text, from_s3, previous), pseudo, world, call.ids.uuid()), world


async def check_role(call: Call, role_arn: str) -> None:
    """Raises unless CloudFormation can act as it: better now than in the first step."""
    if role_arn:
        await acting.acting_principal(call.cloud, call.principal, role_arn, call.region)


def new_operation(call: Call, stack_id: str, kind: str, request: dict, **more: Any) -> Operation:
    digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
    return Operation(
        stack_id,
        call.ids.uuid(),
        kind,
        more.pop("phase", MAKE),
        call.principal,
        call.now_ms,
        role_arn=request.get("RoleARN") or "",
        client_token=request.get("ClientRequestToken") or "",
        request=digest,
        **more,
    )


def new_stack(call: Call, name: str, status: str, **more: Any) -> Stack:
    _check_name(name)
    stack_id = call.arn("cloudformation", f"stack/{name}/{call.ids.uuid()}")
    return Stack(stack_id, call.account, call.region, name, status, call.now_ms, **more)


def _check_name(name: str) -> None:
    """Letters, digits and hyphens after a letter; the model has no pattern. Source: API reference, CreateStack."""
    wrong = []
    if not STACK_NAME.fullmatch(name):
        wrong.append(f"Member must satisfy regular expression pattern: {STACK_NAME.pattern}")
    if len(name) > STACK_NAME_CHARACTERS:
        wrong.append(f"Member must have length less than or equal to {STACK_NAME_CHARACTERS}")
    if wrong:
        told = "; ".join(f"Value '{name}' at 'stackName' failed to satisfy constraint: {text}" for text in wrong)
        raise ValidationError(f"{len(wrong)} validation error{'s'[: len(wrong) - 1]} detected: {told}")
