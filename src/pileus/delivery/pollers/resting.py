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

    def is_over(self, now_ms: int) -> bool:
        return self.bell.is_set() or self.until_ms <= now_ms


class Pollers:
    """The tasks of one owner's pollers. A task that is not in `rest` is at work."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.is_ending = False
        """With the process: nothing more is begun."""
        self._at_work = 0
        self._rests: dict[asyncio.Task, _Rest] = {}
        self._rested: dict[asyncio.Task, int] = {}
        """How often each task has come to a rest."""
        self._quieter = asyncio.Event()

    def start(self, name: str, work: Coroutine) -> asyncio.Task:
        self._at_work += 1
        task = self.cloud.tasks.start(name, work)
        self._rested[task] = 0
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task) -> None:
        self._at_work -= 1
        del self._rested[task]
        self._quieter.set()

    async def rest(self, bell: asyncio.Event, until_ms: int = FOREVER_MS) -> None:
        """Return when the bell rings (and stop its ringing) or the clock reaches `until_ms`. Only for tasks that
        `start` has started."""
        clock, task = self.cloud.clock, asyncio.current_task()
        self._rested[task] += 1
        self._quieter.set()
        if not bell.is_set() and clock.now_ms() < until_ms:
            self._rests[task] = _Rest(bell, until_ms)
            self._at_work -= 1
            try:
                await _either(bell, None if until_ms >= FOREVER_MS else clock.wait_until(until_ms))
            finally:
                self._at_work += 1
                del self._rests[task]
        bell.clear()

    # A Worker of the cloud

    @property
    def is_idle(self) -> bool:
        if self._at_work:
            return False
        now_ms = self.cloud.clock.now_ms()
        return not any(rest.is_over(now_ms) for rest in self._rests.values())

    async def wait_idle(self) -> None:
        while not self.is_idle:
            self._quieter.clear()
            await self._quieter.wait()

    async def turn(self) -> None:
        """Return when each task that is at work, or is to be, has come to a rest or its end once."""
        now_ms = self.cloud.clock.now_ms()
        before = {
            task: count
            for task, count in self._rested.items()
            if task not in self._rests or self._rests[task].is_over(now_ms)
        }
        while any(self._rested.get(task) == count for task, count in before.items()):
            self._quieter.clear()
            await self._quieter.wait()

    def next_due_ms(self) -> int:
        return min((rest.until_ms for rest in self._rests.values()), default=FOREVER_MS)


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
