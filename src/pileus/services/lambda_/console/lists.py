"""What all pages of the service do: lists by pages, numbers typed."""

from pileus.kernel.pages import Visit

A_PAGE = 50
REFRESH_S = 3
BEGINNINGS = ("from", "aliases_from")
"""What names where lists begin: a page with two of them keeps the other's place."""


async def some_of(visit: Visit, operation: str, asked: dict, *place: str, begins_at: str = "from") -> tuple[dict, str]:
    """A page of a list as the operation answers it, and the next page's address; `begins_at` names it in the query."""
    asked = {**asked, "MaxItems": A_PAGE}
    if visit.query.get(begins_at):
        asked["Marker"] = visit.query[begins_at]
    answer = await visit.invoke(operation, asked)
    following = answer.get("NextMarker", "")
    kept = {name: visit.query.get(name, "") for name in BEGINNINGS}
    return answer, visit.url(*place, **{**kept, begins_at: following}) if following else ""


def given_numbers(visit: Visit, *fields: tuple[str, str, str]) -> dict[str, int]:
    """Those of the (member, field, label) whose field isn't empty."""
    return {member: visit.whole(field, label) for member, field, label in fields if visit.typed(field)}
