"""Cron expressions of six fields, as AWS writes them: minutes, hours, day of month, month, day of week, year.

Every field takes `*`, lists, ranges and steps; months and days of the week also have names. One of the two day fields
is `?`, the other decides. `L` is the last day of the month, `L-3` the third before it, `LW` its last weekday, `15W` the
weekday nearest to the 15th within the month; among days of the week `L` is Saturday, `6L` the last Friday of the
month, `6#3` the third.

Found day by day: months and days that don't match are skipped whole, so that no expression takes long.

Source: EventBridge user guide, "Cron expressions reference".
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

FIRST_YEAR, LAST_YEAR = 1970, 2199
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
SATURDAY = 7

_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d{1,4}))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

DayOf = Callable[[int, int], set[int]]
"""(year, month) -> the days of that month."""


class InvalidSchedule(Exception):
    """Its text is the expression, or the field of it, that can't be read."""


@dataclass(frozen=True)
class Cron:
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DayOf
    months: frozenset[int]
    years: frozenset[int]

    @classmethod
    def parse(cls, fields: str) -> "Cron":
        """Raises InvalidSchedule."""
        parts = fields.split()
        if len(parts) != 6:
            raise InvalidSchedule(fields)
        minute, hour, month_day, month, week_day, year = (part.upper() for part in parts)
        if (month_day == "?") == (week_day == "?"):
            raise InvalidSchedule(fields)
        return cls(
            tuple(sorted(_values(minute, 0, 59))),
            tuple(sorted(_values(hour, 0, 23))),
            _days_of_month(month_day) if week_day == "?" else _days_of_week(week_day),
            frozenset(_values(month, 1, 12, MONTHS)),
            frozenset(_values(year, FIRST_YEAR, LAST_YEAR)),
        )

    def next_after(self, after_ms: int, *, began_ms: int = 0, zone: tzinfo = UTC) -> int | None:
        """The first moment later than `after_ms`, in the wall time of `zone`; None if there is none.

        A wall time that a change of clocks skips is left out, one that comes twice counts the first time.
        Source: Scheduler user guide, "Daylight savings time on EventBridge Scheduler".
        """
        after = (_EPOCH + timedelta(milliseconds=after_ms)).astimezone(zone)
        for day in self._matching_days(after.date()):
            for hour in self.hours:
                for minute in self.minutes:
                    wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                    moment = wall.astimezone(UTC)
                    at_ms = (moment - _EPOCH) // timedelta(milliseconds=1)
                    if at_ms > after_ms and moment.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
                        return at_ms
        return None

    def _matching_days(self, first: date) -> Iterator[date]:
        for year in range(first.year, LAST_YEAR + 1):
            if year not in self.years:
                continue
            for month in sorted(self.months):
                if (year, month) < (first.year, first.month):
                    continue
                for day in sorted(self.days(year, month)):
                    if date(year, month, day) >= first:
                        yield date(year, month, day)


def _values(field: str, least: int, most: int, names: tuple[str, ...] = ()) -> set[int]:
    """The numbers that a field of lists, ranges and steps means. A range may run over the end: FRI-MON, 22-2."""
    found: set[int] = set()
    for part in field.split(","):
        read = _PART.fullmatch(part)
        if read is None:
            raise InvalidSchedule(field)
        first, last, step = read.groups()
        if first == "*":
            if last is not None:
                raise InvalidSchedule(field)
            start, end = least, most
        else:
            start = _value(first, least, most, names)
            # "5/10" is every tenth from the fifth on; "5" alone is itself.
            end = _value(last, least, most, names) if last else most if step else start
        size = most - least + 1
        by = 1 if step is None else int(step)
        if not 1 <= by < max(size, 2):
            raise InvalidSchedule(field)
        span = (end - start) % size
        found |= {least + (start - least + offset) % size for offset in range(0, span + 1, by)}
    return found


def _value(text: str, least: int, most: int, names: tuple[str, ...]) -> int:
    if text in names:
        return least + names.index(text)
    if not text.isdecimal() or not least <= int(text) <= most:
        raise InvalidSchedule(text)
    return int(text)


# Days of the month


def _days_of_month(field: str) -> DayOf:
    readers = [_day_of_month(part) for part in field.split(",")]
    return lambda year, month: set().union(*(days(year, month) for days in readers))


def _day_of_month(part: str) -> DayOf:
    if part == "LW":
        return lambda year, month: {_nearest_weekday(year, month, _length(year, month))}
    if part == "L" or re.fullmatch(r"L-\d{1,2}", part):
        before = int(part[2:] or 0)
        if before > 30:
            raise InvalidSchedule(part)
        return lambda year, month: {day for day in [_length(year, month) - before] if day > 0}
    if part.endswith("W"):
        wanted = _value(part[:-1], 1, 31, ())
        return lambda year, month: {_nearest_weekday(year, month, wanted)} if wanted <= _length(year, month) else set()
    days = _values(part, 1, 31)
    return lambda year, month: {day for day in days if day <= _length(year, month)}


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """Of Monday to Friday, without leaving the month."""
    match calendar.weekday(year, month, day):
        case calendar.SATURDAY:
            return day - 1 if day > 1 else day + 2
        case calendar.SUNDAY:
            return day + 1 if day < _length(year, month) else day - 2
    return day


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


# Days of the week: 1 is Sunday


def _days_of_week(field: str) -> DayOf:
    if "#" in field:
        # One expression only, says the reference.
        name, _, number = field.partition("#")
        wanted, nth = _value(name, 1, 7, DAYS), _value(number, 1, 5, ())
        return lambda year, month: set(_on(year, month, {wanted})[nth - 1 : nth])
    if field == "L":
        return lambda year, month: set(_on(year, month, {SATURDAY}))
    if field.endswith("L"):
        wanted = _value(field[:-1], 1, 7, DAYS)
        return lambda year, month: set(_on(year, month, {wanted})[-1:])
    wanted_days = _values(field, 1, 7, DAYS)
    return lambda year, month: set(_on(year, month, wanted_days))


def _on(year: int, month: int, week_days: set[int]) -> list[int]:
    """The days of the month that are such days of the week, ascending."""
    first = (calendar.weekday(year, month, 1) + 1) % 7 + 1
    return [day for day in range(1, _length(year, month) + 1) if (first + day - 2) % 7 + 1 in week_days]
