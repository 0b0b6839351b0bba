"""What replicas' timers do: bring waiting changes to the other regions, and fill a new replica. See replicas.py."""

from itertools import islice

from msgspec.structs import replace

from pileus.services.dynamodb.state import replicas, rows, steps, tables, writing
from pileus.services.dynamodb.state.records import TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.steps import some
from pileus.store.transaction import Transaction

AT_ONCE = 200


def push(tx: Transaction, key: str) -> None:
    """Bring some waiting changes to all other regions, and come again until none waits. The timer's transition."""
    table = tables.by_id(tx, int(key))
    if table is None:
        return
    group = replicas.others(tx, table)
    for member in (table, *group):
        if member.leaving:
            tx.wake_at(tx.now_ms, tables.SETTLE, str(member.id))
    if table.cut_off_at_ms:
        return
    targets = [other for other in group if other.status != "DELETING" and not other.cut_off_at_ms]
    stays = any(other.cut_off_at_ms for other in group)
    brought_bytes = 0
    for place, suffix in list(islice(replicas.line(tx, table), AT_ONCE)):
        sequence = replicas.waiting(tx, table, suffix)
        assert sequence is not None
        found = rows.get(tx, table, suffix)
        if table.members and any((replicas.waiting(tx, other, suffix) or 0) > sequence for other in group):
            # Theirs is the later one, and may have been here before: this one goes to nobody any more.
            replicas.drop_waiting(tx, table, suffix)
            continue
        for target in targets:
            _bring(tx, target, suffix, found, sequence)
        if stays:
            replicas.pass_by(tx, table, place)
        else:
            replicas.drop_waiting(tx, table, suffix)
            replicas.advance(tx, table, place)
        brought_bytes += 0 if found is None else found[1]
        if brought_bytes >= steps.BYTES_AT_ONCE:
            break
    if not replicas.is_drained(tx, table):
        tx.wake_at(tx.now_ms, replicas.PUSH, key)
    elif table.status == "DELETING":
        tx.wake_at(tx.now_ms, tables.SETTLE, key)


def _bring(tx: Transaction, target: TableRecord, suffix: bytes, found: tuple[Item, int] | None, sequence: int) -> None:
    theirs = replicas.waiting(tx, target, suffix)
    if theirs is not None:
        if theirs > sequence:
            return  # their change is the later one: it comes to us
        replicas.drop_waiting(tx, target, suffix)
    item, size_bytes = found or (None, 0)
    writing.bring(tx, target, suffix, item, size_bytes)


def fill(tx: Transaction, key: str) -> None:
    """Bring some items of the source to a new replica and come again, until all are there. The timer's transition.

    Each item is brought as it is at the moment of its step; changes that come after that go the way of all changes.
    """
    under_way = replicas.FILLS.get(tx, int(key))
    if under_way is None:
        return
    replica, source = tables.by_id(tx, under_way.table_id), tables.by_id(tx, under_way.source_id)
    assert replica is not None and source is not None, "neither can be deleted while the replica is CREATING"
    items, is_end = some(rows.scan(tx, source, under_way.suffix), AT_ONCE)
    for suffix, raw in items:
        writing.bring(tx, replica, suffix, *rows.decode(raw))
    if not is_end:
        replicas.FILLS.put(tx, replace(under_way, suffix=items[-1][0] + b"\0"))
        tx.wake_at(tx.now_ms, replicas.FILL, key)
        return
    replicas.FILLS.delete(tx, replica.id)
    tables.settle(tx, key)
    for other in replicas.others(tx, replica):
        if other.status == "UPDATING":
            tables.settle(tx, str(other.id))
