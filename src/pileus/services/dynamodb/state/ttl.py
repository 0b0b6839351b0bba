"""Time to live: items are deleted once the time in their TTL attribute has passed.

    entry   "dynamodb.ttl\\0"  table id (8)  expiry in seconds (8)  suffix  -> b""

One timer a table is set for its earliest expiry (expiry.py). When TTL is turned on, another timer's steps make the
entries of the items that are there.

Source: DynamoDB developer guide, "Using time to live (TTL) in DynamoDB": the attribute is a number, seconds since the
epoch; times more than five years in the past are not taken for expiries.
"""

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from pileus.kernel.clock import FOREVER_MS
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import ResourceInUseException, ResourceNotFoundException
from pileus.services.dynamodb.state import rows
from pileus.services.dynamodb.state.records import TABLES, TableRecord, TimeToLive
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.steps import some
from pileus.store.table import Table
from pileus.store.timers import SET_TIMERS
from pileus.store.transaction import Transaction

ENTRIES = b"dynamodb.ttl\0"
EXPIRE = "dynamodb.expire"
"""The timer of a table whose TTL is on; its key is the table's id."""
ENTER = "dynamodb.ttl_entries"
"""The timer of a table whose TTL was turned on, until its items have entries."""
ENTERED_AT_ONCE = 500
OLDEST_S = 5 * 365 * 86_400
CHANGED_EVERY_MS = 3_600_000
"""AWS: a change takes up to an hour, and meanwhile there is no other."""
_LAST_S = FOREVER_MS // 1000 - 1
_LONGEST = 24


class Progress(msgspec.Struct, frozen=True):
    """The items before `suffix` have entries."""

    table_id: int
    suffix: bytes = b""


ENTERING = Table("dynamodb.ttl_entering", Progress, key=lambda row: (row.table_id,))


def set_ttl(tx: Transaction, address: Address, attribute: str, enable: bool) -> TableRecord:
    """Turn TTL on or off. Raises ValidationException where that is no change, or the last one is too recent."""
    table = TABLES.get(tx, *address)
    if table is None:
        raise ResourceNotFoundException(f"Requested resource not found: Table: {address.name} not found")
    if table.status in ("CREATING", "DELETING"):
        raise ResourceInUseException(f"Attempt to change a resource which is still in use: Table: {table.name}")
    now = table.ttl
    is_on = now is not None and now.is_enabled
    if enable and is_on:
        if now.attribute == attribute:
            raise ValidationException("TimeToLive is already enabled")
        raise ValidationException(
            f"TimeToLive is active on a different AttributeName: current AttributeName is {now.attribute}"
        )
    if not enable and not is_on:
        raise ValidationException("TimeToLive is already disabled")
    if not enable and now.attribute != attribute:
        raise ValidationException(
            f"TimeToLive is active on a different AttributeName: current AttributeName is {now.attribute}"
        )
    if now is not None and tx.now_ms - now.changed_at_ms < CHANGED_EVERY_MS:
        raise ValidationException("Time to live has been modified multiple times within a fixed interval")
    return turn(tx, table, attribute, enable)


def turn(tx: Transaction, table: TableRecord, attribute: str, enable: bool) -> TableRecord:
    """Turn TTL on or off, where that may be."""
    if not enable:
        table_deleted(tx, table)
    table = replace(table, ttl=TimeToLive(attribute, "ENABLED" if enable else "DISABLED", tx.now_ms))
    TABLES.put(tx, table)
    if enable:
        ENTERING.put(tx, Progress(table.id))
        tx.wake_at(tx.now_ms, ENTER, str(table.id))
    return table


def move(tx: Transaction, table: TableRecord, suffix: bytes, old: Item | None, new: Item | None) -> None:
    """Keep the item's entry in step. Called only while TTL is on."""
    before = None if old is None else expiry_s(table, old)
    after = None if new is None else expiry_s(table, new)
    if before == after:
        return
    if before is not None:
        tx.delete(_key(table, before, suffix))
    if after is not None:
        _enter(tx, table, after, suffix)


def expiry_s(table: TableRecord, item: Item) -> int | None:
    """When the item expires, in seconds; None: never."""
    value = item.get(table.expires_by)
    if value is None or "N" not in value or len(value["N"]) > _LONGEST:
        return None
    seconds = int(Decimal(value["N"]))
    return seconds if 0 <= seconds <= _LAST_S else None


def enter(tx: Transaction, key: str) -> None:
    """Make the entries of some items and come again, until all have theirs. The timer's transition."""
    progress = ENTERING.get(tx, int(key))
    table = None if progress is None else TABLES.by_id.first(tx, progress.table_id)
    if table is None or not table.expires_by:
        return
    looked_at, is_end = some(rows.scan(tx, table, progress.suffix), ENTERED_AT_ONCE)
    for suffix, raw in looked_at:
        at_s = expiry_s(table, rows.decode(raw)[0])
        if at_s is not None:
            _enter(tx, table, at_s, suffix)
    if not is_end:
        ENTERING.put(tx, replace(progress, suffix=looked_at[-1][0] + b"\0"))
        tx.wake_at(tx.now_ms, ENTER, key)
    else:
        ENTERING.delete(tx, table.id)


def table_deleted(tx: Transaction, table: TableRecord) -> None:
    """The table goes, or its TTL is turned off: no entry and no timer is left."""
    if table.ttl is None:
        return
    tx.delete_range(*rows.range_of(prefix(table)))
    ENTERING.delete(tx, table.id)
    tx.cancel_wake(EXPIRE, str(table.id))
    tx.cancel_wake(ENTER, str(table.id))


def _enter(tx: Transaction, table: TableRecord, at_s: int, suffix: bytes) -> None:
    if at_s < tx.now_ms // 1000 - OLDEST_S:
        return
    tx.put(_key(table, at_s, suffix), b"")
    at_ms = max(at_s * 1000, tx.now_ms)
    current = SET_TIMERS.get(tx, EXPIRE, str(table.id))
    if current is None or current.at_ms > at_ms:
        tx.wake_at(at_ms, EXPIRE, str(table.id))


def prefix(table: TableRecord) -> bytes:
    return ENTRIES + table.id.to_bytes(8)


def _key(table: TableRecord, at_s: int, suffix: bytes) -> bytes:
    return prefix(table) + at_s.to_bytes(8) + suffix


def parts(entry: bytes) -> tuple[int, bytes]:
    at = len(ENTRIES) + 8
    return int.from_bytes(entry[at : at + 8]), entry[at + 8 :]
