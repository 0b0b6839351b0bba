"""What the embedded engine keeps: over kill -9, loss of power, damage, a full disk."""

import asyncio
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pileus.kernel.clock import Clock
from pileus.kernel.errors import ServiceUnavailable
from pileus.kernel.ids import Ids
from pileus.store import store as store_module
from pileus.store.blobs import BLOBS, Blobs
from pileus.store.engine import DataDirRefused
from pileus.store.rocks import RocksEngine
from pileus.store.store import Store

KILLS = int(os.environ.get("PILEUS_CONTRACT_KILLS", "12"))

WRITES_UNTIL_KILLED = """
import asyncio, os, sys
from pathlib import Path
from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.store import blobs, wal
from pileus.store.rocks import RocksEngine
from pileus.store.store import Store

def commit(tx, blob=None):
    number = int(tx.get(b"head") or 0) + 1
    for part in (b"a", b"b", b"c"):
        tx.put(b"row/%012d/" % number + part, b"%d" % number * 50)
    tx.put(b"head", b"%d" % number)
    if number % 7 == 0:
        tx.delete_range(b"scratch/", b"scratch0")
    tx.put(b"scratch/%d" % number, b"")
    if blob is not None:
        blobs.adopt(tx, blob)
    return number

wal.SEGMENT_BYTES, wal.STRIDE_BYTES = 20_000, 8_000

async def main(folder):
    store = Store(RocksEngine(folder / "state"), Clock(), Ids())
    await store.start()
    files = blobs.Blobs(folder / "blobs", Ids(), store)
    await files._finish_last_run()

    async def small():
        while True:
            os.write(1, b"%d\\n" % await store.write(commit))

    async def large():
        while True:
            async with files.writer() as writer:
                await writer.write(bytes(200_000))
                number = await store.write(commit, await writer.finish())
                os.write(1, b"%d %s\\n" % (number, writer._id.encode()))
            await files.sweep_once()

    await asyncio.gather(small(), small(), small(), large())

asyncio.run(main(Path(sys.argv[1])))
"""


def test_kill_9_at_any_moment_loses_nothing_acknowledged(tmp_path):
    script = tmp_path / "write.py"
    script.write_text(WRITES_UNTIL_KILLED)
    moments = random.Random(2)
    acknowledged: set[int] = set()
    uploaded: set[str] = set()
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, script, tmp_path],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        # Reading as many lines as chance says kills at a moment of no commit's choosing: the child is further by then.
        output = b"".join(child.stdout.readline() for _ in range(moments.randrange(1, 400)))
        child.kill()
        output += child.stdout.read()
        child.stdout.close()
        child.wait()
        for line in output.split(b"\n")[:-1]:
            number, *blob_id = line.split()
            acknowledged.add(int(number))
            uploaded.update(one.decode() for one in blob_id)
        check_after_kill(tmp_path, acknowledged, uploaded)
    assert len(acknowledged) > 10 * KILLS
    assert uploaded


def check_after_kill(folder: Path, acknowledged: set[int], uploaded: set[str]) -> None:
    engine = RocksEngine(folder / "state")
    check_rows(engine, max(acknowledged))
    store = Store(engine, Clock(), Ids())
    stored, _ = store.look(lambda tx: {blob.id: blob.size_bytes for blob in BLOBS.scan(tx)})
    assert uploaded <= stored.keys()
    files = {file.name: file.stat().st_size for file in (folder / "blobs").glob("??/*")}
    for blob_id, size in stored.items():
        assert files[blob_id] == size
    engine.close()


def check_rows(engine: RocksEngine, at_least: int) -> int:
    """Exactly the commits 1 to head are there, each whole; return head."""
    head = int(engine.get(b"head") or 0)
    assert head >= at_least
    found = [key for key, _ in engine.scan(b"row/", b"row0")]
    assert found == [b"row/%012d/" % number + part for number in range(1, head + 1) for part in (b"a", b"b", b"c")]
    scratch = {int(key[8:]) for key, _ in engine.scan(b"scratch/", b"scratch0")}
    assert scratch == set(range(max(1, head - head % 7), head + 1))
    return head


def commit(engine: RocksEngine, number: int) -> None:
    rows: dict[bytes, bytes | None] = {b"row/%012d/" % number + part: b"%d" % number for part in (b"a", b"b", b"c")}
    ranges = [(b"scratch/", b"scratch0")] if number % 7 == 0 else []
    engine.apply(rows | {b"head": b"%d" % number, b"scratch/%d" % number: b""}, ranges)
    engine.begin_sync()()


class TestLossOfPower:
    """The log as a loss of power may leave it: all that was synced, and of the rest whatever the disk had got to."""

    COMMITS = 8

    @pytest.fixture(scope="class")
    def written(self, tmp_path_factory) -> tuple[Path, str, list[int]]:
        folder = tmp_path_factory.mktemp("power")
        engine = RocksEngine(folder / "state")
        sizes = []
        for number in range(1, self.COMMITS + 1):
            commit(engine, number)
            (log,) = (folder / "state" / "wal").iterdir()
            sizes.append(engine._log._end)
        shutil.copytree(folder / "state", folder / "image")
        engine.close()
        return folder / "image", log.name, sizes

    @pytest.fixture
    def open_with_log(self, written) -> Iterator[Callable[..., RocksEngine]]:
        image, name, _ = written
        opened = []
        # In memory where there is such a place: hundreds of openings, and nothing here depends on the disk.
        memory = Path("/dev/shm")
        folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))

        def open_it(log: bytes, **options) -> RocksEngine:
            for engine in opened:
                engine.close()
            shutil.rmtree(folder / "state", ignore_errors=True)
            shutil.copytree(image, folder / "state")
            (folder / "state" / "wal" / name).write_bytes(log)
            opened.append(RocksEngine(folder / "state", **options))
            return opened[-1]

        yield open_it
        opened[-1].close()
        shutil.rmtree(folder)

    @pytest.mark.parametrize("tail", [b"", bytes(5000)], ids=["cut", "zeros"])
    def test_a_log_cut_at_any_byte_holds_every_commit_before_it_whole(self, written, open_with_log, tail):
        image, name, sizes = written
        log = (image / "wal" / name).read_bytes()[: sizes[-1]]
        every_byte_of_one = range(sizes[5], sizes[6], 7 if tail else 1)
        some_of_the_rest = range(sizes[6], len(log) + 1, 13)
        for cut in (*every_byte_of_one, *some_of_the_rest, len(log)):
            left = log[:cut] + tail
            whole = sum(left[:size] == log[:size] for size in sizes)
            engine = open_with_log(left)
            assert check_rows(engine, whole) == whole, cut
            if cut % 8 == 0:
                commit(engine, whole + 1)
                engine.close()
                again = RocksEngine(engine.path)
                assert check_rows(again, whole + 1) == whole + 1
                again.close()

    def test_damage_before_the_end_is_refused_and_says_so(self, written, open_with_log):
        image, name, sizes = written
        log = bytearray((image / "wal" / name).read_bytes())
        for at in range(sizes[2], sizes[3], 11):
            damaged = bytes(log[:at]) + bytes([log[at] ^ 0x10]) + bytes(log[at + 1 :])
            with pytest.raises(DataDirRefused, match=r"is damaged: record 4 can't be read, .* PILEUS_LOSS_ACCEPTED=1"):
                open_with_log(damaged)
            assert check_rows(open_with_log(damaged, accept_loss=True), 3) == 3

    def test_nothing_is_left_of_the_log(self, open_with_log):
        assert check_rows(open_with_log(b""), 0) == 0


KEPT_BY_ROCKSDB = """
import os, sys
from rocksdict import Options, Rdict, WriteBatch, WriteOptions
db = Rdict(sys.argv[1], Options(raw_mode=True))
synced = WriteOptions()
synced.sync = True
for number in range(500):
    batch = WriteBatch(raw_mode=True)
    batch.put(b"row/%03d" % number, b"%d" % number * 100)
    batch.put(b"head", b"%d" % number)
    db.write(batch, synced)
os._exit(9)  # nothing is flushed: the rows are in RocksDB's log alone
"""


class TestDirectoryOfAnOlderVersion:
    """Before it had a log of its own, Pileus left RocksDB's log behind when it was killed."""

    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        killed = subprocess.run([sys.executable, "-c", KEPT_BY_ROCKSDB, tmp_path / "state"])
        assert killed.returncode == 9
        return tmp_path / "state"

    def test_its_commits_are_kept_and_new_ones_follow(self, folder):
        for head in (b"499", b"new"):
            engine = RocksEngine(folder)
            assert engine.get(b"head") == head
            rows = dict(engine.scan(b"row/", b"row0"))
            assert rows == {b"row/%03d" % number: b"%d" % number * 100 for number in range(500)}
            engine.apply({b"head": b"new"})
            engine.begin_sync()()
            engine.close()

    def test_damage_in_its_log_is_refused(self, folder):
        [log] = [file for file in folder.glob("*.log") if file.stat().st_size]
        damaged = bytearray(log.read_bytes())
        damaged[len(damaged) // 2] ^= 0xFF
        log.write_bytes(damaged)
        with pytest.raises(DataDirRefused, match=r"is damaged: .* PILEUS_LOSS_ACCEPTED=1"):
            RocksEngine(folder)
        engine = RocksEngine(folder, accept_loss=True)
        head = int(engine.get(b"head"))
        assert 0 < head < 499
        assert len(list(engine.scan(b"row/", b"row0"))) == head + 1
        engine.close()


class TestFullDisk:
    """Writes are refused while there is no room, reads go on, and writes go on when there is some, without a restart."""

    @pytest.fixture(autouse=True)
    def _no_pause(self, monkeypatch):
        monkeypatch.setattr(store_module, "RECOVERY_PAUSE_NS", 0)

    async def test_a_full_file_system(self, tmp_path):
        disk = tmp_path / "disk"
        disk.mkdir()
        mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], capture_output=True)
        if mounting.returncode:
            pytest.skip("mounting a small file system needs root")
        try:
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(40 << 20))
            await fill_and_go_on(disk / "data", free=ballast.unlink)
        finally:
            subprocess.run(["umount", "-l", disk], check=True)

    async def test_files_that_may_not_grow(self, tmp_path):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)

        def lift() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, before[1]))
        try:
            await fill_and_go_on(tmp_path / "data", free=lift)
        finally:
            lift()


async def fill_and_go_on(folder: Path, free: Callable[[], None]) -> None:
    store = Store(RocksEngine(folder / "state"), Clock(), Ids())
    await store.start()
    blobs = Blobs(folder / "blobs", Ids(), store)
    kept: dict[bytes, bytes] = {}

    async def put(number: int) -> None:
        key, value = b"row/%06d" % number, os.urandom(20_000)
        await store.write(lambda tx: (tx.put(key, value), tx.put(b"twin/" + key, value)))
        kept[key] = value

    def stored(tx) -> dict[bytes, bytes]:
        rows = dict(tx.scan(b"row/", b"row0"))
        assert rows == {key[5:]: value for key, value in tx.scan(b"twin/", b"twin0")}
        return rows

    number = 0
    with pytest.raises(ServiceUnavailable):
        while True:
            results = await asyncio.gather(*[put(number + more) for more in range(4)], return_exceptions=True)
            number += 4
            for result in results:
                if result is not None:
                    raise result
    assert number < 2000
    for _ in range(3):
        assert (await store.read(stored)).keys() >= kept.keys()
        with pytest.raises(ServiceUnavailable):
            await put(999_998)
    with pytest.raises(ServiceUnavailable):
        async with blobs.writer() as writer:
            for _ in range(40):
                await writer.write(bytes(1 << 20))
            await writer.finish()
    assert not list(folder.glob("blobs/*/*"))

    free()
    for more in range(5):
        await put(1_000_000 + more)
    seen = await store.read(stored)
    assert seen == kept
    await store.stop()

    again = Store(RocksEngine(folder / "state"), Clock(), Ids())
    await again.start()
    assert await again.read(stored) == kept
    await again.stop()
