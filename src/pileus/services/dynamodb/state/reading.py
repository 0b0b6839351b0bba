"""Pages of a query or scan: read by key range, up to 1 MB or a number of items, filtered and projected.

A page of 1 MB may be 100,000 items, a third of a second. So it is read in turns (operations/turns.py): each is a look of
its own at a bounded number of rows, and others read and write in between. Every item is as somebody committed it, and
none of a later turn is older than the request: AWS promises no more of a page.

Source: developer guide, "DynamoDB transactions: how it works" ("Isolation levels": Query and Scan are read-committed).
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import QUERY_OF_VECTORS, SCAN_OF_VECTORS, ResourceNotFoundException, invalid
from pileus.services.dynamodb.expressions import Tests
from pileus.services.dynamodb.state import capacity, indexes, ranges, rows
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.keys import key_of
from pileus.services.dynamodb.state.ranges import Range
from pileus.services.dynamodb.state.records import PAGE_BYTES_MAX, READ_BYTES_MAX, SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.tables import require
from pileus.services.dynamodb.values.sizes import item_bytes
from pileus.store.transaction import Transaction

TURN_ITEMS, TURN_BYTES = 200, 1 << 20
"""Of rows that a turn looks at: some 1 ms of the loop's time, beside which the 20 µs of another look don't count."""


class Reading(NamedTuple):
    """What a query or scan asks for.

    index        its name, "" for the table itself
    tests        of a query: its key condition; None: a scan
    start        ExclusiveStartKey
    limit        items to look at; 0: as many as fit
    filter       has `holds(item)`, `refuse_keys(names)`; projection has `of(item)`, `attributes`; None: none
    select       Select, or "" where it isn't given
    """

    index: str = ""
    tests: Tests | None = None
    start: Item | None = None
    limit: int = 0
    filter: Any = None
    projection: Any = None
    select: str = ""
    is_consistent: bool = False
    is_backward: bool = False
    segment: int = 0
    segments: int = 1


class Page(msgspec.Struct):
    """
    count, scanned   items that passed the filter, and that were looked at
    last_key         where the next page begins; None: this was the last
    size_bytes       of what was looked at, of the index where one was read
    partitions       that a scan went over: it consumes a unit of each at least, however little is there
    fetched          sizes of the items that a local index had to fetch from the table
    behind_bytes     of the items behind the entries of an index that projects less of them
    paused_at        the last row of a turn behind which the page goes on; b"": the page is whole
    last             the item of that row
    looked           of a scan of what is watched (TableRecord.watched): each item that was looked at, and its size
    """

    table: TableRecord
    index: SecondaryIndex | None
    items: list[Item] = []
    count: int = 0
    scanned: int = 0
    last_key: Item | None = None
    size_bytes: int = 0
    fetched: list[int] = []
    partitions: int = 1
    behind_bytes: int = 0
    paused_at: bytes = b""
    last: Item = {}
    looked: list[tuple[Item, int]] | None = None

    def units(self, is_consistent: bool) -> float:
        """What the rows that it looked at consume."""
        size_bytes = max(self.size_bytes, self.partitions * capacity.READ_UNIT_BYTES)
        return capacity.read_units(size_bytes, is_consistent)

    def consumed(self, units: float, is_consistent: bool) -> Consumed:
        """What it consumes with so many units for the rows: those count for the index where one was read."""
        if self.index is None:
            return Consumed(units)
        fetched = sum((capacity.read_units(size_bytes, is_consistent) for size_bytes in self.fetched), 0.0)
        return Consumed(fetched, {self.index.name: units})


def page(tx: Transaction, address: Address, asked: Reading, begun: Page | None = None) -> Page:
    """Read a page's first turn, or the next one of a page that was begun.

    errors  ResourceNotFoundException (no such table), ValidationException
    """
    table = require(tx, address)
    check_same(table, begun)
    index = _index(table, asked)
    names = table.key_names if index is None else index.key_names
    if asked.tests is None:
        within = ranges.of_scan(table, index, asked.segment, asked.segments)
    else:
        within = ranges.of_query(table, index, asked.tests)
        if asked.filter is not None:
            asked.filter.refuse_keys(names)
            refuse_unprojected(table, index, asked.filter)
    fetches = fetches_items(table, index, asked)
    low, high = within.low, within.high
    if asked.start is not None:
        low, high = _after_start(table, index, asked, within)
    found = begun or Page(table, index)
    if begun is None and asked.tests is None and table.watched:
        found.looked = []
    left_low, left_high = _left(found, low, high, asked.is_backward)
    if left_low < left_high:
        read_entries(tx, found, asked, tx.scan(left_low, left_high, asked.is_backward), fetches)
    if asked.tests is None:
        found.partitions = partitions_scanned(found, within, low, high)
    return found


def check_same(table: TableRecord, begun: Page | None) -> None:
    """Raise ResourceNotFoundException where the table that a page was begun of is gone."""
    if begun is not None and begun.table.id != table.id:
        raise ResourceNotFoundException()


def _left(found: Page, low: bytes, high: bytes, is_backward: bool) -> tuple[bytes, bytes]:
    """What of a range was not yet read."""
    if not found.paused_at:
        return low, high
    return (low, found.paused_at) if is_backward else (found.paused_at + b"\0", high)


def partitions_scanned(found: Page, within: Range, low: bytes, high: bytes) -> int:
    """How many partitions the page of a scan from `low` to `high` looked into."""
    table, index = found.table, found.index
    end = high if found.last_key is None else ranges.start_of(table, index, found.last_key, within, in_query=False)
    prefix = ranges.prefix_of(table, index)
    return ranges.partitions_between(prefix, low, end, capacity.partitions_of(table, index))


def _index(table: TableRecord, asked: Reading) -> SecondaryIndex | None:
    if not asked.index:
        if asked.select == "ALL_PROJECTED_ATTRIBUTES":
            raise invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
        return None
    index = table.index(asked.index)
    if table.vector_index(asked.index) is not None:
        _refuse_vectors(asked)
    if index is None:
        raise ValidationException(f"The table does not have the specified index: {asked.index}")
    if not index.is_readable:
        raise ValidationException(f"Cannot read from backfilling global secondary index: {asked.index}")
    if asked.is_consistent and not index.is_local:
        raise ValidationException("Consistent reads are not supported on global secondary indexes")
    return index


def _refuse_vectors(asked: Reading) -> None:
    """The order and the texts are AWS's as others say that they saw them; see docs/judges-dynamodb.md, "Doubts"."""
    if asked.tests is None:
        raise ValidationException(SCAN_OF_VECTORS)
    if asked.is_consistent:
        raise ValidationException("Consistent reads are not supported on global secondary indexes")
    raise ValidationException(QUERY_OF_VECTORS)


def refuse_unprojected(table: TableRecord, index: SecondaryIndex | None, keep: Any) -> None:
    """Refuse the filter of a query that looks at what the index, global or local, does not have.

    A scan is not refused: its filter finds nothing there.
    """
    if index is None or keep is None or index.projection.type == "ALL":
        return
    projected = indexes.projected_names(table, index)
    beyond = [name for name in keep.attributes if name not in projected]
    if beyond:
        raise invalid(
            f"Secondary index {index.name} does not project one or more filter attributes: [{', '.join(beyond)}]"
        )


def fetches_items(table: TableRecord, index: SecondaryIndex | None, asked: Reading) -> bool:
    """Whether more is asked for than the index has: of a local index DynamoDB then reads the table too."""
    if index is None or index.projection.type == "ALL":
        return False
    if asked.select == "ALL_ATTRIBUTES":
        if not index.is_local:
            raise invalid(
                f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} because its "
                "projection type is not ALL"
            )
        return True
    if asked.projection is None:
        return False
    projected = indexes.projected_names(table, index)
    beyond = [name for name in asked.projection.attributes if name not in projected]
    if beyond and not index.is_local:
        raise invalid(f"Global secondary index {index.name} does not project [{', '.join(beyond)}]")
    return bool(beyond)


def _after_start(
    table: TableRecord, index: SecondaryIndex | None, asked: Reading, within: Range
) -> tuple[bytes, bytes]:
    start = ranges.start_of(table, index, asked.start, within, in_query=asked.tests is not None)
    if asked.tests is None:
        ranges.check_segment(start, within, asked.segment, asked.segments)
    return (within.low, start) if asked.is_backward else (start + b"\0", within.high)


def read_entries(
    tx: Transaction,
    found: Page,
    asked: Reading,
    entries: Iterable[tuple[bytes, bytes]],
    fetches: bool,
    *,
    pauses: bool = True,
) -> None:
    """Fill a page from rows of the table, or of the index, in the order in which they come, until the turn's end.

    fetches   see `fetches_items`
    pauses    False: the page is so small that it is read in one turn
    """
    table, index = found.table, found.index
    keep, project = asked.filter, asked.projection
    counts_only = asked.select == "COUNT"
    is_whole = index is None or index.projection.type == "ALL"
    prefix = rows.table_prefix(table.id)
    # Items that are fetched are answered, and so count for the page as they are.
    behind_max = PAGE_BYTES_MAX if fetches else READ_BYTES_MAX
    turn_items = found.scanned + TURN_ITEMS if pauses else -1
    turn_behind = found.behind_bytes + TURN_BYTES if pauses else behind_max
    row, item, found.paused_at = b"", found.last, b""
    for key, raw in entries:
        if found.size_bytes >= PAGE_BYTES_MAX or found.scanned == asked.limit > 0 or found.behind_bytes >= behind_max:
            found.last_key = last_key(table, index, item)
            return
        if found.scanned == turn_items or found.behind_bytes >= turn_behind:
            found.paused_at, found.last = row, item
            return
        row = key
        if index is not None:
            raw = tx.get(prefix + rows.entry_suffix(key, raw))
        item, size_bytes = rows.decode(raw)
        shown = item
        if not is_whole:
            shown = indexes.projected(table, index, item)
            found.size_bytes += item_bytes(shown)
            found.behind_bytes += size_bytes
            if fetches:
                found.fetched.append(size_bytes)
                shown = item
        else:
            found.size_bytes += size_bytes
        found.scanned += 1
        if found.looked is not None:
            found.looked.append((item, size_bytes))
        if keep is not None and not keep.holds(shown):
            continue
        found.count += 1
        if not counts_only:
            found.items.append(shown if project is None else project.of(shown))
    if found.scanned == asked.limit > 0:
        # AWS says where it stopped, whether or not there is more.
        found.last_key = last_key(table, index, item)


def last_key(table: TableRecord, index: SecondaryIndex | None, item: Item) -> Item:
    """LastEvaluatedKey: the item's key, and the index's."""
    key = key_of(table, item)
    if index is not None:
        key |= {name: item[name] for name in index.key_names}
    return key
