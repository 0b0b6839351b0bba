"""The operations of STS, in the API reference's order."""

from dataclasses import replace
from datetime import UTC, datetime

from pileus.authn import sessions
from pileus.authn.sessions import Credentials
from pileus.kernel import principal as principals
from pileus.kernel import tags as kernel_tags
from pileus.kernel.access_keys import account_of
from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.principal import Principal
from pileus.services.sts import state
from pileus.services.sts.errors import AccessDenied, ValidationError
from pileus.services.sts.roles import role_of
from pileus.services.sts.session_content import (
    check_tags,
    packed_percentage,
    role_tags,
    session_policies,
)

NOT_HONOURED = ("SerialNumber", "TokenCode", "ProvidedContexts", "MinimumSessionTokenSize")
"""Second factors, identity contexts, tokens of a least size."""


async def assume_role(call: Call, request: dict) -> dict:
    """Issue credentials of a role. That the caller may have them, by the role's trust policy, is decided already.

    errors   AccessDenied where there is no such role: who may not assume it learns nothing of it.
             ValidationError, MalformedPolicyDocument, PackedPolicyTooLarge, InvalidParameterValue
    source   STS API reference, AssumeRole; IAM user guide, "Roles terms and concepts", role chaining
    """
    _refuse_unhonoured(call, request)
    caller, role_arn = call.principal, request["RoleArn"]
    if parse_arn(role_arn) is None:
        raise ValidationError(f"{role_arn} is invalid")
    role = await role_of(call, role_arn)
    if role is None:
        raise AccessDenied(f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}")
    tags, transitive = role_tags(caller, role.get("Tags", []), request)
    policies = await session_policies(call, request, account=parse_arn(role_arn).account)
    session = principals.role_session(
        role_arn,
        role["RoleId"],
        request["RoleSessionName"],
        issued_ms=call.now_ms,
        expires_ms=call.now_ms + _role_session_s(caller, role, request) * 1000,
        tags=tags,
        session_policies=policies,
        # A source identity, once set, stays through every role that is assumed from there.
        source_identity=_source_identity(caller, request),
        transitive_tag_keys=transitive,
    )
    percentage = packed_percentage(request)
    issued = sessions.issue(call.ids, call.cloud.session_key, session)
    result = {
        "Credentials": _credentials_out(issued),
        "AssumedRoleUser": {"AssumedRoleId": session.unique_id, "Arn": session.arn},
    }
    if percentage is not None:
        result["PackedPolicySize"] = percentage
    if session.source_identity:
        result["SourceIdentity"] = session.source_identity
    return result


def _role_session_s(caller: Principal, role: dict, request: dict) -> int:
    wanted_s = request.get("DurationSeconds", state.DEFAULT_ROLE_SESSION_S)
    if caller.kind == "assumed-role" and wanted_s > state.CHAINED_SESSION_S:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    # The maximum is for those who call the API; a service that assumes a role is not bound by it.
    if caller.kind != "service" and wanted_s > role["MaxSessionDuration"]:
        raise ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return wanted_s


def _source_identity(caller: Principal, request: dict) -> str:
    wanted = request.get("SourceIdentity", "")
    if caller.source_identity and wanted not in ("", caller.source_identity):
        raise AccessDenied(
            f"User: {caller} is not authorized to perform: sts:SetSourceIdentity on resource: {request['RoleArn']}"
        )
    return caller.source_identity or wanted


async def get_access_key_info(call: Call, request: dict) -> dict:
    """The account of a key, which its id tells, whether the key is there (any more) or not.

    errors   ValidationError: an id that carries no account, in words that are not confirmed
    source   STS API reference, GetAccessKeyInfo
    """
    account = account_of(request["AccessKeyId"])
    if account is None:
        raise ValidationError(f"The access key ID {request['AccessKeyId']} is not valid")
    return {"Account": account}


async def get_caller_identity(call: Call, request: dict) -> dict:
    """Who calls. Nobody needs a permission for it, and nobody can be denied it."""
    caller = call.principal
    return {"UserId": caller.unique_id, "Account": caller.account, "Arn": caller.arn}


async def get_federation_token(call: Call, request: dict) -> dict:
    """Issue credentials that have what the calling user has and the session policies allow, no more.

    errors   AccessDenied to sessions, MalformedPolicyDocument, PackedPolicyTooLarge
    source   STS API reference, GetFederationToken
    """
    _refuse_unhonoured(call, request)
    caller = call.principal
    if caller.is_temporary or caller.kind not in ("user", "root"):
        raise AccessDenied("Cannot call GetFederationToken with session credentials")
    check_tags(request)
    policies = await session_policies(call, request, account=caller.account)
    tags = {**caller.tags, **kernel_tags.from_list(request.get("Tags"))}
    session = principals.federated_user(
        caller.arn,
        request["Name"],
        issued_ms=call.now_ms,
        expires_ms=call.now_ms + _user_session_s(caller, request) * 1000,
        tags=tags,
        session_policies=policies,
    )
    percentage = packed_percentage(request)
    result = {
        "Credentials": _credentials_out(sessions.issue(call.ids, call.cloud.session_key, session)),
        "FederatedUser": {"FederatedUserId": session.unique_id, "Arn": session.arn},
    }
    if percentage is not None:
        result["PackedPolicySize"] = percentage
    return result


async def get_session_token(call: Call, request: dict) -> dict:
    """Issue credentials of the calling user or root itself, for a while.

    errors   AccessDenied to sessions
    source   STS API reference, GetSessionToken
    """
    _refuse_unhonoured(call, request)
    caller = call.principal
    if caller.is_temporary or caller.kind not in ("user", "root"):
        raise AccessDenied("Cannot call GetSessionToken with session credentials")
    expires_ms = call.now_ms + _user_session_s(caller, request) * 1000
    session = replace(caller, issued_ms=call.now_ms, expires_ms=expires_ms)
    return {"Credentials": _credentials_out(sessions.issue(call.ids, call.cloud.session_key, session))}


def _user_session_s(caller: Principal, request: dict) -> int:
    wanted_s = request.get("DurationSeconds", state.DEFAULT_USER_SESSION_S)
    return min(wanted_s, state.ROOT_SESSION_S) if caller.kind == "root" else wanted_s


def _credentials_out(issued: Credentials) -> dict:
    return {
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "SessionToken": issued.session_token,
        "Expiration": datetime.fromtimestamp(issued.expires_ms // 1000, UTC),
    }


def _refuse_unhonoured(call: Call, request: dict) -> None:
    for member in NOT_HONOURED:
        if member in request:
            raise NotImplementedByUs(f"sts:{call.operation} with {member}")
