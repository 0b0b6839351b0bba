"""The decision, by itself."""

import pytest

from pileus.services.application_autoscaling.tracking import (
    MINUTE_MS,
    Course,
    Decision,
    Tracking,
    decide,
    in_percent,
    scaled,
    with_minute,
)

NOW_MS = 100 * MINUTE_MS
SEVENTY = Tracking(70.0, least=1, most=100)


def course(*units_a_second: float, since_ms: int = 0) -> Course:
    """The last minutes before NOW_MS; the one that ended then is the last."""
    made = Course(since_ms)
    for ago, units in enumerate(reversed(units_a_second), 1):
        made = with_minute(made, NOW_MS - ago * MINUTE_MS, units * 60)
    return made


def decided(made: Course, capacity: int = 10, tracking: Tracking = SEVENTY, now_ms: int = NOW_MS) -> Decision | None:
    return decide(made, NOW_MS - MINUTE_MS, capacity, tracking, now_ms)


# Scaling out


def test_two_minutes_above_the_target_scale_out():
    assert decided(course(14, 14)) == Decision(20, is_out=True)


def test_one_minute_does_not():
    assert decided(course(7, 14)) is None
    assert decided(course(14, 7)) is None


def test_the_two_must_follow_each_other():
    apart = with_minute(course(14), NOW_MS - 3 * MINUTE_MS, 14 * 60)
    assert decided(apart) is None


@pytest.mark.parametrize(("units", "is_above"), [(3.5, False), (3.501, True)])
def test_the_threshold_of_70_percent_of_5_units_is_210_a_minute(units, is_above):
    assert (decided(course(units, units), capacity=5) is not None) is is_above


@pytest.mark.parametrize(("units", "capacity"), [(14, 20), (14.001, 21)])
def test_it_is_scaled_to_where_the_last_minute_is_the_target(units, capacity):
    assert decided(course(90, units)).capacity == capacity


def test_the_maximum_bounds_it():
    assert decided(course(90, 90)).capacity == 100
    assert decided(course(90, 90), capacity=100) is None


def test_the_minimum_bounds_it_from_a_capacity_below():
    assert decided(course(4, 4), capacity=5, tracking=SEVENTY._replace(least=50)).capacity == 50


def test_scaling_out_may_be_suspended():
    assert decided(course(14, 14), tracking=SEVENTY._replace(scales_out=False)) is None


@pytest.mark.parametrize(("later_s", "is_held_up"), [(59, True), (60, False)])
def test_a_cooldown_holds_another_scaling_out_up(later_s, is_held_up):
    cooling = scaled(course(14, 14), NOW_MS, by_units=10)
    found = decided(cooling, tracking=SEVENTY._replace(out_cooldown_s=60), now_ms=NOW_MS + later_s * 1000)
    assert (found is None) is is_held_up


def test_a_larger_one_is_not_held_up():
    cooling = scaled(course(14, 14), NOW_MS, by_units=9)
    assert decided(cooling, tracking=SEVENTY._replace(out_cooldown_s=60)) == Decision(20, is_out=True)


def test_a_cooldown_of_scaling_in_does_not_hold_it_up():
    cooling = scaled(course(14, 14), NOW_MS, by_units=-10)
    both = SEVENTY._replace(in_cooldown_s=600, out_cooldown_s=600)
    assert decided(cooling, tracking=both) == Decision(20, is_out=True)


# Scaling in


def test_fifteen_minutes_below_the_target_less_20_points_scale_in():
    assert decided(course(*[2.8] * 15)) == Decision(4, is_out=False)


def test_fourteen_do_not():
    assert decided(course(5, *[2.8] * 14)) is None


@pytest.mark.parametrize(("units", "is_below"), [(2.5, False), (2.499, True)])
def test_the_threshold_of_a_target_of_70_at_5_units_is_150_a_minute(units, is_below):
    assert (decided(course(*[units] * 15), capacity=5) is not None) is is_below


@pytest.mark.parametrize(("target", "below"), [(70, 50), (90, 70), (30, 10), (25, 5), (24, 5), (10, 5)])
def test_the_lower_threshold_is_20_points_less_and_never_nothing(target, below):
    assert in_percent(target) == below


def test_a_minute_without_use_counts_as_below():
    assert decided(course(2.8)) == Decision(4, is_out=False)
    assert decided(course()) == Decision(1, is_out=False)


@pytest.mark.parametrize(("first_known", "is_known"), [(15, True), (14, False)])
def test_of_the_time_before_the_registration_nothing_is_known(first_known, is_known):
    known = Course(since_ms=NOW_MS - first_known * MINUTE_MS)
    assert (decided(known) is not None) is is_known


def test_it_is_scaled_in_to_where_the_highest_of_the_minutes_is_the_target():
    assert decided(course(*[0.7] * 7, 2.1, *[0.7] * 7)).capacity == 3


def test_the_minimum_bounds_scaling_in():
    assert decided(course(), tracking=SEVENTY._replace(least=4)).capacity == 4
    assert decided(course(), capacity=4, tracking=SEVENTY._replace(least=4)) is None


def test_a_capacity_below_the_minimum_is_let_be():
    assert decided(course(), capacity=3, tracking=SEVENTY._replace(least=4)) is None


def test_scaling_in_may_be_switched_off():
    assert decided(course(), tracking=SEVENTY._replace(scales_in=False)) is None


@pytest.mark.parametrize(("later_s", "is_held_up"), [(59, True), (60, False)])
def test_a_cooldown_holds_another_scaling_in_up(later_s, is_held_up):
    cooling = scaled(course(), NOW_MS, by_units=-5)
    found = decided(cooling, tracking=SEVENTY._replace(in_cooldown_s=60), now_ms=NOW_MS + later_s * 1000)
    assert (found is None) is is_held_up


def test_scaling_out_ends_the_cooldown_of_scaling_in():
    cooling = scaled(scaled(course(), NOW_MS, by_units=-5), NOW_MS, by_units=5)
    assert decided(cooling, tracking=SEVENTY._replace(in_cooldown_s=60)) == Decision(1, is_out=False)


def test_a_negative_cooldown_holds_nothing_up():
    cooling = scaled(course(), NOW_MS, by_units=-5)
    assert decided(cooling, tracking=SEVENTY._replace(in_cooldown_s=-1)) is not None


# The course


def test_a_minute_that_comes_twice_counts_once():
    twice = with_minute(course(14, 14), NOW_MS - MINUTE_MS, 14 * 60)
    assert twice == course(14, 14)


def test_minutes_may_come_in_any_order():
    made = Course(0)
    for ago in (1, 3, 2):
        made = with_minute(made, NOW_MS - ago * MINUTE_MS, ago)
    assert [consumed for _, consumed in made.minutes] == [3, 2, 1]


def test_only_the_last_fifteen_minutes_are_kept():
    assert [consumed / 60 for _, consumed in course(*range(1, 20)).minutes] == list(range(5, 20))
    old = with_minute(course(1), NOW_MS - 16 * MINUTE_MS, 60)
    assert old == course(1)


def test_what_was_decided_is_not_decided_again_once_it_is_done():
    out = decided(course(14, 14))
    assert decided(course(14, 14), capacity=out.capacity) is None
    down = decided(course(*[2.8] * 15))
    assert decided(course(*[2.8] * 15), capacity=down.capacity) is None


def test_on_demand_nothing_is_scaled():
    assert decided(course(14, 14), capacity=0) is None
