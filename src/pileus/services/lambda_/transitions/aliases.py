"""Aliases and permissions of functions."""

from msgspec.structs import replace

from pileus.services.lambda_ import errors
from pileus.services.lambda_.names import LATEST, FunctionRef
from pileus.services.lambda_.state import ALIASES, EVENT_INVOKE_CONFIGS, POLICIES, Alias
from pileus.services.lambda_.transitions.functions import (
    changed_topic,
    labelled_version,
    require_alias,
    require_function,
    require_revision,
)
from pileus.store.transaction import Transaction


def create_alias(tx: Transaction, ref: FunctionRef, version: str, weights: dict[str, float], description: str) -> Alias:
    """errors   ResourceNotFoundException, ResourceConflictException, InvalidParameterValueException"""
    require_function(tx, ref)
    assert ref.qualifier is not None
    if ALIASES.has(tx, *ref.key, ref.qualifier):
        raise errors.ResourceConflictException(f"Alias already exists: {ref.arn}")
    _check_versions(tx, ref, version, weights)
    alias = Alias(*ref.key, ref.qualifier, version, tx.ids.uuid(), description, weights)
    ALIASES.insert(tx, alias)
    tx.notify(changed_topic(ref))
    return alias


def update_alias(tx: Transaction, ref: FunctionRef, changes: dict, revision_id: str | None) -> Alias:
    """errors   ResourceNotFoundException, PreconditionFailedException, InvalidParameterValueException"""
    alias = require_alias(tx, ref)
    require_revision(revision_id, alias.revision_id)
    updated = replace(alias, **changes, revision_id=tx.ids.uuid())
    _check_versions(tx, ref, updated.version, updated.weights)
    ALIASES.put(tx, updated)
    tx.notify(changed_topic(ref))
    return updated


def delete_alias(tx: Transaction, ref: FunctionRef) -> None:
    require_function(tx, ref)
    assert ref.qualifier is not None
    if ALIASES.has(tx, *ref.key, ref.qualifier):
        for table in (ALIASES, POLICIES, EVENT_INVOKE_CONFIGS):
            table.delete(tx, *ref.key, ref.qualifier)
        tx.notify(changed_topic(ref))


def list_aliases(tx: Transaction, ref: FunctionRef, version: str | None, after: str, limit: int) -> list[Alias]:
    """Up to `limit`, by name; those that point to `version` where it is given."""
    require_function(tx, ref)
    found = []
    for alias in ALIASES.scan(tx, *ref.key, after=after or None):
        if len(found) == limit:
            break
        if version is None or version in (alias.version, *alias.weights):
            found.append(alias)
    return found


def _check_versions(tx: Transaction, ref: FunctionRef, version: str, weights: dict[str, float]) -> None:
    if weights and LATEST in (version, *weights):
        raise errors.InvalidParameterValueException(
            "$LATEST is not supported for an alias pointing to more than 1 version"
        )
    if version in weights:
        raise errors.InvalidParameterValueException(
            f"Invalid function version {version}. Function version {version} is already included in routing "
            "configuration."
        )
    for label in (version, *weights):
        if labelled_version(tx, ref, label) is None:
            raise errors.function_not_found(ref._replace(qualifier=label).arn)
