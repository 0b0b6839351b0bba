"""Sending, receiving, deleting and hiding messages."""

from collections.abc import Iterator
from itertools import islice

import msgspec

from pileus.kernel.clock import FOREVER_MS
from pileus.kernel.errors import AwsError
from pileus.services.sqs.addresses import Address
from pileus.services.sqs.errors import (
    InvalidParameterText,
    InvalidParameterValue,
    MessageNotInflight,
    MissingParameter,
    ReceiptHandleIsInvalid,
)
from pileus.services.sqs.state import exactly_once, groups, receipts, redrive, retention
from pileus.services.sqs.state.backlogs import add, arrivals, opened, remove, rewrite
from pileus.services.sqs.state.queues import require
from pileus.services.sqs.state.tables import (
    BACKLOGS,
    CONTENT_APART_BYTES,
    CONTENTS,
    IN_FLIGHT_MAX,
    MESSAGES,
    PLAIN,
    VISIBILITY_MAX_MS,
    Backlog,
    Content,
    ContentApart,
    Message,
    Queue,
)
from pileus.store.transaction import Transaction

LOOKED_AT_MAX = 500
"""Messages that one receive may expire or move to the dead-letter queue, so that no transition takes long."""
NOT_FOR_THIS_TYPE = "The request include parameter that is not valid for this queue type."


class Draft(msgspec.Struct, frozen=True):
    """A message to be sent. `size_bytes`: body and attributes; delay_s None: the queue's own."""

    content: Content
    size_bytes: int
    sender_id: str
    delay_s: int | None = None
    group_id: str = ""
    deduplication_id: str = ""
    trace_header: str = ""
    system_attributes_md5: str = ""


class Sent(msgspec.Struct, frozen=True):
    message_id: str
    sequence: int
    """0 in a standard queue, where nobody sees it."""


class Batch(msgspec.Struct, frozen=True):
    """What a receive found. next_visible_at_ms: looking again before is no use, unless something is notified."""

    messages: list[tuple[Message, Content]] = []
    next_visible_at_ms: int = FOREVER_MS
    is_over_limit: bool = False


# Sending


def send(tx: Transaction, address: Address, drafts: list[Draft]) -> list[Sent | AwsError]:
    """Store the messages, in order; each that can't be has its error in its place."""
    queue = require(tx, address)
    backlog = opened(tx, queue)
    results: list[Sent | AwsError] = []
    for draft in drafts:
        try:
            results.append(_send(tx, queue, backlog, draft))
        except AwsError as error:
            results.append(error)
    if tx.changes:
        BACKLOGS.put(tx, backlog)
        tx.notify(arrivals(queue.id))
    return results


def _send(tx: Transaction, queue: Queue, backlog: Backlog, draft: Draft) -> Sent:
    if draft.size_bytes > queue.maximum_bytes:
        raise InvalidParameterText(
            f"One or more parameters are invalid. Reason: Message must be shorter than {queue.maximum_bytes} bytes."
        )
    deduplication_id = ""
    if queue.is_fifo:
        deduplication_id = _check_fifo(queue, draft)
        earlier = exactly_once.earlier_send(tx, queue, draft.group_id, deduplication_id)
        if earlier is not None:
            return Sent(earlier.message_id, earlier.sequence)
    elif draft.deduplication_id:
        raise InvalidParameterValue("MessageDeduplicationId", draft.deduplication_id, NOT_FOR_THIS_TYPE)
    delay_s = queue.delay_s if draft.delay_s is None else draft.delay_s
    is_apart = draft.size_bytes > CONTENT_APART_BYTES
    # The moment up to which the backlog is counted is the transaction's now, or later if the wall clock went back.
    now_ms = backlog.counted_to_ms
    message = Message(
        queue.id,
        now_ms,
        tx.next_sequence(),
        tx.ids.uuid(),
        None if is_apart else draft.content,
        draft.sender_id,
        now_ms + delay_s * 1000,
        group_id=draft.group_id,
        deduplication_id=deduplication_id,
        trace_header=draft.trace_header,
    )
    if is_apart:
        CONTENTS.put(tx, ContentApart(queue.id, message.sent_at_ms, message.sequence, draft.content))
    add(tx, queue, backlog, message)
    if not queue.is_fifo:
        return Sent(message.id, 0)
    exactly_once.remember_send(tx, queue, message)
    return Sent(message.id, message.sequence)


def _check_fifo(queue: Queue, draft: Draft) -> str:
    """Raise what a FIFO queue refuses; return the deduplication id."""
    if not draft.group_id:
        raise MissingParameter("MessageGroupId")
    if draft.delay_s is not None and draft.delay_s != 0:
        raise InvalidParameterValue("DelaySeconds", draft.delay_s, NOT_FOR_THIS_TYPE)
    if draft.deduplication_id:
        return draft.deduplication_id
    if not queue.is_content_deduplicated:
        raise InvalidParameterText(
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
    return exactly_once.content_id(draft.content.body)


# Receiving


def receive(tx: Transaction, address: Address, *, count: int, hide_ms: int, attempt_id: str = "") -> Batch:
    """Take up to `count` visible messages and hide each until now + hide_ms; spent ones go to the dead-letter queue."""
    assert count >= 1
    assert hide_ms >= 0
    queue = require(tx, address)  # again, here: it may have been deleted while the caller waited
    backlog = opened(tx, queue)
    hidden_from_ms = backlog.hidden_from_ms
    taken = exactly_once.earlier_receive(tx, queue, attempt_id) if attempt_id else []
    if taken:
        taken = [rewrite(tx, queue, backlog, each, visible_at_ms=backlog.counted_to_ms + hide_ms) for each in taken]
    elif backlog.in_flight >= IN_FLIGHT_MAX:
        return Batch(next_visible_at_ms=backlog.hidden_from_ms, is_over_limit=not queue.is_fifo)
    else:
        taken = _take(tx, queue, backlog, min(count, IN_FLIGHT_MAX - backlog.in_flight), hide_ms)
        if taken and attempt_id:
            exactly_once.remember_receive(tx, queue, attempt_id, taken)
    # An empty receive writes nothing, but where the next one had to look at the same hidden messages again.
    if tx.changes or backlog.hidden_from_ms != hidden_from_ms:
        BACKLOGS.put(tx, backlog)
    has_hidden = backlog.delayed + backlog.in_flight > 0
    return Batch(
        [(message, content_of(tx, message)) for message in taken],
        next_visible_at_ms=backlog.hidden_from_ms if has_hidden else FOREVER_MS,
    )


def _take(tx: Transaction, queue: Queue, backlog: Backlog, count: int, hide_ms: int) -> list[Message]:
    """Receive up to `count` of the candidates; expire or move to the dead-letter queue those that are past it."""
    taken: list[Message] = []
    if not backlog.visible:
        return taken
    now_ms = backlog.counted_to_ms
    dead_letters = redrive.dead_letter_queue(tx, queue)
    for message in islice(_candidates(tx, queue, backlog, hide_ms), LOOKED_AT_MAX):
        if retention.is_expired(queue, message, now_ms):
            remove(tx, queue, backlog, message)
        elif dead_letters is not None and message.receive_count >= queue.redrive.max_receive_count:
            # In the same commit: a crash can neither lose nor double it.
            redrive.move_to_dead_letters(tx, queue, backlog, message, dead_letters)
        else:
            taken.append(
                rewrite(
                    tx,
                    queue,
                    backlog,
                    message,
                    visible_at_ms=now_ms + hide_ms,
                    receive_count=message.receive_count + 1,
                    received_at_ms=now_ms,
                    first_received_at_ms=message.first_received_at_ms or now_ms,
                )
            )
        if len(taken) == count:
            break
    return taken


def _candidates(tx: Transaction, queue: Queue, backlog: Backlog, hide_ms: int) -> Iterator[Message]:
    if queue.is_fifo:
        return groups.in_order(tx, queue, backlog)
    if backlog.grouped:
        return groups.fairly(tx, queue, backlog)
    return _plain(tx, queue, backlog, hide_ms)


def _plain(tx: Transaction, queue: Queue, backlog: Backlog, hide_ms: int) -> Iterator[Message]:
    """Visible messages, oldest first. Moves the backlog's head along: what was yielded is gone from there."""
    start = (backlog.head_ms, backlog.head_sequence)
    # The scan sees the table as it was at its start, so a message hidden for 0 ms is not yielded twice.
    for message in MESSAGES.by_visible_at.scan(tx, queue.id, PLAIN, start=start, until=backlog.counted_to_ms + 1):
        if hide_ms:
            backlog.head_ms, backlog.head_sequence = message.visible_at_ms, message.sequence
        yield message


def content_of(tx: Transaction, message: Message) -> Content:
    if message.content is not None:
        return message.content
    return CONTENTS.get(tx, message.queue_id, message.sent_at_ms, message.sequence).content


# Deleting and hiding


def delete(tx: Transaction, address: Address, handles: list[str]) -> list[AwsError | None]:
    """Delete the messages the handles are of; each that can't be has its error in its place.

    A standard queue takes any handle that was given out with the message, a FIFO queue only one that still hides it.
    A message that is gone is deleted.
    """
    queue = require(tx, address)
    backlog = opened(tx, queue)
    was_full = backlog.in_flight >= IN_FLIGHT_MAX
    results: list[AwsError | None] = []
    for handle in handles:
        try:
            message = _received(tx, queue, handle)
            if message is not None:
                if queue.is_fifo:
                    _check_not_expired(backlog, message, handle)
                remove(tx, queue, backlog, message)
            results.append(None)
        except AwsError as error:
            results.append(error)
    if tx.changes:
        BACKLOGS.put(tx, backlog)
        if queue.is_fifo or was_full:  # what waited for this one may be received now
            tx.notify(arrivals(queue.id))
    return results


def change_visibility(tx: Transaction, address: Address, changes: list[tuple[str, int]]) -> list[AwsError | None]:
    """Hide each received message for so many seconds from now; each that can't be has its error in its place.

    changes  (receipt handle, timeout in seconds)
    """
    queue = require(tx, address)
    backlog = opened(tx, queue)
    results: list[AwsError | None] = []
    for handle, timeout_s in changes:
        try:
            _change_visibility(tx, queue, backlog, handle, timeout_s)
            results.append(None)
        except AwsError as error:
            results.append(error)
    if tx.changes:
        BACKLOGS.put(tx, backlog)
        tx.notify(arrivals(queue.id))
    return results


def _change_visibility(tx: Transaction, queue: Queue, backlog: Backlog, handle: str, timeout_s: int) -> None:
    message = _received(tx, queue, handle)
    if message is None:
        raise InvalidParameterValue(
            "ReceiptHandle", handle, "Message does not exist or is not available for visibility timeout change."
        )
    if queue.is_fifo:
        _check_not_expired(backlog, message, handle)
    if message.visible_at_ms <= backlog.counted_to_ms or not receipts.read(handle).is_newest_of(message):
        raise MessageNotInflight()
    visible_at_ms = backlog.counted_to_ms + timeout_s * 1000
    if visible_at_ms > message.received_at_ms + VISIBILITY_MAX_MS:
        limit_s = VISIBILITY_MAX_MS // 1000
        raise InvalidParameterValue(
            "VisibilityTimeout",
            timeout_s,
            f"Total VisibilityTimeout for the message is beyond the limit [{limit_s} seconds]",
        )
    rewrite(tx, queue, backlog, message, visible_at_ms=visible_at_ms)


def _received(tx: Transaction, queue: Queue, handle: str) -> Message | None:
    """The message a handle is of, None if it is gone. Raises ReceiptHandleIsInvalid."""
    receipt = receipts.read(handle)
    if receipt is None or receipt.queue_id != queue.id:
        raise ReceiptHandleIsInvalid(handle)
    message = MESSAGES.get(tx, queue.id, receipt.sent_at_ms, receipt.sequence)
    if message is not None and not receipt.is_of(message):
        raise ReceiptHandleIsInvalid(handle)
    return message


def _check_not_expired(backlog: Backlog, message: Message, handle: str) -> None:
    is_hidden = message.visible_at_ms > backlog.counted_to_ms
    if not is_hidden or not receipts.read(handle).is_newest_of(message):
        raise InvalidParameterValue("ReceiptHandle", handle, "The receipt handle has expired.")
