"""A function invoked by hand."""

import base64

from pileus.kernel.pages import Page, Visit
from pileus.services.lambda_.console.functions import qualified, trail

TYPES = (
    ("RequestResponse", "Synchronous: wait for its answer"),
    ("Event", "Asynchronous: take the event, answer at once"),
    ("DryRun", "Dry run: only look whether it may be invoked"),
)


async def show(visit: Visit) -> Page:
    return await _page(visit, None)


async def _page(visit: Visit, answer: dict | None) -> Page:
    name, qualifier = visit.labels["function"], visit.typed("qualifier")
    function = await visit.invoke("GetFunctionConfiguration", {"FunctionName": name})
    values = {
        "function": function,
        "qualifier": qualifier,
        "types": TYPES,
        "answer": answer,
        "log": base64.b64decode((answer or {}).get("LogResult", "")).decode(errors="replace"),
        "here": "invoke",
    }
    return Page("invoke.html", name, values, trail=trail(visit))


async def invoke(visit: Visit) -> Page:
    """It stays on the page: what the function answers belongs below the event."""
    kind = visit.typed("type", "RequestResponse")
    asked = qualified(visit, visit.typed("qualifier"))
    asked |= {"InvocationType": kind, "Payload": visit.form.get("event", "").encode()}
    if kind == "RequestResponse":
        asked["LogType"] = "Tail"
    return await _page(visit, await visit.invoke("Invoke", asked))
