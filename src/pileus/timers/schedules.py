"""Rate and cron expressions: when a schedule is due.

    schedule = parse("cron(0 8 ? * MON-FRI *)")
    schedule.next_after(now_ms)                 # the first moment after now_ms, or None: never again

A rate counts from the moment it began, a cron expression from nowhere: it names moments. Cron's fields and their
wildcards are in `cron.py`. Whoever keeps a schedule sets one timer, for the next moment, and the next one when that
fires.

Source: EventBridge user guide, "Setting a schedule pattern for scheduled rules"; EventBridge Scheduler user guide,
"Schedule types".
"""

import re
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache

from pileus.timers.cron import Cron, InvalidSchedule

__all__ = ["Cron", "InvalidSchedule", "Rate", "parse"]

_RATE = re.compile(r"rate\(\s*(\d{1,15})\s+(minutes?|hours?|days?)\s*\)")
_CRON = re.compile(r"cron\((.*)\)")
LONGEST_MS = 8_000 * 365 * 86_400_000
"""Past it a rate's first moment would lie beyond the year 9999, which no event can say."""
_UNITS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


@dataclass(frozen=True)
class Rate:
    every_ms: int

    def next_after(self, after_ms: int, *, began_ms: int, zone: tzinfo = UTC) -> int:
        """The first multiple of the period since `began_ms` that is later than `after_ms`. Zones don't matter to it."""
        periods = max(0, after_ms - began_ms) // self.every_ms
        return began_ms + (periods + 1) * self.every_ms


@lru_cache(maxsize=1024)
def parse(expression: str) -> Rate | Cron:
    """Raises InvalidSchedule."""
    if found := _RATE.fullmatch(expression):
        value, unit = int(found[1]), found[2]
        # "rate(1 minutes)" and "rate(5 minute)" are refused, as AWS does.
        every_ms = value * _UNITS_MS[unit.rstrip("s")]
        # A period that no clock can tell is none.
        if value == 0 or unit.endswith("s") == (value == 1) or every_ms > LONGEST_MS:
            raise InvalidSchedule(expression)
        return Rate(every_ms)
    if found := _CRON.fullmatch(expression):
        return Cron.parse(found[1])
    raise InvalidSchedule(expression)
