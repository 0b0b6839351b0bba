"""A decision for people: every statement that was looked at, and what made it apply or not."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pileus.authz.context import PlainContext
from pileus.authz.evaluate import (
    BOUNDARY,
    IDENTITY,
    SERVICE_CONTROL,
    SESSION,
    Access,
    Decision,
    Policies,
    evaluate,
)
from pileus.authz.policy import Policy
from pileus.authz.principals import Grant
from pileus.authz.statement import Statement
from pileus.authz.variables import Keys


class Finding(NamedTuple):
    """`applies`, or `reason`: the first element that does not fit."""

    policy_kind: str
    statement: Statement
    applies: bool
    reason: str

    def __str__(self) -> str:
        effect = "Deny" if self.statement.is_deny else "Allow"
        verdict = "applies" if self.applies else f"does not apply: {self.reason}"
        return f"{self.policy_kind}, {self.statement} ({effect}) {verdict}"


class Explanation(NamedTuple):
    decision: Decision
    findings: list[Finding]

    def __str__(self) -> str:
        head = self.decision.message() or f"allowed by {self.decision.statement or 'being the root of the account'}"
        return "\n".join([head, *(f"  {finding}" for finding in self.findings)])


def explain(policies: Policies, access: Access) -> Explanation:
    """`evaluate`, with its reasons. Slower: it looks at everything, also after a deny."""
    context = access.context
    keys = PlainContext(context) if isinstance(context, Mapping) else context
    findings = [
        _finding(kind, statement, policies, access, keys)
        for kind, policy in _layers(policies)
        for statement in policy.statements
    ]
    return Explanation(evaluate(policies, access), findings)


def _layers(policies: Policies) -> Iterator[tuple[str, Policy]]:
    for level in policies.scp:
        for policy in level:
            yield SERVICE_CONTROL, policy
    if policies.resource is not None:
        yield policies.resource_kind, policies.resource
    for policy in policies.identity:
        yield IDENTITY, policy
    if policies.boundary is not None:
        yield BOUNDARY, policies.boundary
    for policy in policies.session:
        yield SESSION, policy


def _finding(kind: str, statement: Statement, policies: Policies, access: Access, keys: Keys) -> Finding:
    reason = ""
    if not statement.concerns_action(access.action.lower()):
        reason = f"it does not speak of the action {access.action}"
    elif statement.grant(access.principal, policies.boundary is not None) is Grant.NONE:
        reason = f"it does not name the principal {access.principal}"
    elif not statement.concerns_resource(access.resource, keys):
        reason = f"it does not speak of the resource {access.resource}"
    elif (test := statement.failing_condition(keys)) is not None:
        values = keys.values(test.key)
        has = "is absent" if values is None else f"is {values}"
        reason = f"condition {test} is not met, {test.key} {has}"
    return Finding(kind, statement, not reason, reason)
