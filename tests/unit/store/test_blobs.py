import asyncio
import errno
import fcntl
import hashlib
import os
import zlib
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pileus.kernel.clock import Clock
from pileus.kernel.errors import ServiceUnavailable
from pileus.kernel.http import Body, FilePart
from pileus.kernel.ids import Ids
from pileus.store import blob_writer, blobs
from pileus.store.blobs import BLOBS, DOOMED, INLINE_MAX_BYTES, SMALL, Blob, Blobs, Slice
from pileus.store.buffers import LARGE_BYTES, LARGE_COUNT
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store

LARGE = INLINE_MAX_BYTES + 1


@pytest.fixture
async def store():
    made = Store(MemoryEngine(), Clock(frozen_at_ms=0), Ids(seed=1))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def made(store: Store, folder: Path) -> Blobs:
    return Blobs(folder, Ids(seed=2), store)


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


async def put(made: Blobs, data: bytes, **options) -> Blob:
    async with made.writer(**options) as writer:
        for at in range(0, len(data), 300_000):
            await writer.write(data[at : at + 300_000])
        blob = await writer.finish()
        await made.store.write(blobs.adopt, blob)
    while await made.sweep_once():
        pass
    return blob


async def read(made: Blobs, blob_id: str, *args: int) -> bytes:
    parts = await made.store.read(made.parts, blob_id, *args)
    return b"".join([chunk async for chunk in made.stream(parts)])


@pytest.mark.parametrize("size", [0, 1, INLINE_MAX_BYTES, LARGE, 1 << 20, 5_000_000])
async def test_what_was_written_is_read(made, folder, size):
    data = os.urandom(size)
    blob = await put(made, data)
    assert blob.size_bytes == size
    assert await read(made, blob.id) == data
    assert len(files(folder)) == (size > INLINE_MAX_BYTES)


@pytest.mark.parametrize("size", [LARGE, 4096 * 17, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 4096, 5_000_000])
async def test_what_is_written_past_the_page_cache_is_read(made, size):
    made.is_durable = True
    data = os.urandom(size)
    blob = await put(made, data, digests=["md5"])
    assert blob.digests["md5"] == hashlib.md5(data).digest()
    assert await read(made, blob.id) == data


async def test_a_file_system_without_direct_io_will_do(made, monkeypatch):
    def write(file, data):
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real_write(file, data)

    real_write = os.write
    monkeypatch.setattr(os, "write", write)
    made.is_durable = True
    data = os.urandom(3_000_000)
    blob = await put(made, data)
    assert await read(made, blob.id) == data


@pytest.mark.parametrize("size", [0, 5, INLINE_MAX_BYTES, LARGE, LARGE_BYTES, 3_000_000])
async def test_a_body_is_taken_to_its_end(made, size):
    data = os.urandom(size)
    async with made.writer(digests=["md5", "sha256"]) as writer:
        body = Body(data)
        while await writer.fill(body):
            pass
        blob = await writer.finish()
        await made.store.write(blobs.adopt, blob)
    assert blob.digests == {"md5": hashlib.md5(data).digest(), "sha256": hashlib.sha256(data).digest()}
    assert (blob.data is not None) == (size <= INLINE_MAX_BYTES)
    assert await read(made, blob.id) == data


async def test_many_bodies_at_once_share_the_large_buffers_and_none_waits(made):
    data = os.urandom(200_000)
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(made.writer(digests=["md5"])) for _ in range(LARGE_COUNT + 6)]
        for writer in writers:
            await writer.write(data[:100_000])
        assert made.buffers.large_in_use == LARGE_COUNT
        for writer in writers:
            await writer.write(data[100_000:])
            assert (await writer.finish()).digests["md5"] == hashlib.md5(data).digest()
    assert made.buffers.large_in_use == 0


@pytest.mark.parametrize("size", [3, 3_000_000])
async def test_digests_are_of_the_whole_body(made, size):
    data = os.urandom(size)
    blob = await put(made, data, digests=["md5", "sha1", "sha256", "crc32"])
    assert blob.digests == {
        "md5": hashlib.md5(data).digest(),
        "sha1": hashlib.sha1(data).digest(),
        "sha256": hashlib.sha256(data).digest(),
        "crc32": zlib.crc32(data).to_bytes(4),
    }


@pytest.mark.parametrize(("name", "check"), [("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")])
async def test_amazons_checksums_have_their_check_values(made, name, check):
    """The value of "123456789": RFC 3720 for CRC32C, the NVMe base specification's CRC64."""
    pytest.importorskip("awscrt")
    blob = await put(made, b"123456789", digests=[name])
    assert blob.digests[name].hex() == check


@pytest.mark.parametrize("size", [5000, 200_000])
async def test_a_range_is_a_part_of_the_file_or_of_the_bytes(made, size):
    data = os.urandom(size)
    blob = await put(made, data)
    (part,) = await made.store.read(made.parts, blob.id, 100, 50)
    assert isinstance(part, FilePart) == (size > INLINE_MAX_BYTES)
    assert await read(made, blob.id, 100, 50) == data[100:150]
    assert await read(made, blob.id, size - 10) == data[-10:]
    assert await read(made, blob.id, size) == b""


async def test_a_composed_blob_reads_as_its_slices_without_copying(made, folder, store):
    one, two, small = os.urandom(LARGE), os.urandom(LARGE + 5), b"small"
    ids = [(await put(made, data)).id for data in (one, two, small)]
    before = files(folder)
    slices = [Slice(ids[0]), Slice(ids[1], 10, 1000), Slice(ids[2], 1)]
    size = await store.write(blobs.compose, "c" * 32, slices)
    whole = one + two[10:1010] + b"mall"
    assert size == len(whole)
    assert await read(made, "c" * 32) == whole
    assert await read(made, "c" * 32, LARGE - 3, 7) == whole[LARGE - 3 : LARGE + 4]
    assert files(folder) == before

    size = await store.write(blobs.compose, "d" * 32, [Slice("c" * 32, LARGE - 3, 7), Slice("c" * 32, size - 2)])
    assert await read(made, "d" * 32) == whole[LARGE - 3 : LARGE + 4] + b"ll"

    for blob_id in (*ids, "c" * 32):
        await store.write(blobs.drop_reference, blob_id)
    while await made.sweep_once():
        pass
    assert await read(made, "d" * 32) == whole[LARGE - 3 : LARGE + 4] + b"ll"
    await store.write(blobs.drop_reference, "d" * 32)
    while await made.sweep_once():
        pass
    assert files(folder) == set()
    assert store.look(lambda tx: [*BLOBS.scan(tx), *DOOMED.scan(tx)])[0] == []


async def test_a_file_goes_with_its_last_reference(made, folder, store):
    blob = await put(made, bytes(LARGE))
    assert await store.write(blobs.share, blob.id) == blob.id
    await store.write(blobs.drop_reference, blob.id)
    assert not await made.sweep_once()
    assert await read(made, blob.id) == bytes(LARGE)
    await store.write(blobs.drop_reference, blob.id)
    assert files(folder)  # only after the commit
    assert await made.sweep_once()
    assert files(folder) == set()
    assert store.look(lambda tx: list(DOOMED.scan(tx)))[0] == []


async def put_small(store, data: bytes) -> str:
    return await store.write(blobs.adopt, Blob("", len(data), {}, data))


def small_rows(store) -> list[bytes]:
    return sorted(store.look(lambda tx: [row.data for row in SMALL.scan(tx)])[0])


async def test_a_small_blob_is_read_whole_and_in_part_and_goes_when_it_is_dropped(made, store):
    blob_id = await put_small(store, b"0123456789")
    assert await read(made, blob_id) == b"0123456789"
    assert await read(made, blob_id, 3, 4) == b"3456"
    assert await read(made, blob_id, 10) == b""
    await store.write(blobs.drop_reference, blob_id)
    assert small_rows(store) == []


async def test_who_shares_a_small_blob_has_a_copy_that_outlives_it(made, store):
    blob_id = await put_small(store, b"small")
    copy_id = await store.write(blobs.share, blob_id)
    assert copy_id != blob_id
    await store.write(blobs.drop_reference, blob_id)
    assert await read(made, copy_id) == b"small"
    await store.write(blobs.drop_reference, copy_id)
    assert small_rows(store) == []


async def test_what_is_composed_of_small_blobs_has_copies_of_the_slices(made, store):
    ids = [await put_small(store, data) for data in (b"abcdef", b"ghij")]
    large = await put(made, bytes(LARGE))
    slices = [Slice(ids[0], 1, 3), Slice(large.id, 0, 2), Slice(ids[1])]
    assert await store.write(blobs.compose, "c" * 32, slices) == 9
    assert small_rows(store) == [b"abcdef", b"bcd", b"ghij", b"ghij"]
    await store.write(blobs.compose, "d" * 32, [Slice("c" * 32, 1, 5)])
    for blob_id in (*ids, large.id, "c" * 32):
        await store.write(blobs.drop_reference, blob_id)
    assert await read(made, "d" * 32) == b"cd\0\0g"
    await store.write(blobs.drop_reference, "d" * 32)
    assert small_rows(store) == []
    assert store.look(lambda tx: list(BLOBS.scan(tx)))[0] == []


async def test_a_file_stays_while_a_part_of_it_is_held(made, folder, store):
    data = os.urandom(LARGE)
    blob = await put(made, data)
    parts = await store.read(made.parts, blob.id)
    await store.write(blobs.drop_reference, blob.id)
    assert not await made.sweep_once()
    assert Path(parts[0].path).read_bytes() == data
    del parts
    assert await made.sweep_once()
    assert files(folder) == set()


async def test_a_transition_that_fails_leaves_no_file(made, folder, store):
    def fail(tx, blob):
        blobs.adopt(tx, blob)
        raise LookupError

    with pytest.raises(LookupError):
        async with made.writer() as writer:
            await writer.write(bytes(LARGE))
            await store.write(fail, await writer.finish())
    assert files(folder) == set()


async def test_a_body_that_is_cut_short_leaves_no_file(made, folder):
    with pytest.raises(ConnectionError):
        async with made.writer() as writer:
            await writer.write(bytes(3_000_000))
            raise ConnectionError
    assert files(folder) == set()


async def test_a_cancelled_upload_leaves_no_file(made, folder):
    started = asyncio.Event()

    async def upload() -> None:
        async with made.writer() as writer:
            await writer.write(bytes(3_000_000))
            started.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(upload())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(folder) == set()


async def test_a_full_disk_is_unavailable_and_leaves_no_file(made, folder, monkeypatch):
    def full(file, batch):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blob_writer, "_write_all", full)
    with pytest.raises(ServiceUnavailable):
        async with made.writer() as writer:
            await writer.write(bytes(LARGE))
            await writer.finish()
    assert files(folder) == set()


async def test_a_start_removes_what_a_crash_left_and_keeps_what_is_referred_to(made, folder, store):
    kept = await put(made, bytes(LARGE))
    doomed = await put(made, bytes(LARGE))
    crashed = made.writer()
    await crashed.write(bytes(LARGE))
    lost = await crashed.finish()
    await store.write(blobs.drop_reference, doomed.id)
    marker = Path(made.marker_of(kept.id))
    marker.touch()  # a crash came between the adoption and the removal of its marker
    assert len(files(folder)) == 5

    again = Blobs(folder, Ids(seed=3), store)
    uploading = again.writer()
    await uploading.write(bytes(LARGE))
    new = await uploading.finish()
    await again._finish_last_run()
    while await again.sweep_once():
        pass
    assert files(folder) == {f"{kept.id[:2]}/{kept.id}", f"{new.id[:2]}/{new.id}", f"new/{new.id}"}
    assert await read(again, kept.id) == bytes(LARGE)
    assert lost.id not in {kept.id, new.id}


async def test_the_sweep_follows_the_commits(made, folder, store):
    sweep = asyncio.ensure_future(made.sweep())
    blob = await put(made, bytes(LARGE))
    await store.write(blobs.drop_reference, blob.id)
    async with asyncio.timeout(30):
        while files(folder):
            await asyncio.sleep(0)
    sweep.cancel()
