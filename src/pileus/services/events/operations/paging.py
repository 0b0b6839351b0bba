"""Lists: a page of what a scan finds, and the token of the next."""

from collections.abc import Callable, Iterator
from itertools import islice

from pileus.kernel.call import Call
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.services.events.errors import ValidationException

MAX_LISTED = 100


async def page(
    call: Call, request: dict, find: Callable[..., Iterator], *args, name_of: Callable, **kwargs
) -> tuple[list, dict]:
    """(up to Limit of what `find(tx, *args, after=…, **kwargs)` finds, {"NextToken": …} or nothing)."""
    limit = request.get("Limit") or MAX_LISTED
    after = _after(call, request)
    found = await call.read(lambda tx: list(islice(find(tx, *args, after=after, **kwargs), limit + 1)))
    shown = found[:limit]
    return shown, {"NextToken": token_out(call.operation, name_of(shown[-1]))} if len(found) > limit else {}


def _after(call: Call, request: dict) -> str:
    token = request.get("NextToken")
    if not token:
        return ""
    try:
        after = token_in(call.operation, token)
    except InvalidToken:
        after = None
    if not isinstance(after, str):
        raise ValidationException("The NextToken provided is not valid.")
    return after
