"""The embedded engine: RocksDB, a log-structured merge tree, through rocksdict. Why: docs/decisions/0002-store-engine.md.

A commit goes into the write-ahead log (wal.py) and then into RocksDB's tables, of which the newest is in memory. RocksDB
keeps no log of its own: what its files don't hold yet is replayed from ours when it is opened.

The commits that share a sync are one record of the log and one write to the tables; until then they are held here, in
layers that are laid over what is read. Nobody is answered before the sync, so nothing is lost by that; and where many
change one row (a queue's numbers), it is written once. When a sync fails, the layers that waited for it are dropped and
their record is taken back: reads see what was on disk before. Where nothing is synced, each commit is a record and a
write of its own (safe from kill -9, for the operating system has the bytes).

A log that a loss of power tore at its end is opened without what is torn; one with damage further up is refused, for
acknowledged commits may follow it.

What rocksdict 0.3 gets wrong, and what follows from it here:
- It raises plain `Exception`: exactly that, no subclass, is made a RocksError.
- `set_iterate_lower_bound` sets the upper bound: a descending scan compares keys itself.
- An iterator holds a pointer into the bytes of its upper bound: they must live as long as it does.
- Reopened without `column_families` it takes the options found on disk instead of those given.
"""

import contextlib
import errno
import gc
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec
from rocksdict import (
    AccessType,
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DbClosedError,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    RdictIter,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from pileus.store.engine import DataDirRefused, EngineFailed
from pileus.store.overlay import overlaid
from pileus.store.recent import RecentRows
from pileus.store.wal import Damaged, WriteAheadLog, read, remove

log = logging.getLogger("pileus.store")

Durability = Literal["fsync", "process", "none"]

MIB = 1 << 20
WRITE_BUFFER_BYTES = 8 * MIB
BLOCK_CACHE_BYTES = 16 * MIB
BLOCK_BYTES = 16 * 1024
APART_BYTES = 4096
FEW_ROWS = 32
"""Up to here a range is deleted row by row. Deleted as one it makes the next read some 70 µs slower (RocksDB sorts the
deleted ranges anew), row by row it costs 1 µs a row, and as much again for each scan that crosses the graves."""

TABLES_TO_WRITE = "rocksdb.num-immutable-mem-table"
"""The tables in memory that are full and not yet files."""

FREE_TO_RECOVER_BYTES = 2 * MIB
"""Beyond the size of the log, which becomes a table: what opening writes (manifest, options, a new log)."""


class RocksError(Exception):
    """What RocksDB says went wrong."""

    @property
    def is_locked(self) -> bool:
        text = str(self)
        return "While lock file" in text or "lock hold by current process" in text


class _Rocks:
    """Within it, what rocksdict raises is a RocksError. Subclasses of Exception are mistakes of ours and pass."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is Exception or kind is DbClosedError:
            raise RocksError(str(error)) from error


ROCKS = _Rocks()


Changes = Mapping[bytes, bytes | None]
Ranges = Sequence[tuple[bytes, bytes]]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[dict[bytes, bytes | None], list[tuple[bytes, bytes]]]).decode


class _Layer:
    """Commits as one: the ranges are deleted first, then the changes made."""

    __slots__ = ("changes", "ranges")

    def __init__(self) -> None:
        self.changes: dict[bytes, bytes | None] = {}
        self.ranges: list[tuple[bytes, bytes]] = []

    def __bool__(self) -> bool:
        return bool(self.changes or self.ranges)

    def add(self, changes: Changes, ranges: Ranges) -> None:
        for start, end in ranges:
            for key in [key for key in self.changes if start <= key < end]:
                del self.changes[key]
            self.ranges.append((start, end))
        self.changes.update(changes)

    def covers(self, key: bytes) -> bool:
        return any(start <= key < end for start, end in self.ranges)


class RocksEngine:
    """
    durability   fsync: survives power loss; process: survives kill -9; none: survives a clean stop
    accept_loss  open what can be read of a log that is damaged, and drop the commits after the damage

    Three layers may lie over the tables: what is `held` for the next sync, what is `syncing`, and what the last sync has
    brought to the log (`logged`), which goes to the tables before the next one.
    """

    __slots__ = (
        "_accept_loss",
        "_db",
        "_has_failed",
        "_held",
        "_is_logged",
        "_log",
        "_logged",
        "_recent",
        "_syncing",
        "_write_options",
        "is_durable",
        "path",
    )

    def __init__(self, path: Path | str, durability: Durability = "fsync", accept_loss: bool = False) -> None:
        self.path = Path(path)
        self.is_durable = durability == "fsync"
        self._is_logged = durability != "none"
        self._accept_loss = accept_loss
        self._write_options = WriteOptions()
        self._write_options.disable_wal = True
        self._held, self._syncing, self._logged = _Layer(), _Layer(), _Layer()
        self._recent = RecentRows()
        self._has_failed = False
        self._db: Rdict = None  # until it is open
        self._log: WriteAheadLog
        self._open()

    def get(self, key: bytes) -> bytes | None:
        recent = self._recent
        if key in recent:
            return recent[key]
        value = self._look_up(key)
        recent.found(key, value)
        return value

    def _look_up(self, key: bytes) -> bytes | None:
        for layer in (self._held, self._syncing, self._logged):
            if key in layer.changes:
                return layer.changes[key]
            if layer.ranges and layer.covers(key):
                return None
        return self._db.get(key)

    def scan(self, start: bytes, end: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        rows = self._scan(start, end, reverse)
        # The newest is looked at first: what a sync that ends meanwhile moves from one to the next is seen in either.
        layers = self._held, self._syncing, self._logged
        for layer in reversed(layers):
            if layer:
                rows = overlaid(rows, layer.changes, layer.ranges, start, end, reverse)
        return rows

    def apply(self, changes: Changes, ranges: Iterable[tuple[bytes, bytes]] = ()) -> None:
        if self._has_failed:
            raise EngineFailed("the log or the tables could not be written")
        few, many = self._divided(ranges)
        if few:
            changes = few | changes
        if self.is_durable:
            self._held.add(changes, many)
        else:
            layer = _Layer()
            layer.add(changes, many)
            self._append(layer)
            self._write(layer)
            self._log.keep()
        if many:
            self._recent.clear()
        self._recent.changed(changes)

    def begin_sync(self) -> Callable[[], None]:
        if self._logged:
            self._write(self._logged)
            self._logged = _Layer()
        if self._held:
            self._append(self._held)
            self._syncing, self._held = self._held, _Layer()

        def sync() -> None:
            try:
                self._sync_log()
            except OSError as error:
                self._has_failed = True
                raise EngineFailed(_words(error)) from error
            self._log.keep()
            self._logged, self._syncing = self._syncing, _Layer()

        return sync

    def roll_back(self) -> None:
        self._held, self._syncing = _Layer(), _Layer()
        self._recent.clear()

    def recover(self) -> None:
        self._probe_space()
        try:
            self._log.forget()
        except OSError as error:
            raise EngineFailed(_words(error)) from error
        self._log.close()
        self._close_db()
        try:
            self._open()
        except DataDirRefused as error:
            with contextlib.suppress(DataDirRefused):
                self._open(is_read_only=True)
            raise EngineFailed(str(error)) from error
        self._has_failed = False

    def close(self) -> None:
        with contextlib.suppress(EngineFailed, RocksError, OSError), ROCKS:
            for layer in (self._logged, self._syncing, self._held):
                self._write(layer)
            self._db.flush()
            self._log.close()
            remove(self._log_folder)
        self._close_db()

    @property
    def _log_folder(self) -> Path:
        return self.path / "wal"

    def _append(self, layer: _Layer) -> None:
        """Write the layer to the log."""
        if not self._is_logged:
            return
        try:
            with ROCKS:
                if self._log.is_full:
                    # What is in the full segment is in the tables, but may be in memory only: from now on it is written.
                    self._db.flush(False)
                    self._log.rotate()
                elif self._log.has_full_segments and not self._db.property_int_value(TABLES_TO_WRITE):
                    self._log.release()
            self._log.append(_encode((layer.changes, layer.ranges)))
        except (OSError, RocksError) as error:
            self._has_failed = True
            raise EngineFailed(_words(error) if isinstance(error, OSError) else str(error)) from error

    def _write(self, layer: _Layer) -> None:
        """Write the layer to the tables."""
        batch = WriteBatch(raw_mode=True)
        for start, end in layer.ranges:
            batch.delete_range(start, end)
        for key, value in layer.changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            with ROCKS:
                self._db.write(batch, self._write_options)
        except RocksError as error:
            self._has_failed = True
            raise EngineFailed(str(error)) from error

    def _divided(self, ranges: Iterable[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes | None], Ranges]:
        """The ranges as deletions of the rows in them, where those are few, and the others."""
        few: dict[bytes, bytes | None] = {}
        many = []
        for start, end in ranges:
            if start >= end:
                continue
            keys = [key for key, _ in islice(self.scan(start, end), FEW_ROWS + 1)]
            if len(keys) > FEW_ROWS:
                many.append((start, end))
            else:
                few.update(dict.fromkeys(keys))
        return few, many

    def _scan(self, start: bytes, end: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        if start >= end:
            return iter(())
        options = ReadOptions()
        options.set_iterate_upper_bound(end)
        cursor = self._db.iter(options)  # here and not in the generator: the scan begins now
        return _descending(cursor, start, end) if reverse else _ascending(cursor, start, end)

    def _sync_log(self) -> None:
        self._log.sync()

    def _open(self, is_read_only: bool = False) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._open_db(is_read_only)
            self._replay(is_read_only)
        except (RocksError, EngineFailed, Damaged, OSError) as error:
            self._close_db()
            raise DataDirRefused(_reason(self.path, error)) from error

    def _open_db(self, is_read_only: bool) -> None:
        access = AccessType.read_only(False) if is_read_only else AccessType.read_write()
        options = _options(self._accept_loss)
        for may_try_again in (True, False):
            try:
                with ROCKS:
                    self._db = Rdict(str(self.path), options, {"default": options}, access)
                return
            except RocksError as error:
                if not (may_try_again and error.is_locked):
                    raise
                gc.collect()  # an abandoned scan of ours may still hold the database

    def _replay(self, is_read_only: bool) -> None:
        """Bring the tables to where the log ends, and begin a new log."""
        try:
            payloads = read(self._log_folder)
        except Damaged as damage:
            if not self._accept_loss:
                raise
            log.warning("the log of %s is damaged, and what follows the damage is dropped: %s", self.path, damage)
            payloads = damage.readable
        self._logged = _Layer()
        self._recent.clear()
        for payload in payloads:
            layer = _Layer()
            layer.add(*_decode(payload))
            if is_read_only:
                self._logged.add(layer.changes, layer.ranges)
            else:
                self._write(layer)
        if is_read_only:
            return
        if payloads:
            with ROCKS:
                self._db.flush()
        remove(self._log_folder)
        self._log = WriteAheadLog(self._log_folder)

    def _close_db(self) -> None:
        """Forget the database; what fails now fails again, and is told, when it is opened."""
        if self._db is not None:
            with contextlib.suppress(RocksError), ROCKS:
                self._db.close()

    def _probe_space(self) -> None:
        """Raise EngineFailed when there is no room for what opening writes: once closed, it must open."""
        log_bytes = sum(file.stat().st_size for file in self._log_folder.glob("*.wal"))
        probe = self.path / "probe"
        try:
            with open(probe, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, log_bytes + FREE_TO_RECOVER_BYTES)
                os.fsync(file.fileno())
        except OSError as error:
            raise EngineFailed(f"no room to recover: {_words(error)}") from error
        finally:
            probe.unlink(missing_ok=True)


def _ascending(cursor: RdictIter, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
    # `end` is a parameter because the cursor points into it (see above).
    valid, key, value, following = cursor.valid, cursor.key, cursor.value, cursor.next
    cursor.seek(start)
    while valid():
        yield key(), value()
        following()
    cursor.status()  # raises what ended the scan, if it wasn't the end


def _descending(cursor: RdictIter, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
    valid, key, value, previous = cursor.valid, cursor.key, cursor.value, cursor.prev
    cursor.seek_for_prev(end)
    while valid():
        found = key()
        if found < start:
            return
        yield found, value()
        previous()
    cursor.status()


def _words(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO)


def _reason(path: Path, error: Exception) -> str:
    text = str(error)
    if isinstance(error, RocksError) and error.is_locked:
        return f"{path} is in use by another Pileus. Stop that one, or choose another data directory."
    if isinstance(error, Damaged) or text.startswith("Corruption"):
        return (
            f"{path} is damaged: {text}. Restore it from a backup, or start once with PILEUS_LOSS_ACCEPTED=1 to open what can be read:"
            " commits after the damage are lost."
        )
    return f"{path} can't be opened: {text}"


def _options(accept_loss: bool) -> Options:
    """Sized for a process that idles below 80 MiB and shares two cores with the functions it runs."""
    table = BlockBasedOptions()
    table.set_block_cache(Cache(BLOCK_CACHE_BYTES))
    # Four times the default. A read that finds nothing cached costs a call to the system for each block on its way, and
    # a few rows side by side are then in one (measured: 3.2 calls instead of 6.8 for ten items of 500 bytes among 10 million).
    table.set_block_size(BLOCK_BYTES)
    table.set_bloom_filter(10, False)
    # Indexes and filters live in the cache too, so that memory stays bounded, and in pieces: whole ones are larger than
    # a shard of so small a cache, and every read would fetch them again (measured: 540 µs a read instead of 10).
    table.set_cache_index_and_filter_blocks(True)
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_metadata_block_size(4096)
    table.set_pin_top_level_index_and_filter(True)
    table.set_format_version(5)

    options = Options(raw_mode=True)
    options.create_if_missing(True)
    # Of the log that RocksDB kept before Pileus kept its own: there may be one in a directory from then.
    mode = DBRecoveryMode.point_in_time() if accept_loss else DBRecoveryMode.absolute_consistency()
    options.set_wal_recovery_mode(mode)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(4)
    options.set_max_background_jobs(2)
    options.set_max_file_opening_threads(1)
    options.set_max_open_files(256)
    options.set_avoid_unnecessary_blocking_io(True)
    options.set_level_compaction_dynamic_level_bytes(True)
    # A write that RocksDB slows down stops the event loop: let flushes fall behind further than the defaults do.
    options.set_level_zero_slowdown_writes_trigger(40)
    options.set_level_zero_stop_writes_trigger(80)
    # Scans cross the graves of deleted rows until a compaction drops them: compact early what is half graves.
    options.add_compact_on_deletion_collector_factory(1000, 500, 0.5)
    # Long values apart from the tree, which compactions then needn't rewrite: with 32 KiB half the bytes go to the disk.
    options.set_enable_blob_files(True)
    options.set_min_blob_size(APART_BYTES)
    options.set_blob_file_size(64 * MIB)
    options.set_enable_blob_gc(True)
    options.set_blob_gc_age_cutoff(0.5)
    options.set_blob_gc_force_threshold(0.5)
    options.set_bytes_per_sync(MIB)
    options.set_manifest_preallocation_size(64 * 1024)
    options.set_max_manifest_file_size(4 * MIB)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(MIB)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    options.set_skip_stats_update_on_db_open(True)
    return options
