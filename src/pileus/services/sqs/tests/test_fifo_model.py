"""The FIFO queue against a plain model of it: order within a group, blocked groups, exact counts."""

import asyncio

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.services.sqs.addresses import Address
from pileus.services.sqs.state import messages, queues, receipts
from pileus.services.sqs.state.tables import GROUPS, Content
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store

ADDRESS = Address("000000000000", "us-east-1", "orders.fifo")
START_MS = 1_767_225_600_000
DEDUPLICATION_MS = 300_000


class Model:
    """A message: what SQS's documentation says of it, and no more."""

    def __init__(self, body: str, group: str, visible_at_ms: int) -> None:
        self.body = body
        self.group = group
        self.visible_at_ms = visible_at_ms
        self.was_received = False
        self.handle = ""


class FifoQueue(RuleBasedStateMachine):
    """Three groups; what is sent twice within five minutes is one message."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock(frozen_at_ms=START_MS)
        self.store = Store(MemoryEngine(), self.clock, Ids(seed=1))
        self.loop.run_until_complete(self.store.start())
        self.write(queues.create, ADDRESS, {"is_fifo": True, "is_content_deduplicated": True, "delay_s": 1}, {})
        self.model: list[Model] = []
        self.sent_at_ms: dict[str, int] = {}

    def write(self, fn, *args, **kwargs):
        return self.loop.run_until_complete(self.store.write(fn, *args, **kwargs))

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.stop())
        self.loop.close()

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def is_in_flight(self, message: Model) -> bool:
        return message.was_received and message.visible_at_ms > self.now_ms

    @rule(body=st.sampled_from("abcdefgh"), group=st.sampled_from("xyz"))
    def send(self, body: str, group: str) -> None:
        self.write(messages.send, ADDRESS, [messages.Draft(Content(body, ""), 1, "me", group_id=group)])
        earlier_ms = self.sent_at_ms.get(body)
        if earlier_ms is None or self.now_ms >= earlier_ms + DEDUPLICATION_MS:
            self.sent_at_ms[body] = self.now_ms
            self.model.append(Model(body, group, self.now_ms + 1_000))

    @rule(target=handles, count=st.integers(1, 4), hide_s=st.sampled_from([0, 1, 30]))
    def receive(self, count: int, hide_s: int):
        batch = self.write(messages.receive, ADDRESS, count=count, hide_ms=hide_s * 1000)
        given = [(message.group_id, content.body) for message, content in batch.messages]

        # Of each group that has nothing in flight: its first messages, in order, up to one that is delayed.
        allowed: dict[str, list[Model]] = {}
        for group in "xyz":
            members = [message for message in self.model if message.group == group]
            if not any(self.is_in_flight(message) for message in members):
                delayed = [index for index, message in enumerate(members) if message.visible_at_ms > self.now_ms]
                allowed[group] = members[: delayed[0] if delayed else len(members)]
        assert len(given) == min(count, sum(map(len, allowed.values())))
        out = []
        for message, content in batch.messages:
            known = allowed[message.group_id].pop(0)
            assert content.body == known.body, "out of order"
            known.was_received = True
            known.visible_at_ms = self.now_ms + hide_s * 1000
            known.handle = receipts.handle_of(message)
            out.append(known.handle)
        return multiple(*out)

    def in_flight_of(self, handle: str) -> Model | None:
        return next((one for one in self.model if one.handle == handle and self.is_in_flight(one)), None)

    @rule(handle=handles)
    def delete(self, handle: str) -> None:
        known = self.in_flight_of(handle)
        [problem] = self.write(messages.delete, ADDRESS, [handle])
        if known is not None:
            assert problem is None
            self.model.remove(known)
        # A handle that hides nothing any more deletes nothing, or counts_are_exact would notice.

    @rule(handle=handles, timeout_s=st.sampled_from([0, 2, 40]))
    def hide(self, handle: str, timeout_s: int) -> None:
        known = self.in_flight_of(handle)
        [problem] = self.write(messages.change_visibility, ADDRESS, [(handle, timeout_s)])
        assert (problem is None) == (known is not None)
        if known is not None:
            known.visible_at_ms = self.now_ms + timeout_s * 1000

    @rule(ms=st.sampled_from([1, 1_000, 30_000, 300_000]))
    def wait(self, ms: int) -> None:
        self.clock.advance(ms)

    @invariant()
    def counts_are_exact(self) -> None:
        backlog = self.write(queues.backlog_of, ADDRESS)
        hidden = [message for message in self.model if message.visible_at_ms > self.now_ms]
        assert backlog.in_flight == sum(message.was_received for message in hidden)
        assert backlog.delayed == len(hidden) - backlog.in_flight
        assert backlog.visible == len(self.model) - len(hidden)

    @invariant()
    def every_group_has_a_message(self) -> None:
        groups = self.store.look(lambda tx: {group.group_id for group in GROUPS.scan(tx)})[0]
        assert groups == {message.group for message in self.model}


TestFifoQueue = FifoQueue.TestCase
TestFifoQueue.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
