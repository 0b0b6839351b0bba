"""The wheel: timers fire once, in order, in the transaction that removes them."""

import asyncio

import msgspec
import pytest

from pileus.kernel.clock import FOREVER_MS, Clock
from pileus.kernel.errors import AwsError
from pileus.kernel.ids import Ids
from pileus.kernel.tasks import Tasks
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store
from pileus.store.table import Table
from pileus.store.timers import SET_TIMERS, TIMERS
from pileus.timers.wheel import AFTER_FAILURE_MS, Wheel


class Fired(msgspec.Struct, frozen=True):
    number: int
    key: str
    at_ms: int


FIRED = Table("test.fired", Fired, key=lambda row: (row.number,))


class Rig:
    def __init__(self) -> None:
        self.clock = Clock(frozen_at_ms=1_000_000)
        self.store = Store(MemoryEngine(), self.clock, Ids(1))
        self.tasks = Tasks()
        self.broken: dict[str, Exception] = {}
        self.again: dict[str, int] = {}
        self.wheel = Wheel(self.store, self.clock, self.tasks, lambda kind: self.fire)

    def fire(self, tx, key: str) -> None:
        if key in self.broken:
            raise self.broken[key]
        FIRED.put(tx, Fired(tx.next_sequence(), key, tx.now_ms))
        if key in self.again:
            tx.wake_at(self.again.pop(key), "test", f"{key} again")

    async def set(self, after_ms: int, key: str) -> None:
        await self.store.write(lambda tx: tx.wake_at(tx.now_ms + after_ms, "test", key))

    def fired(self) -> list[str]:
        return [row.key for row in self.store.look(lambda tx: list(FIRED.scan(tx)))[0]]


@pytest.fixture
async def rig():
    rig = Rig()
    await rig.store.start()
    yield rig
    await rig.tasks.stop()


async def test_a_timer_fires_when_its_time_has_come_and_not_before(rig):
    await rig.set(1000, "a")
    rig.clock.advance(999)
    assert await rig.wheel.fire_due() == 0
    rig.clock.advance(1)
    assert await rig.wheel.fire_due() == 1
    assert rig.fired() == ["a"]
    assert await rig.wheel.fire_due() == 0


async def test_what_fell_due_meanwhile_fires_in_the_order_of_its_times(rig):
    for after_ms, key in ((300, "c"), (100, "a"), (200, "b")):
        await rig.set(after_ms, key)
    rig.clock.advance(1_000_000)
    await rig.wheel.fire_due()
    assert rig.fired() == ["a", "b", "c"]


async def test_a_timer_that_sets_one_for_the_past_is_followed_by_it_in_order(rig):
    await rig.set(100, "a")
    await rig.set(300, "c")
    rig.again["a"] = rig.clock.now_ms() + 200
    rig.clock.advance(1000)
    await rig.wheel.fire_due()
    assert rig.fired() == ["a", "a again", "c"]


async def test_setting_a_timer_anew_replaces_its_time(rig):
    await rig.set(100, "a")
    await rig.set(500, "a")
    rig.clock.advance(499)
    await rig.wheel.fire_due()
    assert rig.fired() == []
    rig.clock.advance(1)
    await rig.wheel.fire_due()
    assert rig.fired() == ["a"]


async def test_a_cancelled_timer_never_fires_and_leaves_nothing(rig):
    await rig.set(100, "a")
    await rig.store.write(lambda tx: tx.cancel_wake("test", "a"))
    rig.clock.advance(100)
    await rig.wheel.fire_due()
    assert rig.fired() == []
    assert rig.store.look(lambda tx: [*TIMERS.scan(tx), *SET_TIMERS.scan(tx)])[0] == []


@pytest.mark.parametrize("mistake", [RuntimeError("a mistake"), AwsError("an operation's error")])
async def test_a_failing_transition_leaves_nothing_half_done_and_is_tried_again_in_a_minute(rig, mistake):
    rig.broken["a"] = mistake
    await rig.set(100, "a")
    await rig.set(200, "b")
    rig.clock.advance(200)
    await rig.wheel.fire_due()
    assert rig.fired() == ["b"]
    rig.broken.clear()
    rig.clock.advance(AFTER_FAILURE_MS)
    await rig.wheel.fire_due()
    assert rig.fired() == ["b", "a"]


async def test_an_earlier_timer_set_after_later_ones_fired_is_seen(rig):
    await rig.set(100, "a")
    rig.clock.advance(5000)
    await rig.wheel.fire_due()
    await rig.set(0, "b")
    await rig.wheel.fire_due()
    assert rig.fired() == ["a", "b"]


async def test_the_next_time_is_known(rig):
    assert rig.wheel.next_at_ms() == FOREVER_MS
    await rig.set(700, "a")
    assert rig.wheel.next_at_ms() == rig.clock.now_ms() + 700


async def test_the_running_wheel_follows_the_clock(rig):
    rig.wheel.start()
    await rig.set(60_000, "a")
    await asyncio.sleep(0)
    rig.clock.advance(60_000)
    for _ in range(20):
        await asyncio.sleep(0)
    assert rig.fired() == ["a"]


async def test_timers_of_the_last_run_fire_after_a_restart(rig):
    await rig.set(100, "a")
    again = Wheel(rig.store, rig.clock, rig.tasks, lambda kind: rig.fire)
    rig.clock.advance(100)
    assert await again.fire_due() == 1
