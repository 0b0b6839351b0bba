"""Reading AttributeValues as sent into their canonical form, in one walk.

Canonical: exactly one type; numbers normalised (values.numbers); binaries as bytes; sets sorted, for AWS keeps no order
and equality is then that of dicts. What is canonical already is not copied, so nobody may change a value in place.
Over JSON a binary arrives as base64 text, from inside this cloud as bytes; both are read.
Source: API reference, AttributeValue; developer guide, "Supported data types and naming rules"; the errors' texts,
oddities included, are those of recorded answers.
"""

import binascii
import re
from decimal import Decimal

from pileus.kernel.errors import AwsError, ValidationException
from pileus.services.dynamodb.values.numbers import normalise
from pileus.services.dynamodb.values.sizes import canonical_integer_bytes, text_bytes, value_bytes

MAX_NESTING = 32
"""Developer guide, "Quotas in Amazon DynamoDB", Nested attribute depth: a scalar in 31 maps is the deepest."""
MAX_NAME_BYTES = 65_535
"""Developer guide, "Quotas in Amazon DynamoDB", Attribute name: less than 64 KB."""

EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
MORE_THAN_ONE = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)
INVALID = "One or more parameter values were invalid: "
NESTED_TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)
EMPTY_NAME = "Empty attribute name"
LONG_NAME = "Attribute name is too large, must be less than 65536 bytes"

_JAVA_VALUE = "com.amazonaws.dynamodb.v20120810.AttributeValue"
_FOREIGN_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")


class SerializationException(AwsError):
    """A JSON value of another type than the model's."""


def read_item(wire: dict) -> dict:
    """The canonical form of an item, a key or any other map of AttributeValues by name.

    errors   ValidationException, SerializationException
    """
    if type(wire) is not dict:
        raise _not_a_map(wire)
    item = {}
    for name, value in wire.items():
        if type(value) is dict and len(value) == 1 and type(value.get("S")) is str:
            item[name] = value
        else:
            item[name] = read_value(value)
        if len(name) > MAX_NAME_BYTES // 4:
            check_name(name)
    if "" in item:
        raise ValidationException(INVALID + EMPTY_NAME)
    return item


def read_sized_item(wire: dict) -> tuple[dict, int]:
    """`read_item`, and the item's size (sizes.item_bytes) found on the same way."""
    if type(wire) is not dict:
        raise _not_a_map(wire)
    item = {}
    size_bytes = 0
    texts = []  # measured in one go: asking each costs as much as all else
    for name, value in wire.items():
        texts.append(name)
        if len(name) > MAX_NAME_BYTES // 4:
            check_name(name)
        if type(value) is dict and len(value) == 1:
            if "S" in value:
                content = value["S"]
                if type(content) is str:
                    item[name] = value
                    texts.append(content)
                    continue
            elif "N" in value:
                content = value["N"]
                integer_bytes = canonical_integer_bytes(content) if type(content) is str else 0
                if integer_bytes:
                    item[name] = value
                    size_bytes += integer_bytes
                    continue
        value = item[name] = read_value(value)
        size_bytes += value_bytes(value)
    if "" in item:
        raise ValidationException(INVALID + EMPTY_NAME)
    return item, size_bytes + text_bytes("".join(texts))


def read_value(wire: dict, depth: int = 0) -> dict:
    """The canonical form of one AttributeValue that `depth` lists and maps are around.

    errors   ValidationException, SerializationException
    """
    if type(wire) is not dict:
        raise _not_a_value(wire)
    if len(wire) != 1:
        wire = _only_one(wire, depth)
    ((kind, content),) = wire.items()
    if content is None:
        raise ValidationException(EMPTY)
    if kind == "S":
        if type(content) is not str:
            raise _not_a_string(content)
        return wire
    if kind == "N":
        if type(content) is not str:
            raise _not_a_string(content)
        text = normalise(content)
        return wire if text == content else {"N": text}
    if kind == "M":
        if type(content) is not dict:
            raise _not_a_map(content)
        if content:
            _check_members(content, depth)
        return {"M": {name: read_value(value, depth + 1) for name, value in content.items()}}
    if kind == "L":
        if type(content) is not list:
            raise _not_a_list(content)
        if content and depth >= MAX_NESTING - 1:
            raise ValidationException(NESTED_TOO_DEEP)
        return {"L": [read_value(value, depth + 1) for value in content]}
    if kind == "BOOL":
        if type(content) is not bool:
            raise _not_a_boolean(content)
        return wire
    if kind == "NULL":
        if type(content) is not bool:
            raise _not_a_boolean(content)
        if not content:
            raise ValidationException(INVALID + "Null attribute value types must have the value of true")
        return wire
    if kind == "B":
        return {"B": _binary(content)}
    if kind == "SS":
        return {"SS": _string_set(content)}
    if kind == "NS":
        return {"NS": _number_set(content)}
    if kind == "BS":
        return {"BS": _binary_set(content)}
    raise ValidationException(EMPTY)


def check_name(name: str) -> None:
    """Raise what AWS raises for a top-level attribute's name that is empty or too long."""
    if not name:
        raise ValidationException(INVALID + EMPTY_NAME)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ValidationException(LONG_NAME)


def number_order(text: str) -> Decimal:
    """The sort key by which the members of a canonical NS stand."""
    return Decimal(text)


_TYPES = ("S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL")


def _only_one(wire: dict, depth: int) -> dict:
    """The one type of a value that is sent with several members: those of others are null, or none that we know."""
    given = {kind: content for kind, content in wire.items() if content is not None}
    known = given if len(given) == 1 else {kind: given[kind] for kind in _TYPES if kind in given}
    if not known:
        raise ValidationException(EMPTY)
    if len(known) > 1:
        for kind, content in known.items():
            read_value({kind: content}, depth)  # a wrong JSON type comes first
        raise ValidationException(MORE_THAN_ONE)
    return known


def _check_members(members: dict, depth: int) -> None:
    if depth >= MAX_NESTING - 1:
        raise ValidationException(NESTED_TOO_DEEP)
    for name in members:
        if len(name) > MAX_NAME_BYTES // 4:
            check_name(name)


def _binary(content) -> bytes:
    if type(content) is bytes:
        return content
    if type(content) is not str:
        raise _wrong_type(content, "java.nio.ByteBuffer")
    try:
        return binascii.a2b_base64(content, strict_mode=True)
    except (binascii.Error, ValueError) as why:
        raise _not_base64(content) from why


def _string_set(content) -> list[str]:
    if type(content) is not list:
        raise _not_a_list(content)
    for member in content:
        if type(member) is not str:
            raise _not_a_string(member)
    if not content:
        raise ValidationException(INVALID + "An string set  may not be empty")
    if len(set(content)) != len(content):
        raise ValidationException(f"{INVALID}Input collection [{', '.join(content)}] contains duplicates.")
    return sorted(content)


def _number_set(content) -> list[str]:
    if type(content) is not list:
        raise _not_a_list(content)
    for member in content:
        if type(member) is not str:
            raise _not_a_string(member)
    if not content:
        raise ValidationException(INVALID + "An number set  may not be empty")
    members = {normalise(member) for member in content}
    if len(members) != len(content):
        raise ValidationException("Input collection contains duplicates")
    return sorted(members, key=number_order)


def _binary_set(content) -> list[bytes]:
    if type(content) is not list:
        raise _not_a_list(content)
    members = [_binary(member) for member in content]
    if not members:
        raise ValidationException(INVALID + "Binary sets should not be empty")
    if len(set(members)) != len(members):
        shown = ", ".join(binascii.b2a_base64(member, newline=False).decode() for member in members)
        raise ValidationException(f"{INVALID}Input collection [{shown}]of type BS contains duplicates.")
    return sorted(members)


def _json_kind(content) -> str:
    if content is None:
        return "NULL_VALUE"
    if type(content) is bool:
        return "TRUE_VALUE" if content else "FALSE_VALUE"
    if type(content) is int:
        return "NUMBER_VALUE"
    if type(content) is float:
        return "DECIMAL_VALUE"
    return "STRING_VALUE"


def _wrong_type(content, java: str) -> SerializationException:
    if type(content) is dict:
        return SerializationException("Start of structure or map found where not expected.")
    if type(content) is list:
        return SerializationException(f"Unrecognized collection type class {java}")
    return SerializationException(f"{_json_kind(content)} cannot be converted to {java.rpartition('.')[2]}")


def _not_a_string(content) -> SerializationException:
    return _wrong_type(content, "java.lang.String")


def _not_a_boolean(content) -> SerializationException:
    if type(content) is str:
        return SerializationException("Unexpected token received from parser")
    return _wrong_type(content, "java.lang.Boolean")


def _not_a_list(content) -> SerializationException:
    if type(content) is dict:
        return SerializationException("Start of structure or map found where not expected.")
    return SerializationException("Unexpected field type")


def _not_a_map(content) -> SerializationException:
    if type(content) is list:
        return SerializationException(f"Unrecognized collection type java.util.Map<java.lang.String, {_JAVA_VALUE}>")
    return SerializationException("Unexpected field type")


def _not_a_value(content) -> SerializationException | ValidationException:
    if content is None:
        return ValidationException(EMPTY)
    if type(content) is list:
        return SerializationException(f"Unrecognized collection type class {_JAVA_VALUE}")
    return SerializationException("Unexpected value type in payload")


def _not_base64(content: str) -> SerializationException:
    if len(content) % 4:
        return SerializationException(
            f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(content)}"
        )
    foreign = _FOREIGN_BASE64.search(content)
    if foreign:
        return SerializationException(f"Invalid Base64 character: '{foreign.group()}'")
    return SerializationException("Invalid last non-pad Base64 character dectected")
