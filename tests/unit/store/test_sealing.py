"""Bodies that lie encrypted: any stretch of them can be read, and nothing that was changed."""

import hashlib
from pathlib import Path

import pytest

from pileus.kernel.clock import Clock
from pileus.kernel.http import Body
from pileus.kernel.ids import Ids
from pileus.store import sealing
from pileus.store.blobs import Blob, Blobs, Slice, adopt, compose
from pileus.store.memory import MemoryEngine
from pileus.store.sealing import SEGMENT_BYTES, Broken, SealingWriter, seal, sealed_bytes, sealed_parts, unsealed
from pileus.store.store import Store

KEY, SALT = b"k" * 32, b"s" * 32
BUFFER = 16 * SEGMENT_BYTES


@pytest.fixture
async def store():
    made = Store(MemoryEngine(), Clock(frozen_at_ms=0), Ids(seed=1))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def blobs(store: Store, tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs", Ids(seed=2), store)


def body_of(size: int) -> bytes:
    return Ids(seed=size).bytes(size)


async def written(blobs: Blobs, body: bytes, key: bytes = KEY, salt: bytes = SALT) -> str:
    async with blobs.writer() as inner:
        writer = SealingWriter(inner, blobs, key, salt, ["md5"])
        source = Body(body)
        while await writer.fill(source):
            pass
        blob = await writer.finish()
        assert writer.size_bytes == len(body)
        assert blob.digests["md5"] == hashlib.md5(body).digest()
        return await blobs.store.write(adopt, blob)


async def read(blobs: Blobs, blob_id: str, sizes: list[int], offset: int, length: int, key: bytes = KEY) -> bytes:
    sealed, _ = blobs.store.look(lambda tx: sealed_parts(tx, blobs, blob_id, sizes, offset, length))
    return b"".join([piece async for piece in unsealed(blobs, sealed, key)])


@pytest.mark.parametrize(
    "size", [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, BUFFER - 1, BUFFER, BUFFER + 1, 2 * BUFFER]
)
async def test_what_was_sealed_opens(blobs, size):
    body = body_of(size)
    blob_id = await written(blobs, body)
    assert await read(blobs, blob_id, [size], 0, size) == body


async def test_a_body_at_once_is_sealed_as_a_streaming_one_is(blobs):
    body = body_of(3 * SEGMENT_BYTES)
    sealed = seal(KEY, SALT, body)
    assert len(sealed) == sealed_bytes(len(body))
    blob_id = await written(blobs, body)
    parts, _ = blobs.store.look(blobs.parts, blob_id)
    assert b"".join([piece async for piece in blobs.stream(parts)]) == sealed


async def test_chunks_of_any_size_make_the_same(blobs):
    body = body_of(2 * BUFFER + 5)
    async with blobs.writer() as inner:
        writer = SealingWriter(inner, blobs, KEY, SALT, [])
        for at in range(0, len(body), 700_001):
            await writer.write(body[at : at + 700_001])
        blob_id = await blobs.store.write(adopt, await writer.finish())
    assert await read(blobs, blob_id, [len(body)], 0, len(body)) == body


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, 1),
        (SEGMENT_BYTES - 1, 2),
        (SEGMENT_BYTES, SEGMENT_BYTES),
        (5 * SEGMENT_BYTES + 7, 17 * SEGMENT_BYTES),
        (BUFFER + 99, 1),
        (BUFFER + 98, 2),
    ],
)
async def test_any_stretch_is_read(blobs, offset, length):
    body = body_of(BUFFER + 100)
    blob_id = await written(blobs, body)
    assert await read(blobs, blob_id, [len(body)], offset, length) == body[offset : offset + length]


async def test_a_stretch_touches_only_its_segments(blobs):
    size = 10 * SEGMENT_BYTES
    blob_id = await written(blobs, body_of(size))
    at = 4 * SEGMENT_BYTES
    sealed, _ = blobs.store.look(lambda tx: sealed_parts(tx, blobs, blob_id, [size], at + 3, 5))
    assert [part.length for part in sealed.parts] == [SEGMENT_BYTES + 16]


async def test_composed_blobs_are_read_across_their_parts(blobs):
    bodies = [body_of(size) for size in (SEGMENT_BYTES + 1, 0, 7, BUFFER + 3)]
    ids = [await written(blobs, body, salt=bytes([at]) * 32) for at, body in enumerate(bodies)]
    await blobs.store.write(compose, "c" * 32, [Slice(blob_id) for blob_id in ids])
    whole, sizes = b"".join(bodies), [len(body) for body in bodies]
    for offset, length in [(0, len(whole)), (SEGMENT_BYTES, 3), (SEGMENT_BYTES + 1, 8), (len(whole) - 1, 1)]:
        assert await read(blobs, "c" * 32, sizes, offset, length) == whole[offset : offset + length]


async def keep(blobs: Blobs, data: bytes) -> str:
    return await blobs.store.write(adopt, Blob("", len(data), {}, data))


@pytest.mark.parametrize("at", [0, 31, 32, 40, 32 + SEGMENT_BYTES, -1])
async def test_a_changed_byte_is_found(blobs, at):
    data = bytearray(seal(KEY, SALT, body_of(SEGMENT_BYTES + 9)))
    data[at] ^= 1
    blob_id = await keep(blobs, bytes(data))
    with pytest.raises(Broken):
        await read(blobs, blob_id, [SEGMENT_BYTES + 9], 0, SEGMENT_BYTES + 9)


async def test_segments_in_another_order_or_cut_are_found(blobs):
    body, each = body_of(3 * SEGMENT_BYTES), SEGMENT_BYTES + 16
    data = seal(KEY, SALT, body)
    salt, segments = data[:32], [data[32 + at * each : 32 + (at + 1) * each] for at in range(3)]
    swapped = await keep(blobs, salt + segments[1] + segments[0] + segments[2])
    with pytest.raises(Broken):
        await read(blobs, swapped, [len(body)], 0, 1)
    cut = await keep(blobs, salt + segments[0] + segments[1])
    with pytest.raises(Broken):
        await read(blobs, cut, [2 * SEGMENT_BYTES], 0, 2 * SEGMENT_BYTES)


async def test_another_key_opens_nothing(blobs):
    blob_id = await written(blobs, b"secret")
    with pytest.raises(Broken):
        await read(blobs, blob_id, [6], 0, 6, key=b"K" * 32)


async def test_nothing_of_the_body_is_in_the_file(blobs, tmp_path):
    body = b"a telling sentence. " * 10_000
    await written(blobs, body)
    (file,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.parent.name != "new"]
    assert b"telling" not in file.read_bytes()
    assert KEY not in file.read_bytes()


def test_two_salts_make_two_ciphers():
    assert seal(KEY, b"1" * 32, b"x")[32:] != seal(KEY, b"2" * 32, b"x")[32:]


def test_a_segment_is_never_sealed_twice_under_one_nonce():
    nonces = {sealing._nonce(number, is_last=last) for number in range(1000) for last in (False, True)}
    assert len(nonces) == 2000
    assert {len(nonce) for nonce in nonces} == {12}
