"""DynamoDB's values: reading and checking them, numbers, sizes, equality and order, key bytes. Pure functions.

    read      wire form -> canonical form, with AWS's refusals        numbers   38 decimal digits, exact
    compare   equality and order                                      ordered   key values as sortable bytes
    sizes     AWS's item sizes

An item is dict[str, AttributeValue], an AttributeValue AWS's own dict with exactly one key:
{"S": str} {"N": str} {"B": bytes} {"BOOL": bool} {"NULL": True} {"L": [...]} {"M": {...}} {"SS": [...]} {"NS": [...]}
{"BS": [bytes, ...]}. Values are shared, never changed in place.
"""

from pileus.services.dynamodb.values.compare import equal, less, less_or_equal, type_of
from pileus.services.dynamodb.values.ordered import key_bytes, prefix_bytes
from pileus.services.dynamodb.values.read import SerializationException, read_item, read_sized_item, read_value
from pileus.services.dynamodb.values.sizes import MAX_ITEM_BYTES, item_bytes, value_bytes

__all__ = [
    "MAX_ITEM_BYTES",
    "SerializationException",
    "equal",
    "item_bytes",
    "key_bytes",
    "less",
    "less_or_equal",
    "prefix_bytes",
    "read_item",
    "read_sized_item",
    "read_value",
    "type_of",
    "value_bytes",
]
