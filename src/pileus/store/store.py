"""The store: one writer, transactions of plain functions, group commit.

The problem. A 2xx must follow the commit to disk, an fsync takes 0.2 ms and a request some 0.1 ms of Python: one fsync
per request would be the wall, and a hand-over to a writer thread for every transition costs another 50 µs.

The way. Transitions run on the event loop's thread, one after another, so they need no locks and see each other's
effects at once. A transition's changes are applied to the engine in one atomic step when it returns. Those who wrote
then wait together: what was applied goes to the operating system in one batch (safe from kill -9 from then on), and the
store's own thread syncs once for all of it (safe from power loss), while the loop runs the next transitions. On a disk
that syncs in less time than the hand-over to the thread takes, the loop does it itself. A sync begins when a turn of
the loop has brought no further commit: clients whose answers left together ask again together, and would else meet in
two groups that wait for each other's syncs.

The invariants.
- Nothing is answered before it is on disk, nor is anything that was *seen* in an answer: `look` returns the number of
  the newest commit it could see, and the gateway waits for that one (`durable`) before the response goes out.
- Events, timers and watchers hear of a commit after it is on disk.
- A transition that raises leaves nothing. One that meets a conflict runs again from the start.
- When the engine fails to write, the write is refused (503) and reads go on. When a sync fails, or the write that it
  begins with, what waited for it is taken back at once: reads see what was on disk before, whoever had seen more gets
  an error instead of an answer, and so does whoever wrote. Writes go on when the engine could recover; each write
  tries, but not too often.
- A write that was refused after it was applied may still be there, whole, after a crash that comes before the recovery:
  as anywhere, an error of the server leaves open whether it happened.

Rejected: a writer thread (the hand-over, see above); reading from a snapshot as of the last sync (the same truth, but
every strongly consistent read would pay for it); syncs by Linux's asynchronous I/O beside the loop, for which the clients
have to meet in two halves: twice the syncs, and measured with 16 clients a sixth fewer messages a second.
"""

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from pileus.kernel.clock import FOREVER_MS, Clock
from pileus.kernel.errors import ServiceUnavailable
from pileus.kernel.ids import Ids
from pileus.store.engine import Conflict, Engine, EngineFailed
from pileus.store.sequence import Sequence
from pileus.store.transaction import Transaction
from pileus.store.watch import Watch, Watchers

T = TypeVar("T")
log = logging.getLogger("pileus.store")

CONFLICT_RETRIES = 20
HAND_OVER_NS = 1_000_000
"""A sync that is quicker than this is done on the loop: two wake-ups and the fight for the interpreter cost as much."""
GATHERING_TURNS = 8
"""Turns of the loop that a sync waits at most for others to join it. Measured with 16 clients: all of them share one, and a
request costs a quarter less of the processor than where 7 do."""
RECOVERY_PAUSE_NS = 250_000_000


class Store:
    """Lives on one event loop. `start` before use, `stop` at the end."""

    __slots__ = (
        "_failure",
        "_hot",
        "_is_syncing",
        "_jobs",
        "_listeners",
        "_looking",
        "_loop",
        "_sequence",
        "_sync_ns",
        "_taken_back",
        "_thread",
        "_tried_to_recover_ns",
        "_unpublished",
        "_waiting",
        "_watchers",
        "applied",
        "clock",
        "durable_to",
        "engine",
        "ids",
        "on_commit",
    )

    def __init__(self, engine: Engine, clock: Clock, ids: Ids) -> None:
        self.engine = engine
        self.clock = clock
        self.ids = ids
        self.on_commit: list[Callable[[Transaction], None]] = []
        """Called after a commit that emitted events or set timers is on disk."""
        self.applied = 0
        self.durable_to = 0
        self._hot: dict[bytes, Any] = {}
        self._looking: Transaction | None = None
        self._watchers = Watchers(clock)
        self._listeners: dict[str, list[Callable[[Any], None]]] = {}
        self._sequence = Sequence()
        self._waiting: list[tuple[int, asyncio.Future]] = []
        self._unpublished: deque[tuple[int, Transaction]] = deque()
        self._is_syncing = False
        self._sync_ns = float(HAND_OVER_NS)
        """How long a sync takes; unknown at first, so the first ones go to the thread."""
        self._failure: Exception | None = None
        self._tried_to_recover_ns = 0
        self._taken_back: deque[range] = deque(maxlen=16)
        self._loop: asyncio.AbstractEventLoop = None  # the one that `start` runs in
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.look(self._sequence.load)
        if self.engine.is_durable:
            self._thread = threading.Thread(target=self._run_jobs, name="store-sync", daemon=True)
            self._thread.start()

    async def stop(self) -> None:
        await self.durable(self.applied)
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        self.engine.close()

    @property
    def newest_number(self) -> int:
        """The highest that `tx.next_sequence()` has given."""
        return self._sequence.value

    def look(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> tuple[T, int]:
        """Run `fn(tx, …)`, which only reads; return its result and the number of the newest commit it could see."""
        tx = self._looking
        if tx is None:
            tx = Transaction(self.engine, self.clock.now_ms(), self.ids, self._sequence, self._hot)
        else:  # a request looks two or three times: the one that has nothing in it serves them all
            self._looking = None
            tx.now_ms = self.clock.now_ms()
        result = fn(tx, *args, **kwargs)
        assert not tx.changes and not tx.ranges, f"{fn} writes: it is a transition, use write"
        self._looking = tx
        return result, self.applied

    async def read(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """`look`, and wait until what was seen is on disk. For those who have no gateway waiting behind them."""
        result, seen = self.look(fn, *args, **kwargs)
        await self.durable(seen)
        return result

    async def write(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Run the transition `fn(tx, …)` and return its result after the commit. Raises ServiceUnavailable."""
        if self._failure is not None:
            self._try_to_recover()
        for _ in range(CONFLICT_RETRIES):
            tx = Transaction(self.engine, self.clock.now_ms(), self.ids, self._sequence, self._hot)
            result = fn(tx, *args, **kwargs)
            if not tx.changes and not tx.ranges:
                assert not tx.notices, f"{fn} notifies of nothing"
                return result
            if self._failure is not None:
                raise ServiceUnavailable() from self._failure
            try:
                self.engine.apply(tx.changes, tx.ranges)
            except Conflict:
                continue
            except EngineFailed as error:
                self._fail(error)
                raise ServiceUnavailable() from error
            self.applied += 1
            if self._hot:
                self._cool(tx)
            if tx.sequence_limit:
                self._sequence.limit = tx.sequence_limit
            # Published by the sync and not by this coroutine, which may be cancelled while it waits.
            self._unpublished.append((self.applied, tx))
            if self.engine.is_durable:
                await self._sync_of(self.applied)
            else:
                self._reached(self.applied)
            return result
        raise ServiceUnavailable("The transaction met too many concurrent changes.")

    def _cool(self, tx: Transaction) -> None:
        """Forget the decoded records of what a transaction changed."""
        if tx.ranges:
            self._hot.clear()
        for key in tx.changes:
            self._hot.pop(key, None)

    async def durable(self, commit: int) -> None:
        """Return when commit number `commit` and all before it are on disk. Raises ServiceUnavailable."""
        if commit <= self.durable_to:
            if self._taken_back and any(commit in lost for lost in self._taken_back):
                raise ServiceUnavailable()
            return
        if self.engine.is_durable:
            await self._sync_of(commit)
        else:
            self._reached(self.applied)

    def _sync_of(self, commit: int) -> asyncio.Future:
        done = self._loop.create_future()
        self._waiting.append((commit, done))
        if not self._is_syncing:
            self._is_syncing = True
            self._loop.call_soon(self._gather)
        return done

    def watch(self, topic: str, gone: asyncio.Event | None = None, arrived: asyncio.Event | None = None) -> Watch:
        return self._watchers.watch(topic, gone, arrived)

    def listen(self, topic: str, listener: Callable[[Any], None]) -> None:
        """Call `listener(what)` for every `tx.tell(topic, what)` after its commit."""
        self._listeners.setdefault(topic, []).append(listener)

    @property
    def has_failed(self) -> bool:
        """True from a write that the engine refused until one that it could take again."""
        return self._failure is not None

    def _reached(self, commit: int) -> None:
        """Everything up to `commit` is on disk: tell those who watch, the dispatcher and the wheel."""
        self.durable_to = commit
        while self._unpublished and self._unpublished[0][0] <= commit:
            _, tx = self._unpublished.popleft()
            for topic in tx.notices:
                self._watchers.notify(topic)
            for topic, what in tx.told:
                for listener in self._listeners.get(topic, ()):
                    listener(what)
            if tx.emitted or tx.woken != FOREVER_MS:
                for on_commit in self.on_commit:
                    on_commit(tx)

    def _gather(self, seen: int = -1, turns: int = GATHERING_TURNS) -> None:
        """Begin the sync once a turn of the loop has passed without a commit: whoever writes meanwhile shares it."""
        if self.applied != seen and turns:
            self._loop.call_soon(self._gather, self.applied, turns - 1)
        else:
            self._begin_sync()

    def _begin_sync(self) -> None:
        reached = self.applied
        try:
            rest = self.engine.begin_sync()
        except EngineFailed as error:
            self._synced(reached, error)
            return
        if self._sync_ns < HAND_OVER_NS:
            self._synced(reached, self._sync(rest))
            return

        def sync() -> None:
            failure = self._sync(rest)
            self._loop.call_soon_threadsafe(self._synced, reached, failure)

        self._jobs.put(sync)

    def _sync(self, rest: Callable[[], None]) -> Exception | None:
        """Reach the disk, and note how long that takes here: the mean of the last ones."""
        began_ns = self.clock.stopwatch_ns()
        try:
            rest()
        except EngineFailed as error:
            return error
        finally:
            took_ns = min(self.clock.stopwatch_ns() - began_ns, 2 * HAND_OVER_NS)  # one that is very late is no sign
            self._sync_ns += (took_ns - self._sync_ns) / 8
        return None

    def _synced(self, reached: int, failure: Exception | None) -> None:
        waiting, self._waiting = self._waiting, []
        if failure is not None:
            self._is_syncing = False
            self._take_back()
            self._fail(failure)
            for _, done in waiting:
                if not done.done():
                    done.set_exception(ServiceUnavailable())
            return
        self.durable_to = reached
        for commit, done in waiting:
            if commit > reached:
                self._waiting.append((commit, done))
            elif not done.done():
                done.set_result(None)
        if self._waiting:
            self._loop.call_soon(self._gather)
        else:
            self._is_syncing = False
        self._reached(reached)  # last: a listener that fails must not leave anybody waiting

    def _take_back(self) -> None:
        """Nothing that was applied since the last good sync happened; the next number stands for what is left."""
        self.engine.roll_back()
        self._hot.clear()
        self._unpublished.clear()
        self._sequence.limit = 0  # its row may be among what was taken back: the next number writes it again
        self._taken_back.append(range(self.durable_to + 1, self.applied + 1))
        self.applied += 1
        self.durable_to = self.applied

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            log.error("writes are refused until the store can reach its disk again: %s", failure)
        self._failure = failure
        self._tried_to_recover_ns = self.clock.stopwatch_ns()

    def _try_to_recover(self) -> None:
        if self._is_syncing or self.clock.stopwatch_ns() - self._tried_to_recover_ns < RECOVERY_PAUSE_NS:
            return
        try:
            self.engine.recover()
        except EngineFailed as error:
            self._fail(error)
        else:
            self._failure = None
            log.warning("the store reaches its disk again: writes go on")

    def _run_jobs(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
