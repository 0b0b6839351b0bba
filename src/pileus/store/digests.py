"""Digests of a body that comes piece by piece: the checksums S3 knows.

source  S3 user guide, "Checking object integrity": MD5, CRC32, CRC32C, CRC64NVME, SHA1, SHA256
"""

import hashlib
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from pileus.kernel.errors import NotImplementedByUs

Buffer = bytes | memoryview


class Digest(Protocol):
    def update(self, data: Buffer, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A cyclic redundancy check; its digest is the number, big-endian."""

    def __init__(self, step: Callable[[Buffer, int], int], width_bytes: int) -> None:
        self._step = step
        self._width_bytes = width_bytes
        self._value = 0

    def update(self, data: Buffer, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width_bytes)


@lru_cache
def _amazon(function: str) -> Callable[[Buffer, int], int]:
    """Two that the standard library lacks, imported when they are asked for: they cost 7 MiB."""
    try:
        from awscrt import checksums
    except ImportError:
        raise NotImplementedByUs(f"{function.upper()} without the awscrt library") from None
    return getattr(checksums, function)


_MAKERS: dict[str, Callable[[], Digest]] = {
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "crc32": lambda: _Crc(zlib.crc32, 4),
    "crc32c": lambda: _Crc(_amazon("crc32c"), 4),
    "crc64nvme": lambda: _Crc(_amazon("crc64nvme"), 8),
}

NAMES = frozenset(_MAKERS)


def digest_of(name: str, data: bytes) -> bytes:
    """Of a body that is there as a whole. `name` is one of NAMES."""
    if name == "crc64nvme":  # what S3 computes where nothing is asked for, of every body
        return _amazon("crc64nvme")(data).to_bytes(8)
    digest = new_digest(name)
    digest.update(data)
    return digest.digest()


def new_digest(name: str) -> Digest:
    """`name` is one of NAMES."""
    return _MAKERS[name]()
