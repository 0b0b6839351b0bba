"""What is attached to tables and streams: tags and resource policies."""

from collections.abc import Callable

from msgspec.structs import replace

from pileus.services.dynamodb.addresses import of_arn
from pileus.services.dynamodb.errors import PolicyNotFoundException, ResourceInUseException, ResourceNotFoundException
from pileus.services.dynamodb.state import accounts
from pileus.services.dynamodb.state.records import TABLES, Policy, TableRecord
from pileus.store.transaction import Transaction

NO_POLICY = "NO_POLICY"
"""As expected revision: there is none. Source: API reference, PutResourcePolicy."""


def _owner(tx: Transaction, arn: str) -> TableRecord:
    """The table that has, or whose stream has, tags."""
    address = of_arn(arn)
    table = None if address is None else TABLES.get(tx, *address)
    if table is None or (arn != table.arn and arn != _stream_arn(table)):
        raise ResourceNotFoundException(f"Requested resource not found: ResourceArn: {arn} not found")
    return table


def _stream_arn(table: TableRecord) -> str:
    """Of the stream that is open, or was last; "" where there is none."""
    latest = table.stream or table.last_stream
    return "" if latest is None else f"{table.arn}/stream/{latest.label}"


def _policed(tx: Transaction, arn: str) -> TableRecord:
    """The table that has, or whose stream has, a policy. AWS says what is missing of it (recorded in October 2026)."""
    address = of_arn(arn)
    table = None if address is None else TABLES.get(tx, *address)
    if table is None:
        raise ResourceNotFoundException(f"Requested resource not found: Table: {address.name} not found")
    if arn != table.arn and arn != _stream_arn(table):
        label = arn.partition("/stream/")[2]
        raise ResourceNotFoundException(
            f"Requested resource not found: Stream: {label} not found for Table: {table.name}"
        )
    return table


def tagged(tx: Transaction, arn: str) -> dict[str, str]:
    return tags_of(_owner(tx, arn), arn)


def tags_of(table: TableRecord, arn: str) -> dict[str, str]:
    """A stream has tags of its own. Source: developer guide, "Using attribute-based access control with DynamoDB Streams"."""
    return table.stream_tags.get(arn, {}) if arn.startswith(f"{table.arn}/stream/") else table.tags


def change_tags(
    tx: Transaction,
    arn: str,
    added: dict[str, str],
    removed: list[str],
    check: Callable[[dict[str, str]], None],
) -> None:
    """Set and remove tags; `check` refuses what they would be."""
    table = _owner(tx, arn)
    if table.status != "ACTIVE":
        raise ResourceInUseException(f"Attempt to change a resource which is still in use: Table: {table.name}")
    had = tags_of(table, arn)
    tags = {key: value for key, value in (had | added).items() if key not in removed}
    check(tags)
    if tags != had:
        TABLES.put(tx, replace(table, tags=tags) if arn == table.arn else replace(table, stream_tags={arn: tags}))


def policy_of(tx: Transaction, arn: str) -> Policy | None:
    table = _policed(tx, arn)
    return table.policy if arn == table.arn else table.stream_policies.get(arn)


def put_policy(tx: Transaction, arn: str, policy: Policy, expected: str) -> str:
    """Attach a policy; return its revision, which stays where the document does. Raises PolicyNotFoundException."""
    table = _policed(tx, arn)
    had = _expected(tx, arn, expected)
    if had is not None and had.document == policy.document:
        return had.revision_id
    if had is not None and had.revision_id >= policy.revision_id:
        # Two in one millisecond are two revisions.
        policy = replace(policy, revision_id=str(int(had.revision_id) + 1))
    _put(tx, table, arn, policy)
    return policy.revision_id


def delete_policy(tx: Transaction, arn: str, expected: str) -> str:
    """Take the policy away; return the revision it had, "" where there was none."""
    table = _policed(tx, arn)
    had = _expected(tx, arn, expected)
    if had is None:
        return ""
    _put(tx, table, arn, None)
    return had.revision_id


def _expected(tx: Transaction, arn: str, expected: str) -> Policy | None:
    """The policy that is there, if the caller expects it."""
    had = policy_of(tx, arn)
    if expected:
        is_expected = had is None if expected == NO_POLICY else had is not None and had.revision_id == expected
        if not is_expected:
            raise PolicyNotFoundException(
                f"Resource-based policy with the expected revision {expected} not found for the ResourceArn: {arn}"
            )
    return had


def _put(tx: Transaction, table: TableRecord, arn: str, policy: Policy | None) -> None:
    if arn == table.arn:
        table = replace(table, policy=policy)
        TABLES.put(tx, table)
        accounts.review(tx, table)
        return
    policies = {key: value for key, value in table.stream_policies.items() if key != arn}
    if policy is not None:
        policies[arn] = policy
    TABLES.put(tx, replace(table, stream_policies=policies))
    tx.notify(policy_topic(arn))


def policy_topic(stream_arn: str) -> str:
    """Notified when a stream's resource policy has changed."""
    return f"dynamodb.stream-policy {stream_arn}"
