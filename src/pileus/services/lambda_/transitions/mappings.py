"""Event source mappings: made, changed, deleted. What polls for them is brought along by the event CHANGED.

A change names the state that it is going through, and emits CHANGED; its handler (mapping_polling.py) ends the poller
that there was, begins another if there is to be one, and `arrived` says so. A killed process finds the event again.
"""

from msgspec.structs import replace

from pileus.delivery.pollers import checkpoints
from pileus.services.lambda_ import errors
from pileus.services.lambda_.names import FunctionRef
from pileus.services.lambda_.state import EVENT_SOURCE_MAPPINGS, EventSourceMapping
from pileus.services.lambda_.transitions.functions import TAGS_LIMIT, require_qualifier
from pileus.store import residents
from pileus.store.transaction import Transaction

CHANGED = "lambda.mapping"
"""Event: bring the poller of a mapping to what the mapping says."""

RESIDENT = "event-source-mappings"
MOVED = "lambda.mapping-moved"
"""Notice: a mapping has left one of the states between."""

BETWEEN = ("Creating", "Enabling", "Disabling", "Updating", "Deleting")
BRIEF = ("Creating", "Enabling", "Updating")
"""Those that last as long as it takes to begin; to end may take as long as a function runs."""

Key = tuple[str, str, str]


def find(tx: Transaction, key: Key) -> EventSourceMapping | None:
    return EVENT_SOURCE_MAPPINGS.get(tx, *key)


def require(tx: Transaction, key: Key) -> EventSourceMapping:
    """errors   ResourceNotFoundException"""
    found = find(tx, key)
    if found is None:
        raise errors.ResourceNotFoundException()
    return found


def create(tx: Transaction, mapping: EventSourceMapping) -> EventSourceMapping:
    """errors   ResourceNotFoundException, ResourceConflictException"""
    require_qualifier(tx, mapping.ref)
    _require_unique(tx, mapping)
    made = replace(mapping, modified_at_ms=tx.now_ms)
    EVENT_SOURCE_MAPPINGS.insert(tx, made)
    residents.settle_in(tx, "lambda", RESIDENT)
    _emit(tx, made)
    return made


def update(
    tx: Transaction, key: Key, ref: FunctionRef | None, changes: dict, enabled: bool | None
) -> EventSourceMapping:
    """`changes`: fields of its Polling. `ref`: another function; `enabled`: None leaves it.

    errors   ResourceNotFoundException, ResourceInUseException, ResourceConflictException
    """
    before = require(tx, key)
    require_settled(before, "update")
    is_enabled = before.is_enabled if enabled is None else enabled
    state = "Updating"
    if is_enabled != before.is_enabled:
        state = "Enabling" if is_enabled else "Disabling"
    after = replace(
        before,
        polling=replace(before.polling, **changes),
        state=state,
        is_enabled=is_enabled,
        modified_at_ms=tx.now_ms,
        revision=before.revision + 1,
    )
    if ref is not None:
        require_qualifier(tx, ref)
        after = replace(after, name=ref.name, qualifier=ref.qualifier)
        _require_unique(tx, after)
    EVENT_SOURCE_MAPPINGS.put(tx, after)
    _emit(tx, after)
    return after


def delete(tx: Transaction, key: Key) -> EventSourceMapping:
    """It goes when its batches under way have ended.

    errors   ResourceNotFoundException, ResourceInUseException
    """
    before = require(tx, key)
    require_settled(before, "delete")
    after = replace(before, state="Deleting", is_enabled=False, modified_at_ms=tx.now_ms, revision=before.revision + 1)
    EVENT_SOURCE_MAPPINGS.put(tx, after)
    _emit(tx, after)
    return after


def require_settled(mapping: EventSourceMapping, verb: str) -> None:
    """errors   ResourceInUseException"""
    if mapping.state in BETWEEN:
        raise errors.ResourceInUseException(f"Cannot {verb} the event source mapping because it is in use.")


def arrived(tx: Transaction, key: Key, revision: int) -> None:
    """The poller is as that revision wanted it. Of no effect if the mapping has changed meanwhile."""
    mapping = find(tx, key)
    if mapping is None or mapping.revision != revision:
        return
    if mapping.state == "Deleting":
        EVENT_SOURCE_MAPPINGS.remove(tx, mapping)
        checkpoints.forget(tx, mapping.id)
        if EVENT_SOURCE_MAPPINGS.first(tx) is None:
            residents.move_out(tx, "lambda", RESIDENT)
    else:
        state = "Enabled" if mapping.is_enabled else "Disabled"
        EVENT_SOURCE_MAPPINGS.put(tx, replace(mapping, state=state, modified_at_ms=tx.now_ms))
    tx.notify(MOVED)


def processed(tx: Transaction, key: Key, result: str) -> None:
    """Keep the result of the last batch, where it is another than before."""
    mapping = find(tx, key)
    if mapping is not None and mapping.last_result != result:
        EVENT_SOURCE_MAPPINGS.put(tx, replace(mapping, last_result=result))


def change_tags(tx: Transaction, key: Key, put: dict[str, str], remove: tuple[str, ...] = ()) -> None:
    """errors   ResourceNotFoundException, InvalidParameterValueException past 50 tags"""
    mapping = require(tx, key)
    tags = {name: value for name, value in {**mapping.tags, **put}.items() if name not in remove}
    if len(tags) > TAGS_LIMIT:
        raise errors.InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    EVENT_SOURCE_MAPPINGS.put(tx, replace(mapping, tags=tags))


def every(tx: Transaction) -> list[EventSourceMapping]:
    return list(EVENT_SOURCE_MAPPINGS.scan(tx))


def page_of(
    tx: Transaction,
    account: str,
    region: str,
    ref: FunctionRef | None,
    source_arn: str | None,
    after: str | None,
    limit: int,
) -> list[EventSourceMapping]:
    """Up to `limit`, by id: of a function, of a source, of both, or all."""
    if ref is not None:
        rows = EVENT_SOURCE_MAPPINGS.by_function.scan(tx, account, region, ref.arn, after=after)
    elif source_arn:
        rows = EVENT_SOURCE_MAPPINGS.by_source.scan(tx, account, region, source_arn, after=after)
    else:
        rows = EVENT_SOURCE_MAPPINGS.scan(tx, account, region, after=after)
    found: list[EventSourceMapping] = []
    for row in rows:
        if len(found) == limit:
            break
        if not source_arn or row.source_arn == source_arn:
            found.append(row)
    return found


def _require_unique(tx: Transaction, mapping: EventSourceMapping) -> None:
    for other in EVENT_SOURCE_MAPPINGS.by_source.scan(tx, mapping.account, mapping.region, mapping.source_arn):
        if other.ref == mapping.ref and other.id != mapping.id:
            arn, name, advice = (
                mapping.source_arn,
                mapping.name,
                "Please update or delete the existing mapping with UUID",
            )
            if mapping.is_of_queue:
                text = f'An event source mapping with SQS arn (" {arn} ") and function (" {name} ") already exists. {advice}'
            else:
                text = f'The event source arn (" {arn} ") and function (" {name} ") provided mapping already exists. {advice}'
            raise errors.ResourceConflictException(f"{text} {other.id}")


def _emit(tx: Transaction, mapping: EventSourceMapping) -> None:
    # One lane a mapping: its poller ends before the next one begins.
    tx.emit(CHANGED, {"key": [mapping.account, mapping.region, mapping.id]}, lane=mapping.id)
