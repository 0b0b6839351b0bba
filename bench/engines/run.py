"""Measures embedded engines on what Pileus does to its store, in one run, and prints a table.

    .venv/bin/pip install lmdb
    PYTHONPATH=src .venv/bin/python bench/engines/run.py [FOLDER]

An operation writes one key, or five (an item, two index entries, a stream record, an outbox row): 16-byte random keys,
300-byte values, into a store that holds 300,000 already. A batch is what shares one sync. Every engine syncs as it does
when it is asked to survive a loss of power.
"""

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Protocol

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.store.rocks import RocksEngine

PRELOADED = 300_000
SECONDS_EACH = 0.8
ROUNDS = 3
BATCHES = (50, 10, 1)
KEYS = (1, 5)
VALUE = Ids(seed=1).bytes(300)


class Candidate(Protocol):
    def commit(self, operations: Iterable[list[bytes]]) -> None:
        """Put the keys, each operation's at once; return when they are on disk."""
        ...

    def get(self, key: bytes) -> bytes | None: ...

    def close(self) -> None: ...


class Rocks:
    """As the store uses it: an engine commit for each operation, then one sync."""

    def __init__(self, folder: Path) -> None:
        self._engine = RocksEngine(folder)
        self.get = self._engine.get
        self.close = self._engine.close

    def commit(self, operations: Iterable[list[bytes]]) -> None:
        for keys in operations:
            self._engine.apply(dict.fromkeys(keys, VALUE))
        self._engine.begin_sync()()


class Sqlite:
    """A transaction for the batch; WAL, synchronous=FULL, no rowid."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._db = sqlite3.connect(folder / "db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16384"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE kv (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID")
        self.close = self._db.close

    def commit(self, operations: Iterable[list[bytes]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for keys in operations:
            self._db.executemany("INSERT OR REPLACE INTO kv VALUES (?, ?)", [(key, VALUE) for key in keys])
        self._db.execute("COMMIT")

    def get(self, key: bytes) -> bytes | None:
        row = self._db.execute("SELECT v FROM kv WHERE k = ?", (key,)).fetchone()
        return row and row[0]


class Lmdb:
    """A transaction for the batch."""

    def __init__(self, folder: Path) -> None:
        import lmdb

        self._db = lmdb.open(str(folder), map_size=8 << 30)
        self.close = self._db.close

    def commit(self, operations: Iterable[list[bytes]]) -> None:
        with self._db.begin(write=True) as tx:
            for keys in operations:
                for key in keys:
                    tx.put(key, VALUE)

    def get(self, key: bytes) -> bytes | None:
        with self._db.begin() as tx:
            return tx.get(key)


def preload(candidate: Candidate, ids: Ids) -> list[bytes]:
    """Fill it; return some of its keys."""
    known = []
    for _ in range(PRELOADED // 1000):
        keys = [ids.bytes(16) for _ in range(1000)]
        candidate.commit([keys])
        known += keys[:20]
    return known


def commits_per_second(candidate: Candidate, ids: Ids, keys: int, batch: int) -> float:
    done, began = 0, Clock.stopwatch_ns()
    while (spent := Clock.stopwatch_ns() - began) < SECONDS_EACH * 1e9:
        candidate.commit([[ids.bytes(16) for _ in range(keys)] for _ in range(batch)])
        done += batch
    return done * 1e9 / spent


def gets_per_second(candidate: Candidate, known: list[bytes]) -> float:
    began = Clock.stopwatch_ns()
    for key in known:
        assert candidate.get(key) == VALUE
    return len(known) * 1e9 / (Clock.stopwatch_ns() - began)


def measure(candidates: dict[str, Candidate]) -> dict[str, list[float]]:
    """For each, what its columns say. The rounds go in turn, so that a noisy moment meets all alike."""
    ids = Ids(seed=2)
    known = {name: preload(candidate, ids) for name, candidate in candidates.items()}
    found: dict[str, list[float]] = {name: [] for name in candidates}
    tasks = [partial(commits_per_second, ids=ids, keys=keys, batch=batch) for keys in KEYS for batch in BATCHES]
    for task in (*tasks, None):
        rounds: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in range(ROUNDS):
            for name, candidate in candidates.items():
                rounds[name].append(task(candidate) if task else gets_per_second(candidate, known[name]))
        for name, rates in rounds.items():
            found[name].append(median(rates))
    return found


def main() -> None:
    folder = Path(tempfile.mkdtemp(dir=sys.argv[1] if len(sys.argv) > 1 else None))
    try:
        candidates: dict[str, Candidate] = {
            "RocksDB": Rocks(folder / "rocks"),
            "SQLite": Sqlite(folder / "sqlite"),
            "LMDB": Lmdb(folder / "lmdb"),
        }
        columns = [f"{keys} × {batch}" for keys in KEYS for batch in BATCHES] + ["gets"]
        print("| operations/s: keys × batch | " + " | ".join(columns) + " |")
        print("|---" * (len(columns) + 1) + "|")
        for name, rates in measure(candidates).items():
            print(f"| {name} | " + " | ".join(f"{rate:,.0f}" for rate in rates) + " |")
        for candidate in candidates.values():
            candidate.close()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
