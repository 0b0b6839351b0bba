"""Rules that are due by the clock: one durable timer a rule, for the next moment.

What was missed while nobody ran (the process was down, the clock was set forward) is made up for once, not once for
each moment missed.
"""

import orjson
from msgspec.structs import replace

from pileus.kernel.clock import iso8601
from pileus.services.events.names import rule_of_arn
from pileus.services.events.state import publishing
from pileus.services.events.state.tables import DISABLED, RULES, Rule, find_rule
from pileus.store.transaction import Transaction
from pileus.timers.schedules import parse

TICK = "events.schedule"
"""The timer's kind; its key is the rule's ARN."""


def wound(tx: Transaction, rule: Rule, old: Rule | None) -> Rule:
    """The rule with its timer set, or taken away. A rate begins when it is made, changed or enabled."""
    if rule.schedule is None or rule.state == DISABLED:
        stop(tx, rule)
        return replace(rule, began_ms=0, due_ms=0)
    if old is not None and old.schedule == rule.schedule and old.due_ms:
        return replace(rule, began_ms=old.began_ms, due_ms=old.due_ms)
    return _set(tx, replace(rule, began_ms=tx.now_ms))


def stop(tx: Transaction, rule: Rule) -> None:
    tx.cancel_wake(TICK, rule.key.arn)


def tick(tx: Transaction, rule_arn: str) -> None:
    """The timer's transition: send the scheduled event to the rule's targets, and set the next timer.

    Source: EventBridge user guide, "Setting a schedule pattern for scheduled rules"; events of the source aws.events.
    """
    key = rule_of_arn(rule_arn)
    rule = find_rule(tx, key)
    if rule is None or rule.schedule is None or rule.state == DISABLED:
        return
    event = {
        "version": "0",
        "id": tx.ids.uuid(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule.account,
        "time": f"{iso8601(rule.due_ms)[:19]}Z",
        "region": rule.region,
        "resources": [rule_arn],
        "detail": {},
    }
    publishing.deliver(tx, rule, orjson.dumps(event), came_by=[key.bus.arn], received_ms=tx.now_ms)
    RULES.put(tx, _set(tx, rule))


def _set(tx: Transaction, rule: Rule) -> Rule:
    due_ms = parse(rule.schedule).next_after(tx.now_ms, began_ms=rule.began_ms)
    if due_ms is None:
        stop(tx, rule)
        return replace(rule, due_ms=0)
    tx.wake_at(due_ms, TICK, rule.key.arn)
    return replace(rule, due_ms=due_ms)
