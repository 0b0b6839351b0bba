"""Who polls and who rests: a Worker of the cloud (kernel/call.py) made of many tasks."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from pileus.kernel.clock import FOREVER_MS


class _Rest:
    __slots__ = ("bell", "until_ms")

    def __init__(self, bell: asyncio.Event, until_ms: int) -> None:
        self.bell = bell
        self.until_ms = until_ms


class Pollers:
    """The tasks of one owner's pollers. A task that is not in `rest` is at work."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self._at_work = 0
        self._rests: set[_Rest] = set()
        self._quieter = asyncio.Event()

    def start(self, name: str, work: Coroutine) -> asyncio.Task:
        self._at_work += 1
        task = self.cloud.tasks.start(name, work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task) -> None:
        self._at_work -= 1
        self._quieter.set()

    async def rest(self, bell: asyncio.Event, until_ms: int = FOREVER_MS) -> None:
        """Return when the bell rings (and stop its ringing) or the clock reaches `until_ms`. Only for tasks that
        `start` has started."""
        clock = self.cloud.clock
        if not bell.is_set() and clock.now_ms() < until_ms:
            rest = _Rest(bell, until_ms)
            self._rests.add(rest)
            self._at_work -= 1
            self._quieter.set()
            try:
                await _either(bell, None if until_ms >= FOREVER_MS else clock.wait_until(until_ms))
            finally:
                self._at_work += 1
                self._rests.discard(rest)
        bell.clear()

    # A Worker of the cloud

    @property
    def is_idle(self) -> bool:
        if self._at_work:
            return False
        now_ms = self.cloud.clock.now_ms()
        return not any(rest.bell.is_set() or rest.until_ms <= now_ms for rest in self._rests)

    async def wait_idle(self) -> None:
        while not self.is_idle:
            self._quieter.clear()
            await self._quieter.wait()

    def next_due_ms(self) -> int:
        return min((rest.until_ms for rest in self._rests), default=FOREVER_MS)


async def _either(bell: asyncio.Event, alarm: Coroutine | None) -> None:
    if alarm is None:
        await bell.wait()
        return
    waits = [asyncio.ensure_future(bell.wait()), asyncio.ensure_future(alarm)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
