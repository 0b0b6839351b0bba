"""Memory for bodies on their way to the disk: page-aligned, as direct I/O wants it, and bounded.

A large buffer while there are some, else a small one at once: nobody waits for memory that a slow sender holds, and
many slow senders at once hold little. The bound: LARGE_COUNT large buffers, and two small ones a body.
"""

import mmap

LARGE_BYTES = 1 << 20
"""Handed to threads at once: a hand-over costs some 50 µs, hashing as much takes 1.5 ms."""

SMALL_BYTES = 64 * 1024
LARGE_COUNT = 64
KEPT_COUNT = 16
"""Kept for the next bodies: fresh memory costs 256 page faults."""


class Buffers:
    """Only for the event loop's thread."""

    def __init__(self) -> None:
        self._kept: list[mmap.mmap] = []
        self.large_in_use = 0

    def take(self) -> mmap.mmap:
        if self.large_in_use == LARGE_COUNT:
            return mmap.mmap(-1, SMALL_BYTES)
        self.large_in_use += 1
        return self._kept.pop() if self._kept else mmap.mmap(-1, LARGE_BYTES)

    def give_back(self, buffer: mmap.mmap) -> None:
        """Nobody may use it any more."""
        if len(buffer) == SMALL_BYTES:
            return
        self.large_in_use -= 1
        if len(self._kept) < KEPT_COUNT:
            self._kept.append(buffer)
