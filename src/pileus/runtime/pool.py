"""The environments there are: which are free, which have idled too long, how many there may be."""

import asyncio
from collections.abc import Callable

from pileus.kernel.clock import Clock
from pileus.runtime.environment import Environment
from pileus.runtime.spec import FunctionSpec, TooManyEnvironments


class Pool:
    """Free environments by function revision, the latest used first, so that the others may idle out."""

    def __init__(self, clock: Clock, *, limit: int, idle_s: float, on_close: Callable[[Environment], None]) -> None:
        self.clock = clock
        self.limit = limit
        self.idle_s = idle_s
        self.on_close = on_close
        self.all: set[Environment] = set()
        self.starting = 0
        self._free: dict[str, list[tuple[int, Environment]]] = {}
        self._reaper: asyncio.TimerHandle | None = None

    def take(self, spec: FunctionSpec) -> Environment | None:
        """A free environment of this revision, fit to serve one more event."""
        free = self._free.get(spec.key, [])
        while free:
            _, environment = free.pop()
            if environment.is_free and not self._is_spent(environment):
                return environment
            environment.close()
        self._free.pop(spec.key, None)
        return None

    def make_room(self) -> None:
        """Before a new one is started: stay within the limit, at the cost of what has idled longest."""
        if len(self.all) + self.starting < self.limit:
            return
        idle = [entry for free in self._free.values() for entry in free]
        if not idle:
            raise TooManyEnvironments(f"All {self.limit} environments are busy.")
        self._drop(min(idle, key=lambda entry: entry[0]))

    def add(self, environment: Environment) -> None:
        self.all.add(environment)
        environment.on_death = self._died

    def give_back(self, environment: Environment) -> None:
        """It has served; keep it for the next event unless its function changed meanwhile."""
        if environment.retired or not environment.is_free:
            environment.close()
            return
        environment.rest()
        self._free.setdefault(environment.spec.key, []).append((Clock.stopwatch_ns(), environment))
        self._schedule()

    def forget(self, key: str) -> None:
        """Retire a revision: free ones end now, busy ones when they have answered."""
        for environment in list(self.all):
            if environment.spec.key == key:
                environment.retired = True
        for _, environment in self._free.pop(key, []):
            environment.close()

    def close(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        for environment in list(self.all):
            environment.close()
        self._free.clear()

    def _is_spent(self, environment: Environment) -> bool:
        """Its credentials might end within the invocation."""
        if environment.expires_at_ms is None:
            return False
        return environment.expires_at_ms < self.clock.now_ms() + (environment.spec.timeout_s + 30) * 1000

    def _died(self, environment: Environment) -> None:
        self.all.discard(environment)
        free = self._free.get(environment.spec.key)
        if free is not None:
            free[:] = [entry for entry in free if entry[1] is not environment]
            if not free:
                del self._free[environment.spec.key]
        self.on_close(environment)

    def _drop(self, entry: tuple[int, Environment]) -> None:
        entry[1].close()  # _died takes it out of the lists

    def _schedule(self) -> None:
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_later(min(self.idle_s, 10.0), self._reap)

    def _reap(self) -> None:
        self._reaper = None
        old_ns = Clock.stopwatch_ns() - int(self.idle_s * 1e9)
        for entry in [entry for free in self._free.values() for entry in free]:
            if entry[0] <= old_ns or self._is_spent(entry[1]):
                self._drop(entry)
        if self._free:
            self._schedule()
