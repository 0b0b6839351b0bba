"""The decision. AWS's order, from "How AWS enforcement code logic evaluates requests to allow or deny access":

1. An explicit deny in any policy that applies ends it.
2. Service control policies: every level of the organization must allow.
3. The resource's policy. Within one account a grant to the caller itself (a user, a session, everybody) is final: no
   implicit deny of other policies takes it back. A grant to a role stands in for the identity policies, but its
   boundary and the session's policies still limit it. A grant to the account only hands the question to the
   account's own policies. From another account it is needed, and is only half of the answer. Role trust policies and
   key policies must grant also within the account.
4. Identity policies: one must allow. The account's root needs none.
5. The permissions boundary, if there is one, must allow.
6. Session policies, if there are any: one must allow.

Services and anonymous callers have no policies of their own: the resource's policy decides.

A request costs one dictionary lookup per policy: each keeps, per action, the statements that concern it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pileus.authz.context import PlainContext
from pileus.authz.policy import Policy
from pileus.authz.principals import Grant
from pileus.authz.statement import Statement
from pileus.authz.variables import Keys
from pileus.kernel.principal import Principal

IDENTITY = "identity-based policy"
RESOURCE = "resource-based policy"
BOUNDARY = "permissions boundary"
SESSION = "session policy"
SERVICE_CONTROL = "service control policy"
TRUST = "role trust policy"
KEY = "key policy"

_ARTICLES = {IDENTITY: "an", TRUST: "the"}
_MUST_GRANT = (TRUST, KEY)
"""Resource policies without whose word nobody gets in, not even the account's root."""


@dataclass(frozen=True, slots=True)
class Policies:
    """What applies to one principal and one resource.

    session        empty: the session has none. They only take away, together they allow what one of them allows.
    scp            one list per level of the organization, the root first
    resource_kind  RESOURCE, TRUST or KEY
    """

    identity: Sequence[Policy] = ()
    boundary: Policy | None = None
    session: Sequence[Policy] = ()
    resource: Policy | None = None
    scp: Sequence[Sequence[Policy]] = ()
    resource_kind: str = RESOURCE


class Access(NamedTuple):
    """What is asked.

    action    as AWS spells it: "sqs:SendMessage"
    resource  an ARN, or "*" for actions without one
    context   a RequestContext, or a plain dict of condition keys
    """

    principal: Principal
    action: str
    resource: str
    resource_account: str
    context: Keys | Mapping[str, Any]


class Decision(NamedTuple):
    """kind is 'allowed', 'explicit deny' or 'implicit deny'; policy_kind says which sort of policy decided."""

    allowed: bool
    kind: str
    policy_kind: str
    statement: Statement | None
    access: Access | None

    def message(self) -> str:
        """In AWS's words. Source: IAM user guide, "Troubleshoot access denied error messages"."""
        if self.access is None or self.allowed:
            return ""
        action = self.access.action
        who = f"User: {self.access.principal} is not authorized to perform: {action}"
        return f"{who} on resource: {self.access.resource} {self._because(action)}"

    def _because(self, action: str) -> str:
        spoken = RESOURCE if self.policy_kind == KEY else self.policy_kind
        if self.kind == "explicit deny":
            return f"with an explicit deny in {_ARTICLES.get(spoken, 'a')} {spoken}"
        return f"because no {spoken} allows the {action} action"


_ROOT_ALLOWED = Decision(True, "allowed", "", None, None)


def evaluate(policies: Policies, access: Access) -> Decision:
    principal = access.principal
    is_own = principal.account == access.resource_account and principal.account != ""
    is_root = principal.kind == "root"
    if is_root and is_own and _are_none(policies):
        return _ROOT_ALLOWED

    action = access.action.lower()
    context = access.context
    keys = PlainContext(context) if isinstance(context, Mapping) else context

    denied = _explicit_deny(policies, access, action, keys)
    if denied is not None:
        return denied
    for level in policies.scp:
        if _allowing(level, action, access.resource, keys) is None:
            return Decision(False, "implicit deny", SERVICE_CONTROL, None, access)

    grant, granting = Grant.NONE, None
    if policies.resource is not None:
        grant, granting = _resource_grant(policies, access, action, keys)
    if grant is Grant.NONE and (not is_own or policies.resource_kind in _MUST_GRANT):
        return Decision(False, "implicit deny", policies.resource_kind, None, access)
    if not principal.account or (is_own and grant is Grant.DIRECT):
        return Decision(True, "allowed", policies.resource_kind, granting, access)

    decided_by, statement = policies.resource_kind, granting
    if not is_root and not (is_own and grant is Grant.ROLE):
        decided_by, statement = IDENTITY, _allowing(policies.identity, action, access.resource, keys)
        if statement is None:
            return Decision(False, "implicit deny", IDENTITY, None, access)
    boundary = policies.boundary
    if boundary is not None and _allowing((boundary,), action, access.resource, keys) is None:
        return Decision(False, "implicit deny", BOUNDARY, None, access)
    # A session of GetFederationToken has no more than its session policies give it: without them, nothing.
    has_session_policies = policies.session or principal.kind == "federated-user"
    if has_session_policies and _allowing(policies.session, action, access.resource, keys) is None:
        return Decision(False, "implicit deny", SESSION, None, access)
    return Decision(True, "allowed", decided_by, statement, access)


def _are_none(policies: Policies) -> bool:
    return not (
        policies.resource is not None
        or policies.scp
        or policies.identity
        or policies.session
        or policies.boundary is not None
        or policies.resource_kind != RESOURCE
    )


def _allowing(group: Iterable[Policy], action: str, resource: str, keys: Keys) -> Statement | None:
    for policy in group:
        for statement in policy.for_action(action)[1]:
            if statement.applies(resource, keys):
                return statement
    return None


def _resource_grant(policies: Policies, access: Access, action: str, keys: Keys) -> tuple[Grant, Statement | None]:
    """The strongest grant that the resource's policy has for the caller."""
    best, granting = Grant.NONE, None
    for statement in policies.resource.for_action(action)[1]:
        grant = statement.grant(access.principal, policies.boundary is not None)
        if grant > best and statement.applies(access.resource, keys):
            best, granting = grant, statement
            if grant is Grant.DIRECT:
                break
    return best, granting


def _explicit_deny(policies: Policies, access: Access, action: str, keys: Keys) -> Decision | None:
    resource = access.resource
    for level in policies.scp:
        for policy in level:
            for statement in policy.for_action(action)[0]:
                if statement.applies(resource, keys):
                    return Decision(False, "explicit deny", SERVICE_CONTROL, statement, access)
    if policies.resource is not None:
        for statement in policies.resource.for_action(action)[0]:
            if statement.grant(access.principal, policies.boundary is not None) and statement.applies(resource, keys):
                return Decision(False, "explicit deny", policies.resource_kind, statement, access)
    for policy in policies.identity:
        for statement in policy.for_action(action)[0]:
            if statement.applies(resource, keys):
                return Decision(False, "explicit deny", IDENTITY, statement, access)
    if policies.boundary is not None:
        for statement in policies.boundary.for_action(action)[0]:
            if statement.applies(resource, keys):
                return Decision(False, "explicit deny", BOUNDARY, statement, access)
    for policy in policies.session:
        for statement in policy.for_action(action)[0]:
            if statement.applies(resource, keys):
                return Decision(False, "explicit deny", SESSION, statement, access)
    return None
