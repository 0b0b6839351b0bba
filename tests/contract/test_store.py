"""The store's contract, over every engine: transactions, group commit, watchers, and what follows a failure."""

import asyncio
import errno

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pileus.kernel.clock import Clock
from pileus.kernel.errors import ServiceUnavailable
from pileus.kernel.ids import Ids
from pileus.store import store as store_module
from pileus.store.engine import Conflict, EngineFailed
from pileus.store.rocks import RocksEngine
from pileus.store.store import Store
from pileus.store.table import Index, Table


class Note(msgspec.Struct, frozen=True):
    owner: str
    number: int
    text: str = ""


NOTES = Table(
    "notes", Note, key=lambda note: (note.owner, note.number), by_text=Index(lambda note: (note.text, note.number))
)


def put(tx, number: int, text: str = "", owner: str = "a") -> None:
    NOTES.put(tx, Note(owner, number, text))


def numbers(tx, owner: str = "a", **bounds) -> list[int]:
    return [note.number for note in NOTES.scan(tx, owner, **bounds)]


async def started(engine) -> Store:
    store = Store(engine, Clock(frozen_at_ms=1000), Ids(seed=1))
    await store.start()
    return store


@pytest.fixture
async def store(engine):
    made = await started(engine)
    yield made
    if made._thread is not None:
        await made.stop()


class TestTransactions:
    async def test_a_transition_that_raises_leaves_nothing(self, store):
        def fail(tx):
            put(tx, 1)
            tx.emit("kind", {})
            tx.wake_at(5, "kind", "key")
            tx.notify("topic")
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(fail)
        assert store.look(lambda tx: list(tx.scan(b"\0", b"\xff")))[0] == []
        assert store.applied == 0

    async def test_a_transaction_reads_its_own_writes_and_nobody_else_does(self, store):
        await store.write(put, 1, "old")

        def change(tx):
            put(tx, 1, "new")
            put(tx, 2)
            assert NOTES.get(tx, "a", 1).text == "new"
            assert numbers(tx) == [1, 2]
            assert numbers(tx, reverse=True) == [2, 1]
            NOTES.delete(tx, "a", 1)
            assert NOTES.get(tx, "a", 1) is None
            assert numbers(tx) == [2]
            assert store.look(numbers)[0] == [1]

        await store.write(change)
        assert await store.read(numbers) == [2]

    async def test_a_scan_sees_the_table_as_it_was_when_it_began(self, store):
        await store.write(lambda tx: [put(tx, number) for number in range(10)])

        def renumber(tx):
            put(tx, 10)  # before the scan: seen
            seen = []
            for note in NOTES.scan(tx, "a"):
                seen.append(note.number)
                NOTES.delete(tx, "a", note.number)
                put(tx, note.number + 100)
            return seen

        assert await store.write(renumber) == list(range(11))
        assert await store.read(numbers) == list(range(100, 111))

    async def test_delete_all_takes_what_this_transaction_put_and_not_what_it_puts_after(self, store):
        await store.write(lambda tx: [put(tx, number) for number in range(5)])

        def purge(tx):
            put(tx, 7)
            NOTES.delete_all(tx, "a")
            assert numbers(tx) == []
            assert NOTES.get(tx, "a", 3) is None
            put(tx, 3)
            assert numbers(tx) == [3]

        await store.write(purge)
        assert await store.read(numbers) == [3]

    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_reads_within_a_transaction_equal_a_dict(self, engine, data):
        from pileus.store.store import Sequence
        from pileus.store.transaction import Transaction

        key = st.binary(min_size=1, max_size=2)
        engine.apply({}, [(b"", b"\xff" * 9)])
        model: dict[bytes, bytes] = data.draw(st.dictionaries(key, st.binary(max_size=2), max_size=6))
        engine.apply(model)
        tx = Transaction(engine, 0, Ids(seed=1), Sequence(), {})
        for _ in range(data.draw(st.integers(0, 5))):
            match data.draw(st.sampled_from(["put", "delete", "range"])):
                case "put":
                    one, value = data.draw(key), data.draw(st.binary(max_size=2))
                    tx.put(one, value)
                    model[one] = value
                case "delete":
                    one = data.draw(key)
                    tx.delete(one)
                    model.pop(one, None)
                case "range":
                    low, high = data.draw(key), data.draw(key)
                    tx.delete_range(low, high)
                    model = {k: v for k, v in model.items() if not low <= k < high}
        start, end, reverse = data.draw(key), data.draw(key), data.draw(st.booleans())
        assert list(tx.scan(start, end, reverse)) == sorted(
            ((k, v) for k, v in model.items() if start <= k < end), reverse=reverse
        )
        probe = data.draw(key)
        assert tx.get(probe) == model.get(probe)
        engine.apply(tx.changes, tx.ranges)
        assert list(engine.scan(b"", b"\xff" * 9)) == sorted(model.items())

    async def test_a_conflict_runs_the_transition_again(self, engine):
        store = await started(Conflicting(engine, times=3))
        runs = []

        def change(tx):
            runs.append(tx.next_sequence())
            put(tx, 1)
            return len(runs)

        assert await store.write(change) == 4
        assert await store.read(numbers) == [1]
        await store.stop()

    async def test_endless_conflicts_end_in_unavailable(self, engine):
        store = await started(Conflicting(engine, times=1000))
        with pytest.raises(ServiceUnavailable, match="concurrent"):
            await store.write(put, 1)
        assert store.look(numbers)[0] == []
        await store.stop()

    async def test_numbers_ascend_over_failures_and_restarts(self, open_rocks):
        store = await started(open_rocks())

        def fail(tx):
            tx.next_sequence()
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(fail)  # it would have written the limit
        given_out = [await store.write(take_number) for _ in range(3)]
        await store.stop()
        store = await started(open_rocks())
        given_out += [await store.write(take_number) for _ in range(3)]
        await store.stop()
        assert given_out == sorted(set(given_out))


def take_number(tx) -> int:
    put(tx, 1)
    return tx.next_sequence()


class TestDurability:
    async def test_writers_who_wait_share_syncs(self, open_rocks):
        engine = Slow(open_rocks())
        store = await started(engine)
        await asyncio.gather(*[store.write(put, number) for number in range(100)])
        assert engine.syncs == 1
        await asyncio.gather(*[write_ten(store, first) for first in range(100, 500, 10)])
        assert engine.syncs <= 1 + 2 * 10
        assert len(await store.read(numbers)) == 500
        await store.stop()

    async def test_who_writes_in_the_next_turn_of_the_loop_shares_the_sync(self, open_rocks):
        engine = Slow(open_rocks())
        store = await started(engine)
        writing = asyncio.ensure_future(store.write(put, 1))
        await asyncio.sleep(0)
        assert store.applied == 1
        await asyncio.gather(writing, store.write(put, 2))
        assert engine.syncs == 1
        await store.stop()

    async def test_a_write_returns_after_its_sync_and_a_look_says_what_to_wait_for(self, open_rocks):
        engine = Slow(open_rocks(), holds=True)
        store = await started(engine)
        writing = asyncio.ensure_future(store.write(put, 1))
        await engine.syncing.wait()
        seen, commit = store.look(numbers)
        assert seen == [1]
        reading = asyncio.ensure_future(store.durable(commit))
        await asyncio.sleep(0)
        assert not writing.done()
        assert not reading.done()
        engine.let_go()
        await asyncio.gather(writing, reading)
        assert store.durable_to == 1
        await store.stop()

    async def test_watchers_hear_of_a_commit_after_it_is_on_disk(self, open_rocks):
        engine = Slow(open_rocks(), holds=True)
        store = await started(engine)

        def change(tx):
            put(tx, 1)
            tx.notify("topic")
            tx.tell("listeners", "what")

        told = []
        store.listen("listeners", told.append)
        async with store.watch("topic") as arrivals:
            writing = asyncio.ensure_future(store.write(change))
            await engine.syncing.wait()
            assert not arrivals.arrived.is_set()
            assert told == []
            engine.let_go()
            await writing
            assert told == ["what"]
            assert await arrivals.wait_next(until_ms=1 << 50)
            assert not await arrivals.wait_next(until_ms=0)
        await store.stop()

    async def test_a_commit_is_published_though_its_writer_was_cancelled(self, open_rocks):
        engine = Slow(open_rocks(), holds=True)
        store = await started(engine)
        heard = []
        store.on_commit.append(lambda tx: heard.extend(event.kind for event in tx.emitted))
        writing = asyncio.ensure_future(store.write(lambda tx: tx.emit("kind", {})))
        await engine.syncing.wait()
        writing.cancel()
        engine.let_go()
        await store.durable(store.applied)
        assert heard == ["kind"]
        await store.stop()

    async def test_watchers_of_any_engine_wake(self, store):
        async with store.watch("topic") as arrivals, store.watch("other") as others:
            await store.write(lambda tx: (put(tx, 1), tx.notify("topic")))
            assert await arrivals.wait_next(until_ms=1 << 50)
            assert not others.arrived.is_set()


class TestFailedSync:
    @pytest.fixture(params=["sync", "write"])
    async def failing(self, request, tmp_path, monkeypatch):
        monkeypatch.setattr(store_module, "RECOVERY_PAUSE_NS", 0)
        engine = {"sync": FailingSyncs, "write": FailingWrites}[request.param](tmp_path / "state")
        store = await started(engine)
        await store.write(lambda tx: [put(tx, number, "kept") for number in range(3)])
        yield store
        engine.fails = False
        await store.stop()

    @pytest.mark.parametrize("count", [5, 500])
    async def test_a_range_that_was_deleted_is_back(self, failing, count):
        await failing.write(lambda tx: [put(tx, number, "kept") for number in range(count)])
        failing.engine.fails = True
        with pytest.raises(ServiceUnavailable):
            await failing.write(lambda tx: (NOTES.delete_all(tx), put(tx, 2, "lost")))
        for fails in (True, False):
            failing.engine.fails = fails
            assert await failing.read(texts) == dict.fromkeys(range(count), "kept")
            assert await failing.read(texts, reverse=True) == dict.fromkeys(range(count), "kept")
            if fails:
                with pytest.raises(ServiceUnavailable):
                    await failing.write(put, 1)
            else:
                await failing.write(put, count, "kept")
        assert await failing.read(texts) == dict.fromkeys(range(count + 1), "kept")

    async def test_its_writers_are_refused_and_nothing_of_it_is_visible(self, failing):
        failing.engine.fails = True
        heard = []
        failing.on_commit.append(heard.append)

        def change(tx):
            put(tx, 1, "lost")
            put(tx, 9, "lost")
            NOTES.delete(tx, "a", 2)
            tx.emit("kind", {})

        def purge(tx):
            NOTES.delete_all(tx)

        outcomes = await asyncio.gather(failing.write(change), failing.write(purge), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ServiceUnavailable, ServiceUnavailable]
        assert await failing.read(texts) == {0: "kept", 1: "kept", 2: "kept"}
        assert await failing.read(lambda tx: NOTES.get(tx, "a", 9)) is None
        assert await failing.read(lambda tx: [note.number for note in NOTES.by_text.scan(tx, "kept")]) == [0, 1, 2]
        assert heard == []

    async def test_who_saw_what_was_taken_back_gets_no_answer(self, failing):
        failing.engine.fails = True
        writing = asyncio.ensure_future(failing.write(put, 9))
        await asyncio.sleep(0)
        seen, commit = failing.look(numbers)
        assert seen == [0, 1, 2, 9]
        with pytest.raises(ServiceUnavailable):
            await writing
        with pytest.raises(ServiceUnavailable):
            await failing.durable(commit)
        assert await failing.read(numbers) == [0, 1, 2]

    async def test_writes_go_on_when_it_can_recover(self, failing):
        failing.engine.fails = True
        for _ in range(2):
            with pytest.raises(ServiceUnavailable):
                await failing.write(lambda tx: (put(tx, 1, "lost"), put(tx, 9, "lost"), tx.next_sequence()))
        assert failing.has_failed
        failing.engine.fails = False
        first = await failing.write(take_number)
        assert not failing.has_failed
        await failing.write(put, 5, "new")
        expected = {0: "kept", 1: "", 2: "kept", 5: "new"}
        assert await failing.read(texts) == expected

        path = failing.engine.path
        await failing.stop()
        store = await started(RocksEngine(path))
        assert await store.read(texts) == expected
        assert await store.write(take_number) > first
        await store.stop()
        failing._thread = None

    async def test_a_recovery_is_not_tried_at_every_write(self, failing, monkeypatch):
        monkeypatch.setattr(store_module, "RECOVERY_PAUSE_NS", 1 << 60)
        failing.engine.fails = True
        with pytest.raises(ServiceUnavailable):
            await failing.write(put, 9)
        failing.engine.fails = False
        with pytest.raises(ServiceUnavailable):
            await failing.write(put, 9)
        assert await failing.read(numbers) == [0, 1, 2]


def texts(tx, **bounds) -> dict[int, str]:
    return {note.number: note.text for note in NOTES.scan(tx, "a", **bounds)}


async def write_ten(store: Store, first: int) -> None:
    for number in range(first, first + 10):
        await store.write(put, number)


class Wrapper:
    def __init__(self, engine) -> None:
        self.engine = engine

    def __getattr__(self, name):
        return getattr(self.engine, name)


class Conflicting(Wrapper):
    """Meets a concurrent change at the first `times` commits."""

    def __init__(self, engine, times: int) -> None:
        super().__init__(engine)
        self.times = times

    def apply(self, changes, ranges=()):
        self.times -= 1
        if self.times >= 0:
            raise Conflict
        self.engine.apply(changes, ranges)


class Slow(Wrapper):
    """Counts the syncs; where it `holds`, each waits to be let go."""

    def __init__(self, engine, holds: bool = False) -> None:
        import threading

        super().__init__(engine)
        self.syncs = 0
        self.syncing = asyncio.Event()
        self._go = threading.Semaphore(0 if holds else 1 << 30)

    def begin_sync(self):
        self.syncs += 1
        self.syncing.set()
        rest = self.engine.begin_sync()

        def sync() -> None:
            self._go.acquire()
            rest()

        return sync

    def let_go(self) -> None:
        self._go.release(1000)


class FailingSyncs(RocksEngine):
    """The disk fails while `fails`: no sync, no recovery."""

    fails = False

    def _sync_log(self) -> None:
        if self.fails:
            raise OSError(errno.EIO, "Input/output error")
        super()._sync_log()

    def recover(self) -> None:
        if self.fails:
            raise EngineFailed("Input/output error")
        super().recover()


class FailingWrites(RocksEngine):
    """The disk fails while `fails`: what was applied can't be written, and no recovery."""

    fails = False

    def _append(self, layer) -> None:
        if self.fails:
            raise EngineFailed("No space left on device")
        super()._append(layer)

    def recover(self) -> None:
        if self.fails:
            raise EngineFailed("No space left on device")
        super().recover()
