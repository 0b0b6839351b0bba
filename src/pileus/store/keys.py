"""Keys: tuples of str, int and bytes as bytes that sort as the tuples do.

Each part carries a type byte, so that keys can be taken apart again: strings and byte strings end in 0x00 and escape
it as 0x00 0xFF; whole numbers are eight bytes, big-endian, offset by 2^63.
"""

import struct

Key = tuple
_INT = struct.Struct(">BQ")
_BIAS = 1 << 63
_BYTES, _STR, _NUMBER = 1, 2, 3


def pack(parts: tuple, start: bytes = b"") -> bytes:
    """`start` and the key of `parts`, in order; raises TypeError on any other type (bool and None too)."""
    key = start
    for part in parts:
        kind = type(part)
        if kind is str:
            if part.isascii() and "\0" not in part:  # most are: twice as fast
                key += b"\x02" + part.encode() + b"\0"
            else:
                key += b"\x02" + part.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff") + b"\0"
        elif kind is int:
            key += _INT.pack(_NUMBER, part + _BIAS)
        elif kind is bytes:
            key += b"\x01" + part.replace(b"\0", b"\0\xff") + b"\0"
        else:
            raise TypeError(f"a key part must be str, int or bytes, not {kind.__name__}")
    return key


def unpack(key: bytes) -> tuple:
    """The parts of a packed key."""
    parts = []
    at = 0
    while at < len(key):
        kind = key[at]
        if kind == _NUMBER:
            parts.append(_INT.unpack_from(key, at)[1] - _BIAS)
            at += 9
            continue
        end = key.index(b"\0", at + 1)
        while end + 1 < len(key) and key[end + 1] == 0xFF:
            end = key.index(b"\0", end + 2)
        raw = key[at + 1 : end].replace(b"\0\xff", b"\0")
        parts.append(raw.decode("utf-8", "surrogatepass") if kind == _STR else raw)
        at = end + 1
    return tuple(parts)


def after_prefix(prefix: bytes) -> bytes:
    """The first key after all keys that begin with `prefix`. Parts begin with 1, 2 or 3, so 0xFF is past them."""
    return prefix + b"\xff"
