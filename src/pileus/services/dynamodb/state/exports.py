"""Exports: a table as of a moment, or what changed between two, on its way to files in S3.

An export holds the table as backups do (`copying`), so that its history tells what was there while it lives on. The
job's handler (exporting.py) writes files one after another. Each finished one is a row here, which commits with the
place up to which it reached: a killed process writes the file under way again, under its name.

Source: DynamoDB developer guide, "DynamoDB data export to Amazon S3: how it works"; the texts are those of recorded
answers.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import (
    ExportConflictException,
    ExportNotFoundException,
    InvalidExportTimeException,
    PointInTimeRecoveryUnavailableException,
    TableNotFoundException,
)
from pileus.services.dynamodb.expressions import Bound
from pileus.services.dynamodb.state import backups, history, ranges, steps
from pileus.services.dynamodb.state.jobs import Asker, Job, Jobs
from pileus.services.dynamodb.state.records import TABLES, TableRecord
from pileus.services.dynamodb.state.recovery import window
from pileus.store.table import Table
from pileus.store.transaction import Transaction

FULL, INCREMENTAL = "FULL_EXPORT", "INCREMENTAL_EXPORT"
PERIOD_MIN_MS, PERIOD_MAX_MS = 15 * 60_000, 24 * 3_600_000
"""Of an incremental export."""
READ_AT_ONCE = 500
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
    filter    FilterSpecification as it came; {}: none
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


class Export(Job, frozen=True, dict=True, kw_only=True):
    """
    cut          the table as of it is exported; low_cut: an incremental export begins behind it
    after        the last suffix that a finished file holds
    files, items, size_bytes   of the finished files; the size is that of items
    """

    kind = "export"

    key_names: tuple[str, ...]
    asked: Asked
    cut: int
    low_cut: int = 0
    low: bytes = b""
    high: bytes = b""
    """A key condition's suffixes: from `low` on, below `high`; b"": all."""
    after: bytes = b""
    is_read: bool = False
    """All items are in finished files; the manifests are left to be written."""
    files: int = 0
    items: int = 0
    size_bytes: int = 0

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


FILES = Table(
    "dynamodb.export_files",
    ExportFile,
    key=lambda file: (file.account, file.region, file.table_name, file.label, file.number),
)


class _Exports(Jobs[Export]):
    def close(self, tx: Transaction, job: Export, has_failed: bool) -> None:
        FILES.delete_all(tx, *job.key)
        backups.release(tx, job.table_id)

    def of_table(self, tx: Transaction, address: Address, until: str | None) -> Iterator[Export]:
        """Those of the table of this name that is there now."""
        table = TABLES.get(tx, *address)
        of_name = super().of_table(tx, address, until)
        return (export for export in of_name if table is not None and export.table_id == table.id)


EXPORTS = _Exports(
    Export,
    running_max=300,  # Source: developer guide, "Quotas in Amazon DynamoDB" ("Table export")
    not_found=ExportNotFoundException,
    conflict=ExportConflictException,
)


def begin(tx: Transaction, address: Address, asked: Asked, asker: Asker, chosen: Bound) -> Export:
    """Begin an export, or find the one that was begun with this token.

    chosen  what its filter says
    errors  TableNotFoundException, ExportConflictException, PointInTimeRecoveryUnavailableException,
            InvalidExportTimeException, LimitExceededException, ValidationException (of the key condition)
    """
    table = TABLES.get(tx, *address)
    if table is None or table.status in ("CREATING", "DELETING"):
        raise TableNotFoundException(f"Table not found: {address.arn}")
    known = EXPORTS.known(tx, address, asker)
    if known is not None:
        return known
    low, high = _suffixes(table, chosen)
    asked, low_cut, cut = _incremental(tx, table, asked) if asked.is_incremental else _full(tx, table, asked)
    TABLES.put(tx, replace(table, copying=table.copying + 1))
    return EXPORTS.begin(
        tx,
        table,
        asker,
        key_names=table.key_names,
        asked=asked,
        cut=cut,
        low_cut=low_cut,
        low=low,
        high=high,
        after=_before(low),
    )


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


def _suffixes(table: TableRecord, chosen: Bound) -> tuple[bytes, bytes]:
    """Those that a key condition leaves."""
    if chosen.key_condition is None:
        return b"", b""
    wanted = ranges.of_query(table, None, chosen.key_condition)
    if chosen.filter is not None:
        chosen.filter.refuse_keys(table.key_names)
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


# What the handler does


class Change(NamedTuple):
    """Rows as of the cuts, b"" for none; of a full export `then` alone, and no time."""

    before: bytes
    then: bytes
    at_ms: int = 0


def next_changes(tx: Transaction, export: Export, after: bytes) -> tuple[list[Change], bytes, bool]:
    """Some of what comes behind the suffix `after`, up to where one has read, and whether that is the end."""
    found: list[Change] = []
    size_bytes = 0
    read_max = CHANGES_AT_ONCE if export.asked.is_incremental else READ_AT_ONCE
    left = _changes(tx, export, after) if export.asked.is_incremental else _rows(tx, export, after)
    for count, (suffix, change) in enumerate(left, 1):
        after = suffix
        if export.high and suffix >= export.high:
            return found, after, True
        if change is not None and suffix >= export.low:
            found.append(change)
            size_bytes += len(change.before) + len(change.then)
        if count == read_max or size_bytes >= steps.BYTES_AT_ONCE:
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
) -> Export:
    """A data file lies in S3: it counts, and what comes next comes behind it."""
    export = EXPORTS.worked_on(tx, key)
    FILES.put(tx, file)
    return EXPORTS.advance(
        tx,
        export,
        after=after,
        is_read=is_read,
        files=export.files + 1,
        items=export.items + file.items,
        size_bytes=export.size_bytes + size_bytes,
    )


def files_of(tx: Transaction, export: Export) -> list[ExportFile]:
    return list(FILES.scan(tx, *export.key))
