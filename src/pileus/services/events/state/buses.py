"""Event buses: made, changed, deleted; their policies and tags."""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from pileus.services.events import errors
from pileus.services.events.names import DEFAULT, BusKey
from pileus.services.events.state.tables import (
    BUSES,
    MAX_BUSES,
    MAX_POLICY_CHARACTERS,
    RULES,
    Bus,
    find_bus,
    require_bus,
)
from pileus.store.transaction import Transaction


def create(tx: Transaction, bus: Bus) -> None:
    if find_bus(tx, bus.key) is not None:
        raise errors.ResourceAlreadyExistsException(f"Event bus {bus.name} already exists.")
    if sum(1 for _ in named(tx, bus.account, bus.region)) >= MAX_BUSES:
        raise errors.LimitExceededException()
    BUSES.put(tx, replace(bus, created_ms=tx.now_ms, modified_ms=tx.now_ms))


def change(tx: Transaction, key: BusKey, fields: dict[str, Any]) -> Bus:
    """Set `fields` of the bus; those not named stay."""
    bus = require_bus(tx, key)
    changed = replace(bus, modified_ms=tx.now_ms, created_ms=bus.created_ms or tx.now_ms, **fields)
    BUSES.put(tx, changed)
    return changed


def change_policy(tx: Transaction, key: BusKey, edit: Callable[[Bus], str]) -> None:
    """Replace the bus's policy by what `edit` makes of it."""
    policy = edit(require_bus(tx, key))
    if len(policy) > MAX_POLICY_CHARACTERS:
        raise errors.PolicyLengthExceededException()
    change(tx, key, {"policy": policy})


def delete(tx: Transaction, key: BusKey) -> None:
    """A bus without rules; one that isn't there is no error."""
    if next(RULES.scan(tx, *key), None) is not None:
        raise errors.ValidationException("Event bus can't be deleted since it has rules.")
    BUSES.delete(tx, *key)


def named(tx: Transaction, account: str, region: str, *, prefix: str = "", after: str = "") -> Iterator[Bus]:
    """The buses whose names begin with `prefix`, by name; the default bus among them, row or not."""
    default: Bus | None = Bus(account, region, DEFAULT)
    for bus in BUSES.scan(tx, account, region):
        if default is not None and bus.name >= DEFAULT:
            if bus.name > DEFAULT and _is_wanted(default, prefix, after):
                yield default
            default = None
        if _is_wanted(bus, prefix, after):
            yield bus
    if default is not None and _is_wanted(default, prefix, after):
        yield default


def _is_wanted(bus: Bus, prefix: str, after: str) -> bool:
    return bus.name.startswith(prefix) and bus.name > after
