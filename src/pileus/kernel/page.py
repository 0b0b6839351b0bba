"""Pagination tokens: opaque to the caller, bound to the operation that gave them."""

import base64
import binascii

import msgspec


class InvalidToken(Exception):
    """The token is not one of ours, or belongs to another operation. The service answers its own error."""


def token_out(operation: str, key: object) -> str:
    """A token for the place after `key`, a string, number, bytes, or a list of those."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode([operation, key])).decode().rstrip("=")


def token_in(operation: str, token: str) -> object:
    """The key of `token_out`. Raises InvalidToken."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        given, key = msgspec.msgpack.decode(raw)
    except (binascii.Error, ValueError, TypeError, msgspec.MsgspecError) as error:
        raise InvalidToken(token) from error
    if given != operation:
        raise InvalidToken(token)
    return key
