"""Capacity units, as DynamoDB counts them: what a request consumed, by table and index.

Reads: 4 KB a unit, half of it where eventually consistent, twice in a transaction. Writes: 1 KB a unit, by the larger of
the item before and after, twice in a transaction; and each index for what the write changes in it.

Source: developer guide, "DynamoDB read and write operations", "Global secondary indexes" ("Provisioned throughput
considerations"), "Local secondary indexes" (the same).
"""

from dataclasses import dataclass, field

from pileus.services.dynamodb.state import indexes, rows, vectors
from pileus.services.dynamodb.state.items import Written
from pileus.services.dynamodb.state.records import SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item

READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024


@dataclass(slots=True)
class Consumed:
    """Units, of the table and of its indexes by name. vectors: VectorWriteRequestBytes of its vector indexes."""

    table: float = 0.0
    indexes: dict[str, float] = field(default_factory=dict)
    vectors: dict[str, float] = field(default_factory=dict)

    def add(self, other: "Consumed") -> None:
        self.table += other.table
        for name, units in other.indexes.items():
            self.indexes[name] = self.indexes.get(name, 0.0) + units
        for name, written_bytes in other.vectors.items():
            self.vectors[name] = self.vectors.get(name, 0.0) + written_bytes


def read_units(size_bytes: int, is_consistent: bool, *, in_transaction: bool = False) -> float:
    """Of one item, or of all that one query or scan looked at."""
    units = max(1, -(-size_bytes // READ_UNIT_BYTES))
    if in_transaction:
        return units * 2.0
    return units * (1.0 if is_consistent else 0.5)


def partitions_of(table: TableRecord, index: SecondaryIndex | None) -> int:
    """How many partitions DynamoDB gives a table or index to begin with: one serves 3,000 read and 1,000 write units.

    Source: developer guide, "DynamoDB on-demand capacity mode" (12,000 and 4,000 units of a new table), "Designing
    partition keys to distribute your workload".
    """
    if table.billing == "PAY_PER_REQUEST":
        return 4
    throughput = table.throughput if index is None or index.throughput is None else index.throughput
    return max(1, -(-(throughput.read_units + 3 * throughput.write_units) // 3000))


def write_units(size_bytes: int) -> int:
    return max(1, -(-size_bytes // WRITE_UNIT_BYTES))


def of_write(
    table: TableRecord,
    suffix: bytes,
    old: Item | None,
    new: Item | None,
    old_bytes: int,
    new_bytes: int,
    *,
    in_transaction: bool = False,
) -> Consumed:
    """What a write from `old` to `new` consumes."""
    times = 2.0 if in_transaction else 1.0
    consumed = Consumed(write_units(max(old_bytes, new_bytes)) * times)
    for index in table.live_indexes:
        units = _index_units(table, index, suffix, old, new, old_bytes, new_bytes)
        if units:
            consumed.indexes[index.name] = units * times
    for vector_index in table.live_vector_indexes:
        written_bytes = vectors.write_bytes(table, vector_index, suffix, old, new)
        if written_bytes:
            consumed.vectors[vector_index.name] = float(written_bytes)
    return consumed


def of_written(written: Written, *, in_transaction: bool = False) -> Consumed:
    return of_write(
        written.table,
        written.suffix,
        written.old,
        written.new,
        written.old_bytes,
        written.new_bytes,
        in_transaction=in_transaction,
    )


def _index_units(
    table: TableRecord,
    index: SecondaryIndex,
    suffix: bytes,
    old: Item | None,
    new: Item | None,
    old_bytes: int,
    new_bytes: int,
) -> int:
    before = None if old is None else rows.entry_key(index, old, suffix)
    after = None if new is None else rows.entry_key(index, new, suffix)
    was_bytes = 0 if before is None else indexes.projected_bytes(table, index, old, old_bytes)
    is_bytes = 0 if after is None else indexes.projected_bytes(table, index, new, new_bytes)
    if before is None and after is None:
        return 0
    if before is None or after is None:
        return write_units(was_bytes or is_bytes)
    if before != after:  # one write to delete the entry, one to put the new one
        return write_units(was_bytes) + write_units(is_bytes)
    if indexes.projected(table, index, old) == indexes.projected(table, index, new):
        return 0
    return write_units(max(was_bytes, is_bytes))


def out(table: TableRecord, named: str, consumed: Consumed, detail: str, *, kind: str = "") -> dict:
    """ConsumedCapacity.

    named   the table as the request named it
    detail  TOTAL or INDEXES
    kind    Read or Write: the units are said under that name too, as for transactions
    """
    total = consumed.table + sum(consumed.indexes.values())
    answer = {"TableName": named} | _units(total, kind)
    if detail == "INDEXES":
        answer["Table"] = _units(consumed.table, kind)
        for index in table.indexes:
            if index.name in consumed.indexes:
                member = "LocalSecondaryIndexes" if index.is_local else "GlobalSecondaryIndexes"
                answer.setdefault(member, {})[index.name] = _units(consumed.indexes[index.name], kind)
        if consumed.vectors:
            answer["VectorIndexes"] = {
                name: {"VectorWriteRequestBytes": written_bytes} for name, written_bytes in consumed.vectors.items()
            }
    return answer


def _units(units: float, kind: str) -> dict:
    return {"CapacityUnits": units, f"{kind}CapacityUnits": units} if kind else {"CapacityUnits": units}
