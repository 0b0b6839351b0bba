"""What EventBridge does by itself: hand events to targets, try again, give up into dead-letter queues.

Source: EventBridge user guide, "How EventBridge retries delivering events", "Using dead-letter queues to process
undelivered events", "Sending and receiving events between event buses".
"""

import logging
from typing import Any

import orjson

from pileus.delivery.dispatcher import TryAgain
from pileus.kernel import principal as principals
from pileus.kernel.arn import parse_arn
from pileus.kernel.errors import AwsError
from pileus.kernel.principal import Principal
from pileus.services.events import target_kinds
from pileus.services.events.inputs import input_for
from pileus.services.events.names import SERVICE_PRINCIPAL, BusKey, bus_of_arn
from pileus.services.events.state import archives, publishing, replays, schedules
from pileus.services.events.state.tables import MAX_EVENT_AGE_S, MAX_RETRY_ATTEMPTS, find_bus
from pileus.store.events import Event
from pileus.store.transaction import Transaction

log = logging.getLogger("pileus.events")

FIRST_RETRY_MS = 1_000
LAST_RETRY_MS = 480_000
"""AWS says "exponential, with jitter, up to 185 times in 24 hours": eight minutes apart in the end."""
MOST_BUSES = 2
"""An event goes from one bus to another, and not on to a third."""

_THROTTLED = ("Throttl", "TooManyRequests", "LimitExceeded", "ThroughputExceeded", "SlowDown")
_ABSENT = ("NotFound", "DoesNotExist", "NoSuch", "NonExistent")
_COLLIDED = ("ResourceConflict", "ResourceInUse", "ConcurrentModification")


class Failed(Exception):
    """A delivery that did not come about. `code` is one of those that dead letters carry."""

    def __init__(self, code: str, message: str, *, can_be_retried: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.can_be_retried = can_be_retried


async def deliver(cloud: Any, event: Event) -> None:
    """Hand one event to one target of one rule. Raises TryAgain as long as the target's retry policy says so."""
    told = event.payload
    policy = told["target"].get("RetryPolicy") or {}
    most_attempts = policy.get("MaximumRetryAttempts", MAX_RETRY_ATTEMPTS)
    ends_ms = told["received_ms"] + policy.get("MaximumEventAgeInSeconds", MAX_EVENT_AGE_S) * 1000
    try:
        await _send(cloud, told)
    except Failed as failure:
        now_ms = cloud.clock.now_ms()
        exhausted = None
        if failure.can_be_retried:
            if now_ms >= ends_ms:
                exhausted = "MaximumEventAgeInSeconds"
            elif event.attempts >= most_attempts:
                exhausted = "MaximumRetryAttempts"
            else:
                raise TryAgain(min(_pause_ms(cloud, event.attempts), ends_ms - now_ms)) from failure
        await _give_up(cloud, told, failure, exhausted, event.attempts)


def _pause_ms(cloud: Any, attempts: int) -> int:
    longest_ms = min(FIRST_RETRY_MS << min(attempts, 20), LAST_RETRY_MS)
    return longest_ms // 2 + int(cloud.ids.fraction() * longest_ms / 2)


async def _send(cloud: Any, told: dict) -> None:
    """Raises Failed."""
    event = orjson.loads(told["event"])
    target = told["target"]
    arn = parse_arn(target["Arn"])
    principal = await _principal(cloud, told)
    if arn.service == target_kinds.BUS:
        await _forward(cloud, told, event, principal)
        return
    text = input_for(target, event, rule_arn=told["rule"], rule_name=told["rule_name"], received_ms=told["received_ms"])
    for service, operation, request in target_kinds.requests_of(told, event, text, cloud.endpoint):
        try:
            await _ask(cloud, told, principal, target["Arn"], service, operation, request)
        except AwsError as error:
            # The log stream is there from an attempt before this one.
            if error.code != "ResourceAlreadyExistsException":
                raise _failure(error) from error


async def _forward(cloud: Any, told: dict, event: dict, principal: Principal) -> None:
    """Into another bus, as the same event; its rules' deliveries are committed with it."""
    bus = bus_of_arn(told["target"]["Arn"])
    if len(told["came_by"]) >= MOST_BUSES:
        is_known_region = bus.region in {parse_arn(arn).region for arn in told["came_by"]}
        code = "THIRD_ACCOUNT_HOP_DETECTED" if is_known_region else "THIRD_REGION_HOP_DETECTED"
        raise Failed(code, f"The event came to {told['came_by'][-1]} from another event bus.", can_be_retried=False)
    call = cloud.call("events", "PutEvents", principal=principal, account=bus.account, region=bus.region)
    entry = {"EventBusName": bus.arn, "Source": event["source"], "DetailType": event["detail-type"]}
    try:
        await cloud.authorize(call, {"Entries": [entry]})
        if not await cloud.store.write(_receive, bus, event, told["came_by"], told["trace"]):
            raise Failed("NO_RESOURCE", f"Event bus {bus.name} does not exist.", can_be_retried=False)
    except AwsError as error:
        raise _failure(error) from error


def _receive(tx: Transaction, bus: BusKey, event: dict, came_by: list[str], trace: str) -> bool:
    if find_bus(tx, bus) is None:
        return False
    publishing.route(tx, bus, event, came_by=came_by, received_ms=tx.now_ms, trace=trace)
    return True


async def _principal(cloud: Any, told: dict) -> Principal:
    """As whom the target is called: its role if it names one, else EventBridge itself on the rule's behalf; between
    buses, the account that owns the rule, which is whom policies of buses speak of. Raises Failed."""
    role = told["target"].get("RoleArn")
    bus = BusKey(*told["bus"])
    if role is None:
        if parse_arn(told["target"]["Arn"]).service == target_kinds.BUS:
            return principals.root(bus.account)
        return _itself(told)
    try:
        # The session's name is the event's id: it has the form that a session's name must have.
        name = orjson.loads(told["event"])["id"]
        asked = cloud.call(
            "sts",
            "AssumeRole",
            principal=_itself(told),
            account=role.split(":")[4],
            region=bus.region,
            source_arn=told["rule"],
        )
        answer = await cloud.invoke(asked, {"RoleArn": role, "RoleSessionName": name})
    except AwsError as error:
        code = "TRANSIENT_ASSUME_ROLE" if error.is_fault else "FAILED_TO_ASSUME_ROLE"
        raise Failed(code, error.message, can_be_retried=error.is_fault) from error
    role_id = answer["AssumedRoleUser"]["AssumedRoleId"].partition(":")[0]
    return principals.role_session(
        role, role_id, name, issued_ms=asked.now_ms, access_key_id=answer["Credentials"]["AccessKeyId"]
    )


def _itself(told: dict) -> Principal:
    return principals.service(SERVICE_PRINCIPAL, source_account=told["bus"][0], source_arn=told["rule"])


async def _ask(
    cloud: Any, told: dict, principal: Principal, arn_text: str, service: str, operation: str, request: dict
) -> dict:
    arn = parse_arn(arn_text)
    call = cloud.call(
        service,
        operation,
        principal=principal,
        account=arn.account,
        region=arn.region,
        source_arn=told["rule"] if principal.kind == "service" else None,
    )
    return await cloud.invoke(call, request)


def _failure(error: AwsError) -> Failed:
    """Missing permissions and targets are not retried: nothing but the user can mend them."""
    if "AccessDenied" in error.code:
        return Failed("NO_PERMISSIONS", error.message, can_be_retried=False)
    if any(word in error.code for word in _ABSENT):
        return Failed("NO_RESOURCE", error.message, can_be_retried=False)
    if any(word in error.code for word in _THROTTLED):
        return Failed("THROTTLING", error.message, can_be_retried=True)
    if any(word in error.code for word in _COLLIDED):
        return Failed("RESOURCE_MODIFICATION_COLLISION", error.message, can_be_retried=True)
    if error.is_fault and error.code != "NotImplemented":
        return Failed("INTERNAL_ERROR", error.message, can_be_retried=True)
    return Failed("INVALID_PARAMETER", error.message, can_be_retried=False)


async def _give_up(cloud: Any, told: dict, failure: Failed, exhausted: str | None, attempts: int) -> None:
    """Into the target's dead-letter queue, as the event came: before any transformation."""
    target = told["target"]
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if queue is None:
        log.warning("%s gives up an event for %s after %s retries: %s", told["rule"], target["Arn"], attempts, failure)
        return
    attributes = {
        "RULE_ARN": told["rule"],
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": failure.message or failure.code,
        "RETRY_ATTEMPTS": str(attempts),
    }
    if exhausted is not None:
        attributes["EXHAUSTED_RETRY_CONDITION"] = exhausted
    arn = parse_arn(queue)
    request = {
        "QueueUrl": f"{cloud.endpoint}/{arn.account}/{arn.resource}",
        "MessageBody": told["event"].decode(),
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
    try:
        await _ask(cloud, told, _itself(told), queue, "sqs", "SendMessage", request)
    except AwsError as error:
        if error.is_fault:
            raise
        log.warning("%s can't send to the dead-letter queue %s: %s", told["rule"], queue, error)


async def route(cloud: Any, event: Event) -> None:
    """Go on with the rules of an event that matched too many for one transaction."""
    rest = event.payload
    await cloud.store.write(
        publishing.route,
        BusKey(*rest["bus"]),
        orjson.loads(rest["event"]),
        came_by=rest["came_by"],
        received_ms=rest["received_ms"],
        trace=rest["trace"],
        after=rest["after"],
        only=rest["only"],
    )


async def replay(cloud: Any, event: Event) -> None:
    """Replay step by step: each is one transaction, which knows where the one before it ended."""
    while await cloud.store.write(replays.step, tuple(event.payload["key"])):
        pass


EVENTS = {publishing.DELIVER: deliver, publishing.ROUTE: route, replays.REPLAY: replay}
TIMERS = {schedules.TICK: schedules.tick, archives.EXPIRE: archives.expire, replays.FORGET: replays.forget}
