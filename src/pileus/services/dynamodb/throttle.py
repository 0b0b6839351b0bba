"""Provisioned capacity, enforced: only with PILEUS_DYNAMODB_THROTTLE=1 (settings), for a test that wants to meet it.

Each table and each global index has two buckets that fill with the provisioned units a second and hold 300 seconds of
them. A request is admitted while there is something in the bucket and then takes what it consumed, so one may leave a
debt. The buckets are in memory, on the cloud's clock: a restart fills them.

Source: DynamoDB developer guide, "Burst and adaptive capacity", "Provisioned capacity mode", "Global secondary indexes"
("If the index's capacity is insufficient, writes to the table are throttled").
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pileus.kernel.call import Call
from pileus.services.dynamodb import meter
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import (
    IndexThroughputExceeded,
    ProvisionedThroughputExceededException,
    TransactionCanceledException,
)
from pileus.services.dynamodb.scalable import READ, WRITE
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.items import reason_of
from pileus.services.dynamodb.state.records import SecondaryIndex, TableRecord, Throughput
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.tables import find

BURST_S = 300
ENGINE = "dynamodb.throttle"
BUCKETS_MAX = 100_000


@dataclass(slots=True)
class Bucket:
    units: float
    at_ms: int


def _buckets(call: Call) -> dict[tuple[int, str], Bucket]:
    return call.cloud.engines.setdefault(ENGINE, {})


async def admit(
    call: Call,
    address: Address,
    kind: str,
    index: str = "",
    keys: Iterable[Item] = (),
    partition: Item | None = None,
) -> None:
    """Raise ProvisionedThroughputExceededException while a bucket that the request would take from is empty.

    kind   READ: the table's, or that of the global index that is read. WRITE: the table's and its global indexes'
    index  the name of the index that is read
    keys, partition   of the items, or the partition, that are asked for: contributor insights count refusals of each
    """
    table = await call.read(find, address)
    if table is None or table.billing != "PROVISIONED":
        return
    read_index = table.index(index) if index else None
    if read_index is not None and not read_index.is_local:
        if _level(call, read_index.id, kind, read_index.throughput) <= 0:
            meter.refused(call, table, read_index, keys, partition)
            raise _index_exceeded(table, read_index, kind)
        return
    if _level(call, table.id, kind, table.throughput) <= 0:
        meter.refused(call, table, None, keys, partition)
        raise ProvisionedThroughputExceededException(ThrottlingReasons=[_reason("Table", kind, table.arn)])
    if kind == WRITE:
        for one in table.global_indexes:
            if one.throughput is not None and _level(call, one.id, kind, one.throughput) <= 0:
                raise _index_exceeded(table, one, kind)


async def admit_together(call: Call, addresses: list[Address], kind: str, keys: Sequence[Item] | None = None) -> None:
    """Admit a transaction with actions on these tables, or cancel it with a reason for each action of a table that may not.

    keys   of each action's item, for contributor insights

    Source: API reference, TransactionCanceledException ("Provisioned Throughput Exceeded").
    """
    if not call.cloud.settings.is_dynamodb_throttle:
        return
    reasons = [{"Code": "None"} for _ in addresses]
    for address in dict.fromkeys(addresses):
        theirs = [key for key, one in zip(keys or (), addresses, strict=False) if one == address]
        try:
            await admit(call, address, kind, keys=theirs)
        except ProvisionedThroughputExceededException as error:
            for at, one in enumerate(addresses):
                if one == address:
                    reasons[at] = reason_of(error)
    if any(reason["Code"] != "None" for reason in reasons):
        raise TransactionCanceledException(reasons)


def _index_exceeded(table: TableRecord, index: SecondaryIndex, kind: str) -> IndexThroughputExceeded:
    return IndexThroughputExceeded(ThrottlingReasons=[_reason("Index", kind, f"{table.arn}/index/{index.name}")])


def _reason(of: str, kind: str, arn: str) -> dict:
    """A ThrottlingReason. Source: API reference, ThrottlingReason."""
    return {"reason": f"{of}{kind.title()}ProvisionedThroughputExceeded", "resource": arn}


def spend(call: Call, table: TableRecord, kind: str, consumed: Consumed) -> None:
    """A request consumed this: take it from the buckets of its table and indexes, and tell those who watch."""
    meter.spent(call, table, kind, consumed)
    if not call.cloud.settings.is_dynamodb_throttle or table.billing != "PROVISIONED":
        return
    of_table = consumed.table
    for name, units in consumed.indexes.items():
        index = table.index(name)
        if index is None or index.is_local:
            of_table += units
        elif index.throughput is not None:
            _take(call, index.id, kind, index.throughput, units)
    _take(call, table.id, kind, table.throughput, of_table)


def wants_units(call: Call, table: TableRecord) -> bool:
    """Whether anybody wants to know what a request consumes, but for who made it."""
    return table.is_metered or call.cloud.settings.is_dynamodb_throttle


def _rate(throughput: Throughput, kind: str) -> int:
    return throughput.read_units if kind == READ else throughput.write_units


def _level(call: Call, owner_id: int, kind: str, throughput: Throughput | None) -> float:
    """What is in a bucket now, filled up to now."""
    if throughput is None:
        return 1.0
    buckets = _buckets(call)
    now_ms = call.clock.now_ms()
    rate = _rate(throughput, kind)
    bucket = buckets.get((owner_id, kind))
    if bucket is None:
        if len(buckets) >= BUCKETS_MAX:
            buckets.clear()
        bucket = buckets[owner_id, kind] = Bucket(float(rate * BURST_S), now_ms)
    filled = rate * max(0, now_ms - bucket.at_ms) / 1000
    bucket.units = min(bucket.units + filled, float(rate * BURST_S))
    bucket.at_ms = now_ms
    return bucket.units


def _take(call: Call, owner_id: int, kind: str, throughput: Throughput, units: float) -> None:
    if units:
        _level(call, owner_id, kind, throughput)
        _buckets(call)[owner_id, kind].units -= units
