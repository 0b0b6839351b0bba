"""The policy simulator."""

from pileus.authz.policy import MalformedPolicyDocument
from pileus.kernel import principal as principals
from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.principal import Principal
from pileus.services.iam import state
from pileus.services.iam.documents import check_permissions
from pileus.services.iam.errors import InvalidInput, NoSuchEntity
from pileus.services.iam.paging import page
from pileus.services.iam.simulation import Setting, Source, context_keys, simulate
from pileus.store.transaction import Transaction

NOT_HONOURED = ("OrderedOrganizationPolicyInputList", "ResourceHandlingOption")
_SESSION = "simulated"
"""The name of a simulated role's session."""


async def simulate_custom_policy(call: Call, request: dict) -> dict:
    """Say what policies given as text would decide for each action on each resource.

    errors   InvalidInput for a document that is none
    source   IAM API reference, SimulateCustomPolicy
    """
    principal = await _principal(call, request.get("CallerArn"))
    return await _simulate(call, request, principal, _given(request), None)


async def simulate_principal_policy(call: Call, request: dict) -> dict:
    """Say what a user, group or role may do by its policies, and by more given as text.

    errors   NoSuchEntity, InvalidInput
    source   IAM API reference, SimulatePrincipalPolicy
    """
    if "PolicyExclusionList" in request:
        raise NotImplementedByUs("iam:SimulatePrincipalPolicy with PolicyExclusionList")
    kind, owner = await call.read(_owner, call.account, request["PolicySourceArn"])
    sources, boundary = await call.read(_sources, kind, owner)
    if "CallerArn" in request:
        principal = await _principal(call, request["CallerArn"])
    else:
        principal = _as_principal(call, kind, owner)
    return await _simulate(call, request, principal, sources + _given(request), boundary)


async def get_context_keys_for_custom_policy(call: Call, request: dict) -> dict:
    """The condition keys that policies given as text ask for. errors  InvalidInput"""
    return {"ContextKeyNames": context_keys(source.document for source in _given(request))}


async def get_context_keys_for_principal_policy(call: Call, request: dict) -> dict:
    """The condition keys that a user's, group's or role's policies ask for. errors  NoSuchEntity, InvalidInput"""
    kind, owner = await call.read(_owner, call.account, request["PolicySourceArn"])
    sources, _ = await call.read(_sources, kind, owner)
    return {"ContextKeyNames": context_keys(source.document for source in sources + _given(request))}


async def _simulate(
    call: Call, request: dict, principal: Principal, identity: tuple[Source, ...], boundary: Source | None
) -> dict:
    for option in NOT_HONOURED:
        if option in request:
            raise NotImplementedByUs(f"iam:{call.operation} with {option}")
    boundaries = _checked("PermissionsBoundaryPolicyInputList", request.get("PermissionsBoundaryPolicyInputList", []))
    if len(boundaries) > 1:
        raise InvalidInput("Only one permissions boundary policy can be simulated.")
    resource = None
    if "ResourcePolicy" in request:
        resource = Source("ResourcePolicy", "resource", request["ResourcePolicy"])
        _check(resource, "resource")
    setting = Setting(
        principal,
        identity,
        boundaries[0] if boundaries else boundary,
        resource,
        _account_of(request.get("ResourceOwner", "")) or principal.account,
        {entry["ContextKeyName"]: entry.get("ContextKeyValues", []) for entry in request.get("ContextEntries", [])},
    )
    asked = [(action, arn) for action in request["ActionNames"] for arn in request.get("ResourceArns") or ["*"]]

    def rows(tx: Transaction, after: int | None):
        return list(enumerate(asked))[0 if after is None else after + 1 :]

    results, rest = await page(
        call, request, rows, key=lambda row: row[0], out=lambda tx, row: simulate(setting, *row[1])
    )
    return {"EvaluationResults": results} | rest


def _given(request: dict) -> tuple[Source, ...]:
    return _checked("PolicyInputList", request.get("PolicyInputList", []))


def _checked(name: str, documents: list[str]) -> tuple[Source, ...]:
    sources = tuple(Source(f"{name}.{number}", "none", text) for number, text in enumerate(documents, 1))
    for source in sources:
        _check(source, "identity")
    return sources


def _check(source: Source, grammar: str) -> None:
    try:
        if grammar == "identity":
            check_permissions(source.document)
        else:
            source.compiled(grammar, 0)
    except MalformedPolicyDocument as problem:
        raise InvalidInput(f"Invalid policy document {source.id}: {problem.message}") from None


def _account_of(arn: str) -> str:
    parsed = parse_arn(arn)
    return parsed.account if parsed is not None else ""


def _owner(tx: Transaction, account: str, arn: str) -> tuple[str, state.Identity]:
    parsed = parse_arn(arn)
    kind, _, rest = parsed.resource.partition("/") if parsed is not None else ("", "", "")
    if kind not in state.IDENTITIES or parsed.account != account:
        raise InvalidInput(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    owner = state.find(tx, kind, account, rest.rpartition("/")[2])
    if owner is None or owner.arn != arn:
        raise NoSuchEntity(f"The {kind} with name {rest.rpartition('/')[2]} cannot be found.")
    return kind, owner


def _sources(tx: Transaction, kind: str, owner: state.Identity) -> tuple[tuple[Source, ...], Source | None]:
    """A user's with those of its groups; and its boundary."""
    found = _own_sources(tx, kind, owner)
    for name in getattr(owner, "groups", ()):
        found += _own_sources(tx, "group", state.require(tx, "group", owner.account, name))
    boundary = getattr(owner, "boundary", "")
    return tuple(found), _managed(tx, owner.account, boundary) if boundary else None


def _own_sources(tx: Transaction, kind: str, owner: state.Identity) -> list[Source]:
    inline = [Source(f"{kind}_{owner.name}_{name}", kind, text) for name, text in owner.inline.items()]
    return inline + [_managed(tx, owner.account, arn) for arn in owner.attached]


def _managed(tx: Transaction, account: str, arn: str) -> Source:
    policy = state.require_policy(tx, account, arn)
    kind = "user-managed" if isinstance(policy, state.ManagedPolicy) else "aws-managed"
    return Source(policy.name, kind, policy.document)


def _as_principal(call: Call, kind: str, owner: state.Identity) -> Principal:
    if kind == "role":
        return principals.role_session(owner.arn, owner.id, _SESSION, tags=owner.tags)
    if kind == "user":
        return principals.user(owner.account, owner.name, owner.id, path=owner.path, tags=owner.tags)
    return Principal("user", account=call.account)  # somebody of the group: no user in particular


async def _principal(call: Call, arn: str | None) -> Principal:
    if arn is None:
        return Principal("user", account=call.account)
    parsed = parse_arn(arn)
    if parsed is None or not parsed.resource.startswith("user/"):
        raise InvalidInput(f"Invalid CallerArn: {arn} is not the ARN of a user.")
    name = parsed.resource.rpartition("/")[2]
    user = await call.read(state.find, "user", parsed.account, name)
    if user is not None and user.arn == arn:
        return _as_principal(call, "user", user)
    return Principal("user", arn, parsed.account, name=name)
