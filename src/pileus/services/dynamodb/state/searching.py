"""SearchVectors: the nearest vectors of an index, or of a partition of it.

Every vector is looked at, so the answer is exact, where AWS's is of an approximate search. Like the page of a scan
(reading.py) a search goes in turns, between which others read and write, and keeps no more than the best so far. What
an entry says is as somebody committed it; an item that has changed since its entry was looked at is left out.

Source: API reference, SearchVectors; developer guide, "Creating and searching vector indexes", "Requirements and
limitations". The texts are those of recorded answers, but for what docs/judges-dynamodb.md names under "Doubts". Why every
vector: decision 0014.
"""

import heapq
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import ResourceNotFoundException
from pileus.services.dynamodb.expressions import SearchCondition
from pileus.services.dynamodb.state import ranges, rows, vectors
from pileus.services.dynamodb.state.records import (
    COSINE,
    DOT_PRODUCT,
    SEARCH_BYTES_MAX,
    TableRecord,
    VectorIndex,
)
from pileus.services.dynamodb.state.tables import require
from pileus.services.dynamodb.state.vectors import FLOAT32_MAX, Entry
from pileus.services.dynamodb.values.sizes import item_bytes
from pileus.store.transaction import Transaction

TURN_ENTRIES, TURN_NUMBERS, TURN_BYTES = 1_000, 1 << 15, 1 << 20
"""Entries and numbers of vectors that a turn looks at, or bytes of items that it shows: some milliseconds."""
SEARCH_BYTES_MIN = 1024
"""Of what a search consumes. Source: Amazon DynamoDB pricing."""
INVALID_VECTOR = (
    "Search vector contains invalid values. All values in the search vector must be a 32-bit floating-point number "
    "attribute"
)


class Search(NamedTuple):
    """
    index       its name
    vector      32-bit numbers
    top         how many are wanted
    projection  has `of(item)`, `attributes`; None: what the index has, without the vector
    """

    index: str
    vector: tuple[float, ...]
    top: int
    condition: SearchCondition | None = None
    projection: Any = None


class Found(msgspec.Struct):
    """
    best            a heap of (-rank, -place, score, key, entry), the worst of the best first
    looked          entries that were looked at
    ranked          those of `best` that are still to be shown, the last one first; None: not all are looked at
    results         SearchResults
    examined_bytes  of the vectors that were looked at
    shown_bytes     of the items in results
    paused_at       of a turn behind which the search goes on: the last key; b"": it is over. See turns.py
    """

    table: TableRecord
    index: VectorIndex
    best: list[tuple[float, int, float, bytes, bytes]] = []
    looked: int = 0
    ranked: list[tuple[float, int, float, bytes, bytes]] | None = None
    results: list[dict] = []
    examined_bytes: int = 0
    shown_bytes: int = 0
    paused_at: bytes = b""

    @property
    def request_bytes(self) -> float:
        """VectorSearchRequestBytes: "the size of the vector data the search examines and returns", here of all vectors."""
        return float(max(SEARCH_BYTES_MIN, self.examined_bytes + self.shown_bytes))


def search(tx: Transaction, address: Address, asked: Search, begun: Found | None = None) -> Found:
    """Do the first turn of a search, or the next one.

    errors  ResourceNotFoundException, ValidationException
    """
    table = require(tx, address)
    index = _index(table, asked)
    if begun is not None and begun.index.id != index.id:
        raise ResourceNotFoundException()
    hash_value = _partition(index, asked)
    found = begun or Found(table, index)
    start = vectors.partition_start(index, hash_value)
    if found.ranked is None:
        _look(tx, found, asked, start, hash_value)
    else:
        _show(tx, found, asked, len(start))
    return found


def _index(table: TableRecord, asked: Search) -> VectorIndex:
    index = table.vector_index(asked.index)
    if index is not None and index.is_backfilling:
        raise ValidationException(f"Cannot search backfilling vector index: {asked.index}")
    if index is None or index.status != "ACTIVE":
        raise ValidationException(f"The table does not have the specified index: {asked.index}")
    if len(asked.vector) != index.dimensions:
        raise ValidationException(
            f"Input search vector dimension {len(asked.vector)} does not match vector index dimension {index.dimensions}"
        )
    return index


def _partition(index: VectorIndex, asked: Search) -> dict | None:
    """The value of the HASH attribute, where the index has one."""
    hash_value = None if asked.condition is None else asked.condition.on(index.types, index.hash_name)
    if index.hash_name and hash_value is None:
        raise ValidationException("SearchConditionExpression must be provided when SearchSchema has a HASH key")
    return hash_value


def _look(tx: Transaction, found: Found, asked: Search, start: bytes, hash_value: dict | None) -> None:
    """Rank some entries of the partition that begins at `start`."""
    index = found.index
    score_of = scorer(index.distance, asked.vector)
    is_descending = index.distance == DOT_PRODUCT
    condition, of_partition = asked.condition, {} if hash_value is None else {index.hash_name: hash_value}
    vector_bytes = vectors.NUMBER_BYTES * index.dimensions
    last = found.looked + max(1, min(TURN_ENTRIES, TURN_NUMBERS // index.dimensions))
    low = found.paused_at + b"\0" if found.paused_at else start
    for key, raw in tx.scan(low, ranges.after(start)):
        if found.looked == last:
            return
        found.looked += 1
        found.paused_at = key
        if condition is not None and not condition.holds(of_partition | vectors.filters_of(index, raw)):
            continue
        found.examined_bytes += vector_bytes
        score = score_of(vectors.decoded(index, raw))
        # Of equal ones the first stays: `best` has the worst of them first.
        ranked = (score if is_descending else -score, -found.looked, score, key, raw)
        if len(found.best) < asked.top:
            heapq.heappush(found.best, ranked)
        elif ranked > found.best[0]:
            heapq.heapreplace(found.best, ranked)
    found.ranked = sorted(found.best)
    found.paused_at = start if found.ranked else b""


def _show(tx: Transaction, found: Found, asked: Search, start_bytes: int) -> None:
    """Fetch the items of some of the best, the nearest first."""
    table, index = found.table, found.index
    shows_vector = asked.projection is not None and index.attribute in asked.projection.attributes
    turn_bytes, left = 0, found.ranked
    while left and turn_bytes < TURN_BYTES:
        _, _, score, key, raw = left.pop()
        row = tx.get(rows.table_prefix(table.id) + key[start_bytes:]) if tx.get(key) == raw else None
        if row is None:
            continue
        turn_bytes += len(row)
        shown = vectors.projected(table, index, rows.decode(row)[0])
        if shows_vector:
            # Some numbers take as long as many bytes.
            turn_bytes += 100 * index.dimensions
            shown[index.attribute] = {"L": [{"N": number_text(one)} for one in vectors.decoded(index, raw).vector]}
        if asked.projection is not None:
            shown = asked.projection.of(shown)
        found.results.append({"Item": shown, "Score": shortest(score)})
        found.shown_bytes += item_bytes(shown)
        if found.shown_bytes > SEARCH_BYTES_MAX:
            raise ValidationException(
                f"The results exceed the maximum response size of {SEARCH_BYTES_MAX} bytes. Use a narrower projection "
                "or reduce TopK"
            )
    if not left:
        found.paused_at = b""


# Numbers


def scorer(distance: str, query: tuple[float, ...]) -> Callable[[Entry], float]:
    """What scores an entry, as a 32-bit number.

    COSINE is 1 less the cosine of the angle: from 0 to 2, and 1 where a vector has no length; EUCLIDEAN the straight
    line; both are smallest for the nearest, DOT_PRODUCT is greatest.
    """
    if distance == DOT_PRODUCT:
        return lambda entry: float32(vectors.dot(query, entry.vector))
    if distance != COSINE:
        return lambda entry: float32(math.dist(query, entry.vector))
    squared = vectors.dot(query, query)

    def cosine(entry: Entry) -> float:
        # The root of the product and not the product of roots: a vector is at exactly 0 from itself.
        lengths = math.sqrt(squared * entry.squared)
        if lengths == 0.0:
            return 1.0
        return float32(min(max(1.0 - vectors.dot(query, entry.vector) / lengths, 0.0), 2.0))

    return cosine


def float32(number: float) -> float:
    """The nearest 32-bit number; the largest one for what is beyond."""
    if abs(number) > FLOAT32_MAX:
        return math.copysign(FLOAT32_MAX, number)
    return _FLOAT.unpack(_FLOAT.pack(number))[0] + 0.0  # there is no -0


def query_vector(given: list[dict]) -> tuple[float, ...]:
    """SearchVector. Raises ValidationException."""
    numbers = []
    for value in given:
        if value.keys() != {"N"}:
            raise ValidationException(INVALID_VECTOR)
        try:
            number = float(value["N"])
        except ValueError as why:
            raise ValidationException(INVALID_VECTOR) from why
        if not abs(number) <= FLOAT32_MAX:  # nor NaN
            raise ValidationException(INVALID_VECTOR)
        numbers.append(number)
    layout = vectors.layout(len(numbers))
    return layout.unpack(layout.pack(*numbers))


def shortest(number: float) -> float:
    """The number of fewest decimal digits that is this 32-bit one: 0.1 and not 0.10000000149011612."""
    for digits in (6, 7, 8):
        text = f"{number:.{digits}g}"
        if float32(float(text)) == number:
            return float(text)
    return float(f"{number:.9g}")


def number_text(number: float) -> str:
    """A vector's number as AWS gives it back: 1 as 1.0."""
    short = shortest(number)
    return repr(short) if 1e-4 <= abs(short) < 1e16 or not short else _plain(short)


def _plain(number: float) -> str:
    text = f"{Decimal(repr(number)):f}"
    return text if "." in text else f"{text}.0"


_FLOAT = struct.Struct("<f")
