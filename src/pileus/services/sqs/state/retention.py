"""Retention: messages that were kept as long as their queue keeps them are deleted.

A timer a queue, set for its oldest message, deletes what is due and is set for the next. A receive that comes first
expires what it meets.

Source: SQS API reference, SetQueueAttributes, MessageRetentionPeriod.
"""

from itertools import islice

from pileus.services.sqs import addresses
from pileus.services.sqs.state.backlogs import RETENTION, opened, remove
from pileus.services.sqs.state.tables import BACKLOGS, MESSAGES, QUEUES, Backlog, Message, Queue
from pileus.store.transaction import Transaction

EXPIRED_AT_ONCE = 500
"""By one run of the timer, so that no transition takes long. It runs again at once if there are more."""


def is_expired(queue: Queue, message: Message, now_ms: int) -> bool:
    return message.sent_at_ms + queue.retention_s * 1000 <= now_ms


def expire(tx: Transaction, queue_arn: str) -> None:
    """Delete what is too old. The timer's transition."""
    queue = QUEUES.get(tx, *addresses.of_arn(queue_arn))
    if queue is None:
        return
    backlog = opened(tx, queue)
    oldest = list(islice(MESSAGES.scan(tx, queue.id, start=backlog.oldest_ms), EXPIRED_AT_ONCE))
    for message in oldest:
        if not is_expired(queue, message, tx.now_ms):
            break
        remove(tx, queue, backlog, message)
    set_timer(tx, queue, backlog)
    BACKLOGS.put(tx, backlog)


def set_timer(tx: Transaction, queue: Queue, backlog: Backlog) -> None:
    """Set the timer for the queue's oldest message."""
    oldest = MESSAGES.first(tx, queue.id, start=backlog.oldest_ms)
    if oldest is None:
        backlog.expires_at_ms = 0
        tx.cancel_wake(RETENTION, queue.arn)
        return
    backlog.oldest_ms = oldest.sent_at_ms
    backlog.expires_at_ms = max(oldest.sent_at_ms + queue.retention_s * 1000, tx.now_ms)
    tx.wake_at(backlog.expires_at_ms, RETENTION, queue.arn)
