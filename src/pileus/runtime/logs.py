"""From the bytes an environment writes to lines with their times, and the tail of one invocation."""

import contextlib
import os
import struct
from collections.abc import Callable

from pileus.kernel.clock import Clock

FRAME = b"\xa5\x5a\x00\x03"  # as in bootstraps/python_logging.py
LINE_LIMIT_BYTES = 262_144
"""A longer line is cut into events of this size. Source: CloudWatch Logs quotas, "Event size": 256 KB at that time."""

Line = tuple[int, str]


def log_pipe() -> tuple[int, int]:
    """The ends of a pipe for output: ours, which never blocks, and the environment's."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    with contextlib.suppress(OSError, AttributeError):
        import fcntl

        fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, 1 << 20)
    return read_fd, write_fd


class LogPipe:
    """The read end of the pipe that is standard output and standard error of an environment.

    `emit` gets lists of (milliseconds, text). A text ends with its newline, as it does in CloudWatch Logs.
    """

    def __init__(self, clock: Clock, emit: Callable[[list[Line]], None]) -> None:
        self.clock = clock
        self.emit = emit
        self.read_fd, self.write_fd = log_pipe()
        self._buffer = b""

    def adopt(self, read_fd: int) -> None:
        """Read from this one instead: a runtime that was started ahead writes to it already."""
        self.close()
        self.read_fd = read_fd

    def close_write_end(self) -> None:
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def close(self) -> None:
        self.close_write_end()
        if self.read_fd >= 0:
            os.close(self.read_fd)
            self.read_fd = -1

    def drain(self, *, last: bool = False, limit_bytes: int = 1 << 22) -> bool:
        """Read what is there and emit it; True at the end of the file.

        last   emit an unfinished line too (an invocation has ended)
        limit  at most so much in one go, so that a function that prints without end can't hold the loop
        """
        ended = False
        parts = [self._buffer]
        while limit_bytes > 0:
            try:
                part = os.read(self.read_fd, 1 << 18)
            except BlockingIOError:
                break
            if not part:
                ended = True
                break
            parts.append(part)
            limit_bytes -= len(part)
        texts, self._buffer = split(b"".join(parts), last=last or ended)
        if texts:
            now_ms = self.clock.now_ms()
            self.emit([(now_ms, text) for text in texts])
        return ended


def split(data: bytes, *, last: bool) -> tuple[list[str], bytes]:
    """Cut into log events: frames and lines. Returns them and the rest, which waits for more unless `last`."""
    texts: list[str] = []
    position = 0
    while position < len(data):
        frame = data.find(FRAME, position)
        raw_end = len(data) if frame < 0 else frame
        while position < raw_end:
            newline = data.find(b"\n", position, raw_end)
            if newline < 0 and frame < 0 and not last and raw_end - position < LINE_LIMIT_BYTES:
                return texts, data[position:]
            end = raw_end if newline < 0 else newline + 1
            end = min(end, position + LINE_LIMIT_BYTES)
            texts.append(data[position:end].decode("utf-8", "replace"))
            position = end
        if frame < 0:
            break
        start = frame + 8
        length = struct.unpack("!I", data[frame + 4 : start])[0] if len(data) >= start else None
        if length is None or len(data) < start + length:
            if last:
                break  # its writer died in the middle of it
            return texts, data[frame:]
        text = data[start : start + length]
        for offset in range(0, max(1, length), LINE_LIMIT_BYTES):
            texts.append(text[offset : offset + LINE_LIMIT_BYTES].decode("utf-8", "replace"))
        position = start + length
    return texts, b""


class Tail:
    """The last bytes of what was logged since it was made."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._data = bytearray()

    def add(self, lines: list[Line]) -> None:
        for _, text in lines:
            self._data += text.encode("utf-8", "replace")
        del self._data[: max(0, len(self._data) - self.limit_bytes)]

    def bytes(self) -> bytes:
        return bytes(self._data)
