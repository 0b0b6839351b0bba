"""What the store needs of an engine: ordered keys of bytes. Every engine passes tests/contract/test_engine.py."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol


class Conflict(Exception):
    """The engine saw a concurrent change; the store runs the transition again."""


class EngineFailed(Exception):
    """The engine can't write (disk full, I/O error). What was committed before is intact and readable."""


class Engine(Protocol):
    """All methods are called on the event loop's thread, but `sync`, which runs on the store's own thread."""

    is_durable: bool
    """False when `sync` has nothing to do."""

    def get(self, key: bytes) -> bytes | None: ...

    def scan(self, start: bytes, end: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Keys from `start` (included) to `end` (not), as they were when the scan began; descending if `reverse`."""
        ...

    def apply(self, changes: Mapping[bytes, bytes | None], ranges: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Delete the ranges, then put each value (None deletes): all or nothing, visible at once, safe from kill -9.

        Raises Conflict or EngineFailed, with nothing changed.
        """
        ...

    def sync(self) -> None:
        """Return when everything applied before the call survives a loss of power."""
        ...

    def close(self) -> None: ...
