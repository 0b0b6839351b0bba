"""What the store needs of an engine: ordered keys of bytes. Every engine passes tests/contract/test_engine.py."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol


class Conflict(Exception):
    """The engine saw a concurrent change; the store runs the transition again."""


class EngineFailed(Exception):
    """The engine can't write (disk full, I/O error). What was committed before is intact and readable."""


class DataDirRefused(Exception):
    """The data directory can't be used; the text says why, and what to do, to whoever starts Pileus."""


class Engine(Protocol):
    """All methods are called on the event loop's thread, but what `begin_sync` returns."""

    is_durable: bool
    """False when there is nothing to sync."""

    def get(self, key: bytes) -> bytes | None: ...

    def scan(self, start: bytes, end: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Keys from `start` (included) to `end` (not), as they were when the scan began; descending if `reverse`."""
        ...

    def apply(self, changes: Mapping[bytes, bytes | None], ranges: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Delete the ranges, then put each value (None deletes): all or nothing, and visible at once.

        Safe from kill -9 when it returns, where nothing is synced; else from the next `begin_sync` on.
        Raises Conflict or EngineFailed, with nothing changed. After EngineFailed it fails until `recover`.
        """
        ...

    def begin_sync(self) -> Callable[[], None]:
        """Return the rest of a sync, to be called on another thread; one at a time.

        When it has returned, everything applied before `begin_sync` survives a loss of power. Both raise EngineFailed;
        then `roll_back` comes next.
        """
        ...

    def roll_back(self) -> None:
        """After a failed sync: from now on reads see what the last sync that succeeded had reached, and no more."""
        ...

    def recover(self) -> None:
        """Make writes possible again after EngineFailed; raises EngineFailed while they are not. Never during a sync."""
        ...

    def close(self) -> None: ...
