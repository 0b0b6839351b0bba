"""The dispatcher: hands every event of the outbox to the handler of its kind, at least once.

An event is a row that a transition emitted with `tx.emit(kind, payload)`; it is there as soon as the change is, and
goes when its handler has returned. A handler that raises gets the event again, later and later; it sees how often and
for how long that went on (`event.attempts`, `event.emitted_at_ms`) and decides itself when to give up, by AWS's rules
of that delivery. A killed process starts over with every row that is left.

Memory holds what is due, up to a bound a kind; the rest waits in the store and is read when there is room.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from pileus.kernel.clock import FOREVER_MS, Clock
from pileus.kernel.errors import AwsError
from pileus.kernel.tasks import Tasks
from pileus.store.events import OUTBOX, Event
from pileus.store.store import Store
from pileus.store.transaction import Transaction

log = logging.getLogger("pileus.delivery")

RUNNING_PER_KIND = 64
QUEUED_MAX = 10_000
FIRST_RETRY_MS = 500
LAST_RETRY_MS = 300_000


class TryAgain(Exception):
    """Raised by a handler that knows when the next attempt should be."""

    def __init__(self, after_ms: int) -> None:
        super().__init__(f"again in {after_ms} ms")
        self.after_ms = after_ms


class Dispatcher:
    """`handler_of`: kind -> async fn(cloud, event). A handler that waits long for others may have an attribute
    `running_limit`: how many of it run side by side."""

    def __init__(
        self,
        cloud: Any,
        store: Store,
        clock: Clock,
        tasks: Tasks,
        handler_of: Callable[[str], Callable[[Any, Event], Awaitable[None]]],
    ) -> None:
        self._cloud = cloud
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._handler_of = handler_of
        self._queued: dict[str, deque[Event]] = {}
        self._running: dict[str, int] = {}
        self._held: dict[int, Event] = {}
        """Every event that is in memory, queued or running, by id."""
        self._lanes: dict[tuple[str, str], int] = {}
        """The event that occupies a lane."""
        self._paused_lanes: set[tuple[str, str]] = set()
        """Those that wait for the next attempt at their first event."""
        self._next_scan_ms = FOREVER_MS
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._progress = asyncio.Event()
        store.on_commit.append(self._committed)
        clock.on_change.append(self._wake.set)

    def start(self) -> None:
        self._next_scan_ms = 0
        self._tasks.start("delivery.dispatcher", self._run())

    @property
    def is_idle(self) -> bool:
        """Nothing is being delivered and nothing is due; a lane may wait for its next attempt."""
        return not any(self._running.values()) and self._next_scan_ms > self._clock.now_ms()

    async def wait_idle(self) -> None:
        """Return when `is_idle`."""
        while not self.is_idle:
            self._idle.clear()
            self._wake.set()
            await self._idle.wait()

    async def turn(self) -> None:
        """Return when each event that is due now has been delivered or put off once, whatever they emit."""
        newest, now_ms = self._store.newest_number, self._clock.now_ms()
        while not self.is_idle and self._store.look(self._has_open, newest, now_ms)[0]:
            self._progress.clear()
            self._wake.set()
            await self._progress.wait()

    def _has_open(self, tx: Transaction, newest: int, until_ms: int) -> bool:
        for event in OUTBOX.scan(tx):
            # What was emitted since is due at `until_ms` at the earliest: it lies behind all that was there.
            if event.due_ms > until_ms or event.id > newest:
                return False
            if (event.kind, event.lane) not in self._paused_lanes:
                return True
        return False

    def next_due_ms(self) -> int:
        """When the next put-off or delayed event is due; FOREVER_MS if there is none."""
        return self._next_scan_ms

    # Taking events in

    def _committed(self, tx: Transaction) -> None:
        for event in tx.emitted:
            self._take(event)

    def _take(self, event: Event) -> None:
        if event.due_ms > self._clock.now_ms():
            if event.due_ms < self._next_scan_ms:
                self._next_scan_ms = event.due_ms
                self._wake.set()
        elif len(self._held) >= QUEUED_MAX:
            self._next_scan_ms = min(self._next_scan_ms, event.due_ms)
        elif event.id not in self._held:
            self._held[event.id] = event
            self._queued.setdefault(event.kind, deque()).append(event)
            self._start_ready(event.kind)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if self._next_scan_ms <= self._clock.now_ms() and len(self._held) < QUEUED_MAX:
                self._scan()
            if self.is_idle:
                self._idle.set()
                self._progress.set()
            full = len(self._held) >= QUEUED_MAX
            delay_ms = FOREVER_MS if full else self._next_scan_ms - self._clock.now_ms()
            wake = asyncio.ensure_future(self._wake.wait())
            alarm = asyncio.ensure_future(self._clock.wait_until(self._clock.now_ms() + delay_ms))
            try:
                await asyncio.wait((wake, alarm), return_when=asyncio.FIRST_COMPLETED)
            finally:
                wake.cancel()
                alarm.cancel()

    def _scan(self) -> None:
        """Take in what is due, and find out when to look next."""
        found, next_ms = self._store.look(self._look_due)[0]
        self._next_scan_ms = next_ms
        for event in found:
            self._take(event)

    def _look_due(self, tx: Transaction) -> tuple[list[Event], int]:
        found: list[Event] = []
        room = QUEUED_MAX - len(self._held)
        for event in OUTBOX.scan(tx):
            if event.due_ms > tx.now_ms:
                return found, event.due_ms
            if event.id in self._held:
                continue
            if len(found) == room:
                return found, event.due_ms
            found.append(event)
        return found, FOREVER_MS

    # Delivering

    def _start_ready(self, kind: str) -> None:
        queue = self._queued.get(kind)
        waiting: list[Event] = []
        limit = getattr(self._handler_of(kind), "running_limit", RUNNING_PER_KIND)
        while queue and self._running.get(kind, 0) < limit:
            event = queue.popleft()
            if event.lane and self._lanes.setdefault((kind, event.lane), event.id) != event.id:
                waiting.append(event)
                continue
            self._running[kind] = self._running.get(kind, 0) + 1
            self._tasks.start(f"delivery.{kind}", self._deliver(event))
        if queue is not None:
            queue.extendleft(reversed(waiting))

    async def _deliver(self, event: Event) -> None:
        try:
            # A lane keeps its order: its event waits here for the next attempt and holds the others up.
            while (after_ms := await self._attempt(event)) is not None and event.lane:
                event = await self._store.write(_count_attempt, event)
                self._running[event.kind] -= 1
                self._start_ready(event.kind)
                self._paused_lanes.add((event.kind, event.lane))
                self._progress.set()
                try:
                    await self._clock.wait_until(self._clock.now_ms() + after_ms)
                finally:
                    self._paused_lanes.discard((event.kind, event.lane))
                self._running[event.kind] += 1
            if after_ms is None:
                await self._store.write(_delivered, event)
            else:
                # Not by `_committed`: the event is still held, and due again by now if the disk was slow.
                again_ms = await self._store.write(_put_off, event, after_ms)
                self._next_scan_ms = min(self._next_scan_ms, again_ms)
        except AwsError as error:
            # The store can't write: the row is still there, so the event comes again.
            log.warning("delivery of %s waits for the store: %s", event.kind, error)
            self._next_scan_ms = min(self._next_scan_ms, self._clock.now_ms() + 1000)
        finally:
            del self._held[event.id]
            self._running[event.kind] -= 1
            if event.lane:
                self._lanes.pop((event.kind, event.lane), None)
            self._start_ready(event.kind)
            self._wake.set()
            self._progress.set()

    async def _attempt(self, event: Event) -> int | None:
        """Deliver once. None if it is done, else in how many milliseconds to try again."""
        try:
            await self._handler_of(event.kind)(self._cloud, event)
        except TryAgain as again:
            return again.after_ms
        except Exception as error:
            # Delivery's edge: whatever went wrong there, the event is kept and tried again.
            log.warning("delivery of %s %s failed, attempt %s: %s", event.kind, event.id, event.attempts + 1, error)
            log.debug("delivery failed", exc_info=error)
            return min(FIRST_RETRY_MS << min(event.attempts, 20), LAST_RETRY_MS)
        return None


def _delivered(tx: Transaction, event: Event) -> None:
    OUTBOX.delete(tx, event.due_ms, event.id)


def _put_off(tx: Transaction, event: Event, after_ms: int) -> int:
    """Return when the event is due again."""
    OUTBOX.delete(tx, event.due_ms, event.id)
    later = msgspec.structs.replace(event, due_ms=tx.now_ms + after_ms, attempts=event.attempts + 1)
    OUTBOX.put(tx, later)
    return later.due_ms


def _count_attempt(tx: Transaction, event: Event) -> Event:
    """In its place: the row's key is the lane's order."""
    again = msgspec.structs.replace(event, attempts=event.attempts + 1)
    OUTBOX.put(tx, again)
    return again
