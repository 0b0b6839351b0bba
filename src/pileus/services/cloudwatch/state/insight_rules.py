"""Insight rules: their making and end, and their tags."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from pileus.services.cloudwatch import errors
from pileus.services.cloudwatch.names import RuleKey
from pileus.services.cloudwatch.state.records import MINUTES, RULES, RULES_PER_REGION, InsightRule
from pileus.store.transaction import Transaction


def require(tx: Transaction, key: RuleKey) -> InsightRule:
    rule = RULES.get(tx, *key)
    if rule is None:
        raise errors.ResourceNotFoundException(key[2])
    return rule


def find(tx: Transaction, account: str, region: str, *, after: str = "") -> Iterator[InsightRule]:
    """By name."""
    return RULES.scan(tx, account, region, **({"after": after} if after else {}))


def put(tx: Transaction, key: RuleKey, definition: str, *, is_enabled: bool | None, tags: dict[str, str]) -> None:
    """Make the rule, or change the one of its name, which keeps its tags and what was counted.

    is_enabled  None: a new one is, another stays what it is
    """
    rule = RULES.get(tx, *key)
    if rule is None:
        if sum(1 for _ in RULES.scan(tx, *key[:2])) >= RULES_PER_REGION:
            raise errors.LimitExceededException()
        rule = InsightRule(*key, id=tx.next_sequence(), definition=definition, tags=tags)
    is_enabled = rule.is_enabled if is_enabled is None else is_enabled
    RULES.put(tx, replace(rule, definition=definition, is_enabled=is_enabled))


def delete(tx: Transaction, keys: Iterable[RuleKey]) -> None:
    """Those that are there, with what was counted."""
    for key in keys:
        rule = RULES.get(tx, *key)
        if rule is not None:
            RULES.delete(tx, *key)
            MINUTES.delete_all(tx, rule.id)
            tx.cancel_wake("cloudwatch.expire", str(rule.id))


def tag(tx: Transaction, key: RuleKey, tags: dict[str, str], *, max_tags: int) -> None:
    rule = require(tx, key)
    together = {**rule.tags, **tags}
    if len(together) > max_tags:
        raise errors.InvalidParameterValue(f"A resource can have no more than {max_tags} tags.")
    RULES.put(tx, replace(rule, tags=together))


def untag(tx: Transaction, key: RuleKey, names: list[str]) -> None:
    rule = require(tx, key)
    RULES.put(tx, replace(rule, tags={name: value for name, value in rule.tags.items() if name not in names}))
