"""The PartiQL editor."""

from pileus.kernel.pages import Page, Visit
from pileus.services.dynamodb.console import json_items
from pileus.services.dynamodb.console.items import COLUMNS_MAX

A_PAGE = 50
EXAMPLE = 'SELECT * FROM "table" WHERE "key" = \'value\''


async def show(visit: Visit) -> Page:
    return _page(visit)


async def run(visit: Visit) -> Page:
    """It stays on the page: what a statement answers belongs below it."""
    asked = {"Statement": visit.form.get("statement", "")}
    if asked["Statement"].lstrip().lower().startswith("select"):
        asked["Limit"] = A_PAGE  # DynamoDB takes one with no other statement
    if visit.form.get("from"):
        asked["NextToken"] = visit.form["from"]
    answer = await visit.invoke("ExecuteStatement", asked)
    items = answer.get("Items", [])
    columns = list(dict.fromkeys(name for item in items for name in item))
    shown = columns[:COLUMNS_MAX]
    rows = [[json_items.short(item.get(name)) for name in shown] for item in items]
    return _page(
        visit,
        is_done=True,
        columns=shown,
        hidden=columns[COLUMNS_MAX:],
        rows=rows,
        items=[json_items.to_text(item) for item in items],
        more=answer.get("NextToken", ""),
    )


def _page(visit: Visit, **found: object) -> Page:
    empty = {"is_done": False, "columns": [], "hidden": [], "rows": [], "items": [], "more": "", "example": EXAMPLE}
    return Page("statements.html", "PartiQL editor", empty | found)
