"""Backups of tables, and the copies that make and restore them.

A backup is a set of rows like a table's, below an id of its own. It is copied as of the moment it was asked for, in
steps of a timer, while the table lives on (history.py). A table is restored the same way, from a backup's rows or from
the rows of a live table as of a moment; each item goes through `writing.change`, so its indexes fill as it comes.

A table that is deleted while point-in-time recovery is on leaves a system backup: its rows stay where they are.

Source: DynamoDB developer guide, "Using On-Demand backup and restore for DynamoDB", "Point-in-time backups"; the texts are
those of recorded answers.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice

import msgspec
from msgspec.structs import replace

from pileus.kernel.clock import iso8601
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address, of_labelled
from pileus.services.dynamodb.errors import (
    BackupInUseException,
    BackupNotFoundException,
    LimitExceededException,
    TableNotFoundException,
)
from pileus.services.dynamodb.state import history, indexes, quotas, rows, vectors, writing
from pileus.services.dynamodb.state.records import TABLES, Cause, TableRecord, check_room, new_label
from pileus.services.dynamodb.state.steps import some
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

COPY = "dynamodb.copy"
"""The timer of a copy; its key is the copy's id."""
EXPIRE = "dynamodb.backup_expiry"
RESTORES_MAX = 50
"""Of an account at a time. Source: API reference, RestoreTableFromBackup."""
COPIED_AT_ONCE = 500
SYSTEM_BACKUP_LIFE_MS = 35 * history.DAY_MS
SYSTEM_BACKUP_NAME = "{}$DeletedTableBackup"
SYSTEM_BACKUP_MARK = "00000000"
"""The end of its ARN, where those of users' backups are random."""


class Backup(msgspec.Struct, frozen=True, dict=True):
    """
    label       the end of its ARN: the time it was made, and what makes it unique
    type        USER or SYSTEM
    status      CREATING or AVAILABLE
    table       as it was then
    rows_id     below which its rows lie
    restoring   copies that read it now
    """

    account: str
    region: str
    table_name: str
    label: str
    name: str
    type: str
    status: str
    created_at_ms: int
    table: TableRecord
    rows_id: int
    items: int = 0
    size_bytes: int = 0
    expires_at_ms: int = 0
    restoring: int = 0

    @cached_property
    def arn(self) -> str:
        return f"{Address(self.account, self.region, self.table_name).arn}/backup/{self.label}"


class Copy(msgspec.Struct, frozen=True):
    """Rows under way. From a live table (source_table) as of `cut`, or from a backup.

    after          the last suffix that was looked at
    backup         label of the backup that is made; "": a table is restored, `target`
    """

    id: int
    rows_id: int
    cut: int
    source: Address
    target: int
    after: bytes = b""
    makes_backup: str = ""
    reads_backup: str = ""


BACKUPS = Table(
    "dynamodb.backups",
    Backup,
    key=lambda backup: (backup.account, backup.region, backup.table_name, backup.label),
    by_time=Index(lambda backup: (backup.account, backup.region, backup.label, backup.table_name)),
)
COPIES = Table(
    "dynamodb.copies",
    Copy,
    key=lambda copy: (copy.id,),
    restoring=Index(lambda copy: None if copy.makes_backup else (copy.source.account, copy.id)),
)


# Backups


def create(tx: Transaction, address: Address, name: str) -> Backup:
    """Begin a backup of the table as it is now. Raises TableNotFoundException."""
    table = _require_idle(tx, address)
    rows_id = tx.next_sequence()
    cut = tx.next_sequence()
    backup = _record(tx, table, name, "USER", "CREATING", rows_id)
    BACKUPS.put(tx, backup)
    TABLES.put(tx, replace(table, copying=table.copying + 1))
    _begin(tx, Copy(tx.next_sequence(), table.id, cut, address, rows_id, makes_backup=backup.label))
    return backup


def find(tx: Transaction, address: Address, label: str) -> Backup:
    """Raises BackupNotFoundException."""
    backup = BACKUPS.get(tx, *address, label)
    if backup is None:
        raise BackupNotFoundException(f"Backup not found: {address.arn}/backup/{label}")
    return backup


def listed(tx: Transaction, account: str, region: str, after: tuple[str, str]) -> Iterator[Backup]:
    """Every backup by the time it was made, behind (label, table name) `after`."""
    return BACKUPS.by_time.scan(tx, account, region, after=after if after[0] else None)


def delete(tx: Transaction, address: Address, label: str) -> Backup:
    """Raises BackupNotFoundException, BackupInUseException, ValidationException."""
    backup = find(tx, address, label)
    if backup.type == "SYSTEM":
        raise ValidationException(
            f"Invalid Request: User is not allowed to delete the system backup with arn {backup.arn}. It will "
            f"automatically expire on {iso8601(backup.expires_at_ms)}"
        )
    if backup.status != "AVAILABLE":
        raise BackupInUseException()
    if backup.restoring:
        raise BackupInUseException(f"Backup is being used to restore table: {backup.arn}")
    _drop(tx, backup)
    return backup


def keep_deleted(tx: Transaction, table: TableRecord) -> None:
    """Of a table that goes while point-in-time recovery is on: its rows stay as a system backup, for 35 days."""
    name = SYSTEM_BACKUP_NAME.format(table.name)
    backup = _record(tx, table, name, "SYSTEM", "AVAILABLE", table.id)
    label = f"{tx.now_ms:014d}-{SYSTEM_BACKUP_MARK}"
    if BACKUPS.get(tx, *table.address, label) is not None:
        label = backup.label  # of a table that was deleted, made and deleted while the clock stood still
    backup = replace(backup, label=label, expires_at_ms=tx.now_ms + SYSTEM_BACKUP_LIFE_MS)
    BACKUPS.put(tx, backup)
    tx.wake_at(backup.expires_at_ms, EXPIRE, backup.arn)


def expire(tx: Transaction, key: str) -> None:
    """A system backup's time is over. The timer's transition; its key is the ARN."""
    address, label = of_labelled(key, "backup")
    backup = BACKUPS.get(tx, *address, label)
    if backup is None:
        return
    if backup.restoring:
        tx.wake_at(tx.now_ms + history.DAY_MS, EXPIRE, key)
    else:
        _drop(tx, backup)


# Restores


def restore_backup(tx: Transaction, address: Address, label: str, table: TableRecord) -> TableRecord:
    """Begin to fill the new table `table`, a record without ids, from a backup, which fills one at a time."""
    backup = find(tx, address, label)
    if backup.status != "AVAILABLE":
        raise BackupInUseException()
    if backup.restoring:
        raise BackupInUseException(f"Backup is being used to restore another table: {backup.arn}")
    BACKUPS.put(tx, replace(backup, restoring=backup.restoring + 1))
    made = _make(tx, table)
    _begin(tx, Copy(tx.next_sequence(), backup.rows_id, history.NOW, address, made.id, reads_backup=label))
    return made


def restore_moment(tx: Transaction, source: TableRecord, at_ms: int, table: TableRecord) -> TableRecord:
    """Begin to fill the new table `table`, a record without ids, with `source` as it was at a moment."""
    source = _require_idle(tx, source.address)
    cut = history.cut_at(tx, source.id, at_ms)
    TABLES.put(tx, replace(source, copying=source.copying + 1))
    made = _make(tx, table)
    _begin(tx, Copy(tx.next_sequence(), source.id, cut, source.address, made.id))
    return made


def _make(tx: Transaction, table: TableRecord) -> TableRecord:
    """It is CREATING until its items are all there. Raises LimitExceededException."""
    check_room(tx, table.address)
    running = COPIES.restoring.keys(tx, table.account)
    if len(list(islice(running, RESTORES_MAX))) == RESTORES_MAX:
        raise LimitExceededException(
            f"Subscriber limit exceeded: Only {RESTORES_MAX} restore operations can be done simultaneously"
        )
    quotas.check(tx, None, table)
    made = replace(
        table,
        id=tx.next_sequence(),
        uuid=tx.ids.uuid(),
        created_at_ms=tx.now_ms,
        status="CREATING",
        indexes=indexes.made(tx, table.indexes),
        vector_indexes=vectors.made(tx, table.vector_indexes),
    )
    TABLES.put(tx, made)
    return made


# Copies


def copy(tx: Transaction, key: str) -> None:
    """Copy some rows and come again, until all are there. The timer's transition."""
    under_way = COPIES.get(tx, int(key))
    if under_way is None:
        return
    target = None if under_way.makes_backup else TABLES.by_id.first(tx, under_way.target)
    backup = BACKUPS.get(tx, *under_way.source, under_way.makes_backup) if under_way.makes_backup else None
    if target is None and backup is None:
        _end(tx, under_way)
        return
    looked_at = history.as_of(tx, under_way.rows_id, under_way.cut, under_way.after)
    batch, is_end = some(looked_at, COPIED_AT_ONCE)
    there = [(suffix, raw) for suffix, raw in batch if raw]
    for suffix, raw in there:
        if target is not None:
            item, size_bytes = rows.decode(raw)
            writing.change(tx, target, suffix, None, item, size_bytes, Cause.RESTORE)
        else:
            tx.put(rows.table_prefix(under_way.target) + suffix, raw)
    if backup is not None:
        backup = replace(
            backup,
            items=backup.items + len(there),
            size_bytes=backup.size_bytes + sum(rows.size_of(raw) for _, raw in there),
            status="AVAILABLE" if is_end else "CREATING",
        )
        BACKUPS.put(tx, backup)
    if not is_end:
        COPIES.put(tx, replace(under_way, after=batch[-1][0]))
        tx.wake_at(tx.now_ms, COPY, key)
        return
    if target is not None:
        TABLES.put(tx, replace(indexes.opened(target), restored_from=None))
    _end(tx, under_way)


def _begin(tx: Transaction, begun: Copy) -> None:
    COPIES.put(tx, begun)
    tx.wake_at(tx.now_ms, COPY, str(begun.id))


def _end(tx: Transaction, under_way: Copy) -> None:
    COPIES.delete(tx, under_way.id)
    if under_way.reads_backup:
        backup = BACKUPS.get(tx, *under_way.source, under_way.reads_backup)
        if backup is not None:
            BACKUPS.put(tx, replace(backup, restoring=backup.restoring - 1))
        return
    release(tx, under_way.rows_id)


def release(tx: Transaction, table_id: int) -> None:
    """A copy of a live table has ended: its history goes where nobody else needs it."""
    source = TABLES.by_id.first(tx, table_id)
    if source is not None:
        source = replace(source, copying=source.copying - 1)
        TABLES.put(tx, source)
        history.drop_unneeded(tx, source)


def _require_idle(tx: Transaction, address: Address) -> TableRecord:
    """A table that backups and restores can read: to them one is not there before it is ACTIVE, nor when it goes.
    Raises TableNotFoundException."""
    table = TABLES.get(tx, *address)
    if table is None or table.status in ("CREATING", "DELETING"):
        raise TableNotFoundException(f"Table not found: {address.name}")
    return table


def _record(tx: Transaction, table: TableRecord, name: str, kind: str, status: str, rows_id: int) -> Backup:
    items, size_bytes = indexes.numbers(tx, table.id) if status == "AVAILABLE" else (0, 0)
    label = new_label(tx)
    return Backup(
        *table.address, label, name, kind, status, tx.now_ms, table, rows_id, items=items, size_bytes=size_bytes
    )


def _drop(tx: Transaction, backup: Backup) -> None:
    BACKUPS.remove(tx, backup)
    tx.cancel_wake(EXPIRE, backup.arn)
    tx.delete_range(*rows.range_of(rows.table_prefix(backup.rows_id)))
