"""The clock: stands, moves, and wakes those who wait."""

import asyncio

import pytest

from pileus.kernel.clock import Clock, iso8601


async def test_a_frozen_clock_moves_only_when_it_is_moved():
    clock = Clock(frozen_at_ms=5)
    assert clock.now_ms() == clock.now_ms() == 5
    clock.advance(10)
    assert clock.now_ms() == 15


async def test_those_who_wait_wake_in_the_order_of_their_times():
    clock, woken = Clock(frozen_at_ms=0), []

    async def wait(at_ms):
        await clock.wait_until(at_ms)
        woken.append(at_ms)

    waiting = [asyncio.ensure_future(wait(at_ms)) for at_ms in (30, 10, 20, 1000)]
    await asyncio.sleep(0)
    clock.advance(30)
    for _ in range(5):
        await asyncio.sleep(0)
    assert woken == [10, 20, 30]
    waiting[-1].cancel()


async def test_the_clock_never_goes_back():
    clock = Clock(frozen_at_ms=1000)
    with pytest.raises(ValueError):
        clock.advance(-1)
    with pytest.raises(ValueError):
        clock.freeze(999)


async def test_a_resumed_clock_goes_on_from_where_it_stood():
    clock = Clock()
    clock.freeze(clock.now_ms() + 3_600_000)
    stood = clock.now_ms()
    clock.resume()
    assert 0 <= clock.now_ms() - stood < 10_000


def test_times_are_printed_as_aws_prints_them():
    assert iso8601(1_767_225_600_007) == "2026-01-01T00:00:00.007Z"


async def test_those_who_stop_waiting_are_forgotten():
    clock = Clock(frozen_at_ms=0)
    for _ in range(1000):
        waiting = asyncio.ensure_future(clock.wait_until(1 << 60))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert len(clock._waiting) < 200
