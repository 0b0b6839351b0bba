"""DynamoDB Streams: what a table's stream keeps of each change.

A stream has one open shard at a time: it takes the records of all keys, so that the order of each key's changes is the
order of the shard. Every four hours the shard is closed and its child goes on, as on AWS, where shards live about as
long; so a reader that knows lineage reads ours. Records are read for 24 hours; a shard goes 24 hours after it was
closed, and a stream when its last shard has gone.

Sequence numbers are the store's own ascending numbers, written with 21 digits as the API's minimum has it.

Source: DynamoDB developer guide, "Change data capture for DynamoDB Streams"; DynamoDB Streams API reference.
"""

import re
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import msgspec

from pileus.kernel.clock import iso8601
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import TrimmedDataAccessException
from pileus.services.dynamodb.state.records import Cause, StreamSettings, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.values.sizes import item_bytes
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

RETENTION_MS = 24 * 3_600_000
SHARD_OPEN_MS = 4 * 3_600_000
"""How long a shard takes records. Developer guide: shards are closed after some four hours."""
PAGE_RECORDS_MAX = 1000
PAGE_BYTES_MAX = 1 << 20
"""Of GetRecords. Source: API reference, GetRecords."""
ITERATOR_LIFE_MS = 15 * 60_000
FIRST_SEQUENCE = 10**20
"""Added to the store's numbers, so that every sequence number has 21 digits."""

ARN = re.compile(
    r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[a-zA-Z0-9_.-]{3,255}/stream/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}"
)
TEND = "dynamodb.stream"


class Stream(msgspec.Struct, frozen=True, dict=True):
    """closed_at_ms: 0 while the table writes to it. shard: the number of the one that is open, or was last."""

    id: int
    account: str
    region: str
    table_name: str
    label: str
    view_type: str
    hash_name: str
    range_name: str
    created_at_ms: int
    shard: int = 1
    closed_at_ms: int = 0

    @cached_property
    def arn(self) -> str:
        return f"{Address(self.account, self.region, self.table_name).arn}/stream/{self.label}"

    @property
    def is_open(self) -> bool:
        return self.closed_at_ms == 0

    def shows(self, image: str) -> bool:
        """image: NEW_IMAGE or OLD_IMAGE."""
        return self.view_type in (image, "NEW_AND_OLD_IMAGES")


class Shard(msgspec.Struct, frozen=True):
    """Its records' sequences are at least `first` and, once it is closed, at most `last`."""

    stream_id: int
    number: int
    opened_at_ms: int
    first: int
    last: int = 0
    closed_at_ms: int = 0
    parent_id: str = ""

    @property
    def id(self) -> str:
        return f"shardId-{self.opened_at_ms:020d}-{self.number:08x}"

    @property
    def is_open(self) -> bool:
        return self.closed_at_ms == 0

    def is_kept(self, now_ms: int) -> bool:
        return self.is_open or self.closed_at_ms + RETENTION_MS > now_ms


class Record(msgspec.Struct, frozen=True, array_like=True):
    """name: INSERT, MODIFY or REMOVE. old, new: None where the view type leaves them out or there was none."""

    stream_id: int
    shard: int
    sequence: int
    at_ms: int
    name: str
    keys: Item
    old: Item | None
    new: Item | None
    size_bytes: int
    is_expiry: bool = False


STREAMS = Table(
    "dynamodb.streams",
    Stream,
    key=lambda stream: (stream.id,),
    is_hot=True,
    by_table=Index(lambda stream: (stream.account, stream.region, stream.table_name, stream.label)),
)
SHARDS = Table("dynamodb.shards", Shard, key=lambda shard: (shard.stream_id, shard.number))
RECORDS = Table("dynamodb.records", Record, key=lambda record: (record.stream_id, record.shard, record.sequence))


class Page(NamedTuple):
    """next_sequence: where to go on; None at the end of a closed shard."""

    records: list[Record]
    next_sequence: int | None


# What a table does


def open_stream(tx: Transaction, table: TableRecord, view_type: str) -> TableRecord:
    """Give the table a new stream; returns the changed record, which the caller puts."""
    label = _free_label(tx, table)
    stream = Stream(
        tx.next_sequence(),
        table.account,
        table.region,
        table.name,
        label,
        view_type,
        table.hash_name,
        table.range_name,
        tx.now_ms,
    )
    STREAMS.put(tx, stream)
    SHARDS.insert(tx, Shard(stream.id, stream.shard, tx.now_ms, tx.next_sequence()))
    tx.wake_at(tx.now_ms + SHARD_OPEN_MS, TEND, str(stream.id))
    settings = StreamSettings(stream.id, label, view_type)
    return msgspec.structs.replace(table, stream=settings, last_stream=settings)


def _free_label(tx: Transaction, table: TableRecord) -> str:
    """The time, or the next that no stream of the table's name has: a clock may stand still."""
    at_ms = tx.now_ms
    while True:
        label = iso8601(at_ms).removesuffix("Z")
        if STREAMS.by_table.first(tx, table.account, table.region, table.name, label) is None:
            return label
        at_ms += 1


def close_stream(tx: Transaction, table: TableRecord) -> TableRecord:
    """End the table's stream; what it holds stays readable for 24 hours. Returns the changed record."""
    _close(tx, table)
    return msgspec.structs.replace(table, stream=None)


def table_deleted(tx: Transaction, table: TableRecord) -> None:
    """The table goes: close its stream. The record is deleted by the caller."""
    if table.stream is not None:
        _close(tx, table)


def record(tx: Transaction, table: TableRecord, old: Item | None, new: Item | None, cause: Cause) -> None:
    """Add a record of the change to the table's stream. Called only while it has one, and only where old != new."""
    if cause is Cause.RESTORE:
        return
    assert table.stream is not None
    stream = STREAMS.get(tx, table.stream.id)
    item = old if new is None else new
    assert stream is not None and item is not None
    keys = {name: item[name] for name in table.key_names}
    old_shown = old if stream.shows("OLD_IMAGE") else None
    new_shown = new if stream.shows("NEW_IMAGE") else None
    size_bytes = item_bytes(keys)
    for image in (old_shown, new_shown):
        if image is not None:
            size_bytes += item_bytes(image)
    name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    kept = Record(
        stream.id,
        stream.shard,
        tx.next_sequence(),
        tx.now_ms,
        name,
        keys,
        old_shown,
        new_shown,
        size_bytes,
        cause is Cause.TTL,
    )
    RECORDS.insert(tx, kept)
    tx.notify(topic(stream.arn))


def topic(arn: str) -> str:
    """Notified when a stream has new records or other shards, and when it is gone."""
    return f"dynamodb.stream {arn}"


# What time does


def tend(tx: Transaction, key: str) -> None:
    """Roll the open shard when it is old enough, and drop what nobody may read any more."""
    stream = STREAMS.get(tx, int(key))
    if stream is None:
        return
    shards = list(SHARDS.scan(tx, stream.id))
    for shard in [shard for shard in shards if not shard.is_kept(tx.now_ms)]:
        RECORDS.delete_all(tx, stream.id, shard.number)
        SHARDS.delete(tx, stream.id, shard.number)
        shards.remove(shard)
    if not shards:
        STREAMS.delete(tx, stream.id)
        tx.notify(topic(stream.arn))
        return
    newest = shards[-1]
    if newest.is_open and newest.opened_at_ms + SHARD_OPEN_MS <= tx.now_ms:
        shards[-1] = _close_shard(tx, newest)
        child = Shard(stream.id, newest.number + 1, tx.now_ms, tx.next_sequence(), parent_id=newest.id)
        shards.append(child)
        SHARDS.insert(tx, child)
        STREAMS.put(tx, msgspec.structs.replace(stream, shard=child.number))
        tx.notify(topic(stream.arn))
    due_ms = [
        shard.opened_at_ms + SHARD_OPEN_MS if shard.is_open else shard.closed_at_ms + RETENTION_MS for shard in shards
    ]
    tx.wake_at(min(due_ms), TEND, key)


# What readers see


def listed(
    tx: Transaction, account: str, region: str, table_name: str, after: tuple[str, str], count: int
) -> list[Stream]:
    """Up to `count` streams in the order of their names and labels; `table_name`: of this table alone, or "" for all.

    after  (table name, label) of the last one seen, or two empty strings
    """
    prefix = (account, region, table_name) if table_name else (account, region)
    if table_name:
        start = after[1] if after[0] == table_name else None
    else:
        start = after if after[0] else None
    return list(islice(STREAMS.by_table.scan(tx, *prefix, after=start), count))


def number_in(shard_id: str) -> int | None:
    """A shard's number, of its id."""
    tail = shard_id.rpartition("-")[2]
    return int(tail, 16) if re.fullmatch("[0-9a-f]{8}", tail) else None


def find(tx: Transaction, arn: str) -> Stream | None:
    """The stream of an ARN; None if there is none (any more)."""
    table_arn, _, label = arn.partition("/stream/")
    parts = table_arn.split(":", 5)
    if len(parts) < 6 or not label:
        return None
    _, _, _, region, account, resource = parts
    return STREAMS.by_table.first(tx, account, region, resource.removeprefix("table/"), label)


def shards(tx: Transaction, stream: Stream) -> list[Shard]:
    """Those that can still be read, oldest first."""
    return [shard for shard in SHARDS.scan(tx, stream.id) if shard.is_kept(tx.now_ms)]


def oldest(tx: Transaction, shard: Shard) -> int:
    """The sequence at which the shard's readable records begin: what is older than 24 hours is trimmed."""
    return at_time(tx, shard, tx.now_ms - RETENTION_MS + 1)


def is_trimmed(tx: Transaction, shard: Shard) -> bool:
    """Whether records of the shard were there that nobody may read any more."""
    first = RECORDS.first(tx, shard.stream_id, shard.number)
    return first is not None and first.at_ms + RETENTION_MS <= tx.now_ms


def newest(tx: Transaction, shard: Shard) -> int:
    """The sequence that follows the shard's newest record."""
    last = next(RECORDS.scan(tx, shard.stream_id, shard.number, reverse=True), None)
    return shard.first if last is None else last.sequence + 1


def at_time(tx: Transaction, shard: Shard, at_ms: int) -> int:
    """The sequence of the first record from `at_ms` on; what follows the newest where there is none.

    By halves, as records are in the order of their times: no reader crosses what is trimmed.
    """
    first = RECORDS.first(tx, shard.stream_id, shard.number)
    if first is None:
        return shard.first
    if first.at_ms >= at_ms:
        return first.sequence
    low, high = first.sequence + 1, newest(tx, shard)
    while low < high:
        middle = (low + high) // 2
        found = RECORDS.first(tx, shard.stream_id, shard.number, start=middle)
        if found is None or found.at_ms >= at_ms:
            high = middle
        else:
            low = found.sequence + 1
    return low


def read(tx: Transaction, shard: Shard, from_sequence: int, count: int) -> Page:
    """Up to `count` records and one megabyte, from `from_sequence` on. Raises TrimmedDataAccessException."""
    records: list[Record] = []
    read_bytes = 0
    for kept in RECORDS.scan(tx, shard.stream_id, shard.number, start=from_sequence):
        if kept.at_ms + RETENTION_MS <= tx.now_ms:
            raise TrimmedDataAccessException()
        read_bytes += kept.size_bytes
        if records and read_bytes > PAGE_BYTES_MAX:
            break
        records.append(kept)
        if len(records) == count:
            break
    else:
        if not shard.is_open:
            return Page(records, None)
    return Page(records, records[-1].sequence + 1 if records else max(from_sequence, shard.first))


def _close(tx: Transaction, table: TableRecord) -> None:
    assert table.stream is not None
    stream = STREAMS.get(tx, table.stream.id)
    assert stream is not None
    open_shard = SHARDS.get(tx, stream.id, stream.shard)
    assert open_shard is not None
    _close_shard(tx, open_shard)
    STREAMS.put(tx, msgspec.structs.replace(stream, closed_at_ms=tx.now_ms))
    first_closed = next(SHARDS.scan(tx, stream.id))
    tx.wake_at((first_closed.closed_at_ms or tx.now_ms) + RETENTION_MS, TEND, str(stream.id))
    tx.notify(topic(stream.arn))


def _close_shard(tx: Transaction, shard: Shard) -> Shard:
    closed = msgspec.structs.replace(shard, last=tx.next_sequence(), closed_at_ms=tx.now_ms)
    SHARDS.put(tx, closed)
    return closed
