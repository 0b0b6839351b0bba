"""Resource policies of functions and layer versions: statements, added and removed one by one."""

import orjson
from msgspec.structs import replace

from pileus.services.lambda_ import errors
from pileus.services.lambda_.names import FunctionRef, LayerRef
from pileus.services.lambda_.state import LAYER_VERSIONS, POLICIES, POLICY_LIMIT_BYTES, LayerVersion, Policy
from pileus.services.lambda_.transitions.functions import require_qualifier, require_revision
from pileus.services.lambda_.transitions.layers import require_layer_version
from pileus.store.transaction import Transaction


def add_permission(tx: Transaction, ref: FunctionRef, statement: dict, revision_id: str | None) -> None:
    """errors   ResourceNotFoundException, ResourceConflictException, PreconditionFailedException,
    PolicyLengthExceededException"""
    require_qualifier(tx, ref)
    policy = POLICIES.get(tx, *ref.key, ref.qualifier or "")
    if policy is None:
        if revision_id:
            raise errors.PreconditionFailedException()
        policy = Policy(*ref.key, ref.qualifier or "", "")
    else:
        require_revision(revision_id, policy.revision_id)
    statements = _with(policy.statements, statement)
    POLICIES.put(tx, replace(policy, statements=statements, revision_id=tx.ids.uuid()))


def remove_permission(tx: Transaction, ref: FunctionRef, sid: str, revision_id: str | None) -> None:
    """errors   ResourceNotFoundException, PreconditionFailedException"""
    require_qualifier(tx, ref)
    policy = POLICIES.get(tx, *ref.key, ref.qualifier or "")
    if policy is None:
        raise errors.ResourceNotFoundException("No policy is associated with the given resource.")
    statements = _without(policy.statements, sid)
    require_revision(revision_id, policy.revision_id)
    if statements:
        POLICIES.put(tx, replace(policy, statements=statements, revision_id=tx.ids.uuid()))
    else:
        POLICIES.delete(tx, *ref.key, ref.qualifier or "")


def require_policy(tx: Transaction, ref: FunctionRef) -> Policy:
    """errors   ResourceNotFoundException"""
    require_qualifier(tx, ref)
    policy = POLICIES.get(tx, *ref.key, ref.qualifier or "")
    if policy is None:
        raise errors.ResourceNotFoundException()
    return policy


def add_layer_permission(tx: Transaction, ref: LayerRef, statement: dict, revision_id: str | None) -> LayerVersion:
    """errors   as `add_permission`"""
    layer = require_layer_version(tx, ref)
    require_revision(revision_id, layer.policy_revision_id)
    layer = replace(layer, statements=_with(layer.statements, statement), policy_revision_id=tx.ids.uuid())
    LAYER_VERSIONS.put(tx, layer)
    return layer


def remove_layer_permission(tx: Transaction, ref: LayerRef, sid: str, revision_id: str | None) -> None:
    layer = require_layer_version(tx, ref)
    if not layer.statements:
        raise errors.ResourceNotFoundException("No policy is associated with the given resource.")
    statements = _without(layer.statements, sid)
    require_revision(revision_id, layer.policy_revision_id)
    LAYER_VERSIONS.put(tx, replace(layer, statements=statements, policy_revision_id=tx.ids.uuid()))


def document(statements: tuple[dict, ...]) -> str:
    """The policy as JSON text."""
    return orjson.dumps({"Version": "2012-10-17", "Id": "default", "Statement": list(statements)}).decode()


def _with(statements: tuple[dict, ...], statement: dict) -> tuple[dict, ...]:
    sid = statement["Sid"]
    if any(each["Sid"] == sid for each in statements):
        raise errors.ResourceConflictException(
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the "
            "existing statement."
        )
    after = (*statements, statement)
    size = len(document(after))
    if size > POLICY_LIMIT_BYTES:
        raise errors.PolicyLengthExceededException(
            f"The final policy size ({size}) is bigger than the limit ({POLICY_LIMIT_BYTES})."
        )
    return after


def _without(statements: tuple[dict, ...], sid: str) -> tuple[dict, ...]:
    after = tuple(each for each in statements if each["Sid"] != sid)
    if len(after) == len(statements):
        raise errors.ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
    return after
