"""Entries of vector indexes: kept in the transaction of their item, and read by searching.py.

    vector   "dynamodb.vector\\0"  index id (8)  partition  suffix  -> squared length (8), the vector (4 a number), filters

The partition is that of the search schema's HASH attribute, and none where it has no such, so a search of one value of
it reads the entries of that value alone. The vector is of 32-bit numbers, as AWS keeps it. The filters, in MessagePack,
are the item's INLINE_FILTER attributes: a search looks at them without a look at the item.

An item is in the index where it has the vector, and the HASH attribute if there is one. What of these doesn't fit is
refused (keys.py); items that were there before the index, and have such, are left out.

Source: developer guide, "Creating and searching vector indexes", "Data synchronization between tables and vector
indexes", "Monitoring vector index capacity".
"""

import struct
from collections.abc import Iterable
from functools import lru_cache
from operator import mul

import msgspec
from msgspec.structs import replace

from pileus.services.dynamodb.state import indexes, rows
from pileus.services.dynamodb.state.indexes import BACKFILLS, Backfill
from pileus.services.dynamodb.state.records import PARTITION_KEY_BYTES_MAX, TABLES, TableRecord, VectorIndex
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.values.sizes import item_bytes, text_bytes, value_bytes
from pileus.store.transaction import Transaction

ENTRIES = b"dynamodb.vector\0"
BACKFILL = "dynamodb.vector_backfill"
"""The timer of a vector index that is backfilling; its key is the index's id."""
NUMBER_BYTES = 4
FLOAT32_MAX = 3.4028234663852886e38
WRITE_BYTES_MIN = 1024
"""Of what a write of an entry consumes. Source: recorded answers; Amazon DynamoDB pricing (1 KB at least)."""

_LENGTH = struct.Struct("<d")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


@lru_cache
def layout(dimensions: int) -> struct.Struct:
    """How a vector's numbers lie."""
    return struct.Struct(f"<{dimensions}f")


def packed(index: VectorIndex, value: dict) -> bytes | None:
    """The 32-bit numbers of an item's vector; None where it is none of the index's dimensions."""
    elements = value.get("L")
    if elements is None or len(elements) != index.dimensions:
        return None
    try:
        return layout(index.dimensions).pack(*[float(element["N"]) for element in elements])
    except (KeyError, OverflowError):
        return None


class Entry(msgspec.Struct, frozen=True):
    """The vector of an entry, and the square of its length."""

    squared: float
    vector: tuple[float, ...]


def decoded(index: VectorIndex, raw: bytes) -> Entry:
    return Entry(_LENGTH.unpack_from(raw)[0], layout(index.dimensions).unpack_from(raw, _LENGTH.size))


def filters_of(index: VectorIndex, raw: bytes) -> Item:
    """The inline filters of an entry."""
    return _decode(raw[_LENGTH.size + NUMBER_BYTES * index.dimensions :])


def dot(left: Iterable[float], right: Iterable[float]) -> float:
    return sum(map(mul, left, right))


def index_prefix(index: VectorIndex) -> bytes:
    return ENTRIES + index.id.to_bytes(8)


def partition_start(index: VectorIndex, hash_value: dict | None) -> bytes:
    """Where the entries of a value of the HASH attribute begin; None: the index has no such."""
    return index_prefix(index) + (b"" if hash_value is None else rows.partition_of(hash_value))


def entry_of(index: VectorIndex, item: Item | None, suffix: bytes) -> tuple[bytes, bytes] | None:
    """An item's entry, key and value; None where it isn't in the index."""
    value = None if item is None else item.get(index.attribute)
    if value is None:
        return None
    hash_value = None
    if index.hash_name:
        hash_value = item.get(index.hash_name)
        kind = index.types[index.hash_name]
        if hash_value is None or not hash_value.get(kind) or value_bytes(hash_value) > PARTITION_KEY_BYTES_MAX:
            return None
    numbers = packed(index, value)
    if numbers is None:
        return None
    vector = layout(index.dimensions).unpack(numbers)
    filters = {name: item[name] for name in index.filter_names if name in item}
    raw = _LENGTH.pack(dot(vector, vector)) + numbers + _encode(filters)
    return partition_start(index, hash_value) + suffix, raw


def _entries(
    index: VectorIndex, suffix: bytes, old: Item | None, new: Item | None
) -> tuple[tuple[bytes, bytes] | None, tuple[bytes, bytes] | None]:
    """Of an item as it was and as it is: most changes are of something else than the vector, which takes its time."""
    before = entry_of(index, old, suffix)
    names = (index.attribute, *index.types)
    if old is not None and new is not None and all(old.get(name) == new.get(name) for name in names):
        return before, before
    return before, entry_of(index, new, suffix)


def move(
    tx: Transaction, table: TableRecord, index: VectorIndex, suffix: bytes, old: Item | None, new: Item | None
) -> None:
    """Keep an item's entry in step."""
    before, after = _entries(index, suffix, old, new)
    if before is None and after is None:
        return
    if before is not None and index.status == "CREATING" and tx.get(before[0]) is None:
        before = None  # not yet entered
    if before is not None and (after is None or before[0] != after[0]):
        tx.delete(before[0])
    if after is not None and before != after:
        tx.put(*after)
    was_bytes = 0 if before is None else projected_bytes(table, index, old)
    is_bytes = 0 if after is None else projected_bytes(table, index, new)
    indexes.count(tx, index.id, (after is not None) - (before is not None), is_bytes - was_bytes)


def write_bytes(table: TableRecord, index: VectorIndex, suffix: bytes, old: Item | None, new: Item | None) -> int:
    """VectorWriteRequestBytes of a write: of what it changes of the entry and the projected attributes.

    AWS says that it "scales with the size of the data replicated to the index"; by how much is not documented.
    """
    before, after = _entries(index, suffix, old, new)
    if before is None and after is None:
        return 0
    if before == after and projected(table, index, old) == projected(table, index, new):
        return 0
    return max(WRITE_BYTES_MIN, projected_bytes(table, index, old if after is None else new))


def projected(table: TableRecord, index: VectorIndex, item: Item) -> Item:
    """What an index has of an item, but for the vector, which it has as 32-bit numbers."""
    if index.projection.type == "ALL":
        return {name: value for name, value in item.items() if name != index.attribute}
    names = {*table.key_names, *index.types, *index.projection.included} - {index.attribute}
    return {name: value for name, value in item.items() if name in names}


def projected_bytes(table: TableRecord, index: VectorIndex, item: Item) -> int:
    """The size of that, with the vector."""
    vector_bytes = text_bytes(index.attribute) + NUMBER_BYTES * index.dimensions
    return vector_bytes + item_bytes(projected(table, index, item))


# Indexes are made and deleted


def made(tx: Transaction, wanted: Iterable[VectorIndex]) -> tuple[VectorIndex, ...]:
    """Those of a new table, of records without ids or another table's."""
    return tuple(
        replace(index, id=tx.next_sequence(), status="CREATING", is_backfilling=False)
        for index in wanted
        if index.takes_entries
    )


def followed(tx: Transaction, table: TableRecord, replica: TableRecord) -> tuple[VectorIndex, ...]:
    """A replica's vector indexes once those of `table` have changed: what is made or deleted there is so here, too."""
    found: list[VectorIndex] = []
    for index in table.vector_indexes:
        own = replica.vector_index(index.name)
        if own is None:
            found += made(tx, [index])
        else:
            found.append(own if index.takes_entries else replace(own, status="DELETING"))
    return tuple(found)


def changed(table: TableRecord, name: str, **fields: object) -> TableRecord:
    """The table with other fields of one of its vector indexes."""
    found = (replace(one, **fields) if one.name == name else one for one in table.vector_indexes)
    return replace(table, vector_indexes=tuple(found))


def remove(tx: Transaction, index: VectorIndex) -> None:
    """All entries of an index and its numbers, in one step."""
    tx.delete_range(*rows.range_of(index_prefix(index)))
    tx.delete(indexes.NUMBERS + index.id.to_bytes(8))
    BACKFILLS.delete(tx, index.id)
    tx.cancel_wake(BACKFILL, str(index.id))


def settle(tx: Transaction, table: TableRecord) -> TableRecord:
    """What the statuses of a table's vector indexes lead to."""
    for index in table.vector_indexes:
        if index.status == "DELETING":
            remove(tx, index)
            rest = tuple(one for one in table.vector_indexes if one.id != index.id)
            table = indexes.with_used_attributes(replace(table, vector_indexes=rest))
        elif index.status == "CREATING" and table.status == "CREATING":
            table = changed(table, index.name, status="ACTIVE")
        elif index.status == "CREATING" and not index.is_backfilling:
            BACKFILLS.put(tx, Backfill(index.id, table.id))
            tx.wake_at(tx.now_ms, BACKFILL, str(index.id))
            table = changed(table, index.name, is_backfilling=True)
    return table


def backfill(tx: Transaction, key: str) -> None:
    """Enter some items and come again, until all are. The timer's transition."""
    progress = BACKFILLS.get(tx, int(key))
    table = None if progress is None else TABLES.by_id.first(tx, progress.table_id)
    index = None if table is None else next((one for one in table.vector_indexes if one.id == progress.index_id), None)
    if index is None or index.status != "CREATING":
        return  # deleted meanwhile

    def enter(suffix: bytes, item: Item, size_bytes: int) -> None:
        found = entry_of(index, item, suffix)
        if found is not None and tx.get(found[0]) is None:
            tx.put(*found)
            indexes.count(tx, index.id, 1, projected_bytes(table, index, item))

    if indexes.enter_some(tx, table, progress, BACKFILL, enter):
        TABLES.put(tx, changed(table, index.name, status="ACTIVE", is_backfilling=False))
