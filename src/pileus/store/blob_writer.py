"""Writes one blob: hashes and writes in threads while the next bytes come in.

The bytes are gathered in a buffer. A full one goes to two threads at once, one for MD5, which takes as long as all the
rest, and one for the other digests and the file; meanwhile the next buffer fills. So a body has two buffers at most.

The file is written past the page cache (O_DIRECT) where durability is asked for: the bytes must be on disk before the
answer anyway, and copying them into the cache and having the kernel write them back costs 2 to 10 ms of a core for 8
MiB, straight from the buffer half a millisecond. What is given up: who reads the blob first reads it from the disk.
"""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Callable, Iterable
from mmap import PAGESIZE, mmap
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from pileus.kernel.errors import ServiceUnavailable
from pileus.kernel.http import Body
from pileus.store.digests import new_digest
from pileus.store.folders import sync_folder

if TYPE_CHECKING:
    from pileus.store.blobs import Blobs

log = logging.getLogger("pileus.blobs")

INLINE_MAX_BYTES = 64 * 1024
"""Up to here a blob lies in its row. A file costs two fsyncs and an inode; a row is written twice (log, then table)."""

O_DIRECT = getattr(os, "O_DIRECT", 0)  # Linux


class Blob(msgspec.Struct, frozen=True):
    """Bytes that were written and belong to nobody yet: `adopt` them.

    id       "" of few bytes that need no writer: `adopt` gives them one
    digests  by the names of digests.py
    data     the bytes, if they are few; else they are in the file
    """

    id: str
    size_bytes: int
    digests: dict[str, bytes]
    data: bytes | None


class BlobWriter:
    """Entered with `async with`; ends with the blob adopted by a transaction, or with nothing left of it."""

    def __init__(self, blobs: "Blobs", blob_id: str, digests: Iterable[str]) -> None:
        self.size_bytes = 0
        self._blobs = blobs
        self._id = blob_id
        self._digests = {name: new_digest(name) for name in digests}
        self._buffer: mmap | None = None
        self._filled = 0
        self._file: int | None = None
        self._has_file = False
        self._is_whole = False
        # What threads work on: the buffer before this one
        self._given: mmap | None = None
        self._hashing: asyncio.Future | None = None
        self._writing: asyncio.Future | None = None

    async def __aenter__(self) -> "BlobWriter":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The threads work on the file and the buffers: also a caller that was cancelled waits for them.
        running = [future for future in (self._hashing, self._writing) if future is not None]
        await asyncio.gather(*running, return_exceptions=True)
        self._release()
        if not self._has_file:
            return
        # What is whole may have been adopted by a transaction that the store took back, and that a crash brings back:
        # while the store fails nobody knows, and the next start decides.
        may_be_adopted = self._is_whole and (self._blobs.store.has_failed or self._blobs.is_adopted(self._id))
        if not may_be_adopted:
            await asyncio.get_running_loop().run_in_executor(self._blobs.threads, self._discard)

    async def fill(self, body: Body) -> int:
        """Take what comes next of a body, at most a buffer; return how many bytes, 0 at its end.

        Returns when the disk has kept up. Raises ServiceUnavailable, and what the body raises.
        """
        if self._is_full() and body.is_at_end:
            return 0  # so that `finish` has the buffer
        count = await body.readinto(await self._room())
        self._filled += count
        self.size_bytes += count
        return count

    async def write(self, chunk: bytes) -> None:
        """Take bytes that the caller has. Returns at once, or when the disk has kept up. Raises ServiceUnavailable."""
        left = memoryview(chunk)
        while left:
            room = await self._room()
            count = min(len(room), len(left))
            room[:count] = left[:count]
            self._filled += count
            self.size_bytes += count
            left = left[count:]

    async def finish(self) -> Blob:
        """The whole blob; a file is on disk. Raises ServiceUnavailable."""
        data = None
        if not self._has_file and self.size_bytes <= INLINE_MAX_BYTES:
            data = b"" if self._buffer is None else self._buffer[: self._filled]
            for digest in self._digests.values():
                digest.update(data)
        else:
            await self._hand_over(is_last=True)
            await self._settle(self._writing)
            await self._settle(self._hashing)
        self._release()
        self._is_whole = True
        return Blob(self._id, self.size_bytes, {name: one.digest() for name, one in self._digests.items()}, data)

    async def _room(self) -> memoryview:
        """Where the next bytes go; never empty."""
        if self._is_full():
            await self._hand_over(is_last=False)
        if self._buffer is None:
            self._buffer, self._filled = self._blobs.buffers.take(), 0
        return memoryview(self._buffer)[self._filled :]

    def _is_full(self) -> bool:
        return self._buffer is not None and self._filled == len(self._buffer)

    async def _hand_over(self, is_last: bool) -> None:
        """Give the buffer to the threads, to each once it is done with the one before.

        While the last of the file goes to the disk, which takes longest, the other thread computes all the digests.
        """
        assert self._buffer is not None
        filled = memoryview(self._buffer)[: self._filled]
        self._has_file = True
        await self._settle(self._writing)
        hashed_apart = [name for name in self._digests if is_last or name == "md5"]
        hashed_here = [name for name in self._digests if name not in hashed_apart]
        self._writing = self._in_thread(self._write, filled, is_last, hashed_here)
        await self._settle(self._hashing)
        self._hashing = self._in_thread(self._hash, filled, hashed_apart) if hashed_apart else None
        if self._given is not None:
            self._blobs.buffers.give_back(self._given)
        self._given, self._buffer = self._buffer, None

    def _in_thread(self, function: Callable, *arguments: object) -> asyncio.Future:
        return asyncio.get_running_loop().run_in_executor(self._blobs.threads, function, *arguments)

    async def _settle(self, running: asyncio.Future | None) -> None:
        if running is None:
            return
        try:
            await asyncio.shield(running)
        except OSError as error:
            log.error("a blob can't be written: %s", error)
            raise ServiceUnavailable() from error

    def _release(self) -> None:
        for buffer in (self._given, self._buffer):
            if buffer is not None:
                self._blobs.buffers.give_back(buffer)
        self._given = self._buffer = None

    # In a thread

    def _hash(self, data: memoryview, names: list[str]) -> None:
        for name in names:
            self._digests[name].update(data)

    def _write(self, data: memoryview, is_last: bool, hashed_here: list[str]) -> None:
        if self._file is None:
            self._create()
        assert self._file is not None
        _write_all(self._file, data)
        self._hash(data, hashed_here)
        if is_last:
            if self._blobs.is_durable:
                os.fdatasync(self._file)
            os.close(self._file)
            self._file = None
            if self._blobs.is_durable:
                sync_folder(os.path.dirname(self._blobs.path_of(self._id)))

    def _create(self) -> None:
        os.close(os.open(self._blobs.marker_of(self._id), os.O_CREAT | os.O_WRONLY, 0o600))
        path = self._blobs.path_of(self._id)
        try:
            self._file = self._open(path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if self._blobs.is_durable:
                sync_folder(self._blobs.folder)
            self._file = self._open(path)

    def _open(self, path: str) -> int:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        if self._blobs.is_durable and O_DIRECT:
            with contextlib.suppress(OSError):  # not every file system can
                fcntl.fcntl(file, fcntl.F_SETFL, O_DIRECT)
        return file

    def _discard(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        for path in (self._blobs.path_of(self._id), self._blobs.marker_of(self._id)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _write_all(file: int, data: memoryview) -> None:
    """Append. Whole pages may go past the page cache, a blob's end can't."""
    while data:
        count = len(data) - len(data) % PAGESIZE
        if not count:
            fcntl.fcntl(file, fcntl.F_SETFL, 0)
        try:
            written = os.write(file, data[: count or len(data)])
        except OSError as error:
            if error.errno != errno.EINVAL or not fcntl.fcntl(file, fcntl.F_GETFL) & O_DIRECT:
                raise
            fcntl.fcntl(file, fcntl.F_SETFL, 0)  # it wants another alignment than pages'
            continue
        data = data[written:]
