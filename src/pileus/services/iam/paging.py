"""Lists in pages, as all of IAM's list operations have them: MaxItems, Marker, IsTruncated."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.services.iam.errors import ValidationError
from pileus.store.transaction import Transaction

DEFAULT_ITEMS = 100

Rows = Callable[[Transaction, Any], Iterable]
"""(tx, after) -> rows in the order of their keys, beginning after the key `after` (None: from the start)."""


async def page(
    call: Call,
    request: dict,
    rows: Rows,
    *,
    key: Callable[[Any], Any],
    out: Callable[[Transaction, Any], Any],
    keep: Callable[[Any], bool] | None = None,
) -> tuple[list, dict]:
    """The page's items in the answer's shape, and IsTruncated with its Marker.

    key   row -> its key, a string or a list of them
    keep  which rows are wanted at all (a path prefix); others do not count
    """
    after = _marker(call.operation, request.get("Marker"))
    limit = request.get("MaxItems", DEFAULT_ITEMS)

    def take(tx: Transaction) -> tuple[list, str | None]:
        found: Iterator = iter(rows(tx, after))
        if keep is not None:
            found = filter(keep, found)
        some = list(islice(found, limit + 1))
        marker = token_out(call.operation, key(some[limit - 1])) if len(some) > limit else None
        return [out(tx, row) for row in some[:limit]], marker

    items, marker = await call.read(take)
    return items, {"IsTruncated": marker is not None} | ({"Marker": marker} if marker is not None else {})


def _marker(operation: str, marker: str | None) -> Any:
    if marker is None:
        return None
    try:
        return token_in(operation, marker)
    except InvalidToken:
        raise ValidationError(f"Invalid Marker: {marker}") from None


def after_key(items: Iterable, after: Any, key: Callable[[Any], Any]) -> Iterator:
    """Of rows that are all in hand: those after the key, sorted by it."""
    return (item for item in sorted(items, key=key) if after is None or key(item) > after)


def path_filter(request: dict) -> Callable[[Any], bool]:
    prefix = request.get("PathPrefix", "/")
    return lambda record: record.path.startswith(prefix)
