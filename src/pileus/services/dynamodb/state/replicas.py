"""Global tables: the same table in several regions, and the changes that wait to go to the others.

    waiting  "dynamodb.waiting\\0"  table id (8)  suffix     -> place (8), sequence (8)
    line     "dynamodb.line\\0"     table id (8)  place (8)  -> suffix
    head     "dynamodb.head\\0"     table id (8)             -> place (8) before which there is nothing any more
    reached  "dynamodb.reached\\0"  table id (8)             -> place (8) before which all has gone to those that take it

A replica is a table like any other; `TableRecord.replicas` names the other regions, `address_in` what it is there. A client's
or TTL's change commits with a waiting row that says: what is at this suffix is to go to the others, and its last change
was this one of the store's ascending numbers. The timer PUSH (replication.py) takes the rows in the order of the line,
brings the item *as it is then* to all other replicas in one transaction, and removes them. So a killed process loses
nothing and repeats nothing, many changes of one item go together, and each key's changes keep their order.

The last writer wins. All regions share one store and thus one ascending number, DynamoDB's "internal timestamp": of two
changes of an item that wait in two regions, the one with the greater number stays, and no two are equal. A version is
needed only while a change waits: whatever lies in a region without a waiting row is older than every waiting change of
its key, because bringing a change removes the older ones it meets. That is why there are no versions beside the items
and no tombstones: a deletion that waits is its own tombstone, and once nothing waits, nobody can bring the item back.

Of a table of strong consistency nothing waits: `writing.change` makes the change in all regions in one transaction, so a
region never reads what another has not.

While a replica of another account is cut off (accounts.py), the others go on without it: their rows stay, behind the place
that they have reached, and all of them go their way again once it is back.

As on AWS a write that changes nothing makes no stream record and thus goes nowhere; a transaction is one only in the
region where it ran.

Source: DynamoDB developer guide, "How DynamoDB global tables work" ("Multi-Region eventual consistency", "Time to live",
"Settings synchronization").
"""

import struct
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.errors import ResourceInUseException
from pileus.services.dynamodb.state import rows, ttl
from pileus.services.dynamodb.state.records import (
    TABLES,
    Cause,
    Overrides,
    TableRecord,
)
from pileus.services.dynamodb.state.rows import Item
from pileus.store.table import Table
from pileus.store.timers import SET_TIMERS
from pileus.store.transaction import Transaction

WAITING = b"dynamodb.waiting\0"
LINE = b"dynamodb.line\0"
HEADS = b"dynamodb.head\0"
REACHED = b"dynamodb.reached\0"
PUSH = "dynamodb.push"
"""The timer of a table that has waiting changes; its key is the table's id."""
FILL = "dynamodb.fill"
"""The timer of a replica that is being filled; its key is the replica's table id."""
SOURCE_KEPT_MS = 24 * 3_600_000
"""A table that has just filled another is not deleted. Source: developer guide, "Global tables: How it works"."""

_WAITING = struct.Struct(">QQ")


class Fill(msgspec.Struct, frozen=True):
    """The source's items before `suffix` are in the replica."""

    table_id: int
    source_id: int
    suffix: bytes = b""


FILLS = Table("dynamodb.fills", Fill, key=lambda row: (row.table_id,))


# Changes that wait


def replicate(
    tx: Transaction, table: TableRecord, suffix: bytes, old: Item | None, new: Item | None, cause: Cause
) -> None:
    """Send the change to the other regions. Called only while the table has replicas."""
    if cause in (Cause.REPLICATION, Cause.RESTORE):
        return
    sequence = tx.next_sequence()
    key = WAITING + table.id.to_bytes(8) + suffix
    raw = tx.get(key)
    if raw is not None:
        place = _WAITING.unpack(raw)[0]
        if not table.members or place >= _reached(tx, table):
            tx.put(key, _WAITING.pack(place, sequence))  # it keeps its place in the line
            return
        tx.delete(_line(table.id) + place.to_bytes(8))
    tx.put(key, _WAITING.pack(sequence, sequence))
    tx.put(_line(table.id) + sequence.to_bytes(8), suffix)
    if SET_TIMERS.get(tx, PUSH, str(table.id)) is None:
        tx.wake_at(tx.now_ms, PUSH, str(table.id))


def waiting(tx: Transaction, table: TableRecord, suffix: bytes) -> int | None:
    """The number of the item's last change, where it has not gone to the others."""
    raw = tx.get(WAITING + table.id.to_bytes(8) + suffix)
    return None if raw is None else _WAITING.unpack(raw)[1]


def drop_waiting(tx: Transaction, table: TableRecord, suffix: bytes) -> None:
    """The item's last change has gone to the others, or a later one of theirs came over it."""
    key = WAITING + table.id.to_bytes(8) + suffix
    raw = tx.get(key)
    if raw is not None:
        tx.delete(_line(table.id) + _WAITING.unpack(raw)[0].to_bytes(8))
        tx.delete(key)


def line(tx: Transaction, table: TableRecord) -> Iterator[tuple[int, bytes]]:
    """(place, suffix) of waiting changes that can go, those that wait longest first."""
    low, high = rows.range_of(_line(table.id))
    head = tx.get(HEADS + table.id.to_bytes(8)) or b""
    if table.members:
        head = max(head, _reached(tx, table).to_bytes(8))
    for key, suffix in tx.scan(low + head, high):
        yield int.from_bytes(key[-8:]), suffix


def advance(tx: Transaction, table: TableRecord, place: int) -> None:
    """Nothing waits up to `place`: the next look at the line does not cross the graves of what has gone."""
    tx.put(HEADS + table.id.to_bytes(8), (place + 1).to_bytes(8))


def pass_by(tx: Transaction, table: TableRecord, place: int) -> None:
    """What waits at `place` has gone to those that take it, and stays for the others."""
    tx.put(REACHED + table.id.to_bytes(8), (place + 1).to_bytes(8))


def again(tx: Transaction, table: TableRecord) -> None:
    """Go through the whole line again: who takes what is in it has changed."""
    tx.delete(REACHED + table.id.to_bytes(8))
    tx.wake_at(tx.now_ms, PUSH, str(table.id))


def _reached(tx: Transaction, table: TableRecord) -> int:
    return int.from_bytes(tx.get(REACHED + table.id.to_bytes(8)) or b"")


def is_drained(tx: Transaction, table: TableRecord) -> bool:
    return next(line(tx, table), None) is None


def _forget(tx: Transaction, table: TableRecord) -> None:
    """There is nobody to bring changes to."""
    tx.cancel_wake(PUSH, str(table.id))
    tx.delete(HEADS + table.id.to_bytes(8))
    tx.delete(REACHED + table.id.to_bytes(8))
    tx.delete_range(*rows.range_of(WAITING + table.id.to_bytes(8)))
    tx.delete_range(*rows.range_of(_line(table.id)))


def _line(table_id: int) -> bytes:
    return LINE + table_id.to_bytes(8)


# The group


def others(tx: Transaction, table: TableRecord) -> list[TableRecord]:
    """The tables of the other regions, in whatever status."""
    found = [TABLES.get(tx, *table.address_in(region)) for region in table.replicas]
    assert None not in found
    return found


def is_changing(tx: Transaction, table: TableRecord) -> bool:
    """A replica is being made or deleted: as long, the table that asked for it is UPDATING."""
    return any(other.status in ("CREATING", "DELETING") for other in others(tx, table))


def check_idle(tx: Transaction, table: TableRecord) -> None:
    """Raise ResourceInUseException while a replica is being created, changed or deleted: one change at a time."""
    if any(other.status != "ACTIVE" for other in others(tx, table)):
        raise ResourceInUseException("The resource which you are attempting to change is in use.")


def check_deletable(tx: Transaction, table: TableRecord) -> None:
    """Raise ValidationException for a replica from which another was made within the last 24 hours."""
    if table.replicas and table.sourced_at_ms and tx.now_ms - table.sourced_at_ms < SOURCE_KEPT_MS:
        raise ValidationException(
            "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the "
            "table in the last 24 hours."
        )


def expires_here(tx: Transaction, table: TableRecord) -> bool:
    """TTL deletes in one region, the oldest replica's, and the others follow: so one stream says that it was TTL. One that is
    cut off is for itself."""
    living = (
        other for other in others(tx, table) if other.status not in ("CREATING", "DELETING") and not other.cut_off_at_ms
    )
    return bool(table.cut_off_at_ms) or all(table.id < other.id for other in living)


def left(tx: Transaction, table: TableRecord) -> list[TableRecord]:
    """The table leaves the group; the others go on without it. Returns those."""
    if not table.replicas:
        return []
    _forget(tx, table)
    remaining = []
    for other in others(tx, table):
        rest = tuple(region for region in other.replicas if region != table.region)
        members = {region: whose for region, whose in other.members.items() if region != table.region}
        other = replace(other, replicas=rest, members=members) if rest else _alone(tx, other)
        TABLES.put(tx, other)
        if table.cut_off_at_ms and rest:
            again(tx, other)
        if other.expires_by:
            tx.wake_at(tx.now_ms, ttl.EXPIRE, str(other.id))
        remaining.append(other)
    return remaining


def _alone(tx: Transaction, table: TableRecord) -> TableRecord:
    """A table of one region again: its settings stay as they are, and nothing is to go anywhere."""
    _forget(tx, table)
    return replace(
        table,
        replicas=(),
        overrides=Overrides(),
        consistency="",
        witness="",
        witness_status="",
        is_bound=True,
        leaving=0,
        members={},
        cut_off_at_ms=0,
    )


def begin_leaving(tx: Transaction, table: TableRecord) -> TableRecord:
    """Set out to leave the group and to stay as a table of its own, once all that was written before has gone both ways.

    Source: developer guide, "Disassociating a global table replica"; API reference, DisassociateReplicationGroupMemberAction
    (WAIT_FOR_REPLICATION).
    """
    table = replace(table, leaving=tx.next_sequence())
    TABLES.put(tx, table)
    return table


def can_leave(tx: Transaction, table: TableRecord) -> bool:
    """Whether nothing waits in any region that was there when it asked to leave: lines are in the order of changes."""
    firsts = (next(line(tx, member), None) for member in (table, *others(tx, table)))
    return all(first is None or first[0] > table.leaving for first in firsts)


def is_whole(tx: Transaction, table: TableRecord) -> bool:
    """Nobody of the group is cut off."""
    return not any(member.cut_off_at_ms for member in (table, *others(tx, table)))


def leave(tx: Transaction, table: TableRecord) -> TableRecord:
    """It is a table of its own from now on, and so is the last one of those that it leaves."""
    left(tx, table)
    table = _alone(tx, table)
    if table.expires_by:
        tx.wake_at(tx.now_ms, ttl.EXPIRE, str(table.id))
    return table
