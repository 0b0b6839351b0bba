"""Target tracking: from what was measured to what capacity there should be. Pure functions.

AWS makes two alarms for a policy, with thresholds in units a minute that follow the provisioned capacity: one goes off
when more than the target was consumed in each of 2 minutes, the other when less than the target less 20 points was in
each of 15. So a minute is judged here by the capacity that there is now, as there: when a scaling has come about, the
minutes before it no longer ask for it, and to decide twice about one minute does no harm.

A minute in which nothing was consumed counts as 0, as DynamoDB's data points do: a table that lies idle is scaled in.

What to scale to: the capacity of which the last minute's consumption (scaling out), or the highest of the 15 minutes'
(scaling in, which AWS does "more gradually"), is the target.

Source: DynamoDB developer guide, "Managing throughput capacity automatically with DynamoDB auto scaling"; Application
Auto Scaling user guide, "How target tracking scaling works" (cooldowns too); alarms and idle tables recorded on AWS.
"""

import math
from typing import NamedTuple

import msgspec

MINUTE_MS = 60_000
OUT_MINUTES = 2
IN_MINUTES = 15
IN_POINTS = 20.0
IN_LEAST_PERCENT = 5.0
"""AWS's threshold is known of a target of 70 (50); with targets near 20 nothing would be below one 20 points less."""


class Course(msgspec.Struct, frozen=True):
    """What was measured of a target, and what has been done about it.

    minutes   (start, units consumed in it) of the last IN_MINUTES, ascending; where nothing was consumed there is none
    since_ms  of the minutes before it nothing is known; from it on, what is not in `minutes` consumed nothing
    out_ms    when the last scaling out was done, and out_units how many it added; 0: none
    in_ms     when the last scaling in was done; 0: none, or one that a scaling out has followed
    """

    since_ms: int
    minutes: tuple[tuple[int, float], ...] = ()
    out_ms: int = 0
    out_units: int = 0
    in_ms: int = 0


class Tracking(NamedTuple):
    """What policy and target say of how to scale."""

    target_percent: float
    least: int
    most: int
    out_cooldown_s: int = 0
    in_cooldown_s: int = 0
    scales_out: bool = True
    scales_in: bool = True


class Decision(NamedTuple):
    capacity: int
    is_out: bool


def with_minute(course: Course, minute_ms: int, consumed: float) -> Course:
    """The course with one more minute, however often and in whatever order minutes come."""
    minutes = dict(course.minutes) | {minute_ms: consumed}
    first_ms = max(minutes) - (IN_MINUTES - 1) * MINUTE_MS
    return msgspec.structs.replace(course, minutes=tuple(sorted(m for m in minutes.items() if m[0] >= first_ms)))


def scaled(course: Course, now_ms: int, *, by_units: int) -> Course:
    """The course after a scaling that came about; a scaling out ends the cooldown of one in."""
    if by_units > 0:
        return msgspec.structs.replace(course, out_ms=now_ms, out_units=by_units, in_ms=0)
    return msgspec.structs.replace(course, in_ms=now_ms)


def decide(course: Course, minute_ms: int, capacity: int, tracking: Tracking, now_ms: int) -> Decision | None:
    """What to do once `minute_ms` has ended; None: nothing. capacity: what is provisioned now."""
    if capacity < 1:  # nothing is provisioned: on demand
        return None
    consumed = dict(course.minutes)
    last = [consumed.get(minute_ms - ago * MINUTE_MS, 0.0) for ago in range(IN_MINUTES)]
    if min(last[:OUT_MINUTES]) > _units_a_minute(tracking.target_percent, capacity):
        return _out(course, last[0], capacity, tracking, now_ms)
    knows_all = minute_ms - (IN_MINUTES - 1) * MINUTE_MS >= course.since_ms
    if knows_all and max(last) < _units_a_minute(in_percent(tracking.target_percent), capacity):
        return _in(course, max(last), capacity, tracking, now_ms)
    return None


def in_percent(target_percent: float) -> float:
    """Below this utilization it is scaled in."""
    return max(target_percent - IN_POINTS, IN_LEAST_PERCENT)


def may_scale_in_at_ms(course: Course, tracking: Tracking) -> int:
    """When the cooldown of the last scaling in ends; 0 where there is none."""
    return course.in_ms + tracking.in_cooldown_s * 1000 if course.in_ms else 0


def _units_a_minute(percent: float, capacity: int) -> float:
    # AWS's threshold of 70 % of 5 units is 210.0; in floats, 0.7 * 5 * 60 is a little less.
    return round(percent * capacity * 60 / 100, 6)


def _wanted(consumed: float, tracking: Tracking) -> int:
    wanted = math.ceil(round(consumed / 60 / tracking.target_percent * 100, 6))
    return min(max(wanted, tracking.least), tracking.most)


def _out(course: Course, consumed: float, capacity: int, tracking: Tracking, now_ms: int) -> Decision | None:
    wanted = _wanted(consumed, tracking)
    if wanted <= capacity or not tracking.scales_out:
        return None
    is_cooling = course.out_ms and now_ms < course.out_ms + tracking.out_cooldown_s * 1000
    # A larger one than that which is still to take effect is not held up.
    if is_cooling and wanted - capacity <= course.out_units:
        return None
    return Decision(wanted, is_out=True)


def _in(course: Course, consumed: float, capacity: int, tracking: Tracking, now_ms: int) -> Decision | None:
    wanted = _wanted(consumed, tracking)
    if wanted >= capacity or not tracking.scales_in or now_ms < may_scale_in_at_ms(course, tracking):
        return None
    return Decision(wanted, is_out=False)
