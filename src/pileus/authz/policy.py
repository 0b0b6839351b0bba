"""Policy documents: checked against the grammar in IAM's words, compiled, and cached by their text.

Source: IAM user guide, "Grammar of the IAM JSON policy language"; the wording of the errors from recorded answers of
IAM (PutRolePolicy, CreatePolicy, CreateRole).
"""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Literal

import orjson

from pileus.authz.conditions import InvalidCondition, compile_block
from pileus.authz.patterns import has_wildcard, text_matcher
from pileus.authz.principals import Principals
from pileus.authz.statement import Actions, Resources, Statement
from pileus.kernel.errors import AwsError

DocumentKind = Literal["identity", "resource", "trust"]
"""identity: also boundaries, session and service control policies, which have the same grammar."""

MAX_CACHED_ACTIONS = 512
"""Per policy. An account uses a few dozen; beyond this somebody is asking for nonsense, and the cache starts anew."""


class MalformedPolicyDocument(AwsError):
    """IAM's and STS's error. Other services wrap its message in their own (S3: MalformedPolicy)."""

    text = "Syntax errors in policy."


class Policy:
    """A compiled document. `name` is what a decision calls it."""

    __slots__ = ("_by_action", "name", "statements", "text", "version")

    def __init__(self, name: str, text: str, version: str, statements: tuple[Statement, ...]) -> None:
        self.name, self.text, self.version, self.statements = name, text, version, statements
        self._by_action: dict[str, tuple[tuple[Statement, ...], tuple[Statement, ...]]] = {}

    def for_action(self, action: str) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        """The Deny and the Allow statements that concern `action` (in lower case)."""
        found = self._by_action.get(action)
        if found is None:
            concerned = [statement for statement in self.statements if statement.concerns_action(action)]
            found = (
                tuple(statement for statement in concerned if statement.is_deny),
                tuple(statement for statement in concerned if not statement.is_deny),
            )
            if len(self._by_action) >= MAX_CACHED_ACTIONS:
                self._by_action.clear()
            self._by_action[action] = found
        return found

    def named(self) -> list[str]:
        """The users, roles and sessions that its statements name, by ARN or unique id, each once."""
        elements = (element for each in self.statements for element in (each.principals, each.not_principals))
        return sorted({arn for element in elements if element is not None for arn in element.arns if arn != "*"})

    def actions_beyond(self, known: Collection[str]) -> list[str]:
        """The actions of its statements, as written, that mean none of `known` ("s3:getobject", in lower case)."""
        return [
            text
            for statement in self.statements
            for text in (statement.actions or statement.not_actions).texts
            if not _means_one_of(text.lower(), known)
        ]

    def __repr__(self) -> str:
        return f"Policy({self.name!r}, {len(self.statements)} statements)"


def _means_one_of(action: str, known: Collection[str]) -> bool:
    if not has_wildcard(action):
        return action in known
    matches = text_matcher(action).fullmatch
    return any(matches(name) for name in known)


def parse(document: str | dict, kind: DocumentKind = "identity", name: str = "") -> Policy:
    """Compile a document, or say in AWS's words why it is none.

    document  JSON text, or the same as a dict
    name      for decisions and explanations: the policy's name or ARN
    errors    MalformedPolicyDocument
    """
    text = document if isinstance(document, str) else orjson.dumps(document).decode()
    return _parse(text, kind, name)


@lru_cache(maxsize=4096)
def _parse(text: str, kind: DocumentKind, name: str) -> Policy:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise MalformedPolicyDocument() from None
    if not isinstance(document, dict) or not document.keys() <= {"Version", "Id", "Statement"}:
        raise MalformedPolicyDocument()
    version = document.get("Version", "2008-10-17")
    if version not in ("2008-10-17", "2012-10-17"):
        raise MalformedPolicyDocument("The policy must contain a valid version string.")
    if "Id" in document and not isinstance(document["Id"], str):
        raise MalformedPolicyDocument()
    raw = document.get("Statement")
    if isinstance(raw, dict):
        raw = [raw]
    if not isinstance(raw, list) or not raw:
        raise MalformedPolicyDocument()
    statements = tuple(_statement(name, index, item, kind, version) for index, item in enumerate(raw))
    sids = [statement.sid for statement in statements if statement.sid]
    if len(sids) != len(set(sids)):
        raise MalformedPolicyDocument("Statement IDs (SID) in a single policy must be unique.")
    return Policy(name, text, version, statements)


_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}


def _statement(policy: str, index: int, raw: Any, kind: DocumentKind, version: str) -> Statement:
    if not isinstance(raw, dict) or not raw.keys() <= _ELEMENTS or raw.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicyDocument()
    for element in ("Principal", "Action", "Resource"):
        if element in raw and f"Not{element}" in raw:
            raise MalformedPolicyDocument()
    has_variables = version == "2012-10-17"
    statement = Statement(policy, index, _sid(raw, kind), raw["Effect"] == "Deny")
    _read_actions(statement, raw, kind)
    _read_principals(statement, raw, kind)
    _read_resources(statement, raw, kind, has_variables)
    if "Condition" in raw:
        try:
            statement.tests = compile_block(_condition_block(raw["Condition"]), has_variables)
        except InvalidCondition as problem:
            raise MalformedPolicyDocument(str(problem)) from None
    return statement


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in values):
        raise MalformedPolicyDocument()
    return values


def _sid(raw: dict, kind: DocumentKind) -> str:
    sid = raw.get("Sid", "")
    if not isinstance(sid, str):
        raise MalformedPolicyDocument()
    # Resource policies of services (SQS's AddPermission, S3) have freer ones.
    if kind == "identity" and not re.fullmatch("[0-9A-Za-z]*", sid):
        raise MalformedPolicyDocument(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*"
        )
    return sid


def _read_actions(statement: Statement, raw: dict, kind: DocumentKind) -> None:
    actions = _texts(raw.get("Action", raw.get("NotAction", [])))
    if not actions:
        raise MalformedPolicyDocument("Policy statement must contain actions.")
    for action in actions:
        if action == "*":
            continue
        if action.count(":") > 1:
            raise MalformedPolicyDocument("Actions/Condition can contain only one colon.")
        vendor, colon, _ = action.partition(":")
        if not colon:
            raise MalformedPolicyDocument("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if not re.fullmatch("[a-zA-Z0-9-]+", vendor):
            raise MalformedPolicyDocument(f"Vendor {vendor} is not valid")
    if kind == "trust" and not all(action.lower().startswith("sts:") for action in actions):
        raise MalformedPolicyDocument("AssumeRole policy may only specify STS AssumeRole actions.")
    if "Action" in raw:
        statement.actions = Actions(actions)
    else:
        statement.not_actions = Actions(actions)


def _read_resources(statement: Statement, raw: dict, kind: DocumentKind, has_variables: bool) -> None:
    element = "Resource" if "Resource" in raw else "NotResource"
    if kind == "trust":
        if element in raw:
            raise MalformedPolicyDocument(f"Has prohibited field {element}")
        return
    if element not in raw and kind == "resource":
        return  # it speaks of the resource that it hangs on
    resources = _texts(raw.get(element, []))
    if not resources:
        raise MalformedPolicyDocument("Policy statement must contain resources.")
    if kind == "identity":
        for resource in resources:
            _check_arn(resource)
    if element == "Resource":
        statement.resources = Resources(resources, has_variables)
    else:
        statement.not_resources = Resources(resources, has_variables)


def _check_arn(resource: str) -> None:
    if resource == "*":
        return
    parts = resource.split(":")
    if parts[0] != "arn" or len(parts) < 2:
        raise MalformedPolicyDocument(f'Resource {resource} must be in ARN format or "*".')
    if parts[1] not in ("aws", "aws-cn", "aws-us-gov", "*"):
        raise MalformedPolicyDocument(f'Partition "{parts[1]}" is not valid for resource "{resource}".')
    if len(parts) > 2 and "*" in parts[2] and parts[2] != "*":
        raise MalformedPolicyDocument(f'Vendor "{parts[2]}" is not valid for resource "{resource}".')


_PRINCIPAL_KINDS = {"AWS", "Service", "Federated", "CanonicalUser"}
_PRINCIPAL_ID = re.compile(r"\d{12}|arn:[^:]+:(iam|sts)::\d{12}:\S+|(AIDA|AROA|AGPA|ACCA)[A-Z0-9]{4,}|\*")


def _read_principals(statement: Statement, raw: dict, kind: DocumentKind) -> None:
    element = "Principal" if "Principal" in raw else "NotPrincipal"
    if kind == "identity":
        if element in raw:
            raise MalformedPolicyDocument("Policy document should not specify a principal.")
        return
    if element not in raw:
        raise MalformedPolicyDocument("Missing required field Principal")
    if kind == "trust" and element == "NotPrincipal":
        raise MalformedPolicyDocument("Has prohibited field NotPrincipal")
    value = raw[element]
    if value != "*":
        if not isinstance(value, dict) or not value or not value.keys() <= _PRINCIPAL_KINDS:
            raise MalformedPolicyDocument("Invalid principal in policy.")
        value = {name: _texts(names) for name, names in value.items()}
        for name in value.get("AWS", ()):
            # Only a lone star is a wildcard here; "arn:…:role/*" is refused.
            if not _PRINCIPAL_ID.fullmatch(name) or ("*" in name and name != "*"):
                raise MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{name}"')
    if element == "Principal":
        statement.principals = Principals(value)
    else:
        statement.not_principals = Principals(value)


def _condition_block(raw: Any) -> dict[str, dict[str, list[str]]]:
    """Operator -> key -> texts; JSON's true, 5 and "5" mean the same here, as in AWS."""
    if not isinstance(raw, dict):
        raise MalformedPolicyDocument()
    block: dict[str, dict[str, list[str]]] = {}
    for operator, keys in raw.items():
        if not isinstance(keys, dict):
            raise MalformedPolicyDocument()
        block[operator] = {}
        for key, value in keys.items():
            if ":" not in key:
                raise MalformedPolicyDocument(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                )
            values = value if isinstance(value, list) else [value]
            if not all(isinstance(item, (str, bool, int, float)) for item in values):
                raise MalformedPolicyDocument()
            block[operator][key] = [str(item).lower() if isinstance(item, bool) else str(item) for item in values]
    return block
