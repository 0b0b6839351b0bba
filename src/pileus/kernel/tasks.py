"""The supervisor of background tasks: each has a name and an owner who waits for it."""

import asyncio
import logging
from collections.abc import Coroutine

log = logging.getLogger("pileus.tasks")


class Tasks:
    """Starts tasks, logs those that fail, cancels what runs at the stop and waits for it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task] = set()

    def start(self, name: str, work: Coroutine) -> asyncio.Task:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def names(self) -> list[str]:
        return sorted(task.get_name() for task in self._running)

    async def stop(self) -> None:
        """Cancel everything and return when it has ended."""
        while self._running:
            running = list(self._running)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed", task.get_name(), exc_info=error)
