"""SELECT: one item by its key, some partitions in the order asked for, or a scan; in pages."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pileus.kernel.errors import AwsError, ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import SCAN_OF_VECTORS
from pileus.services.dynamodb.expressions import documents
from pileus.services.dynamodb.partiql import statements as ast
from pileus.services.dynamodb.partiql.access import KeySchema, Partition, partitions, primary_key
from pileus.services.dynamodb.partiql.conditions import condition_of
from pileus.services.dynamodb.partiql.errors import (
    BATCH_READS_ONE_ITEM,
    GLOBAL_INDEX_IS_EVENTUAL,
    NO_INDEX_IN_TRANSACTIONS,
    NO_SUCH_INDEX,
    ORDER_WITHOUT_HASH,
    ORDER_WITHOUT_WHERE,
    TOKEN_DIFFERS,
    TRANSACTION_READS_ONE_ITEM,
)
from pileus.services.dynamodb.partiql.writes import in_transaction, keys_of
from pileus.services.dynamodb.state import capacity, keys, ranges, reading, rows, transactions
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.reading import Page, Reading
from pileus.services.dynamodb.state.records import SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.tables import require
from pileus.services.dynamodb.values import key_bytes
from pileus.store.transaction import Transaction

SEVERAL_PAGE_ITEMS_MAX = 10
"""Of a page that reads several partition key values. Source: developer guide, "PartiQL arithmetic, comparison, and
logical operators for DynamoDB", IN."""


class Selected(NamedTuple):
    """
    last_key   where the next page begins; None: there is none
    page       what it was read as, if not by one key
    """

    table: TableRecord
    items: list[Item]
    last_key: Item | None
    consumed: Consumed
    page: Page | None = None

    @property
    def paused_at(self) -> bytes:
        """See reading.Page."""
        return self.page.paused_at if self.page is not None else b""


@dataclass(frozen=True, slots=True)
class Columns:
    """What SELECT shows of an item, with the interface of expressions.Projection.

    A path's value is named by the path from its last name on: a.b[0] is "b[0]".
    """

    paths: tuple[ast.Path, ...]

    @property
    def attributes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(path.parts[0] for path in self.paths))

    def of(self, item: Item) -> Item:
        shown = {}
        for path in self.paths:
            value = documents.find(item, path.parts)
            if value is not None:
                shown[_name_of(path)] = value
        return shown


def select(
    tx: Transaction,
    address: Address,
    statement: ast.Select,
    *,
    is_consistent: bool = False,
    limit: int = 0,
    start: Item | None = None,
    begun: Selected | None = None,
) -> Selected:
    """Read the first turn of a page of what a bound SELECT asks for, or the next one of what was begun.

    limit    items to look at; 0: as many as fit into a page
    start    the last key of the page before
    errors   ResourceNotFoundException, ValidationException
    """
    table = require(tx, address)
    index = index_of(table, statement, is_consistent=is_consistent)
    schema = keys_of(index or table)
    needed = partitions(statement.where, schema)
    order = _order_of(statement, schema, needed)
    condition = condition_of(statement.where)
    columns = _columns_of(statement)
    if needed is not None and not isinstance(statement.where, ast.Or):
        reading.refuse_unprojected(table, index, condition)
    if index is None and needed is not None and len(needed) == 1 and needed[0].key is not None:
        return _one(tx, table, needed[0].key, condition, columns, is_consistent)
    several = needed is not None and len(needed) > 1
    asked = Reading(
        limit=min(limit or SEVERAL_PAGE_ITEMS_MAX, SEVERAL_PAGE_ITEMS_MAX) if several else limit,
        filter=condition,
        projection=columns,
        is_consistent=is_consistent,
    )
    page = begun.page if begun is not None else Page(table, index)
    reading.check_same(table, page)
    fetches = reading.fetches_items(table, index, asked)
    sizes: list[int] = []
    after = None if start is None else _place_of(table, index, start)
    within = ranges.of_scan(table, index, 0, 1)
    low = within.low if after is None else after + b"\0"
    after = page.paused_at or after
    if needed is None:
        entries = tx.scan(low if after is None else after + b"\0", within.high)
    else:
        entries = _entries(tx, page, [_range_of(table, index, one) for one in needed], order, after, sizes)
    noted = _Noted(entries)
    # Several partitions: a turn would have to remember what each has cost, and ten items are no long turn.
    reading.read_entries(tx, page, asked, noted, fetches, pauses=not several)
    if noted.is_exhausted and page.scanned != limit:
        page.last_key = None  # nobody but the caller's own limit ends a page with nothing behind it
    if needed is None:
        page.partitions = reading.partitions_scanned(page, within, low, within.high)
    return Selected(table, page.items, page.last_key, _consumed(page, sizes, is_consistent), page)


def read_each(tx: Transaction, asked: list[Any]) -> list[Selected | AwsError]:
    """The items of a batch's SELECTs; of each that fails its error instead.

    asked   each with address, statement and is_consistent; an error that was found before stays in its place
    """
    found: list[Selected | AwsError] = []
    for one in asked:
        if isinstance(one, AwsError):
            found.append(one)
            continue
        try:
            table = require(tx, one.address)
            key, rest = key_read(table, one.statement, BATCH_READS_ONE_ITEM)
            columns = _columns_of(one.statement)
            found.append(_one(tx, table, key, condition_of(rest), columns, one.is_consistent))
        except AwsError as error:
            found.append(error)
    return found


def read_together(tx: Transaction, asked: list[tuple[Address, ast.Select]]) -> list[Selected]:
    """The items of a transaction's SELECTs.

    errors   ResourceNotFoundException, TransactionCanceledException, ValidationException
    """
    gets = []
    for at, (address, statement) in enumerate(asked):
        try:
            if statement.source.index:
                raise ValidationException(NO_INDEX_IN_TRANSACTIONS)
            key, rest = key_read(require(tx, address), statement, TRANSACTION_READS_ONE_ITEM)
            if rest is not None:
                raise ValidationException(TRANSACTION_READS_ONE_ITEM)
        except ValidationException as error:
            raise in_transaction(at, error) from error
        gets.append((address, key))
    found = []
    for (table, item, size_bytes), (_, statement) in zip(transactions.read(tx, gets), asked, strict=True):
        consumed = Consumed(capacity.read_units(size_bytes, True, in_transaction=True))
        columns = _columns_of(statement)
        shown = [] if item is None else [item if columns is None else columns.of(item)]
        found.append(Selected(table, shown, None, consumed))
    return found


def index_of(table: TableRecord, statement: ast.Select, *, is_consistent: bool) -> SecondaryIndex | None:
    """The index that the statement names, ready to be read; None where it names none."""
    if not statement.source.index:
        return None
    index = table.index(statement.source.index)
    if table.vector_index(statement.source.index) is not None:
        raise ValidationException(SCAN_OF_VECTORS)
    if index is None:
        raise ValidationException(NO_SUCH_INDEX)
    if not index.is_readable:
        raise ValidationException(f"Cannot read from backfilling global secondary index: {index.name}")
    if is_consistent and not index.is_local:
        raise ValidationException(GLOBAL_INDEX_IS_EVENTUAL)
    return index


def key_read(table: TableRecord, statement: ast.Select, refusal: str) -> tuple[Item, Any]:
    """The key of the one item that a SELECT of a batch or transaction reads, and the rest of its clause.

    errors  ValidationException with `refusal` where it may read others
    """
    found = None if statement.source.index else primary_key(statement.where, keys_of(table))
    if found is None:
        raise ValidationException(refusal)
    keys.check_key(table, found[0])
    return found


def _one(
    tx: Transaction, table: TableRecord, key: Item, condition: Any, columns: Columns | None, is_consistent: bool
) -> Selected:
    keys.check_key(table, key)
    item, size_bytes = rows.get(tx, table, rows.suffix_of(table, key)) or (None, 0)
    consumed = Consumed(capacity.read_units(size_bytes, is_consistent))
    if item is None or (condition is not None and not condition.holds(item)):
        return Selected(table, [], None, consumed)
    return Selected(table, [item if columns is None else columns.of(item)], None, consumed)


# Order


class _Order(NamedTuple):
    """
    by_partition   +1 or -1: partitions in the order of their keys' values, or against it; 0: as the clause names them
    is_backward    the items of a partition against the order of their sort keys
    is_merged      by the sort key across all partitions
    """

    by_partition: int = 0
    is_backward: bool = False
    is_merged: bool = False


def _order_of(statement: ast.Select, schema: KeySchema, needed: list[Partition] | None) -> _Order:
    terms = statement.order
    if not terms:
        return _Order()
    if statement.where is None:
        raise ValidationException(ORDER_WITHOUT_WHERE)
    for term in terms:
        if term.name not in schema.names:
            raise ValidationException(
                f"Variable reference {term.name} in ORDER BY clause must be part of the primary key"
            )
    if needed is None:
        raise ValidationException(ORDER_WITHOUT_HASH)
    by_hash = [term for term in terms if term.name in schema.hash_names]
    by_sort = [term for term in terms if term.name in schema.range_names]
    return _Order(
        (-1 if by_hash[0].is_descending else 1) if by_hash else 0,
        bool(by_sort) and by_sort[0].is_descending,
        is_merged=bool(by_sort) and terms[0] is by_sort[0],
    )


# Entries


class _Noted:
    """Rows, and whether they were read to their end."""

    def __init__(self, entries: Iterator[tuple[bytes, bytes]]) -> None:
        self._entries = entries
        self.is_exhausted = False

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._entries
        self.is_exhausted = True


class _Stretch(NamedTuple):
    """The rows of one partition: keys from `low` below `high`, all of which begin with `partition`."""

    partition: bytes
    low: bytes
    high: bytes
    rank: tuple[bytes, ...]
    """The partition key's values as sortable bytes."""


def _range_of(table: TableRecord, index: SecondaryIndex | None, needed: Partition) -> _Stretch:
    for name, value in zip((index or table).key_names, needed.hash_values, strict=False):
        _check_not_empty(name, value)
    partition = ranges.prefix_of(table, index) + rows.partition_of(*needed.hash_values)
    span = needed.span
    high = ranges.after(partition) if span.high is None else partition + span.high
    return _Stretch(partition, partition + span.low, high, tuple(map(key_bytes, needed.hash_values)))


def _check_not_empty(name: str, value: dict[str, Any]) -> None:
    for kind, content in value.items():
        if not content:
            raise ValidationException(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
                f"empty {'string' if kind == 'S' else 'binary'} value. Key: {name}"
            )


def _entries(
    tx: Transaction, page: Page, stretches: list[_Stretch], order: _Order, after: bytes | None, sizes: list[int]
) -> Iterator[tuple[bytes, bytes]]:
    """The rows of the partitions in order, from the one after `after` on. sizes: bytes looked at before each."""
    if order.by_partition:
        stretches = sorted(stretches, key=lambda one: one.rank, reverse=order.by_partition < 0)
    if order.is_merged and len(stretches) > 1:
        return _merged(tx, stretches, order, after)
    if after is not None:
        reached = [at for at, one in enumerate(stretches) if after.startswith(one.partition)]
        # Several keys of one partition are stretches of their own; each begins and ends with its key.
        reached = [at for at in reached if stretches[at].low <= after < stretches[at].high]
        if not reached:
            raise ValidationException(TOKEN_DIFFERS)
        first = stretches[reached[0]]
        rest = first._replace(high=after) if order.is_backward else first._replace(low=after + b"\0")
        stretches = [rest, *stretches[reached[0] + 1 :]]
    return _chained(tx, page, stretches, order.is_backward, sizes)


def _chained(
    tx: Transaction, page: Page, stretches: list[_Stretch], is_backward: bool, sizes: list[int]
) -> Iterator[tuple[bytes, bytes]]:
    for one in stretches:
        sizes.append(page.size_bytes)
        if one.low < one.high:
            yield from tx.scan(one.low, one.high, is_backward)


def _merged(
    tx: Transaction, stretches: list[_Stretch], order: _Order, after: bytes | None
) -> Iterator[tuple[bytes, bytes]]:
    """By the sort key across partitions; of equal ones those of the earlier partition first."""
    if after is not None:
        stretches = _merged_after(stretches, order.is_backward, after)
    streams = [_placed(tx, at, one, order.is_backward) for at, one in enumerate(stretches)]
    # Against the order, equal sort keys still come by partition.
    key: Callable = (lambda one: (_Against(one[0]), one[1])) if order.is_backward else (lambda one: one[:2])
    for _, _, entry, raw in heapq.merge(*streams, key=key):
        yield entry, raw


def _placed(
    tx: Transaction, at: int, stretch: _Stretch, is_backward: bool
) -> Iterator[tuple[bytes, int, bytes, bytes]]:
    if stretch.low < stretch.high:
        for key, raw in tx.scan(stretch.low, stretch.high, is_backward):
            yield key[len(stretch.partition) :], at, key, raw


class _Against:
    """Bytes that sort the other way round."""

    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __lt__(self, other: "_Against") -> bool:
        return other.content < self.content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Against) and self.content == other.content

    def __hash__(self) -> int:
        return hash(self.content)


def _merged_after(stretches: list[_Stretch], is_backward: bool, after: bytes) -> list[_Stretch]:
    reached = next((at for at, one in enumerate(stretches) if after.startswith(one.partition)), None)
    if reached is None:
        raise ValidationException(TOKEN_DIFFERS)
    place = after[len(stretches[reached].partition) :]
    left = []
    for at, one in enumerate(stretches):
        was_read = at <= reached  # of the rows with this very sort key
        if is_backward:
            left.append(one._replace(high=min(one.high, one.partition + place + (b"" if was_read else b"\0"))))
        else:
            left.append(one._replace(low=max(one.low, one.partition + place + (b"\0" if was_read else b""))))
    return left


def _place_of(table: TableRecord, index: SecondaryIndex | None, start: Item) -> bytes:
    """The row after which a page begins."""
    try:
        return ranges.start_of(table, index, start, ranges.of_scan(table, index, 0, 1), in_query=False)
    except ValidationException as error:
        raise ValidationException(TOKEN_DIFFERS) from error


def _consumed(page: Page, sizes: list[int], is_consistent: bool) -> Consumed:
    if len(sizes) <= 1:
        return page.consumed(page.units(is_consistent), is_consistent)
    ends = [*sizes[1:], page.size_bytes]
    units = sum(capacity.read_units(end - start, is_consistent) for start, end in zip(sizes, ends, strict=True))
    return page.consumed(units, is_consistent)


# Columns


def _columns_of(statement: ast.Select) -> Columns | None:
    return None if statement.columns is None else Columns(statement.columns)


def _name_of(path: ast.Path) -> str:
    at = max(at for at, part in enumerate(path.parts) if isinstance(part, str))
    return path.parts[at] + "".join(f"[{index}]" for index in path.parts[at + 1 :])
