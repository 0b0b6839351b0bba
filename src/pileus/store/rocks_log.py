"""Tells a log that a loss of power tore at its end from one that is damaged.

After a loss of power the end of the log may be missing, or be zeros, from any byte after the last sync on: that is to
be expected, and nothing acknowledged is in it. Damage with records after it is another matter: some of those may have
been acknowledged. RocksDB's recovery modes don't make the difference where the end is zeros (ext4 leaves it so), hence
this reader. It runs only when RocksDB finds that the log isn't perfect.

source  RocksDB wiki, "Write Ahead Log File Format": blocks of 32 KiB hold records of a checksum (4 bytes), a length
        (2), a type (1) and the payload; the checksum is the masked CRC32C of type and payload
"""

import struct
from pathlib import Path

BLOCK_BYTES = 32 * 1024
_HEADER = struct.Struct("<IHB")


def is_torn_at_its_end(folder: Path) -> bool:
    """True when nothing readable follows the first thing that can't be read, in this log and the later ones."""
    is_broken = False
    for file in sorted(folder.glob("*.log"), key=lambda file: int(file.stem)):
        data = file.read_bytes()
        end = len(data.rstrip(b"\0"))
        if is_broken:
            if end:
                return False
            continue
        broken_at = first_unreadable(data)
        if broken_at < end:
            is_broken = True
            length = _HEADER.unpack_from(data.ljust(broken_at + _HEADER.size, b"\0"), broken_at)[1]
            if end > broken_at + _HEADER.size + length:
                return False
    return True


def first_unreadable(log: bytes) -> int:
    """Where the first record begins that is incomplete or doesn't match its checksum."""
    from awscrt.checksums import crc32c

    at = 0
    while at + _HEADER.size <= len(log):
        left_in_block = BLOCK_BYTES - at % BLOCK_BYTES
        if left_in_block < _HEADER.size:
            at += left_in_block
            continue
        checksum, length, _ = _HEADER.unpack_from(log, at)
        end = at + _HEADER.size + length
        if end > len(log) or length > left_in_block - _HEADER.size:
            break
        if checksum != _masked(crc32c(log[at + 6 : end])):
            break
        at = end
    return at


def _masked(checksum: int) -> int:
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
