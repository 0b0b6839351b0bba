"""A transaction: what a transition sees and changes. Its effects are rows, events and timers, committed together."""

from collections.abc import Callable, Iterator
from typing import Any

from pileus.kernel.clock import FOREVER_MS
from pileus.kernel.ids import Ids
from pileus.store import events, timers
from pileus.store.engine import Engine
from pileus.store.overlay import overlaid
from pileus.store.sequence import Sequence

HOT_RECORDS_MAX = 4096


class Transaction:
    """Reads see the transaction's own changes. A scan sees the table as it was when the scan began.

    now_ms  the clock's time, one value for the whole transaction
    ids     the id source
    """

    __slots__ = (
        "_engine",
        "_hot",
        "_sequence",
        "changes",
        "emitted",
        "ids",
        "notices",
        "now_ms",
        "ranges",
        "sequence_limit",
        "told",
        "woken",
    )

    def __init__(self, engine: Engine, now_ms: int, ids: Ids, sequence: Sequence, hot: dict[bytes, Any]) -> None:
        self._engine = engine
        self._hot = hot
        self._sequence = sequence
        self.now_ms = now_ms
        self.ids = ids
        self.changes: dict[bytes, bytes | None] = {}
        self.ranges: list[tuple[bytes, bytes]] = []
        self.emitted: list[events.Event] = []
        self.woken: int = FOREVER_MS
        self.sequence_limit = 0
        self.notices: list[str] = []
        self.told: list[tuple[str, Any]] = []

    # Rows, as bytes. Services use tables (table.py).

    def get(self, key: bytes) -> bytes | None:
        if key in self.changes:
            return self.changes[key]
        if self.ranges and any(start <= key < end for start, end in self.ranges):
            return None
        return self._engine.get(key)

    def hot_record(self, key: bytes, decode: Callable[[bytes], Any]) -> Any:
        """`get`, decoded, of a row that is read so often that the store keeps its record until it changes."""
        if key in self._hot and key not in self.changes and not self.ranges:
            return self._hot[key]
        raw = self.get(key)
        if raw is None:
            return None
        record = decode(raw)
        if key not in self.changes:
            if len(self._hot) >= HOT_RECORDS_MAX:
                self._hot.clear()
            self._hot[key] = record
        return record

    def put(self, key: bytes, value: bytes) -> None:
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        self.changes[key] = None

    def delete_range(self, start: bytes, end: bytes) -> None:
        """Delete every key from `start` on that is below `end`, however many there are."""
        for key in [key for key in self.changes if start <= key < end]:
            del self.changes[key]
        self.ranges.append((start, end))

    def scan(self, start: bytes, end: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        stored = self._engine.scan(start, end, reverse)
        if not self.changes and not self.ranges:
            return stored
        return overlaid(stored, self.changes, self.ranges, start, end, reverse)

    # Effects on the world: rows too.

    def emit(self, kind: str, payload: dict[str, Any], *, lane: str = "", after_ms: int = 0) -> events.Event:
        """Commit an event to be delivered by the handler of `kind` at least once (delivery/).

        lane      events of one non-empty lane are delivered one after another, in the order they were emitted
        after_ms  not before so long from now
        """
        event = events.Event(self.next_sequence(), kind, payload, lane, self.now_ms, self.now_ms + after_ms)
        events.OUTBOX.put(self, event)
        self.emitted.append(event)
        return event

    def wake_at(self, at_ms: int, kind: str, key: str) -> None:
        """Run the transition of `kind` with `key` at that time; replaces the earlier time of the same kind and key."""
        timers.set_timer(self, timers.Timer(at_ms, kind, key))
        self.woken = min(self.woken, at_ms)

    def cancel_wake(self, kind: str, key: str) -> None:
        timers.cancel_timer(self, kind, key)

    def notify(self, topic: str) -> None:
        """After the commit, wake those who watch `topic`. Nothing is kept: it says "look again" and no more."""
        self.notices.append(topic)

    def tell(self, topic: str, what: Any) -> None:
        """After the commit, hand `what` to those who listen (`Store.listen`). For work that a start would find too."""
        self.told.append((topic, what))

    def next_sequence(self) -> int:
        """A number greater than any that was given out before, for ever."""
        return self._sequence.next(self)
