"""What tables consume in each minute, for those who watch it: Application Auto Scaling, and contributor insights.

Consumption is counted in memory. When a minute has ended, what was counted in it is committed as events to the services
that watch: one for each table or index and kind of capacity, and one for each rule of contributor insights. A killed
process has lost the counts of its last minute, and nothing that was acknowledged: metrics are told as well as they can be.

What nobody watches is not counted (`TableRecord.is_metered`): an on-demand table without insights costs nothing here.

Source: developer guide, "Managing throughput capacity automatically with DynamoDB auto scaling", "CloudWatch contributor
insights for DynamoDB: How it works" (ConsumedThroughputUnits: three times what was written and what was read; ThrottleCount;
"Billing": what an event is; replicas are distinct tables; PartiQL is not counted).
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.clock import FOREVER_MS
from pileus.kernel.errors import ServiceUnavailable
from pileus.services.dynamodb.contributors import Contributors, key_text
from pileus.services.dynamodb.scalable import WRITE, Dimension
from pileus.services.dynamodb.state import capacity, scaling
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.insights import ACCESSED, THROTTLED, rule_name
from pileus.services.dynamodb.state.items import Written
from pileus.services.dynamodb.state.reading import Page
from pileus.services.dynamodb.state.records import SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.writing import BROUGHT
from pileus.store.transaction import Transaction

log = logging.getLogger("pileus.dynamodb")

ENGINE = "dynamodb.meter"
MINUTE_MS = 60_000
WRITES_WEIGH = 3
"""Times what is read. Source: "Most accessed items"."""


class Minute:
    """
    units   by the account, region and resource of auto scaling, and its dimension
    keys    by account, region and the rule's name
    """

    def __init__(self) -> None:
        self.units: dict[tuple[str, str, str, str], float] = {}
        self.keys: dict[tuple[str, str, str], Contributors] = {}


class Meter:
    """Counts, and tells at each minute's end: a worker of the cloud (kernel.call.Worker)."""

    def __init__(self, cloud: Any) -> None:
        self._cloud = cloud
        self._minutes: dict[int, Minute] = {}
        """By their beginning: this one, and those that have ended and are not told yet."""
        self._has_begun = asyncio.Event()
        self._telling = asyncio.Lock()

    def start(self) -> None:
        self._cloud.workers.append(self)
        self._cloud.tasks.start(ENGINE, self._run())

    def now(self) -> Minute:
        now_ms = self._cloud.clock.now_ms()
        began_ms = now_ms - now_ms % MINUTE_MS
        minute = self._minutes.get(began_ms)
        if minute is None:
            minute = self._minutes[began_ms] = Minute()
            self._has_begun.set()
        return minute

    @property
    def is_idle(self) -> bool:
        return self.next_due_ms() > self._cloud.clock.now_ms()

    async def wait_idle(self) -> None:
        await self.turn()

    def next_due_ms(self) -> int:
        return min(self._minutes) + MINUTE_MS if self._minutes else FOREVER_MS

    async def turn(self) -> None:
        """Tell of the minutes that have ended."""
        async with self._telling:
            while not self.is_idle:
                began_ms = min(self._minutes)
                await self._cloud.store.write(_emit_all, list(_told(began_ms, self._minutes[began_ms])))
                del self._minutes[began_ms]

    async def _run(self) -> None:
        while True:
            await self._has_begun.wait()
            self._has_begun.clear()
            while self._minutes:
                await self._cloud.clock.wait_until(self.next_due_ms())
                try:
                    await self.turn()
                except ServiceUnavailable as error:  # the store can't write just now: they are told later
                    log.warning("what tables consume waits for the store: %s", error)
                    await self._cloud.clock.wait_until(self._cloud.clock.now_ms() + MINUTE_MS)

    def brought(self, change: tuple) -> None:
        """A replica was brought a change: its region's write capacity serves that too. change: see writing.BROUGHT."""
        written = Written(*change)
        consumed = capacity.of_written(written)
        _count(self.now(), written.table, WRITE, consumed)
        _count_written(self.now(), written, consumed)


async def start(cloud: Any) -> None:
    meter = cloud.engines[ENGINE] = Meter(cloud)
    meter.start()
    cloud.store.listen(BROUGHT, meter.brought)


# Counting


def spent(call: Call, table: TableRecord, kind: str, consumed: Consumed) -> None:
    """A request consumed this of a table and its indexes. kind: READ or WRITE."""
    if table.billing == "PROVISIONED":
        _count(_minute(call), table, kind, consumed)


def accessed(call: Call, table: TableRecord, read: Iterable[tuple[Item, float]]) -> None:
    """Items, or keys, were read at that many units each."""
    if "" in table.watched:
        minute = _minute(call)
        for item, units in read:
            _count_key(minute, table, None, item, units)


def page_read(call: Call, page: Page, consumed: Consumed, partition: Item | None) -> None:
    """A page was read: of a query, which counts once, for the partition that it names; None: of a scan, for each item."""
    table, index = page.table, page.index
    if index is not None and index.is_local:
        index = None
    if (index.name if index is not None else "") not in table.watched:
        return
    units = consumed.table + sum(consumed.indexes.values())
    minute = _minute(call)
    if partition is not None:
        _count_key(minute, table, index, _hash_part(table, index, partition), units)
        return
    looked = page.looked or ()
    whole_bytes = sum(size_bytes for _, size_bytes in looked)
    for item, size_bytes in looked:
        _count_key(minute, table, index, item, units * size_bytes / whole_bytes)


def wrote(call: Call, written: Written, consumed: Consumed) -> None:
    """A write was made at that cost."""
    if written.table.watched:
        _count_written(_minute(call), written, consumed)


def refused(
    call: Call, table: TableRecord, index: SecondaryIndex | None, keys: Iterable[Item], partition: Item | None
) -> None:
    """Requests for items of these keys, or for a partition, met an empty bucket."""
    insights = table.insights.get("" if index is None else index.name)
    if insights is None or insights.status != "ENABLED":
        return
    minute = _minute(call)
    for key in keys if partition is None else (_hash_part(table, index, partition),):
        _add(minute, table, index, key, 1.0, THROTTLED)


def _hash_part(table: TableRecord, index: SecondaryIndex | None, key: Item) -> Item:
    return {name: key[name] for name in ((table.hash_name,) if index is None else index.hash_names)}


def _minute(call: Call) -> Minute:
    return call.cloud.engines[ENGINE].now()


def _count(minute: Minute, table: TableRecord, kind: str, consumed: Consumed) -> None:
    if table.billing != "PROVISIONED":
        return
    of_table = consumed.table
    for name, units in consumed.indexes.items():
        index = table.index(name)
        if index is None or index.is_local:
            of_table += units
        else:
            _add_units(minute, table, name, kind, units)
    _add_units(minute, table, "", kind, of_table)


def _add_units(minute: Minute, table: TableRecord, index_name: str, kind: str, units: float) -> None:
    if units:
        dimension = Dimension(table.name, index_name, kind)
        place = (table.account, table.region, dimension.resource, dimension.name)
        minute.units[place] = minute.units.get(place, 0.0) + units


def _count_written(minute: Minute, written: Written, consumed: Consumed) -> None:
    table = written.table
    of_table = consumed.table
    for name, units in consumed.indexes.items():
        index = table.index(name)
        if index is None or index.is_local:
            of_table += units
        elif name in table.watched:
            entry = _entry(index, written.new) or _entry(index, written.old)
            if entry is not None:
                _count_key(minute, table, index, entry, WRITES_WEIGH * units)
    item = written.new or written.old
    if "" in table.watched and item is not None:
        _count_key(minute, table, None, item, WRITES_WEIGH * of_table)


def _entry(index: SecondaryIndex, item: Item | None) -> Item | None:
    """The item, where it is in the index."""
    return item if item is not None and all(name in item for name in index.key_names) else None


def _count_key(minute: Minute, table: TableRecord, index: SecondaryIndex | None, item: Item, units: float) -> None:
    _add(minute, table, index, item, units, ACCESSED)


def _add(
    minute: Minute,
    table: TableRecord,
    index: SecondaryIndex | None,
    item: Item,
    value: float,
    kinds: tuple[str, str],
) -> None:
    """Count a key under the rule of its partition key and, where it has a sort key, under that of both."""
    hash_names = (table.hash_name,) if index is None else index.hash_names
    range_names = table.key_names[1:] if index is None else index.range_names
    insights = table.insights["" if index is None else index.name]
    key = (key_text(item, hash_names),)
    of_partition, of_both = kinds
    _contributors(minute, table, rule_name(of_partition, table, index, insights)).add(key, value)
    if range_names and all(name in item for name in range_names):
        both = (*key, key_text(item, range_names))
        _contributors(minute, table, rule_name(of_both, table, index, insights)).add(both, value)


def _contributors(minute: Minute, table: TableRecord, rule: str) -> Contributors:
    return minute.keys.setdefault((table.account, table.region, rule), Contributors())


# Telling


def _told(began_ms: int, minute: Minute) -> Iterator[tuple[str, dict]]:
    for (account, region, resource, dimension), units in minute.units.items():
        yield (
            scaling.MEASURED,
            {
                "account": account,
                "region": region,
                "resource": resource,
                "dimension": dimension,
                "minute_ms": began_ms,
                "consumed": units,
            },
        )
    for (account, region, rule), found in minute.keys.items():
        yield (
            "cloudwatch.contributed",
            {
                "account": account,
                "region": region,
                "rule": rule,
                "minute_ms": began_ms,
                "contributors": [[list(key), value] for key, value in found.largest()],
                "unique": found.unique,
                "samples": found.samples,
                "sum": found.total,
            },
        )


def _emit_all(tx: Transaction, events: list[tuple[str, dict]]) -> None:
    for kind, payload in events:
        tx.emit(kind, payload)
