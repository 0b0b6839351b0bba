"""One step on one resource: write down that it begins, do it, write down what came of it.

Killed between the two it runs again, with the same token and the same properties; ResourceType says what that asks of
the types. A step returns when it is done, raises StepFailed once the failure is written down, and StillWaiting (from the
type) where it is to run again later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec.structs import replace

from pileus.kernel.errors import AwsError
from pileus.stacks import ledger
from pileus.stacks.errors import ValidationError
from pileus.stacks.intrinsics import evaluate, unknowns
from pileus.stacks.plan import NESTED_STACK, OTHER_ATTRIBUTES
from pileus.stacks.records import (
    DELETED,
    LEFTOVERS,
    OPERATIONS,
    RESOURCES,
    Image,
    Leftover,
    Operation,
    Resource,
)
from pileus.stacks.resource import Created, InvalidProperty, NotStabilized, ResourceType, StillWaiting, Updated
from pileus.stacks.work import Work
from pileus.store.transaction import Transaction

log = logging.getLogger("pileus.stacks")

TOKEN_CHARACTERS = 16
SKIPPED = "DELETE_SKIPPED"
REPLACES = "Requested update requires the creation of a new physical resource; hence creating one."


class StepFailed(Exception):
    """It is written down why."""


# Making: towards the target


async def make(work: Work, logical_id: str) -> None:
    """Create, replace or update the resource as the target says, or find that nothing changes."""
    row = work.rows.get(logical_id)
    if row is not None and row.done_in == work.mark:
        return work.finished(row)
    operation, template = work.operation, work.target.template
    resource_type = work.types.get(template.type_of(logical_id))
    is_touched = row is not None and row.touched_in == operation.id
    base = row.before if is_touched else (row.image() if row is not None and row.is_there else None)
    try:
        properties = resource_type.coerced(evaluate(template.properties(logical_id), work.scope))
        assert not unknowns(properties), "a step began before what it refers to was made"
        source = _source(work, logical_id)
    except AwsError as error:
        kind = "create" if base is None else "update"
        await _begin(work, logical_id, kind, {}, template.resources[logical_id], base)
        raise await _failed(work, logical_id, kind, error) from error
    if base is None:
        return await _create(work, logical_id, resource_type, properties, source, None)
    has_failed = not is_touched and row.status.endswith("_FAILED")  # an earlier operation left it so
    if not is_touched and not has_failed and not _differs(work, resource_type, base, properties, source):
        return work.finished(row)
    is_half_made = row.status == "CREATE_FAILED" if not is_touched else row.token != base.token
    replaces = resource_type.replaces(base.properties, properties)
    if replaces and not is_half_made:
        try:
            resource_type.check_replaceable(base.properties, properties)
        except InvalidProperty as error:
            await _begin(work, logical_id, "update", dict(base.properties), base.source, base)
            raise await _failed(work, logical_id, "update", error) from error
    if is_half_made or replaces:
        return await _create(work, logical_id, resource_type, properties, source, base)
    return await _update(work, logical_id, resource_type, properties, source, base)


def _source(work: Work, logical_id: str) -> dict[str, Any]:
    """Its member of the template, the policies' functions (language extensions) evaluated."""
    source = dict(work.target.template.resources[logical_id])
    for name in ("DeletionPolicy", "UpdateReplacePolicy"):
        if isinstance(source.get(name), dict):
            source[name] = evaluate(source[name], work.scope)
    return source


def _differs(work: Work, resource_type: ResourceType, base: Image, properties: dict, source: dict) -> bool:
    return _calls_for_update(work, resource_type, base, properties) or any(
        base.source.get(name) != source.get(name) for name in OTHER_ATTRIBUTES
    )


def _calls_for_update(work: Work, resource_type: ResourceType, base: Image, properties: dict) -> bool:
    if base.properties != properties or resource_type.name == NESTED_STACK:
        return True
    tags = work.target.blueprint.tags
    return "Tags" in resource_type.properties and work.previous is not None and work.previous.blueprint.tags != tags


async def _create(
    work: Work, logical_id: str, resource_type: ResourceType, properties: dict, source: dict, base: Image | None
) -> None:
    kind = "create" if base is None else "update"
    row = await _begin(work, logical_id, kind, properties, source, base, replaces=base is not None)

    async def initiated(physical_id: str) -> None:
        work.note(await work.write(_initiated, work.operation, work.rows[logical_id], physical_id))

    async def run() -> Created:
        tags = work.target.blueprint.tags
        context = work.context(logical_id, row.type, row.token, row.step_began_ms, tags, initiated)
        return await resource_type.create(context, await work.resolved(properties))

    created = await _attempt(work, logical_id, kind, resource_type, row.step_began_ms, run)
    if work.rows[logical_id].physical_id != created.physical_id:
        await initiated(created.physical_id)
    await _done(work, logical_id, kind, attributes=dict(created.attributes), reference=created.reference)


async def _update(
    work: Work, logical_id: str, resource_type: ResourceType, properties: dict, source: dict, base: Image
) -> None:
    had_failed = work.rows[logical_id].status == "UPDATE_FAILED"
    row = await _begin(work, logical_id, "update", properties, source, base)
    if not had_failed and not _calls_for_update(work, resource_type, base, properties):
        return await _done(work, logical_id, "update")
    await _bring(work, logical_id, resource_type, row, base, properties, work.target.blueprint.tags)


async def _bring(
    work: Work,
    logical_id: str,
    resource_type: ResourceType,
    row: Resource,
    old: Image,
    properties: dict,
    tags: Mapping[str, str],
    more: Mapping[str, Any] | None = None,
) -> None:
    """Update in place, and write down what came of it."""

    async def run() -> Updated | None:
        context = work.context(logical_id, row.type, row.token, row.step_began_ms, tags)
        before, after = await work.resolved(old.properties), await work.resolved(properties)
        return await resource_type.update(context, row.physical_id, before, after)

    updated = await _attempt(work, logical_id, "update", resource_type, row.step_began_ms, run)
    changes: dict[str, Any] = dict(more or {})
    if updated is not None:
        changes["attributes"] = dict(updated.attributes)
        if updated.reference is not None:
            changes["reference"] = updated.reference
        if updated.physical_id is not None:
            changes["physical_id"] = updated.physical_id
    await _done(work, logical_id, "update", **changes)


# Undoing: back to the image that was taken before


async def undo(work: Work, logical_id: str) -> None:
    """Put the resource back to what it was before the update touched it."""
    row = work.rows[logical_id]
    if row.done_in == work.mark or row.before is None:
        return
    before = row.before
    if logical_id in work.operation.left_out:
        return await _restore(work, row)
    if row.token != before.token or row.physical_id != before.physical_id:
        return await _restore(work, row)  # what replaced it becomes a leftover
    resource_type = work.types.get(row.type)
    if row.properties == before.properties and resource_type.name != NESTED_STACK:
        return await _restore(work, row)
    there = row.image()
    row = work.note(await work.write(_begin_undoing, work.operation, row, work.mark))
    tags = work.previous.blueprint.tags
    # Its row tells what the update made of it until it is undone: a step that runs again starts from the same.
    was = {"source": before.source, "properties": before.properties}
    await _bring(work, logical_id, resource_type, row, there, before.properties, tags, was)


async def _restore(work: Work, row: Resource) -> None:
    work.note(await work.write(_restored, work.operation, row, work.mark))


# Cleaning and removing


async def clean(work: Work, leftover: Leftover) -> None:
    """Delete what an update left over. A failure is told and forgotten, as AWS does."""
    if leftover.policy == "Retain":
        return await work.write(_leftover_gone, work.operation, leftover, SKIPPED, "")
    if not leftover.step_began_ms:
        leftover = await work.write(_begin_cleaning, work.operation, leftover)
    image = leftover.image
    resource_type = work.types.get(image.type)

    async def run() -> None:
        context = work.context(leftover.logical_id, image.type, image.token, leftover.step_began_ms, {})
        await resource_type.delete(context, image.physical_id, await work.resolved(image.properties))

    try:
        await _within(work, resource_type, leftover.step_began_ms, run)
    except AwsError as error:
        await work.write(_leftover_gone, work.operation, leftover, "DELETE_FAILED", reason_of(error, image.token))
    else:
        await work.write(_leftover_gone, work.operation, leftover, DELETED, "")
    return None


async def remove(work: Work, logical_id: str) -> None:
    """Delete the resource, unless its policy or the caller retains it."""
    row = work.rows.get(logical_id)
    if row is None or row.done_in == work.mark:
        return
    operation = work.operation
    if not row.physical_id or row.status == DELETED:
        work.note(await work.write(_removed, operation, row, DELETED, work.mark, tells=row.status != DELETED))
        return
    if _is_retained(operation, row):
        work.note(await work.write(_removed, operation, row, SKIPPED, work.mark))
        return
    if row.begun_in != work.mark:
        row = work.note(await work.write(_begin_removing, operation, row, work.mark))
    resource_type = work.types.get(row.type)

    async def run() -> None:
        context = work.context(logical_id, row.type, row.token, row.step_began_ms, {})
        await resource_type.delete(context, row.physical_id, await work.resolved(row.properties))

    try:
        await _attempt(work, logical_id, "delete", resource_type, row.step_began_ms, run)
    except StepFailed:
        if not operation.is_forced:
            raise
        work.note(await work.write(_removed, operation, work.rows[logical_id], SKIPPED, work.mark))
        return
    work.note(await work.write(_removed, operation, row, DELETED, work.mark))


def _is_retained(operation: Operation, row: Resource) -> bool:
    if row.logical_id in operation.left_out:
        return True
    policy = row.source.get("DeletionPolicy", "Delete")
    if operation.kind == "create":  # its rollback
        return policy == "Retain" and not operation.retain_except_on_create
    return policy in ("Retain", "RetainExceptOnCreate")


# What all steps share


async def _begin(
    work: Work,
    logical_id: str,
    kind: str,
    properties: dict,
    source: Mapping[str, Any],
    base: Image | None,
    *,
    replaces: bool = False,
) -> Resource:
    row = work.rows.get(logical_id)
    if row is not None and row.begun_in == work.mark:
        return row  # it runs again
    type_name = work.target.template.type_of(logical_id)
    row = await work.write(
        _step_begins,
        work.operation,
        row,
        work.mark,
        logical_id,
        type_name,
        kind,
        properties,
        dict(source),
        base,
        replaces,
    )
    return work.note(row)


async def _attempt(
    work: Work,
    logical_id: str,
    kind: str,
    resource_type: ResourceType,
    began_ms: int,
    run: Callable[[], Awaitable[Any]],
) -> Any:
    try:
        return await _within(work, resource_type, began_ms, run)
    except AwsError as error:
        raise await _failed(work, logical_id, kind, error) from error


async def _within(work: Work, resource_type: ResourceType, began_ms: int, run: Callable[[], Awaitable[Any]]) -> Any:
    """Run it for as long as the type's step may take; a mistake of its author's is the step's failure."""
    clock = work.cloud.clock
    deadline_ms = began_ms + resource_type.timeout_s * 1000
    step = work.cloud.tasks.start(f"stacks.step {resource_type.name}", _surprises_told(resource_type, run))
    alarm = asyncio.ensure_future(clock.wait_until(deadline_ms))
    try:
        await asyncio.wait((step, alarm), return_when=asyncio.FIRST_COMPLETED)
        if not step.done():
            raise NotStabilized(f"Resource timed out waiting for completion (after {resource_type.timeout_s} s)")
        outcome = step.result()
    finally:
        alarm.cancel()
        step.cancel()
    if isinstance(outcome, StillWaiting) and clock.now_ms() >= deadline_ms:
        raise NotStabilized(f"Resource timed out waiting for completion (after {resource_type.timeout_s} s)")
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


async def _surprises_told(resource_type: ResourceType, run: Callable[[], Awaitable[Any]]) -> Any:
    """What `run` returns, or the error it raised, as a value: an error is no failure of the task."""
    try:
        return await run()
    except (AwsError, StillWaiting) as error:
        return error
    except Exception as error:  # a resource type's mistake must fail its stack and not leave it hanging for ever
        log.exception("a step of %s failed", resource_type.name)
        return AwsError(f"Internal Failure: {type(error).__name__}", code="InternalFailure", status=500)


async def _failed(work: Work, logical_id: str, kind: str, error: AwsError) -> StepFailed:
    row = work.rows[logical_id]
    reason = reason_of(error, row.token)
    work.operation, row = await work.write(_step_failed, work.operation, row, kind, reason)
    work.note(row)
    return StepFailed(reason)


async def _done(work: Work, logical_id: str, kind: str, **changes: Any) -> None:
    row = work.rows[logical_id]
    row = work.note(await work.write(_step_done, work.operation, row, work.mark, kind, changes))
    work.finished(row)


def reason_of(error: AwsError, token: str) -> str:
    """As AWS words a failure that a service's operation answered; our own findings stand for themselves."""
    if isinstance(error, (ValidationError, InvalidProperty)) or error.status == 501:
        return error.message
    handler_code = _HANDLER_CODES.get(error.code, "GeneralServiceException")
    if error.status == 403 or error.code.startswith("AccessDenied"):
        handler_code = "AccessDenied"
    return f'Resource handler returned message: "{error.message}" (RequestToken: {token}, HandlerErrorCode: {handler_code})'


_HANDLER_CODES = {
    "AlreadyExists": "AlreadyExists",
    "EntityAlreadyExists": "AlreadyExists",
    "ResourceConflictException": "AlreadyExists",
    "ResourceAlreadyExistsException": "AlreadyExists",
    "BucketAlreadyExists": "AlreadyExists",
    "BucketAlreadyOwnedByYou": "AlreadyExists",
    "QueueAlreadyExists": "AlreadyExists",
    "NoSuchEntity": "NotFound",
    "NoSuchBucket": "NotFound",
    "ResourceNotFoundException": "NotFound",
    "NotFound": "NotFound",
    "NotStabilized": "NotStabilized",
    "ValidationException": "InvalidRequest",
    "InvalidParameterValueException": "InvalidRequest",
    "MalformedPolicyDocument": "InvalidRequest",
    "Throttling": "Throttling",
    "InternalFailure": "InternalFailure",
}
"""Source: CloudFormation CLI user guide, "Handler error codes"."""


# Transitions


def _step_begins(
    tx: Transaction,
    operation: Operation,
    row: Resource | None,
    mark: str,
    logical_id: str,
    type_name: str,
    kind: str,
    properties: dict,
    source: dict,
    base: Image | None,
    replaces: bool,
) -> Resource:
    is_new_thing = base is None or replaces
    there = base or Image(type_name, "", "", {}, {})
    begun = Resource(
        operation.stack_id,
        logical_id,
        type_name,
        f"{kind.upper()}_IN_PROGRESS",
        tx.now_ms,
        token=tx.ids.hex(TOKEN_CHARACTERS) if is_new_thing else there.token,
        reason=REPLACES if replaces else "",
        physical_id=there.physical_id,
        reference=None if is_new_thing else there.reference,
        attributes={} if is_new_thing else there.attributes,
        source=source,
        properties=properties,
        touched_in=operation.id,
        before=base,
        begun_in=mark,
        step_began_ms=tx.now_ms,
    )
    RESOURCES.put(tx, begun)
    ledger.tell_of_resource(tx, begun, operation)
    return begun


def _initiated(tx: Transaction, operation: Operation, row: Resource, physical_id: str) -> Resource:
    if row.physical_id == physical_id:
        return row
    row = replace(row, physical_id=physical_id, reason="Resource creation Initiated", updated_ms=tx.now_ms)
    RESOURCES.put(tx, row)
    ledger.tell_of_resource(tx, row, operation)
    return row


def _step_done(
    tx: Transaction, operation: Operation, row: Resource, mark: str, kind: str, changes: dict[str, Any]
) -> Resource:
    row = replace(row, status=f"{kind.upper()}_COMPLETE", reason="", updated_ms=tx.now_ms, done_in=mark, **changes)
    RESOURCES.put(tx, row)
    ledger.tell_of_resource(tx, row, operation)
    return row


def _step_failed(
    tx: Transaction, operation: Operation, row: Resource, kind: str, reason: str
) -> tuple[Operation, Resource]:
    # As it stands: a sibling may have failed, or the operation been cancelled, since we read it.
    operation = OPERATIONS.get(tx, operation.stack_id, operation.id)
    operation = replace(operation, failed={**operation.failed, row.logical_id: kind})
    OPERATIONS.put(tx, operation)
    row = replace(row, status=f"{kind.upper()}_FAILED", reason=reason, updated_ms=tx.now_ms)
    RESOURCES.put(tx, row)
    ledger.tell_of_resource(tx, row, operation)
    return operation, row


def cancel_waiting(tx: Transaction, operation: Operation, logical_id: str) -> Resource:
    """A step that waits is given up because another failed."""
    row = RESOURCES.get(tx, operation.stack_id, logical_id)
    kind = row.status.split("_")[0]
    reason = "Resource creation cancelled" if kind == "CREATE" else "Resource update cancelled"
    row = replace(row, status=f"{kind}_FAILED", reason=reason, updated_ms=tx.now_ms)
    RESOURCES.put(tx, row)
    ledger.tell_of_resource(tx, row, operation)
    return row


def _begin_undoing(tx: Transaction, operation: Operation, row: Resource, mark: str) -> Resource:
    if row.begun_in == mark:
        return row
    row = replace(
        row, status="UPDATE_IN_PROGRESS", reason="", updated_ms=tx.now_ms, begun_in=mark, step_began_ms=tx.now_ms
    )
    RESOURCES.put(tx, row)
    ledger.tell_of_resource(tx, row, operation, properties=row.before.properties)
    return row


def _restored(tx: Transaction, operation: Operation, row: Resource, mark: str) -> Resource:
    """The row is its image again; a thing that stood in for it is left over."""
    before = row.before
    if row.physical_id and row.physical_id != before.physical_id:
        LEFTOVERS.put(tx, Leftover(row.stack_id, row.logical_id, row.image(), "Delete", is_row=False))
    restored = replace(
        row,
        type=before.type,
        status="UPDATE_COMPLETE",
        reason="",
        updated_ms=tx.now_ms,
        token=before.token,
        physical_id=before.physical_id,
        source=before.source,
        properties=before.properties,
        attributes=before.attributes,
        reference=before.reference,
        done_in=mark,
    )
    RESOURCES.put(tx, restored)
    ledger.tell_of_resource(tx, restored, operation)
    return restored


def _begin_cleaning(tx: Transaction, operation: Operation, leftover: Leftover) -> Leftover:
    begun = replace(leftover, step_began_ms=tx.now_ms)
    LEFTOVERS.put(tx, begun)
    _tell_of_leftover(tx, operation, begun, "DELETE_IN_PROGRESS", "")
    return begun


def _leftover_gone(tx: Transaction, operation: Operation, leftover: Leftover, status: str, reason: str) -> None:
    image = leftover.image
    LEFTOVERS.delete(tx, leftover.stack_id, leftover.logical_id, image.physical_id, image.token)
    _tell_of_leftover(tx, operation, leftover, status, reason)
    if leftover.is_row:
        RESOURCES.delete(tx, leftover.stack_id, leftover.logical_id)


def _tell_of_leftover(tx: Transaction, operation: Operation, leftover: Leftover, status: str, reason: str) -> None:
    image = leftover.image
    told = Resource(
        leftover.stack_id,
        leftover.logical_id,
        image.type,
        status,
        tx.now_ms,
        reason=reason,
        physical_id=image.physical_id,
        properties=image.properties,
    )
    ledger.tell_of_resource(tx, told, operation)
    row = RESOURCES.get(tx, leftover.stack_id, leftover.logical_id) if leftover.is_row else None
    if row is not None:
        RESOURCES.put(tx, replace(row, status=status, reason=reason, updated_ms=tx.now_ms))


def _begin_removing(tx: Transaction, operation: Operation, row: Resource, mark: str) -> Resource:
    row = replace(
        row, status="DELETE_IN_PROGRESS", reason="", updated_ms=tx.now_ms, begun_in=mark, step_began_ms=tx.now_ms
    )
    RESOURCES.put(tx, row)
    ledger.tell_of_resource(tx, row, operation)
    return row


def _removed(
    tx: Transaction, operation: Operation, row: Resource, status: str, mark: str, tells: bool = True
) -> Resource:
    row = replace(row, status=status, reason="", updated_ms=tx.now_ms, done_in=mark)
    RESOURCES.put(tx, row)
    if tells:
        ledger.tell_of_resource(tx, row, operation)
    return row
