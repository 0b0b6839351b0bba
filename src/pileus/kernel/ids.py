"""The one source of ids and randomness, seeded in tests."""

import os
import random
import string

ALPHANUMERIC = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
POOL_BYTES = 4096
_VERSION = bytes(byte & 0x0F | 0x40 for byte in range(256))
_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))
"""A random byte as RFC 9562 wants a uuid's seventh and ninth."""
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _uuids(random_bytes: bytes) -> list[str]:
    raw = bytearray(random_bytes)
    raw[6::16] = raw[6::16].translate(_VERSION)
    raw[8::16] = raw[8::16].translate(_VARIANT)
    quads = iter(raw.hex("-", 2).split("-"))
    return [f"{a}{b}-{c}-{d}-{e}-{f}{g}{h}" for a, b, c, d, e, f, g, h in zip(*[quads] * 8, strict=True)]


class Ids:
    """Random when `seed` is None, else the same sequence every time."""

    __slots__ = (
        "_at",
        "_pool",
        "_random",
        "_uuids",
    )

    def __init__(self, seed: int | None = None) -> None:
        self._random = None if seed is None else random.Random(seed)
        self._pool = b""
        self._at = 0
        self._uuids: list[str] = []

    def bytes(self, count: int) -> bytes:
        if self._random is not None:
            return self._random.randbytes(count)
        # Each call of the system costs as much as a whole uuid, so it is asked for many at once.
        if self._at + count > len(self._pool):
            if count > POOL_BYTES:
                return os.urandom(count)
            self._pool, self._at = os.urandom(POOL_BYTES), 0
        self._at += count
        return self._pool[self._at - count : self._at]

    def hex(self, length: int) -> str:
        return self.bytes((length + 1) // 2).hex()[:length]

    def uuid(self) -> str:
        """Of version 4, the random ones."""
        if self._random is not None:
            return _uuids(self._random.randbytes(16))[0]
        if not self._uuids:
            self._uuids = _uuids(os.urandom(POOL_BYTES))
        return self._uuids.pop()

    def token(self, length: int, alphabet: str = ALPHANUMERIC) -> str:
        """`length` characters of `alphabet`, each equally likely."""
        size = len(alphabet)
        limit = 256 - 256 % size
        out: list[str] = []
        while len(out) < length:
            out += [alphabet[b % size] for b in self.bytes(length + 8) if b < limit]
        return "".join(out[:length])

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        return int.from_bytes(self.bytes(8)) % limit

    def fraction(self) -> float:
        """At least 0.0 and below 1.0."""
        return (int.from_bytes(self.bytes(7)) >> 3) / (1 << 53)
