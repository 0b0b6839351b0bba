"""How fast a function's concurrency grows: no faster than the machine can start environments, and while it has room.

AWS starts an environment for every event that finds none free. Here a thousand events at once (a folder uploaded to a
bucket) would be a thousand sandboxes on one machine, most of which would come too late for an event of a few
milliseconds. So an event beyond what runs already waits for whichever comes first: an environment that gets free, or
leave to start another one, given at every tick at which processor and memory are not spent.

Invariant: whoever waits is let in at the next tick on a machine with room, or when another event of the version ends.
Nobody waits for an event of another version, so functions that wait for each other don't lock each other out.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from pileus.kernel.clock import Clock

FIRST = 4
"""Let in at once; as many as the engine starts side by side."""

TICK_S = 0.025
STEP = 2
IDLE_LIMIT_NS = 300_000_000_000
"""After so long without events a version's environments have gone, or go soon."""

PROCESSOR_ROOM = 0.08
MEMORY_ROOM = 0.1
STARVING_TICKS = 40
"""A machine that others keep busy must not stop a function for good: after a second of nothing, one more goes in."""


@dataclass(slots=True)
class Lane:
    """The events of one version."""

    limit: int = FIRST
    running: int = 0
    waiting: deque[asyncio.Future] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None
    last_ns: int = 0
    is_over: bool = False
    ticks_without_end: int = 0


class Growth:
    """`enter` before an event is run, `leave` after it; keys are versions' environment keys."""

    def __init__(self, machine: "Machine | None" = None) -> None:
        self._lanes: dict[str, Lane] = {}
        self._machine = machine or Machine()

    async def enter(self, key: str) -> None:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane()
        elif not lane.running and Clock.stopwatch_ns() - lane.last_ns > IDLE_LIMIT_NS:
            lane.limit = FIRST
        if lane.running < lane.limit:
            lane.running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        lane.waiting.append(turn)
        self._schedule(lane)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(key)  # let in and cancelled at once
            raise

    def leave(self, key: str) -> None:
        lane = self._lanes[key]
        lane.running -= 1
        lane.last_ns = Clock.stopwatch_ns()
        lane.ticks_without_end = 0
        self._let_in(lane)
        if lane.is_over and not lane.running:
            del self._lanes[key]

    def forget(self, key: str) -> None:
        """The version is gone or changed: its lane goes with the last event that runs of it."""
        lane = self._lanes.get(key)
        if lane is not None and not lane.running:
            del self._lanes[key]
        elif lane is not None:
            lane.is_over = True

    def _let_in(self, lane: Lane) -> None:
        while lane.waiting and lane.running < lane.limit:
            turn = lane.waiting.popleft()
            if not turn.done():
                lane.running += 1
                turn.set_result(None)

    def _schedule(self, lane: Lane) -> None:
        if lane.timer is None and lane.waiting:
            lane.timer = asyncio.get_running_loop().call_later(TICK_S, self._tick, lane)

    def _tick(self, lane: Lane) -> None:
        lane.timer = None
        lane.ticks_without_end += 1
        if self._machine.has_room():
            lane.limit = max(lane.limit, lane.running) + STEP
        elif lane.ticks_without_end >= STARVING_TICKS:
            lane.limit = max(lane.limit, lane.running) + 1
            lane.ticks_without_end = 0
        self._let_in(lane)
        self._schedule(lane)


class Machine:
    """Whether processor and memory have room, as Linux counts them; elsewhere they always have."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._before = (0, 0)
        self._looked_ns = 0
        self._has_room = True

    def has_room(self) -> bool:
        now_ns = Clock.stopwatch_ns()
        if now_ns - self._looked_ns >= TICK_S * 0.8e9:
            self._looked_ns = now_ns
            self._has_room = self._look()
        return self._has_room

    def _look(self) -> bool:
        try:
            ticks = [int(number) for number in (self._proc / "stat").read_text().split("\n", 1)[0].split()[1:9]]
            memory = dict(line.split(":") for line in (self._proc / "meminfo").read_text().splitlines())
            available, total = (int(memory[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
        except (OSError, KeyError, ValueError, IndexError):
            return True
        idle, spent = ticks[3] + ticks[4], sum(ticks)
        idle_before, spent_before = self._before
        passed = spent - spent_before
        if passed < 2:
            return self._has_room  # the kernel counts hundredths of a second
        self._before = (idle, spent)
        return (idle - idle_before) / passed > PROCESSOR_ROOM and available / total > MEMORY_ROOM
