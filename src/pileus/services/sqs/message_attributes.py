"""Message attributes: their rules, their size, their MD5.

Source: SQS developer guide, "Message metadata for Amazon SQS", "Message attribute components" and "Calculating the
MD5 message digest for message attributes"; the errors' texts are those of recorded answers.
"""

import hashlib
import re
import struct

from pileus.services.sqs.errors import InvalidMessageContents, InvalidParameterText

MAX_ATTRIBUTES = 10
"""Developer guide, "Amazon SQS message quotas"."""
MAX_NAME_CHARACTERS = 256
MAX_TYPE_CHARACTERS = 256

_NAME = re.compile(r"[A-Za-z0-9_.\-]+")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RESERVED = ("aws.", "amazon.")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_LENGTH = struct.Struct(">I").pack
_STRING, _BINARY = b"\x01", b"\x02"


def has_forbidden_character(text: str) -> bool:
    """Whether a character stands in `text` that no message may have."""
    # The first half of the test is quick and settles nearly all of them.
    return not (text.isascii() and text.isprintable()) and _FORBIDDEN.search(text) is not None


def check(attributes: dict[str, dict]) -> None:
    """Raise what AWS raises for a MessageAttributes map that breaks a rule."""
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidParameterText(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MAX_ATTRIBUTES}]."
        )
    for name, value in attributes.items():
        _check_name(name)
        _check_value(name, value)


def check_system(attributes: dict[str, dict]) -> None:
    """The same for MessageSystemAttributes: AWSTraceHeader is the only one there is, and a String."""
    for name, value in attributes.items():
        if name != "AWSTraceHeader":
            raise InvalidParameterText(f"Message system attribute name '{name}' is not supported.")
        if value.get("DataType") != "String":
            raise InvalidParameterText(
                f"The message system attribute '{name}' has an invalid message system attribute type, "
                "the set of supported type prefixes is String."
            )
        _check_value(name, value)


def size_bytes(attributes: dict[str, dict]) -> int:
    """Names, types and values count towards a message's size."""
    total = 0
    for name, value in attributes.items():
        total += len(name.encode()) + len(value["DataType"].encode())
        total += len(value["BinaryValue"]) if "BinaryValue" in value else len(value["StringValue"].encode())
    return total


def md5(attributes: dict[str, dict]) -> str:
    """MD5OfMessageAttributes: over name, type and value of each, by name, every part led by its length."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        _add(digest, name.encode())
        _add(digest, value["DataType"].encode())
        if "BinaryValue" in value:
            digest.update(_BINARY)
            _add(digest, value["BinaryValue"])
        else:
            digest.update(_STRING)
            _add(digest, value["StringValue"].encode())
    return digest.hexdigest()


def selected(attributes: dict[str, dict], wanted: list[str]) -> dict[str, dict]:
    """Those that a ReceiveMessage's MessageAttributeNames ask for: "All", ".*", "name" or "prefix.*"."""
    if "All" in wanted or ".*" in wanted:
        return attributes
    prefixes = tuple(name[:-1] for name in wanted if name.endswith(".*"))
    return {name: value for name, value in attributes.items() if name in wanted or name.startswith(prefixes)}


def _add(digest, part: bytes) -> None:
    digest.update(_LENGTH(len(part)))
    digest.update(part)


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME_CHARACTERS:
        raise InvalidParameterText(
            f"The length of message attribute name '{name}' exceeds the allowed maximum [{MAX_NAME_CHARACTERS}]."
        )
    if not _NAME.fullmatch(name):
        raise InvalidParameterText(
            f"Invalid message attribute name '{name}'. A message attribute name can contain "
            "A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.)"
        )
    if name.startswith(".") or name.endswith(".") or ".." in name:
        raise InvalidParameterText(
            f"Invalid message attribute name '{name}'. A message attribute name must not start or end with a period "
            "or have successive periods."
        )
    if name.lower().startswith(_RESERVED):
        raise InvalidParameterText(f"Message attribute name '{name}' begins with a reserved prefix.")


def _check_value(name: str, value: dict) -> None:
    kind = value.get("DataType") or ""
    if not kind:
        raise InvalidParameterText(f"The message attribute '{name}' must contain non-empty message attribute type.")
    prefix = kind.partition(".")[0]
    if prefix not in ("String", "Number", "Binary"):
        raise InvalidParameterText(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
            "prefixes is Binary, Number, and String."
        )
    if len(kind) > MAX_TYPE_CHARACTERS:
        raise InvalidParameterText(
            f"The length of message attribute '{name}' type exceeds the allowed maximum [{MAX_TYPE_CHARACTERS}]."
        )
    for unused in ("StringListValues", "BinaryListValues"):
        if value.get(unused):
            raise InvalidParameterText(f"Message attribute list values in {unused} are not supported.")
    member, other = ("BinaryValue", "StringValue") if prefix == "Binary" else ("StringValue", "BinaryValue")
    if value.get(other) is not None:
        raise InvalidParameterText(
            f"The message attribute '{name}' with type '{kind}' must use field '{member.removesuffix('Value')}'."
        )
    content = value.get(member)
    if not content:
        raise InvalidParameterText(
            f"The message attribute '{name}' must contain a non-empty message attribute value for message attribute "
            f"type '{prefix}'."
        )
    if member == "StringValue" and has_forbidden_character(content):
        raise InvalidMessageContents()
    if prefix == "Number" and not _NUMBER.fullmatch(content):
        raise InvalidParameterText(f"Could not cast message attribute '{name}' value to number.")
