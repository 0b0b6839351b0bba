"""Reads one shard: from its checkpoint on, through the filters, into lanes; and keeps how far they have come."""

import asyncio
import zlib
from collections import deque

from msgspec.structs import replace

from pileus.delivery.pollers import checkpoints
from pileus.delivery.pollers.checkpoints import Checkpoint, Failing
from pileus.delivery.pollers.lanes import Entry, Lane
from pileus.delivery.pollers.plan import PAYLOAD_LIMIT_BYTES, Discarded, Plan, encode
from pileus.delivery.pollers.resting import Pollers
from pileus.delivery.pollers.trouble import Trouble
from pileus.delivery.pollers.windows import WindowedLane
from pileus.delivery.sources import StreamRecord
from pileus.kernel.errors import AwsError

READ_AT_ONCE = 1000


class _Stopped(Exception):
    pass


class ShardReader:
    """`ended` rings when it has: stopped, or the shard is finished. After a failure it begins again at the checkpoint."""

    def __init__(self, pollers: Pollers, plan: Plan, shard_id: str, ended: asyncio.Event) -> None:
        self.pollers = pollers
        self.plan = plan
        self.shard_id = shard_id
        self.clock = pollers.cloud.clock
        self.is_stopping = False
        self.has_ended = False
        self.has_caught_up = False
        """Nothing more was there at the last look."""
        self.failure: Exception | None = None
        self.bell = asyncio.Event()
        self._ended = ended
        self._trouble = Trouble(pollers, plan)
        self._store = pollers.cloud.store
        self._lanes: list[Lane] = []
        self._order: deque[Entry] = deque()
        self._checkpoint = Checkpoint(plan.id, shard_id, "")
        self._lanes_then = 1
        self._failing: dict[str, tuple[Failing, ...]] = {}
        self._is_held_up = False

    def start(self) -> None:
        self.pollers.start(f"poller.{self.plan.id}.{self.shard_id}", self._run())

    def stop(self) -> None:
        self.is_stopping = True
        self.bell.set()
        self._trouble.bell.set()
        for lane in self._lanes:
            lane.bell.set()

    async def _run(self) -> None:
        try:
            topic = self.plan.source.topic(self.plan.reader, self.shard_id)
            async with self._trouble, self._store.watch(topic, arrived=self.bell):
                while not self.is_stopping:
                    self._trouble.try_again()
                    try:
                        await self._read_on()
                        return
                    except _Stopped:
                        return
                    except Exception as error:
                        # Delivery's edge: whatever went wrong, begin again where the checkpoint is.
                        await self._end_lanes()
                        if not self.is_stopping:
                            await self._trouble.rest_after(error)
        finally:
            await self._end_lanes()
            self.has_ended = True
            self._ended.set()

    async def _read_on(self) -> None:
        """From the checkpoint to the shard's end. Raises _Stopped."""
        plan = self.plan
        kept, _ = self._store.look(checkpoints.get, plan.id, self.shard_id)
        if kept is None:
            return
        self._checkpoint = kept
        self._order.clear()
        self.failure = None
        self.has_caught_up = self._is_held_up = False
        # What the lanes had done beyond the position is passed over once more; until then there are as many as then.
        # A window's state is of the whole shard, so there is one lane at once.
        position, passed = kept.position, dict(kept.done)
        self._lanes_then = kept.lanes
        self._begin_lanes(kept.lanes if passed and not plan.tumbling_ms else plan.parallelization)
        while True:
            await self._wait_for_room()
            page = await plan.source.read(plan.reader, self.shard_id, position, READ_AT_ONCE)
            await self._trouble.over()
            self._caught_up(not page.records)
            for record in page.records:
                self._deal(record, passed)
                position = record.sequence_number
                passed = {lane: to for lane, to in passed.items() if int(to) > int(position)}
                if not passed and len(self._lanes) != plan.parallelization:
                    break
            else:
                await self._keep_what_was_passed_over()
                if page.is_end:
                    break
                if not page.records:
                    await self._wait()
                continue
            await self._keep_what_was_passed_over()
            # They get no more: what has failed is not waited for to be whole.
            self._is_held_up = True
            self._ring_lanes()
            await self._drain()
            await self._end_lanes()
            self._begin_lanes(plan.parallelization)
        for lane in self._lanes:
            lane.close()
        await self._drain()
        for lane in self._lanes:
            while not lane.is_empty:
                await self._wait()
        await self._keep({"is_finished": True})

    def _caught_up(self, has: bool) -> None:
        if has and not self.has_caught_up:
            self._ring_lanes()
        self.has_caught_up = has

    def _ring_lanes(self) -> None:
        for lane in self._lanes:
            lane.bell.set()

    @property
    def has_all_it_can(self) -> bool:
        """Nothing more comes to the lanes before they have done something."""
        return self.has_caught_up or self._is_held_up

    def _begin_lanes(self, count: int) -> None:
        lane = WindowedLane if self.plan.tumbling_ms else Lane
        # Other lanes make other batches: what has failed is tried as if for the first time.
        self._failing = dict(self._checkpoint.failing) if count == self._checkpoint.lanes else {}
        self._lanes = [lane(self, number, self._failing.get(str(number), ())) for number in range(count)]
        if isinstance(self._lanes[0], WindowedLane):
            self._lanes[0].open(self._checkpoint.window_ms, self._checkpoint.window_state)
        for each in self._lanes:
            each.start()

    async def _end_lanes(self) -> None:
        """Batches under way come to their end; nothing else is begun."""
        for lane in self._lanes:
            lane.end()
        for lane in self._lanes:
            while not lane.has_ended:
                await self.pollers.rest(self.bell)
        self._lanes = []

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.is_stopping:
            raise _Stopped

    async def _wait(self) -> None:
        self._check()
        await self.pollers.rest(self.bell)
        self._check()

    async def _wait_for_room(self) -> None:
        self._check()
        while (
            # Between two records of a batch there may be what filters refuse.
            len(self._order) > 2 * len(self._lanes) * self.plan.batch_size + READ_AT_ONCE
            or sum(lane.held_bytes for lane in self._lanes) > (len(self._lanes) + 1) * PAYLOAD_LIMIT_BYTES
        ):
            self._is_held_up = True
            self._ring_lanes()
            await self._wait()
        self._is_held_up = False

    async def _drain(self) -> None:
        while self._order:
            await self._wait()

    # Records on their way

    def _deal(self, record: StreamRecord, passed: dict[str, str]) -> None:
        number = _lane_of(record.key, len(self._lanes))
        is_done = False
        if passed:
            then = str(_lane_of(record.key, self._lanes_then))
            is_done = then in passed and int(passed[then]) >= int(record.sequence_number)
        seen = record.event if record.filtered is None else record.filtered
        if is_done or not self.plan.filters.want(seen):
            self._pass_over(record)
            return
        entry = Entry(record.sequence_number, record.arrived_at_ms, number, encode(record.event))
        self._order.append(entry)
        self._lanes[number].put(entry)

    def _pass_over(self, record: StreamRecord) -> None:
        """However many these are, one after the other they are one entry: they may fill neither memory nor the room
        that a batch is gathered in."""
        if self._order and self._order[-1].is_passed_over:
            self._order[-1].sequence_number = record.sequence_number
        else:
            self._order.append(Entry(record.sequence_number, record.arrived_at_ms, is_done=True))

    async def _keep_what_was_passed_over(self) -> None:
        """Filters may want nothing of a whole page: the position goes on all the same."""
        if self._order and self._order[0].is_done:
            await self._keep({})

    async def done(self, entries: list[Entry], changes: dict, discarded: Discarded | None = None) -> None:
        """A lane has done with these: processed, or given up. Returns when that is kept."""
        for entry in entries:
            entry.is_done = True
        await self._keep(changes, discarded)

    def count_failing(self, lane: int, failing: tuple[Failing, ...]) -> None:
        """What a lane has tried in vain; kept with the next checkpoint."""
        self._failing.pop(str(lane), None)
        if failing:
            self._failing[str(lane)] = failing

    async def keep_failing(self) -> None:
        await self._keep({})

    async def _keep(self, changes: dict, discarded: Discarded | None = None) -> None:
        if self.failure is not None:
            raise self.failure  # what came before is not kept, so nothing that comes after may be
        position = self._checkpoint.position
        while self._order and self._order[0].is_done:
            position = self._order.popleft().sequence_number
        if not self.plan.tumbling_ms:
            changes = {"window_ms": None, "window_state": b"{}", **changes}  # of a plan that had windows
        changes = {
            "position": position,
            "done": self._beyond(),
            "lanes": len(self._lanes),
            "failing": dict(self._failing),
            **changes,
        }
        self._checkpoint = replace(self._checkpoint, **changes)
        try:
            await self._store.write(
                checkpoints.advance, self.plan.id, self.shard_id, changes, discarded, self.plan.discarded
            )
        except AwsError as error:
            self.failure = error
            raise
        finally:
            self.bell.set()

    def _beyond(self) -> dict[str, str]:
        """Lane -> how far it has come without a gap."""
        to: dict[str, str] = {}
        without_gap = set(range(len(self._lanes)))
        for entry in self._order:
            if not entry.is_done:
                without_gap.discard(entry.lane)
                if not without_gap:
                    break
            elif entry.is_passed_over:
                to.update((str(lane), entry.sequence_number) for lane in without_gap)
            elif entry.lane in without_gap:
                to[str(entry.lane)] = entry.sequence_number
        return to

    async def say(self, result: str) -> None:
        await self._trouble.say(result)


def _lane_of(key: str, lanes: int) -> int:
    return zlib.crc32(key.encode()) % lanes if lanes > 1 else 0
