"""An event meets the rules of its bus: each target of each rule that matches is one event of the outbox."""

from typing import Any

import orjson

from pileus.delivery.patterns import compile
from pileus.services.events.names import BusKey
from pileus.services.events.state import archives
from pileus.services.events.state.tables import DISABLED, RULES, Rule, find_bus
from pileus.store.transaction import Transaction

DELIVER = "events.deliver"
ROUTE = "events.route"
"""What is left to match of an event that matched too much for one transaction."""

TRANSACTION_BYTES = 4 * 1_048_576
"""Bodies written for one event before the next transaction takes over."""


def publish(tx: Transaction, entries: list[tuple[BusKey, dict, str]]) -> list[tuple[str, bool]]:
    """Accept events; return the id of each and whether there is such a bus. Without one nobody hears of it.

    entries  (bus, the event but for its id, trace header) of each
    """
    published = []
    for bus, event, trace in entries:
        event = {"version": "0", "id": tx.ids.uuid(), **event}
        is_there = find_bus(tx, bus) is not None
        if is_there:
            route(tx, bus, event, came_by=[], received_ms=tx.now_ms, trace=trace)
        published.append((event["id"], is_there))
    return published


def route(
    tx: Transaction,
    bus: BusKey,
    event: dict[str, Any],
    *,
    came_by: list[str],
    received_ms: int,
    trace: str = "",
    after: str = "",
    only: list[str] | None = None,
) -> None:
    """Emit a delivery for each target of the bus's rules that match, from the rule behind `after` on.

    came_by  the ARNs of the buses that the event went through before, first to last
    only     the ARNs of the rules that may get it; None: all
    """
    body = orjson.dumps(event)
    if not after:
        archives.keep(tx, bus, event, body, received_ms=received_ms)
    written = 0
    for rule in RULES.scan(tx, *bus, **({"after": after} if after else {})):
        if written > TRANSACTION_BYTES:
            # Of the rule before this one everything is written.
            rest = {"bus": list(bus), "event": body, "came_by": came_by, "received_ms": received_ms}
            tx.emit(ROUTE, {**rest, "trace": trace, "after": after, "only": only})
            return
        if _wants(rule, event) and (only is None or rule.key.arn in only):
            deliver(tx, rule, body, came_by=[*came_by, bus.arn], received_ms=received_ms, trace=trace)
            written += len(body) * len(rule.targets)
        after = rule.name


def _wants(rule: Rule, event: dict[str, Any]) -> bool:
    return rule.state != DISABLED and bool(rule.pattern) and compile(rule.pattern).matches(event)


def deliver(tx: Transaction, rule: Rule, body: bytes, *, came_by: list[str], received_ms: int, trace: str = "") -> None:
    """Emit the event for each of the rule's targets."""
    for target in rule.targets:
        tx.emit(
            DELIVER,
            {
                "rule": rule.key.arn,
                "rule_name": rule.name,
                "bus": list(rule.key.bus),
                "target": target,
                "event": body,
                "came_by": came_by,
                "received_ms": received_ms,
                "trace": trace,
            },
        )
