"""How items and index entries lie on disk.

    item    "dynamodb.item\\0"  table id (8)  suffix                                    -> size (4), msgpack of the item
    index   "dynamodb.index\\0" index id (8)  hash (8)  key bytes of the index  suffix  -> length of the suffix (2)

A suffix is an item's place in its table: the first 8 bytes of BLAKE2b of the typed partition key, then the key's bytes
as `values.ordered` writes them: self-delimiting, and in the order in which DynamoDB sorts. The hash spreads partitions
evenly, which is what parallel scans divide, and the key itself follows because two keys may share a hash. The size
stands before the item so that capacity and page limits need no walk through it.
"""

import struct
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from pileus.services.dynamodb.state.records import (
    PARTITION_KEY_BYTES_MAX,
    SORT_KEY_BYTES_MAX,
    SecondaryIndex,
    TableRecord,
)
from pileus.services.dynamodb.values.ordered import key_bytes
from pileus.store.transaction import Transaction

Item = dict[str, dict[str, Any]]

ITEMS = b"dynamodb.item\0"
ENTRIES = b"dynamodb.index\0"
HASH_BYTES = 8

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_SIZE = struct.Struct(">I")
_LENGTH = struct.Struct(">H")


def table_prefix(table_id: int) -> bytes:
    return ITEMS + table_id.to_bytes(8)


def index_prefix(index_id: int) -> bytes:
    return ENTRIES + index_id.to_bytes(8)


def range_of(prefix: bytes) -> tuple[bytes, bytes]:
    """All keys that begin with `prefix`, which ends in an id."""
    return prefix, prefix[:-8] + (int.from_bytes(prefix[-8:]) + 1).to_bytes(8)


def suffix_of(table: TableRecord, item: Item) -> bytes:
    """An item's or a key's place in its table. Its key attributes are there and of the right type."""
    suffix = partition_of(item[table.hash_name])
    return suffix + key_bytes(item[table.range_name]) if table.range_name else suffix


def partition_of(*values: dict[str, Any]) -> bytes:
    """Where the items of a partition key begin: hash and key bytes. Several values: a global index's."""
    parts = key_bytes(values[0]) if len(values) == 1 else b"".join(map(key_bytes, values))
    # The type, with which key bytes begin, is hashed once more: rows on disk lie where it says.
    return blake2b(parts[:1] + parts, digest_size=HASH_BYTES).digest() + parts


class Row(msgspec.Struct):
    """A row: its item is decoded when somebody looks at it, which most puts never do with what they replace."""

    raw: bytes
    decoded: Item | None = None

    @property
    def item(self) -> Item:
        if self.decoded is None:
            self.decoded = _decode(self.raw[4:])
        return self.decoded

    @property
    def size_bytes(self) -> int:
        """The item's size."""
        return _SIZE.unpack_from(self.raw)[0]


def row(tx: Transaction, table: TableRecord, suffix: bytes) -> Row | None:
    raw = tx.get(table_prefix(table.id) + suffix)
    return None if raw is None else Row(raw)


def get(tx: Transaction, table: TableRecord, suffix: bytes) -> tuple[Item, int] | None:
    """The item and its size."""
    raw = tx.get(table_prefix(table.id) + suffix)
    return None if raw is None else decode(raw)


def put(tx: Transaction, table: TableRecord, suffix: bytes, raw: bytes) -> None:
    """Only `writing.change` calls this."""
    tx.put(table_prefix(table.id) + suffix, raw)


def encode(item: Item, size_bytes: int) -> bytes:
    """The row of an item."""
    return _SIZE.pack(size_bytes) + _encode(item)


def delete(tx: Transaction, table: TableRecord, suffix: bytes) -> None:
    """Only `writing.change` calls this."""
    tx.delete(table_prefix(table.id) + suffix)


def size_of(raw: bytes) -> int:
    """The size of a row's item."""
    return _SIZE.unpack_from(raw)[0]


def decode(raw: bytes) -> tuple[Item, int]:
    return _decode(raw[4:]), _SIZE.unpack_from(raw)[0]


def scan(
    tx: Transaction, table: TableRecord, start: bytes = b"", end: bytes | None = None, reverse: bool = False
) -> Iterator[tuple[bytes, bytes]]:
    """(suffix, raw row) of the table's items from the suffix `start` on, below `end`; `decode` the row."""
    prefix = table_prefix(table.id)
    low, high = range_of(prefix)
    skip = len(prefix)
    for key, raw in tx.scan(low + start, high if end is None else low + end, reverse):
        yield key[skip:], raw


def entry_key(index: SecondaryIndex, item: Item, suffix: bytes) -> bytes | None:
    """The key of an item's entry in an index.

    None for an item that is not in it: it lacks one of its attributes, or was written before the index was there with
    a value that can't be a key.
    """
    values = []
    for name, kind in zip(index.key_names, index.attribute_types, strict=True):
        value = item.get(name)
        if value is None or not value.get(kind):
            return None
        values.append(value)
    hash_count = len(index.hash_names)
    if len(suffix) > PARTITION_KEY_BYTES_MAX or max(map(_length, values)) > SORT_KEY_BYTES_MAX:
        if max(map(_length, values[:hash_count])) > PARTITION_KEY_BYTES_MAX:
            return None
        if sum(map(_length, values[hash_count:])) > SORT_KEY_BYTES_MAX:
            return None
    key = index_prefix(index.id) + partition_of(*values[:hash_count])
    for value in values[hash_count:]:
        key += key_bytes(value)
    return key + suffix


def _length(value: dict[str, Any]) -> int:
    for kind, content in value.items():
        return len(content.encode()) if kind == "S" else len(content)


def entry_value(suffix: bytes) -> bytes:
    return _LENGTH.pack(len(suffix))


def entry_suffix(key: bytes, value: bytes) -> bytes:
    """The item's place in its table, of an entry."""
    return key[-_LENGTH.unpack(value)[0] :]
