"""Items as people write them: DynamoDB JSON, binaries in base64, as the AWS CLI takes and prints them.

Source: developer guide, "DynamoDB low-level API" ("Data type descriptors").
"""

import base64
import binascii
from typing import Any

import orjson

from pileus.kernel.errors import ValidationException

NESTING_MAX = 40
"""Deeper than an item may be (32 levels), so that the operation says it in its words."""

SHOWN_CHARACTERS = 80


def to_text(item: dict) -> str:
    return orjson.dumps({name: _out(value) for name, value in item.items()}, option=orjson.OPT_INDENT_2).decode()


def from_text(text: str) -> dict:
    """Raises ValidationException where it is no DynamoDB JSON; what the values are worth is the operation's to say."""
    try:
        item = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValidationException(f"That is no JSON: {error}") from error
    if not isinstance(item, dict):
        raise ValidationException('An item is an object: {"name": {"S": "value"}, …}')
    return {name: _in(value, name, 0) for name, value in item.items()}


def short(value: dict | None) -> str:
    """One attribute's value in a cell of a table."""
    if value is None:
        return ""
    ((kind, content),) = value.items()
    if kind in ("S", "N"):
        text = content
    elif kind == "BOOL":
        text = str(content).lower()
    elif kind == "NULL":
        text = "null"
    elif kind == "B":
        text = base64.b64encode(content).decode()
    else:
        text = orjson.dumps(_out(value)[kind]).decode()
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _out(value: dict) -> dict:
    ((kind, content),) = value.items()
    if kind == "B":
        content = base64.b64encode(content).decode()
    elif kind == "BS":
        content = [base64.b64encode(one).decode() for one in content]
    elif kind == "L":
        content = [_out(one) for one in content]
    elif kind == "M":
        content = {name: _out(one) for name, one in content.items()}
    return {kind: content}


def _in(value: Any, name: str, depth: int) -> dict:
    if not isinstance(value, dict) or len(value) != 1 or depth > NESTING_MAX:
        raise ValidationException(f'The value of {name} must say its one type, as in {{"S": "text"}}')
    ((kind, content),) = value.items()
    if kind == "B":
        content = _bytes(content, name)
    elif kind == "BS" and isinstance(content, list):
        content = [_bytes(one, name) for one in content]
    elif kind == "L" and isinstance(content, list):
        content = [_in(one, f"{name}[{at}]", depth + 1) for at, one in enumerate(content)]
    elif kind == "M" and isinstance(content, dict):
        content = {inner: _in(one, f"{name}.{inner}", depth + 1) for inner, one in content.items()}
    elif not _fits(kind, content):
        raise ValidationException(f"The value of {name} is not of the type {kind}")
    return {kind: content}


def _fits(kind: str, content: Any) -> bool:
    if kind in ("S", "N"):
        return isinstance(content, str)
    if kind in ("BOOL", "NULL"):
        return isinstance(content, bool)
    return kind in ("SS", "NS") and isinstance(content, list) and all(isinstance(one, str) for one in content)


def _bytes(content: Any, name: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValidationException(f"The binary {name} is not in base64") from error
