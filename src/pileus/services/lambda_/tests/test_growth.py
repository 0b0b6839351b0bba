import asyncio

from pileus.services.lambda_ import growth
from pileus.services.lambda_.growth import FIRST, STEP, Growth, Machine


class Spent(Machine):
    def has_room(self):
        return False


class Roomy(Machine):
    def has_room(self):
        return True


async def entered(gate, key="a"):
    """Ask for one more; the task is done when it was let in."""
    task = asyncio.ensure_future(gate.enter(key))
    await asyncio.sleep(0)
    return task


async def test_the_first_few_are_let_in_at_once_and_the_next_waits_for_one_to_end():
    gate = Growth(Spent())
    for _ in range(FIRST):
        assert (await entered(gate)).done()
    late = await entered(gate)
    assert not late.done()
    gate.leave("a")
    await late


async def test_on_a_machine_with_room_more_are_let_in_at_every_tick():
    gate = Growth(Roomy())
    waiting = [await entered(gate) for _ in range(FIRST + STEP + 1)]
    lane = gate._lanes["a"]
    gate._tick(lane)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True] * (FIRST + STEP) + [False]
    gate._tick(lane)
    await waiting[-1]


async def test_functions_do_not_wait_for_each_other():
    gate = Growth(Spent())
    for _ in range(FIRST + 1):
        blocked = await entered(gate, "a")
    assert not blocked.done()
    assert (await entered(gate, "b")).done()
    blocked.cancel()


async def test_a_machine_that_others_keep_busy_does_not_stop_a_function_for_good():
    gate = Growth(Spent())
    waiting = [await entered(gate) for _ in range(FIRST + 1)]
    lane = gate._lanes["a"]
    for _ in range(growth.STARVING_TICKS - 1):
        gate._tick(lane)
    assert not waiting[-1].done()
    gate._tick(lane)
    await waiting[-1]


async def test_one_that_gives_up_waiting_takes_nobodys_place():
    gate = Growth(Spent())
    for _ in range(FIRST):
        await entered(gate)
    first, second = await entered(gate), await entered(gate)
    first.cancel()
    gate.leave("a")
    await second
    assert gate._lanes["a"].running == FIRST


async def test_nothing_is_remembered_of_a_version_that_is_gone():
    gate = Growth(Spent())
    await gate.enter("a")
    gate.forget("a")
    gate.leave("a")
    await gate.enter("b")
    gate.leave("b")
    gate.forget("b")
    assert gate._lanes == {}


def test_room_is_what_the_kernel_counts(tmp_path):
    def says(idle, busy, available):
        (tmp_path / "stat").write_text(f"cpu {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 0\n")
        (tmp_path / "meminfo").write_text(f"MemTotal: 1000 kB\nMemAvailable: {available} kB\n")

    machine = Machine(tmp_path)
    says(100, 0, 500)
    assert machine._look()
    says(104, 96, 500)
    assert not machine._look()
    says(204, 96, 500)
    assert machine._look()
    says(304, 96, 50)
    assert not machine._look()
