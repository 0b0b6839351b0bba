"""The wheel: fires durable timers in the order of their times.

A timer is a row that a transition set with `tx.wake_at(at_ms, kind, key)`. When the clock reaches it, the transition
registered for its kind runs in the same transaction that removes the row: a crash can neither lose a timer nor fire it
twice. What has to reach out into the world emits an event from there.
"""

import asyncio
import logging
from collections.abc import Callable

from pileus.kernel.clock import FOREVER_MS, Clock
from pileus.kernel.errors import ServiceUnavailable
from pileus.kernel.tasks import Tasks
from pileus.store.store import Store
from pileus.store.timers import TIMERS, Timer, set_timer, take
from pileus.store.transaction import Transaction

log = logging.getLogger("pileus.timers")

BATCH = 100
"""Timers of one moment fired side by side, so that they share a commit."""
AFTER_FAILURE_MS = 60_000


class Wheel:
    """`handler_of`: kind -> transition fn(tx, key)."""

    def __init__(self, store: Store, clock: Clock, tasks: Tasks, handler_of: Callable[[str], Callable]) -> None:
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._handler_of = handler_of
        self._earlier = asyncio.Event()
        self._next_at_ms = FOREVER_MS
        self._fired_to_ms = -1
        store.on_commit.append(self._committed)
        clock.on_change.append(self._earlier.set)

    def start(self) -> None:
        self._tasks.start("timers.wheel", self._run())

    def next_at_ms(self) -> int:
        """When the next timer is due; FOREVER_MS if none is set."""
        return self._store.look(self._look_next)[0]

    def has_due(self) -> bool:
        return self.next_at_ms() <= self._clock.now_ms()

    async def fire_due(self) -> int:
        """Fire what is due now, oldest first; return how many there were."""
        fired = 0
        while due := self._store.look(self._look_due, self._clock.now_ms())[0]:
            await asyncio.gather(*(self._fire(timer) for timer in due))
            self._fired_to_ms = due[-1].at_ms - 1
            fired += len(due)
        return fired

    async def _run(self) -> None:
        while True:
            self._earlier.clear()
            try:
                await self.fire_due()
            except ServiceUnavailable as error:  # the store can't write just now: the timers stay, and are tried again
                log.warning("timers wait for the store: %s", error)
                await self._wait_ms(1000)
                continue
            self._next_at_ms = self.next_at_ms()
            await self._wait_ms(self._next_at_ms - self._clock.now_ms())

    async def _wait_ms(self, delay_ms: int) -> None:
        earlier = asyncio.ensure_future(self._earlier.wait())
        alarm = asyncio.ensure_future(self._clock.wait_until(self._clock.now_ms() + delay_ms))
        try:
            await asyncio.wait((earlier, alarm), return_when=asyncio.FIRST_COMPLETED)
        finally:
            earlier.cancel()
            alarm.cancel()

    async def _fire(self, timer: Timer) -> None:
        try:
            await self._store.write(self._run_handler, timer)
        except ServiceUnavailable:
            raise
        except Exception:  # the supervisor's edge: one service's mistake must not stop everybody's timers
            log.exception("timer %s of %s failed; it is tried again in a minute", timer.kind, timer.key)
            await self._store.write(_postpone, timer)

    def _run_handler(self, tx: Transaction, timer: Timer) -> None:
        if take(tx, timer):
            self._handler_of(timer.kind)(tx, timer.key)

    def _look_next(self, tx: Transaction) -> int:
        # Below _fired_to_ms lie only the graves of timers that fired: a scan would cross them.
        timer = TIMERS.first(tx, start=self._fired_to_ms)
        return FOREVER_MS if timer is None else timer.at_ms

    def _look_due(self, tx: Transaction, now_ms: int) -> list[Timer]:
        """The timers of the earliest due moment: a later one may be cancelled by what an earlier one does."""
        due: list[Timer] = []
        for timer in TIMERS.scan(tx, start=self._fired_to_ms, until=now_ms + 1):
            if due and (timer.at_ms != due[0].at_ms or len(due) == BATCH):
                break
            due.append(timer)
        return due

    def _committed(self, tx: Transaction) -> None:
        if tx.woken <= self._fired_to_ms:
            self._fired_to_ms = tx.woken - 1
        if tx.woken < self._next_at_ms:
            self._earlier.set()


def _postpone(tx: Transaction, timer: Timer) -> None:
    if take(tx, timer):
        set_timer(tx, Timer(tx.now_ms + AFTER_FAILURE_MS, timer.kind, timer.key))
