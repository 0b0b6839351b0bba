"""The write-ahead log: the commits that RocksDB's tables don't hold yet.

The problem. RocksDB has a log of its own, but that one grows with every record, so every sync makes the file system write
down the new length in its journal as well: with 16 clients 440 µs a sync on ext4.

The way. Records are written into space that was written before: a segment is filled with zeros ahead of its end, and is
used again when the tables hold what was in it. Then a sync is one write of data: 140 µs.

    segment   header: magic, salt, number, sequence of its first record, checksum; then records, then zeros or old records
    record    magic, length, checksum, sequence, payload

Sequences ascend by one through all segments since the log was begun. A checksum (CRC-32) covers the sequence, the payload
and the salt, which is drawn when the log is begun: nothing that somebody stores can pass for a record.

The end. What follows the last record that can be read is the end, where nothing that can be read and is newer comes behind
it, in this segment or the next ones: a loss of power may leave the last record in any state. If something does, the log is
damaged, and acknowledged commits may be in it.
"""

import os
import struct
import zlib
from pathlib import Path

from pileus.store.folders import sync_folder

SEGMENT_BYTES = 16 << 20
"""A record may go beyond it."""

STRIDE_BYTES = 1 << 20
"""Filled with zeros at once."""

SPARE_SEGMENTS = 1
"""Kept to be used again."""

_SEGMENT = struct.Struct("<8s8sQQ")
_RECORD = struct.Struct("<4sIIQ")
_CHECKSUM = struct.Struct("<I")
_SEQUENCE = struct.Struct("<Q")
_SEGMENT_MAGIC = b"PileusWL"
_RECORD_MAGIC = b"\xf7PWr"
HEADER_BYTES = _SEGMENT.size + _CHECKSUM.size


class Damaged(Exception):
    """Records are missing between others.

    readable  the payloads before the damage
    """

    def __init__(self, text: str, readable: list[bytes]) -> None:
        super().__init__(text)
        self.readable = readable


class WriteAheadLog:
    """A new log in a folder that holds none: `read` and `remove` come first. Methods raise OSError where not said otherwise.

    sequence  the number of the last record
    """

    __slots__ = (
        "_end",
        "_file",
        "_filled",
        "_folder",
        "_full",
        "_kept",
        "_number",
        "_salt",
        "_seed",
        "_spare",
        "sequence",
    )

    def __init__(self, folder: Path) -> None:
        self.sequence = 0
        self._folder = folder
        self._salt = os.urandom(8)
        self._seed = zlib.crc32(self._salt)
        self._number = 0
        self._file: int | None = None
        self._end = 0
        self._filled = 0
        self._kept = (0, 0)
        self._full: list[Path] = []
        self._spare: list[Path] = []
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def is_full(self) -> bool:
        """Whether the segment is, so that `rotate` should come before the next record."""
        return self._end >= SEGMENT_BYTES

    def append(self, payload: bytes) -> None:
        """Write a record. It is safe from kill -9 when this returns, and from a loss of power after `sync`."""
        if self._file is None:
            self.rotate()
        sequence = self.sequence + 1
        head = _RECORD.pack(
            _RECORD_MAGIC, len(payload), _checksum(payload, _SEQUENCE.pack(sequence), self._seed), sequence
        )
        end = self._end + len(head) + len(payload)
        if end > self._filled:
            # Ahead of the record, so that these zeros are old when the next ones are written over.
            _write(self._file, bytes(STRIDE_BYTES), max(self._filled, end))
            self._filled = max(self._filled, end) + STRIDE_BYTES
        _write(self._file, head + payload, self._end)
        self._end = end
        self.sequence = sequence

    def sync(self) -> None:
        """Bring to the disk what was appended. May be called on another thread, if nobody appends meanwhile."""
        if self._file is not None:
            os.fdatasync(self._file)

    def keep(self) -> None:
        """What was appended so far counts: `forget` leaves it alone."""
        self._kept = (self._end, self.sequence)

    def forget(self) -> None:
        """Take back, on the disk, what was appended since `keep`: it was refused and must not come back."""
        end, sequence = self._kept
        if self._file is not None:
            _write(self._file, bytes(_RECORD.size), end)
            os.fdatasync(self._file)
        self._end, self.sequence = end, sequence

    def rotate(self) -> None:
        """Go on in another segment."""
        self.sync()  # so that no loss of power takes what is in this one and leaves the next
        number = self._number + 1
        path = self._folder / f"{number:016d}.wal"
        spare = self._spare.pop() if self._spare else None
        if spare is not None:
            spare.rename(path)
        header = _SEGMENT.pack(_SEGMENT_MAGIC, self._salt, number, self.sequence + 1)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _write(file, header + _CHECKSUM.pack(zlib.crc32(header)), 0)
            if spare is None:
                _write(file, bytes(STRIDE_BYTES), HEADER_BYTES)
            os.fdatasync(file)
            sync_folder(self._folder)
        except OSError:
            os.close(file)
            path.unlink()
            raise
        if self._file is not None:
            os.close(self._file)
            self._full.append(self._folder / f"{self._number:016d}.wal")
        self._number, self._file = number, file
        self._end = HEADER_BYTES
        self._filled = os.fstat(file).st_size
        self.keep()

    @property
    def has_full_segments(self) -> bool:
        return bool(self._full)

    def release(self) -> None:
        """The tables hold all that is in the segments before this one."""
        # The oldest first: what a crash leaves must be a log without a gap, and one that reaches to the end.
        while self._full:
            path = self._full.pop(0)
            if len(self._spare) < SPARE_SEGMENTS:
                self._spare.append(path.rename(path.with_suffix(".spare")))
            else:
                path.unlink()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read(folder: Path) -> list[bytes]:
    """The payloads of the log that lies in a folder, oldest first. Raises Damaged."""
    segments = [(path, _header_of(path)) for path in sorted(folder.glob("*.wal"))]
    payloads: list[bytes] = []
    expected = None
    for at, (path, header) in enumerate(segments):
        next_first = next((later[1] for _, later in segments[at + 1 :] if later is not None), None)
        data = path.read_bytes()
        if header is None:
            # The last one may have been named and not begun yet: it is new and empty, or is to be used again.
            if next_first is not None or (_RECORD_MAGIC in data and _number_in(data) is None):
                raise Damaged(f"{path.name} has no header", payloads)
            continue
        salt, first = header
        if expected is None:
            expected = first
        seed = zlib.crc32(salt)
        position = HEADER_BYTES
        while expected != next_first and (payload := _payload_at(data, position, expected, seed)) is not None:
            payloads.append(payload)
            position += _RECORD.size + len(payload)
            expected += 1
        is_whole = expected == next_first if next_first is not None else not _follows(data, position, expected, seed)
        if not is_whole:
            raise Damaged(f"record {expected:,} can't be read, at byte {position:,} of {path.name}", payloads)
    return payloads


def remove(folder: Path) -> None:
    """Delete the log in a folder: the tables hold all of it."""
    # The oldest first: the rest, replayed after a crash, still ends in what the tables hold.
    for path in sorted((*folder.glob("*.wal"), *folder.glob("*.spare"))):
        path.unlink()
    if folder.exists():
        sync_folder(folder)


def _header_of(path: Path) -> tuple[bytes, int] | None:
    """Salt and first sequence; None where the segment was not begun."""
    with path.open("rb") as file:
        data = file.read(HEADER_BYTES)
    if _number_in(data) != int(path.stem):
        return None
    _, salt, _, first = _SEGMENT.unpack_from(data)
    return salt, first


def _number_in(data: bytes) -> int | None:
    """The number in a segment's header; None where that can't be read."""
    if len(data) < HEADER_BYTES:
        return None
    magic, _, number, _ = _SEGMENT.unpack_from(data)
    (checksum,) = _CHECKSUM.unpack_from(data, _SEGMENT.size)
    return number if magic == _SEGMENT_MAGIC and checksum == zlib.crc32(data[: _SEGMENT.size]) else None


def _payload_at(data: bytes, position: int, sequence: int, seed: int) -> bytes | None:
    """The payload of the record that begins at `position`, if there is one, and it has this sequence."""
    if position + _RECORD.size > len(data):
        return None
    magic, length, checksum, own_sequence = _RECORD.unpack_from(data, position)
    begin = position + _RECORD.size
    if magic != _RECORD_MAGIC or own_sequence != sequence or begin + length > len(data):
        return None
    payload = data[begin : begin + length]
    return payload if checksum == _checksum(payload, _SEQUENCE.pack(own_sequence), seed) else None


def _follows(data: bytes, position: int, sequence: int, seed: int) -> bool:
    """Whether a record later than `sequence` can be read from `position` on."""
    at = data.find(_RECORD_MAGIC, position)
    while at >= 0:
        if at + _RECORD.size <= len(data):
            own_sequence = _RECORD.unpack_from(data, at)[3]
            if own_sequence > sequence and _payload_at(data, at, own_sequence, seed) is not None:
                return True
        at = data.find(_RECORD_MAGIC, at + 1)
    return False


def _checksum(payload: bytes, sequence: bytes, seed: int) -> int:
    return zlib.crc32(payload, zlib.crc32(sequence, seed))


def _write(file: int, data: bytes, at: int) -> None:
    written = os.pwrite(file, data, at)
    while written < len(data):  # a disk that fills up takes a part, and refuses the rest
        written += os.pwrite(file, data[written:], at + written)
