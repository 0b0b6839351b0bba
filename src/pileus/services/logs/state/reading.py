"""Reading events in the order of their times, from one stream or many, forwards and backwards.

The problem. Events lie in rows, one a PutLogEvents call, sorted by their first event; the rows of a stream overlap
where calls did, and a group has any number of streams. Answers are sorted by timestamp, then by when the call came.

The way. An event's place is (timestamp, sequence of its row, index in the row): unique in the cloud, and the order
wanted. A merge opens a row when the walk reaches its first event and forgets it after its last, so memory holds the
rows that overlap one moment and no more; a stream is opened likewise, when the walk reaches its first event.

A *cursor* is a place used as a border: forwards what lies at it or after it, backwards what lies before it. So one
cursor does for both directions, and going forth and back loses and repeats nothing.

Rows sort by their first event and are less than WINDOW_MS long. That is what bounds both walks: forwards, a row that
ends after a time begins less than a window before it; backwards, all that is still to come ends less than a window
after the row just met begins.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush, heapreplace
from typing import NamedTuple

import msgspec

from pileus.services.logs.state.records import (
    BATCHES,
    EVENT_OVERHEAD_BYTES,
    PAGE_MAX_BYTES,
    STREAMS,
    WINDOW_MS,
    Batch,
    LogGroup,
    LogStream,
    message_bytes,
    require_stream,
)
from pileus.store.transaction import Transaction

Place = tuple[int, int, int]
"""(timestamp in ms, sequence, index)"""

_decode = msgspec.msgpack.Decoder(list[tuple[int, str]]).decode
_AFTER_ALL_INDEXES = 1 << 40


class Event(NamedTuple):
    """Compares as its place does: no two events have the same."""

    timestamp: int
    sequence: int
    index: int
    ingested_ms: int
    message: str
    stream_name: str

    @property
    def place(self) -> Place:
        return self[:3]

    @property
    def next_place(self) -> Place:
        return self.timestamp, self.sequence, self.index + 1


class Page(NamedTuple):
    """
    events      in the order of the walk
    cursor      where the walk goes on
    is_end      nothing lies beyond
    is_full     no more events or bytes were wanted
    scanned     events looked at
    room_bytes  that are left
    """

    events: list[Event]
    cursor: Place
    is_end: bool
    is_full: bool
    scanned: int
    room_bytes: int


def event_id(timestamp: int, sequence: int, index: int) -> str:
    """56 digits that sort as the places do, as AWS's do."""
    return f"{timestamp << 144 | sequence << 64 | index:056d}"


# One stream


def forward(tx: Transaction, stream: LogStream, low: Place, end_ms: int) -> Iterator[Event]:
    """Events from `low` on with timestamps below `end_ms`, oldest first."""
    open_rows: list[tuple[Event, Iterator[Event]]] = []
    for row in BATCHES.scan(tx, stream.group_id, stream.id, start=low[0] - WINDOW_MS + 1, until=end_ms):
        if row.last_ms < low[0]:
            continue
        # No event of this row or of a later one has a place below this.
        bound = (row.first_ms, row.sequence)
        while open_rows and open_rows[0][0] < bound:
            yield _take_next(open_rows)
        rest = _events(row, stream.name, low, (end_ms, 0, 0))
        _open(open_rows, rest)
    while open_rows:
        yield _take_next(open_rows)


def backward(tx: Transaction, stream: LogStream, start_ms: int, high: Place) -> Iterator[Event]:
    """Events with places below `high` and timestamps from `start_ms` on, newest first."""
    # Rows wait by their last event's place, negated, and are opened when their turn comes: the heap holds only keys.
    waiting: list[tuple] = []
    for row in BATCHES.scan(
        tx, stream.group_id, stream.id, start=start_ms - WINDOW_MS + 1, until=high[0] + 1, reverse=True
    ):
        bound_ms = row.first_ms + WINDOW_MS
        while waiting and -waiting[0][0] >= bound_ms:
            yield from _take_last(tx, stream, start_ms, high, waiting)
        if row.last_ms >= start_ms:
            heappush(waiting, (-row.last_ms, -row.sequence, -_AFTER_ALL_INDEXES, row.first_ms, None))
    while waiting:
        yield from _take_last(tx, stream, start_ms, high, waiting)


def _take_last(tx: Transaction, stream: LogStream, start_ms: int, high: Place, waiting: list[tuple]) -> Iterator[Event]:
    """The newest of what waits, or nothing where a row had to be opened first."""
    _, negative_sequence, _, row_or_event, rest = waiting[0]
    if rest is None:
        row = BATCHES.get(tx, stream.group_id, stream.id, row_or_event, -negative_sequence)
        assert row is not None
        rest = _events_reversed(row, stream.name, (start_ms, 0, 0), high)
    else:
        yield row_or_event
    following = next(rest, None)
    if following is None:
        heappop(waiting)
    else:
        timestamp, sequence, index = following.place
        heapreplace(waiting, (-timestamp, -sequence, -index, following, rest))


def _events(row: Batch, stream_name: str, low: Place, high: Place) -> Iterator[Event]:
    """Those of the row from `low` on that lie before `high`."""
    entries = _decode(row.entries)
    for index in range(_border(row, entries, low), _border(row, entries, high)):
        timestamp, message = entries[index]
        yield Event(timestamp, row.sequence, index, row.ingested_ms, message, stream_name)


def _events_reversed(row: Batch, stream_name: str, low: Place, high: Place) -> Iterator[Event]:
    entries = _decode(row.entries)
    for index in range(_border(row, entries, high) - 1, _border(row, entries, low) - 1, -1):
        timestamp, message = entries[index]
        yield Event(timestamp, row.sequence, index, row.ingested_ms, message, stream_name)


def _border(row: Batch, entries: list[tuple[int, str]], place: Place) -> int:
    """How many of the row's events lie before `place`."""
    timestamp, sequence, index = place
    before = bisect_left(entries, (timestamp,))
    if sequence < row.sequence:
        return before
    through = bisect_left(entries, (timestamp + 1,))
    return through if sequence > row.sequence else min(max(before, index), through)


def _open(heap: list, events: Iterator[Event]) -> None:
    first = next(events, None)
    if first is not None:
        heappush(heap, (first, events))


def _take_next(heap: list) -> Event:
    event, rest = heap[0]
    following = next(rest, None)
    if following is None:
        heappop(heap)
    else:
        heapreplace(heap, (following, rest))
    return event


# Many streams


def find_streams(tx: Transaction, group: LogGroup, names: Iterable[str] | None, prefix: str) -> list[LogStream]:
    """Those of `names`, or all whose names begin with `prefix`, that ever had events. Raises LogStreamNotFound."""
    if names is not None:
        found = [require_stream(tx, group, name) for name in dict.fromkeys(names)]
    else:
        found = []
        for stream in STREAMS.scan(tx, group.id, **({"start": prefix} if prefix else {})):
            if not stream.name.startswith(prefix):
                break
            found.append(stream)
    return [stream for stream in found if stream.last_event_ms >= 0]


def forward_all(tx: Transaction, streams: Iterable[LogStream], low: Place, end_ms: int) -> Iterator[Event]:
    """As `forward`, of all the streams."""
    coming = [stream for stream in streams if stream.last_event_ms >= low[0] and stream.first_event_ms < end_ms]
    open_streams: list[tuple[Event, Iterator[Event]]] = []
    for stream in sorted(coming, key=lambda each: each.first_event_ms):
        while open_streams and open_streams[0][0].timestamp < stream.first_event_ms:
            yield _take_next(open_streams)
        _open(open_streams, forward(tx, stream, low, end_ms))
    while open_streams:
        yield _take_next(open_streams)


def backward_all(tx: Transaction, streams: Iterable[LogStream], start_ms: int, high: Place) -> Iterator[Event]:
    """As `backward`, of all the streams."""
    coming = [stream for stream in streams if stream.last_event_ms >= start_ms and stream.first_event_ms <= high[0]]
    open_streams: list[tuple[Place, Event, Iterator[Event]]] = []
    for stream in sorted(coming, key=lambda each: -each.last_event_ms):
        while open_streams and -open_streams[0][0][0] > stream.last_event_ms:
            yield _take_previous(open_streams)
        events = backward(tx, stream, start_ms, high)
        first = next(events, None)
        if first is not None:
            heappush(open_streams, (_negative(first), first, events))
    while open_streams:
        yield _take_previous(open_streams)


def _take_previous(heap: list[tuple[Place, Event, Iterator[Event]]]) -> Event:
    _, event, rest = heap[0]
    following = next(rest, None)
    if following is None:
        heappop(heap)
    else:
        heapreplace(heap, (_negative(following), following, rest))
    return event


def _negative(event: Event) -> Place:
    return -event.timestamp, -event.sequence, -event.index


# Pages


def read_page(
    tx: Transaction,
    group: LogGroup,
    streams: list[LogStream],
    cursor: Place,
    *,
    start_ms: int,
    end_ms: int,
    is_forward: bool,
    limit: int,
    room_bytes: int = PAGE_MAX_BYTES,
    is_first: bool = True,
    matches: Callable[[str], bool] | None = None,
    max_scanned: int | None = None,
) -> Page:
    """Up to `limit` events from the cursor on with timestamps from start_ms to before end_ms, in that direction.

    room_bytes   for the events
    is_first     an event may be larger than that, if it is the first
    max_scanned  look at no more events than that
    """
    start_ms = max(start_ms, group.expired_before_ms(tx.now_ms))
    if is_forward:
        walk = forward_all(tx, streams, max(cursor, (start_ms, 0, 0)), end_ms)
    else:
        walk = backward_all(tx, streams, start_ms, min(cursor, (end_ms, 0, 0)))
    events: list[Event] = []
    scanned = 0
    for event in walk:
        if len(events) == limit:
            return Page(events, cursor, False, True, scanned, room_bytes)
        if scanned == max_scanned:
            return Page(events, cursor, False, False, scanned, room_bytes)
        if matches is None or matches(event.message):
            size = message_bytes(event.message) + EVENT_OVERHEAD_BYTES
            if size > room_bytes and (events or not is_first):
                return Page(events, cursor, False, True, scanned, room_bytes)
            room_bytes -= size
            events.append(event)
        scanned += 1
        cursor = event.next_place if is_forward else event.place
    return Page(events, cursor, True, False, scanned, room_bytes)
