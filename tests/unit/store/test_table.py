import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store
from pileus.store.table import Index, Table


class Job(msgspec.Struct, frozen=True):
    owner: str
    number: int
    due_ms: int | None = None


JOBS = Table(
    "jobs",
    Job,
    key=lambda job: (job.owner, job.number),
    by_due=Index(lambda job: None if job.due_ms is None else (job.owner, job.due_ms, job.number)),
)


@pytest.fixture
async def store():
    made = Store(MemoryEngine(), Clock(frozen_at_ms=0), Ids(seed=1))
    await made.start()
    return made


@pytest.fixture
async def jobs(store):
    """Ten of "a", due backwards in time but for the odd ones, and one beside."""
    await store.write(
        lambda tx: [JOBS.put(tx, Job("a", number, None if number % 2 else 1000 - number)) for number in range(10)]
    )
    await store.write(lambda tx: JOBS.put(tx, Job("a2", 5, 5)))
    return store


def numbers(rows) -> list[int]:
    return [row.number for row in rows]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, list(range(10))),
        ({"reverse": True}, list(range(9, -1, -1))),
        ({"start": 7}, [7, 8, 9]),
        ({"after": 7}, [8, 9]),
        ({"until": 2}, [0, 1]),
        ({"start": 3, "until": 6}, [3, 4, 5]),
        ({"after": (3,), "until": (6,), "reverse": True}, [5, 4]),
        ({"start": 99}, []),
        ({"start": 5, "until": 5}, []),
    ],
)
async def test_a_scan_keeps_its_bounds(jobs, bounds, expected):
    assert numbers(jobs.look(lambda tx: list(JOBS.scan(tx, "a", **bounds)))[0]) == expected


async def test_an_index_has_the_rows_that_have_its_key_in_its_order(jobs):
    assert numbers(jobs.look(lambda tx: list(JOBS.by_due.scan(tx, "a")))[0]) == [8, 6, 4, 2, 0]
    assert jobs.look(lambda tx: list(JOBS.by_due.keys(tx, "a", until=995)))[0] == [("a", 992, 8), ("a", 994, 6)]
    assert jobs.look(lambda tx: JOBS.by_due.first(tx, "a", after=996))[0] == Job("a", 2, 998)
    assert jobs.look(lambda tx: JOBS.by_due.first(tx, "nobody"))[0] is None


async def test_an_index_follows_its_row(jobs):
    def change(tx):
        JOBS.put(tx, Job("a", 8, None))
        JOBS.put(tx, Job("a", 6, 2000))
        JOBS.delete(tx, "a", 4)
        JOBS.put(tx, Job("a", 1, 1))
        JOBS.delete(tx, "a", 77)

    await jobs.write(change)
    assert numbers(jobs.look(lambda tx: list(JOBS.by_due.scan(tx, "a")))[0]) == [1, 2, 0, 6]


async def test_rows_deleted_while_an_index_is_walked_are_skipped(jobs):
    def drain(tx):
        seen = []
        for job in JOBS.by_due.scan(tx, "a"):
            seen.append(job.number)
            JOBS.delete(tx, "a", job.number)
            JOBS.delete(tx, "a", 4)
        return seen

    assert await jobs.write(drain) == [8, 6, 2, 0]


async def test_delete_all_takes_the_rows_and_entries_of_the_prefix_only(jobs):
    await jobs.write(lambda tx: JOBS.delete_all(tx, "a"))
    assert jobs.look(lambda tx: list(JOBS.scan(tx)))[0] == [Job("a2", 5, 5)]
    assert jobs.look(lambda tx: list(JOBS.by_due.scan(tx)))[0] == [Job("a2", 5, 5)]


async def test_first_get_and_has(jobs):
    assert jobs.look(lambda tx: JOBS.first(tx, "a", after=3))[0] == Job("a", 4, 996)
    assert jobs.look(lambda tx: JOBS.first(tx, "b"))[0] is None
    assert jobs.look(lambda tx: JOBS.get(tx, "a", 4))[0] == Job("a", 4, 996)
    assert jobs.look(lambda tx: (JOBS.has(tx, "a", 4), JOBS.has(tx, "a", 44)))[0] == (True, False)


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["put", "delete", "commit"]), st.integers(0, 4), st.none() | st.integers(0, 3)),
    max_size=25,
)


@settings(deadline=None)
@given(OPERATIONS)
def test_indexes_equal_what_the_rows_say(operations):
    """However puts and deletes are spread over transactions."""
    from pileus.store.store import Sequence
    from pileus.store.transaction import Transaction

    engine = MemoryEngine()
    model: dict[int, Job] = {}
    tx = Transaction(engine, 0, Ids(seed=1), Sequence(), {})
    for operation, number, due_ms in operations:
        match operation:
            case "put":
                model[number] = Job("a", number, due_ms)
                JOBS.put(tx, model[number])
            case "delete":
                model.pop(number, None)
                JOBS.delete(tx, "a", number)
            case "commit":
                engine.apply(tx.changes, tx.ranges)
                tx = Transaction(engine, 0, Ids(seed=1), Sequence(), {})
        due = sorted((job.due_ms, job.number) for job in model.values() if job.due_ms is not None)
        assert [(job.due_ms, job.number) for job in JOBS.by_due.scan(tx, "a")] == due
        assert list(JOBS.scan(tx, "a")) == [model[number] for number in sorted(model)]


class Longer(msgspec.Struct, frozen=True):
    owner: str
    number: int
    due_ms: int | None = None
    added: str = "default"


async def test_old_rows_stay_readable_when_a_field_is_added(jobs):
    later = Table("jobs", Longer, key=lambda job: (job.owner, job.number))
    assert jobs.look(lambda tx: later.get(tx, "a", 4))[0] == Longer("a", 4, 996, "default")
