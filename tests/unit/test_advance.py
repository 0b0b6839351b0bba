"""Moving the clock: everything that falls due happens in its order, and it ends."""

import asyncio

import pytest

from pileus import app

HOUR_MS = 3_600_000


@pytest.fixture
def handlers(cloud, monkeypatch) -> dict:
    """Kind of event -> its handler; and nobody is patient."""
    monkeypatch.setattr(app, "PATIENCE_S", 0.01)
    return cloud.pileus._event_handlers


async def emit(cloud, kind: str, **more) -> None:
    await cloud.store.write(lambda tx: tx.emit(kind, {}, **more))


async def test_what_follows_happens_at_the_moment_that_it_follows_from(cloud, handlers):
    told = []

    async def first(pileus, event):
        told.append(("first", cloud.clock.now_ms()))
        await emit(cloud, "test.second")

    async def second(pileus, event):
        told.append(("second", cloud.clock.now_ms()))

    handlers.update({"test.first": first, "test.second": second})
    await emit(cloud, "test.first", after_ms=HOUR_MS)
    assert await cloud.pileus.advance(2 * HOUR_MS)
    assert told == [("first", cloud.at(HOUR_MS)), ("second", cloud.at(HOUR_MS))]
    assert cloud.clock.now_ms() == cloud.at(2 * HOUR_MS)


async def test_a_loop_without_end_does_not_hold_the_clock_up(cloud, handlers):
    turns, told = [], []

    async def again(pileus, event):
        turns.append(cloud.clock.now_ms())
        await emit(cloud, "test.again")

    async def later(pileus, event):
        told.append(cloud.clock.now_ms())

    handlers.update({"test.again": again, "test.later": later})
    await emit(cloud, "test.again")
    await emit(cloud, "test.later", after_ms=HOUR_MS)
    await emit(cloud, "test.later", after_ms=2 * HOUR_MS)
    async with asyncio.timeout(20):
        assert not await cloud.pileus.advance(2 * HOUR_MS)
    assert cloud.clock.now_ms() == cloud.at(2 * HOUR_MS)
    assert told == [cloud.at(HOUR_MS), cloud.at(2 * HOUR_MS)]
    for moment_ms in (0, HOUR_MS, 2 * HOUR_MS):
        assert turns.count(cloud.at(moment_ms)) >= app.TURNS


async def test_a_long_queue_of_what_is_due_has_run_beside_a_loop(cloud, handlers, monkeypatch):
    monkeypatch.setattr("pileus.delivery.dispatcher.QUEUED_MAX", 5)
    told = []

    async def again(pileus, event):
        await emit(cloud, "test.again")

    async def later(pileus, event):
        told.append(event.id)

    handlers.update({"test.again": again, "test.later": later})
    await emit(cloud, "test.again")
    for _ in range(50):
        await emit(cloud, "test.later", after_ms=HOUR_MS)
    async with asyncio.timeout(20):
        await cloud.pileus.advance(HOUR_MS)
    assert len(told) == 50


async def test_what_waits_in_a_lane_for_its_next_attempt_is_not_waited_for(cloud, handlers):
    async def fails(pileus, event):
        raise RuntimeError("no")

    async def again(pileus, event):
        await emit(cloud, "test.again")

    handlers.update({"test.again": again, "test.fails": fails})
    await emit(cloud, "test.again")
    await emit(cloud, "test.fails", lane="one")
    await emit(cloud, "test.fails", lane="one")
    async with asyncio.timeout(20):
        await cloud.pileus.advance(100)
    assert cloud.clock.now_ms() == cloud.at(100)


async def test_a_queue_that_feeds_itself_does_not_hold_the_clock_up(cloud, handlers):
    from pileus.delivery.pollers.resting import Pollers

    pollers = Pollers(cloud.pileus)
    cloud.pileus.workers.append(pollers)
    bell, rounds = asyncio.Event(), []

    async def poll():
        bell.set()
        while True:
            await pollers.rest(bell)
            rounds.append(cloud.clock.now_ms())
            await asyncio.sleep(0)
            bell.set()

    pollers.start("test.poller", poll())
    async with asyncio.timeout(20):
        assert not await cloud.pileus.advance(HOUR_MS)
    assert rounds.count(cloud.at(HOUR_MS)) >= app.TURNS - 1
