"""The timers' rows: (time, kind, key), and one entry per (kind, key) that says which time is set.

The wheel that fires them is in timers/.
"""

import msgspec

from pileus.store.rows import Rows
from pileus.store.table import Table


class Timer(msgspec.Struct, frozen=True, array_like=True):
    at_ms: int
    kind: str
    key: str


class SetTimer(msgspec.Struct, frozen=True, array_like=True):
    kind: str
    key: str
    at_ms: int


TIMERS = Table("timers", Timer, key=lambda timer: (timer.at_ms, timer.kind, timer.key))
SET_TIMERS = Table("timers.set", SetTimer, key=lambda timer: (timer.kind, timer.key))


def set_timer(tx: Rows, timer: Timer) -> None:
    earlier = SET_TIMERS.get(tx, timer.kind, timer.key)
    if earlier is not None:
        if earlier.at_ms == timer.at_ms:
            return
        TIMERS.delete(tx, earlier.at_ms, timer.kind, timer.key)
    TIMERS.put(tx, timer)
    SET_TIMERS.put(tx, SetTimer(timer.kind, timer.key, timer.at_ms))


def cancel_timer(tx: Rows, kind: str, key: str) -> None:
    earlier = SET_TIMERS.get(tx, kind, key)
    if earlier is not None:
        TIMERS.delete(tx, earlier.at_ms, kind, key)
        SET_TIMERS.delete(tx, kind, key)


def take(tx: Rows, timer: Timer) -> bool:
    """Remove a due timer; False if it was cancelled or moved meanwhile."""
    current = SET_TIMERS.get(tx, timer.kind, timer.key)
    if current is None or current.at_ms != timer.at_ms:
        return False
    cancel_timer(tx, timer.kind, timer.key)
    return True
