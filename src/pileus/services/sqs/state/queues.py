"""Queues: create, find, change, purge, delete."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from pileus.kernel.tags import MAX_TAGS
from pileus.services.sqs import addresses, attributes
from pileus.services.sqs.addresses import Address
from pileus.services.sqs.errors import (
    InvalidAttributeValue,
    InvalidParameterText,
    PurgeQueueInProgress,
    QueueDeletedRecently,
    QueueDoesNotExist,
    QueueNameExists,
)
from pileus.services.sqs.state import redrive, retention
from pileus.services.sqs.state.backlogs import RETENTION, TICK, arrivals, opened
from pileus.services.sqs.state.tables import (
    ATTEMPTS,
    BACKLOGS,
    CONTENTS,
    DEDUPLICATIONS,
    DELETED_NAMES,
    GROUPS,
    MESSAGES,
    MOVE_TASKS,
    NAME_FREE_AFTER_MS,
    PURGE_EVERY_MS,
    QUEUES,
    Backlog,
    DeletedName,
    Queue,
)
from pileus.store.transaction import Transaction

NAME_FREE = "sqs.name-free"
"""The timer that forgets a deleted queue's name; its key is the queue's ARN."""


def find(tx: Transaction, address: Address) -> Queue | None:
    return QUEUES.get(tx, *address)


def changes(address: Address) -> str:
    """Topic: a queue of this name was made, or its attributes changed. For those who could not read it."""
    return f"sqs.queue {address.account}/{address.region}/{address.name}"


def require(tx: Transaction, address: Address) -> Queue:
    queue = QUEUES.get(tx, *address)
    if queue is None:
        raise QueueDoesNotExist()
    return queue


def named(tx: Transaction, account: str, region: str, prefix: str, *, after: str | None, limit: int) -> list[Queue]:
    """Up to `limit` queues whose names begin with `prefix`, by name; those after the name `after`."""
    found: list[Queue] = []
    for queue in QUEUES.scan(tx, account, region, start=max(prefix, after or "")):
        if len(found) == limit or not queue.name.startswith(prefix):
            break
        if queue.name != after:
            found.append(queue)
    return found


def create(tx: Transaction, address: Address, fields: dict[str, Any], tags: dict[str, str]) -> None:
    """A new, empty queue; or nothing if it is there and has these fields.

    fields  those of a Queue that are not its default
    """
    existing = find(tx, address)
    if existing is not None:
        for field, value in fields.items():
            if getattr(existing, field) != value:
                raise QueueNameExists(attributes.NAME_OF[field])
        return
    deleted = DELETED_NAMES.get(tx, *address)
    if deleted is not None and deleted.free_at_ms > tx.now_ms:
        raise QueueDeletedRecently()
    queue = Queue(*address, tx.next_sequence(), tx.now_ms, tx.now_ms, **fields, tags=tags)
    _check(tx, queue)
    QUEUES.put(tx, queue)
    BACKLOGS.put(tx, Backlog(queue.id, counted_to_ms=tx.now_ms))
    tx.notify(changes(address))


def change(tx: Transaction, address: Address, fields: dict[str, Any]) -> None:
    """Change a queue's fields; messages that are there follow a new retention at once."""
    queue = require(tx, address)
    changed = replace(queue, modified_at_ms=tx.now_ms, **fields)
    _check(tx, changed)
    QUEUES.put(tx, changed)
    if changed.retention_s != queue.retention_s:
        backlog = opened(tx, changed)
        retention.set_timer(tx, changed, backlog)
        BACKLOGS.put(tx, backlog)
    tx.notify(changes(address))


def _check(tx: Transaction, queue: Queue) -> None:
    """What holds between a queue's attributes, and between them and other queues."""
    if queue.throughput_limit == "perMessageGroupId" and queue.deduplication_scope != "messageGroup":
        raise InvalidAttributeValue("FifoThroughputLimit")
    redrive.check_target(tx, queue)


def change_tags(tx: Transaction, address: Address, put: dict[str, str], remove: list[str]) -> None:
    """Set and remove tags. They are no attributes: LastModifiedTimestamp stays."""
    queue = require(tx, address)
    tags = {key: value for key, value in {**queue.tags, **put}.items() if key not in remove}
    if len(tags) > MAX_TAGS:
        raise InvalidParameterText(f"Too many tags added for queue {queue.name}.")
    QUEUES.put(tx, replace(queue, tags=tags))


def change_policy(tx: Transaction, address: Address, edit: Callable[[Queue], str]) -> None:
    """Replace the queue's policy by what `edit` makes of it."""
    queue = require(tx, address)
    change(tx, address, {"policy": edit(queue)})


def backlog_of(tx: Transaction, address: Address) -> Backlog:
    """The queue's numbers as of now, written down if counting had something to do."""
    queue = require(tx, address)
    stored = BACKLOGS.get(tx, queue.id)
    backlog = opened(tx, queue)
    if tx.changes or backlog.visible != stored.visible:
        BACKLOGS.put(tx, backlog)
    return backlog


def purge(tx: Transaction, address: Address) -> None:
    """Delete all messages, in flight or not."""
    queue = require(tx, address)
    backlog = opened(tx, queue)
    if backlog.purged_at_ms and tx.now_ms < backlog.purged_at_ms + PURGE_EVERY_MS:
        raise PurgeQueueInProgress(queue.name)
    _drop_messages(tx, queue)
    counted_to_ms = backlog.counted_to_ms
    BACKLOGS.put(
        tx,
        Backlog(
            queue.id,
            counted_to_ms=counted_to_ms,
            head_ms=counted_to_ms,
            turn_from_ms=counted_to_ms,
            purged_at_ms=tx.now_ms,
        ),
    )


def delete(tx: Transaction, address: Address) -> None:
    """Delete the queue and all that is in it. Its name is free again after a minute."""
    queue = require(tx, address)
    _drop_messages(tx, queue)
    DEDUPLICATIONS.delete_all(tx, queue.id)
    ATTEMPTS.delete_all(tx, queue.id)
    MOVE_TASKS.delete_all(tx, queue.id)
    BACKLOGS.delete(tx, queue.id)
    QUEUES.delete(tx, *address)
    DELETED_NAMES.put(tx, DeletedName(*address, free_at_ms=tx.now_ms + NAME_FREE_AFTER_MS))
    tx.wake_at(tx.now_ms + NAME_FREE_AFTER_MS, NAME_FREE, queue.arn)
    tx.notify(arrivals(queue.id))  # whoever waits for its messages hears that it is gone


def free_name(tx: Transaction, queue_arn: str) -> None:
    """Forget a deleted queue's name. The timer's transition."""
    DELETED_NAMES.delete(tx, *addresses.of_arn(queue_arn))


def _drop_messages(tx: Transaction, queue: Queue) -> None:
    MESSAGES.delete_all(tx, queue.id)
    CONTENTS.delete_all(tx, queue.id)
    GROUPS.delete_all(tx, queue.id)
    for kind in (RETENTION, TICK):
        tx.cancel_wake(kind, queue.arn)
