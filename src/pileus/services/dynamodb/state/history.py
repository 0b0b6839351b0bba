"""History: what items were before, while point-in-time recovery is on or a backup, restore or export is being made.

    change  "dynamodb.history\\0"  table id (8)  suffix  sequence (8)  -> the row that was there, b"" for none
    moment  "dynamodb.moment\\0"   table id (8)  time in ms (8)        -> sequence of its last change (8)

A *cut* is a place between two changes, named by the sequence of the one before it. An item as of a cut is what the
first change after the cut replaced, and where there is none, what is there now. So a table can be read as it was at one
moment, in steps, while it lives on: changes that come meanwhile add the very rows that tell what was before.

A time becomes a cut by the moments; no second, no millisecond of the window is lost. What is older than the window is
removed by a timer's steps, once a day.
"""

from collections.abc import Iterator

import msgspec

from pileus.services.dynamodb.state import rows
from pileus.services.dynamodb.state.records import TABLES, TableRecord
from pileus.services.dynamodb.state.rows import Row
from pileus.services.dynamodb.state.steps import some
from pileus.store.table import Table
from pileus.store.transaction import Transaction

CHANGES = b"dynamodb.history\0"
MOMENTS = b"dynamodb.moment\0"
DAY_MS = 86_400_000
PRUNE = "dynamodb.prune"
PRUNED_AT_ONCE = 1000
NOW = (1 << 63) - 1
"""The cut after every change there will ever be: with it, rows are read as they are."""

_PAST_SUFFIX = b"\xff" * 9
"""Behind every change of a suffix: no sequence is that large."""


class Pruning(msgspec.Struct, frozen=True):
    """Changes up to `cut` go; those whose keys are up to `looked_at` have gone."""

    table_id: int
    cut: int
    looked_at: bytes = b""


PRUNINGS = Table("dynamodb.prunings", Pruning, key=lambda row: (row.table_id,))


def keep(tx: Transaction, table: TableRecord, suffix: bytes, old: Row | None) -> None:
    """Note that the item at `suffix` was `old` (None: not there) until now. Called only while table.has_history."""
    sequence = tx.next_sequence().to_bytes(8)
    tx.put(_changes(table.id) + suffix + sequence, b"" if old is None else old.raw)
    if table.recovery is not None:
        tx.put(_moments(table.id) + tx.now_ms.to_bytes(8), sequence)


def cut_at(tx: Transaction, table_id: int, at_ms: int) -> int:
    """The cut after the last change at or before `at_ms`; 0 where all changes came later."""
    low = _moments(table_id)
    found = next(tx.scan(low, low + (at_ms + 1).to_bytes(8), reverse=True), None)
    return 0 if found is None else int.from_bytes(found[1])


def as_of(tx: Transaction, rows_id: int, cut: int, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
    """(suffix, row) of every item as of the cut, in key order, behind the suffix `after`; b"": it was not there.

    Places where nothing was come too, so that whoever reads in steps can count how far it looked.
    """
    item_low, item_high = rows.range_of(rows.table_prefix(rows_id))
    skip = len(item_low)
    start = after + b"\0" if after else b""
    items = tx.scan(item_low + start, item_high)
    item = next(items, None)
    changed = None if cut == NOW else _next_changed(tx, rows_id, after)
    while item is not None or changed is not None:
        suffix = item[0][skip:] if item is not None else changed[0]
        if changed is not None and changed[0] <= suffix:
            at, sequence, replaced = changed
            then = replaced if sequence > cut else _first_after(tx, rows_id, at, cut)
            is_there = item is not None and suffix == at
            now = item[1] if is_there else b""
            yield at, now if then is None else then
            if is_there:
                item = next(items, None)
            changed = _next_changed(tx, rows_id, at)
        else:
            yield suffix, item[1]
            item = next(items, None)


def between(
    tx: Transaction, rows_id: int, low: int, high: int, after: bytes = b""
) -> Iterator[tuple[bytes, int, bytes, bytes]]:
    """(suffix, last, before, then) of every item that has a history, in key order, behind the suffix `after`.

    last    the sequence of its last change behind the cut `low` and up to the cut `high`; 0: it has none there
    before  its row as of the cut `low`, b"" for none; `then`: as of `high`
    """
    changed = _next_changed(tx, rows_id, after)
    while changed is not None:
        suffix = changed[0]
        of_item = _changes(rows_id) + suffix
        start, end = of_item + (low + 1).to_bytes(8), of_item + (high + 1).to_bytes(8)
        first = next(tx.scan(start, end), None)
        if first is None:
            yield suffix, 0, b"", b""
        else:
            last = next(tx.scan(start, end, reverse=True))
            then = _first_after(tx, rows_id, suffix, high)
            if then is None:
                then = tx.get(rows.table_prefix(rows_id) + suffix) or b""
            yield suffix, int.from_bytes(last[0][-8:]), first[1], then
        changed = _next_changed(tx, rows_id, suffix)


def time_of(tx: Transaction, table_id: int, sequence: int, from_ms: int, until_ms: int) -> int:
    """When a change was made that lies between the two times: the first moment whose last change is not before it."""
    while from_ms < until_ms:
        middle_ms = (from_ms + until_ms) // 2
        if cut_at(tx, table_id, middle_ms) >= sequence:
            until_ms = middle_ms
        else:
            from_ms = middle_ms + 1
    return from_ms


def begin_recovery(tx: Transaction, table_id: int) -> None:
    """Point-in-time recovery was turned on."""
    # A backup under way may have kept older changes: the first moment divides them from what can be recovered.
    tx.put(_moments(table_id) + tx.now_ms.to_bytes(8), tx.next_sequence().to_bytes(8))
    tx.wake_at(tx.now_ms + DAY_MS, PRUNE, str(table_id))


def drop_unneeded(tx: Transaction, table: TableRecord) -> None:
    """After a change of the record: what nobody needs any more goes."""
    if table.recovery is None:
        tx.cancel_wake(PRUNE, str(table.id))
        PRUNINGS.delete(tx, table.id)
    if not table.has_history:
        tx.delete_range(*rows.range_of(_moments(table.id)))
        tx.delete_range(*rows.range_of(_changes(table.id)))


def table_deleted(tx: Transaction, table: TableRecord) -> None:
    """The table goes, and its history with it: nobody can restore to a moment of a table that is no more."""
    tx.delete_range(*rows.range_of(_changes(table.id)))
    tx.delete_range(*rows.range_of(_moments(table.id)))
    tx.cancel_wake(PRUNE, str(table.id))
    PRUNINGS.delete(tx, table.id)


def prune(tx: Transaction, key: str) -> None:
    """Remove some of what is older than the window, and come again. The timer's transition."""
    table = TABLES.by_id.first(tx, int(key))
    if table is None or table.recovery is None:
        return
    if table.copying:
        tx.wake_at(tx.now_ms + DAY_MS, PRUNE, key)  # somebody may be reading as of a cut that is about to go
        return
    pruning = PRUNINGS.get(tx, table.id)
    if pruning is None:
        oldest_ms = tx.now_ms - table.recovery.period_days * DAY_MS
        pruning = Pruning(table.id, cut_at(tx, table.id, oldest_ms))
        low = _moments(table.id)
        # The last moment before the window stays: it is the cut of the window's begin.
        kept = next(tx.scan(low, low + (oldest_ms + 1).to_bytes(8), reverse=True), None)
        if kept is not None:
            tx.delete_range(low, kept[0])
    low, high = rows.range_of(_changes(table.id))
    left = tx.scan(pruning.looked_at + b"\0" if pruning.looked_at else low, high)
    changes, is_end = some(left, PRUNED_AT_ONCE)
    for change, _ in changes:
        if int.from_bytes(change[-8:]) <= pruning.cut:
            tx.delete(change)
    if is_end:
        PRUNINGS.delete(tx, table.id)
        tx.wake_at(tx.now_ms + DAY_MS, PRUNE, key)
        return
    PRUNINGS.put(tx, msgspec.structs.replace(pruning, looked_at=changes[-1][0]))
    tx.wake_at(tx.now_ms, PRUNE, key)


def _changes(table_id: int) -> bytes:
    return CHANGES + table_id.to_bytes(8)


def _moments(table_id: int) -> bytes:
    return MOMENTS + table_id.to_bytes(8)


def _next_changed(tx: Transaction, table_id: int, after: bytes) -> tuple[bytes, int, bytes] | None:
    """The first suffix behind `after` that has a change, that change's sequence, and what it replaced."""
    low, high = rows.range_of(_changes(table_id))
    found = next(tx.scan(low + after + _PAST_SUFFIX if after else low, high), None)
    return None if found is None else (found[0][len(low) : -8], int.from_bytes(found[0][-8:]), found[1])


def _first_after(tx: Transaction, table_id: int, suffix: bytes, cut: int) -> bytes | None:
    """What the first change of an item after the cut replaced; None where none came."""
    low = _changes(table_id) + suffix
    found = next(tx.scan(low + (cut + 1).to_bytes(8), low + _PAST_SUFFIX), None)
    return None if found is None else found[1]
