"""NextToken: where the next page of a SELECT begins, and of which SELECT."""

import base64
import binascii
from hashlib import blake2b
from typing import Any

import msgspec

from pileus.kernel.errors import AwsError, ValidationException
from pileus.services.dynamodb.partiql.errors import INVALID_TOKEN, TOKEN_DIFFERS
from pileus.services.dynamodb.values import read_item

Item = dict[str, dict[str, Any]]
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class _Token(msgspec.Struct, frozen=True, array_like=True):
    digest: bytes
    last_key: dict[str, dict[str, Any]]


_decode = msgspec.msgpack.Decoder(_Token).decode


def token_of(asked: tuple, last_key: Item) -> str:
    """A token that only the same statement, with the same parameters, can go on with.

    asked   what the token belongs to, as msgpack can write it
    """
    return base64.b64encode(_encode(_Token(_digest(asked), last_key))).decode()


def last_key_of(asked: tuple, token: str) -> Item:
    """The last key of the page before. Raises ValidationException: no token, or one of another statement."""
    try:
        found = _decode(base64.b64decode(token, validate=True))
        last_key = read_item(found.last_key)  # it comes from outside: nobody says that it is as it was given out
    except (binascii.Error, ValueError, msgspec.MsgspecError, AwsError) as error:
        raise ValidationException(INVALID_TOKEN) from error
    if found.digest != _digest(asked):
        raise ValidationException(TOKEN_DIFFERS)
    return last_key


def _digest(asked: tuple) -> bytes:
    return blake2b(_encode(asked), digest_size=16).digest()
