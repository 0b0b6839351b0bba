"""Resource policies of an account: kept side by side, asked as one."""

from collections.abc import Iterator

import orjson

from pileus.services.logs import errors
from pileus.services.logs.state.records import RESOURCE_POLICIES, RESOURCE_POLICIES_PER_REGION, ResourcePolicy
from pileus.store.transaction import Transaction


def put(tx: Transaction, account: str, region: str, name: str, document: str) -> ResourcePolicy:
    """Make it, or replace the one of its name."""
    is_new = not RESOURCE_POLICIES.has(tx, account, region, name)
    if is_new and sum(1 for _ in RESOURCE_POLICIES.scan(tx, account, region)) >= RESOURCE_POLICIES_PER_REGION:
        raise errors.LimitExceededException()
    policy = ResourcePolicy(account, region, name, document, tx.now_ms)
    RESOURCE_POLICIES.put(tx, policy)
    return policy


def delete(tx: Transaction, account: str, region: str, name: str) -> None:
    if not RESOURCE_POLICIES.has(tx, account, region, name):
        raise errors.ResourceNotFoundException(f"Policy with name [{name}] does not exist.")
    RESOURCE_POLICIES.delete(tx, account, region, name)


def find(tx: Transaction, account: str, region: str, *, after: str = "") -> Iterator[ResourcePolicy]:
    """By name."""
    return RESOURCE_POLICIES.scan(tx, account, region, **({"after": after} if after else {}))


def together(tx: Transaction, account: str, region: str) -> str | None:
    """One document with the statements of all; None where there is none. Their ids may be the same, so they go."""
    statements: list[dict] = []
    for policy in find(tx, account, region):
        given = orjson.loads(policy.document)["Statement"]
        for statement in given if isinstance(given, list) else [given]:
            statements.append({name: value for name, value in statement.items() if name != "Sid"})
    return orjson.dumps({"Version": "2012-10-17", "Statement": statements}).decode() if statements else None
