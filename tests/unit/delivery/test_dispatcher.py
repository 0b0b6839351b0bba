"""The dispatcher: at least once, with retries, in order within a lane, and over a restart."""

import asyncio

import pytest

from pileus.delivery import dispatcher as module
from pileus.delivery.dispatcher import FIRST_RETRY_MS, Dispatcher, TryAgain
from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.kernel.tasks import Tasks
from pileus.store.events import OUTBOX
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store


class Rig:
    """Its handler notes what it gets; `fail` says how often an event's name fails first."""

    def __init__(self, store: Store | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or Clock(frozen_at_ms=1_000_000)
        self.store = store or Store(MemoryEngine(), self.clock, Ids(1))
        self.tasks = Tasks()
        self.delivered: list[str] = []
        self.attempts: list[tuple[str, int]] = []
        self.fail: dict[str, list[Exception]] = {}
        self.hold: dict[str, asyncio.Event] = {}
        self.most_at_once = self.at_once = 0
        self.dispatcher = Dispatcher(None, self.store, self.clock, self.tasks, lambda kind: self.handle)

    async def handle(self, cloud, event) -> None:
        name = event.payload["name"]
        self.attempts.append((name, event.attempts))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if name in self.hold:
                await self.hold[name].wait()
            if self.fail.get(name):
                raise self.fail[name].pop(0)
            self.delivered.append(name)
        finally:
            self.at_once -= 1

    async def emit(self, *names: str, lane: str = "", after_ms: int = 0) -> None:
        def change(tx):
            for name in names:
                tx.emit("test", {"name": name}, lane=lane, after_ms=after_ms)

        await self.store.write(change)

    def left(self) -> int:
        return len(self.store.look(lambda tx: list(OUTBOX.scan(tx)))[0])


@pytest.fixture
async def rig():
    rig = Rig()
    await rig.store.start()
    rig.dispatcher.start()
    yield rig
    await rig.tasks.stop()


async def test_an_emitted_event_reaches_its_handler_once_and_leaves_the_outbox(rig):
    await rig.emit("a")
    await rig.dispatcher.wait_idle()
    assert (rig.delivered, rig.left()) == (["a"], 0)


async def test_a_failed_event_comes_again_later_and_later_with_its_count(rig):
    rig.fail["a"] = [RuntimeError(), RuntimeError()]
    await rig.emit("a")
    await rig.dispatcher.wait_idle()
    assert rig.attempts == [("a", 0)]
    rig.clock.advance(FIRST_RETRY_MS)
    await rig.dispatcher.wait_idle()
    assert rig.attempts == [("a", 0), ("a", 1)]
    rig.clock.advance(2 * FIRST_RETRY_MS - 1)
    await rig.dispatcher.wait_idle()
    assert len(rig.attempts) == 2
    rig.clock.advance(1)
    await rig.dispatcher.wait_idle()
    assert (rig.delivered, rig.left()) == (["a"], 0)


async def test_a_handler_may_say_when_it_wants_the_event_again(rig):
    rig.fail["a"] = [TryAgain(60_000)]
    await rig.emit("a")
    await rig.dispatcher.wait_idle()
    assert rig.dispatcher.next_due_ms() == rig.clock.now_ms() + 60_000
    rig.clock.advance(60_000)
    await rig.dispatcher.wait_idle()
    assert rig.delivered == ["a"]


async def test_an_event_that_is_due_again_before_it_is_put_off_on_disk_comes_again(rig):
    rig.fail["a"] = [TryAgain(0)]
    await rig.emit("a")
    await rig.dispatcher.wait_idle()
    assert (rig.delivered, rig.left()) == (["a"], 0)


async def test_a_delayed_event_waits_for_its_time(rig):
    await rig.emit("a", after_ms=5000)
    rig.clock.advance(4999)
    await rig.dispatcher.wait_idle()
    assert rig.delivered == []
    rig.clock.advance(1)
    await rig.dispatcher.wait_idle()
    assert rig.delivered == ["a"]


async def test_a_lane_keeps_its_order_also_when_its_first_fails(rig):
    rig.fail["a"] = [RuntimeError()]
    await rig.emit("a", "b", "c", lane="one")
    await rig.emit("x", lane="other")
    await rig.dispatcher.wait_idle()
    assert rig.delivered == ["x"]
    rig.clock.advance(FIRST_RETRY_MS)
    await asyncio.sleep(0)
    await rig.dispatcher.wait_idle()
    assert rig.delivered == ["x", "a", "b", "c"]


async def test_no_more_run_at_once_than_the_bound(rig, monkeypatch):
    monkeypatch.setattr(module, "RUNNING_PER_KIND", 3)
    gate = asyncio.Event()
    rig.hold = {str(n): gate for n in range(10)}
    await rig.emit(*rig.hold)
    await asyncio.sleep(0)
    gate.set()
    await rig.dispatcher.wait_idle()
    assert (sorted(rig.delivered), rig.most_at_once) == (sorted(rig.hold), 3)


async def test_what_does_not_fit_into_memory_is_read_from_the_store(rig, monkeypatch):
    monkeypatch.setattr(module, "QUEUED_MAX", 4)
    names = [f"{n:02}" for n in range(25)]
    await rig.emit(*names)
    await rig.dispatcher.wait_idle()
    assert (sorted(rig.delivered), rig.left()) == (names, 0)


async def test_events_of_the_last_run_are_delivered_after_a_restart(rig):
    rig.hold["a"] = asyncio.Event()
    await rig.emit("a")
    await asyncio.sleep(0)
    await rig.tasks.stop()
    again = Rig(rig.store, rig.clock)
    again.dispatcher.start()
    await again.dispatcher.wait_idle()
    assert (rig.delivered, again.delivered, again.left()) == ([], ["a"], 0)
    await again.tasks.stop()


async def test_an_event_is_not_delivered_when_its_transaction_fails(rig):
    def change(tx):
        tx.emit("test", {"name": "a"})
        raise ValueError

    with pytest.raises(ValueError):
        await rig.store.write(change)
    await rig.dispatcher.wait_idle()
    assert rig.delivered == []


async def test_a_handler_may_say_how_many_of_it_run_side_by_side(rig):
    async def handle(cloud, event) -> None:
        await rig.handle(cloud, event)

    handle.running_limit = 2
    rig.dispatcher._handler_of = lambda kind: handle
    names = ["a", "b", "c"]
    rig.hold = {name: asyncio.Event() for name in names}
    await rig.emit(*names)
    await asyncio.sleep(0)
    for name in names:
        rig.hold[name].set()
    await rig.dispatcher.wait_idle()
    assert (rig.most_at_once, rig.delivered) == (2, names)
