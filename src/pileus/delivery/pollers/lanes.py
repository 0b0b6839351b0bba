"""One lane of a shard: takes batches from its records in order, one at a time, and tries each until it is done with.

Source: Lambda developer guide, "Polling and batching streams", "How Lambda handles errors" and "Retain discarded batch
records" of the DynamoDB and Kinesis chapters.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pileus.delivery.pollers.checkpoints import Failing
from pileus.delivery.pollers.plan import (
    ENVELOPE_BYTES,
    FUNCTION_CALL_FAILED,
    OK,
    PAYLOAD_LIMIT_BYTES,
    Answer,
    Discarded,
    NotReached,
    reported,
)
from pileus.kernel.clock import FOREVER_MS

if TYPE_CHECKING:
    from pileus.delivery.pollers.shards import ShardReader

FIRST_PAUSE_MS = 500
LAST_PAUSE_MS = 60_000

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
AGE_EXCEEDED = "RecordAgeExceeded"


@dataclass(slots=True)
class Entry:
    """A record on its way through a shard, as JSON; or without `encoded`, all those since the entry before it, of
    whatever lanes, with which nothing is to be done."""

    sequence_number: str
    arrived_at_ms: int
    lane: int = -1
    encoded: bytes = b""
    is_done: bool = False

    @property
    def is_passed_over(self) -> bool:
        return not self.encoded


@dataclass(slots=True)
class Part:
    """A batch, or what is left of one. `runs`: how often the target failed with it."""

    entries: list[Entry]
    runs: int = 0
    answer: Answer | None = None


class Lane:
    """`failing`: what it has tried in vain before it was begun: those batches are the same again, and their runs count."""

    def __init__(self, reader: "ShardReader", number: int, failing: tuple[Failing, ...] = ()) -> None:
        self._reader = reader
        self._plan = reader.plan
        self._number = number
        self._queue: deque[Entry] = deque()
        self._again = deque(failing)
        self._has_failing = bool(failing)
        self._opened_ms = 0
        self._is_closing = False
        self._is_ending = False
        self._pause_over = asyncio.Event()
        self._unreached = 0
        self.held_bytes = 0
        self.has_ended = False
        self.bell = asyncio.Event()

    def start(self) -> None:
        self._reader.pollers.start(f"poller.{self._plan.id}.{self._reader.shard_id}.{self._number}", self._run())

    def put(self, entry: Entry) -> None:
        if not self._queue:
            self._opened_ms = self._reader.clock.now_ms()
        self._queue.append(entry)
        self.held_bytes += len(entry.encoded) + 1
        self.bell.set()

    def close(self) -> None:
        """No more records come: what is there goes without waiting for a full batch."""
        self._is_closing = True
        self.bell.set()

    def end(self) -> None:
        """Begin nothing more."""
        self._is_ending = True
        self.bell.set()
        self._pause_over.set()

    @property
    def is_empty(self) -> bool:
        """After `close`: it has done with everything."""
        return not self._queue

    async def _run(self) -> None:
        try:
            while not self._is_ending:
                until_ms = await self._step()
                if until_ms:
                    await self._reader.pollers.rest(self.bell, until_ms)
        except Exception as error:
            # Delivery's edge: the reader begins again at the checkpoint.
            self._reader.failure = error
        finally:
            self.has_ended = True
            self._reader.bell.set()

    async def _step(self) -> int:
        """Do one thing; return until when to rest, 0 where there is more to do."""
        if not self._queue:
            return FOREVER_MS
        ready_ms = self._ready_ms()
        if self._reader.clock.now_ms() < ready_ms:
            return ready_ms
        await self._process(self._next_part(len(self._queue)))
        return 0

    def _ready_ms(self) -> int:
        """When what is there makes a batch."""
        again = self._again_first()
        if again is not None:
            has_all = int(self._queue[-1].sequence_number) >= int(again.last)
            return 0 if has_all or self._is_closing or self._reader.has_all_it_can else FOREVER_MS
        is_full = len(self._queue) >= self._plan.batch_size or self.held_bytes > PAYLOAD_LIMIT_BYTES - ENVELOPE_BYTES
        return 0 if is_full or self._is_closing else self._opened_ms + self._plan.window_ms

    def _again_first(self) -> Failing | None:
        """What the first record here has failed with before."""
        while self._again and int(self._again[0].last) < int(self._queue[0].sequence_number):
            self._again.popleft()
        return self._again[0] if self._again else None

    def _next_part(self, most: int, room: int = PAYLOAD_LIMIT_BYTES - ENVELOPE_BYTES) -> Part:
        """A batch of the first records, or what has failed before if they have."""
        again = self._again_first()
        if again is None:
            return Part(self._take(most, room))
        last = int(again.last)
        count = next((at for at, each in enumerate(self._queue) if int(each.sequence_number) > last), len(self._queue))
        answer = Answer(b"", again.error, again.executed_version, again.request_id) if again.request_id else None
        batch = self._take(min(most, count), room)
        if int(batch[-1].sequence_number) >= last or (self._queue and int(self._queue[0].sequence_number) > last):
            self._again.popleft()
        return Part(batch, again.runs, answer)

    def _take(self, most: int, room: int = PAYLOAD_LIMIT_BYTES - ENVELOPE_BYTES) -> list[Entry]:
        """A batch of the first records, at most so many, and what fits into one payload."""
        batch: list[Entry] = []
        while self._queue and len(batch) < min(most, self._plan.batch_size):
            room -= len(self._queue[0].encoded) + 1
            if room < 0 and batch:
                break
            batch.append(self._queue.popleft())
            self.held_bytes -= len(batch[-1].encoded) + 1
        self._opened_ms = self._reader.clock.now_ms()
        self._reader.bell.set()
        return batch

    # Trying

    async def _process(self, part: Part) -> None:
        """Try until every record of the batch is processed or given up; or until the lane ends."""
        parts = deque([part])
        while parts and not self._is_ending:
            part = parts.popleft()
            part.entries = await self._without_expired(part)
            if not part.entries:
                continue
            try:
                answer = await self._invoke(part.entries)
            except NotReached as error:
                await self._reader.say(error.problem)
                parts.appendleft(part)
                self._unreached += 1
                await self._wait_for_target(self._unreached, self._expires_ms(part))
                continue
            self._unreached = 0
            failed_at = self._failed_at(part.entries, answer)
            left = self._left(part, failed_at, answer)
            parts.extendleft(reversed(left))
            # Counted in the commit that keeps what was processed; where nothing was, in one of its own.
            self._count_failing(parts)
            if failed_at > 0:
                await self._succeeded(part.entries[:failed_at], answer)
            if not left:
                await self._reader.say(OK)
                continue
            if failed_at == 0 and not self._is_exhausted(left[0]):
                await self._reader.keep_failing()
            await self._reader.say(FUNCTION_CALL_FAILED)
            if self._is_exhausted(left[0]):
                parts.popleft()
                self._count_failing(parts)
                await self._give_up(left[0], RETRIES_EXHAUSTED)
            else:
                await self._pause(left[0].runs)

    def _left(self, part: Part, failed_at: int, answer: Answer) -> list[Part]:
        """What is to be tried again, after a bisection where one is due: that takes none of the retries. Where the
        answer named a record, the batch is split there."""
        entries = part.entries[failed_at:]
        if not entries:
            return []
        if not self._plan.bisects or len(entries) == 1:
            return [Part(entries, part.runs + 1, answer)]
        if failed_at > 0:
            return [Part(entries, part.runs, answer)]
        half = len(entries) // 2
        return [Part(entries[:half], part.runs, answer), Part(entries[half:], part.runs, answer)]

    def _is_exhausted(self, part: Part) -> bool:
        is_split = self._plan.bisects and len(part.entries) > 1
        return not is_split and self._plan.retries is not None and part.runs > self._plan.retries

    def _count_failing(self, parts: Iterable[Part]) -> None:
        """What is written with the next checkpoint; a lane in which nothing fails has nothing to say."""
        failing = [_failing(part) for part in parts if part.answer is not None]
        if failing or self._has_failing:
            self._reader.count_failing(self._number, (*failing, *self._again))
            self._has_failing = bool(failing or self._again)

    async def _without_expired(self, part: Part) -> list[Entry]:
        """Give up the records that are too old; return the others."""
        if self._plan.age_limit_ms is None:
            return part.entries
        oldest_ms = self._reader.clock.now_ms() - self._plan.age_limit_ms
        expired = [entry for entry in part.entries if entry.arrived_at_ms < oldest_ms]
        if expired:
            await self._give_up(Part(expired, part.runs, part.answer), AGE_EXCEEDED)
        return [entry for entry in part.entries if entry.arrived_at_ms >= oldest_ms]

    async def _invoke(self, entries: list[Entry]) -> Answer:
        payload = self._plan.wrap([entry.encoded for entry in entries], self._more())
        return await self._plan.target.invoke(payload, _nothing)

    def _more(self) -> dict[str, Any]:
        """What the target is told besides the records."""
        return {}

    def _failed_at(self, entries: list[Entry], answer: Answer) -> int:
        """The index of the first record that is not processed; how many there are, where all are."""
        if answer.error is not None:
            return 0
        if not self._plan.reports_failures:
            return len(entries)
        identifiers = reported(answer)
        if identifiers is None:
            return 0
        if not identifiers:
            return len(entries)
        places = {entry.sequence_number: at for at, entry in enumerate(entries)}
        # The lowest one is the checkpoint; one that is no record's makes the whole batch fail.
        return min(places.get(identifier, 0) for identifier in identifiers)

    async def _succeeded(self, entries: list[Entry], answer: Answer) -> None:
        await self._reader.done(entries, {})

    async def _give_up(self, part: Part, condition: str) -> None:
        first, last = part.entries[0], part.entries[-1]
        discarded = Discarded(
            condition,
            self._reader.shard_id,
            first.sequence_number,
            last.sequence_number,
            first.arrived_at_ms,
            last.arrived_at_ms,
            len(part.entries),
            part.runs,
            part.answer,
            self._plan.wrap([entry.encoded for entry in part.entries], self._more()),
        )
        await self._reader.done(part.entries, self._given_up(), discarded)

    def _given_up(self) -> dict[str, Any]:
        """What to keep with the checkpoint besides."""
        return {}

    def _expires_ms(self, part: Part) -> int:
        """When a record of it will have to be given up."""
        if self._plan.age_limit_ms is None:
            return FOREVER_MS
        return min(entry.arrived_at_ms for entry in part.entries) + self._plan.age_limit_ms + 1

    async def _wait_for_target(self, times: int, until_ms: int) -> None:
        """A pause where it was not reached; where it is missing, until a notice says that it may be there."""
        target = self._plan.target
        async with self._reader.pollers.cloud.store.watch(target.topic(), arrived=self._pause_over):
            if target.missing() is None or self._is_ending:
                await self._pause(times)
            else:
                await self._reader.pollers.rest(self._pause_over, until_ms)

    async def _pause(self, times: int) -> None:
        """Longer each time."""
        ms = min(FIRST_PAUSE_MS << min(max(times - 1, 0), 20), LAST_PAUSE_MS)
        await self._reader.pollers.rest(self._pause_over, self._reader.clock.now_ms() + ms)


def _failing(part: Part) -> Failing:
    first, last, answer = part.entries[0], part.entries[-1], part.answer
    assert answer is not None
    return Failing(
        first.sequence_number,
        last.sequence_number,
        part.runs,
        answer.error,
        answer.executed_version,
        answer.request_id,
    )


def _nothing() -> None:
    pass
