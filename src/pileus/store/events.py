"""The outbox's rows: events that were committed and not yet delivered. The dispatcher is in delivery/."""

from typing import Any

import msgspec

from pileus.store.table import Table


class Event(msgspec.Struct, frozen=True, array_like=True):
    """
    id        ascending in the order of commits
    kind      names the handler, e.g. "lambda.invoke-async"
    payload   what the handler needs; str, int, float, bool, bytes, None, lists and dicts of them
    lane      "" or the lane within which order is kept
    attempts  deliveries that failed so far
    """

    id: int
    kind: str
    payload: dict[str, Any]
    lane: str
    emitted_at_ms: int
    due_ms: int
    attempts: int = 0


OUTBOX = Table("outbox", Event, key=lambda event: (event.due_ms, event.id))
