"""The standard queue against a plain model of it: whatever is done in whatever order, both say the same."""

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.services.sqs.addresses import Address
from pileus.services.sqs.background import TIMERS
from pileus.services.sqs.state import messages, queues, receipts
from pileus.services.sqs.state.tables import BACKLOGS, GROUPS, MESSAGES, QUEUES, Content
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store
from pileus.store.timers import TIMERS as TIMER_ROWS
from pileus.store.timers import take

ADDRESS = Address("000000000000", "us-east-1", "jobs")
RETENTION_S = 60
START_MS = 1_767_225_600_000


class Model:
    """A message as a plain record: what SQS's documentation says of it, and no more."""

    def __init__(self, body: str, sent_at_ms: int, visible_at_ms: int) -> None:
        self.body = body
        self.sent_at_ms = sent_at_ms
        self.visible_at_ms = visible_at_ms
        self.receive_count = 0
        self.is_delayed = True
        self.handle = ""


class StandardQueue(RuleBasedStateMachine):
    """Sends, receives, deletes, hides, waits and purges; tenants are mixed in or not."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock(frozen_at_ms=START_MS)
        self.store = Store(MemoryEngine(), self.clock, Ids(seed=1))
        self.loop.run_until_complete(self.store.start())
        self.write(queues.create, ADDRESS, {"retention_s": RETENTION_S}, {})
        self.model: dict[str, Model] = {}
        self.number = 0

    def write(self, fn, *args, **kwargs):
        return self.loop.run_until_complete(self.store.write(fn, *args, **kwargs))

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.stop())
        self.loop.close()

    @rule(delay_s=st.sampled_from([None, None, 0, 1, 30]), tenant=st.sampled_from(["", "", "a", "b"]))
    def send(self, delay_s: int | None, tenant: str) -> None:
        self.number += 1
        body = str(self.number)
        draft = messages.Draft(Content(body, ""), len(body), "me", delay_s, tenant)
        self.write(messages.send, ADDRESS, [draft])
        self.model[body] = Model(body, self.now_ms, self.now_ms + (delay_s or 0) * 1000)

    @rule(target=handles, count=st.integers(1, 10), hide_s=st.sampled_from([0, 1, 5, 30, 100]))
    def receive(self, count: int, hide_s: int):
        batch = self.write(messages.receive, ADDRESS, count=count, hide_ms=hide_s * 1000)
        visible = {body for body, message in self.model.items() if message.visible_at_ms <= self.now_ms}
        bodies = [content.body for _, content in batch.messages]
        assert len(set(bodies)) == len(bodies), "one message twice"
        assert set(bodies) <= visible
        if hide_s:
            assert len(bodies) == min(count, len(visible))
        else:
            assert bool(bodies) == bool(visible)
        given = []
        for message, content in batch.messages:
            known = self.model[content.body]
            known.receive_count += 1
            known.is_delayed = False
            known.visible_at_ms = self.now_ms + hide_s * 1000
            known.handle = receipts.handle_of(message)
            assert message.receive_count == known.receive_count
            given.append((content.body, known.handle))
        return multiple(*given)

    @rule(received=handles)
    def delete(self, received: tuple[str, str]) -> None:
        body, handle = received
        assert self.write(messages.delete, ADDRESS, [handle]) == [None]
        self.model.pop(body, None)

    @rule(received=handles, timeout_s=st.sampled_from([0, 2, 40]))
    def hide(self, received: tuple[str, str], timeout_s: int) -> None:
        body, handle = received
        [problem] = self.write(messages.change_visibility, ADDRESS, [(handle, timeout_s)])
        known = self.model.get(body)
        is_in_flight = known is not None and known.visible_at_ms > self.now_ms and known.handle == handle
        assert (problem is None) == is_in_flight
        if is_in_flight:
            known.visible_at_ms = self.now_ms + timeout_s * 1000

    @rule(ms=st.sampled_from([1, 999, 1_000, 5_000, 30_000, 61_000]))
    def wait(self, ms: int) -> None:
        self.clock.advance(ms)
        while (timer := self.store.look(TIMER_ROWS.first)[0]) is not None and timer.at_ms <= self.now_ms:
            self.write(lambda tx, timer=timer: take(tx, timer) and TIMERS[timer.kind](tx, timer.key))
        for body, message in list(self.model.items()):
            if message.sent_at_ms + RETENTION_S * 1000 <= self.now_ms:
                del self.model[body]

    @rule()
    def purge(self) -> None:
        self.clock.advance(60_000)
        self.write(queues.purge, ADDRESS)
        self.model.clear()

    @invariant()
    def counts_are_exact(self) -> None:
        backlog = self.write(queues.backlog_of, ADDRESS)
        hidden = [message for message in self.model.values() if message.visible_at_ms > self.now_ms]
        assert backlog.visible == len(self.model) - len(hidden)
        assert backlog.delayed == sum(message.is_delayed for message in hidden)
        assert backlog.in_flight == len(hidden) - backlog.delayed

    @invariant()
    def every_row_is_accounted_for(self) -> None:
        def look(tx):
            queue = QUEUES.get(tx, *ADDRESS)
            found = list(MESSAGES.scan(tx, queue.id))
            groups = {group.group_id: group.in_flight for group in GROUPS.scan(tx, queue.id)}
            return found, groups, BACKLOGS.get(tx, queue.id)

        found, groups, backlog = self.store.look(look)[0]
        assert sorted(message.content.body for message in found) == sorted(self.model)
        assert groups.keys() == {message.group_id for message in found if message.group_id}
        assert backlog.grouped == sum(bool(message.group_id) for message in found)
        for message in found:
            assert message.sent_at_ms >= backlog.oldest_ms
            if message.visible_at_ms > backlog.counted_to_ms:
                assert message.visible_at_ms >= backlog.hidden_from_ms
            elif not message.group_id:
                place = (message.visible_at_ms, message.sequence)
                assert place >= (backlog.head_ms, backlog.head_sequence), "a message lives before the head"

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()


TestStandardQueue = StandardQueue.TestCase
TestStandardQueue.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


class TestReceipts:
    def test_a_handle_holds_what_finds_its_message(self, message):
        receipt = receipts.read(receipts.handle_of(message))
        assert receipt[:4] == (7, 1_000, 42, 3)
        assert receipt.is_newest_of(message)

    @pytest.mark.parametrize("handle", ["", "AQEB", "A" * 52, "AQEB" + "A" * 48 + "=", "é" * 52])
    def test_what_is_no_handle_of_ours_is_none(self, handle):
        assert receipts.read(handle) is None

    @pytest.fixture
    def message(self):
        from pileus.services.sqs.state.tables import Message

        return Message(7, 1_000, 42, "68df3083-3f66-461f-8e46-4509ee43c243", None, "me", 2_000, receive_count=3)


async def test_a_receive_does_not_cross_the_graves_of_what_was_received_before(cloud, jobs):
    """However many messages were here: the scan begins where the living are."""
    for _ in range(50):
        await jobs.send("a")
        cloud.clock.advance(ms=1)
    while received := await jobs.receive():
        for message in received:
            await jobs.delete(message)
    await jobs.send("last")

    starts = []
    scan = MESSAGES.by_visible_at.scan

    def watched(tx, *prefix, **bounds):
        starts.append(bounds["start"])
        return scan(tx, *prefix, **bounds)

    MESSAGES.by_visible_at.scan = watched
    try:
        assert await jobs.bodies() == ["last"]
    finally:
        MESSAGES.by_visible_at.scan = scan
    assert starts[0][0] >= cloud.at(49), "everything before was received and deleted"


async def test_many_hidden_messages_are_counted_while_nobody_looks(cloud, jobs, monkeypatch):
    monkeypatch.setattr("pileus.services.sqs.state.backlogs.MANY_HIDDEN", 3)
    for delay_s in (1, 2, 3, 4):
        await jobs.send("a", DelaySeconds=delay_s)

    def counted() -> tuple[int, int]:
        backlog = cloud.store.look(lambda tx: next(BACKLOGS.scan(tx)))[0]
        return backlog.visible, backlog.delayed

    assert counted() == (0, 4)
    await cloud.advance(ms=1_000)
    assert counted() == (1, 3)
    await cloud.advance(ms=1_000)
    assert counted() == (2, 2)
    await cloud.advance(ms=10_000)
    assert counted() == (2, 2), "too few to count for: whoever comes next does"
    assert await jobs.counts() == (4, 0, 0)


async def test_a_receive_of_nothing_writes_nothing(cloud, jobs):
    before = cloud.store.applied
    assert await jobs.bodies() == []
    assert cloud.store.applied == before


async def test_a_clock_that_goes_back_hides_nothing_again(cloud, jobs):
    """The wall clock may be set back while we are stopped; what was visible stays visible."""
    await jobs.send("a")
    cloud.clock.frozen_at_ms -= 10_000
    await jobs.send("b")
    assert await jobs.bodies(VisibilityTimeout=0) == ["a", "b"]
    assert await jobs.counts() == (2, 0, 0)
