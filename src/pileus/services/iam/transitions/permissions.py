"""What a user, group or role may do: inline policies, and managed ones attached."""

from msgspec.structs import replace

from pileus.services.iam import documents, state
from pileus.services.iam.errors import NoSuchEntity, quota_exceeded
from pileus.store.transaction import Transaction


def put_inline(tx: Transaction, kind: str, account: str, name: str, policy_name: str, document: str) -> None:
    owner = state.require_modifiable(tx, kind, account, name)
    documents.check_permissions(document)
    documents.check_inline(kind, owner, policy_name, document)
    state.IDENTITIES[kind].put(tx, replace(owner, inline=owner.inline | {policy_name: document}))


def inline_policy(tx: Transaction, kind: str, account: str, name: str, policy_name: str) -> str:
    document = state.require(tx, kind, account, name).inline.get(policy_name)
    if document is None:
        raise NoSuchEntity(f"The {kind} policy with name {policy_name} cannot be found.")
    return document


def delete_inline(tx: Transaction, kind: str, account: str, name: str, policy_name: str) -> None:
    owner = state.require_modifiable(tx, kind, account, name)
    inline_policy(tx, kind, account, name, policy_name)
    inline = {key: text for key, text in owner.inline.items() if key != policy_name}
    state.IDENTITIES[kind].put(tx, replace(owner, inline=inline))


def attach(tx: Transaction, kind: str, account: str, name: str, policy_arn: str) -> None:
    """Attaching what is attached is no error, as at AWS."""
    owner = state.require_modifiable(tx, kind, account, name)
    if state.policy_of_arn(tx, account, policy_arn) is None:
        raise NoSuchEntity(f"Policy {policy_arn} does not exist or is not attachable.")
    if policy_arn in owner.attached:
        return
    if len(owner.attached) >= state.ATTACHED_POLICIES:
        raise quota_exceeded(f"PoliciesPer{kind.capitalize()}", state.ATTACHED_POLICIES)
    state.IDENTITIES[kind].put(tx, replace(owner, attached=(*owner.attached, policy_arn)))
    state.ATTACHMENTS.put(tx, state.Attachment(account, policy_arn, "permissions", kind, owner.name))


def detach(tx: Transaction, kind: str, account: str, name: str, policy_arn: str) -> None:
    owner = state.require_modifiable(tx, kind, account, name)
    if policy_arn not in owner.attached:
        raise NoSuchEntity(f"Policy {policy_arn} was not found.")
    attached = tuple(arn for arn in owner.attached if arn != policy_arn)
    state.IDENTITIES[kind].put(tx, replace(owner, attached=attached))
    state.ATTACHMENTS.delete(tx, account, policy_arn, "permissions", kind, name.lower())
