"""Managed policies of the account and their versions."""

from msgspec.structs import replace

from pileus.services.iam import documents, state
from pileus.services.iam.errors import (
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    NoSuchEntity,
    quota_exceeded,
)
from pileus.services.iam.transitions.tagging import merged
from pileus.store.transaction import Transaction


def create(
    tx: Transaction,
    account: str,
    name: str,
    path: str,
    *,
    partition: str,
    document: str,
    description: str,
    tags: dict[str, str],
) -> state.ManagedPolicy:
    documents.check_managed(document)
    if state.POLICIES.has(tx, account, name.lower()):
        raise EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.")
    if state.count(tx, state.POLICIES, account) >= state.POLICIES_PER_ACCOUNT:
        raise quota_exceeded("PoliciesPerAccount", state.POLICIES_PER_ACCOUNT)
    policy = state.ManagedPolicy(
        account,
        name,
        path,
        state.unique_id(tx, "ANPA"),
        f"arn:{partition}:iam::{account}:policy{path}{name}",
        tx.now_ms,
        tx.now_ms,
        document,
        description=description,
        tags=merged({}, tags),
    )
    state.POLICIES.insert(tx, policy)
    state.POLICY_VERSIONS.insert(tx, state.PolicyVersion(account, policy.id, 1, document, tx.now_ms))
    return policy


def require_own(tx: Transaction, account: str, arn: str) -> state.ManagedPolicy:
    """A policy of the account: AWS's own are not ours to change."""
    policy = state.own_policy_of_arn(tx, account, arn)
    if policy is None:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return policy


def versions(tx: Transaction, policy: state.ManagedPolicy) -> list[state.PolicyVersion]:
    """Newest first, as IAM lists them."""
    return list(state.POLICY_VERSIONS.scan(tx, policy.account, policy.id, reverse=True))


def require_version(tx: Transaction, policy: state.ManagedPolicy, version_id: str) -> state.PolicyVersion:
    number = version_id.removeprefix("v")
    version = None
    if number.isdecimal():
        version = state.POLICY_VERSIONS.get(tx, policy.account, policy.id, int(number))
    if version is None:
        raise NoSuchEntity(f"Policy {policy.arn} version {version_id} does not exist or is not attachable.")
    return version


def create_version(
    tx: Transaction, account: str, arn: str, document: str, *, is_default: bool
) -> tuple[state.ManagedPolicy, state.PolicyVersion]:
    documents.check_managed(document)
    policy = require_own(tx, account, arn)
    if len(versions(tx, policy)) >= state.VERSIONS_PER_POLICY:
        raise LimitExceeded(
            f"A managed policy can have up to {state.VERSIONS_PER_POLICY} versions. Before you create a new version, "
            "you must delete an existing version."
        )
    version = state.PolicyVersion(account, policy.id, policy.next_version, document, tx.now_ms)
    state.POLICY_VERSIONS.insert(tx, version)
    policy = replace(policy, next_version=policy.next_version + 1, updated_ms=tx.now_ms)
    if is_default:
        policy = replace(policy, default_version=version.number, document=document)
    state.POLICIES.put(tx, policy)
    return policy, version


def set_default(tx: Transaction, account: str, arn: str, version_id: str) -> None:
    policy = require_own(tx, account, arn)
    version = require_version(tx, policy, version_id)
    state.POLICIES.put(
        tx, replace(policy, default_version=version.number, document=version.document, updated_ms=tx.now_ms)
    )


def delete_version(tx: Transaction, account: str, arn: str, version_id: str) -> None:
    policy = require_own(tx, account, arn)
    version = require_version(tx, policy, version_id)
    if version.number == policy.default_version:
        raise DeleteConflict("Cannot delete the default version of a policy.")
    state.POLICY_VERSIONS.delete(tx, account, policy.id, version.number)


def delete(tx: Transaction, account: str, arn: str) -> None:
    policy = require_own(tx, account, arn)
    if next(state.attachments(tx, account, arn), None) is not None:
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    if len(versions(tx, policy)) > 1:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy."
        )
    state.POLICY_VERSIONS.delete_all(tx, account, policy.id)
    state.POLICIES.delete(tx, account, policy.name.lower())
