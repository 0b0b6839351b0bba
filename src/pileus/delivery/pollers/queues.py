"""The poller of a queue: gathers messages, runs batches side by side, deletes what was processed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pileus.delivery.pollers.plan import (
    ENVELOPE_BYTES,
    FUNCTION_CALL_FAILED,
    OK,
    PAYLOAD_LIMIT_BYTES,
    Answer,
    NotReached,
    Plan,
    encode,
    reported,
)
from pileus.delivery.pollers.resting import Pollers
from pileus.delivery.pollers.trouble import Trouble
from pileus.delivery.sources import Message
from pileus.kernel.clock import FOREVER_MS

BATCHES_AT_FIRST = 5
"""Source: Lambda developer guide, "Configuring scaling behavior for SQS event source mappings"."""
WAITING_MAX = 2
"""Batches that may wait for the target to run them: more would only grow old there, hidden from other readers."""
RECEIVED_AT_ONCE = 10
FIRST_PAUSE_MS = 250
LAST_PAUSE_MS = 10_000


@dataclass(slots=True)
class Held:
    """A received message on its way. `encoded` is its record as JSON.

    received_at_ms  it is hidden from then on
    held_since_ms   when it was first received: one that comes back while it is held begins no new window
    """

    message: Message
    encoded: bytes
    received_at_ms: int
    held_since_ms: int


class QueuePoller:
    """`run` until `stop`. One task gathers, each batch has a task of its own."""

    def __init__(self, pollers: Pollers, plan: Plan) -> None:
        self._pollers = pollers
        self._plan = plan
        self._clock = pollers.cloud.clock
        self._bell = asyncio.Event()
        self._held: dict[str, Held] = {}
        self._held_bytes = 0
        self._under_way = 0
        self._waiting = 0
        self._allowed = BATCHES_AT_FIRST
        self._is_stopping = False
        self._trouble = Trouble(pollers, plan)
        self._pauses: set[asyncio.Event] = set()
        self.begun = asyncio.Event()
        """Set once it polls."""

    def start(self) -> None:
        self._task = self._pollers.start(f"poller.{self._plan.id}", self._run())

    async def stop(self) -> None:
        """Read nothing more, hand over what was gathered, and return when the batches under way have ended.

        A message that was let go would have been received in vain, and a queue may allow that once.
        """
        self._is_stopping = True
        for bell in (self._bell, self._trouble.bell, *self._pauses):
            bell.set()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        async with self._trouble:
            while not self._is_stopping:
                await self._poll(self._plan.source.topic(self._plan.reader))
        while self._held and not self._pollers.is_ending:
            if self._has_room():
                self._send()
            else:
                await self._pollers.rest(self._bell)
        while self._under_way:
            await self._pollers.rest(self._bell)

    async def _poll(self, topic: str) -> None:
        """Until it is stopped, or the source has another topic: the queue was deleted and made again."""
        plan, watch = self._plan, self._pollers.cloud.store.watch
        async with watch(topic, arrived=self._bell), watch(plan.target.topic(), arrived=self._bell):
            self.begun.set()
            while not self._is_stopping and plan.source.topic(plan.reader) == topic:
                self._trouble.try_again()
                try:
                    until_ms = await self._step()
                except Exception as error:
                    # Delivery's edge: whatever went wrong, the queue still has its messages. Try again, but not at once.
                    if self._held:
                        self._send()  # what was read is handed over: it is hidden for less than trouble may last
                    if not self._is_stopping:
                        await self._trouble.rest_after(error)
                    continue
                if until_ms:
                    await self._pollers.rest(self._bell, until_ms)

    # Gathering

    async def _step(self) -> int:
        """Do one thing; return until when to rest, 0 where there is more to do."""
        plan = self._plan
        if not self._has_room():
            return FOREVER_MS
        missing = plan.target.missing()
        if missing is not None:
            for message_id in list(self._held):
                self._drop(message_id)  # it comes back; the target may be gone for longer than it stays hidden
            await self._trouble.tell(missing)
            return FOREVER_MS
        if self._is_full():
            self._send()
            return 0
        count = min(RECEIVED_AT_ONCE, plan.batch_size - len(self._held))
        received = await plan.source.receive(plan.reader, count)
        await self._trouble.over()
        if received:
            await self._take(received)
            if not plan.window_ms and self._held:
                self._send()
            return 0
        if not self._held:
            return plan.source.next_at_ms(plan.reader)
        # The window begins with its first message.
        ends_ms = min(held.held_since_ms for held in self._held.values()) + plan.window_ms
        if self._clock.now_ms() >= ends_ms:
            self._send()
            return 0
        return min(ends_ms, plan.source.next_at_ms(plan.reader))

    def _has_room(self) -> bool:
        if not self._under_way:
            return True
        return self._waiting < WAITING_MAX and self._under_way < min(self._allowed, self._plan.max_concurrency)

    def _is_full(self) -> bool:
        return len(self._held) >= self._plan.batch_size or self._held_bytes > PAYLOAD_LIMIT_BYTES - ENVELOPE_BYTES

    async def _take(self, received: list[Message]) -> None:
        """Hold what the filters want; delete the rest: a queue has no other way to pass over a message."""
        unwanted = []
        now_ms = self._clock.now_ms()
        for message in received:
            if self._plan.filters.want(message.event):
                # A message that came back while it was held replaces itself: the newest receipt is the valid one.
                before = self._drop(message.id)
                since_ms = now_ms if before is None else before.held_since_ms
                held = Held(message, encode(message.event), now_ms, since_ms)
                self._held[message.id] = held
                self._held_bytes += len(held.encoded) + 1
            else:
                unwanted.append(message.receipt)
        if unwanted:
            await self._plan.source.delete(self._plan.reader, unwanted)

    def _drop(self, message_id: str) -> Held | None:
        held = self._held.pop(message_id, None)
        if held is not None:
            self._held_bytes -= len(held.encoded) + 1
        return held

    def _send(self) -> None:
        """Start a batch of what is held, as much as goes into one payload."""
        batch: list[Held] = []
        room = PAYLOAD_LIMIT_BYTES - ENVELOPE_BYTES
        for held in list(self._held.values())[: self._plan.batch_size]:
            room -= len(held.encoded) + 1
            if room < 0 and batch:
                break
            batch.append(held)
            self._drop(held.message.id)
        self._under_way += 1
        self._waiting += 1
        self._pollers.start(f"poller.{self._plan.id}.batch", self._process(batch))

    # Processing

    async def _process(self, batch: list[Held]) -> None:
        plan = self._plan
        is_waiting = True

        def started() -> None:
            nonlocal is_waiting
            if is_waiting:
                is_waiting = False
                self._waiting -= 1
                self._bell.set()

        try:
            answer = await self._reach(batch, started)
            if answer is None:
                return  # the messages come back when their visibility timeout ends
            self._allowed = min(self._allowed + 1, plan.max_concurrency)
            failed = _failed(batch, answer, plan.reports_failures)
            processed = [held.message.receipt for held in batch if held.message.id not in failed]
            if processed:
                await plan.source.delete(plan.reader, processed)
            await self._trouble.say(FUNCTION_CALL_FAILED if len(failed) == len(batch) else OK)
        except Exception as error:
            # Delivery's edge: what was not deleted comes back.
            await self._trouble.tell_of(error)
        finally:
            started()
            self._under_way -= 1
            self._bell.set()

    async def _reach(self, batch: list[Held], started: Callable[[], None]) -> Answer | None:
        """The target's answer. While it can't be reached it is tried again, as long as the messages stay hidden for
        a run of it; None after that."""
        plan = self._plan
        payload = plan.wrap([held.encoded for held in batch], {})
        pause_ms = FIRST_PAUSE_MS
        while True:
            try:
                return await plan.target.invoke(payload, started)
            except NotReached as error:
                self._allowed = max(1, self._under_way - 1)
                await self._trouble.say(error.problem)
            visible_ms = min(held.received_at_ms for held in batch) + await plan.source.hidden_ms(plan.reader)
            again_ms = self._clock.now_ms() + pause_ms
            if self._is_stopping or again_ms + plan.target.timeout_ms() > visible_ms:
                return None
            await self._pause(again_ms)
            pause_ms = min(pause_ms * 2, LAST_PAUSE_MS)

    async def _pause(self, until_ms: int) -> None:
        bell = asyncio.Event()
        self._pauses.add(bell)
        await self._pollers.rest(bell, until_ms)
        self._pauses.discard(bell)


def _failed(batch: list[Held], answer: Answer, reports: bool) -> set[str]:
    """The ids of the messages that are to come back."""
    everything = {held.message.id for held in batch}
    if answer.error is not None:
        return everything
    if not reports:
        return set()
    identifiers = reported(answer)
    if identifiers is None or not everything.issuperset(identifiers):
        return everything
    return set(identifiers)
