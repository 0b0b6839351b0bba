"""What all pages of the service do: lists by the beginning of a name, names typed."""

from pileus.kernel.pages import Visit

A_PAGE = 50
REFRESH_S = 3


async def some_of(visit: Visit, operation: str, asked: dict, *place: str) -> tuple[dict, dict]:
    """A page of a list as the operation answers it; and for its template the prefix and the next page's address."""
    prefix, asked = visit.query.get("prefix", "").strip(), {**asked, "Limit": A_PAGE}
    if prefix:
        asked["NamePrefix"] = prefix
    if visit.query.get("from"):
        asked["NextToken"] = visit.query["from"]
    answer = await visit.invoke(operation, asked)
    following = answer.get("NextToken", "")
    more = visit.url(*place, prefix=prefix, **{"from": following}) if following else ""
    return answer, {"prefix": prefix, "more": more}
