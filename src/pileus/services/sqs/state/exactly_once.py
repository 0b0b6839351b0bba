"""Exactly-once processing of FIFO queues: sends and receives that are repeated within five minutes.

What is remembered goes again when it is of no use any more: each new memory removes up to two old ones, so there are
never many more than five minutes' worth, and no timer is needed.

Source: SQS developer guide, "Exactly-once processing in Amazon SQS"; API reference, SendMessage
(MessageDeduplicationId) and ReceiveMessage (ReceiveRequestAttemptId).
"""

import hashlib
from itertools import islice

from pileus.services.sqs.state.tables import (
    ATTEMPTS,
    DEDUPLICATION_MS,
    DEDUPLICATIONS,
    MESSAGES,
    Attempt,
    Deduplication,
    Message,
    Queue,
)
from pileus.store.transaction import Transaction

FORGOTTEN_AT_ONCE = 2


def content_id(body: str) -> str:
    """The deduplication id of ContentBasedDeduplication: of the body, not of the attributes."""
    return hashlib.sha256(body.encode()).hexdigest()


def earlier_send(tx: Transaction, queue: Queue, group_id: str, deduplication_id: str) -> Deduplication | None:
    """The message of this id that was sent within the interval, still there or not."""
    earlier = DEDUPLICATIONS.get(tx, queue.id, _scope(queue, group_id), deduplication_id)
    return earlier if earlier is not None and earlier.until_ms > tx.now_ms else None


def remember_send(tx: Transaction, queue: Queue, message: Message) -> None:
    for old in list(islice(DEDUPLICATIONS.by_end.scan(tx, queue.id, until=tx.now_ms + 1), FORGOTTEN_AT_ONCE)):
        DEDUPLICATIONS.delete(tx, queue.id, old.scope, old.deduplication_id)
    DEDUPLICATIONS.put(
        tx,
        Deduplication(
            queue.id,
            _scope(queue, message.group_id),
            message.deduplication_id,
            tx.now_ms + DEDUPLICATION_MS,
            message.id,
            message.sequence,
        ),
    )


def earlier_receive(tx: Transaction, queue: Queue, attempt_id: str) -> list[Message]:
    """The messages that an earlier receive of this id took, if none was deleted, changed or received since."""
    attempt = ATTEMPTS.get(tx, queue.id, attempt_id)
    if attempt is None or attempt.until_ms <= tx.now_ms:
        return []
    messages: list[Message] = []
    for sent_at_ms, sequence, receive_count, visible_at_ms in attempt.handed_out:
        message = MESSAGES.get(tx, queue.id, sent_at_ms, sequence)
        if message is None or (message.receive_count, message.visible_at_ms) != (receive_count, visible_at_ms):
            return []
        if visible_at_ms <= tx.now_ms:
            return []
        messages.append(message)
    return messages


def remember_receive(tx: Transaction, queue: Queue, attempt_id: str, messages: list[Message]) -> None:
    for old in list(islice(ATTEMPTS.by_end.scan(tx, queue.id, until=tx.now_ms + 1), FORGOTTEN_AT_ONCE)):
        ATTEMPTS.delete(tx, queue.id, old.attempt_id)
    handed_out = [(each.sent_at_ms, each.sequence, each.receive_count, each.visible_at_ms) for each in messages]
    ATTEMPTS.put(tx, Attempt(queue.id, attempt_id, tx.now_ms + DEDUPLICATION_MS, handed_out))


def _scope(queue: Queue, group_id: str) -> str:
    return group_id if queue.deduplication_scope == "messageGroup" else ""
