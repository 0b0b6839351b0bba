"""Resource policies of tables and streams.

Source: DynamoDB developer guide, "Using resource-based policies for DynamoDB"; API reference, PutResourcePolicy.
"""

from pileus.authz.evaluate import Access, Policies, evaluate
from pileus.authz.policy import MalformedPolicyDocument, parse
from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.state.records import Policy

POLICY_BYTES_MAX = 20 * 1024
"""White space included. Source: API reference, PutResourcePolicy."""


async def new_policy(call: Call, document: str) -> Policy:
    """A checked policy with a new revision. The users and roles that it names are there."""
    if len(document.encode()) > POLICY_BYTES_MAX:
        raise ValidationException("Resource-based policy document exceeds the maximum size of 20 KB")
    try:
        named = parse(document, "resource").named()
    except MalformedPolicyDocument as error:
        raise ValidationException(f"Invalid policy document: {error.message}") from error
    for name in await call.strangers(named):
        raise ValidationException(f'Invalid policy document: Invalid principal in policy: "AWS":"{name}"')
    return Policy(document, str(call.now_ms))


def check_keeps_access(call: Call, arn: str, document: str, account: str) -> None:
    """Refuse a policy that takes from its writer the right to change it again."""
    access = Access(call.principal, "dynamodb:PutResourcePolicy", arn, account, dict(call.context))
    decision = evaluate(Policies(resource=parse(document, "resource")), access)
    if decision.kind == "explicit deny":
        raise ValidationException(
            "Resource-based policy will lock out the caller: set ConfirmRemoveSelfResourceAccess to confirm this"
        )
