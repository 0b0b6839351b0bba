"""Dead-letter queues: which queue is one, and how a message gets there.

Source: SQS developer guide, "Using dead-letter queues in Amazon SQS".
"""

from itertools import islice

from msgspec.structs import replace

from pileus.services.sqs import addresses, attributes
from pileus.services.sqs.errors import InvalidParameterValue
from pileus.services.sqs.state.backlogs import add, arrivals, opened, remove
from pileus.services.sqs.state.tables import BACKLOGS, CONTENTS, QUEUES, Backlog, ContentApart, Message, Queue
from pileus.store.transaction import Transaction


def dead_letter_queue(tx: Transaction, queue: Queue) -> Queue | None:
    """Where the queue's spent messages go; None if it has no such queue, or has it no more: then they stay."""
    if queue.redrive is None:
        return None
    address = addresses.of_arn(queue.redrive.dead_letter_arn)
    target = QUEUES.get(tx, *address)
    return target if target is not None and allows(target, queue.arn) else None


def check_target(tx: Transaction, queue: Queue) -> None:
    """Raise if the queue can't have the dead-letter queue that its RedrivePolicy names."""
    if queue.redrive is None:
        return
    target = QUEUES.get(tx, *addresses.of_arn(queue.redrive.dead_letter_arn))
    reason = None
    if target is None or (target.account, target.region) != (queue.account, queue.region):
        reason = "Dead letter target does not exist."
    elif target.is_fifo != queue.is_fifo:
        reason = "Dead-letter queue must be same type of queue as the source."
    elif target.id == queue.id:
        reason = "Dead-letter queue can't be the source queue itself."
    elif not allows(target, queue.arn):
        reason = "Dead letter target's redrive allow policy does not allow this source queue."
    if reason is not None:
        raise InvalidParameterValue("RedrivePolicy", attributes.text_of(queue.redrive), reason)


def allows(dead_letters: Queue, source_arn: str) -> bool:
    """Whether the queue's RedriveAllowPolicy lets the source use it."""
    policy = dead_letters.redrive_allow
    if policy is None or policy.permission == "allowAll":
        return True
    return policy.permission == "byQueue" and source_arn in policy.source_arns


def sources_of(tx: Transaction, queue: Queue, *, after: str | None, limit: int) -> list[Queue]:
    """Up to `limit` queues that have this one as their dead-letter queue, by name; those after the name `after`."""
    sources = QUEUES.by_dead_letter.scan(tx, queue.arn, queue.account, queue.region, after=after)
    return list(islice(sources, limit))


def is_dead_letter_queue(tx: Transaction, queue: Queue) -> bool:
    return QUEUES.by_dead_letter.first(tx, queue.arn) is not None


def move_to_dead_letters(tx: Transaction, queue: Queue, backlog: Backlog, message: Message, target: Queue) -> None:
    """Move a spent message, visible there at once. It keeps its id and how often it was received.

    In a standard queue it keeps the time it was sent as well, and its retention goes on counting from there; in a
    FIFO queue it starts anew.
    """
    move(
        tx,
        queue,
        backlog,
        message,
        target,
        sent_at_ms=tx.now_ms if queue.is_fifo else message.sent_at_ms,
        dead_letter_source=queue.arn,
    )


def move(tx: Transaction, queue: Queue, backlog: Backlog, message: Message, target: Queue, **changes: object) -> None:
    """Take a message out of `queue` and put it into `target`, changed as said. `backlog` is that of `queue`."""
    target_backlog = opened(tx, target)
    moved = replace(
        message,
        queue_id=target.id,
        sequence=tx.next_sequence(),
        visible_at_ms=target_backlog.counted_to_ms,
        received_at_ms=0,
        **changes,
    )
    if message.content is None:
        apart = CONTENTS.get(tx, message.queue_id, message.sent_at_ms, message.sequence)
        CONTENTS.put(tx, ContentApart(moved.queue_id, moved.sent_at_ms, moved.sequence, apart.content))
    remove(tx, queue, backlog, message)
    add(tx, target, target_backlog, moved)
    BACKLOGS.put(tx, target_backlog)
    tx.notify(arrivals(target.id))
