"""Reading in order, against the plain way: sort everything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.services.logs.state import events, groups, reading
from pileus.services.logs.state.records import BATCHES, END, WINDOW_MS, require_group
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store
from pileus.store.transaction import Transaction

KEY = ("000000000000", "us-east-1", "g")
NOW = 1_767_225_600_000


class Writer:
    """Transitions applied at once, without an event loop."""

    def __init__(self):
        self.engine = MemoryEngine()
        self.store = Store(self.engine, Clock(frozen_at_ms=NOW), Ids(1))

    def transaction(self):
        return Transaction(self.engine, NOW, self.store.ids, self.store._sequence, {})

    def write(self, fn, *args, **kwargs):
        tx = self.transaction()
        result = fn(tx, *args, **kwargs)
        self.engine.apply(tx.changes, tx.ranges)
        return result


def group_with(batches):
    """A writer, and every event as (place, message, stream) in the order of places.

    batches  [(stream, [offsets in ms, ascending])]
    """
    writer = Writer()
    writer.write(groups.create, KEY, log_group_class="STANDARD", tags={}, is_protected=False)
    for name in {name for name, _ in batches}:
        writer.write(events.create_stream, KEY, name)
    for number, (name, offsets) in enumerate(batches):
        writer.write(events.put, KEY, name, [(NOW + offset, f"{number}/{at}") for at, offset in enumerate(offsets)])
    tx = writer.transaction()
    group = require_group(tx, KEY)
    streams = reading.find_streams(tx, group, None, "")
    names = {stream.id: stream.name for stream in streams}
    plain = sorted(
        ((timestamp, row.sequence, index), message, names[row.stream_id])
        for row in BATCHES.scan(tx, group.id)
        for index, (timestamp, message) in enumerate(reading._decode(row.entries))
    )
    return tx, group, streams, plain


def shown(found):
    return [(event.place, event.message, event.stream_name) for event in found]


OFFSETS = st.lists(
    st.one_of(st.integers(0, 3), st.integers(-4 * WINDOW_MS, 4 * WINDOW_MS)), min_size=1, max_size=6
).map(sorted)
BATCH_LISTS = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), OFFSETS), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(BATCH_LISTS, st.integers(-4 * WINDOW_MS, 4 * WINDOW_MS), st.integers(0, 5 * WINDOW_MS))
def test_both_directions_give_every_event_of_the_range_in_order(batches, start, length):
    tx, _, streams, plain = group_with(batches)
    start_ms, end_ms = NOW + start, NOW + start + length
    wanted = [each for each in plain if start_ms <= each[0][0] < end_ms]
    assert shown(reading.forward_all(tx, streams, (start_ms, 0, 0), end_ms)) == wanted
    assert shown(reading.backward_all(tx, streams, start_ms, (end_ms, 0, 0))) == wanted[::-1]
    for stream in streams:
        own = [each for each in wanted if each[2] == stream.name]
        assert shown(reading.forward(tx, stream, (start_ms, 0, 0), end_ms)) == own
        assert shown(reading.backward(tx, stream, start_ms, (end_ms, 0, 0))) == own[::-1]


@settings(max_examples=100, deadline=None)
@given(BATCH_LISTS, st.integers(1, 5), st.booleans())
def test_pages_joined_are_the_whole(batches, limit, is_forward):
    tx, group, streams, plain = group_with(batches)
    cursor = (0, 0, 0) if is_forward else END
    seen = []
    while True:
        page = reading.read_page(
            tx, group, streams, cursor, start_ms=0, end_ms=END[0], is_forward=is_forward, limit=limit
        )
        seen += shown(page.events)
        cursor = page.cursor
        if page.is_end:
            break
    assert seen == (plain if is_forward else plain[::-1])


def test_a_call_is_one_row_unless_it_spans_more_than_a_window():
    tx, group, _, _ = group_with([("a", [0, WINDOW_MS - 1])])
    assert len(list(BATCHES.scan(tx, group.id))) == 1
    tx, group, _, _ = group_with([("a", [0, WINDOW_MS])])
    assert len(list(BATCHES.scan(tx, group.id))) == 2


@pytest.mark.parametrize("place", [(0, 1, 0), (NOW, 5, 9_999), (NOW, (1 << 63) - 1, 1)])
def test_ids_of_events_have_56_digits_and_sort_as_places(place):
    timestamp, sequence, index = place
    assert len(reading.event_id(*place)) == 56
    assert reading.event_id(*place) < reading.event_id(timestamp, sequence, index + 1)
    assert reading.event_id(*place) < reading.event_id(timestamp, sequence + 1, 0)
    assert reading.event_id(*place) < reading.event_id(timestamp + 1, 1, 0)


async def test_reading_a_page_of_many_rows_looks_at_few(cloud):
    """A million events in a stream: a page decodes what it shows, not what lies before it."""
    store = cloud.store
    await store.write(groups.create, KEY, log_group_class="STANDARD", tags={}, is_protected=False)
    await store.write(events.create_stream, KEY, "a")
    for batch in range(100):
        entries = [(NOW + batch * 20_000 - 3_000_000, f"{batch} {n}") for n in range(10_000)]
        await store.write(events.put, KEY, "a", entries)
    decoded = 0
    decode = reading._decode

    def counted(raw):
        nonlocal decoded
        decoded += 1
        return decode(raw)

    reading._decode = counted
    try:
        found = await cloud.logs.GetLogEvents(logGroupName="g", logStreamName="a", limit=100)
        assert [event["message"] for event in found["events"]] == [f"99 {n}" for n in range(9_900, 10_000)]
        assert decoded == 1
    finally:
        reading._decode = decode
