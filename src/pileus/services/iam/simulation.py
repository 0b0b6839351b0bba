"""The policy simulator: what policies would decide, by the same engine that decides real calls.

Source: IAM API reference, SimulatePrincipalPolicy, SimulateCustomPolicy, GetContextKeysForCustomPolicy; IAM user guide,
"IAM policy testing with the IAM policy simulator". Condition keys have the values that the caller gives, and those that
follow from the principal; nothing else is known of a request that nobody made.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pileus.authz.context import PlainContext
from pileus.authz.evaluate import BOUNDARY, Access, Decision, Policies, evaluate
from pileus.authz.explain import explain
from pileus.authz.policy import Policy, parse
from pileus.authz.statement import Statement
from pileus.kernel.principal import Principal

_VARIABLE = re.compile(r"\$\{\s*([^}\s,]+)\s*(?:,[^}]*)?\}")
_DECISIONS = {"allowed": "allowed", "explicit deny": "explicitDeny", "implicit deny": "implicitDeny"}
_ESCAPES = {"*", "?", "$"}
"""${*} and its like stand for the character itself."""


class Source(NamedTuple):
    """A document and where it is from; kind  as the API's SourcePolicyType has it."""

    id: str
    kind: str
    document: str

    def compiled(self, grammar: str, number: int) -> Policy:
        """number  comes back as the policy's name with each statement that matched"""
        return parse(self.document, grammar, str(number))


@dataclass(frozen=True)
class Setting:
    """What is simulated: one principal with these policies, whatever it asks for."""

    principal: Principal
    identity: tuple[Source, ...]
    boundary: Source | None
    resource: Source | None
    resource_owner: str
    context: Mapping[str, Any]


def simulate(setting: Setting, action: str, resource: str) -> dict:
    """One EvaluationResult."""
    policies, sources = _compiled(setting)
    keys = _principal_keys(setting.principal) | {key.lower(): value for key, value in setting.context.items()}
    owner = _account_in(resource) or setting.resource_owner
    access = Access(setting.principal, action, resource, owner, keys)
    decision = evaluate(policies, access)
    matched = [_matched(statement, sources) for statement in _deciding(policies, access, decision)]
    wanted = context_keys(source.document for source in sources)
    missing = [key for key in wanted if PlainContext(keys).values(key.lower()) is None]
    details: dict = {}
    if policies.boundary is not None:
        details["PermissionsBoundaryDecisionDetail"] = {
            "AllowedByPermissionsBoundary": _boundary_allows(policies, access)
        }
    verdict = _DECISIONS[decision.kind]
    specific = {
        "EvalResourceName": resource,
        "EvalResourceDecision": verdict,
        "MatchedStatements": matched,
        "MissingContextValues": missing,
    }
    return (
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": verdict,
            "MatchedStatements": matched,
            "MissingContextValues": missing,
        }
        | details
        | ({"ResourceSpecificResults": [specific | details]} if resource != "*" else {})
    )


def _compiled(setting: Setting) -> tuple[Policies, list[Source]]:
    """The policies, each named by the number of its source."""
    sources = list(setting.identity)
    identity = [source.compiled("identity", number) for number, source in enumerate(sources)]
    boundary = resource = None
    if setting.boundary is not None:
        boundary = setting.boundary.compiled("identity", len(sources))
        sources.append(setting.boundary)
    if setting.resource is not None:
        resource = setting.resource.compiled("resource", len(sources))
        sources.append(setting.resource)
    return Policies(identity, boundary=boundary, resource=resource), sources


def _principal_keys(principal: Principal) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "aws:principalarn": principal.entity_arn,
        "aws:principalaccount": principal.account,
        "aws:userid": principal.unique_id,
    }
    if principal.kind == "user":
        keys["aws:username"] = principal.name
    keys |= {f"aws:principaltag/{key.lower()}": value for key, value in principal.tags.items()}
    return {key: value for key, value in keys.items() if value}


def _account_in(resource: str) -> str:
    parts = resource.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[4].isdecimal() else ""


def _deciding(policies: Policies, access: Access, decision: Decision) -> list[Statement]:
    """The deny that ended it, or every statement that allows it; a boundary gives nothing, and is not among them."""
    if decision.kind == "explicit deny":
        return [decision.statement]
    if not decision.allowed:
        return []
    return [
        finding.statement
        for finding in explain(policies, access).findings
        if finding.applies and not finding.statement.is_deny and finding.policy_kind != BOUNDARY
    ]


def _boundary_allows(policies: Policies, access: Access) -> bool:
    """By the boundary alone: as if it were all that the principal has."""
    return evaluate(Policies([policies.boundary]), access._replace(resource_account=access.principal.account)).allowed


def _matched(statement: Statement, sources: list[Source]) -> dict:
    source = sources[int(statement.policy)]
    start, end = statement_spans(source.document)[statement.index]
    return {
        "SourcePolicyId": source.id,
        "SourcePolicyType": source.kind,
        "StartPosition": _position(source.document, start),
        "EndPosition": _position(source.document, end),
    }


def _position(text: str, at: int) -> dict:
    line_start = text.rfind("\n", 0, at) + 1
    return {"Line": text.count("\n", 0, at) + 1, "Column": at - line_start + 1}


def statement_spans(document: str) -> list[tuple[int, int]]:
    """Where each statement stands in a well-formed document: from its first character to after its last."""
    decode = json.JSONDecoder().raw_decode
    at = _skip(document, document.index("{") + 1)
    while True:
        key, at = decode(document, at)
        at = _skip(document, document.index(":", at) + 1)
        if key == "Statement":
            break
        _, at = decode(document, at)
        at = _skip(document, document.index(",", at) + 1)
    if document[at] == "{":
        return [(at, decode(document, at)[1])]
    spans = []
    at = _skip(document, at + 1)
    while document[at] != "]":
        _, end = decode(document, at)
        spans.append((at, end))
        at = _skip(document, end)
        if document[at] == ",":
            at = _skip(document, at + 1)
    return spans


def _skip(text: str, at: int) -> int:
    while text[at].isspace():
        at += 1
    return at


def context_keys(documents: Iterable[str]) -> list[str]:
    """The condition keys that documents ask for, in conditions and as policy variables; each once, in order."""
    found: dict[str, str] = {}
    for document in documents:
        for key in _keys_of(json.loads(document)):
            found.setdefault(key.lower(), key)
    return list(found.values())


def _keys_of(document: dict) -> Iterator[str]:
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for keys in statement.get("Condition", {}).values():
            yield from keys
        if document.get("Version") == "2012-10-17":
            spoken = json.dumps([statement.get(name) for name in ("Resource", "NotResource", "Condition")])
            yield from (name for name in _VARIABLE.findall(spoken) if name not in _ESCAPES)
