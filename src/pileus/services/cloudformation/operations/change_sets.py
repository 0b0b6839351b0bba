"""Change sets: prepared in the background, looked at, executed."""

from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.page import token_out
from pileus.services.cloudformation import answers, errors, requests, sources, state
from pileus.services.cloudformation.engine import engine_of
from pileus.services.cloudformation.operations.stacks import page_start
from pileus.services.cloudformation.requests import new_operation, new_stack
from pileus.stacks import ledger
from pileus.stacks.prepare import preflight
from pileus.stacks.records import BLUEPRINTS, DELETED, IN_REVIEW, Stack

CHANGES_PAGE = 100


async def create_change_set(call: Call, request: dict) -> dict:
    """Write the change set down; it is prepared after the answer, DescribeChangeSet tells when it is ready.

    request  CreateChangeSetInput. ChangeSetType CREATE makes a stack in review where there is none.
    errors   AlreadyExistsException, InsufficientCapabilitiesException, ValidationError
    """
    kind = request.get("ChangeSetType") or "UPDATE"
    if kind == "IMPORT" or request.get("ResourcesToImport"):
        raise NotImplementedByUs("cloudformation:CreateChangeSet with ChangeSetType IMPORT")
    requests.refuse_without_effect(call, request)
    stack, is_new = await _stack_for(call, request["StackName"], kind)
    previous = None
    if kind == "UPDATE":
        _, previous = await call.read(state.stack_and_blueprint, call.account, call.region, stack.id)
    text, from_s3 = await sources.template_text(call, request, previous)
    asked = requests.asked_in(request, text, from_s3, previous)
    world = await engine_of(call.cloud).world(call)
    await preflight(asked, world)
    role_arn = request.get("RoleARN") or ""
    await requests.check_role(call, role_arn)
    name = request["ChangeSetName"]
    change_set = state.ChangeSet(
        call.arn("cloudformation", f"changeSet/{name}/{call.ids.uuid()}"),
        stack.id,
        call.account,
        call.region,
        name,
        kind,
        "CREATE_PENDING",
        call.now_ms,
        call.principal,
        text,
        from_s3,
        [dict(given) for given in asked.given],
        dict(asked.tags),
        list(asked.capabilities),
        list(asked.resource_types),
        role_arn,
        stack.revision,
        description=request.get("Description"),
        on_failure=request.get("OnStackFailure"),
        client_token=request.get("ClientToken") or "",
    )
    change_set = await call.write(state.add_change_set, change_set, stack if is_new else None)
    return {"Id": change_set.id, "StackId": change_set.stack_id}


async def _stack_for(call: Call, name_or_id: str, kind: str) -> tuple[Stack, bool]:
    """The stack the change set is for, and whether it is still to be put in review."""
    stack = await call.read(state.find_stack, call.account, call.region, name_or_id)
    if kind == "CREATE":
        if stack is None and not name_or_id.startswith("arn:"):
            return new_stack(call, name_or_id, IN_REVIEW), True
        if stack is not None and stack.status == IN_REVIEW:
            return stack, False
        if stack is not None and stack.status != DELETED:
            raise errors.AlreadyExistsException(
                f"Stack [{stack.name}] already exists and cannot be created again with the changeSet [{call.operation}]"
            )
    if stack is None or stack.status == DELETED:
        raise errors.ValidationError(f"Stack [{name_or_id}] does not exist")
    if stack.status == IN_REVIEW:
        raise errors.ValidationError(f"Stack [{stack.name}] is in {stack.status} state and can not be updated.")
    state.refuse_unless_updatable(stack)
    return stack, False


async def delete_change_set(call: Call, request: dict) -> dict:
    """Forget a change set. One that is not there is forgotten already.

    request  DeleteChangeSetInput
    errors   InvalidChangeSetStatus: it is being executed
    """
    try:
        change_set = await _find(call, request)
    except errors.ChangeSetNotFound:
        return {}
    await call.write(state.delete_change_set, change_set.id)
    return {}


async def describe_change_set(call: Call, request: dict) -> dict:
    """How far it is, and what it would change, a hundred changes a page.

    request  DescribeChangeSetInput
    errors   ChangeSetNotFound
    """
    if request.get("IncludePropertyValues"):
        raise NotImplementedByUs("cloudformation:DescribeChangeSet with IncludePropertyValues")
    change_set = await _find(call, request)
    execution, stack = await call.read(state.execution_of, change_set)
    blueprint = None
    if change_set.blueprint:
        blueprint = await call.read(BLUEPRINTS.get, change_set.stack_id, change_set.blueprint)
    start = page_start(request, "DescribeChangeSet") or 0
    changes = change_set.changes[start : start + CHANGES_PAGE]
    out = answers.change_set_out(change_set, execution, stack, blueprint, changes)
    if start + CHANGES_PAGE < len(change_set.changes):
        out["NextToken"] = token_out("DescribeChangeSet", start + CHANGES_PAGE)
    return out


async def execute_change_set(call: Call, request: dict) -> dict:
    """Begin the operation that the change set describes.

    request  ExecuteChangeSetInput
    errors   ChangeSetNotFound, InvalidChangeSetStatus
    """
    change_set = await _find(call, request)
    stack = await call.read(ledger.stack_by_id, change_set.stack_id)
    if "DisableRollback" in request and change_set.on_failure:
        raise errors.ValidationError("DisableRollback cannot be used with a change set that has OnStackFailure.")
    on_failure = change_set.on_failure or ("DO_NOTHING" if request.get("DisableRollback") else "ROLLBACK")
    operation = new_operation(
        call,
        change_set.stack_id,
        "create" if stack is not None and stack.status == IN_REVIEW else "update",
        {**request, "RoleARN": change_set.role_arn},
        on_failure=on_failure,
        retain_except_on_create=bool(request.get("RetainExceptOnCreate")),
    )
    await call.write(
        state.execute_change_set, change_set.id, operation, disable_rollback=request.get("DisableRollback")
    )
    return {}


async def list_change_sets(call: Call, request: dict) -> dict:
    """The active change sets of a stack.

    request  ListChangeSetsInput
    """
    stack = await call.read(state.require_stack, call.account, call.region, request["StackName"])
    found = await call.read(state.change_sets_of, stack.id)
    return {"Summaries": [answers.change_set_summary(row, execution, stack) for row, execution in found]}


async def _find(call: Call, request: dict) -> Any:
    return await call.read(
        state.find_change_set, call.account, call.region, request["ChangeSetName"], request.get("StackName")
    )
