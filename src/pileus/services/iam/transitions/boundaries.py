"""Permissions boundaries of users and roles."""

from msgspec.structs import replace

from pileus.services.iam import state
from pileus.services.iam.errors import NoSuchEntity
from pileus.store.transaction import Transaction


def check_boundary(tx: Transaction, account: str, policy_arn: str) -> None:
    if state.policy_of_arn(tx, account, policy_arn) is None:
        raise NoSuchEntity(f"Scope ARN: {policy_arn} does not exist or is not attachable.")


def put_boundary(tx: Transaction, kind: str, account: str, name: str, policy_arn: str) -> None:
    record = state.require_modifiable(tx, kind, account, name)
    check_boundary(tx, account, policy_arn)
    if record.boundary:
        state.ATTACHMENTS.delete(tx, account, record.boundary, "boundary", kind, name.lower())
    state.IDENTITIES[kind].put(tx, replace(record, boundary=policy_arn))
    state.ATTACHMENTS.put(tx, state.Attachment(account, policy_arn, "boundary", kind, record.name))


def delete_boundary(tx: Transaction, kind: str, account: str, name: str) -> None:
    record = state.require_modifiable(tx, kind, account, name)
    if not record.boundary:
        raise NoSuchEntity(f"{kind.capitalize()} {name} does not have a permission boundary.")
    state.ATTACHMENTS.delete(tx, account, record.boundary, "boundary", kind, name.lower())
    state.IDENTITIES[kind].put(tx, replace(record, boundary=""))
