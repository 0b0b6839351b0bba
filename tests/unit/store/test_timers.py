import pytest

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.store.events import OUTBOX
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store
from pileus.store.timers import SET_TIMERS, TIMERS, Timer, take


@pytest.fixture
async def store():
    made = Store(MemoryEngine(), Clock(frozen_at_ms=500), Ids(seed=1))
    await made.start()
    return made


def timers(tx) -> list[Timer]:
    return list(TIMERS.scan(tx))


async def test_a_later_time_replaces_the_earlier_of_the_same_kind_and_key(store):
    for at_ms in (1000, 3000, 3000, 2000):
        await store.write(lambda tx, at_ms=at_ms: tx.wake_at(at_ms, "kind", "key"))
    await store.write(lambda tx: tx.wake_at(1, "kind", "other"))
    assert store.look(timers)[0] == [Timer(1, "kind", "other"), Timer(2000, "kind", "key")]


async def test_a_cancelled_timer_is_gone(store):
    await store.write(lambda tx: tx.wake_at(1000, "kind", "key"))
    await store.write(lambda tx: (tx.cancel_wake("kind", "key"), tx.cancel_wake("kind", "never set")))
    assert store.look(lambda tx: [*TIMERS.scan(tx), *SET_TIMERS.scan(tx)])[0] == []


async def test_a_due_timer_is_taken_once_and_not_when_it_was_moved(store):
    due = Timer(1000, "kind", "key")
    await store.write(lambda tx: tx.wake_at(1000, "kind", "key"))
    assert await store.write(take, due)
    assert not await store.write(take, due)
    await store.write(lambda tx: tx.wake_at(2000, "kind", "key"))
    assert not await store.write(take, due)
    assert store.look(timers)[0] == [Timer(2000, "kind", "key")]


async def test_events_are_rows_in_the_order_they_are_due_and_were_emitted(store):
    def emit(tx):
        tx.emit("late", {}, after_ms=100)
        tx.emit("first", {"a": [1, b"2", None]})
        tx.emit("second", {}, lane="lane")

    await store.write(emit)
    events = store.look(lambda tx: list(OUTBOX.scan(tx)))[0]
    assert [event.kind for event in events] == ["first", "second", "late"]
    assert [event.due_ms for event in events] == [500, 500, 600]
    assert events[0].payload == {"a": [1, b"2", None]}
    assert events[0].id < events[1].id
