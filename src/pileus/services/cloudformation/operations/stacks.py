"""Stacks: created, updated, deleted, listed."""

from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.services.cloudformation import answers, errors, requests, state
from pileus.services.cloudformation.requests import new_operation, new_stack
from pileus.stacks import ledger
from pileus.stacks.plan import make_plan
from pileus.stacks.prepare import before_of
from pileus.stacks.records import DELETED, REMOVE
from pileus.stacks.work import draw, pseudo_of

MINUTE_MS = 60_000


async def cancel_update_stack(call: Call, request: dict) -> None:
    """Turn an update back while it makes its changes.

    request  CancelUpdateStackInput
    errors   ValidationError: no update is under way
    """
    stack = await call.read(state.require_stack, call.account, call.region, request["StackName"])
    await call.write(state.cancel_update, stack.id)


async def continue_update_rollback(call: Call, request: dict) -> dict:
    """Take up a rollback that failed, leaving out ResourcesToSkip.

    request  ContinueUpdateRollbackInput
    errors   ValidationError: the stack is not in UPDATE_ROLLBACK_FAILED, or the rollback of what is skipped did not fail
    """
    if request.get("ForceRollback"):
        raise NotImplementedByUs("cloudformation:ContinueUpdateRollback with ForceRollback")
    stack = await call.read(state.require_stack, call.account, call.region, request["StackName"])
    left_out = list(request.get("ResourcesToSkip") or ())
    if nested := [name for name in left_out if "." in name]:
        raise NotImplementedByUs(f"cloudformation:ContinueUpdateRollback with ResourcesToSkip {nested[0]}")
    await requests.check_role(call, request.get("RoleARN") or "")
    operation = new_operation(call, stack.id, "update", request, left_out=left_out)
    await call.write(state.continue_rollback, stack.id, operation)
    return {}


async def create_stack(call: Call, request: dict) -> dict:
    """Begin to create a stack; DescribeStacks tells how it goes.

    request  CreateStackInput. OnFailure and DisableRollback exclude each other; the default is to roll back.
    errors   AlreadyExistsException, InsufficientCapabilitiesException, ValidationError, TokenAlreadyExistsException
    """
    requests.refuse_without_effect(call, request)
    if "OnFailure" in request and "DisableRollback" in request:
        raise errors.ValidationError("You cannot specify both OnFailure and DisableRollback.")
    on_failure = request.get("OnFailure") or ("DO_NOTHING" if request.get("DisableRollback") else "ROLLBACK")
    minutes = request.get("TimeoutInMinutes")
    parent = _parent(call)
    stack = new_stack(
        call,
        request["StackName"],
        "",
        disable_rollback=on_failure == "DO_NOTHING",
        timeout_minutes=minutes,
        is_protected=bool(request.get("EnableTerminationProtection")),
        retain_except_on_create=bool(request.get("RetainExceptOnCreate")),
        **parent,
    )
    there = await call.read(ledger.stack_named, call.account, call.region, stack.name)
    if there is not None:
        stack = there  # the transition tells whether this is the same request again
    await requests.check_role(call, request.get("RoleARN") or "")
    blueprint, _ = await requests.prepared(call, request, pseudo_of(stack), None)
    operation = new_operation(
        call,
        stack.id,
        "create",
        request,
        target=blueprint.id,
        on_failure=on_failure,
        deadline_ms=call.now_ms + minutes * MINUTE_MS if minutes else 0,
        retain_except_on_create=bool(request.get("RetainExceptOnCreate")),
    )
    stack = await call.write(state.create_stack, stack, operation, blueprint)
    return {"StackId": stack.id}


def _parent(call: Call) -> dict[str, str]:
    """Of a nested stack: the executor's call says on whose behalf it comes."""
    if call.is_from_outside or not call.source_arn or ":cloudformation:" not in call.source_arn:
        return {}
    parent, _ = call.cloud.store.look(ledger.stack_by_id, call.source_arn)
    return {} if parent is None else {"parent_id": parent.id, "root_id": parent.root_id or parent.id}


async def delete_stack(call: Call, request: dict) -> None:
    """Begin to delete a stack. One that is not there is deleted already.

    request  DeleteStackInput. RetainResources only for a stack whose deletion has failed.
    errors   ValidationError: protected, or its exports are in use
    """
    requests.refuse_without_effect(call, request)
    stack = await call.read(state.find_stack, call.account, call.region, request["StackName"])
    if stack is None or stack.status == DELETED:
        return
    await requests.check_role(call, request.get("RoleARN") or "")
    operation = new_operation(
        call,
        stack.id,
        "delete",
        request,
        phase=REMOVE,
        left_out=list(request.get("RetainResources") or ()),
        is_forced=request.get("DeletionMode") == "FORCE_DELETE_STACK",
    )
    await call.write(state.delete_stack, stack.id, operation)


async def describe_stacks(call: Call, request: dict) -> dict:
    """One stack by name or id, or all that live.

    returns  DescribeStacksOutput; a deleted one only by its id
    errors   ValidationError: "Stack with id … does not exist"
    """
    if request.get("StackName"):
        found = await call.read(state.stack_and_blueprint, call.account, call.region, request["StackName"])
        return {"Stacks": [answers.stack_out(*found)]}
    after = page_start(request, "DescribeStacks")
    found = await call.read(state.live_stacks, call.account, call.region, after)
    out: dict[str, Any] = {"Stacks": [answers.stack_out(*pair) for pair in found]}
    if len(found) == state.PAGE:
        out["NextToken"] = token_out("DescribeStacks", found[-1][0].name)
    return out


async def list_stacks(call: Call, request: dict) -> dict:
    """Summaries, the newest first; with those deleted within ninety days.

    request  ListStacksInput
    """
    before = page_start(request, "ListStacks")
    statuses = set(request.get("StackStatusFilter") or ())
    found = await call.read(state.newest_stacks, call.account, call.region, statuses, before)
    out: dict[str, Any] = {"StackSummaries": [answers.summary_out(*pair) for pair in found]}
    if len(found) == state.PAGE:
        out["NextToken"] = token_out("ListStacks", found[-1][0].creation_order)
    return out


async def update_stack(call: Call, request: dict) -> dict:
    """Begin to bring a stack to another template, other parameters or tags.

    request  UpdateStackInput
    errors   ValidationError: "No updates are to be performed.", the stack's status; InsufficientCapabilitiesException
    """
    requests.refuse_without_effect(call, request)
    stack, previous = await call.read(state.stack_and_blueprint, call.account, call.region, request["StackName"])
    state.refuse_unless_updatable(stack)
    role_arn = request.get("RoleARN") or ""
    await requests.check_role(call, role_arn)
    blueprint, world = await requests.prepared(call, request, pseudo_of(stack), previous)
    rows = {row.logical_id: row for row in await call.read(state.resources_of, stack)}
    drawn = draw(blueprint, pseudo_of(stack), world.exports)
    plan = make_plan(before_of(stack, previous, rows), drawn.template, drawn.scope, world.types, tags=blueprint.tags)
    if plan.is_empty and role_arn in ("", stack.role_arn):
        raise errors.ValidationError("No updates are to be performed.")
    operation = new_operation(
        call,
        stack.id,
        "update",
        request,
        target=blueprint.id,
        on_failure="DO_NOTHING" if request.get("DisableRollback") else "ROLLBACK",
        retain_except_on_create=bool(request.get("RetainExceptOnCreate")),
    )
    await call.write(state.update_stack, stack, operation, blueprint)
    return {"StackId": stack.id}


async def update_termination_protection(call: Call, request: dict) -> dict:
    """Protect a stack from deletion, or not.

    request  UpdateTerminationProtectionInput
    """
    stack = await call.read(state.require_stack, call.account, call.region, request["StackName"])
    if stack.parent_id:
        raise errors.ValidationError("TerminationProtection cannot be set on a nested stack")
    await call.write(state.protect, stack.id, request["EnableTerminationProtection"])
    return {"StackId": stack.id}


def page_start(request: dict, operation: str) -> Any:
    """What NextToken stands for, or None at the first page."""
    if not request.get("NextToken"):
        return None
    try:
        return token_in(operation, request["NextToken"])
    except InvalidToken:
        raise errors.ValidationError("NextToken is invalid") from None
