"""Message groups: whose message comes next.

FIFO queues: within a group in the order of sending, and nothing of a group while one of its messages is in flight.
Standard queues ("fair queues"): a tenant that has far more messages in flight than others is noisy, and waits until
no other has a message.

A Group row says when the group's turn is; `by_turn` has the groups in that order, so that neither the number of groups
nor that of their messages matters to a receive.

Source: SQS developer guide, "FIFO queue delivery logic" and "How Amazon SQS fair queues work". Of the two measures of
noise given there this is the first, the share of messages in flight; the share of processing time is not measured.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from pileus.services.sqs.state.tables import (
    GROUPS,
    MESSAGES,
    NOISY_IN_FLIGHT,
    NOISY_SHARE,
    PLAIN,
    Backlog,
    Group,
    Message,
    Queue,
)
from pileus.store.transaction import Transaction


def in_order(tx: Transaction, queue: Queue, backlog: Backlog) -> Iterator[Message]:
    """The messages of a FIFO queue that may be received now: of each group as many as can be, oldest turn first."""
    now_ms = backlog.counted_to_ms
    # Both scans see the tables as they were at their start: a group that a message was taken from still goes on.
    turns = GROUPS.by_turn.scan(tx, queue.id, 0, start=backlog.turn_from_ms, until=now_ms + 1)
    backlog.turn_from_ms = now_ms + 1
    for group in turns:
        backlog.turn_from_ms = min(backlog.turn_from_ms, group.turn_ms)
        for message in MESSAGES.by_group.scan(tx, queue.id, group.group_id, 0, start=group.head_sequence):
            if message.visible_at_ms > now_ms:
                break
            yield message


def fairly(tx: Transaction, queue: Queue, backlog: Backlog) -> Iterator[Message]:
    """The visible messages of a standard queue that knows tenants: the quiet ones' by age, then the noisy ones'.

    Looks anew for each message: taking one changes who is noisy.
    """
    yielded: set[int] = set()
    while True:
        message = _oldest_quiet(tx, queue, backlog) or _least_noisy(tx, queue, backlog)
        if message is None or message.sequence in yielded:  # hidden for 0 ms, so it is the next one again
            return
        yielded.add(message.sequence)
        yield message


def join(tx: Transaction, queue: Queue, backlog: Backlog, message: Message) -> None:
    """A message was added: its group may be new, or its turn may come sooner."""
    group = GROUPS.get(tx, queue.id, message.group_id)
    if group is None:
        group = Group(queue.id, message.group_id, message.visible_at_ms, message.sequence)
    elif queue.is_fifo or (group.turn_ms, group.head_sequence) <= (message.visible_at_ms, message.sequence):
        return
    else:
        group = replace(group, turn_ms=message.visible_at_ms, head_sequence=message.sequence)
    _put(tx, backlog, group)


def refresh(tx: Transaction, queue: Queue, backlog: Backlog, message: Message, in_flight_change: int) -> None:
    """A message of the group was changed or removed: find out when the group's turn is now.

    in_flight_change  of the group's messages
    """
    group = GROUPS.get(tx, queue.id, message.group_id)
    turn = _fifo_turn(tx, backlog, group) if queue.is_fifo else _fair_turn(tx, group, message)
    if turn is None:
        GROUPS.delete(tx, queue.id, message.group_id)
        return
    turn_ms, head_sequence = turn
    in_flight = 0 if queue.is_fifo else group.in_flight + in_flight_change
    _put(
        tx,
        backlog,
        replace(
            group,
            turn_ms=turn_ms,
            head_sequence=head_sequence,
            in_flight=in_flight,
            rank=_rank(in_flight, backlog),
        ),
    )


def count_in_flight(tx: Transaction, backlog: Backlog, queue_id: int, group_id: str, change: int) -> None:
    """Messages of a standard queue's group have become visible again."""
    group = GROUPS.get(tx, queue_id, group_id)
    in_flight = group.in_flight + change
    _put(tx, backlog, replace(group, in_flight=in_flight, rank=_rank(in_flight, backlog)))


def _put(tx: Transaction, backlog: Backlog, group: Group) -> None:
    GROUPS.put(tx, group)
    backlog.turn_from_ms = min(backlog.turn_from_ms, group.turn_ms)


def _rank(in_flight: int, backlog: Backlog) -> int:
    is_noisy = in_flight >= NOISY_IN_FLIGHT and in_flight > NOISY_SHARE * backlog.in_flight
    return in_flight if is_noisy else 0


def _fifo_turn(tx: Transaction, backlog: Backlog, group: Group) -> tuple[int, int] | None:
    """When the group may go on: when nothing of it is in flight any more and its next message is visible."""
    head: Message | None = None
    free_at_ms = 0
    for message in MESSAGES.by_group.scan(tx, group.queue_id, group.group_id, 0, start=group.head_sequence):
        head = head or message
        if not message.received_at_ms:
            break  # and none after it was received here: a receive takes a group's first ones
        if message.visible_at_ms > backlog.counted_to_ms:
            free_at_ms = max(free_at_ms, message.visible_at_ms)
    if head is None:
        return None
    return max(free_at_ms, head.visible_at_ms), head.sequence


def _fair_turn(tx: Transaction, group: Group, message: Message) -> tuple[int, int] | None:
    """The place of the group's first message; never before the group's old first one and the changed one."""
    start = min((group.turn_ms, group.head_sequence), (message.visible_at_ms, message.sequence))
    first = MESSAGES.by_group.first(tx, group.queue_id, group.group_id, start=start)
    return None if first is None else (first.visible_at_ms, first.sequence)


def _oldest_quiet(tx: Transaction, queue: Queue, backlog: Backlog) -> Message | None:
    now_ms = backlog.counted_to_ms
    start = (backlog.head_ms, backlog.head_sequence)
    plain = next(MESSAGES.by_visible_at.scan(tx, queue.id, PLAIN, start=start, until=now_ms + 1), None)
    backlog.head_ms, backlog.head_sequence = (now_ms + 1, 0) if plain is None else (plain.visible_at_ms, plain.sequence)
    group = next(GROUPS.by_turn.scan(tx, queue.id, 0, start=backlog.turn_from_ms, until=now_ms + 1), None)
    backlog.turn_from_ms = now_ms + 1 if group is None else group.turn_ms
    if group is None:
        return plain
    if plain is not None and (plain.visible_at_ms, plain.sequence) < (group.turn_ms, group.head_sequence):
        return plain
    return _head(tx, group)


def _least_noisy(tx: Transaction, queue: Queue, backlog: Backlog) -> Message | None:
    # They are few: each has dozens of messages in flight, and the queue's are limited.
    for group in GROUPS.by_turn.scan(tx, queue.id, start=1):
        if group.turn_ms <= backlog.counted_to_ms:
            return _head(tx, group)
    return None


def _head(tx: Transaction, group: Group) -> Message | None:
    return MESSAGES.by_group.first(tx, group.queue_id, group.group_id, start=(group.turn_ms, group.head_sequence))
