"""Change sets, and what begins the operations of stacks. The stacks' own rows are in stacks/records.py.

Quotas (user guide, "CloudFormation quotas"): 2,000 stacks a region and account, 1,000 change sets a stack.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from pileus.kernel.principal import Principal
from pileus.services.cloudformation import errors
from pileus.stacks import exports, ledger
from pileus.stacks.records import (
    BLUEPRINTS,
    DELETED,
    EVENTS,
    IN_REVIEW,
    MAKE,
    OPERATIONS,
    RESOURCES,
    STACKS,
    UNDO,
    Blueprint,
    Operation,
    Stack,
)
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

MAX_STACKS = 2_000
MAX_CHANGE_SETS = 1_000
PAGE = 100

PREPARE = "cloudformation.prepare-change-set"


class ChangeSet(msgspec.Struct, frozen=True):
    """
    template, given, resource_types   as asked; what they come to is in the blueprint once it is made
    from_s3                           the template came from S3, where it may be larger
    revision                          the stack's when this was asked for: it is obsolete for any other
    operation                         the one that executes it, or ""
    """

    id: str
    stack_id: str
    account: str
    region: str
    name: str
    kind: str
    status: str
    created_ms: int
    actor: Principal
    template: str
    from_s3: bool
    given: list[dict[str, Any]]
    tags: dict[str, str]
    capabilities: list[str]
    resource_types: list[str]
    role_arn: str
    revision: int
    reason: str = ""
    description: str | None = None
    on_failure: str | None = None
    client_token: str = ""
    blueprint: str = ""
    changes: list[dict[str, Any]] = []
    operation: str = ""


CHANGE_SETS = Table(
    "cloudformation.change-set",
    ChangeSet,
    key=lambda row: (row.id,),
    by_name=Index(lambda row: (row.stack_id, row.name)),
)


# Finding


def find_stack(tx: Transaction, account: str, region: str, name_or_id: str) -> Stack | None:
    """By name only one that lives; by id any that is remembered."""
    if name_or_id.startswith("arn:"):
        stack = STACKS.get(tx, name_or_id)
        return stack if stack is not None and stack.account == account and stack.region == region else None
    return ledger.stack_named(tx, account, region, name_or_id)


def require_stack(tx: Transaction, account: str, region: str, name_or_id: str) -> Stack:
    stack = find_stack(tx, account, region, name_or_id)
    if stack is None:
        raise errors.StackDoesNotExist(name_or_id)
    return stack


def stack_and_blueprint(tx: Transaction, account: str, region: str, name_or_id: str) -> tuple[Stack, Blueprint | None]:
    stack = require_stack(tx, account, region, name_or_id)
    return stack, shown_blueprint(tx, stack)


def shown_blueprint(tx: Transaction, stack: Stack) -> Blueprint | None:
    """What DescribeStacks shows: while an update makes its way, what it makes."""
    operation = ledger.operation_of(tx, stack.id)
    if operation is not None and operation.kind == "update" and operation.phase == MAKE:
        return BLUEPRINTS.get(tx, stack.id, operation.target)
    return ledger.blueprint_of(tx, stack)


def live_stacks(tx: Transaction, account: str, region: str, after: str | None) -> list[tuple[Stack, Blueprint | None]]:
    found = []
    for stack in STACKS.by_name.scan(tx, account, region, after=after):
        found.append((stack, shown_blueprint(tx, stack)))
        if len(found) == PAGE:
            break
    return found


def newest_stacks(
    tx: Transaction, account: str, region: str, statuses: set[str], before: int | None
) -> list[tuple[Stack, str | None]]:
    """For ListStacks, the deleted ones too."""
    found = []
    for stack in STACKS.by_creation.scan(tx, account, region, until=before, reverse=True):
        if not statuses or stack.status in statuses:
            blueprint = ledger.blueprint_of(tx, stack)
            found.append((stack, None if blueprint is None else blueprint.description))
            if len(found) == PAGE:
                break
    return found


def resources_of(tx: Transaction, stack: Stack, after: str | None = None, limit: int | None = None) -> list:
    found = []
    for row in RESOURCES.scan(tx, stack.id, after=after):
        found.append(row)
        if len(found) == limit:
            break
    return found


def resource_with_physical_id(tx: Transaction, account: str, region: str, physical_id: str):
    """(stack, row) of the stack that has it, or None."""
    for stack in STACKS.by_name.scan(tx, account, region):
        for row in RESOURCES.scan(tx, stack.id):
            if row.physical_id == physical_id:
                return stack, row
    return None


def macro_function(tx: Transaction, account: str, region: str, name: str) -> str | None:
    """The function of the macro `name`: a resource of some stack."""
    for stack in STACKS.by_name.scan(tx, account, region):
        for row in RESOURCES.scan(tx, stack.id):
            if row.type == "AWS::CloudFormation::Macro" and row.is_there and row.physical_id == name:
                return row.properties["FunctionName"]
    return None


def events_of(tx: Transaction, stack: Stack, before: int | None) -> list:
    found = []
    for event in EVENTS.scan(tx, stack.id, until=before, reverse=True):
        found.append(event)
        if len(found) == PAGE:
            break
    return found


# Beginning operations


def create_stack(tx: Transaction, stack: Stack, operation: Operation, blueprint: Blueprint) -> Stack:
    there = ledger.stack_named(tx, stack.account, stack.region, stack.name)
    if there is not None:
        earlier = operation.client_token and ledger.operation_with_token(tx, there.id, operation.client_token)
        if earlier and earlier.kind == "create":
            _refuse_other_request(earlier, operation)
            return there
        raise errors.AlreadyExistsException(f"Stack [{stack.name}] already exists")
    return ledger.begin(tx, replace(stack, creation_order=tx.next_sequence()), operation, blueprint)


def update_stack(tx: Transaction, stack: Stack, operation: Operation, blueprint: Blueprint) -> Stack:
    current = STACKS.get(tx, stack.id)
    if current is None or current.status == DELETED:
        raise errors.StackDoesNotExist(stack.name)
    if repeated := _repeated(tx, current, operation):
        return repeated
    refuse_unless_updatable(current)
    if current.revision != stack.revision:
        raise errors.ValidationError(f"Stack [{stack.name}] has changed meanwhile, try again")
    return ledger.begin(tx, current, replace(operation, previous=current.blueprint), blueprint)


def refuse_unless_updatable(stack: Stack) -> None:
    is_done = stack.status.endswith("_COMPLETE") and stack.status not in ("ROLLBACK_COMPLETE", DELETED)
    if stack.operation or not (is_done or stack.status in ("CREATE_FAILED", "UPDATE_FAILED")):
        raise errors.ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


def delete_stack(tx: Transaction, stack_id: str, operation: Operation) -> None:
    """Begin, or do nothing where the deletion is under way already."""
    stack = STACKS.get(tx, stack_id)
    if stack is None or stack.status == DELETED:
        return
    if stack.status == "DELETE_IN_PROGRESS" or _repeated(tx, stack, operation):
        return
    if stack.is_protected:
        raise errors.ValidationError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
    if stack.operation and stack.status not in ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
        raise errors.ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be deleted.")
    if operation.left_out:
        if stack.status != "DELETE_FAILED":
            raise errors.ValidationError(
                "Invalid operation on stack. specify ResourcesToRetain only when the stack is in the DELETE_FAILED state"
            )
        rows = {row.logical_id for row in RESOURCES.scan(tx, stack.id)}
        if strangers := [name for name in operation.left_out if name not in rows]:
            raise errors.ValidationError(f"Resources [{', '.join(strangers)}] do not exist in stack {stack.name}")
    if operation.is_forced and stack.status != "DELETE_FAILED":
        raise errors.ValidationError("FORCE_DELETE_STACK is only valid for stacks in the DELETE_FAILED state")
    exports.refuse_deletion_of_used(tx, stack)
    _delete_change_sets(tx, stack)
    if stack.operation:  # a creation that its owner does not want any more
        under_way = OPERATIONS.get(tx, stack.id, stack.operation)
        OPERATIONS.put(tx, replace(under_way, ended_as=stack.status))
    if stack.status == IN_REVIEW:
        stack = replace(stack, deleted_ms=tx.now_ms)
        ledger.tell_of_stack(tx, stack, DELETED, "User Initiated", operation.client_token)
        return
    ledger.begin(tx, stack, operation, None)


def _repeated(tx: Transaction, stack: Stack, operation: Operation) -> Stack | None:
    earlier = operation.client_token and ledger.operation_with_token(tx, stack.id, operation.client_token)
    if not earlier:
        return None
    if earlier.kind != operation.kind:
        raise errors.TokenAlreadyExistsException(
            f"A client request token can only be used once: {operation.client_token}"
        )
    return stack


def _refuse_other_request(earlier: Operation, operation: Operation) -> None:
    if earlier.request != operation.request:
        raise errors.TokenAlreadyExistsException(
            f"A client request token can only be used once: {operation.client_token}"
        )


def cancel_update(tx: Transaction, stack_id: str) -> None:
    stack = STACKS.get(tx, stack_id)
    operation = ledger.operation_of(tx, stack_id)
    if operation is None or operation.kind != "update" or operation.phase != MAKE:
        raise errors.ValidationError(f"CancelUpdateStack cannot be called from current stack status {stack.status}")
    # Told at once, so that the caller sees it; the executor turns back when the steps under way have ended.
    ledger.turn_back(tx, operation, "User Initiated")


def continue_rollback(tx: Transaction, stack_id: str, operation: Operation) -> None:
    """Take up the undoing of the update that could not be undone, with the resources `operation.left_out` as they are.

    The words for a resource that may not be skipped are ours: AWS documents none.
    """
    stack = STACKS.get(tx, stack_id)
    if stack.status != "UPDATE_ROLLBACK_FAILED":
        raise errors.ValidationError(
            f"Stack:{stack.id} is in {stack.status} state and can not continue the update rollback."
        )
    failed = [row for row in OPERATIONS.scan(tx, stack.id) if row.ended_as == "UPDATE_ROLLBACK_FAILED"]
    undone = max(failed, key=lambda row: row.started_ms)
    strange = sorted({*operation.left_out} - undone.failed.keys() - {*undone.left_out})
    if strange:
        raise errors.ValidationError(
            f"The rollback of [{', '.join(strange)}] has not failed: only resources whose rollback failed can be skipped."
        )
    again = replace(
        undone,
        phase=UNDO,
        failed={},
        ended_as="",
        actor=operation.actor,
        role_arn=operation.role_arn or undone.role_arn,
        left_out=operation.left_out,
        client_token=operation.client_token,
    )
    OPERATIONS.put(tx, again)
    stack = replace(stack, operation=again.id)
    ledger.tell_of_stack(tx, stack, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", operation.client_token)
    ledger.call_executor(tx, stack.id)


def protect(tx: Transaction, stack_id: str, is_protected: bool) -> None:
    STACKS.put(tx, replace(STACKS.get(tx, stack_id), is_protected=is_protected))


# Change sets


def find_change_set(tx: Transaction, account: str, region: str, name_or_id: str, stack: str | None) -> ChangeSet:
    if name_or_id.startswith("arn:"):
        found = CHANGE_SETS.get(tx, name_or_id)
        if found is not None and (found.account, found.region) == (account, region):
            return found
        raise errors.ChangeSetNotFound(name_or_id)
    if not stack:
        raise errors.ValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
    owner = require_stack(tx, account, region, stack)
    found = CHANGE_SETS.by_name.first(tx, owner.id, name_or_id)
    if found is None:
        raise errors.ChangeSetNotFound(name_or_id)
    return found


def add_change_set(tx: Transaction, change_set: ChangeSet, stack: Stack | None) -> ChangeSet:
    """Write it down to be prepared. `stack` is the one to put in review where a CREATE finds none."""
    if stack is not None:
        if ledger.stack_named(tx, stack.account, stack.region, stack.name) is not None:
            raise errors.AlreadyExistsException(f"Stack [{stack.name}] already exists")
        ledger.review(tx, replace(stack, creation_order=tx.next_sequence()))
    there = CHANGE_SETS.by_name.first(tx, change_set.stack_id, change_set.name)
    if there is not None:
        if change_set.client_token and there.client_token == change_set.client_token:
            return there
        raise errors.AlreadyExistsException(f"ChangeSet {change_set.id} already exists")
    count = sum(1 for _ in CHANGE_SETS.by_name.keys(tx, change_set.stack_id))
    if count >= MAX_CHANGE_SETS:
        raise errors.ValidationError(f"A stack can have at most {MAX_CHANGE_SETS} change sets")
    CHANGE_SETS.put(tx, change_set)
    tx.emit(PREPARE, {"change_set": change_set.id})
    return change_set


def change_set_in_progress(tx: Transaction, change_set_id: str) -> ChangeSet | None:
    """The change set, marked as under way; None where there is nothing to prepare (any more)."""
    change_set = CHANGE_SETS.get(tx, change_set_id)
    if change_set is None or change_set.status not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        return None
    change_set = replace(change_set, status="CREATE_IN_PROGRESS")
    CHANGE_SETS.put(tx, change_set)
    return change_set


def change_set_ready(tx: Transaction, change_set_id: str, blueprint: Blueprint, changes: list[dict]) -> None:
    change_set = CHANGE_SETS.get(tx, change_set_id)
    if change_set is None:
        return
    BLUEPRINTS.put(tx, blueprint)
    CHANGE_SETS.put(tx, replace(change_set, status="CREATE_COMPLETE", blueprint=blueprint.id, changes=changes))


def change_set_failed(tx: Transaction, change_set_id: str, reason: str, blueprint: Blueprint | None = None) -> None:
    change_set = CHANGE_SETS.get(tx, change_set_id)
    if change_set is None:
        return
    if blueprint is not None:
        BLUEPRINTS.put(tx, blueprint)
        change_set = replace(change_set, blueprint=blueprint.id)
    CHANGE_SETS.put(tx, replace(change_set, status="FAILED", reason=reason))


def execute_change_set(
    tx: Transaction, change_set_id: str, operation: Operation, *, disable_rollback: bool | None
) -> None:
    change_set = CHANGE_SETS.get(tx, change_set_id)
    if change_set is None:
        raise errors.ChangeSetNotFound(change_set_id)
    stack = STACKS.get(tx, change_set.stack_id)
    if change_set.operation:
        if change_set.operation == stack.operation and _repeated(tx, stack, operation):
            return
        raise errors.InvalidChangeSetStatus(
            f"ChangeSet [{change_set.id}] cannot be executed in its current execution status of [EXECUTE_COMPLETE]"
        )
    state, _ = execution_of(tx, change_set)
    if state != "AVAILABLE":
        raise errors.InvalidChangeSetStatus(
            f"ChangeSet [{change_set.id}] cannot be executed in its current execution status of [{state}]"
            if change_set.status == "CREATE_COMPLETE"
            else f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]"
        )
    blueprint = BLUEPRINTS.get(tx, stack.id, change_set.blueprint)
    for other in list(CHANGE_SETS.by_name.scan(tx, stack.id)):
        if other.id != change_set.id:
            _drop_change_set(tx, other)
    CHANGE_SETS.put(tx, replace(change_set, operation=operation.id))
    stack = replace(stack, change_set_id=change_set.id)
    if disable_rollback is not None:
        stack = replace(stack, disable_rollback=disable_rollback)
    if operation.kind == "update":
        refuse_unless_updatable(stack)
        operation = replace(operation, previous=stack.blueprint)
    ledger.begin(tx, stack, replace(operation, target=blueprint.id), blueprint)


def execution_of(tx: Transaction, change_set: ChangeSet) -> tuple[str, Stack | None]:
    """ExecutionStatus, and the stack."""
    stack = STACKS.get(tx, change_set.stack_id)
    if change_set.operation:
        operation = OPERATIONS.get(tx, change_set.stack_id, change_set.operation)
        if operation is None or not operation.ended_as:
            return "EXECUTE_IN_PROGRESS", stack
        succeeded = operation.ended_as in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        return ("EXECUTE_COMPLETE" if succeeded else "EXECUTE_FAILED"), stack
    if change_set.status != "CREATE_COMPLETE":
        return "UNAVAILABLE", stack
    if stack is None or stack.revision != change_set.revision:
        return "OBSOLETE", stack
    return "AVAILABLE", stack


def delete_change_set(tx: Transaction, change_set_id: str) -> None:
    change_set = CHANGE_SETS.get(tx, change_set_id)
    if change_set is None:
        return
    state, _ = execution_of(tx, change_set)
    if state == "EXECUTE_IN_PROGRESS":
        raise errors.InvalidChangeSetStatus(
            f"ChangeSet [{change_set.id}] cannot be deleted in its current execution status of [{state}]"
        )
    _drop_change_set(tx, change_set)


def _drop_change_set(tx: Transaction, change_set: ChangeSet) -> None:
    CHANGE_SETS.delete(tx, change_set.id)
    if change_set.blueprint and not change_set.operation:
        BLUEPRINTS.delete(tx, change_set.stack_id, change_set.blueprint)


def _delete_change_sets(tx: Transaction, stack: Stack) -> None:
    for change_set in list(CHANGE_SETS.by_name.scan(tx, stack.id)):
        _drop_change_set(tx, change_set)


def change_sets_of(tx: Transaction, stack_id: str) -> list[tuple[ChangeSet, str]]:
    return [(row, execution_of(tx, row)[0]) for row in CHANGE_SETS.by_name.scan(tx, stack_id)]
