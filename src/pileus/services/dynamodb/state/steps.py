"""Long work on many rows goes in steps: a timer's transition takes some, notes how far it came, and comes again.

A step ends after a number of rows or after BYTES_AT_ONCE, whichever comes first: some 10 ms of the loop's time, be the
items of 40 bytes or of 400 KB.
"""

from collections.abc import Iterable

BYTES_AT_ONCE = 1 << 20


def some(found: Iterable[tuple[bytes, bytes]], rows_max: int) -> tuple[list[tuple[bytes, bytes]], bool]:
    """The first rows of those found, and whether these are all of them."""
    taken: list[tuple[bytes, bytes]] = []
    taken_bytes = 0
    for row in found:
        if len(taken) == rows_max or taken_bytes >= BYTES_AT_ONCE:
            return taken, False
        taken.append(row)
        taken_bytes += len(row[1])
    return taken, True
