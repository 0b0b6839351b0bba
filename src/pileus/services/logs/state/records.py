"""Records, tables and quotas.

An event has no row of its own: a PutLogEvents call is one row (`Batch`; a large one some), so that writing a function's log costs three
small writes however many lines it has. What follows from that for reading is in `reading.py`.
"""

import msgspec

from pileus.kernel.clock import FOREVER_MS
from pileus.services.logs.errors import LogGroupNotFound, LogStreamNotFound
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

# Quotas. Source: CloudWatch Logs API reference, PutLogEvents; user guide, "CloudWatch Logs quotas"

BATCH_MAX_BYTES = 1_048_576
BATCH_MAX_SPAN_MS = 24 * 3_600_000
EVENT_MAX_BYTES = 1_048_576
EVENT_OVERHEAD_BYTES = 26
TOO_OLD_MS = 14 * 24 * 3_600_000
TOO_NEW_MS = 2 * 3_600_000
PAGE_MAX_EVENTS = 10_000
PAGE_MAX_BYTES = 1_048_576
SUBSCRIPTIONS_PER_GROUP = 2
REGEX_FILTERS_PER_GROUP = 5
RESOURCE_POLICIES_PER_REGION = 10

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Source: API reference, PutRetentionPolicy, retentionInDays."""

DAY_MS = 24 * 3_600_000

WINDOW_MS = 1_000
"""The events of one row lie less than this apart; a call that spans more is several rows. So whoever looks for events
from some time on finds the first of their rows less than a window before it. Larger windows make readers cross more
rows that end too early, smaller ones make more rows of a slow writer's call."""

ROW_EVENTS = 1_000
"""A row is decoded as a whole; a page that begins within one should not decode 10,000 events for each stream."""


class Subscription(msgspec.Struct, frozen=True):
    name: str
    pattern: str
    destination_arn: str
    created_ms: int
    distribution: str = "ByLogStream"


class LogGroup(msgspec.Struct, frozen=True):
    """
    id              unlike the name never used again: rows of a deleted group can't turn up in its successor
    retention_days  0: events never expire
    subscriptions   in the row, as every PutLogEvents needs to know them and there are at most two
    """

    account: str
    region: str
    name: str
    id: int
    created_ms: int
    log_group_class: str = "STANDARD"
    retention_days: int = 0
    tags: dict[str, str] = {}
    is_protected: bool = False
    subscriptions: tuple[Subscription, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.region, self.name

    def expired_before_ms(self, now_ms: int) -> int:
        """Events with an earlier timestamp are not there any more, whether or not their rows are."""
        return now_ms - self.retention_days * DAY_MS if self.retention_days else 0


class GroupSize(msgspec.Struct, frozen=True):
    """Apart from the group's row, which has its tags and would be written again with every call."""

    group_id: int
    stored_bytes: int


class LogStream(msgspec.Struct, frozen=True):
    """
    first_event_ms  no event that is there is older
    last_event_ms   the newest there ever was; with first_event_ms -1 while there was none
    last_sequence   of the newest row
    """

    group_id: int
    name: str
    id: int
    created_ms: int
    first_event_ms: int = -1
    last_event_ms: int = -1
    last_ingestion_ms: int = -1
    last_sequence: int = 0


class Batch(msgspec.Struct, frozen=True):
    """At most ROW_EVENTS events of one PutLogEvents call, less than WINDOW_MS apart.

    stored_bytes  as AWS counts them: UTF-8 and 26 bytes for each
    entries       msgpack of [(timestamp, message), …], ascending; decoded only when its events are wanted
    """

    group_id: int
    stream_id: int
    first_ms: int
    sequence: int
    last_ms: int
    ingested_ms: int
    stored_bytes: int
    entries: msgspec.Raw


class ResourcePolicy(msgspec.Struct, frozen=True):
    """Of the account, in a region: who else may write to its log groups."""

    account: str
    region: str
    name: str
    document: str
    updated_ms: int


GROUPS = Table("logs.groups", LogGroup, key=lambda group: group.key, by_id=Index(lambda group: (group.id,)))
SIZES = Table("logs.sizes", GroupSize, key=lambda size: (size.group_id,))
STREAMS = Table("logs.streams", LogStream, key=lambda stream: (stream.group_id, stream.name))
BATCHES = Table(
    "logs.batches",
    Batch,
    key=lambda batch: (batch.group_id, batch.stream_id, batch.first_ms, batch.sequence),
)
RESOURCE_POLICIES = Table(
    "logs.resource_policies", ResourcePolicy, key=lambda policy: (policy.account, policy.region, policy.name)
)

END = (FOREVER_MS, 0, 0)
"""After every event; see reading.Place."""


def require_group(tx: Transaction, key: tuple[str, str, str]) -> LogGroup:
    """`key` is (account, region, name). Raises LogGroupNotFound."""
    group = GROUPS.get(tx, *key)
    if group is None:
        raise LogGroupNotFound()
    return group


def require_stream(tx: Transaction, group: LogGroup, name: str) -> LogStream:
    stream = STREAMS.get(tx, group.id, name)
    if stream is None:
        raise LogStreamNotFound()
    return stream


def add_stored_bytes(tx: Transaction, group_id: int, count: int) -> None:
    SIZES.put(tx, GroupSize(group_id, stored_bytes(tx, group_id) + count))


def stored_bytes(tx: Transaction, group_id: int) -> int:
    size = SIZES.get(tx, group_id)
    return 0 if size is None else size.stored_bytes


def message_bytes(message: str) -> int:
    return len(message) if message.isascii() else len(message.encode())
