"""The policy simulator: what a user, group or role would be allowed."""

from pileus.kernel.pages import Page, Visit

A_PAGE = 100
CONTEXTS = 3
CONTEXT_TYPES = (
    *("string", "stringList", "numeric", "numericList", "boolean", "booleanList"),
    *("ip", "ipList", "binary", "binaryList", "date", "dateList"),
)
"""Source: IAM API reference, ContextEntry, ContextKeyType."""


async def show(visit: Visit) -> Page:
    return _page(visit)


async def run(visit: Visit) -> Page:
    """It stays on the page: what would be decided belongs below what was asked."""
    asked: dict = {
        "PolicySourceArn": visit.typed("principal"),
        "ActionNames": _lines(visit, "actions"),
        "ContextEntries": _contexts(visit),
        "MaxItems": A_PAGE,
    }
    if visit.typed("resources"):
        asked["ResourceArns"] = _lines(visit, "resources")
    if visit.typed("from"):
        asked["Marker"] = visit.typed("from")
    answer = await visit.invoke("SimulatePrincipalPolicy", asked)
    return _page(visit, results=answer["EvaluationResults"], more=answer.get("Marker", ""))


def _lines(visit: Visit, field: str) -> list[str]:
    return [line.strip() for line in visit.typed(field).splitlines() if line.strip()]


def _contexts(visit: Visit) -> list[dict]:
    """Of a list's type, the values have commas between them."""
    found = []
    for at in range(CONTEXTS):
        key, of, text = visit.typed(f"key{at}"), visit.typed(f"type{at}", "string"), visit.typed(f"value{at}")
        if key:
            values = [each.strip() for each in text.split(",")] if of.endswith("List") else [text]
            found.append({"ContextKeyName": key, "ContextKeyType": of, "ContextKeyValues": values})
    return found


def _page(visit: Visit, results: list[dict] | None = None, more: str = "") -> Page:
    values = {
        "results": results,
        "more": more,
        "next_page": {**visit.form, "from": more},
        "contexts": range(CONTEXTS),
        "context_types": CONTEXT_TYPES,
    }
    return Page("simulator.html", "Policy simulator", values)
