"""Watching for commits without polling: `tx.notify(topic)` wakes whoever watches the topic, after the commit."""

import asyncio
from types import TracebackType

from pileus.kernel.clock import Clock


class WatcherGone(Exception):
    """Who waited has left: what would be handed out now would be handed to nobody."""


class Watchers:
    """Who waits for what, in this process. Nothing is kept: a watcher subscribes first, then looks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_topic: dict[str, set[Watch]] = {}

    def watch(self, topic: str, gone: asyncio.Event | None = None, arrived: asyncio.Event | None = None) -> "Watch":
        """`gone` is set when nobody wants the answer any more: waiting raises WatcherGone then. `arrived`: set at a
        notice, for who waits for several things at once; its own where none is given."""
        return Watch(self, topic, gone, arrived)

    def notify(self, topic: str) -> None:
        for watch in self._by_topic.get(topic, ()):
            watch.arrived.set()


class Watch:
    """A subscription: `async with watchers.watch(topic) as arrivals: … await arrivals.wait_next(until_ms=…)`."""

    def __init__(
        self, watchers: Watchers, topic: str, gone: asyncio.Event | None, arrived: asyncio.Event | None = None
    ) -> None:
        self._watchers = watchers
        self._topic = topic
        self._gone = gone
        self.arrived = arrived or asyncio.Event()

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
        """Return True at the next notice, or False when the clock reaches `until_ms`. Raises WatcherGone."""
        if not self.arrived.is_set():
            waits = [asyncio.ensure_future(self.arrived.wait())]
            waits.append(asyncio.ensure_future(self._watchers._clock.wait_until(until_ms)))
            if self._gone is not None:
                waits.append(asyncio.ensure_future(self._gone.wait()))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        if self._gone is not None and self._gone.is_set():
            raise WatcherGone
        was_notified = self.arrived.is_set()
        self.arrived.clear()
        return was_notified
