"""Streams, and the writing of events."""

from itertools import groupby

import msgspec
from msgspec.structs import replace

from pileus.services.logs import errors, patterns
from pileus.services.logs.state.groups import GroupKey, refuse_if_protected
from pileus.services.logs.state.reading import event_id
from pileus.services.logs.state.records import (
    BATCH_MAX_SPAN_MS,
    BATCHES,
    EVENT_OVERHEAD_BYTES,
    ROW_EVENTS,
    STREAMS,
    TOO_NEW_MS,
    TOO_OLD_MS,
    WINDOW_MS,
    Batch,
    LogGroup,
    LogStream,
    add_stored_bytes,
    message_bytes,
    require_group,
    require_stream,
)
from pileus.store.transaction import Transaction

DELIVERY = "logs.deliver"
"""The outbox's kind of what a subscription takes; see background.py."""

Entry = tuple[int, str]
"""(timestamp in ms, message)"""

_encode = msgspec.msgpack.Encoder().encode


class Put(msgspec.Struct, frozen=True):
    """What became of a call: places in its list of events. Each is None where no event is concerned.

    too_new_start  the first that is too new
    too_old_end    behind the last that is older than 14 days
    expired_end    behind the last that the group's retention has passed
    """

    sequence: int
    too_new_start: int | None = None
    too_old_end: int | None = None
    expired_end: int | None = None


def create_stream(tx: Transaction, group_key: GroupKey, name: str) -> None:
    group = require_group(tx, group_key)
    if STREAMS.has(tx, group.id, name):
        raise errors.LogStreamExists()
    STREAMS.put(tx, LogStream(group.id, name, tx.next_sequence(), tx.now_ms))


def delete_stream(tx: Transaction, group_key: GroupKey, name: str) -> None:
    group = require_group(tx, group_key)
    stream = require_stream(tx, group, name)
    refuse_if_protected(group)
    STREAMS.delete(tx, group.id, name)
    freed = sum(batch.stored_bytes for batch in BATCHES.scan(tx, group.id, stream.id))
    BATCHES.delete_all(tx, group.id, stream.id)
    add_stored_bytes(tx, group.id, -freed)


def put(tx: Transaction, group_key: GroupKey, stream_name: str, entries: list[Entry]) -> Put:
    """Write what is neither too old nor too new, and emit what subscriptions take.

    entries  in the order of their times
    """
    assert entries
    group = require_group(tx, group_key)
    stream = require_stream(tx, group, stream_name)
    accepted, result = _sort_out(tx, group, entries)
    if not accepted:
        return replace(result, sequence=stream.last_sequence)
    if accepted[-1][0] - accepted[0][0] > BATCH_MAX_SPAN_MS:
        raise errors.InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    batches = [_batch(tx, stream, part) for part in _rows(accepted)]
    for batch, _ in batches:
        BATCHES.insert(tx, batch)
    first_ms, last_ms = accepted[0][0], accepted[-1][0]
    sequence = batches[-1][0].sequence
    STREAMS.put(
        tx,
        replace(
            stream,
            first_event_ms=first_ms if stream.last_event_ms < 0 else min(stream.first_event_ms, first_ms),
            last_event_ms=max(stream.last_event_ms, last_ms),
            last_ingestion_ms=tx.now_ms,
            last_sequence=sequence,
        ),
    )
    add_stored_bytes(tx, group.id, sum(batch.stored_bytes for batch, _ in batches))
    if group.subscriptions:
        _emit(tx, group, stream_name, batches)
    return replace(result, sequence=sequence)


def _sort_out(tx: Transaction, group: LogGroup, entries: list[Entry]) -> tuple[list[Entry], Put]:
    """The entries to keep, and what is said of the others. They are in order: those lie at the ends."""
    too_old_ms = tx.now_ms - TOO_OLD_MS
    expired_ms = group.expired_before_ms(tx.now_ms)
    too_new_ms = tx.now_ms + TOO_NEW_MS
    if max(too_old_ms, expired_ms) <= entries[0][0] and entries[-1][0] <= too_new_ms:
        return entries, Put(0)
    too_old = sum(timestamp < too_old_ms for timestamp, _ in entries)
    expired = sum(timestamp < expired_ms for timestamp, _ in entries)
    new_from = sum(timestamp <= too_new_ms for timestamp, _ in entries)
    result = Put(0, new_from if new_from < len(entries) else None, too_old or None, expired or None)
    return entries[max(too_old, expired) : new_from], result


def _rows(entries: list[Entry]) -> list[list[Entry]]:
    """The entries as they go into rows: few enough, and close enough together."""
    if len(entries) <= ROW_EVENTS and entries[-1][0] - entries[0][0] < WINDOW_MS:
        return [entries]
    windows = (list(part) for _, part in groupby(entries, key=lambda entry: entry[0] // WINDOW_MS))
    return [part[at : at + ROW_EVENTS] for part in windows for at in range(0, len(part), ROW_EVENTS)]


def _batch(tx: Transaction, stream: LogStream, part: list[Entry]) -> tuple[Batch, list[Entry]]:
    size = sum(message_bytes(message) for _, message in part) + EVENT_OVERHEAD_BYTES * len(part)
    raw = msgspec.Raw(_encode(part))
    sequence = tx.next_sequence()
    return Batch(stream.group_id, stream.id, part[0][0], sequence, part[-1][0], tx.now_ms, size, raw), part


def _emit(tx: Transaction, group: LogGroup, stream_name: str, batches: list[tuple[Batch, list[Entry]]]) -> None:
    """In the same commit: an event that was acknowledged reaches its subscribers, whatever happens next."""
    for subscription in group.subscriptions:
        matches = patterns.compiled(subscription.pattern).matches
        taken = [
            [event_id(timestamp, batch.sequence, index), timestamp, message]
            for batch, part in batches
            for index, (timestamp, message) in enumerate(part)
            if matches(message)
        ]
        if taken:
            payload = {
                "account": group.account,
                "region": group.region,
                "group": group.name,
                "stream": stream_name,
                "filter": subscription.name,
                "destination": subscription.destination_arn,
                "events": taken,
            }
            tx.emit(DELIVERY, payload)
