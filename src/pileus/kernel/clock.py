"""The one clock. Everything that needs the time asks it, so that the whole cloud can be moved through time.

A clock is the wall clock plus an offset, or stands still at a moment (frozen). Waiting is waiting for the clock to
reach a time, so advancing it by thirty days wakes, in order, whatever was waiting for any moment of them.
"""

import asyncio
import heapq
import time
from collections.abc import Callable
from time import time_ns

FOREVER_MS = 1 << 62
"""Later than any time that occurs; the default of "next one at" when there is none."""


class Clock:
    """Milliseconds since the epoch, UTC. Moves with the wall unless frozen."""

    __slots__ = (
        "_alarm",
        "_left",
        "_order",
        "_waiting",
        "frozen_at_ms",
        "offset_ms",
        "on_change",
    )

    def __init__(self, frozen_at_ms: int | None = None, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms
        self.frozen_at_ms = frozen_at_ms
        self.on_change: list[Callable[[], None]] = []
        self._waiting: list[tuple[int, int, asyncio.Future]] = []
        self._order = 0
        self._left = 0
        self._alarm: asyncio.TimerHandle | None = None

    def now_ms(self) -> int:
        if self.frozen_at_ms is not None:
            return self.frozen_at_ms
        return time_ns() // 1_000_000 + self.offset_ms

    @staticmethod
    def stopwatch_ns() -> int:
        """For durations of real work only (billing, timeouts of processes). Does not follow `advance`."""
        return time.perf_counter_ns()

    @staticmethod
    def wall_ms() -> int:
        """The time that clients outside know: for the age of their signatures only."""
        return time_ns() // 1_000_000

    def advance(self, ms: int) -> None:
        """Move forward. The clock never runs backwards: timers that fired can't un-fire."""
        if ms < 0:
            raise ValueError("the clock moves only forward")
        if self.frozen_at_ms is not None:
            self.frozen_at_ms += ms
        else:
            self.offset_ms += ms
        self._changed()

    def freeze(self, at_ms: int | None = None) -> None:
        now = self.now_ms()
        if at_ms is not None and at_ms < now:
            raise ValueError("the clock moves only forward")
        self.frozen_at_ms = now if at_ms is None else at_ms
        self._changed()

    def resume(self) -> None:
        """Go on from where the clock stands, at the wall's pace."""
        if self.frozen_at_ms is not None:
            self.offset_ms = self.frozen_at_ms - time_ns() // 1_000_000
            self.frozen_at_ms = None
            self._changed()

    async def wait_until(self, at_ms: int) -> None:
        """Return when the clock has reached `at_ms`."""
        if self.now_ms() >= at_ms:
            return
        future = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._waiting, (at_ms, self._order, future))
        self._arm()
        try:
            await future
        except asyncio.CancelledError:
            self._left += 1
            if self._left > 64 and self._left * 2 > len(self._waiting):
                # Those who left stay in the heap until their time; where they are most of it, it is made anew.
                self._waiting = [entry for entry in self._waiting if not entry[2].done()]
                heapq.heapify(self._waiting)
                self._left = 0
            raise

    def _changed(self) -> None:
        self._wake()
        for listener in self.on_change:
            listener()

    def _wake(self) -> None:
        self._alarm = None
        now = self.now_ms()
        while self._waiting and (self._waiting[0][0] <= now or self._waiting[0][2].done()):
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(None)
        self._arm()

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._waiting and self.frozen_at_ms is None:
            # At most an hour at a time: the wall clock may be set meanwhile, and a laptop may sleep.
            delay_s = min(max(0, self._waiting[0][0] - self.now_ms()) / 1000, 3600)
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._wake)


def iso8601(ms: int) -> str:
    """2026-11-23T19:05:54.123Z, as AWS prints times."""
    seconds, rest = divmod(ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:03d}Z"
