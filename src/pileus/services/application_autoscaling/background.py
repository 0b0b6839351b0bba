"""What Application Auto Scaling does by itself: decide about each minute, bring capacities into their range, scale.

Source: DynamoDB developer guide, "Managing throughput capacity automatically with DynamoDB auto scaling"; user guide,
"Scaling activities for Application Auto Scaling".
"""

from collections.abc import Callable
from typing import Any

from pileus.delivery.dispatcher import TryAgain
from pileus.kernel.errors import AccessDenied
from pileus.kernel.principal import Principal
from pileus.services.application_autoscaling import capacity, role
from pileus.services.application_autoscaling.capacity import Gone, Provisioned, Refused
from pileus.services.application_autoscaling.names import TargetKey
from pileus.services.application_autoscaling.state import scaling
from pileus.services.application_autoscaling.state.tables import (
    FAILED,
    OVERRIDDEN,
    PENDING,
    SUCCESSFUL,
    Activity,
)
from pileus.store.events import Event

MEASURED = "application-autoscaling.measured"
"""DynamoDB's: what a table or global index consumed in a minute."""
CHANGED = "application-autoscaling.changed"
"""DynamoDB's: somebody set provisioned capacity of a table or global index, this service or another."""

AGAIN_MS = 1_000
BUSY_TIMES = 30
"""How often a table that others are changing is waited for before it is asked all the same."""

_BUSY = "UPDATING"
_SCALABLE = ("ACTIVE", _BUSY)


async def measured(cloud: Any, event: Event) -> None:
    """Keep a minute's consumption and decide. It may come twice: about each minute is decided once."""
    told = event.payload
    key = TargetKey(told["account"], told["region"], told["resource"], told["dimension"])
    await _decide(cloud, key, scaling.measure, told["minute_ms"], told["consumed"])


async def rested(cloud: Any, event: Event) -> None:
    """Nothing was consumed for a while: decide about that."""
    await _decide(cloud, TargetKey(*event.payload["key"]), scaling.rested, event.payload["minute_ms"])


async def changed(cloud: Any, event: Event) -> None:
    """An idle table that is given more than it needs is scaled in again: no minute would be told of it."""
    told = event.payload
    await cloud.store.write(scaling.changed, told["account"], told["region"], told["resource"])


async def _decide(cloud: Any, key: TargetKey, transition: Callable, *measured: Any) -> None:
    is_decided = False
    while not is_decided:
        state = await cloud.store.read(scaling.state_of, key)
        if state is None:
            return
        found = await _provisioned(cloud, key)
        units = None if found is None else found.units[key.units]
        is_decided = await cloud.store.write(transition, key, *measured, units, state.changes)


async def keep_range(cloud: Any, event: Event) -> None:
    """After a registration. A resource that is not active is let be, as the API reference says."""
    key = TargetKey(*event.payload["key"])
    state = await cloud.store.read(scaling.state_of, key)
    if state is None:
        return
    found = await _provisioned(cloud, key)
    if found is None or found.status not in _SCALABLE:
        return
    if not await cloud.store.write(scaling.keep_range, key, found.units[key.units], state.changes):
        raise TryAgain(AGAIN_MS)


async def _provisioned(cloud: Any, key: TargetKey) -> Provisioned | None:
    """None where nothing is there, or no role that could look: then the scaling itself will fail, and say so."""
    try:
        return await capacity.of(cloud, key, await role.session(cloud, key.account, key.region))
    except (AccessDenied, Gone):
        return None


async def scale(cloud: Any, event: Event) -> None:
    """Carry out one activity, and see it through. Killed on the way, it finds what is done already."""
    told = event.payload
    activity = await cloud.store.read(scaling.find_activity, told["account"], told["region"], told["number"])
    if activity is None or activity.is_over:
        return
    try:
        principal = await role.session(cloud, activity.account, activity.region)
        found = await capacity.of(cloud, activity.key, principal)
        if activity.status == PENDING:
            await _ask(cloud, activity, principal, found, event.attempts)
    except AccessDenied as error:
        await _failed(cloud, activity, error.message)
        return
    except Refused as error:
        await _failed(cloud, activity, str(error), is_gone=error.is_gone)
        return
    if activity.status == PENDING:
        await cloud.store.write(scaling.accepted, activity)
        raise TryAgain(AGAIN_MS)
    if found.status == _BUSY:
        raise TryAgain(AGAIN_MS)
    await _at_rest(cloud, activity, found)


async def _ask(cloud: Any, activity: Activity, principal: Principal, found: Provisioned, attempts: int) -> None:
    if found.units[activity.key.units] == activity.wanted:
        return  # asked for before the process was killed
    if found.status == _BUSY and attempts < BUSY_TIMES:
        raise TryAgain(AGAIN_MS)
    await capacity.change(cloud, activity.key, principal, found, activity.wanted)


async def _failed(cloud: Any, activity: Activity, reason: str, *, is_gone: bool = False) -> None:
    message = f"Failed to set {activity.key.said} to {activity.wanted}. Reason: {reason}"
    await cloud.store.write(scaling.end, activity, FAILED, message, is_gone=is_gone)


async def _at_rest(cloud: Any, activity: Activity, found: Provisioned) -> None:
    """With what was asked for, unless somebody else has changed it since. The words of that are not confirmed."""
    done = f"Successfully set {activity.key.said} to {activity.wanted}."
    if found.units[activity.key.units] == activity.wanted:
        message = f"{done} Change successfully fulfilled by dynamodb."
        await cloud.store.write(scaling.end, activity, SUCCESSFUL, message)
    else:
        await cloud.store.write(scaling.end, activity, OVERRIDDEN, f"{done} It was set anew by somebody else.")


scale.running_limit = 1
"""One after another: a table's reads and writes are set together, each with what the other is then."""

EVENTS = {
    MEASURED: measured,
    CHANGED: changed,
    scaling.RESTED: rested,
    scaling.KEEP_RANGE: keep_range,
    scaling.SCALE: scale,
}
TIMERS = {scaling.REST: scaling.look, scaling.FORGET: scaling.forget}
