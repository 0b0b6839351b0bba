"""The engine of tests and of --ephemeral: keeps nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from sortedcontainers import SortedDict


class MemoryEngine:
    is_durable = False

    def __init__(self) -> None:
        self._rows: SortedDict = SortedDict()

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def scan(self, start: bytes, end: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        rows = self._rows
        # Changes are applied only between transitions and a scan lives within one, so no copy is needed.
        for key in rows.irange(start, end, inclusive=(True, False), reverse=reverse):
            yield key, rows[key]

    def apply(self, changes: Mapping[bytes, bytes | None], ranges: Iterable[tuple[bytes, bytes]] = ()) -> None:
        rows = self._rows
        for start, end in ranges:
            for key in list(rows.irange(start, end, inclusive=(True, False))):
                del rows[key]
        for key, value in changes.items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value

    def begin_sync(self) -> Callable[[], None]:
        return lambda: None

    def roll_back(self) -> None:
        raise AssertionError("a sync that does nothing can't fail")

    def recover(self) -> None:
        pass

    def close(self) -> None:
        self._rows.clear()
