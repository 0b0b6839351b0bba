"""Log events: put, get, filter."""

import asyncio
import re

from pileus.kernel.call import Call
from pileus.kernel.clock import FOREVER_MS
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.page import token_out
from pileus.services.logs import errors, names
from pileus.services.logs.operations.filters import pattern_of
from pileus.services.logs.operations.groups import token_or_error
from pileus.services.logs.state import events as state
from pileus.services.logs.state import reading
from pileus.services.logs.state.reading import Event, Page, Place
from pileus.services.logs.state.records import (
    BATCH_MAX_BYTES,
    END,
    EVENT_MAX_BYTES,
    EVENT_OVERHEAD_BYTES,
    PAGE_MAX_BYTES,
    PAGE_MAX_EVENTS,
    LogGroup,
    LogStream,
    message_bytes,
    require_group,
    require_stream,
)
from pileus.store.transaction import Transaction

SLICE_EVENTS = 10_000
"""Events filtered at a stretch, some 50 ms; then other requests have their turn."""

SCAN_EVENTS = 1_000_000
"""Events looked at for one FilterLogEvents; what is found by then is the page."""

DESCENDING_SINCE_MS = 1_704_067_200_000
"""2024-01-01. Source: API reference, FilterLogEvents, startFromHead"""

_TIMES = {"startTime": 0, "endTime": FOREVER_MS}

_TOKEN = re.compile(r"([fb])/(\d{56,64})/s\Z")


async def put_log_events(call: Call, request: dict) -> dict:
    """Write events. sequenceToken is ignored, as AWS does.

    returns  rejectedLogEventsInfo where some are too old or too new; the others are kept
    errors   ResourceNotFoundException, InvalidParameterException
    source   API reference, PutLogEvents
    """
    if request.get("entity"):
        raise NotImplementedByUs("logs:PutLogEvents with entity")
    entries = [(event["timestamp"], event["message"]) for event in request["logEvents"]]
    _check_batch(entries)
    put = await call.write(state.put, names.group_key(call, request["logGroupName"]), request["logStreamName"], entries)
    result: dict = {"nextSequenceToken": f"{put.sequence:056d}"}
    rejected = {
        "tooNewLogEventStartIndex": put.too_new_start,
        "tooOldLogEventEndIndex": put.too_old_end,
        "expiredLogEventEndIndex": put.expired_end,
    }
    if any(index is not None for index in rejected.values()):
        result["rejectedLogEventsInfo"] = {name: index for name, index in rejected.items() if index is not None}
    return result


def _check_batch(entries: list[tuple[int, str]]) -> None:
    total = 0
    previous_ms = 0
    for timestamp, message in entries:
        size = message_bytes(message) + EVENT_OVERHEAD_BYTES
        if size > EVENT_MAX_BYTES:
            raise errors.InvalidParameterException(
                f"Log event too large: {size} bytes exceeds limit of {EVENT_MAX_BYTES}"
            )
        total += size
        if timestamp < previous_ms:
            raise errors.InvalidParameterException(
                "Log events in a single PutLogEvents request must be in chronological order."
            )
        previous_ms = timestamp
    if total > BATCH_MAX_BYTES:
        raise errors.InvalidParameterException(f"Upload too large: {total} bytes exceeds limit of {BATCH_MAX_BYTES}")


async def get_log_events(call: Call, request: dict) -> dict:
    """Events of one stream, oldest first within the page; without a token the newest page, or from the head.

    returns  both tokens, always; at an end the same as was given
    errors   ResourceNotFoundException, InvalidParameterException
    source   API reference, GetLogEvents
    """
    key = names.group_key(call, names.group_of(call, request))
    start_ms, end_ms = _times(request)
    token = request.get("nextToken")
    if token is not None:
        is_forward, cursor = _token_in(token)
    else:
        is_forward = bool(request.get("startFromHead"))
        cursor = (0, 0, 0) if is_forward else END

    def page(tx: Transaction) -> Page:
        group = require_group(tx, key)
        stream = require_stream(tx, group, request["logStreamName"])
        return reading.read_page(
            tx,
            group,
            [stream] if stream.last_event_ms >= 0 else [],
            cursor,
            start_ms=start_ms,
            end_ms=end_ms,
            is_forward=is_forward,
            limit=request.get("limit", PAGE_MAX_EVENTS),
        )

    found = await call.read(page)
    events = found.events if is_forward else found.events[::-1]
    if events:
        before, after = events[0].place, events[-1].next_place
    else:
        # From an empty stream's end nobody would ever see what comes.
        before = after = (start_ms, 0, 0) if token is None else cursor
    return {
        "events": [
            {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested_ms}
            for event in events
        ],
        "nextForwardToken": _token_out("f", after),
        "nextBackwardToken": _token_out("b", before),
    }


def _token_out(direction: str, place: Place) -> str:
    return f"{direction}/{reading.event_id(*place)}/s"


def _token_in(token: str) -> tuple[bool, Place]:
    found = _TOKEN.match(token)
    if found is None:
        raise errors.InvalidParameterException("The specified nextToken is invalid.")
    number = int(found[2])
    place = (number >> 144, number >> 64 & (1 << 80) - 1, number & (1 << 64) - 1)
    if not _is_place(list(place)):
        raise errors.InvalidParameterException("The specified nextToken is invalid.")
    return found[1] == "f", place


def _times(request: dict) -> tuple[int, int]:
    """startTime and endTime, or all there is."""
    start_ms, end_ms = (min(request.get(name, default), FOREVER_MS) for name, default in _TIMES.items())
    if start_ms > end_ms:
        raise errors.InvalidParameterException("startTime must not be later than endTime.")
    return start_ms, end_ms


def _is_place(place: list) -> bool:
    """Whether a token's numbers are a place: it is the caller's to send anything."""
    return (
        len(place) == 3
        and all(type(number) is int for number in place)
        and 0 <= place[0] <= FOREVER_MS
        and 0 <= place[1] < 1 << 63
        and 0 <= place[2] < 1 << 63
    )


async def filter_log_events(call: Call, request: dict) -> dict:
    """Events of a group's streams that match a pattern, by time.

    request  endTime is included. interleaved is ignored, as AWS does
    returns  a page of up to `limit` events and 1 MB, which may be partly full; finished without nextToken
    errors   ResourceNotFoundException, InvalidParameterException
    source   API reference, FilterLogEvents
    """
    key = names.group_key(call, names.group_of(call, request))
    stream_names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix", "")
    if stream_names is not None and prefix:
        raise errors.InvalidParameterException(
            "logStreamNames and logStreamNamePrefix are mutually exclusive parameters."
        )
    start_ms, end_ms = _times(request)
    text = request.get("filterPattern", "")
    matches = pattern_of(text).matches if text.strip() else None
    is_forward, cursor = _first_cursor(request, start_ms)

    group, streams = await call.read(_group_and_streams, key, stream_names, prefix)
    events: list[Event] = []
    limit, room_bytes, left = request.get("limit", PAGE_MAX_EVENTS), PAGE_MAX_BYTES, SCAN_EVENTS
    while True:
        page = await call.read(
            reading.read_page,
            group,
            streams,
            cursor,
            start_ms=start_ms,
            end_ms=min(end_ms + 1, FOREVER_MS),
            is_forward=is_forward,
            limit=limit - len(events),
            room_bytes=room_bytes,
            is_first=not events,
            matches=matches,
            max_scanned=min(left, SLICE_EVENTS),
        )
        events += page.events
        cursor = page.cursor
        room_bytes = page.room_bytes
        left -= page.scanned
        if page.is_end or page.is_full or left <= 0:
            break
        await asyncio.sleep(0)
    result: dict = {"events": [_event_out(event) for event in events], "searchedLogStreams": []}
    if not page.is_end:
        result["nextToken"] = token_out("FilterLogEvents", [is_forward, *cursor])
    return result


def _first_cursor(request: dict, start_ms: int) -> tuple[bool, Place]:
    """The direction, which a token keeps, and where the walk begins."""
    token = token_or_error("FilterLogEvents", request, [])
    if token:
        is_forward, *place = token
        if type(is_forward) is not bool or not _is_place(place):
            raise errors.InvalidParameterException("The specified nextToken is invalid.")
        return is_forward, tuple(place)
    if request.get("startFromHead", True):
        return True, (start_ms, 0, 0)
    if start_ms < DESCENDING_SINCE_MS:
        raise errors.InvalidParameterException(
            "startFromHead can be false only when startTime is on or after Jan 1, 2024 00:00:00 UTC."
        )
    return False, END


def _group_and_streams(
    tx: Transaction, key: names.GroupKey, stream_names: list[str] | None, prefix: str
) -> tuple[LogGroup, list[LogStream]]:
    group = require_group(tx, key)
    return group, reading.find_streams(tx, group, stream_names, prefix)


def _event_out(event: Event) -> dict:
    return {
        "logStreamName": event.stream_name,
        "timestamp": event.timestamp,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
        "eventId": reading.event_id(*event.place),
    }
