"""A queue's backlog: the numbers that every change of its messages keeps, and the only ways to change a message's row.

See the package's docstring for why. A transition begins with `opened`, changes messages with `add`, `rewrite` and
`remove`, and ends with `BACKLOGS.put` if it changed anything.
"""

from typing import Any

from msgspec.structs import replace

from pileus.kernel.clock import FOREVER_MS
from pileus.services.sqs import addresses
from pileus.services.sqs.state import groups
from pileus.services.sqs.state.tables import (
    BACKLOGS,
    CONTENTS,
    GROUPED,
    IN_FLIGHT,
    MANY_HIDDEN,
    MESSAGES,
    PLAIN,
    QUEUES,
    Backlog,
    Message,
    Queue,
)
from pileus.store.transaction import Transaction

RETENTION = "sqs.retention"
"""The timer that wakes when a queue's oldest message is too old; its key is the queue's ARN."""
TICK = "sqs.tick"
"""The timer of a queue that has many hidden messages; its key is the queue's ARN."""
TICK_MS = 1_000


def arrivals(queue_id: int) -> str:
    """The topic of: there may be something to receive, or sooner than was said."""
    return f"sqs.arrivals/{queue_id}"


def opened(tx: Transaction, queue: Queue) -> Backlog:
    """The queue's backlog, counted up to now: what became visible since the last count is visible now."""
    backlog = BACKLOGS.get(tx, queue.id)
    now_ms = tx.now_ms
    if now_ms <= backlog.counted_to_ms:
        return backlog
    if not backlog.visible:
        # Whatever is there is not visible yet: it all lies behind what was counted.
        backlog.head_ms, backlog.head_sequence = backlog.counted_to_ms + 1, 0
    if backlog.delayed + backlog.in_flight and backlog.hidden_from_ms <= now_ms:
        _count_opened(tx, queue, backlog, now_ms)
    backlog.counted_to_ms = now_ms
    return backlog


def tick(tx: Transaction, queue_arn: str) -> None:
    """Count what has become visible, and come again in a second while there is much to come. The timer's transition.

    Without it a queue of a million delayed messages that nobody looks at would make the first who does wait seconds.
    """
    queue = QUEUES.get(tx, *addresses.of_arn(queue_arn))
    if queue is None:
        return
    backlog = opened(tx, queue)
    backlog.is_ticking = backlog.delayed + backlog.in_flight >= MANY_HIDDEN
    if backlog.is_ticking:
        tx.wake_at(tx.now_ms + TICK_MS, TICK, queue_arn)
    BACKLOGS.put(tx, backlog)


def _count_opened(tx: Transaction, queue: Queue, backlog: Backlog, now_ms: int) -> None:
    start_ms = max(backlog.counted_to_ms + 1, backlog.hidden_from_ms)
    returned: dict[str, int] = {}
    backlog.hidden_from_ms = FOREVER_MS
    for lane in (PLAIN, GROUPED) if backlog.grouped else (PLAIN,):
        for key in MESSAGES.by_visible_at.keys(tx, queue.id, lane, start=start_ms):
            _, _, visible_at_ms, _, kind, group_id = key
            if visible_at_ms > now_ms:
                backlog.hidden_from_ms = min(backlog.hidden_from_ms, visible_at_ms)
                break
            backlog.visible += 1
            if kind == IN_FLIGHT:
                backlog.in_flight -= 1
                if lane == GROUPED:
                    returned[group_id] = returned.get(group_id, 0) + 1
            else:
                backlog.delayed -= 1
    if not queue.is_fifo:
        for group_id, count in returned.items():
            groups.count_in_flight(tx, backlog, queue.id, group_id, -count)


def add(tx: Transaction, queue: Queue, backlog: Backlog, message: Message) -> None:
    """Insert a message that is new in this queue."""
    MESSAGES.insert(tx, message)
    _count(backlog, message, 1)
    _note_place(tx, queue, backlog, message)
    if message.group_id:
        backlog.grouped += 1
        groups.join(tx, queue, backlog, message)
    if not backlog.expires_at_ms or message.sent_at_ms < backlog.oldest_ms:
        backlog.oldest_ms = message.sent_at_ms
        backlog.expires_at_ms = message.sent_at_ms + queue.retention_s * 1000
        tx.wake_at(backlog.expires_at_ms, RETENTION, queue.arn)


def rewrite(tx: Transaction, queue: Queue, backlog: Backlog, message: Message, **changes: Any) -> Message:
    """Change a message; return it as it is now."""
    changed = replace(message, **changes)
    MESSAGES.replace(tx, message, changed)
    was_in_flight = _count(backlog, message, -1)
    is_in_flight = _count(backlog, changed, 1)
    _note_place(tx, queue, backlog, changed)
    if message.group_id:
        groups.refresh(tx, queue, backlog, changed, is_in_flight - was_in_flight)
    return changed


def remove(tx: Transaction, queue: Queue, backlog: Backlog, message: Message) -> None:
    """Delete a message and its content."""
    MESSAGES.remove(tx, message)
    if message.content is None:
        CONTENTS.delete(tx, message.queue_id, message.sent_at_ms, message.sequence)
    was_in_flight = _count(backlog, message, -1)
    if message.group_id:
        backlog.grouped -= 1
        groups.refresh(tx, queue, backlog, message, -was_in_flight)


def _count(backlog: Backlog, message: Message, by: int) -> int:
    """Count the message in or out, where it belongs; return 1 if it is in flight, else 0."""
    if message.visible_at_ms <= backlog.counted_to_ms:
        backlog.visible += by
        return 0
    if not message.received_at_ms:
        backlog.delayed += by
        return 0
    backlog.in_flight += by
    return 1


def _note_place(tx: Transaction, queue: Queue, backlog: Backlog, message: Message) -> None:
    """Keep the bounds below every message that lives. Call it when the message is counted."""
    place_ms = message.visible_at_ms
    if place_ms > backlog.counted_to_ms:
        hidden = backlog.delayed + backlog.in_flight
        if place_ms < backlog.hidden_from_ms or hidden == 1:
            backlog.hidden_from_ms = place_ms
        if hidden >= MANY_HIDDEN and not backlog.is_ticking:
            backlog.is_ticking = True
            tx.wake_at(tx.now_ms + TICK_MS, TICK, queue.arn)
    elif (place_ms, message.sequence) < (backlog.head_ms, backlog.head_sequence):
        backlog.head_ms, backlog.head_sequence = place_ms, message.sequence
