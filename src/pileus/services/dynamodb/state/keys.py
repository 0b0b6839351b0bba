"""What an item's keys must be, in AWS's words.

Source: developer guide, "Quotas in Amazon DynamoDB" ("Partition key length", "Sort key length"), "Supported data types
and naming rules"; the texts are those of recorded answers.
"""

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.errors import INVALID, EmptyKey, invalid
from pileus.services.dynamodb.state.records import (
    PARTITION_KEY_BYTES_MAX,
    SORT_KEY_BYTES_MAX,
    SecondaryIndex,
    TableRecord,
    VectorIndex,
)
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.vectors import FLOAT32_MAX

MISMATCH = "The provided key element does not match the schema"
NOT_VALID = "One or more parameter values are not valid. "
_UNEMPTY = {"S": "string", "B": "binary"}


def check_item(table: TableRecord, item: Item) -> None:
    """The keys of an item that is put, and those of the indexes it will be in."""
    for name in table.key_names:
        value = item.get(name)
        if value is None:
            raise invalid(f"Missing the key {name} in the item")
        kind = table.attribute_types[name]
        if kind not in value:
            raise invalid(f"Type mismatch for key {name} expected: {kind} actual: {next(iter(value))}")
        _check_content(name, kind, value[kind])
    _check_sizes(table, item)
    if table.indexes or table.vector_indexes:
        check_index_keys(table, item)


def check_batched(table: TableRecord, item: Item) -> None:
    """As check_item; a batch is told of an item's key in the words that a key alone gets."""
    for name in table.key_names:
        if table.attribute_types[name] not in item.get(name, ()):
            raise ValidationException(MISMATCH)
    check_item(table, item)


def check_key(table: TableRecord, key: Item) -> None:
    """A key that a request names: exactly the key's attributes, of their types."""
    if len(key) != len(table.key_names):
        raise ValidationException(MISMATCH)
    for name in table.key_names:
        value = key.get(name)
        if value is None:
            raise ValidationException(MISMATCH)
        kind = table.attribute_types[name]
        if kind not in value:
            raise ValidationException(MISMATCH)
        _check_content(name, kind, value[kind])
    _check_sizes(table, key)


def check_index_keys(table: TableRecord, item: Item, *, is_updated: bool = False) -> None:
    """What an item has of an index's key must fit to be one.

    is_updated   it is what an update makes of the item, of which AWS names neither index nor key
    """
    for index in table.live_indexes:
        for name, kind in zip(index.key_names, index.attribute_types, strict=True):
            if name in item and name not in table.key_names:
                _check_index_key(index.name, name, kind, item[name], is_updated)
        _check_index_sizes(index, item)
    for index in table.live_vector_indexes:
        _check_vector(index, item)
        for name, kind in index.types.items():
            if name in item and name not in table.key_names:
                _check_index_key(index.name, name, kind, item[name], is_updated, may_be_empty=name != index.hash_name)
        if index.hash_name in item and _bytes_of(item[index.hash_name]) > PARTITION_KEY_BYTES_MAX:
            raise _too_large_hash()


def _check_index_key(
    index_name: str, name: str, kind: str, value: dict, is_updated: bool, *, may_be_empty: bool = False
) -> None:
    if kind not in value:
        raise invalid(
            f"Type mismatch for Index Key {name} Expected: {kind} Actual: {next(iter(value))} IndexName: {index_name}"
        )
    if not value[kind] and not may_be_empty:
        what = (
            "The update expression attempted to update a secondary index key to a value that is not supported"
            if is_updated
            else "A value specified for a secondary index key is not supported"
        )
        where = "" if is_updated else f" IndexName: {index_name}, IndexKey: {name}"
        raise EmptyKey(
            f"{NOT_VALID}{what}. The AttributeValue for a key attribute cannot contain an empty "
            f"{_UNEMPTY[kind]} value.{where}"
        )


def _check_vector(index: VectorIndex, item: Item) -> None:
    """The punctuation is AWS's. That of a number beyond 32 bits is as near as we know."""
    value = item.get(index.attribute)
    if value is None:
        return
    begin, where = "One or more parameter values were invalid. Invalid", f"IndexName: {index.name}"
    elements = value.get("L")
    if elements is None:
        raise ValidationException(
            f"{begin} type for parameter {index.attribute}, Expected: 32-bit floating point number list {where}"
        )
    if len(elements) != index.dimensions:
        raise ValidationException(
            f"{begin} size for parameter {index.attribute}, Expected: {index.dimensions}, Actual: {len(elements)} {where}"
        )
    for at, element in enumerate(elements):
        if "N" not in element or abs(float(element["N"])) > FLOAT32_MAX:
            raise ValidationException(
                f"{begin} type for parameter {index.attribute}[{at}], Expected: 32-bit floating point number, "
                f"Actual: {next(iter(element))}. {where}"
            )


def key_of(table: TableRecord, item: Item) -> Item:
    """The primary key of an item."""
    return {name: item[name] for name in table.key_names}


def _check_content(name: str, kind: str, content: str | bytes) -> None:
    if not content:
        raise EmptyKey(
            f"{NOT_VALID}The AttributeValue for a key attribute cannot contain an empty {_UNEMPTY[kind]} value. "
            f"Key: {name}"
        )


def _check_sizes(table: TableRecord, item: Item) -> None:
    if _bytes_of(item[table.hash_name]) > PARTITION_KEY_BYTES_MAX:
        raise _too_large_hash()
    if table.range_name and _bytes_of(item[table.range_name]) > SORT_KEY_BYTES_MAX:
        raise _too_large_range()


def _check_index_sizes(index: SecondaryIndex, item: Item) -> None:
    if any(name in item and _bytes_of(item[name]) > PARTITION_KEY_BYTES_MAX for name in index.hash_names):
        raise _too_large_hash()
    if any(name in item and _bytes_of(item[name]) > SORT_KEY_BYTES_MAX for name in index.range_names):
        raise _too_large_range()


def _too_large_hash() -> ValidationException:
    # The missing space is AWS's.
    return ValidationException(
        f"{INVALID}Size of hashkey has exceeded the maximum size limit of{PARTITION_KEY_BYTES_MAX} bytes"
    )


def _too_large_range() -> ValidationException:
    return invalid(f"Aggregated size of all range keys has exceeded the size limit of {SORT_KEY_BYTES_MAX} bytes")


def _bytes_of(value: dict) -> int:
    for content in value.values():
        if type(content) is str and not content.isascii():
            return len(content.encode())
        return len(content)
    return 0
