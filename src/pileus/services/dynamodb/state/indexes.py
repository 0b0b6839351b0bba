"""Entries of secondary indexes, the numbers of tables and indexes, and the backfill of an index made on a live table.

    numbers      "dynamodb.numbers\\0"     id of the table or index (8)            -> items (8), bytes (8)
    collection   "dynamodb.collection\\0"  table id (8)  place of the partition    -> bytes (8)

A collection is what a table with local indexes has of one partition key, its local indexes' entries included.

A new index takes the changes of live items from its first moment, while a timer's steps enter those that were there
before. Whichever comes first enters an item; both look whether the entry is there before they count it.

Source: developer guide, "Managing Global Secondary Indexes in DynamoDB" ("Adding a global secondary index to an existing
table", "Detecting and correcting index key violations"), "Local secondary indexes" ("Item collection size limit").
"""

import struct
from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from pileus.services.dynamodb.errors import ItemCollectionSizeLimitExceededException
from pileus.services.dynamodb.state import rows
from pileus.services.dynamodb.state.records import COLLECTION_BYTES_MAX, TABLES, SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.steps import some
from pileus.services.dynamodb.values.ordered import key_bytes
from pileus.services.dynamodb.values.sizes import item_bytes
from pileus.store.table import Table
from pileus.store.transaction import Transaction

NUMBERS = b"dynamodb.numbers\0"
COLLECTIONS = b"dynamodb.collection\0"
BACKFILL = "dynamodb.backfill"
"""The timer of an index that is backfilling; its key is the index's id."""
BACKFILLED_AT_ONCE = 500

_NUMBERS = struct.Struct(">qq")
_BYTES = struct.Struct(">q")


class Backfill(msgspec.Struct, frozen=True):
    """The items before `suffix` are entered."""

    index_id: int
    table_id: int
    suffix: bytes = b""


BACKFILLS = Table("dynamodb.backfills", Backfill, key=lambda row: (row.index_id,))


def made(tx: Transaction, wanted: Iterable[SecondaryIndex]) -> tuple[SecondaryIndex, ...]:
    """Those of a new table, of records without ids or another table's."""
    return tuple(
        replace(index, id=tx.next_sequence(), status="ACTIVE" if index.is_local else "CREATING") for index in wanted
    )


def opened(table: TableRecord) -> TableRecord:
    """A new table that has been filled, and its indexes with it."""
    return replace(
        table,
        status="ACTIVE",
        indexes=tuple(replace(index, status="ACTIVE") for index in table.indexes),
        vector_indexes=tuple(replace(index, status="ACTIVE") for index in table.vector_indexes),
    )


def with_used_attributes(table: TableRecord) -> TableRecord:
    """Attributes that neither the key nor an index needs any more are no longer defined."""
    used = {*table.key_names, *(name for index in table.indexes for name in index.key_names)}
    used |= {name for index in table.vector_indexes for name in index.types}
    return replace(table, attribute_types={name: kind for name, kind in table.attribute_types.items() if name in used})


def count(tx: Transaction, owner_id: int, items: int, size_bytes: int) -> None:
    """Add to the numbers of a table or an index."""
    if items or size_bytes:
        key = NUMBERS + owner_id.to_bytes(8)
        raw = tx.get(key)
        if raw is not None:
            had_items, had_bytes = _NUMBERS.unpack(raw)
            items += had_items
            size_bytes += had_bytes
        tx.put(key, _NUMBERS.pack(items, size_bytes))


def numbers(tx: Transaction, owner_id: int) -> tuple[int, int]:
    """Items and bytes of a table or an index."""
    raw = tx.get(NUMBERS + owner_id.to_bytes(8))
    return (0, 0) if raw is None else _NUMBERS.unpack(raw)


def move(
    tx: Transaction,
    table: TableRecord,
    index: SecondaryIndex,
    suffix: bytes,
    old: Item | None,
    new: Item | None,
    old_bytes: int,
    new_bytes: int,
) -> int:
    """Keep an item's entry in step; return by how many bytes the index has grown."""
    before = None if old is None else rows.entry_key(index, old, suffix)
    after = None if new is None else rows.entry_key(index, new, suffix)
    if before is None and after is None:
        return 0
    if before is not None and index.status == "CREATING" and tx.get(before) is None:
        before = None  # not yet entered
    was_bytes = 0 if before is None else projected_bytes(table, index, old, old_bytes)
    is_bytes = 0 if after is None else projected_bytes(table, index, new, new_bytes)
    if before != after:
        if before is not None:
            tx.delete(before)
        if after is not None:
            tx.put(after, rows.entry_value(suffix))
    count(tx, index.id, (after is not None) - (before is not None), is_bytes - was_bytes)
    return is_bytes - was_bytes


def grow_collection(
    tx: Transaction, table: TableRecord, item: Item, grown_bytes: int, *, is_limited: bool = True
) -> None:
    """Add to the size of the item's collection. Raises ItemCollectionSizeLimitExceededException."""
    key = _collection_key(table, item)
    raw = tx.get(key)
    size_bytes = grown_bytes + (0 if raw is None else _BYTES.unpack(raw)[0])
    if is_limited and grown_bytes > 0 and size_bytes > COLLECTION_BYTES_MAX:
        raise ItemCollectionSizeLimitExceededException()
    if size_bytes:
        tx.put(key, _BYTES.pack(size_bytes))
    else:
        tx.delete(key)


def collection_bytes(tx: Transaction, table: TableRecord, item: Item) -> int:
    """The size of the item's collection."""
    raw = tx.get(_collection_key(table, item))
    return 0 if raw is None else _BYTES.unpack(raw)[0]


def _collection_key(table: TableRecord, item: Item) -> bytes:
    return COLLECTIONS + table.id.to_bytes(8) + rows.partition_of(item[table.hash_name])


def projected(table: TableRecord, index: SecondaryIndex, item: Item) -> Item:
    """What an index has of an item."""
    if index.projection.type == "ALL":
        return item
    names = projected_names(table, index)
    return {name: value for name, value in item.items() if name in names}


def projected_names(table: TableRecord, index: SecondaryIndex) -> set[str]:
    """Where the projection isn't ALL."""
    return {*table.key_names, *index.key_names, *index.projection.included}


def projected_bytes(table: TableRecord, index: SecondaryIndex, item: Item, size_bytes: int) -> int:
    """The size of that; `size_bytes`: the whole item's."""
    return size_bytes if index.projection.type == "ALL" else item_bytes(projected(table, index, item))


def remove(tx: Transaction, index: SecondaryIndex) -> None:
    """All entries of an index and its numbers, in one step."""
    tx.delete_range(*rows.range_of(rows.index_prefix(index.id)))
    tx.delete(NUMBERS + index.id.to_bytes(8))
    BACKFILLS.delete(tx, index.id)
    tx.cancel_wake(BACKFILL, str(index.id))


def table_deleted(tx: Transaction, table: TableRecord) -> None:
    """The table's own numbers and its collections'."""
    tx.delete(NUMBERS + table.id.to_bytes(8))
    if table.local_indexes:
        tx.delete_range(*rows.range_of(COLLECTIONS + table.id.to_bytes(8)))


def begin_backfill(tx: Transaction, table: TableRecord, index: SecondaryIndex) -> TableRecord:
    """Set out to enter the items that are there; returns the changed record, which the caller puts."""
    BACKFILLS.put(tx, Backfill(index.id, table.id))
    tx.wake_at(tx.now_ms, BACKFILL, str(index.id))
    return _with(table, replace(index, is_backfilling=True))


def backfill(tx: Transaction, key: str) -> None:
    """Enter some items and come again, until all are. The timer's transition."""
    progress = BACKFILLS.get(tx, int(key))
    table = None if progress is None else TABLES.by_id.first(tx, progress.table_id)
    index = None if table is None else next((one for one in table.indexes if one.id == progress.index_id), None)
    if index is None or index.status != "CREATING":
        return  # deleted meanwhile

    def enter(suffix: bytes, item: Item, size_bytes: int) -> None:
        entry = rows.entry_key(index, item, suffix)
        if entry is not None and tx.get(entry) is None:
            tx.put(entry, rows.entry_value(suffix))
            count(tx, index.id, 1, projected_bytes(table, index, item, size_bytes))

    if enter_some(tx, table, progress, BACKFILL, enter):
        TABLES.put(tx, _with(table, replace(index, status="ACTIVE", is_backfilling=False)))


def enter_some(
    tx: Transaction, table: TableRecord, progress: Backfill, timer: str, enter: Callable[[bytes, Item, int], None]
) -> bool:
    """Call `enter(suffix, item, its size)` for some items, and let the timer come again; return whether those were all."""
    looked_at, is_end = some(rows.scan(tx, table, progress.suffix), BACKFILLED_AT_ONCE)
    for suffix, raw in looked_at:
        enter(suffix, *rows.decode(raw))
    if is_end:
        BACKFILLS.delete(tx, progress.index_id)
    else:
        BACKFILLS.put(tx, replace(progress, suffix=looked_at[-1][0] + b"\0"))
        tx.wake_at(tx.now_ms, timer, str(progress.index_id))
    return is_end


def _with(table: TableRecord, index: SecondaryIndex) -> TableRecord:
    return replace(table, indexes=tuple(index if one.id == index.id else one for one in table.indexes))


def entry_start(index: SecondaryIndex, values: list[dict]) -> bytes:
    """Where the entries of a partition key of the index begin."""
    return rows.index_prefix(index.id) + rows.partition_of(*values)


def sort_bytes(values: list[dict]) -> bytes:
    return b"".join(map(key_bytes, values))
