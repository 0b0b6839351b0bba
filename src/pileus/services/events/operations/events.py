"""Events: sent, and tried on a pattern."""

import json
import logging
from datetime import UTC, datetime

import orjson

from pileus.delivery.patterns import InvalidPattern, compile
from pileus.kernel.call import Call
from pileus.kernel.clock import iso8601
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.events import errors, names
from pileus.services.events.state import publishing
from pileus.services.events.state.tables import PUT_EVENTS_MAX_BYTES

log = logging.getLogger("pileus.events")

TIME_BYTES = 14
MAX_DETAIL_TYPE_CHARACTERS = 128
NESTED_AT_LEAST = 200
"""Below so many brackets nothing is nested too deeply."""
REQUIRED = ("Source", "DetailType", "Detail")


class Refused(Exception):
    """An entry that is not accepted, while others of the request may be."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


async def put_events(call: Call, request: dict) -> dict:
    """Send events to buses; what each rule's targets are to get is committed with them.

    errors   ValidationException: too much in all, or no entry that has all that is required
    source   API reference, PutEvents and PutEventsResultEntry; user guide, "Calculating PutEvents event entry size"
    """
    if request.get("EndpointId"):
        raise NotImplementedByUs("events:PutEvents with EndpointId")
    entries = request["Entries"]
    if sum(map(_size_bytes, entries)) > PUT_EVENTS_MAX_BYTES:
        raise errors.ValidationException("Total size of the entries in the request is over the limit.")
    missing = [_missing(entry) for entry in entries]
    if all(missing):
        raise errors.ValidationException(_required(missing[0]))
    results: list[dict] = []
    accepted: list[tuple[names.BusKey, dict, str]] = []
    for entry in entries:
        try:
            accepted.append(_event_in(call, entry))
            results.append({})
        except Refused as refused:
            results.append({"ErrorCode": refused.code, "ErrorMessage": refused.message})
    failed = len(entries) - len(accepted)
    published = iter(await call.write(publishing.publish, accepted) if accepted else ())
    for entry, result in zip(entries, results, strict=True):
        if not result:
            result["EventId"], is_there = next(published)
            if not is_there:
                log.warning("an event for %s reaches nobody: there is no such event bus", entry["EventBusName"])
    return {"FailedEntryCount": failed, "Entries": results}


async def test_event_pattern(call: Call, request: dict) -> dict:
    """Whether the pattern matches the event, which must have what every event has.

    errors   InvalidEventPatternException, ValidationException
    source   API reference, TestEventPattern
    """
    try:
        pattern = compile(request["EventPattern"])
    except InvalidPattern as error:
        raise errors.InvalidEventPatternException(str(error)) from None
    try:
        event = json.loads(request["Event"])
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise errors.ValidationException("Parameter Event is not valid.")
    for name in ("id", "account", "source", "time", "region", "resources", "detail-type"):
        if name not in event:
            raise errors.ValidationException(f"Parameter Event is not valid. Reason: {name} is a required argument.")
    return {"Result": pattern.matches(event)}


def _event_in(call: Call, entry: dict) -> tuple[names.BusKey, dict, str]:
    """(bus, event, trace header). Raises Refused."""
    missing = _missing(entry)
    if missing:
        raise Refused("InvalidArgument", _required(missing))
    # What is AWS's own only AWS's own services say.
    if entry["Source"].startswith("aws.") and call.principal.kind != "service":
        raise Refused("NotAuthorizedForSourceException", "Not authorized for the source.")
    if len(entry["DetailType"]) > MAX_DETAIL_TYPE_CHARACTERS:
        raise Refused(
            "InvalidArgument",
            f"Parameter DetailType is not valid. Reason: DetailType has more than {MAX_DETAIL_TYPE_CHARACTERS} "
            "characters.",
        )
    bus = names.bus_of(call, entry.get("EventBusName"))
    if bus.region != call.region:
        raise Refused("InvalidArgument", "Parameter EventBusName is not valid. Reason: it is in another Region.")
    event = {
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": call.account,
        "time": _time_in(call, entry.get("Time")),
        "region": bus.region,
        "resources": entry.get("Resources") or [],
        "detail": _detail_in(entry["Detail"]),
    }
    return bus, event, entry.get("TraceHeader") or ""


def _missing(entry: dict) -> str | None:
    return next((name for name in REQUIRED if not entry.get(name)), None)


def _required(name: str) -> str:
    return f"Parameter {name} is not valid. Reason: {name} is a required argument."


def _detail_in(text: str) -> dict:
    try:
        detail = orjson.loads(text)
        if text.count("{") + text.count("[") > NESTED_AT_LEAST:
            orjson.dumps(detail)  # what is nested deeper than it prints could not be delivered
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        detail = None
    if not isinstance(detail, dict):
        raise Refused("MalformedDetail", "Detail is malformed.")
    return detail


def _time_in(call: Call, time: datetime | float | None) -> str:
    """Events say the second."""
    if time is None:
        return f"{iso8601(call.now_ms)[:19]}Z"
    if not isinstance(time, datetime):
        time = datetime.fromtimestamp(time, UTC)
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _size_bytes(entry: dict) -> int:
    texts = [entry.get(name) or "" for name in REQUIRED] + (entry.get("Resources") or [])
    return sum(len(text.encode()) for text in texts) + (TIME_BYTES if entry.get("Time") is not None else 0)
