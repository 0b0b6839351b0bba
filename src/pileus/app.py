"""The composition root: the one place where the parts meet."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import msgspec

from pileus.authn.sealing import session_key
from pileus.config import Settings
from pileus.delivery.dispatcher import Dispatcher
from pileus.gateway.pipeline import Gateway
from pileus.kernel.call import Call, Worker
from pileus.kernel.clock import FOREVER_MS, Clock
from pileus.kernel.http import Peer
from pileus.kernel.ids import Ids
from pileus.kernel.principal import Principal
from pileus.kernel.service import Registry, Service, Touch
from pileus.kernel.tasks import Tasks
from pileus.store import residents
from pileus.store.blobs import Blobs
from pileus.store.events import Event
from pileus.store.store import Store
from pileus.store.table import Table
from pileus.store.transaction import Transaction
from pileus.timers.wheel import Wheel

IDENTITY = "iam"
"""The service that keeps access keys and policies: the gateway asks it who calls and what they may."""


TURNS = 3
PATIENCE_S = 10
"""See `Pileus.advance`."""


class KeptClock(msgspec.Struct, frozen=True):
    name: str
    offset_ms: int
    frozen_at_ms: int | None


CLOCKS = Table("app.clock", KeptClock, key=lambda row: (row.name,))


def _keep_clock(tx: Transaction, offset_ms: int, frozen_at_ms: int | None) -> None:
    CLOCKS.put(tx, KeptClock("cloud", offset_ms, frozen_at_ms))


def _behind_start(registry: Registry, kind: str) -> Callable:
    try:
        handle = registry.event(kind)
    except LookupError:
        handle = None  # of a service that is no more: its events stay, and say so at each attempt

    async def started(cloud: Pileus, event: Event) -> None:
        if handle is None:
            raise LookupError(f"nobody handles {kind}")
        await cloud.service(kind.partition(".")[0])
        await handle(cloud, event)

    if hasattr(handle, "running_limit"):
        started.running_limit = handle.running_limit
    return started


class Pileus:
    """A cloud: the store, the clock, the services and what runs beside them. See kernel/call.py, `Cloud`."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        blobs: Blobs,
        registry: Registry,
        *,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.ids = ids
        self.tasks = Tasks()
        self.store = store
        self.blobs = blobs
        self.registry = registry
        self.gateway = Gateway(self, registry, identity=IDENTITY)
        self.wheel = Wheel(store, clock, self.tasks, registry.timer)
        self.dispatcher = Dispatcher(self, store, clock, self.tasks, self._event_handler)
        self.workers: list[Worker] = [self.dispatcher]
        self._event_handlers: dict[str, Callable] = {}
        self._ready: dict[str, Service] = {}
        self._starting: dict[str, asyncio.Task] = {}
        self._residents: list[asyncio.Task] = []
        self._port = settings.port
        self.engines: dict[str, Any] = {}
        """What a service runs beside its operations for others of its own modules to find, by the service's name."""

    async def start(self) -> None:
        await self.store.start()
        self._restore_clock()
        self.gateway.authenticator.session_key = await self.store.write(session_key)
        self.tasks.start("blobs.sweep", self.blobs.sweep())
        self.wheel.start()
        self.dispatcher.start()
        for name in self.store.look(residents.every)[0] & set(self.registry.names):
            self._residents.append(self.tasks.start(f"{name}.resident", self.service(name)))

    async def stop(self) -> None:
        for service in reversed(list(self._ready.values())):
            if service.stop is not None:
                await service.stop(self)
        await self.tasks.stop()
        await self.store.stop()
        self.blobs.close()

    async def service(self, name: str) -> Service | None:
        """A service, imported and started at its first use; None where there is none of this name."""
        service = self._ready.get(name) or self.registry.get(name)
        if service is None or name in self._ready:
            return service
        if service.start is not None:
            if name not in self._starting:
                self._starting[name] = self.tasks.start(f"{name}.start", service.start(self))
            # Shielded: others wait for the same start, and the client of this call may leave.
            await asyncio.shield(self._starting[name])
        self._ready[name] = service
        return service

    def _event_handler(self, kind: str) -> Callable:
        """The handler of a kind of event, behind the start of its service."""
        handler = self._event_handlers.get(kind)
        if handler is None:
            handler = self._event_handlers[kind] = _behind_start(self.registry, kind)
        return handler

    def _restore_clock(self) -> None:
        kept, _ = self.store.look(CLOCKS.get, "cloud")
        if kept is not None and self.clock.frozen_at_ms is None:
            self.clock.offset_ms, self.clock.frozen_at_ms = kept.offset_ms, kept.frozen_at_ms

    def call(
        self,
        service: str,
        operation: str = "",
        *,
        principal: Principal,
        account: str | None = None,
        region: str | None = None,
        source_arn: str | None = None,
        request_id: str | None = None,
    ) -> Call:
        """A call that begins inside the cloud: a delivery, a timer, a test."""
        return Call(
            self,
            service,
            operation,
            account or principal.account or self.settings.account,
            region or self.settings.region,
            principal,
            request_id or self.ids.uuid(),
            self.clock.now_ms(),
            endpoint=self.endpoint,
            source_arn=source_arn,
        )

    async def invoke(self, call: Call, request: dict) -> dict:
        return await self.gateway.invoke(call, request)

    async def authorize(self, call: Call, request: dict) -> None:
        """Whether `invoke` would be allowed; raises AccessDenied."""
        await self.gateway.authorize(call, request)

    async def authorize_touches(self, call: Call, touches: Iterable[Touch]) -> None:
        waits = self.gateway.authorizer.check_touches(await self.service(call.service), call, touches)
        if waits is not None:
            await waits

    async def strangers(self, names: Iterable[str]) -> list[str]:
        """Those of the principals that are nobody's; nobody where no service keeps principals."""
        names = list(names)
        identity = await self.service(IDENTITY) if names else None
        return [] if identity is None else self.store.look(identity.strangers, names)[0]

    @property
    def session_key(self) -> bytes:
        """What seals the tokens of temporary credentials: whoever issues them and whoever reads them share it."""
        return self.gateway.authenticator.session_key

    @property
    def endpoint(self) -> str:
        """Where callers on this machine reach the APIs."""
        return f"http://localhost:{self._port}"

    def serve_at(self, port: int) -> None:
        """The port that the server really has, where the settings left it to the system."""
        self._port = port

    def isolation(self) -> dict[str, str]:
        """What functions are isolated from on this host, and what not, by the engines that run them."""
        found: dict[str, str] = {}
        for engine in self.engines.values():
            if hasattr(engine, "isolation"):
                found.update(engine.isolation())
        return found

    async def is_function(self, peer: Peer | None) -> bool:
        """Whether a function made the connection: it shares this machine's network, but none of its user's rights.

        Found out once a connection. Of one that came before any function ran the answer is known: no.
        """
        if peer is None:
            return False
        if peer.is_function is None:
            asked = [engine.is_function for engine in self.engines.values() if hasattr(engine, "is_function")]
            # One after the other: there is one engine today, and the first that knows it is enough.
            peer.is_function = any([await ask(peer.remote, peer.local) for ask in asked])
        return peer.is_function

    async def keep_clock(self) -> None:
        """Write down where the clock stands: time that passed must not come back after a restart."""
        await self.store.write(_keep_clock, self.clock.offset_ms, self.clock.frozen_at_ms)

    async def settle(self) -> None:
        """Run what is due; return when no timer is due and all workers are idle: never, where work begets work."""
        await asyncio.gather(*self._residents, return_exceptions=True)  # their workers come with them
        while True:
            if await self.wheel.fire_due():
                continue
            busy = next((worker for worker in self.workers if not worker.is_idle), None)
            if busy is not None:
                await asyncio.sleep(0)
                await busy.wait_idle()
                continue
            return

    async def advance(self, ms: int) -> bool:
        """Move the whole cloud forward: stop at every moment at which something is due, let everything happen, go on.

        Where work begets work at one moment without end (a function that writes what it is called for), a moment is
        TURNS turns long: what was due at it, what follows from that, and what follows from this has happened. Beyond
        these an advance waits PATIENCE_S seconds of real time, in all, for the cloud to be quiet.

        returns  whether it was quiet at the end
        """
        target_ms = self.clock.now_ms() + ms
        patience = Patience(PATIENCE_S)
        await self._let_happen(patience)  # what is under way now ends now, and what it leads to is due from now
        while (due_ms := self._next_moment_ms()) < target_ms:
            await self._move_to(due_ms, patience)
        return await self._move_to(target_ms, patience)

    def _next_moment_ms(self) -> int:
        """What is overdue even now belongs to a loop, which has its turns at every moment."""
        due = (self.wheel.next_at_ms(), *(each.next_due_ms() for each in self.workers))
        return min((at_ms for at_ms in due if at_ms > self.clock.now_ms()), default=FOREVER_MS)

    async def _move_to(self, at_ms: int, patience: "Patience") -> bool:
        self.clock.advance(max(0, at_ms - self.clock.now_ms()))
        # Before anything happens at that time: killed on the way, the cloud must not go back behind what has happened.
        await self.keep_clock()
        return await self._let_happen(patience)

    async def _let_happen(self, patience: "Patience") -> bool:
        """All that is due now, and what follows from it. Return whether all is quiet."""
        await asyncio.gather(*self._residents, return_exceptions=True)
        for _ in range(TURNS):
            if not await self.wheel.fire_due() and all(worker.is_idle for worker in self.workers):
                return True
            await asyncio.gather(*(worker.turn() for worker in self.workers))
        return await patience.spent_on(self.settle())


class Patience:
    """Seconds of real time that may be spent waiting."""

    def __init__(self, left_s: float) -> None:
        self._left_s = left_s

    async def spent_on(self, work: Coroutine) -> bool:
        """Whether it came to its end before the patience did; else it is cancelled."""
        began_ns = Clock.stopwatch_ns()
        try:
            async with asyncio.timeout(self._left_s):
                await work
        except TimeoutError:
            self._left_s = 0
            return False
        self._left_s = max(0, self._left_s - (Clock.stopwatch_ns() - began_ns) / 1e9)
        return True
