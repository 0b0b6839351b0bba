"""Sealed blobs: bodies that lie encrypted, under a key that is nowhere here (S3's SSE-C).

A sealed blob is a random salt, then segments of 64 KiB of the body, each encrypted with AES-256-GCM and followed by its
tag. The cipher's key is derived from the customer's and the salt (HKDF-SHA256), so that no two blobs share one and a
segment's nonce can be its number. The nonce also says whether it is the last: what was cut, reordered or exchanged does
not open. Any stretch can be read by opening the segments that it touches, and nothing leaves that did not authenticate.
Why so and not otherwise: docs/decisions/0010-sealed-bodies.md.

An empty body is one empty segment. Sizes follow from each other, so nobody has to store where a segment lies. Sealed
blobs may be composed, each whole: reading such a one takes the sizes of the bodies that it was made of.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pileus.kernel.http import Body
from pileus.store.blob_writer import Blob, BlobWriter
from pileus.store.blobs import Blobs, Part
from pileus.store.digests import new_digest
from pileus.store.transaction import Transaction

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
SALT_BYTES = 32
SEGMENT_BYTES = 64 * 1024
TAG_BYTES = 16
_SEALED_SEGMENT_BYTES = SEGMENT_BYTES + TAG_BYTES
_AT_ONCE = 16
"""Segments handed to a thread together: a mebibyte, as elsewhere."""

_PURPOSE = b"pileus sealed blob 1"


def sealed_bytes(size_bytes: int) -> int:
    """How many bytes a body of this size takes."""
    return SALT_BYTES + size_bytes + _count(size_bytes) * TAG_BYTES


def _count(size_bytes: int) -> int:
    return max(1, -(-size_bytes // SEGMENT_BYTES))


def _cipher(key: bytes, salt: bytes) -> "AESGCM":
    # Imported when somebody brings a key: most clouds never see one.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    assert len(key) == KEY_BYTES
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, _PURPOSE).derive(key))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes([is_last])


# Writing


def seal(key: bytes, salt: bytes, data: bytes) -> bytes:
    """A body that is there as a whole."""
    sealed = _seal(_cipher(key, salt), memoryview(data), 0, is_end=True)
    return salt + sealed


def _seal(cipher: "AESGCM", data: memoryview, first: int, *, is_end: bool) -> bytes:
    """The segments from number `first` on. `is_end`: with these the body ends."""
    count = _count(len(data))
    return b"".join(
        cipher.encrypt(
            _nonce(first + at, is_last=is_end and at == count - 1),
            data[at * SEGMENT_BYTES : (at + 1) * SEGMENT_BYTES],
            None,
        )
        for at in range(count)
    )


class SealingWriter:
    """Takes a body as a BlobWriter does, and gives it sealed to one. Holds two buffers of a mebibyte.

    The digests and `size_bytes` are the body's, `finish` gives the sealed blob with the body's digests.
    """

    def __init__(self, writer: BlobWriter, blobs: Blobs, key: bytes, salt: bytes, digests: Iterable[str]) -> None:
        self.size_bytes = 0
        self._writer, self._blobs = writer, blobs
        self._cipher, self._salt = _cipher(key, salt), salt
        self._digests = {name: new_digest(name) for name in digests}
        self._buffer = bytearray(_AT_ONCE * SEGMENT_BYTES)
        self._filled = 0
        # A full buffer waits until a byte follows it: the last segment is sealed as such.
        self._waiting: bytearray | None = None
        self._spare: bytearray | None = None
        self._sealed_segments = 0

    async def fill(self, body: Body) -> int:
        """Take what comes next of a body; return how many bytes, 0 at its end. Raises as BlobWriter.fill does."""
        count = await body.readinto(self._room())
        await self._took(count)
        return count

    async def write(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        while left:
            room = self._room()
            count = min(len(room), len(left))
            room[:count] = left[:count]
            left = left[count:]
            await self._took(count)

    async def finish(self) -> Blob:
        last = self._buffer if self._waiting is None else self._waiting
        size = self._filled if self._waiting is None else len(last)
        await self._give(memoryview(last)[:size], is_end=True)
        blob = await self._writer.finish()
        assert blob.size_bytes == sealed_bytes(self.size_bytes)
        digests = {name: digest.digest() for name, digest in self._digests.items()}
        return msgspec.structs.replace(blob, digests=digests)

    def _room(self) -> memoryview:
        """Where the next bytes go; never empty."""
        if self._filled == len(self._buffer):
            self._waiting, self._filled = self._buffer, 0
            self._buffer, self._spare = self._spare or bytearray(len(self._buffer)), None
        return memoryview(self._buffer)[self._filled :]

    async def _took(self, count: int) -> None:
        self._filled += count
        self.size_bytes += count
        if count and self._waiting is not None:
            full, self._waiting = self._waiting, None
            await self._give(memoryview(full), is_end=False)
            self._spare = full

    async def _give(self, data: memoryview, *, is_end: bool) -> None:
        work = asyncio.get_running_loop().run_in_executor(self._blobs.threads, self._work, data, is_end)
        await self._writer.write(await work)

    def _work(self, data: memoryview, is_end: bool) -> bytes:
        """In a thread."""
        for digest in self._digests.values():
            digest.update(data)
        first = self._sealed_segments
        sealed = _seal(self._cipher, data, first, is_end=is_end)
        self._sealed_segments += _count(len(data))
        return sealed if first else self._salt + sealed


# Reading


class _Stretch(NamedTuple):
    """Of one sealed body: its segments from `first` to before `end`, and what is wanted of them."""

    size_bytes: int
    first: int
    end: int
    skip: int
    take: int


class Sealed(NamedTuple):
    """What it takes to read a stretch of a sealed blob; holds its files as the parts of others do."""

    salt: list[Part]
    parts: list[Part]
    stretches: list[_Stretch]


def sealed_parts(tx: Transaction, blobs: Blobs, blob_id: str, sizes: Sequence[int], offset: int, length: int) -> Sealed:
    """`length` bytes of the body from `offset` on. `sizes` are those of the bodies that the blob is composed of."""
    stretches: list[_Stretch] = []
    at = sealed_at = begin = end = salt_at = 0
    for size in sizes:
        low, high = max(offset, at), min(offset + length, at + size)
        if low < high:
            first, past = (low - at) // SEGMENT_BYTES, -(-(high - at) // SEGMENT_BYTES)
            if not stretches:
                salt_at, begin = sealed_at, sealed_at + SALT_BYTES + first * _SEALED_SEGMENT_BYTES
            skip = low - at - first * SEGMENT_BYTES
            stretches.append(_Stretch(size, first, past, skip, high - low))
            end = min(sealed_at + SALT_BYTES + past * _SEALED_SEGMENT_BYTES, sealed_at + sealed_bytes(size))
        elif stretches and low < offset + length:
            end = sealed_at + sealed_bytes(size)  # an empty one in between is gone over
            stretches.append(_Stretch(size, 0, 1, 0, 0))
        at += size
        sealed_at += sealed_bytes(size)
    if not stretches:
        return Sealed([], [], [])
    return Sealed(
        blobs.parts(tx, blob_id, salt_at, SALT_BYTES), blobs.parts(tx, blob_id, begin, end - begin), stretches
    )


class Broken(Exception):
    """The bytes on disk are not those that were sealed: never a caller's mistake, for keys are checked before."""


async def unsealed(blobs: Blobs, sealed: Sealed, key: bytes) -> AsyncIterator[bytes]:
    """The bytes asked for, a mebibyte at most at once. Raises Broken before it gives a byte that isn't the body's."""
    salt = b"".join([piece async for piece in blobs.stream(sealed.salt)])
    async with aclosing(blobs.stream(sealed.parts)) as stream:
        source = _Source(stream)
        for number, stretch in enumerate(sealed.stretches):
            async for data in _opened(blobs, source, key, salt if number == 0 else None, stretch):
                yield data


async def _opened(
    blobs: Blobs, source: "_Source", key: bytes, salt: bytes | None, stretch: _Stretch
) -> AsyncIterator[bytes]:
    cipher = _cipher(key, salt if salt is not None else await source.take(SALT_BYTES))
    count, skip, left = _count(stretch.size_bytes), stretch.skip, stretch.take
    for first in range(stretch.first, stretch.end, _AT_ONCE):
        end = min(first + _AT_ONCE, stretch.end)
        size = min(end * SEGMENT_BYTES, stretch.size_bytes) - first * SEGMENT_BYTES
        data = await source.take(size + (end - first) * TAG_BYTES)
        if len(data) > _SEALED_SEGMENT_BYTES:
            work = asyncio.get_running_loop().run_in_executor(blobs.threads, _open, cipher, data, first, count)
            opened = await work
        else:
            opened = _open(cipher, data, first, count)
        wanted = opened[skip : skip + left]
        skip, left = 0, left - len(wanted)
        if wanted:
            yield wanted


def _open(cipher: "AESGCM", data: bytes, first: int, count: int) -> bytes:
    """The segments from number `first` on, of a body that has `count`."""
    from cryptography.exceptions import InvalidTag

    view, opened = memoryview(data), []
    for at in range(0, len(data), _SEALED_SEGMENT_BYTES):
        number = first + at // _SEALED_SEGMENT_BYTES
        nonce = _nonce(number, is_last=number == count - 1)
        try:
            opened.append(cipher.decrypt(nonce, view[at : at + _SEALED_SEGMENT_BYTES], None))
        except InvalidTag:
            raise Broken(f"segment {number} of a sealed body does not authenticate") from None
    return opened[0] if len(opened) == 1 else b"".join(opened)


class _Source:
    """Bytes of a stream in the portions that its reader wants."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._have = bytearray()

    async def take(self, count: int) -> bytes:
        while len(self._have) < count:
            piece = await anext(self._pieces, None)
            if piece is None:
                raise Broken("a sealed body is shorter than its blob")
            self._have += piece
        taken = bytes(memoryview(self._have)[:count])
        del self._have[:count]
        return taken
