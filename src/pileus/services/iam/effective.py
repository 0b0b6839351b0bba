"""The two questions that every request asks of IAM: whose key is this, and which policies has this caller.

A document is compiled once: authz.policy.parse keeps what it compiled by its text, so that a change is seen by the
next request and nothing has to be told of it.
"""

from functools import lru_cache

from pileus.authz.evaluate import Policies
from pileus.authz.policy import Policy, parse
from pileus.kernel import principal as principals
from pileus.kernel.arn import parse_arn
from pileus.kernel.principal import Principal
from pileus.services.iam import state
from pileus.store.transaction import Transaction

NOTHING = Policies()
EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
"""What an account's root has, for sessions that it federates: they have its permissions and their session policies."""
LOST_BOUNDARY = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'


def credentials(tx: Transaction, access_key_id: str) -> tuple[str, Principal] | None:
    """The secret and the holder of an active long-term key, or None."""
    key = state.ACCESS_KEYS.get(tx, access_key_id)
    if key is None or not key.is_active:
        return None
    if not key.user:
        return key.secret, principals.root(key.account, access_key_id=key.id)
    user = state.USERS.get(tx, key.account, key.user.lower())
    return key.secret, principals.user(
        user.account,
        user.name,
        user.id,
        path=user.path,
        partition=user.arn.split(":", 2)[1],
        tags=user.tags,
        access_key_id=key.id,
    )


def policies(tx: Transaction, principal: Principal) -> Policies:
    """What the caller may do by its own policies. A session's unique id tells whether its role or user is still the
    one that it was issued for: one of the same name, made anew, gives it nothing."""
    kind = principal.kind
    if kind == "assumed-role":
        role = state.ROLES.get(tx, principal.account, principal.name.lower())
        if role is None or role.id != principal.unique_id.partition(":")[0]:
            return NOTHING
        return _policies(tx, role, principal.session_policies)
    if kind == "user":
        user = state.USERS.get(tx, principal.account, principal.name.lower())
        return NOTHING if user is None or user.id != principal.unique_id else _policies(tx, user, ())
    if kind == "federated-user":
        return _federated(tx, principal)
    return NOTHING


def _federated(tx: Transaction, principal: Principal) -> Policies:
    issuer = parse_arn(principal.issuer_arn)
    if issuer.resource == "root":
        everything = (parse(EVERYTHING, "identity", "root"),)
        return Policies(everything, session=_compiled(principal.session_policies, "session policy"))
    user = state.USERS.get(tx, principal.account, issuer.resource.rpartition("/")[2].lower())
    if user is None or user.arn != principal.issuer_arn:
        return NOTHING
    return _policies(tx, user, principal.session_policies)


def _policies(tx: Transaction, owner: state.User | state.Role, session: tuple[str, ...]) -> Policies:
    identity = own_policies(tx, owner)
    for name in getattr(owner, "groups", ()):
        identity += own_policies(tx, state.GROUPS.get(tx, owner.account, name.lower()))
    return Policies(
        identity,
        boundary=boundary(tx, owner),
        session=_compiled(session, "session policy") if session else (),
    )


def own_policies(tx: Transaction, owner: state.Identity) -> list[Policy]:
    """Inline and attached; not those of a user's groups."""
    found = [parse(text, "identity", name) for name, text in owner.inline.items()]
    for arn in owner.attached:
        policy = attached(tx, owner.account, arn)
        if policy is not None:
            found.append(policy)
    return found


def attached(tx: Transaction, account: str, arn: str) -> Policy | None:
    if ":iam::aws:" in arn:
        return _aws_policy(arn)
    policy = state.POLICIES.get(tx, account, arn.rpartition("/")[2].lower())
    return None if policy is None else parse(policy.document, "identity", arn)


def boundary(tx: Transaction, owner: state.User | state.Role) -> Policy | None:
    if not owner.boundary:
        return None
    # A boundary in use can't be deleted; if it were gone all the same, its owner must not be free of it.
    return attached(tx, owner.account, owner.boundary) or parse(LOST_BOUNDARY, "identity", owner.boundary)


@lru_cache(maxsize=256)
def _aws_policy(arn: str) -> Policy:
    return parse(state.aws_managed.find(arn).document, "identity", arn)


def _compiled(documents: tuple[str, ...], name: str) -> tuple[Policy, ...]:
    return tuple(parse(document, "identity", name) for document in documents)
