"""Resource policies of tables and streams.

Source: DynamoDB developer guide, "Using resource-based policies for DynamoDB", "Blocking public access with
resource-based policies in DynamoDB"; API reference, PutResourcePolicy; the texts are those of recorded answers, but for
that of a policy that locks its writer out and those that IAM gives.
"""

from typing import Any

import orjson

from pileus.authz.evaluate import Access, Policies, evaluate
from pileus.authz.policy import MalformedPolicyDocument, parse
from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.errors import invalid
from pileus.services.dynamodb.state.records import Policy

POLICY_BYTES_MAX = 20 * 1024
"""White space included. Source: API reference, PutResourcePolicy."""


async def new_policy(call: Call, document: str) -> Policy:
    """A checked policy with a new revision. The users and roles that it names are there."""
    if len(document.encode()) > POLICY_BYTES_MAX:
        raise invalid(f"Maximum policy size of {POLICY_BYTES_MAX} bytes exceeded")
    try:
        policy = parse(document, "resource")
    except MalformedPolicyDocument as error:
        raise invalid(f"Invalid policy document: {_why(document, error)}") from error
    if any(not statement.keys() & {"Resource", "NotResource"} for statement in _statements(orjson.loads(document))):
        raise invalid("Invalid policy document: Missing required field Resource")
    if await call.strangers(policy.named()):
        raise invalid("Invalid principal in policy document.")
    _check_bounded(document)
    return Policy(document, str(call.now_ms))


def _why(document: str, error: MalformedPolicyDocument) -> str:
    try:
        policy = orjson.loads(document)
    except orjson.JSONDecodeError:
        return "This policy contains invalid Json"
    if policy is None:
        return "This text appears not to be a policy"
    if not isinstance(policy, dict):
        return "This policy contains invalid Json"
    statements = _statements(policy)
    if policy.get("Statement") == []:
        return "Could not parse the policy: Statement is empty!"
    for statement in statements:
        if "Effect" not in statement:
            return "Missing required field Effect"
    ids = [statement["Sid"] for statement in statements if isinstance(statement.get("Sid"), str)]
    if len(set(ids)) < len(ids):
        return "The Statement Ids in the policy are not unique"
    return error.message


def _statements(policy: dict) -> list[dict]:
    found = policy.get("Statement")
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


# Block public access

BINDING_KEYS = {
    "aws:ec2instancesourcevpc",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
}
BINDING_OPERATORS = ("ArnEquals", "ArnLike", "Bool", "StringEquals", "StringEqualsIgnoreCase", "StringLike")


def _check_bounded(document: str) -> None:
    """Refuse a policy that lets everybody in: no principal is named, and no condition says whose requests are meant."""
    for statement in _statements(orjson.loads(document)):
        is_open = "NotPrincipal" in statement or _names_everybody(statement.get("Principal"))
        if statement["Effect"] == "Allow" and is_open and not _is_bounded(statement.get("Condition") or {}):
            raise ValidationException(
                "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to "
                "ensure least-privilege form of access"
            )


def _names_everybody(principal: Any) -> bool:
    named = principal.get("AWS", []) if isinstance(principal, dict) else principal
    return named == "*" or (isinstance(named, list) and "*" in named)


def _is_bounded(condition: dict[str, dict]) -> bool:
    for operator, tests in condition.items():
        if operator.removeprefix("ForAnyValue:") not in BINDING_OPERATORS:
            continue
        for key, wanted in tests.items():
            values = [str(value) for value in (wanted if isinstance(wanted, list) else [wanted])]
            if key.lower() == "aws:principalisawsservice":
                if values in (["true"], ["True"]):
                    return True
            elif key.lower() in BINDING_KEYS and not any(
                "*" in value or "?" in value or "$" in value for value in values
            ):
                return True
    return False


def check_keeps_access(call: Call, arn: str, document: str, account: str) -> None:
    """Refuse a policy that takes from its writer the right to change it again."""
    access = Access(call.principal, "dynamodb:PutResourcePolicy", arn, account, dict(call.context))
    decision = evaluate(Policies(resource=parse(document, "resource")), access)
    if decision.kind == "explicit deny":
        raise ValidationException(
            "Resource-based policy will lock out the caller: set ConfirmRemoveSelfResourceAccess to confirm this"
        )
