"""Marker and NextMarker."""

from collections.abc import Callable
from typing import Any

from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.services.lambda_ import errors


def marker_in(operation: str, request: dict) -> Any:
    """The key after which the page begins; None at the start. errors   InvalidParameterValueException"""
    if not request.get("Marker"):
        return None
    try:
        return token_in(operation, request["Marker"])
    except InvalidToken:
        raise errors.InvalidParameterValueException("Invalid Marker") from None


def page(
    operation: str, member: str, rows: list, limit: int, out: Callable[[Any], dict], key: Callable[[Any], object]
) -> dict:
    """The result from up to `limit` + 1 rows: the last one only shows that there are more."""
    result: dict[str, Any] = {member: [out(row) for row in rows[:limit]]}
    if len(rows) > limit:
        result["NextMarker"] = token_out(operation, key(rows[limit - 1]))
    return result
