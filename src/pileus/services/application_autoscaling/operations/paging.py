"""Lists: a page of what a scan finds, and the token of the next."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.services.application_autoscaling.errors import InvalidNextTokenException, ValidationException


async def page(
    call: Call, request: dict, *, limit: int, find: Callable[..., Iterator], place_of: Callable[[Any], list]
) -> tuple[list, dict]:
    """(up to MaxResults of what `find(tx, place)` finds behind the place, {"NextToken": …} or nothing).

    limit     the default and the most
    place_of  record -> its place, of which the token is made
    """
    count = request.get("MaxResults")
    count = limit if count is None else count
    if not 1 <= count <= limit:
        raise ValidationException(f"MaxResults must be between 1 and {limit}")
    place = _place(call, request)
    found = await call.read(lambda tx: list(islice(find(tx, place), count + 1)))
    shown = found[:count]
    return shown, {"NextToken": token_out(call.operation, place_of(shown[-1]))} if len(found) > count else {}


def check_dimension(request: dict, resource: object) -> None:
    """errors   ValidationException: a dimension is asked for without a resource. The words are not confirmed"""
    if request.get("ScalableDimension") and not resource:
        raise ValidationException("A resource ID must be specified when a scalable dimension is specified")


def _place(call: Call, request: dict) -> tuple | None:
    token = request.get("NextToken")
    if not token:
        return None
    try:
        place = token_in(call.operation, token)
    except InvalidToken as error:
        raise InvalidNextTokenException() from error
    if not isinstance(place, list):
        raise InvalidNextTokenException()
    return tuple(place)
