"""The transitions of stacks: an operation begins, turns from phase to phase, ends; a step begins, ends, fails.

Each writes the rows and the events that tell of them in one transaction. While an operation is under way there is an
event in the outbox or a timer that will bring the executor back to it: that is what makes a killed process go on.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from pileus.stacks import exports
from pileus.stacks.records import (
    BLUEPRINTS,
    CLEAN,
    DELETED,
    EVENTS,
    IN_REVIEW,
    LEFTOVERS,
    MAKE,
    OF_A_STACK,
    OPERATIONS,
    REMOVE,
    RESOURCES,
    STACK_TYPE,
    STACKS,
    UNDO,
    Blueprint,
    Leftover,
    Operation,
    Resource,
    Stack,
    StackEvent,
)
from pileus.store.transaction import Transaction

WORK = "cloudformation.work"
"""The outbox's event that brings the executor to a stack."""
WAKE = "cloudformation.wake"
DEADLINE = "cloudformation.deadline"
FORGET = "cloudformation.forget"
FORGET_AFTER_MS = 90 * 86_400_000
"""Source: API reference, ListStacks: summaries of deleted stacks are kept for 90 days."""

# The stack's status while an operation is in a phase, and when it ends there.
UNDER_WAY = {
    ("create", MAKE): "CREATE_IN_PROGRESS",
    ("create", REMOVE): "ROLLBACK_IN_PROGRESS",
    ("update", MAKE): "UPDATE_IN_PROGRESS",
    ("update", UNDO): "UPDATE_ROLLBACK_IN_PROGRESS",
    ("delete", REMOVE): "DELETE_IN_PROGRESS",
}


def stack_by_id(tx: Transaction, stack_id: str) -> Stack | None:
    return STACKS.get(tx, stack_id)


def stack_named(tx: Transaction, account: str, region: str, name: str) -> Stack | None:
    """The live stack of that name."""
    return STACKS.by_name.first(tx, account, region, name)


def blueprint_of(tx: Transaction, stack: Stack) -> Blueprint | None:
    return BLUEPRINTS.get(tx, stack.id, stack.blueprint) if stack.blueprint else None


def operation_of(tx: Transaction, stack_id: str) -> Operation | None:
    """The one under way."""
    stack = STACKS.get(tx, stack_id)
    return OPERATIONS.get(tx, stack_id, stack.operation) if stack is not None and stack.operation else None


def operation_with_token(tx: Transaction, stack_id: str, token: str) -> Operation | None:
    return OPERATIONS.by_token.first(tx, stack_id, token)


# Telling


def tell_of_stack(tx: Transaction, stack: Stack, status: str, reason: str = "", client_token: str = "") -> Stack:
    """The stack's status changes, and its event says so."""
    stack = replace(stack, status=status, reason=reason)
    STACKS.put(tx, stack)
    number = tx.next_sequence()
    EVENTS.insert(
        tx,
        StackEvent(
            stack.id,
            number,
            tx.ids.uuid(),
            stack.name,
            stack.id,
            STACK_TYPE,
            status,
            tx.now_ms,
            reason,
            client_token=client_token,
        ),
    )
    return stack


def tell_of_resource(
    tx: Transaction, resource: Resource, operation: Operation, *, properties: Mapping[str, Any] | None = None
) -> None:
    number = tx.next_sequence()
    event_id = f"{resource.logical_id}-{tx.ids.uuid()}"  # tools tell events apart by it
    shown = resource.properties if properties is None else properties
    EVENTS.insert(
        tx,
        StackEvent(
            resource.stack_id,
            number,
            event_id,
            resource.logical_id,
            resource.physical_id,
            resource.type,
            resource.status,
            tx.now_ms,
            resource.reason,
            dict(shown),
            operation.client_token,
        ),
    )


# An operation


def begin(tx: Transaction, stack: Stack, operation: Operation, blueprint: Blueprint | None) -> Stack:
    """Write down that `operation` begins on `stack`. Whoever calls has checked that the stack may."""
    if blueprint is not None:
        BLUEPRINTS.put(tx, blueprint)
        exports.import_for(tx, stack, blueprint)
    _leave_what_was_replaced(tx, stack)
    OPERATIONS.put(tx, operation)
    changes: dict[str, Any] = {"operation": operation.id, "revision": stack.revision + 1}
    if operation.role_arn:
        changes["role_arn"] = operation.role_arn
    if operation.kind == "create":
        changes["blueprint"] = operation.target
    elif operation.kind == "update":
        changes["updated_ms"] = tx.now_ms
    else:
        changes["deleted_ms"] = tx.now_ms
    stack = replace(stack, **changes)
    if operation.deadline_ms:
        tx.wake_at(operation.deadline_ms, DEADLINE, stack.id)
    stack = tell_of_stack(
        tx, stack, UNDER_WAY[operation.kind, operation.phase], "User Initiated", operation.client_token
    )
    call_executor(tx, stack.id)
    return stack


def _leave_what_was_replaced(tx: Transaction, stack: Stack) -> None:
    """An update that was neither finished nor undone left two things for one row: the older one is to be deleted."""
    for row in list(RESOURCES.scan(tx, stack.id)):
        if row.before is None:
            continue
        if row.physical_id and row.before.physical_id and row.before.physical_id != row.physical_id:
            LEFTOVERS.put(tx, Leftover(stack.id, row.logical_id, row.before, "Delete", is_row=False))
        RESOURCES.put(tx, replace(row, before=None))


def call_executor(tx: Transaction, stack_id: str) -> None:
    tx.emit(WORK, {"stack": stack_id})


def park(tx: Transaction, stack_id: str, until_ms: int) -> None:
    tx.wake_at(until_ms, WAKE, stack_id)


def wake(tx: Transaction, stack_id: str) -> None:
    """A timer's transition: the executor looks at the stack again."""
    if operation_of(tx, stack_id) is not None:
        call_executor(tx, stack_id)


def pass_deadline(tx: Transaction, stack_id: str) -> None:
    """A timer's transition: the creation took longer than TimeoutInMinutes."""
    operation = operation_of(tx, stack_id)
    if operation is not None and operation.phase == MAKE and 0 < operation.deadline_ms <= tx.now_ms:
        turn_back(tx, operation, "Stack creation time exceeded the specified timeout.")


def turn_back(tx: Transaction, operation: Operation, reason: str) -> None:
    OPERATIONS.put(tx, replace(operation, turned_back=reason))
    call_executor(tx, operation.stack_id)


def forget(tx: Transaction, stack_id: str) -> None:
    """A timer's transition: ninety days after its deletion."""
    STACKS.delete(tx, stack_id)
    for table in OF_A_STACK:
        table.delete_all(tx, stack_id)


def turn(
    tx: Transaction, operation: Operation, phase: str, status: str, reason: str, left_out: Iterable[str] = ()
) -> None:
    """The operation goes on in `phase`, with the stack in `status`."""
    stack = STACKS.get(tx, operation.stack_id)
    OPERATIONS.put(tx, replace(operation, phase=phase, failed={}, turned_back="", left_out=list(left_out)))
    tell_of_stack(tx, stack, status, reason, operation.client_token)


def end(tx: Transaction, operation: Operation, status: str, reason: str = "") -> None:
    """The operation is over, and so says the stack's terminal event."""
    stack = STACKS.get(tx, operation.stack_id)
    OPERATIONS.put(tx, replace(operation, ended_as=status, turned_back=""))
    tx.cancel_wake(WAKE, stack.id)
    tx.cancel_wake(DEADLINE, stack.id)
    changes: dict[str, Any] = {"operation": ""}
    if status == DELETED:
        changes["deleted_ms"] = tx.now_ms
        exports.withdraw(tx, stack)
        tx.wake_at(tx.now_ms + FORGET_AFTER_MS, FORGET, stack.id)
    elif operation.kind == "delete":
        changes["deleted_ms"] = None
    elif status == "ROLLBACK_COMPLETE":
        exports.withdraw(tx, stack)  # nothing is left that would use what it imports
    stack = tell_of_stack(tx, replace(stack, **changes), status, reason, operation.client_token)
    if stack.parent_id and operation_of(tx, stack.parent_id) is not None:
        call_executor(tx, stack.parent_id)


def settle_outputs(tx: Transaction, operation: Operation, outputs: list) -> None:
    """All is made: the stack is its new blueprint now, tells its outputs and exports.

    raises ValidationError  an export's name is taken, or one that is used would change or go
    """
    stack = STACKS.get(tx, operation.stack_id)
    exports.publish(tx, stack, outputs)
    exports.import_for(tx, stack, BLUEPRINTS.get(tx, stack.id, operation.target), only=True)
    STACKS.put(tx, replace(stack, blueprint=operation.target, outputs=outputs))


def finish_making(tx: Transaction, operation: Operation, outputs: list, kept: Iterable[str]) -> None:
    """A creation ends; an update goes on to clean away what it replaced and what is not among `kept`."""
    settle_outputs(tx, operation, outputs)
    if operation.kind == "create":
        return end(tx, operation, "CREATE_COMPLETE")
    names = set(kept)
    for resource in RESOURCES.scan(tx, operation.stack_id):
        before = resource.before
        if resource.logical_id not in names:
            if resource.is_there:
                policy = resource.source.get("DeletionPolicy", "Delete")
                _leave(tx, resource.stack_id, resource.logical_id, resource.image(), policy, is_row=True)
            else:
                RESOURCES.delete(tx, resource.stack_id, resource.logical_id)
        elif resource.touched_in == operation.id:
            if before is not None and before.physical_id and before.physical_id != resource.physical_id:
                policy = resource.source.get("UpdateReplacePolicy", "Delete")
                _leave(tx, resource.stack_id, resource.logical_id, before, policy, is_row=False)
            RESOURCES.put(tx, replace(resource, before=None))
    return turn(tx, operation, CLEAN, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")


def finish_undoing(tx: Transaction, operation: Operation) -> None:
    """What the update added is cleaned away next; what it replaced was put back by the steps."""
    stack = STACKS.get(tx, operation.stack_id)
    previous = BLUEPRINTS.get(tx, stack.id, operation.previous)
    if previous is not None:
        exports.import_for(tx, stack, previous, only=True)
    for resource in RESOURCES.scan(tx, operation.stack_id):
        if resource.touched_in != operation.id:
            continue
        if resource.before is None:
            if resource.is_there:
                policy = resource.source.get("DeletionPolicy", "Delete")
                policy = "Retain" if policy == "Retain" and not operation.retain_except_on_create else "Delete"
                _leave(tx, resource.stack_id, resource.logical_id, resource.image(), policy, is_row=True)
            else:
                RESOURCES.delete(tx, resource.stack_id, resource.logical_id)
        else:
            RESOURCES.put(tx, replace(resource, before=None, touched_in=""))
    turn(tx, operation, CLEAN, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "")


def _leave(tx: Transaction, stack_id: str, logical_id: str, image, policy: Any, *, is_row: bool) -> None:
    policy = policy if isinstance(policy, str) else "Delete"
    LEFTOVERS.put(
        tx, Leftover(stack_id, logical_id, image, "Retain" if policy == "RetainExceptOnCreate" else policy, is_row)
    )


def review(tx: Transaction, stack: Stack) -> Stack:
    """A stack that a change set will create."""
    return tell_of_stack(tx, stack, IN_REVIEW, "User Initiated")
