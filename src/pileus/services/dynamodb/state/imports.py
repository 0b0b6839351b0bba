"""Imports: a new table filled with what objects in S3 hold.

The handler of an event (importing.py) reads the objects and hands their items over in batches. A batch is one
transition with the place up to which it reached (object and record), so a killed process goes on behind it and no
record counts twice. The table is CREATING until it ends.

Source: DynamoDB developer guide, "DynamoDB data import from Amazon S3: how it works", "Import format quotas and
validation"; the texts are those of recorded answers.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from pileus.kernel.arn import partition_of
from pileus.kernel.principal import Principal
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import ImportConflictException, ImportNotFoundException, LimitExceededException
from pileus.services.dynamodb.state import history, rows, tables, writing
from pileus.services.dynamodb.state.records import TABLES, Cause, SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

WORK = "dynamodb.import"
"""The event whose handler reads the objects."""
EXPIRE = "dynamodb.import_expiry"
IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"
CONCURRENT_MAX = 50
OBJECTS_MAX = 50_000
TOKEN_LIFE_MS = 8 * 3_600_000
KEPT_MS = 90 * history.DAY_MS
LOG_GROUP = "/aws-dynamodb/imports"
ITEMS_FAILED = (
    "ItemValidationError",
    "Some of the items failed validation checks and were not imported. Please check CloudWatch error logs for more "
    "details.",
)


class Import(msgspec.Struct, frozen=True, dict=True):
    """
    label        the end of its ARN: the time it was begun, and what makes it unique
    asked        what ImportTable was asked for, without the token
    principal    who asked; objects are read, and errors logged, as they
    digest       of the request, to tell a repeated one from another one with its token
    after_key    the last object that was read to its end, or given up
    objects      how many those are
    object_key   the object that is being read; records: how many of its records have been taken
    """

    account: str
    region: str
    table_name: str
    label: str
    table_id: int
    table_uuid: str
    asked: dict
    principal: Principal
    client_token: str
    digest: bytes
    started_at_ms: int
    status: str = IN_PROGRESS
    ended_at_ms: int = 0
    after_key: str = ""
    objects: int = 0
    object_key: str = ""
    records: int = 0
    processed_bytes: int = 0
    processed: int = 0
    imported: int = 0
    errors: int = 0
    failure_code: str = ""
    failure_message: str = ""

    @cached_property
    def key(self) -> tuple[str, str, str, str]:
        return self.account, self.region, self.table_name, self.label

    @cached_property
    def table_arn(self) -> str:
        return Address(self.account, self.region, self.table_name).arn

    @cached_property
    def arn(self) -> str:
        return f"{self.table_arn}/import/{self.label}"

    @cached_property
    def log_group_arn(self) -> str:
        return f"arn:{partition_of(self.region)}:logs:{self.region}:{self.account}:log-group:{LOG_GROUP}:*"


IMPORTS = Table(
    "dynamodb.imports",
    Import,
    key=lambda one: (one.account, one.region, one.table_name, one.label),
    by_time=Index(lambda one: (one.account, one.region, one.label, one.table_name)),
    by_token=Index(lambda one: (one.account, one.region, one.client_token, one.label, one.table_name)),
    running=Index(
        lambda one: (one.account, one.region, one.label, one.table_name) if one.status == IN_PROGRESS else None
    ),
)


class Valid(NamedTuple):
    """An item that can be put, its place in the table and its size."""

    suffix: bytes
    item: Item
    size_bytes: int


class Batch(NamedTuple):
    """What was read of an object.

    records     how many records, those with errors included; size_bytes: how many bytes, uncompressed
    failures    (index of the record in its object, message)
    is_end      there is no more, or the rest can't be read
    """

    items: list[Valid]
    failures: list[tuple[int, str]]
    records: int
    size_bytes: int
    is_end: bool


def begin(
    tx: Transaction,
    wanted: TableRecord,
    new_indexes: list[SecondaryIndex],
    encrypts: bool,
    asked: dict,
    principal: Principal,
    token: str,
    digest: bytes,
) -> Import:
    """Make the table and begin to fill it; or find the import that was begun with this token.

    errors  ImportConflictException, LimitExceededException, ResourceInUseException
    """
    before = next(IMPORTS.by_token.scan(tx, wanted.account, wanted.region, token, reverse=True), None)
    if before is not None and before.started_at_ms + TOKEN_LIFE_MS > tx.now_ms:
        if before.digest != digest:
            raise ImportConflictException()
        return before
    if len(list(islice(IMPORTS.running.keys(tx, wanted.account, wanted.region), CONCURRENT_MAX))) == CONCURRENT_MAX:
        raise LimitExceededException(
            f"Subscriber limit exceeded: There is a limit of {CONCURRENT_MAX} concurrent imports per subscriber"
        )
    table = tables.create(tx, wanted, new_indexes, encrypts=encrypts, settles=False)
    begun = Import(
        *table.address,
        label=f"{tx.now_ms:014d}-{tx.ids.hex(8)}",
        table_id=table.id,
        table_uuid=table.uuid,
        asked=asked,
        principal=principal,
        client_token=token,
        digest=digest,
        started_at_ms=tx.now_ms,
    )
    IMPORTS.put(tx, begun)
    tx.emit(WORK, {"import": list(begun.key)})
    return begun


def find(tx: Transaction, address: Address, label: str) -> Import:
    """Raises ImportNotFoundException."""
    found = IMPORTS.get(tx, *address, label)
    if found is None:
        raise ImportNotFoundException(f"Import not found: Import not found: {address.arn}/import/{label}")
    return found


def listed(tx: Transaction, account: str, region: str, until: tuple[str, str] | None) -> Iterator[Import]:
    """The newest first, older than (label, table name) `until`."""
    return IMPORTS.by_time.scan(tx, account, region, until=until, reverse=True)


def of_table(tx: Transaction, address: Address, until: str | None) -> Iterator[Import]:
    """Those into tables of this name, the newest first."""
    return IMPORTS.scan(tx, *address, until=until, reverse=True)


# What the handler of the event does


def under_way(tx: Transaction, key: tuple[str, ...]) -> tuple[Import, TableRecord] | None:
    found = IMPORTS.get(tx, *key)
    if found is None or found.status != IN_PROGRESS:
        return None
    table = TABLES.by_id.first(tx, found.table_id)
    assert table is not None, "a table that is being filled is CREATING, which nobody can delete"
    return found, table


def take(tx: Transaction, key: tuple[str, ...], object_key: str, batch: Batch) -> Import:
    """Put a batch's items, and note how far it reached. Of items with the same key the last one stays."""
    at = under_way(tx, key)
    assert at is not None, "an import is ended by its own handler alone"
    found, table = at
    for suffix, item, size_bytes in batch.items:
        old, old_bytes = rows.get(tx, table, suffix) or (None, 0)
        writing.change(tx, table, suffix, old, item, cause=Cause.RESTORE, old_bytes=old_bytes, new_bytes=size_bytes)
    records = (found.records if found.object_key == object_key else 0) + batch.records
    found = replace(
        found,
        object_key="" if batch.is_end else object_key,
        records=0 if batch.is_end else records,
        after_key=object_key if batch.is_end else found.after_key,
        objects=found.objects + batch.is_end,
        processed_bytes=found.processed_bytes + batch.size_bytes,
        processed=found.processed + batch.records,
        imported=found.imported + len(batch.items),
        errors=found.errors + len(batch.failures),
    )
    IMPORTS.put(tx, found)
    return found


def finish(tx: Transaction, key: tuple[str, ...]) -> None:
    """All objects have been read: the table is there, and the import failed if any item did."""
    at = under_way(tx, key)
    if at is None:
        return
    found, table = at
    _open(tx, table)
    code, message = ITEMS_FAILED if found.errors else ("", "")
    _end(tx, found, code, message)


def fail(tx: Transaction, key: tuple[str, ...], code: str, message: str) -> None:
    """It can't go on. Where nothing was imported yet there will be no table; else it stays with what it has."""
    at = under_way(tx, key)
    if at is None:
        return
    found, table = at
    if found.processed:
        _open(tx, table)
    else:
        tables.remove(tx, table)
    _end(tx, found, code, message)


def _open(tx: Transaction, table: TableRecord) -> None:
    active = tuple(replace(index, status="ACTIVE") for index in table.indexes)
    TABLES.put(tx, replace(table, status="ACTIVE", indexes=active))


def _end(tx: Transaction, found: Import, code: str, message: str) -> None:
    status = FAILED if code else COMPLETED
    IMPORTS.put(tx, replace(found, status=status, ended_at_ms=tx.now_ms, failure_code=code, failure_message=message))
    tx.wake_at(tx.now_ms + KEPT_MS, EXPIRE, "/".join(found.key))


def expire(tx: Transaction, key: str) -> None:
    """Nobody asks for it any more. The timer's transition."""
    IMPORTS.delete(tx, *key.split("/"))
