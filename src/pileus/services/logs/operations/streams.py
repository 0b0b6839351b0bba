"""Log streams: create, delete, describe."""

from heapq import nlargest, nsmallest
from itertools import islice

from pileus.kernel.call import Call
from pileus.kernel.page import token_out
from pileus.services.logs import errors, names
from pileus.services.logs.operations.groups import DEFAULT_PAGE, token_or_error
from pileus.services.logs.state import events as state
from pileus.services.logs.state.records import STREAMS, LogStream, require_group
from pileus.store.transaction import Transaction


async def create_log_stream(call: Call, request: dict) -> dict:
    """Source: API reference, CreateLogStream"""
    await call.write(state.create_stream, names.group_key(call, request["logGroupName"]), request["logStreamName"])
    return {}


async def delete_log_stream(call: Call, request: dict) -> dict:
    """Source: API reference, DeleteLogStream"""
    await call.write(state.delete_stream, names.group_key(call, request["logGroupName"]), request["logStreamName"])
    return {}


async def describe_log_streams(call: Call, request: dict) -> dict:
    """Streams of a group, by name or by the time of their last event, up to `limit` (50).

    errors   ResourceNotFoundException, InvalidParameterException
    source   API reference, DescribeLogStreams
    """
    name = names.group_of(call, request)
    prefix, limit = request.get("logStreamNamePrefix", ""), request.get("limit", DEFAULT_PAGE)
    is_by_time = request.get("orderBy") == "LastEventTime"
    if is_by_time and prefix:
        raise errors.InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
    find = _by_time if is_by_time else _by_name
    after = token_or_error("DescribeLogStreams", request, [])
    is_descending = bool(request.get("descending"))
    if after and [type(part) for part in after] != ([int, str] if is_by_time else [str]):
        # The token is ours, but of a request in the other order.
        raise errors.InvalidParameterException("The specified nextToken is invalid.")
    found = await call.read(_page, names.group_key(call, name), find, prefix, is_descending, after, limit + 1)
    shown = found[:limit]
    result: dict = {"logStreams": [_stream_out(call, name, stream) for stream in shown]}
    if len(found) > limit:
        result["nextToken"] = token_out("DescribeLogStreams", list(_place(shown[-1], is_by_time)))
    return result


def _place(stream: LogStream, is_by_time: bool) -> tuple:
    """Streams without events sort as the oldest; those of one time by name."""
    return (stream.last_event_ms, stream.name) if is_by_time else (stream.name,)


def _page(tx: Transaction, group_key, find, prefix: str, is_descending: bool, after: list, count: int):
    return find(tx, require_group(tx, group_key).id, prefix, is_descending, after, count)


def _by_name(tx: Transaction, group_id: int, prefix: str, is_descending: bool, after: list, count: int):
    if after:
        (last_name,) = after
        limits = {"until": last_name} if is_descending else {"after": last_name}
    else:
        limits = {}
    if prefix and "after" not in limits:
        limits["start"] = prefix
    if is_descending and prefix and not after:
        # The last possible character behind the prefix ends the range from above.
        limits["until"] = prefix + "\U0010ffff"
    found = STREAMS.scan(tx, group_id, reverse=is_descending, **limits)
    return list(islice((stream for stream in found if stream.name.startswith(prefix)), count))


def _by_time(tx: Transaction, group_id: int, prefix: str, is_descending: bool, after: list, count: int):
    """Looks at every stream of the group: an index would cost each PutLogEvents two more writes."""
    streams = STREAMS.scan(tx, group_id)
    if after:
        last_ms, last_name = after
        last = (last_ms, last_name)
        streams = (
            stream
            for stream in streams
            if (_place(stream, True) < last if is_descending else _place(stream, True) > last)
        )
    return (nlargest if is_descending else nsmallest)(count, streams, key=lambda stream: _place(stream, True))


def _stream_out(call: Call, group_name: str, stream: LogStream) -> dict:
    out = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": names.stream_arn(call, group_name, stream.name),
        "storedBytes": 0,  # "no longer supported for log streams, and is always reported as zero"
    }
    if stream.last_event_ms >= 0:
        out |= {
            "firstEventTimestamp": stream.first_event_ms,
            "lastEventTimestamp": stream.last_event_ms,
            "lastIngestionTime": stream.last_ingestion_ms,
            "uploadSequenceToken": f"{stream.last_sequence:056d}",
        }
    return out
