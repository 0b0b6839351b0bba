"""What is measured, what is decided about it, and what becomes of that: activities.

A decision, the activity that tells of it and the event that carries it out are one commit. While an activity is under
way nothing else is decided about its target.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from pileus.kernel.clock import FOREVER_MS
from pileus.services.application_autoscaling import tracking
from pileus.services.application_autoscaling.names import TargetKey
from pileus.services.application_autoscaling.state.tables import (
    ACTIVITIES,
    ACTIVITIES_KEPT_MS,
    IN_PROGRESS,
    POLICIES,
    STATES,
    SUCCESSFUL,
    TARGETS,
    Activity,
    ScalingPolicy,
    State,
    Target,
    tracking_of,
)
from pileus.services.application_autoscaling.tracking import IN_MINUTES, MINUTE_MS
from pileus.store.transaction import Transaction

KEEP_RANGE = "application-autoscaling.keep-range"
SCALE = "application-autoscaling.scale"
RESTED = "application-autoscaling.rested"
REST = "application-autoscaling.rest"
FORGET = "application-autoscaling.forget"

GRACE_MS = 30_000
"""What was measured of a minute comes some time after its end."""
FORGOTTEN_AT_ONCE = 1_000


def state_of(tx: Transaction, key: TargetKey) -> State | None:
    """None where it is no target (any more)."""
    return STATES.get(tx, *key)


# Decisions


def measure(tx: Transaction, key: TargetKey, minute_ms: int, consumed: float, capacity: int | None, seen: int) -> bool:
    """Keep what was consumed in a minute, and decide. False: look at the capacity again, a scaling has changed it.

    capacity  what is provisioned; None: there is no such table (any more)
    seen      State.changes before the capacity was looked at
    """
    state = STATES.get(tx, *key)
    if state is None:
        return True
    if state.changes != seen:
        return False
    state = replace(state, course=tracking.with_minute(state.course, minute_ms, consumed))
    if minute_ms > state.decided_ms:
        state = _decide(tx, state, minute_ms, capacity)
    STATES.put(tx, state)
    rest(tx, state)
    return True


def rested(tx: Transaction, key: TargetKey, minute_ms: int, capacity: int | None, seen: int) -> bool:
    """Decide about a minute in which nothing was consumed, as in those before it. Answers as `measure`."""
    state = STATES.get(tx, *key)
    if state is None:
        return True
    if state.changes != seen:
        return False
    if minute_ms <= state.decided_ms:
        return True
    decided = _decide(tx, state, minute_ms, capacity)
    STATES.put(tx, decided)
    if not decided.activity:
        _rest_until_cool(tx, decided)
    return True


def _decide(tx: Transaction, state: State, minute_ms: int, capacity: int | None) -> State:
    state = replace(state, decided_ms=minute_ms, capacity=state.capacity if capacity is None else capacity)
    found = _tracked(tx, state.key)
    if found is None or state.activity:
        return state
    target, policy = found
    decision = tracking.decide(state.course, minute_ms, state.capacity, tracking_of(target, policy), tx.now_ms)
    if decision is None:
        return state
    return _start(tx, state, decision.capacity, policy.cause(is_out=decision.is_out), is_of_policy=True)


def _tracked(tx: Transaction, key: TargetKey) -> tuple[Target, ScalingPolicy] | None:
    """A target of DynamoDB has one policy at most: there is one metric that fits it, and a policy for each metric."""
    target, policy = TARGETS.get(tx, *key), POLICIES.first(tx, *key)
    return None if target is None or policy is None else (target, policy)


def keep_range(tx: Transaction, key: TargetKey, capacity: int, seen: int) -> bool:
    """Bring the capacity into the target's range. False: not now, a scaling is under way or has just been done."""
    state, target = STATES.get(tx, *key), TARGETS.get(tx, *key)
    if state is None or target is None:
        return True
    if state.changes != seen or state.activity:
        return False
    wanted = min(max(capacity, target.least), target.most)
    if wanted != capacity:
        cause = f"{'minimum' if wanted > capacity else 'maximum'} capacity was set to {wanted}"
        state = replace(state, capacity=capacity)
        STATES.put(tx, _start(tx, state, wanted, cause, is_of_policy=False))
    return True


# A table that nobody uses: nothing is measured then, so a timer has to look


def rest(tx: Transaction, state: State | None) -> None:
    """Look at the target when it has been idle for as long as it takes to scale in."""
    if state is None or _tracked(tx, state.key) is None:
        return
    minutes = state.course.minutes
    idle_from_ms = minutes[-1][0] + MINUTE_MS if minutes else state.course.since_ms
    at_ms = idle_from_ms + IN_MINUTES * MINUTE_MS + GRACE_MS
    tx.wake_at(max(at_ms, tx.now_ms + GRACE_MS), REST, str(state.key))


def _rest_until_cool(tx: Transaction, state: State) -> None:
    found = _tracked(tx, state.key)
    if found is not None:
        cool_ms = tracking.may_scale_in_at_ms(state.course, tracking_of(*found))
        if cool_ms > tx.now_ms:
            tx.wake_at(cool_ms + MINUTE_MS, REST, str(state.key))


def changed(tx: Transaction, account: str, region: str, resource: str) -> None:
    """Somebody has set the capacity of a table or index: where it is idle, what is too much goes soon."""
    for state in STATES.scan(tx, account, region, resource):
        rest(tx, state)


def look(tx: Transaction, key: str) -> None:
    """Timer. The last minute of which all is known has ended GRACE_MS ago."""
    minute_ms = (tx.now_ms - GRACE_MS) // MINUTE_MS * MINUTE_MS - MINUTE_MS
    tx.emit(RESTED, {"key": key.split("|"), "minute_ms": minute_ms})


# Activities


def _start(tx: Transaction, state: State, wanted: int, cause: str, *, is_of_policy: bool) -> State:
    key = state.key
    if ACTIVITIES.first(tx, key.account, key.region) is None:
        tx.wake_at(tx.now_ms + ACTIVITIES_KEPT_MS, FORGET, f"{key.account}|{key.region}")
    number = tx.next_sequence()
    activity = Activity(
        key.account,
        key.region,
        number,
        key.resource,
        key.dimension,
        tx.ids.uuid(),
        tx.now_ms,
        state.capacity,
        wanted,
        cause,
        is_of_policy,
    )
    ACTIVITIES.put(tx, activity)
    tx.emit(SCALE, {"account": key.account, "region": key.region, "number": number})
    return replace(state, activity=number)


def find_activity(tx: Transaction, account: str, region: str, number: int) -> Activity | None:
    return ACTIVITIES.get(tx, account, region, number)


def accepted(tx: Transaction, activity: Activity) -> None:
    """DynamoDB has taken the change."""
    message = (
        f"Successfully set {activity.key.said} to {activity.wanted}. Waiting for change to be fulfilled by dynamodb."
    )
    ACTIVITIES.put(tx, replace(activity, status=IN_PROGRESS, message=message))


def end(tx: Transaction, activity: Activity, status: str, message: str, *, is_gone: bool = False) -> None:
    """is_gone: what was to be scaled is not there any more; no use to look at it again."""
    ACTIVITIES.put(tx, replace(activity, status=status, message=message, ended_ms=tx.now_ms))
    state = STATES.get(tx, *activity.key)
    if state is None or state.activity != activity.number:  # deregistered meanwhile
        return
    state = replace(state, activity=0, changes=state.changes + 1)
    if status == SUCCESSFUL and activity.is_of_policy:
        by_units = activity.wanted - activity.had
        state = replace(state, course=tracking.scaled(state.course, tx.now_ms, by_units=by_units))
    STATES.put(tx, state)
    if status != SUCCESSFUL and not is_gone:
        # What is used is measured again in a minute; what is not used would never be.
        tx.wake_at(tx.now_ms + IN_MINUTES * MINUTE_MS, REST, str(activity.key))


def find_activities(
    tx: Transaction, account: str, region: str, *, resource: str, dimension: str, before: int
) -> Iterator[Activity]:
    """The newest first, those of the last six weeks."""
    if resource:
        found = ACTIVITIES.by_resource.scan(tx, account, region, resource, until=before, reverse=True)
    else:
        found = ACTIVITIES.scan(tx, account, region, until=before, reverse=True)
    for activity in found:
        if activity.started_ms <= tx.now_ms - ACTIVITIES_KEPT_MS:
            return
        if dimension in ("", activity.dimension):
            yield activity


NEWEST = FOREVER_MS
"""Before this number is every activity."""


def forget(tx: Transaction, key: str) -> None:
    """Timer: remove activities that are too old, a bounded number at a time."""
    account, region = key.split("|")
    gone: list[Activity] = []
    for activity in ACTIVITIES.scan(tx, account, region):
        expires_ms = activity.started_ms + ACTIVITIES_KEPT_MS
        if expires_ms > tx.now_ms or len(gone) == FORGOTTEN_AT_ONCE:
            tx.wake_at(max(expires_ms, tx.now_ms), FORGET, key)
            break
        gone.append(activity)
    for activity in gone:
        ACTIVITIES.remove(tx, activity)
