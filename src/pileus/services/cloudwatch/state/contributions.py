"""What rules' contributors contributed, minute by minute: a report reads the minutes of its range and nothing else."""

from itertools import islice
from typing import Any

from pileus.services.cloudwatch.names import RuleKey
from pileus.services.cloudwatch.state.records import (
    CONTRIBUTORS_PER_MINUTE,
    CONTRIBUTORS_PER_REPORT,
    KEYS_PER_MINUTE_BYTES,
    MINUTES,
    RETENTION_MS,
    RULES,
    Minute,
)
from pileus.store.transaction import Transaction

EXPIRY_ROWS = 1_000
"""Removed in one transaction of the expiry."""

EXPIRY_EVERY_MS = 3_600_000
"""What has expired is gone for reports at once, and from the disk within this."""


def keep(tx: Transaction, told: dict[str, Any]) -> None:
    """Keep a minute of a rule; of the same minute the last that is told. A disabled or unknown rule keeps nothing.

    told  the payload of background.contributed
    """
    rule = RULES.get(tx, told["account"], told["region"], told["rule"])
    if rule is None or not rule.is_enabled or told["minute_ms"] <= tx.now_ms - RETENTION_MS:
        return
    if MINUTES.first(tx, rule.id) is None:
        tx.wake_at(told["minute_ms"] + RETENTION_MS, "cloudwatch.expire", str(rule.id))
    contributors = _bounded(told["contributors"])
    row = Minute(rule.id, told["minute_ms"], told["unique"], told["samples"], told["sum"], contributors)
    MINUTES.put(tx, row)


def _bounded(contributors: list[list]) -> tuple[tuple[tuple[str, ...], float], ...]:
    kept: list[tuple[tuple[str, ...], float]] = []
    size_bytes = 0
    for keys, value in contributors[:CONTRIBUTORS_PER_MINUTE]:
        size_bytes += sum(len(key.encode()) for key in keys)
        if len(kept) >= CONTRIBUTORS_PER_REPORT and size_bytes > KEYS_PER_MINUTE_BYTES:
            break
        kept.append((tuple(keys), value))
    return tuple(kept)


def read(tx: Transaction, key: RuleKey, *, start_ms: int, end_ms: int, limit: int) -> list[Minute]:
    """Up to `limit` minutes that begin in the range, in their order; none of a rule that is gone meanwhile."""
    rule = RULES.get(tx, *key)
    if rule is None:
        return []
    start_ms = max(start_ms, tx.now_ms - RETENTION_MS + 1)
    return list(islice(MINUTES.scan(tx, rule.id, start=start_ms, until=max(start_ms, end_ms)), limit))


def expire(tx: Transaction, key: str) -> None:
    """Timer: remove a rule's minutes that are too old, a bounded number at a time; `key` is its id."""
    rule_id = int(key)
    expired = MINUTES.scan(tx, rule_id, until=tx.now_ms - RETENTION_MS + 1)
    gone = list(islice(expired, EXPIRY_ROWS))
    for minute in gone:
        MINUTES.delete(tx, rule_id, minute.start_ms)
    oldest = MINUTES.first(tx, rule_id)
    if oldest is not None:
        # What is left over goes in the same moment by another timer: other transitions go between.
        is_left_over = oldest.start_ms <= tx.now_ms - RETENTION_MS
        next_ms = tx.now_ms if is_left_over else max(oldest.start_ms + RETENTION_MS, tx.now_ms + EXPIRY_EVERY_MS)
        tx.wake_at(next_ms, "cloudwatch.expire", key)
