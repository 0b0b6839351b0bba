"""Exports: a table as of a moment, or what changed between two, on its way to files in S3.

An export holds the table as backups do (`copying`), so that its history tells what was there while it lives on. Files
are written one after another by the handler of an event (exporting.py). Each finished one is a row here, in one
transition with the place up to which it reached: a killed process writes the file under way again, under its name, and
no item is lost or doubled.

Source: DynamoDB developer guide, "DynamoDB data export to Amazon S3: how it works"; the texts are those of recorded
answers.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from pileus.kernel.principal import Principal
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import (
    ExportConflictException,
    ExportNotFoundException,
    InvalidExportTimeException,
    LimitExceededException,
    PointInTimeRecoveryUnavailableException,
    TableNotFoundException,
)
from pileus.services.dynamodb.expressions import Tests
from pileus.services.dynamodb.state import backups, history, ranges
from pileus.services.dynamodb.state.records import TABLES, TableRecord
from pileus.services.dynamodb.state.recovery import window
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

WORK = "dynamodb.export"
"""The event whose handler writes the files."""
EXPIRE = "dynamodb.export_expiry"
FULL, INCREMENTAL = "FULL_EXPORT", "INCREMENTAL_EXPORT"
IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"
CONCURRENT_MAX = 300
"""Source: developer guide, "Quotas in Amazon DynamoDB" ("Table export")."""
TOKEN_LIFE_MS = 8 * 3_600_000
KEPT_MS = 90 * history.DAY_MS
"""An ended export is described for so long."""
PERIOD_MIN_MS, PERIOD_MAX_MS = 15 * 60_000, 24 * 3_600_000
"""Of an incremental export."""
READ_AT_ONCE, READ_BYTES_AT_ONCE = 500, 1 << 20
CHANGES_AT_ONCE = 100
"""Fewer, as the time of each change is searched for."""


class Destination(msgspec.Struct, frozen=True):
    """owner, prefix, sse_algorithm, kms_key: "" where they weren't given."""

    bucket: str
    owner: str = ""
    prefix: str = ""
    sse_algorithm: str = ""
    kms_key: str = ""


class Asked(msgspec.Struct, frozen=True):
    """What an export is to hold.

    type      "" where it wasn't said: FULL_EXPORT
    at_ms     of a full one; None: now
    until_ms  of an incremental one, excluded; None: now
    filter    FilterSpecification as it came; of full exports only
    """

    destination: Destination
    format: str
    type: str = ""
    at_ms: int | None = None
    from_ms: int = 0
    until_ms: int | None = None
    view: str = ""
    filter: dict = {}

    @property
    def is_incremental(self) -> bool:
        return self.type == INCREMENTAL


class Export(msgspec.Struct, frozen=True, dict=True):
    """
    label        the end of its ARN: the time it was begun, and what makes it unique
    principal    who asked; what is written to S3 is written as they
    digest       of the request, to tell a repeated one from another one with its token
    cut          the table as of it is exported; low_cut: an incremental export begins behind it
    after        the last suffix that a finished file holds
    files, items, size_bytes   of the finished files; the size is that of items
    """

    account: str
    region: str
    table_name: str
    label: str
    table_id: int
    table_uuid: str
    key_names: tuple[str, ...]
    asked: Asked
    principal: Principal
    client_token: str
    digest: bytes
    started_at_ms: int
    cut: int
    low_cut: int = 0
    low: bytes = b""
    high: bytes = b""
    """A key condition's suffixes: from `low` on, below `high`; b"": all."""
    status: str = IN_PROGRESS
    ended_at_ms: int = 0
    after: bytes = b""
    is_read: bool = False
    """All items are in finished files; the manifests are left to be written."""
    files: int = 0
    items: int = 0
    size_bytes: int = 0
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
        return f"{self.table_arn}/export/{self.label}"

    @cached_property
    def folder(self) -> str:
        """Where manifests lie in the bucket. Ends in "/"."""
        return f"{self._root}/{self.label}/"

    @cached_property
    def manifest_key(self) -> str:
        return f"{self.folder}manifest-summary.json"

    @cached_property
    def _root(self) -> str:
        prefix = self.asked.destination.prefix
        return f"{prefix}{'' if not prefix or prefix.endswith('/') else '/'}AWSDynamoDB"

    def data_key(self, number: int) -> str:
        """The name of a data file. The same each time it is written, and no guess at another's."""
        digest = blake2b(f"{self.arn}/{number}".encode(), digest_size=16).digest()
        name = base64.b32encode(digest).decode().rstrip("=").lower()
        # Incremental exports share a folder, so that one table of a catalogue sees them all.
        folder = f"{self._root}/data/" if self.asked.is_incremental else f"{self.folder}data/"
        return f"{folder}{name}.{'json' if self.asked.format == 'DYNAMODB_JSON' else 'ion'}.gz"


class ExportFile(msgspec.Struct, frozen=True):
    """A finished data file, by the export's key and its number."""

    account: str
    region: str
    table_name: str
    label: str
    number: int
    key: str
    items: int
    md5: str
    etag: str


EXPORTS = Table(
    "dynamodb.exports",
    Export,
    key=lambda export: (export.account, export.region, export.table_name, export.label),
    by_time=Index(lambda export: (export.account, export.region, export.label, export.table_name)),
    by_token=Index(
        lambda export: (export.account, export.region, export.client_token, export.label, export.table_name)
    ),
    running=Index(
        lambda export: (
            (export.account, export.region, export.label, export.table_name) if export.status == IN_PROGRESS else None
        )
    ),
)
FILES = Table(
    "dynamodb.export_files",
    ExportFile,
    key=lambda file: (file.account, file.region, file.table_name, file.label, file.number),
)


def begin(
    tx: Transaction,
    address: Address,
    asked: Asked,
    principal: Principal,
    token: str,
    digest: bytes,
    tests: Tests | None = None,
) -> Export:
    """Begin an export, or find the one that was begun with this token.

    tests   the key condition of its filter
    errors  TableNotFoundException, ExportConflictException, PointInTimeRecoveryUnavailableException,
            InvalidExportTimeException, LimitExceededException
    """
    table = TABLES.get(tx, *address)
    if table is None or table.status in ("CREATING", "DELETING"):
        raise TableNotFoundException(f"Table not found: {address.arn}")
    known = EXPORTS.by_token.scan(tx, address.account, address.region, token, reverse=True)
    before = next(known, None)
    if before is not None and before.started_at_ms + TOKEN_LIFE_MS > tx.now_ms:
        if before.digest != digest:
            raise ExportConflictException()
        return before
    low, high = (b"", b"") if tests is None else _suffixes(table, tests)
    asked, low_cut, cut = _incremental(tx, table, asked) if asked.is_incremental else _full(tx, table, asked)
    if len(list(islice(EXPORTS.running.keys(tx, address.account, address.region), CONCURRENT_MAX))) == CONCURRENT_MAX:
        raise LimitExceededException(
            f"Subscriber limit exceeded: There is a limit of {CONCURRENT_MAX} concurrent exports per subscriber"
        )
    export = Export(
        *address,
        label=f"{tx.now_ms:014d}-{tx.ids.hex(8)}",
        table_id=table.id,
        table_uuid=table.uuid,
        key_names=table.key_names,
        asked=asked,
        principal=principal,
        client_token=token,
        digest=digest,
        started_at_ms=tx.now_ms,
        cut=cut,
        low_cut=low_cut,
        low=low,
        high=high,
        after=_before(low),
    )
    EXPORTS.put(tx, export)
    TABLES.put(tx, replace(table, copying=table.copying + 1))
    tx.emit(WORK, {"export": list(export.key)})
    return export


def _full(tx: Transaction, table: TableRecord, asked: Asked) -> tuple[Asked, int, int]:
    if asked.at_ms is not None and (asked.at_ms > tx.now_ms or asked.at_ms < table.created_at_ms):
        raise InvalidExportTimeException("Export Time is invalid")
    _require_recovery(table)
    if asked.at_ms is None:
        return replace(asked, at_ms=tx.now_ms), 0, tx.next_sequence()
    if asked.at_ms < window(table.recovery, tx.now_ms)[0]:
        raise InvalidExportTimeException("Export Time is invalid")
    return asked, 0, history.cut_at(tx, table.id, asked.at_ms)


def _incremental(tx: Transaction, table: TableRecord, asked: Asked) -> tuple[Asked, int, int]:
    until_ms = tx.now_ms if asked.until_ms is None else asked.until_ms
    if asked.from_ms < table.created_at_ms:
        raise InvalidExportTimeException(
            f"Incremental export period from time cannot be less than the table creation time : {_shown(asked.from_ms)}"
        )
    if until_ms > tx.now_ms:
        raise InvalidExportTimeException(
            f"Incremental export period to time cannot be greater than the current time : {_shown(until_ms)}"
        )
    length = "Difference between export period from time and export period to time is"
    if until_ms - asked.from_ms < PERIOD_MIN_MS:
        raise InvalidExportTimeException(f"{length} less than 15 minutes")
    if until_ms - asked.from_ms > PERIOD_MAX_MS:
        raise InvalidExportTimeException(f"{length} greater than 24 hours")
    _require_recovery(table)
    if asked.from_ms < window(table.recovery, tx.now_ms)[0]:
        raise InvalidExportTimeException("Point in Time Recovery is not available for specified export time")
    cuts = (history.cut_at(tx, table.id, at_ms - 1) for at_ms in (asked.from_ms, until_ms))
    return replace(asked, until_ms=until_ms), *cuts


def _suffixes(table: TableRecord, tests: Tests) -> tuple[bytes, bytes]:
    wanted = ranges.of_query(table, None, tests)
    skip = len(ranges.prefix_of(table, None))
    return wanted.low[skip:], wanted.high[skip:]


def _before(low: bytes) -> bytes:
    """What sorts below `low`, and after everything that may sort between them: a place to begin behind."""
    stem = low.rstrip(b"\0")
    return stem[:-1] + bytes([stem[-1] - 1]) if stem else b""


def _require_recovery(table: TableRecord) -> None:
    if table.recovery is None:
        raise PointInTimeRecoveryUnavailableException(f"Point in time recovery is not enabled for table '{table.name}'")


def _shown(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find(tx: Transaction, address: Address, label: str) -> Export:
    """Raises ExportNotFoundException."""
    export = EXPORTS.get(tx, *address, label)
    if export is None:
        raise ExportNotFoundException(f"Export not found: Export not found: {address.arn}/export/{label}")
    return export


def listed(tx: Transaction, account: str, region: str, until: tuple[str, str] | None) -> Iterator[Export]:
    """The newest first, older than (label, table name) `until`."""
    return EXPORTS.by_time.scan(tx, account, region, until=until, reverse=True)


def of_table(tx: Transaction, address: Address, until: str | None) -> Iterator[Export]:
    """Those of the table of this name that is there now, the newest first."""
    table = TABLES.get(tx, *address)
    for export in EXPORTS.scan(tx, *address, until=until, reverse=True):
        if table is not None and export.table_id == table.id:
            yield export


# What the handler of the event does


class Change(NamedTuple):
    """Rows as of the cuts, b"" for none; of a full export `then` alone, and no time."""

    before: bytes
    then: bytes
    at_ms: int = 0


def under_way(tx: Transaction, key: tuple[str, ...]) -> Export | None:
    export = EXPORTS.get(tx, *key)
    return export if export is not None and export.status == IN_PROGRESS else None


def next_changes(tx: Transaction, export: Export, after: bytes) -> tuple[list[Change], bytes, bool]:
    """Some of what comes behind the suffix `after`, up to where one has read, and whether that is the end."""
    found: list[Change] = []
    size_bytes = 0
    read_max = CHANGES_AT_ONCE if export.asked.is_incremental else READ_AT_ONCE
    steps = _changes(tx, export, after) if export.asked.is_incremental else _rows(tx, export, after)
    for count, (suffix, change) in enumerate(steps, 1):
        after = suffix
        if export.high and suffix >= export.high:
            return found, after, True
        if change is not None and suffix >= export.low:
            found.append(change)
            size_bytes += len(change.before) + len(change.then)
        if count == read_max or size_bytes >= READ_BYTES_AT_ONCE:
            return found, after, False
    return found, after, True


def _rows(tx: Transaction, export: Export, after: bytes) -> Iterator[tuple[bytes, Change | None]]:
    for suffix, raw in history.as_of(tx, export.table_id, export.cut, after):
        yield suffix, Change(b"", raw) if raw else None


def _changes(tx: Transaction, export: Export, after: bytes) -> Iterator[tuple[bytes, Change | None]]:
    asked = export.asked
    for suffix, last, before, then in history.between(tx, export.table_id, export.low_cut, export.cut, after):
        if not before and not then:  # nothing happened, or it came and went within the time
            yield suffix, None
        else:
            at_ms = history.time_of(tx, export.table_id, last, asked.from_ms, asked.until_ms)
            yield suffix, Change(before, then, at_ms)


def file_written(
    tx: Transaction, key: tuple[str, ...], file: ExportFile, after: bytes, is_read: bool, size_bytes: int
) -> Export | None:
    """A data file lies in S3: it counts, and what comes next comes behind it."""
    export = under_way(tx, key)
    if export is None:
        return None
    FILES.put(tx, file)
    export = replace(
        export,
        after=after,
        is_read=is_read,
        files=export.files + 1,
        items=export.items + file.items,
        size_bytes=export.size_bytes + size_bytes,
    )
    EXPORTS.put(tx, export)
    return export


def files_of(tx: Transaction, export: Export) -> list[ExportFile]:
    return list(FILES.scan(tx, *export.key))


def complete(tx: Transaction, key: tuple[str, ...], ended_at_ms: int) -> None:
    """The manifests lie in S3. ended_at_ms: what they say."""
    export = under_way(tx, key)
    if export is not None:
        _end(tx, replace(export, status=COMPLETED, ended_at_ms=ended_at_ms))


def fail(tx: Transaction, key: tuple[str, ...], code: str, message: str) -> None:
    export = under_way(tx, key)
    if export is not None:
        failed = replace(export, status=FAILED, ended_at_ms=tx.now_ms, failure_code=code, failure_message=message)
        _end(tx, failed)


def _end(tx: Transaction, export: Export) -> None:
    EXPORTS.put(tx, export)
    FILES.delete_all(tx, *export.key)
    backups.release(tx, export.table_id)
    tx.wake_at(tx.now_ms + KEPT_MS, EXPIRE, "/".join(export.key))


def expire(tx: Transaction, key: str) -> None:
    """Nobody asks for it any more. The timer's transition."""
    EXPORTS.delete(tx, *key.split("/"))
