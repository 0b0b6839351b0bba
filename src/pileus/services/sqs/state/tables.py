"""The records and tables of SQS, and its quotas.

Quotas: SQS developer guide, "Amazon SQS standard queue quotas", "FIFO queue quotas" and "message quotas".
"""

from typing import Any

import msgspec

from pileus.services.sqs.addresses import Address
from pileus.store.table import Index, Table

IN_FLIGHT_MAX = 120_000
"""Messages in flight in one queue."""
RECEIVE_MAX = 10
"""Messages of one ReceiveMessage."""
VISIBILITY_MAX_MS = 43_200_000
"""Twelve hours, counted from the receive, however often the timeout is changed."""
DEDUPLICATION_MS = 300_000
"""The deduplication interval, of sends and of receives."""
NAME_FREE_AFTER_MS = 60_000
"""A deleted queue's name."""
PURGE_EVERY_MS = 60_000
NOISY_IN_FLIGHT = 30
"""A tenant of a fair queue is noisy from so many messages in flight on, and more than this share of the queue's."""
NOISY_SHARE = 0.1
CONTENT_APART_BYTES = 4096
"""Larger content is a row of its own: a message is written at each receive, its content once."""

MANY_HIDDEN = 10_000
"""From so many messages on that are not visible, they are counted every second and not when somebody comes."""

PLAIN, GROUPED = 0, 1
"""Lanes of `by_visible_at`: messages of no group are received from it directly, those of a group in the group's turn."""


class RedrivePolicy(msgspec.Struct, frozen=True):
    """Where messages go that were received `max_receive_count` times and not deleted."""

    dead_letter_arn: str
    max_receive_count: int


class RedriveAllowPolicy(msgspec.Struct, frozen=True):
    """Who may use this queue as dead-letter queue. permission: allowAll, denyAll or byQueue."""

    permission: str
    source_arns: tuple[str, ...] = ()


class Queue(msgspec.Struct, frozen=True):
    """
    id                   of this queue and no later one of the same name
    maximum_bytes        of a message with its attributes
    deduplication_scope  queue or messageGroup
    throughput_limit     perQueue or perMessageGroupId; Pileus has no throughput quota to apply it to
    """

    account: str
    region: str
    name: str
    id: int
    created_at_ms: int
    modified_at_ms: int
    visibility_timeout_s: int = 30
    delay_s: int = 0
    receive_wait_s: int = 0
    retention_s: int = 345_600
    maximum_bytes: int = 1_048_576
    is_fifo: bool = False
    is_content_deduplicated: bool = False
    deduplication_scope: str = "queue"
    throughput_limit: str = "perQueue"
    redrive: RedrivePolicy | None = None
    redrive_allow: RedriveAllowPolicy | None = None
    policy: str = ""
    kms_key_id: str = ""
    kms_reuse_s: int = 300
    is_sqs_encrypted: bool = True
    tags: dict[str, str] = {}

    @property
    def address(self) -> Address:
        return Address(self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return self.address.arn


class Backlog(msgspec.Struct, array_like=True):
    """What a queue holds, in numbers: one row a queue, written by every transition of its messages.

    The only record that is changed in place, within the transition that read it: it is counted up and down many
    times and written once.

    counted_to_ms        visible are those whose visible_at_ms is not above this; it never goes back, so a wall clock
                         that does can hide nothing again
    head_ms, head_sequence   the place in `by_visible_at` before which no plain message lives
    hidden_from_ms       none that is not visible becomes so before this
    turn_from_ms         no group's turn is before this
    oldest_ms            no message was sent before this
    expires_at_ms        when retention's timer is set for; 0: it is not
    """

    queue_id: int
    visible: int = 0
    delayed: int = 0
    in_flight: int = 0
    counted_to_ms: int = 0
    head_ms: int = 0
    head_sequence: int = 0
    hidden_from_ms: int = 0
    turn_from_ms: int = 0
    oldest_ms: int = 0
    expires_at_ms: int = 0
    grouped: int = 0
    """Messages that belong to a group."""
    purged_at_ms: int = 0
    is_ticking: bool = False
    """The timer that counts every second is set."""


class Content(msgspec.Struct, frozen=True, array_like=True):
    """What the sender sent. `attributes`: name -> MessageAttributeValue, as the sender spelled it."""

    body: str
    body_md5: str
    attributes: dict[str, dict[str, Any]] = {}
    attributes_md5: str = ""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """
    queue_id, sent_at_ms, sequence   its key; the sequence ascends in the order of sending
    content            None: it lies in CONTENTS
    visible_at_ms      it can be received from then on
    receive_count      so often it was received, here and where it came from
    received_at_ms     when it was last received in this queue, 0 if it never was
    group_id           "" for none
    deduplication_id   "" in standard queues
    dead_letter_source the ARN of the queue from which it came here
    """

    queue_id: int
    sent_at_ms: int
    sequence: int
    id: str
    content: Content | None
    sender_id: str
    visible_at_ms: int
    receive_count: int = 0
    received_at_ms: int = 0
    first_received_at_ms: int = 0
    group_id: str = ""
    deduplication_id: str = ""
    trace_header: str = ""
    dead_letter_source: str = ""

    @property
    def lane(self) -> int:
        return GROUPED if self.group_id else PLAIN


class ContentApart(msgspec.Struct, frozen=True):
    queue_id: int
    sent_at_ms: int
    sequence: int
    content: Content


class Group(msgspec.Struct, frozen=True, array_like=True):
    """A message group that has messages.

    turn_ms         when its next message can be received, as far as the group decides
    head_sequence   of the message that is next (and, in a standard queue, turn_ms is that one's visible_at_ms)
    in_flight       counted in standard queues only
    rank            0, or for a noisy tenant of a standard queue its messages in flight: the fewer, the sooner
    """

    queue_id: int
    group_id: str
    turn_ms: int
    head_sequence: int
    in_flight: int = 0
    rank: int = 0


class Deduplication(msgspec.Struct, frozen=True):
    """A message was sent with this id. scope: the group, or "" for the queue."""

    queue_id: int
    scope: str
    deduplication_id: str
    until_ms: int
    message_id: str
    sequence: int


class Attempt(msgspec.Struct, frozen=True):
    """A receive with a ReceiveRequestAttemptId. handed_out: what each message was then.

    (sent_at_ms, sequence, receive_count, visible_at_ms)
    """

    queue_id: int
    attempt_id: str
    until_ms: int
    handed_out: list[tuple[int, int, int, int]]


class DeletedName(msgspec.Struct, frozen=True):
    account: str
    region: str
    name: str
    free_at_ms: int


class MoveTask(msgspec.Struct, frozen=True):
    """
    destination_arn   "": each message goes back where it came from
    per_second        0: as fast as it goes
    to_move           messages that were visible at the start
    status            RUNNING, COMPLETED, CANCELLED or FAILED
    from_ms, from_sequence   the place in `by_visible_at` up to which it has looked
    """

    queue_id: int
    started_at_ms: int
    id: str
    source_arn: str
    destination_arn: str
    per_second: int
    to_move: int
    moved: int = 0
    status: str = "RUNNING"
    failure: str = ""
    from_ms: int = 0
    from_sequence: int = 0


DELAYED, IN_FLIGHT = 1, 2


def _visibility_key(message: Message) -> tuple:
    # What `backlogs.opened` needs of a message whose time has come stands in the key: it reads no row.
    kind = IN_FLIGHT if message.received_at_ms else DELAYED
    return (message.queue_id, message.lane, message.visible_at_ms, message.sequence, kind, message.group_id)


def _group_key(message: Message) -> tuple | None:
    if not message.group_id:
        return None
    # FIFO: the order of sending. Standard: the order of visibility, as in a queue of its own.
    order_ms = 0 if message.deduplication_id else message.visible_at_ms
    return (message.queue_id, message.group_id, order_ms, message.sequence)


QUEUES = Table(
    "sqs.queues",
    Queue,
    key=lambda queue: (queue.account, queue.region, queue.name),
    is_hot=True,
    by_dead_letter=Index(
        lambda queue: queue.redrive and (queue.redrive.dead_letter_arn, queue.account, queue.region, queue.name)
    ),
)
BACKLOGS = Table("sqs.backlogs", Backlog, key=lambda backlog: (backlog.queue_id,))
MESSAGES = Table(
    "sqs.messages",
    Message,
    key=lambda message: (message.queue_id, message.sent_at_ms, message.sequence),
    by_visible_at=Index(_visibility_key),
    by_group=Index(_group_key),
)
CONTENTS = Table("sqs.contents", ContentApart, key=lambda row: (row.queue_id, row.sent_at_ms, row.sequence))
GROUPS = Table(
    "sqs.groups",
    Group,
    key=lambda group: (group.queue_id, group.group_id),
    by_turn=Index(lambda group: (group.queue_id, group.rank, group.turn_ms, group.head_sequence, group.group_id)),
)
DEDUPLICATIONS = Table(
    "sqs.deduplications",
    Deduplication,
    key=lambda row: (row.queue_id, row.scope, row.deduplication_id),
    by_end=Index(lambda row: (row.queue_id, row.until_ms, row.scope, row.deduplication_id)),
)
ATTEMPTS = Table(
    "sqs.attempts",
    Attempt,
    key=lambda row: (row.queue_id, row.attempt_id),
    by_end=Index(lambda row: (row.queue_id, row.until_ms, row.attempt_id)),
)
DELETED_NAMES = Table("sqs.deleted_names", DeletedName, key=lambda row: (row.account, row.region, row.name))
MOVE_TASKS = Table("sqs.move_tasks", MoveTask, key=lambda task: (task.queue_id, task.started_at_ms, task.id))
