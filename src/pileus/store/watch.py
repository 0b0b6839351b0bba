"""Watching for commits without polling: `tx.notify(topic)` wakes whoever watches the topic, after the commit."""

import asyncio
from types import TracebackType

from pileus.kernel.clock import Clock


class Watchers:
    """Who waits for what, in this process. Nothing is kept: a watcher subscribes first, then looks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_topic: dict[str, set[Watch]] = {}

    def watch(self, topic: str) -> "Watch":
        return Watch(self, topic)

    def notify(self, topic: str) -> None:
        for watch in self._by_topic.get(topic, ()):
            watch.arrived.set()


class Watch:
    """A subscription: `async with watchers.watch(topic) as arrivals: … await arrivals.wait_next(until_ms=…)`."""

    def __init__(self, watchers: Watchers, topic: str) -> None:
        self._watchers = watchers
        self._topic = topic
        self.arrived = asyncio.Event()

    async def __aenter__(self) -> "Watch":
        self._watchers._by_topic.setdefault(self._topic, set()).add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        those = self._watchers._by_topic[self._topic]
        those.discard(self)
        if not those:
            del self._watchers._by_topic[self._topic]

    async def wait_next(self, *, until_ms: int) -> bool:
        """Return True at the next notice, or False when the clock reaches `until_ms`."""
        if not self.arrived.is_set():
            notice = asyncio.ensure_future(self.arrived.wait())
            alarm = asyncio.ensure_future(self._watchers._clock.wait_until(until_ms))
            try:
                await asyncio.wait((notice, alarm), return_when=asyncio.FIRST_COMPLETED)
            finally:
                notice.cancel()
                alarm.cancel()
        was_notified = self.arrived.is_set()
        self.arrived.clear()
        return was_notified
