"""The embedded engine: RocksDB, a log-structured merge tree, through rocksdict. Why: docs/decisions/0002-store-engine.md.

A sync is one fdatasync of the log, which releases the interpreter while it waits. The commits that share it are one
write to the log, too: until then they are held here, laid over what is read. Nobody is answered before the sync, so
nothing is lost by that; and where many change one row (a queue's numbers), it is written once. Where nothing is synced,
each commit is a write of its own (safe from kill -9, for the operating system has the bytes).

When a sync fails, nobody knows what of the log is on the disk. So each sync begins with a snapshot, and the keys that
were changed since are noted: after a failure their old values are laid over what is read (`roll_back`), and written
back as soon as the database could be opened anew (`recover`). RocksDB itself refuses every write after an error until
it is opened anew, or until it finds space by itself.

A log that a loss of power tore at its end is opened without what is torn; one with damage further up is refused, for
acknowledged commits may follow it (rocks_log.py).

What rocksdict 0.3 gets wrong, and what follows from it here:
- It raises plain `Exception`: exactly that, no subclass, is made a RocksError.
- `set_iterate_lower_bound` sets the upper bound: a descending scan compares keys itself.
- An iterator holds a pointer into the bytes of its upper bound: they must live as long as it does.
- A snapshot's iterators see later changes: only its point reads are used.
- Reopened without `column_families` it takes the options found on disk instead of those given.
"""

import contextlib
import errno
import gc
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Literal

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
    Snapshot,
    WriteBatch,
    WriteOptions,
)

from pileus.store.engine import DataDirRefused, EngineFailed
from pileus.store.overlay import overlaid
from pileus.store.rocks_log import is_torn_at_its_end

log = logging.getLogger("pileus.store")

Durability = Literal["fsync", "process", "none"]

MIB = 1 << 20
WRITE_BUFFER_BYTES = 8 * MIB
BLOCK_CACHE_BYTES = 16 * MIB
APART_BYTES = 4096
FEW_ROWS = 32
"""Up to here a range is deleted row by row. Deleted as one it makes the next read some 70 µs slower (RocksDB sorts the
deleted ranges anew), row by row it costs 1 µs a row, and as much again for each scan that crosses the graves."""

HELD_ROWS_MAX = 4096
"""Of commits that wait for their write: beyond, they are written before the next one is taken."""

FREE_TO_RECOVER_BYTES = 2 * MIB
"""Beyond the size of the log: what opening writes (manifest, options, a new log)."""


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


class RocksEngine:
    """
    durability   fsync: survives power loss; process: survives kill -9; none: survives a clean stop
    accept_loss  open what can be read of a log that is damaged, and drop the commits after the damage
    """

    def __init__(self, path: Path | str, durability: Durability = "fsync", accept_loss: bool = False) -> None:
        self.path = Path(path)
        self.is_durable = durability == "fsync"
        self._accept_loss = accept_loss
        self._write_options = WriteOptions()
        self._write_options.disable_wal = durability == "none"
        self._held: dict[bytes, bytes | None] = {}
        self._unsynced: list[_Applied] = []
        self._syncing: list[_Applied] = []
        self._undone: dict[bytes, bytes | None] | None = None
        self._view: Snapshot | None = None
        self._next_view: Snapshot | None = None
        self._db: Rdict
        self._open()

    def get(self, key: bytes) -> bytes | None:
        if key in self._held:
            return self._held[key]
        if self._undone is not None and key in self._undone:
            return self._undone[key]
        return self._db.get(key)

    def scan(self, start: bytes, end: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        rows = self._scan(start, end, reverse)
        above = self._held or self._undone
        return overlaid(rows, above, (), start, end, reverse) if above else rows

    def apply(self, changes: Mapping[bytes, bytes | None], ranges: Iterable[tuple[bytes, bytes]] = ()) -> None:
        if self._undone is not None:
            raise EngineFailed("the last sync failed")
        if self.is_durable and not ranges:
            if len(self._held) >= HELD_ROWS_MAX:
                self._write_held()
            self._held.update(changes)
            self._unsynced.append((changes, ()))
            return
        self._write_held()  # what is in the ranges must be read from the database
        batch = WriteBatch(raw_mode=True)
        before = [self._delete_range(batch, start, end) for start, end in ranges if start < end]
        try:
            self._write(batch, changes)
        except EngineFailed:
            before.clear()  # the traceback lives on, and scans keep the database open
            raise
        if self.is_durable:
            self._unsynced.append((changes, before))

    def _write_held(self) -> None:
        if self._held:
            self._write(WriteBatch(raw_mode=True), self._held)
            self._held = {}

    def _write(
        self, batch: WriteBatch, changes: Mapping[bytes, bytes | None], options: WriteOptions | None = None
    ) -> None:
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            with ROCKS:
                self._db.write(batch, options or self._write_options)
        except RocksError as error:
            raise EngineFailed(str(error)) from error

    def begin_sync(self) -> Callable[[], None]:
        self._write_held()
        self._next_view = self._db.snapshot()
        self._syncing, self._unsynced = self._unsynced, []

        def sync() -> None:
            try:
                with ROCKS:
                    self._sync_log()
            except RocksError as error:
                raise EngineFailed(str(error)) from error
            self._view = self._next_view
            self._syncing = []

        return sync

    def roll_back(self) -> None:
        assert self._view is not None
        self._undone = {}
        for changes, emptied in (*self._syncing, *self._unsynced):
            for key in changes:
                self._undone[key] = _get_of_snapshot(self._view, key)
            for rows in emptied:
                for key, _ in rows:
                    self._undone[key] = _get_of_snapshot(self._view, key)
        self._syncing, self._unsynced, self._held = [], [], {}

    def recover(self) -> None:
        self._probe_space()
        self._close()
        try:
            self._open()
        except DataDirRefused as error:
            with contextlib.suppress(DataDirRefused):
                self._open(is_read_only=True)
            raise EngineFailed(str(error)) from error
        if self._undone is not None:
            synced = WriteOptions()
            synced.sync = True
            self._write(WriteBatch(raw_mode=True), self._undone, synced)
            self._undone = None
            self._view = self._db.snapshot()

    def close(self) -> None:
        with contextlib.suppress(EngineFailed):  # whoever wrote that was never answered
            self._write_held()
        self._close()

    def _delete_range(self, batch: WriteBatch, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Return what was in it, for `roll_back`."""
        rows = list(islice(self._scan(start, end, False), FEW_ROWS + 1))
        if len(rows) > FEW_ROWS:
            batch.delete_range(start, end)
            return self._scan(start, end, False)
        for key, _ in rows:
            batch.delete(key)
        return iter(rows)

    def _scan(self, start: bytes, end: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        if start >= end:
            return iter(())
        options = ReadOptions()
        options.set_iterate_upper_bound(end)
        cursor = self._db.iter(options)  # here and not in the generator: the scan begins now
        return _descending(cursor, start, end) if reverse else _ascending(cursor, start, end)

    def _sync_log(self) -> None:
        self._db.flush_wal(True)

    def _open(self, is_read_only: bool = False) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                self._open_with(DBRecoveryMode.absolute_consistency(), is_read_only)
            except RocksError as error:
                if not str(error).startswith("Corruption"):
                    raise
                if not self._accept_loss and not is_torn_at_its_end(self.path):
                    raise
                log.warning("the log of %s ends in what can't be read, which is dropped: %s", self.path, error)
                # Up to the first thing that can't be read, and no further: what is kept is as it was at one time.
                self._open_with(DBRecoveryMode.point_in_time(), is_read_only)
        except (RocksError, OSError) as error:
            raise DataDirRefused(_reason(self.path, error)) from error
        if self.is_durable and self._undone is None and not is_read_only:
            self._view = self._db.snapshot()

    def _open_with(self, mode: DBRecoveryMode, is_read_only: bool) -> None:
        options = _options()
        options.set_wal_recovery_mode(mode)
        access = AccessType.read_only(False) if is_read_only else AccessType.read_write()
        for may_try_again in (True, False):
            try:
                with ROCKS:
                    self._db = Rdict(str(self.path), options, {"default": options}, access)
                return
            except RocksError as error:
                if not (may_try_again and error.is_locked):
                    raise
                gc.collect()  # an abandoned scan of ours may still hold the database

    def _close(self) -> None:
        """Forget the database; what fails now fails again, and is told, when it is opened."""
        # Snapshots and scans would keep it open, and locked.
        self._view = self._next_view = None
        self._syncing, self._unsynced = [], []
        with contextlib.suppress(RocksError), ROCKS:
            self._db.close()

    def _probe_space(self) -> None:
        """Raise EngineFailed when there is no room for what opening writes: once closed, it must open."""
        log_bytes = sum(file.stat().st_size for file in self.path.glob("*.log"))
        probe = self.path / "probe"
        try:
            with open(probe, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, log_bytes + FREE_TO_RECOVER_BYTES)
                os.fsync(file.fileno())
        except OSError as error:
            raise EngineFailed(f"no room to recover: {os.strerror(error.errno or errno.EIO)}") from error
        finally:
            probe.unlink(missing_ok=True)


_Applied = tuple[Mapping[bytes, bytes | None], Iterable[Iterator[tuple[bytes, bytes]]]]
"""The changes of a commit, and what was in the ranges it deleted."""


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


def _get_of_snapshot(view: Snapshot, key: bytes) -> bytes | None:
    try:
        with ROCKS:
            return view[key]
    except RocksError as error:
        if str(error) == "key not found":
            return None
        raise


def _reason(path: Path, error: Exception) -> str:
    text = str(error)
    if isinstance(error, RocksError) and error.is_locked:
        return f"{path} is in use by another Pileus. Stop that one, or choose another data directory."
    if text.startswith("Corruption"):
        return (
            f"{path} is damaged: {text}. Restore it from a backup, or start once with PILEUS_LOSS_ACCEPTED=1 to open what can be read:"
            " commits after the damage are lost."
        )
    return f"{path} can't be opened: {text}"


def _options() -> Options:
    """Sized for a process that idles below 80 MiB and shares two cores with the functions it runs."""
    table = BlockBasedOptions()
    table.set_block_cache(Cache(BLOCK_CACHE_BYTES))
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
