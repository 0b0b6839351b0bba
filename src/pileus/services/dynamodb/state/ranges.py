"""The range of keys that a query or a segment of a scan reads, and where a page begins in it.

Source: API reference, Query, Scan; developer guide, "Key condition expressions for the Query operation", "Paginating
table query results", "Parallel scan", "Multi-attribute keys pattern" (global indexes of several key attributes).
"""

from typing import NamedTuple

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.errors import invalid
from pileus.services.dynamodb.expressions import KeyAttribute, KeyTest, Tests
from pileus.services.dynamodb.state import rows
from pileus.services.dynamodb.state.keys import MISMATCH
from pileus.services.dynamodb.state.records import SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.values.ordered import key_bytes, prefix_bytes

INVALID_START = "The provided starting key is invalid"
HASHES = 1 << (8 * rows.HASH_BYTES)


class Range(NamedTuple):
    """Keys from `low` (included) to `high` (not). What `partition` begins with is one partition's; b"": many."""

    low: bytes
    high: bytes
    partition: bytes = b""


def prefix_of(table: TableRecord, index: SecondaryIndex | None) -> bytes:
    return rows.table_prefix(table.id) if index is None else rows.index_prefix(index.id)


def of_scan(table: TableRecord, index: SecondaryIndex | None, segment: int, segments: int) -> Range:
    """A segment: its share of the hashes."""
    prefix = prefix_of(table, index)
    low, high = rows.range_of(prefix)
    if segment:
        low = prefix + _hash_at(segment, segments)
    if segment + 1 < segments:
        high = prefix + _hash_at(segment + 1, segments)
    return Range(low, high)


def partitions_between(prefix: bytes, low: bytes, high: bytes, partitions: int) -> int:
    """How many of so many partitions, which share the hashes evenly, lie between two keys, in part or whole."""
    id_at, end_at = len(prefix) - 8, len(prefix) + rows.HASH_BYTES
    base = int.from_bytes(prefix[id_at:]) * HASHES
    start, end = (int.from_bytes(key[id_at:end_at].ljust(16, b"\0")) - base for key in (low, high))
    return max(1, -(-end * partitions // HASHES) - start * partitions // HASHES)


def _hash_at(segment: int, segments: int) -> bytes:
    return (-(-segment * HASHES // segments)).to_bytes(rows.HASH_BYTES)


def of_query(table: TableRecord, index: SecondaryIndex | None, tests: Tests) -> Range:
    """The part of a partition that meets a key condition. Raises ValidationException."""
    if index is not None and max(len(index.hash_names), len(index.range_names)) > 1:
        hashes, equal, last = _several(index, tests)
    else:
        names, kinds = key_of(table, index)
        attributes = [KeyAttribute(name, kind) for name, kind in zip(names, kinds, strict=True)]
        condition = tests.on(attributes[0], attributes[1] if len(attributes) > 1 else None)
        hashes, equal, last = [condition.partition], [], condition.sort
    partition = prefix_of(table, index) + rows.partition_of(*hashes)
    base = partition + b"".join(map(key_bytes, equal))
    return Range(*_sorted(base, last), partition)


def key_of(table: TableRecord, index: SecondaryIndex | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names and types of the key attributes."""
    if index is not None:
        return index.key_names, index.attribute_types
    return table.key_names, tuple(table.attribute_types[name] for name in table.key_names)


def _several(index: SecondaryIndex, tests: Tests) -> tuple[list[dict], list[dict], KeyTest | None]:
    """The partition's values, the sort key's leading values, and a last test, of an index of several key attributes."""
    left = dict(tests.by_attribute)
    kinds = dict(zip(index.key_names, index.attribute_types, strict=True))
    for name, test in left.items():
        if name in kinds:
            _check_operands(name, kinds[name], test)
    hashes = []
    for name in index.hash_names:
        test = left.pop(name, None)
        if test is None or test.operator != "=":
            raise invalid(
                f"All HASH key attributes of the index need an equality condition, and {name} has none. "
                f"IndexName: {index.name}"
            )
        hashes.append(test.operands[0])
    given = [(name, left.pop(name)) for name in index.range_names if name in left]
    if left:
        raise ValidationException("Query key condition not supported")
    equal: list[dict] = []
    last = None
    if given:
        furthest, test = given[-1]
        before = index.range_names[: index.range_names.index(furthest)]
        loose = set(before) - {name for name, one in given if one.operator == "="}
        if loose:
            raise ValidationException(
                f"RANGE key attributes {', '.join(name for name in before if name in loose)} must have equality "
                "conditions specified in the query because a condition is present on key attribute "
                f"{furthest}"
            )
        equal = [one.operands[0] for _, one in given]
        if test.operator != "=":
            equal.pop()
            last = test
    return hashes, equal, last


def _check_operands(name: str, kind: str, test: KeyTest) -> None:
    # As a partition key's: the refusals of one key attribute are those of any.
    Tests({name: KeyTest("=", test.operands)}).on(KeyAttribute(name, kind), None)


def _sorted(base: bytes, test: KeyTest | None) -> tuple[bytes, bytes]:
    if test is None:
        return base, after(base)
    first = test.operands[0]
    if test.operator == "begins_with":
        if "N" in first:
            raise invalid("Invalid operand type for operator begins_with; operator: begins_with, operand type: N")
        low = base + prefix_bytes(first)
        return low, after(low)
    at = base + key_bytes(first)
    if test.operator == "=":
        return at, after(at)
    if test.operator == "<":
        return base, at
    if test.operator == "<=":
        return base, after(at)
    if test.operator == ">":
        return after(at), after(base)
    if test.operator == ">=":
        return at, after(base)
    return at, after(base + key_bytes(test.operands[1]))


def after(prefix: bytes) -> bytes:
    """The first key after all that begin with `prefix`."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1])


# Where a page begins


def start_of(table: TableRecord, index: SecondaryIndex | None, start: Item, within: Range, *, in_query: bool) -> bytes:
    """The key that a page begins after. The item need not be there. Raises ValidationException."""
    names, kinds = key_of(table, index)
    wanted = dict(zip(names, kinds, strict=True)) | {name: table.attribute_types[name] for name in table.key_names}
    is_keyed = start.keys() == wanted.keys() and all(kind in start[name] for name, kind in wanted.items())
    if not is_keyed or any(not start[name][kind] for name, kind in wanted.items()):
        raise ValidationException(INVALID_START if in_query and index is not None else f"{INVALID_START}: {MISMATCH}")
    suffix = rows.suffix_of(table, start)
    key = prefix_of(table, index) + suffix if index is None else rows.entry_key(index, start, suffix)
    if key is None:
        raise ValidationException(INVALID_START)
    if in_query and index is None and not table.range_name:
        shown = ", ".join(f"{name}=AttributeValue: {{{_shown(start[name])}}}" for name in start)
        raise ValidationException(f"The provided exclusive start key is invalid: ExclusiveStartKey: {{{shown}}}")
    if in_query and not key.startswith(within.partition):
        raise ValidationException("The provided starting key is outside query boundaries based on provided conditions")
    if in_query and not within.low <= key < within.high:
        raise ValidationException("The provided starting key does not match the range key predicate")
    return key


def check_segment(key: bytes, within: Range, segment: int, segments: int) -> None:
    """A page of a segment begins in it."""
    if not within.low <= key < within.high:
        raise ValidationException(
            f"{INVALID_START}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "
            f"TotalSegments: {segments} Segment: {segment}"
        )


def _shown(value: dict) -> str:
    return ",".join(f"{kind}:{content}" for kind, content in value.items())
