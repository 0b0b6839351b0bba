"""Rules: made or replaced, enabled, deleted; their targets and tags."""

from collections.abc import Iterator

from msgspec.structs import replace

from pileus.services.events import errors
from pileus.services.events.names import BusKey, RuleKey
from pileus.services.events.state import schedules
from pileus.services.events.state.tables import (
    MAX_RULES_PER_BUS,
    MAX_TARGETS_PER_RULE,
    RULES,
    Rule,
    find_rule,
    require_bus,
    require_rule,
)
from pileus.store.transaction import Transaction


def put(tx: Transaction, rule: Rule) -> None:
    """Make the rule, or replace all of the one that has its name but targets and tags."""
    require_bus(tx, rule.key.bus)
    old = find_rule(tx, rule.key)
    if old is None:
        if sum(1 for _ in RULES.scan(tx, *rule.key.bus)) >= MAX_RULES_PER_BUS:
            raise errors.LimitExceededException()
    else:
        _refuse_if_managed(old, by=rule.managed_by)
        rule = replace(rule, targets=old.targets, tags=old.tags, created_by=old.created_by, managed_by=old.managed_by)
    RULES.put(tx, schedules.wound(tx, rule, old))


def set_state(tx: Transaction, key: RuleKey, state: str, *, by: str) -> None:
    """`by`: the service that asks, "" for a user."""
    rule = require_rule(tx, key)
    _refuse_if_managed(rule, by=by)
    RULES.put(tx, schedules.wound(tx, replace(rule, state=state), rule))


def delete(tx: Transaction, key: RuleKey, *, force: bool, by: str) -> None:
    """A rule without targets; one that isn't there is no error."""
    require_bus(tx, key.bus)
    rule = find_rule(tx, key)
    if rule is None:
        return
    if not force:
        _refuse_if_managed(rule, by=by)
    if rule.targets:
        raise errors.ValidationException("Rule can't be deleted since it has targets.")
    schedules.stop(tx, rule)
    RULES.delete(tx, *key.bus, key.name)


def put_targets(tx: Transaction, key: RuleKey, targets: list[dict], *, by: str) -> None:
    """Add targets; one of the same Id is replaced."""
    rule = require_rule(tx, key)
    _refuse_if_managed(rule, by=by)
    together = {target["Id"]: target for target in (*rule.targets, *targets)}
    if len(together) > MAX_TARGETS_PER_RULE:
        raise errors.LimitExceededException()
    RULES.put(tx, replace(rule, targets=tuple(together.values())))


def remove_targets(tx: Transaction, key: RuleKey, ids: list[str], *, force: bool, by: str) -> list[str]:
    """Return those of the ids that the rule has no target of."""
    rule = require_rule(tx, key)
    if not force:
        _refuse_if_managed(rule, by=by)
    has = {target["Id"] for target in rule.targets}
    RULES.put(tx, replace(rule, targets=tuple(target for target in rule.targets if target["Id"] not in ids)))
    return [each for each in ids if each not in has]


def change_tags(tx: Transaction, key: RuleKey, tags: dict[str, str], *, by: str) -> None:
    rule = require_rule(tx, key)
    _refuse_if_managed(rule, by=by)
    RULES.put(tx, replace(rule, tags=tags))


def named(tx: Transaction, bus: BusKey, *, prefix: str = "", after: str = "") -> Iterator[Rule]:
    """The bus's rules whose names begin with `prefix`, by name."""
    require_bus(tx, bus)
    start = {"after": after} if after else {"start": prefix} if prefix else {}
    for rule in RULES.scan(tx, *bus, **start):
        if not rule.name.startswith(prefix):
            return
        yield rule


def _refuse_if_managed(rule: Rule, *, by: str) -> None:
    if rule.managed_by and rule.managed_by != by:
        raise errors.ManagedRuleException()
