"""Writes one blob: hashes and writes in threads while the next bytes come in."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from pileus.kernel.errors import ServiceUnavailable
from pileus.store.digests import new_digest

if TYPE_CHECKING:
    from pileus.store.blobs import Blobs

log = logging.getLogger("pileus.blobs")

INLINE_MAX_BYTES = 64 * 1024
"""Up to here a blob lies in its row. A file costs two fsyncs and an inode; a row is written twice (log, then table)."""

BATCH_BYTES = 1 << 20
"""Handed to a thread at once: a hand-over costs some 50 µs, hashing as much takes 2 ms."""


class Blob(msgspec.Struct, frozen=True):
    """Bytes that were written and belong to nobody yet: `adopt` them.

    digests  by the names of digests.py
    data     the bytes, if they are few; else they are in the file
    """

    id: str
    size_bytes: int
    digests: dict[str, bytes]
    data: bytes | None


class BlobWriter:
    """Entered with `async with`; ends with the blob adopted by a transaction, or with nothing left of it."""

    def __init__(self, blobs: "Blobs", blob_id: str, digests: Sequence[str]) -> None:
        self.size_bytes = 0
        self._blobs = blobs
        self._id = blob_id
        self._digests = {name: new_digest(name) for name in digests}
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._file: int | None = None
        self._has_file = False
        self._is_whole = False
        self._running: asyncio.Future | None = None

    async def __aenter__(self) -> "BlobWriter":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._has_file:
            return
        if self._running is not None:
            # The thread works on the file: also a caller that was cancelled waits for it.
            await asyncio.gather(self._running, return_exceptions=True)
        # What is whole may have been adopted by a transaction that the store took back, and that a crash brings back:
        # while the store fails nobody knows, and the next start decides.
        may_be_adopted = self._is_whole and (self._blobs.store.has_failed or self._blobs.is_adopted(self._id))
        if not may_be_adopted:
            await asyncio.get_running_loop().run_in_executor(self._blobs.threads, self._discard)

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes. Returns at once, or when the disk has kept up. Raises ServiceUnavailable."""
        self._batch.append(chunk)
        self._batch_bytes += len(chunk)
        self.size_bytes += len(chunk)
        if self._batch_bytes >= BATCH_BYTES:
            await self._hand_over(is_last=False)

    async def finish(self) -> Blob:
        """The whole blob; a file is on disk. Raises ServiceUnavailable."""
        data = None
        if self.size_bytes <= INLINE_MAX_BYTES:
            data = b"".join(self._batch)
            for digest in self._digests.values():
                digest.update(data)
        else:
            await self._hand_over(is_last=True)
            await self._settle()
        self._is_whole = True
        return Blob(self._id, self.size_bytes, {name: one.digest() for name, one in self._digests.items()}, data)

    async def _hand_over(self, is_last: bool) -> None:
        """Give the batch to a thread, once it is done with the one before."""
        await self._settle()
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        self._has_file = True
        self._running = asyncio.get_running_loop().run_in_executor(self._blobs.threads, self._work, batch, is_last)

    async def _settle(self) -> None:
        if self._running is None:
            return
        try:
            await asyncio.shield(self._running)
        except OSError as error:
            log.error("a blob can't be written: %s", error)
            raise ServiceUnavailable() from error

    # In a thread

    def _work(self, batch: list[bytes], is_last: bool) -> None:
        if self._file is None:
            self._create()
        assert self._file is not None
        for chunk in batch:
            for digest in self._digests.values():
                digest.update(chunk)
        _write_all(self._file, batch)
        if is_last:
            if self._blobs.is_durable:
                os.fdatasync(self._file)
            os.close(self._file)
            self._file = None
            if self._blobs.is_durable:
                _sync_folder(os.path.dirname(self._blobs.path_of(self._id)))

    def _create(self) -> None:
        os.close(os.open(self._blobs.marker_of(self._id), os.O_CREAT | os.O_WRONLY, 0o600))
        path = self._blobs.path_of(self._id)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if self._blobs.is_durable:
                _sync_folder(str(self._blobs.folder))
            self._file = os.open(path, flags, 0o600)

    def _discard(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        for path in (self._blobs.path_of(self._id), self._blobs.marker_of(self._id)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _write_all(file: int, batch: list[bytes]) -> None:
    left = [memoryview(chunk) for chunk in batch if chunk]
    while left:
        written = os.writev(file, left[:512])
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def _sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
