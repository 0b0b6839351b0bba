"""Entries of secondary indexes, the numbers of tables and indexes, and the backfill of an index made on a live table.

numbers   "dynamodb.numbers\\0"  id of the table or index (8)  -> items (8), bytes (8)
"""

import struct

from pileus.services.dynamodb.state import rows
from pileus.services.dynamodb.state.records import SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.values.sizes import item_bytes
from pileus.store.transaction import Transaction

NUMBERS = b"dynamodb.numbers\0"
_NUMBERS = struct.Struct(">qq")


def count(tx: Transaction, owner_id: int, items: int, size_bytes: int) -> None:
    """Add to the numbers of a table or an index."""
    if items or size_bytes:
        had_items, had_bytes = numbers(tx, owner_id)
        tx.put(NUMBERS + owner_id.to_bytes(8), _NUMBERS.pack(had_items + items, had_bytes + size_bytes))


def numbers(tx: Transaction, owner_id: int) -> tuple[int, int]:
    """Items and bytes of a table or an index."""
    raw = tx.get(NUMBERS + owner_id.to_bytes(8))
    return (0, 0) if raw is None else _NUMBERS.unpack(raw)


def move(
    tx: Transaction, table: TableRecord, index: SecondaryIndex, suffix: bytes, old: Item | None, new: Item | None
) -> None:
    """Keep an item's entry in step."""
    before = None if old is None else rows.entry_key(index, old, suffix)
    after = None if new is None else rows.entry_key(index, new, suffix)
    if before is None and after is None:
        return
    if before != after:
        if before is not None:
            tx.delete(before)
        if after is not None:
            tx.put(after, rows.entry_value(suffix))
    was_bytes = 0 if before is None else item_bytes(projected(table, index, old))
    is_bytes = 0 if after is None else item_bytes(projected(table, index, new))
    count(tx, index.id, (after is not None) - (before is not None), is_bytes - was_bytes)


def projected(table: TableRecord, index: SecondaryIndex, item: Item) -> Item:
    """What an index has of an item."""
    if index.projection.type == "ALL":
        return item
    names = {*table.key_names, *index.key_names, *index.projection.included}
    return {name: value for name, value in item.items() if name in names}
