"""Asynchronous invocations: the events that were accepted, how they are retried, and where their records go."""

from msgspec.structs import replace

from pileus.services.lambda_ import errors
from pileus.services.lambda_.names import LATEST, FunctionRef
from pileus.services.lambda_.state import (
    ASYNC_EVENTS,
    EVENT_AGE_LIMIT_S,
    EVENT_INVOKE_CONFIGS,
    RETRIES,
    AsyncEvent,
    EventInvokeConfig,
)
from pileus.services.lambda_.transitions.functions import require_function, require_qualifier
from pileus.store.transaction import Transaction

INVOKE = "lambda.invoke"
"""Event: hand an accepted event to its function."""

DELIVER = "lambda.deliver"
"""Event: send a record or a dead letter to its destination."""


def accept_event(tx: Transaction, ref: FunctionRef, request_id: str, payload: bytes, **more) -> None:
    """Take an event in: it is handled, however often Pileus is killed meanwhile.

    errors   ResourceNotFoundException
    """
    require_qualifier(tx, ref)
    event = AsyncEvent(tx.ids.uuid(), *ref.key, ref.qualifier, request_id, payload, tx.now_ms, **more)
    ASYNC_EVENTS.insert(tx, event)
    tx.emit(INVOKE, {"id": event.id})


def find_event(tx: Transaction, event_id: str) -> AsyncEvent | None:
    return ASYNC_EVENTS.get(tx, event_id)


def count_run(tx: Transaction, event_id: str) -> None:
    """The function ran and failed."""
    event = ASYNC_EVENTS.get(tx, event_id)
    if event is not None:
        ASYNC_EVENTS.put(tx, replace(event, runs=event.runs + 1))


def count_throttle(tx: Transaction, event_id: str) -> None:
    """There was no room for it, or we failed."""
    event = ASYNC_EVENTS.get(tx, event_id)
    if event is not None:
        ASYNC_EVENTS.put(tx, replace(event, throttled=event.throttled + 1))


def finish_event(tx: Transaction, event_id: str, deliveries: list[dict]) -> None:
    """The event is done with; what is to be told of it goes out by itself."""
    if ASYNC_EVENTS.has(tx, event_id):
        ASYNC_EVENTS.delete(tx, event_id)
        for delivery in deliveries:
            tx.emit(DELIVER, delivery)


# How


def invoke_config(tx: Transaction, ref: FunctionRef) -> EventInvokeConfig:
    """What holds for a qualifier: its own, or the defaults."""
    qualifier = ref.qualifier or LATEST
    found = EVENT_INVOKE_CONFIGS.get(tx, *ref.key, qualifier) or EventInvokeConfig(*ref.key, qualifier, 0)
    return replace(
        found,
        retries=RETRIES if found.retries is None else found.retries,
        event_age_limit_s=EVENT_AGE_LIMIT_S if found.event_age_limit_s is None else found.event_age_limit_s,
    )


def put_invoke_config(tx: Transaction, ref: FunctionRef, settings: dict, *, keep: bool) -> EventInvokeConfig:
    """`keep`: what `settings` doesn't say stays as it was (and there must be one).

    errors   ResourceNotFoundException
    """
    require_qualifier(tx, ref)
    qualifier = ref.qualifier or LATEST
    before = require_invoke_config(tx, ref) if keep else EventInvokeConfig(*ref.key, qualifier, 0)
    after = replace(before, modified_at_ms=tx.now_ms, **settings)
    EVENT_INVOKE_CONFIGS.put(tx, after)
    return after


def require_invoke_config(tx: Transaction, ref: FunctionRef) -> EventInvokeConfig:
    """errors   ResourceNotFoundException"""
    require_qualifier(tx, ref)
    qualifier = ref.qualifier or LATEST
    found = EVENT_INVOKE_CONFIGS.get(tx, *ref.key, qualifier)
    if found is None:
        arn = ref._replace(qualifier=qualifier).arn
        raise errors.ResourceNotFoundException(f"The function {arn} doesn't have an EventInvokeConfig")
    return found


def delete_invoke_config(tx: Transaction, ref: FunctionRef) -> None:
    """errors   ResourceNotFoundException"""
    found = require_invoke_config(tx, ref)
    EVENT_INVOKE_CONFIGS.delete(tx, *ref.key, found.qualifier)


def list_invoke_configs(tx: Transaction, ref: FunctionRef, after: str, limit: int) -> list[EventInvokeConfig]:
    require_function(tx, ref)
    rows = EVENT_INVOKE_CONFIGS.scan(tx, *ref.key, after=after or None)
    return [row for row, _ in zip(rows, range(limit), strict=False)]
