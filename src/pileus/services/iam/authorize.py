"""What IAM's operations touch.

Condition keys and resource types: Service Authorization Reference, "Actions, resources, and condition keys for AWS
Identity and Access Management". The ARN of something that is not there has the path "/": who may not see it is denied
before anybody says whether it exists.

Other services ask for iam:PassRole where they are given a role: their authorize.py returns, beside their own action,
`Touch("iam:PassRole", role_arn, {"iam:PassedToService": "lambda.amazonaws.com"})`.
"""

from collections.abc import Callable

from pileus.kernel import tags as kernel_tags
from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.service import Touch
from pileus.services.iam import linked_services, state
from pileus.services.iam.caller import user_name
from pileus.services.iam.errors import InvalidClientTokenId
from pileus.store.transaction import Transaction

TRUSTED_READS = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sts.amazonaws.com"},'
    '"Action":["iam:GetRole","iam:GetPolicy","iam:GetPolicyVersion"]}]}'
)
"""STS issues credentials by what IAM keeps, and so it may read it."""

_NAMES = {"user": "UserName", "group": "GroupName", "role": "RoleName"}


def resource_policy(tx: Transaction, call: Call, arn: str) -> str | None:
    return TRUSTED_READS if call.principal.kind == "service" else None


def resource_tags(tx: Transaction, call: Call, arn: str) -> dict[str, str] | None:
    """The tags of a user, role, policy or instance profile by its ARN."""
    parsed = parse_arn(arn)
    if parsed is None:
        return None
    kind, _, rest = parsed.resource.partition("/")
    name = rest.rpartition("/")[2]
    if kind in ("user", "role"):
        record = state.find(tx, kind, parsed.account, name)
    elif kind == "policy":
        record = state.policy_of_arn(tx, parsed.account, arn) if parsed.account != "aws" else None
    elif kind == "instance-profile":
        record = state.INSTANCE_PROFILES.get(tx, parsed.account, name.lower())
    else:
        record = None
    return record.tags if record is not None else None


def _arn(call: Call, resource: str) -> str:
    return call.arn("iam", resource, region="")


def _touch(call: Call, request: dict, arn: str, context: dict | None = None, **more) -> Touch:
    _refuse_limited_sessions(call)
    keys = dict(context or {})
    if "TagKeys" in request:
        keys["aws:TagKeys"] = request["TagKeys"]
    tags = kernel_tags.from_list(request.get("Tags"))
    return Touch(f"iam:{call.operation}", arn, keys, request_tags=tags, **more)


def _refuse_limited_sessions(call: Call) -> None:
    """Sessions of GetFederationToken, and of GetSessionToken without a second factor, can't call IAM at all.

    Source: IAM user guide, "Compare AWS STS credentials".
    """
    principal = call.principal
    is_plain_session = principal.kind in ("user", "root") and principal.is_temporary and not principal.mfa
    if principal.kind == "federated-user" or is_plain_session:
        raise InvalidClientTokenId()


def _find(tx: Transaction, kind: str, account: str, name: str):
    return state.find(tx, kind, account, name)


def _own(kind: str, *, is_limited: bool = False) -> Callable:
    """The user, group or role that the request names. is_limited: iam:PermissionsBoundary is its present boundary."""

    async def touches(call: Call, request: dict) -> list[Touch]:
        name = user_name(call, request) if kind == "user" else request[_NAMES[kind]]
        if not name:
            return [_touch(call, request, _arn(call, "root"))]
        record = await call.read(_find, kind, call.account, name)
        arn = record.arn if record is not None else _arn(call, f"{kind}/{name}")
        context: dict = {}
        if record is not None and kind != "group":
            context = {f"iam:ResourceTag/{key}": value for key, value in record.tags.items()}
            if is_limited and record.boundary:
                context["iam:PermissionsBoundary"] = record.boundary
        if "PermissionsBoundary" in request:
            context["iam:PermissionsBoundary"] = request["PermissionsBoundary"]
        if "PolicyArn" in request:
            context["iam:PolicyARN"] = request["PolicyArn"]
        return [_touch(call, request, arn, context)]

    return touches


def _new(kind: str, name: str) -> Callable:
    """Something that is to be made below the request's path."""

    def touches(call: Call, request: dict) -> list[Touch]:
        context = {}
        if "PermissionsBoundary" in request:
            context["iam:PermissionsBoundary"] = request["PermissionsBoundary"]
        arn = _arn(call, f"{kind}{request.get('Path', '/')}{request[name]}")
        return [_touch(call, request, arn, context)]

    return touches


def _renamed(kind: str) -> Callable:
    """Both names: who renames needs the permission for what it is and for what it becomes."""

    async def touches(call: Call, request: dict) -> list[Touch]:
        record = await call.read(_find, kind, call.account, request[_NAMES[kind]])
        if record is None:
            return [_touch(call, request, _arn(call, f"{kind}/{request[_NAMES[kind]]}"))]
        path = request.get("NewPath", record.path)
        name = request.get(f"New{_NAMES[kind]}", record.name)
        return [_touch(call, request, arn) for arn in dict.fromkeys([record.arn, _arn(call, f"{kind}{path}{name}")])]

    return touches


def _below(kind: str) -> Callable:
    """Lists: AWS names the path that is listed."""
    return lambda call, request: [_touch(call, request, _arn(call, kind + request.get("PathPrefix", "/")))]


def _policy(call: Call, request: dict) -> list[Touch]:
    # AWS's own policies have the account "aws": as resources they count as the caller's.
    return [_touch(call, request, request["PolicyArn"], resource_account=_owner(call, request["PolicyArn"]))]


def _owner(call: Call, arn: str) -> str | None:
    parsed = parse_arn(arn)
    return call.account if parsed is None or parsed.account == "aws" else None


def _policies_path(call: Call, request: dict) -> list[Touch]:
    return [_touch(call, request, f"policy path {request.get('PathPrefix', '/')}")]


async def _profile(call: Call, request: dict) -> list[Touch]:
    name = request["InstanceProfileName"]
    record = await call.read(state.INSTANCE_PROFILES.get, call.account, name.lower())
    return [_touch(call, request, record.arn if record is not None else _arn(call, f"instance-profile/{name}"))]


async def _profile_and_role(call: Call, request: dict) -> list[Touch]:
    role = await call.read(_find, "role", call.account, request["RoleName"])
    arn = role.arn if role is not None else _arn(call, f"role/{request['RoleName']}")
    return [*await _profile(call, request), Touch("iam:PassRole", arn)]


async def _user_of_key(call: Call, request: dict) -> list[Touch]:
    key = await call.read(state.ACCESS_KEYS.get, request["AccessKeyId"])
    is_users = key is not None and key.account == call.account and key.user != ""
    return await _own("user")(call, {"UserName": key.user}) if is_users else _anything(call, request)


def _anything(call: Call, request: dict) -> list[Touch]:
    return [_touch(call, request, "*")]


def _linked_role(call: Call, request: dict) -> list[Touch]:
    service = request["AWSServiceName"]
    name = linked_services.role_name(service, request.get("CustomSuffix", ""))
    arn = _arn(call, f"role/aws-service-role/{service}/{name}")
    return [_touch(call, request, arn, {"iam:AWSServiceName": service})]


def _deletion_task(call: Call, request: dict) -> list[Touch]:
    path_and_name = request["DeletionTaskId"].removeprefix("task/").rpartition("/")[0]
    return [_touch(call, request, _arn(call, f"role/{path_and_name}"))]


def _source(call: Call, request: dict) -> list[Touch]:
    return [_touch(call, request, request["PolicySourceArn"])]


_USER, _GROUP, _ROLE = _own("user"), _own("group"), _own("role")
_LIMITED = {kind: _own(kind, is_limited=True) for kind in _NAMES}
_GRANTS = {
    f"{verb}{kind.capitalize()}Policy": _LIMITED[kind]
    for verb in ("Put", "Delete", "Attach", "Detach")
    for kind in _NAMES
}

RESOURCES: dict[str, Callable] = {
    **_GRANTS,
    "CreateUser": _new("user", "UserName"),
    "GetUser": _USER,
    "ListUsers": _below("user"),
    "UpdateUser": _renamed("user"),
    "DeleteUser": _USER,
    "TagUser": _USER,
    "UntagUser": _USER,
    "ListUserTags": _USER,
    "CreateAccessKey": _USER,
    "DeleteAccessKey": _USER,
    "GetAccessKeyLastUsed": _user_of_key,
    "ListAccessKeys": _USER,
    "UpdateAccessKey": _USER,
    "ListMFADevices": _USER,
    "CreateGroup": _new("group", "GroupName"),
    "GetGroup": _GROUP,
    "ListGroups": _below("group"),
    "ListGroupsForUser": _USER,
    "UpdateGroup": _renamed("group"),
    "DeleteGroup": _GROUP,
    "AddUserToGroup": _GROUP,
    "RemoveUserFromGroup": _GROUP,
    "CreateRole": _new("role", "RoleName"),
    "GetRole": _ROLE,
    "ListRoles": _below("role"),
    "UpdateRole": _ROLE,
    "UpdateRoleDescription": _ROLE,
    "UpdateAssumeRolePolicy": _ROLE,
    "DeleteRole": _ROLE,
    "TagRole": _ROLE,
    "UntagRole": _ROLE,
    "ListRoleTags": _ROLE,
    "CreateServiceLinkedRole": _linked_role,
    "DeleteServiceLinkedRole": _ROLE,
    "GetServiceLinkedRoleDeletionStatus": _deletion_task,
    "PutUserPermissionsBoundary": _USER,
    "DeleteUserPermissionsBoundary": _LIMITED["user"],
    "PutRolePermissionsBoundary": _ROLE,
    "DeleteRolePermissionsBoundary": _LIMITED["role"],
    "GetUserPolicy": _USER,
    "GetGroupPolicy": _GROUP,
    "GetRolePolicy": _ROLE,
    "ListUserPolicies": _USER,
    "ListGroupPolicies": _GROUP,
    "ListRolePolicies": _ROLE,
    "ListAttachedUserPolicies": _USER,
    "ListAttachedGroupPolicies": _GROUP,
    "ListAttachedRolePolicies": _ROLE,
    "CreatePolicy": _new("policy", "PolicyName"),
    "GetPolicy": _policy,
    "ListPolicies": _policies_path,
    "DeletePolicy": _policy,
    "CreatePolicyVersion": _policy,
    "GetPolicyVersion": _policy,
    "ListPolicyVersions": _policy,
    "SetDefaultPolicyVersion": _policy,
    "DeletePolicyVersion": _policy,
    "ListEntitiesForPolicy": _policy,
    "TagPolicy": _policy,
    "UntagPolicy": _policy,
    "ListPolicyTags": _policy,
    "CreateInstanceProfile": _new("instance-profile", "InstanceProfileName"),
    "GetInstanceProfile": _profile,
    "ListInstanceProfiles": _below("instance-profile"),
    "ListInstanceProfilesForRole": _ROLE,
    "AddRoleToInstanceProfile": _profile_and_role,
    "RemoveRoleFromInstanceProfile": _profile,
    "DeleteInstanceProfile": _profile,
    "TagInstanceProfile": _profile,
    "UntagInstanceProfile": _profile,
    "ListInstanceProfileTags": _profile,
    "CreateAccountAlias": _anything,
    "DeleteAccountAlias": _anything,
    "ListAccountAliases": _anything,
    "GetAccountSummary": _anything,
    "GetAccountAuthorizationDetails": _anything,
    "SimulateCustomPolicy": _anything,
    "SimulatePrincipalPolicy": _source,
    "GetContextKeysForCustomPolicy": _anything,
    "GetContextKeysForPrincipalPolicy": _source,
}
