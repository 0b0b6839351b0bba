"""Resource policies of tables and streams.

A policy is kept, compared and answered in one form, however it was written: without white space, its members in one
order, a list of one as the one, accounts as their root's ARN.

Source: DynamoDB developer guide, "Using resource-based policies for DynamoDB", "DynamoDB API operations supported by
resource-based policies", "Blocking public access with resource-based policies in DynamoDB"; API reference,
PutResourcePolicy; the form and the errors' texts are those of recorded answers (October 2026).
"""

import re
from typing import Any

import orjson

from pileus.authz import policy as documents
from pileus.authz.evaluate import Access, Policies, evaluate
from pileus.authz.policy import MalformedPolicyDocument, parse
from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import FOR_OWNERS, Address, of_arn
from pileus.services.dynamodb.state.records import Policy

POLICY_BYTES_MAX = 20 * 1024
"""White space included. Source: API reference, PutResourcePolicy."""
VERSION_DEFAULT = "2008-10-17"

_ATTACHED = (
    "DeleteResourcePolicy",
    "GetResourcePolicy",
    "ListTagsOfResource",
    "PutResourcePolicy",
    "TagResource",
    "UntagResource",
)
STREAM_ACTIONS = frozenset(
    f"dynamodb:{name}".lower() for name in (*_ATTACHED, "DescribeStream", "GetRecords", "GetShardIterator")
)
TABLE_ACTIONS = frozenset(
    f"dynamodb:{name}".lower()
    for name in (
        *_ATTACHED,
        *("BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan"),
        *("UpdateItem", "PartiQLDelete", "PartiQLInsert", "PartiQLSelect", "PartiQLUpdate", "SearchVectors"),
        *("CreateBackup", "DeleteTable", "DescribeContinuousBackups", "DescribeContributorInsights", "DescribeTable"),
        *("DescribeKinesisStreamingDestination", "DisableKinesisStreamingDestination"),
        *("EnableKinesisStreamingDestination", "UpdateKinesisStreamingDestination"),
        *("DescribeTableReplicaAutoScaling", "UpdateTableReplicaAutoScaling", "DescribeTimeToLive", "UpdateTimeToLive"),
        *("ExportTableToPointInTime", "RestoreTableToPointInTime", "UpdateContinuousBackups"),
        *("UpdateContributorInsights", "UpdateTable"),
        # Those that no operation is named for: where the guide is silent, what the reference has for tables is taken.
        *("AssociateTableReplica", "CreateGlobalTableWitness", "CreateTableReplica", "DeleteGlobalTableWitness"),
        *(
            "DeleteTableReplica",
            "DisassociateTableReplica",
            "ReadDataForReplication",
            "ReplicateSettings",
            "RestoreTableFromAwsBackup",
        ),
        *("StartAwsBackupJob", "WriteDataForReplication"),
    )
)
_TRUSTED_KEYS = frozenset(
    f"aws:{name}".lower()
    for name in (
        *("PrincipalAccount", "PrincipalArn", "PrincipalOrgID", "PrincipalOrgPaths", "SourceAccount", "SourceArn"),
        *("SourceVpc", "SourceVpce", "UserId", "PrincipalServiceName", "PrincipalServiceNamesList"),
        *("PrincipalIsAWSService", "Ec2InstanceSourceVpc", "SourceOrgID", "SourceOrgPaths"),
    )
)
_NARROWING = re.compile(r"(foranyvalue:)?(stringequals(ignorecase)?|stringlike|arnequals|arnlike|bool)").fullmatch
_ACCOUNT = re.compile(r"\d{12}").fullmatch
_NOT_TABLES_OWN = re.compile(r"table/[^/]+/(?!index/).+").fullmatch
_NOT_STREAMS_OWN = re.compile(r"table/[^/*?]+(/index/.+)?").fullmatch
_MEMBERS = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")


async def new_policy(call: Call, arn: str, document: str) -> Policy:
    """A checked policy of a table or stream with a new revision. The users and roles that it names are there."""
    if len(document.encode()) > POLICY_BYTES_MAX:
        raise _invalid(f"Maximum policy size of {POLICY_BYTES_MAX} bytes exceeded")
    text = canonical(document, call.region)
    try:
        compiled = parse(text, "resource")
    except MalformedPolicyDocument as error:
        raise _malformed(error.message) from error
    is_stream = "/stream/" in arn
    unknown = compiled.actions_beyond(STREAM_ACTIONS if is_stream else TABLE_ACTIONS)
    if unknown:
        names = ", ".join(f'"{name}"' for name in unknown)
        raise _malformed(f"The following action names are invalid: {names}")
    _check_resources(compiled, is_stream)
    if await call.strangers(compiled.named()):
        raise _invalid("Invalid principal in policy document.")
    if any(_is_public(statement) for statement in orjson.loads(text)["Statement"]):
        raise ValidationException(
            "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure "
            "least-privilege form of access"
        )
    return Policy(text, str(call.now_ms))


def answered(document: str) -> str:
    """A kept document as GetResourcePolicy gives it: one without a Version is another than one with the oldest."""
    policy = orjson.loads(document)
    return document if "Version" in policy else _text({"Version": VERSION_DEFAULT} | policy)


def canonical(document: str, region: str) -> str:
    """The form that is kept. Raises ValidationException for what has no statements to look at."""
    try:
        policy = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise _malformed("This policy contains invalid Json") from error
    if policy is None:
        raise _malformed("This text appears not to be a policy")
    if not isinstance(policy, dict):
        raise _malformed("This policy contains invalid Json")
    if "Statement" not in policy:
        lines = document.split("\n")
        raise _malformed(f"Syntax error at position ({len(lines)},{len(lines[-1]) + 1})")
    statements = policy["Statement"]
    if statements == []:
        raise _malformed("Could not parse the policy: Statement is empty!")
    statements = statements if isinstance(statements, list) else [statements]
    statements = [_canonical_statement(one, region) if isinstance(one, dict) else one for one in statements]
    sids = [one["Sid"] for one in statements if isinstance(one, dict) and isinstance(one.get("Sid"), str)]
    if len(sids) != len(set(sids)):
        raise _malformed("The Statement Ids in the policy are not unique")
    policy["Statement"] = statements
    return _text(_in_order(policy, ("Version", "Id", "Statement")))


def check_owner(call: Call, arn: str) -> Address:
    """The table of a policy's ARN, which is the caller's and here. Raises ValidationException."""
    if not arn.startswith("arn:"):
        raise _invalid(f"ARNs must start with 'arn:': {arn}")
    address = of_arn(arn)
    if address is None:
        raise _invalid(f"Provided Arn is not a DynamoDB resource arn: {arn}")
    if address.account != call.account:
        raise ValidationException(FOR_OWNERS)
    if address.region != call.region or arn.partition(":dynamodb:")[0] != f"arn:{partition_of(call.region)}":
        raise _invalid(f"Invalid resource Arn: {arn}")
    kind = arn.removeprefix(address.arn)
    if kind.startswith("/index/"):
        raise _invalid(f"Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}")
    if kind and not kind.startswith("/stream/"):
        raise _invalid(f"Provided Arn is not a DynamoDB resource arn: {arn}")
    return address


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


def _canonical_statement(statement: dict, region: str) -> dict:
    for element in ("Effect", "Principal", "Action", "Resource"):
        if element not in statement and f"Not{element}" not in statement:
            raise _malformed(f"Missing required field {element}")
    changed = {name: _one(value) for name, value in statement.items()}
    effect = statement.get("Effect")
    if isinstance(effect, str) and effect.lower() in ("allow", "deny"):
        changed["Effect"] = effect.capitalize()
    for name in ("Principal", "NotPrincipal"):
        if isinstance(statement.get(name), dict):
            changed[name] = {kind: _principals(values, region) for kind, values in statement[name].items()}
    condition = statement.get("Condition")
    if isinstance(condition, dict):
        changed["Condition"] = {
            operator: {key: _one(value) for key, value in keys.items()} if isinstance(keys, dict) else keys
            for operator, keys in condition.items()
        }
    return _in_order(changed, _MEMBERS)


def _principals(values: Any, region: str) -> Any:
    names = values if isinstance(values, list) else [values]
    if not all(isinstance(name, str) for name in names):
        return values
    # An account's number reads as its root, and only of principals each is kept once.
    roots = [f"arn:{partition_of(region)}:iam::{name}:root" if _ACCOUNT(name) else name for name in names]
    return _one(list(dict.fromkeys(roots)))


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _in_order(members: dict, order: tuple[str, ...]) -> dict:
    return {name: members[name] for name in order if name in members} | members


def _text(policy: dict) -> str:
    return orjson.dumps(policy).decode()


def _check_resources(compiled: documents.Policy, is_stream: bool) -> None:
    """Refuse what this kind of resource never is; another table's name is no mistake."""
    is_foreign = _NOT_STREAMS_OWN if is_stream else _NOT_TABLES_OWN
    for statement in compiled.statements:
        for arn in (statement.resources or statement.not_resources).texts:
            relative = arn.split(":", 5)[-1]
            if arn.startswith("arn:") and is_foreign(relative):
                raise _malformed(f'The relative-id "{relative}" is invalid for ARN "{arn}"')


def _is_public(statement: dict) -> bool:
    """Whether it lets in everybody, without a condition on who they are."""
    if statement["Effect"] != "Allow":
        return False
    principal = statement.get("Principal")
    if principal is not None and principal != "*":
        names = principal.get("AWS", ()) if isinstance(principal, dict) else ()
        if "*" not in ([names] if isinstance(names, str) else names):
            return False
    for operator, keys in statement.get("Condition", {}).items():
        if _NARROWING(operator.lower()):
            for key, value in keys.items():
                values = [str(one) for one in (value if isinstance(value, list) else [value])]
                if key.lower() in _TRUSTED_KEYS and values and _narrows(key.lower(), values):
                    return False
    return True


def _narrows(key: str, values: list[str]) -> bool:
    if key == "aws:principalisawsservice":
        return [value.lower() for value in values] == ["true"]
    return not any(mark in value for value in values for mark in ("*", "?", "${"))


def _invalid(reason: str) -> ValidationException:
    return ValidationException(f"One or more parameter values were invalid: {reason}")


def _malformed(reason: str) -> ValidationException:
    return _invalid(f"Invalid policy document: {reason}")
