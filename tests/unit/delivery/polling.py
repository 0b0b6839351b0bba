"""What pollers are tested with: a stream and a target in memory."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from pileus.delivery.pollers import Answer, NotReached, Plan, Pollers, poller_of
from pileus.delivery.pollers.checkpoints import CHECKPOINTS
from pileus.delivery.sources import TRIM_HORIZON, Limits, Page, Reader, Shard, StreamRecord
from pileus.store.table import Table


class Bell(msgspec.Struct, frozen=True):
    name: str
    number: int


BELLS = Table("test.bells", Bell, key=lambda row: (row.name,))


class FakeStream:
    """Shards by id: parents, records, whether closed. `pages`: how many records a reading gives at most."""

    kind = "stream"
    data_key = None
    batch_info = "FakeBatchInfo"

    def __init__(self, cloud, *, pages: int = 1000) -> None:
        self.cloud = cloud
        self.pages = pages
        self.parents: dict[str, tuple[str, ...]] = {}
        self.records: dict[str, list[StreamRecord]] = {}
        self.closed: set[str] = set()
        self.failures: list[Exception] = []
        self.number = 0

    def limits(self, arn) -> Limits:
        return Limits(100, 10_000, starting_positions=frozenset({"TRIM_HORIZON", "LATEST"}))

    async def check(self, reader: Reader, *, timeout_s: int) -> None:
        pass

    def topic(self, reader: Reader, shard_id: str | None) -> str:
        return "fake.stream"

    def mended(self, reader: Reader) -> str:
        return "fake.mended"

    async def shards(self, reader: Reader) -> list[Shard]:
        return [Shard(shard, parents) for shard, parents in self.parents.items()]

    async def begin(self, reader: Reader, shard_id: str, starting_position: str, at_ms: int | None) -> str:
        records = self.records[shard_id]
        if starting_position == "AT_TIMESTAMP":
            records = [record for record in records if record.arrived_at_ms < at_ms]
        elif starting_position == TRIM_HORIZON:
            records = []
        return records[-1].sequence_number if records else TRIM_HORIZON

    async def read(self, reader: Reader, shard_id: str, position: str, limit: int) -> Page:
        if self.failures:
            raise self.failures.pop(0)
        after = 0 if position == TRIM_HORIZON else int(position)
        rest = [record for record in self.records[shard_id] if int(record.sequence_number) > after]
        page = rest[: min(limit, self.pages)]
        return Page(page, is_end=shard_id in self.closed and len(page) == len(rest))

    async def add_shard(self, shard: str, *parents: str) -> None:
        self.parents[shard] = parents
        self.records[shard] = []
        await self.ring()

    async def close(self, shard: str) -> None:
        self.closed.add(shard)
        await self.ring()

    async def put(self, *data: Any, key: str = "k", shard: str = "s1") -> list[str]:
        """Add records; return their sequence numbers."""
        for each in data:
            self.number += 1
            event = {"n": each, "sequenceNumber": str(self.number)}
            record = StreamRecord(str(self.number), event, key, self.cloud.clock.now_ms())
            self.records[shard].append(record)
        await self.ring()
        return [str(number) for number in range(self.number - len(data) + 1, self.number + 1)]

    async def ring(self, topic: str = "fake.stream") -> None:
        def rung(tx):
            BELLS.put(tx, Bell("stream", tx.next_sequence()))
            tx.notify(topic)

        await self.cloud.store.write(rung)


class FakeTarget:
    """`events`: what it was given. `answers`: fn(event) -> a response, or an exception to raise."""

    arn = "arn:aws:lambda:us-east-1:000000000000:function:fake"

    def __init__(self, answers: Callable[[dict], Any] = lambda event: None) -> None:
        self.events: list[dict] = []
        self.answers = answers
        self.problem: str | None = None

    def timeout_ms(self) -> int:
        return 3000

    def missing(self) -> str | None:
        return self.problem

    def topic(self) -> str:
        return "fake.target"

    async def invoke(self, payload: bytes, started: Callable[[], None]) -> Answer:
        event = json.loads(payload)
        self.events.append(event)
        response = self.answers(event)
        if isinstance(response, NotReached):
            raise response
        started()
        if isinstance(response, Exception):
            return Answer(json.dumps({"errorMessage": str(response)}).encode(), "Unhandled", "$LATEST", "request")
        return Answer(json.dumps(response).encode(), None, "$LATEST", "request")

    @property
    def batches(self) -> list[list[Any]]:
        return [[record["n"] for record in event["Records"]] for event in self.events]

    @property
    def seen(self) -> list[Any]:
        return [n for batch in self.batches for n in batch]


class Polling:
    """A plan and whoever polls by it now."""

    def __init__(self, cloud, source, target, **plan: Any) -> None:
        self.cloud = cloud
        self.target = target
        self.pollers = Pollers(cloud.pileus)
        cloud.pileus.workers.append(self.pollers)
        self.results: list[str] = []
        self.discarded: list[Any] = []
        reader = Reader(
            cloud.pileus, "arn:aws:fake:us-east-1:000000000000:stream/s", None, rights=lambda: ("fake.rights",)
        )
        self.plan = Plan(
            id="p",
            source=source,
            reader=reader,
            target=target,
            said=self._said,
            discarded=lambda tx, discarded: self.discarded.append(discarded),
            **{"batch_size": 100, **plan},
        )
        self.poller: Any = None

    async def _said(self, result: str) -> None:
        self.results.append(result)

    async def begin(self, **changes: Any) -> None:
        self.plan = replace(self.plan, **changes)
        self.poller = poller_of(self.pollers, self.plan)
        self.poller.start()
        await self.cloud.settle()

    async def end(self) -> None:
        await self.poller.stop()

    async def crash(self) -> None:
        """As a killed process ends: whatever was not committed is gone."""
        tasks = [task for task in self.cloud.pileus.tasks._running if task.get_name().startswith("poller.")]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def checkpoint(self, shard: str = "s1"):
        return self.cloud.store.look(CHECKPOINTS.get, "p", shard)[0]


def failing(*numbers: int, otherwise: Any = None) -> Callable[[dict], Any]:
    """Answers that fail for batches with one of these."""
    return lambda event: ValueError("no") if {r["n"] for r in event["Records"]} & set(numbers) else otherwise
