"""Who may reach a bucket besides its owner's own policies: bucket policy, ACLs and the public access block.

The policy engine knows policies only, so ACLs are said to it as statements: a grant of READ on a bucket is an Allow of
s3:ListBucket, and so on. Sources: user guide, "Access control list (ACL) overview", "Mapping of ACL permissions and
access policy permissions", "Canned ACL", "Blocking public access", "The meaning of "public"".
"""

import ipaddress
import re
from functools import lru_cache
from typing import Any

import orjson

from pileus.kernel.principal import Principal, canonical_user_id
from pileus.services.s3 import errors
from pileus.services.s3.state.records import MAX_GRANTS, Grant

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
GROUPS = (ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY)
PUBLIC_GROUPS = (ALL_USERS, AUTHENTICATED_USERS)
PERMISSIONS = ("FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP")

_GRANT_MEMBERS = {
    "GrantFullControl": "FULL_CONTROL",
    "GrantRead": "READ",
    "GrantReadACP": "READ_ACP",
    "GrantWrite": "WRITE",
    "GrantWriteACP": "WRITE_ACP",
}
_ASKING = frozenset({"ACL", *_GRANT_MEMBERS})
_GRANTEE = re.compile(r'\s*(id|uri|emailAddress)\s*=\s*"?([^",]*)"?\s*\Z')

_CANNED = {
    "private": (),
    "aws-exec-read": (),
    "public-read": ((ALL_USERS, "READ"),),
    "public-read-write": ((ALL_USERS, "READ"), (ALL_USERS, "WRITE")),
    "authenticated-read": ((AUTHENTICATED_USERS, "READ"),),
    "log-delivery-write": ((LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP")),
}


# ACLs as they are asked for


def owned(account: str) -> Grant:
    return Grant("CanonicalUser", canonical_user_id(account), "FULL_CONTROL")


def canned(name: str, owner: str, bucket_owner: str) -> tuple[Grant, ...]:
    """`owner` and `bucket_owner` are accounts; they differ for an object that somebody else wrote."""
    if name in ("bucket-owner-read", "bucket-owner-full-control"):
        if owner == bucket_owner:
            return (owned(owner),)
        permission = "READ" if name == "bucket-owner-read" else "FULL_CONTROL"
        return owned(owner), Grant("CanonicalUser", canonical_user_id(bucket_owner), permission)
    return owned(owner), *(Grant("Group", group, permission) for group, permission in _CANNED[name])


def grants_asked(request: dict, owner: str, bucket_owner: str) -> tuple[Grant, ...] | None:
    """The ACL that x-amz-acl or the x-amz-grant- headers ask for; None where they ask for none."""
    if _ASKING.isdisjoint(request):
        return None
    stated = [member for member in _GRANT_MEMBERS if request.get(member)]
    if request.get("ACL"):
        if stated:
            raise errors.InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
        return canned(request["ACL"], owner, bucket_owner)
    if not stated:
        return None
    return tuple(
        _grantee(text, _GRANT_MEMBERS[member])
        for member in stated
        for text in request[member].split(",")
        if text.strip()
    )


def bucket_grants_asked(request: dict, owner: str) -> tuple[Grant, ...] | None:
    return grants_asked(request, owner, owner)


def _grantee(text: str, permission: str) -> Grant:
    found = _GRANTEE.match(text)
    if found is None:
        raise errors.InvalidArgument("Argument format not recognized", ArgumentValue=text)
    kind, who = found.groups()
    if kind == "emailAddress":
        raise errors.UnresolvableGrantByEmailAddress(EmailAddress=who)
    return _checked(Grant("Group" if kind == "uri" else "CanonicalUser", who, permission))


def _checked(grant: Grant) -> Grant:
    if grant.kind == "Group" and grant.who not in GROUPS:
        raise errors.InvalidArgument("Invalid group uri", ArgumentName="uri", ArgumentValue=grant.who)
    if grant.kind == "CanonicalUser" and not re.fullmatch("[0-9a-f]{64}", grant.who):
        raise errors.InvalidArgument("Invalid id", ArgumentName="CanonicalUser/ID", ArgumentValue=grant.who)
    return grant


def grants_in(policy: dict, owner_id: str) -> tuple[Grant, ...]:
    """An AccessControlPolicy as grants. The owner that it names must be the owner."""
    if policy.get("Owner", {}).get("ID") != owner_id:
        raise errors.MalformedACLError() if "Owner" not in policy else errors.AccessDenied()
    grants = []
    for one in policy.get("Grants", ()):
        grantee, permission = one.get("Grantee") or {}, one.get("Permission")
        if permission not in PERMISSIONS:
            raise errors.MalformedACLError()
        if grantee.get("EmailAddress"):
            raise errors.UnresolvableGrantByEmailAddress(EmailAddress=grantee["EmailAddress"])
        if grantee.get("URI"):
            grants.append(_checked(Grant("Group", grantee["URI"], permission)))
        elif grantee.get("ID"):
            grants.append(_checked(Grant("CanonicalUser", grantee["ID"], permission)))
        else:
            raise errors.MalformedACLError()
    if len(grants) > MAX_GRANTS:
        raise errors.InvalidArgument(f"The number of grants is larger than {MAX_GRANTS}")
    return tuple(grants)


def grants_out(grants: tuple[Grant, ...]) -> list[dict]:
    return [
        {
            "Grantee": {"Type": grant.kind, "URI" if grant.kind == "Group" else "ID": grant.who},
            "Permission": grant.permission,
        }
        for grant in grants
    ]


def is_public(grants: tuple[Grant, ...]) -> bool:
    return any(grant.who in PUBLIC_GROUPS for grant in grants)


def is_private(grants: tuple[Grant, ...], owner: str) -> bool:
    return all(grant == owned(owner) for grant in grants)


# ACLs as statements

_ON_BUCKET = {
    "READ": ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"),
    "READ_ACP": ("s3:GetBucketAcl",),
    "WRITE_ACP": ("s3:PutBucketAcl",),
    "WRITE": ("s3:PutObject",),
}
_ON_OBJECT = {
    "READ": ("s3:GetObject", "s3:GetObjectVersion"),
    "READ_ACP": ("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    "WRITE_ACP": ("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
}


def _statements(grants: tuple[Grant, ...], table: dict[str, tuple[str, ...]]) -> list[dict]:
    """Without Resource: they speak of the one resource that the document is made for."""
    out = []
    for grant in grants:
        permissions = table if grant.permission == "FULL_CONTROL" else (grant.permission,)
        actions = [action for permission in permissions for action in table.get(permission, ())]
        if not actions or grant.who == LOG_DELIVERY:
            continue
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": "*" if grant.kind == "Group" else {"CanonicalUser": grant.who},
            "Action": actions,
        }
        if grant.who == AUTHENTICATED_USERS:
            statement["Condition"] = {"StringNotEquals": {"aws:PrincipalType": "Anonymous"}}
        out.append(statement)
    return out


def resource_policy(
    policy: str | None,
    bucket_grants: tuple[Grant, ...],
    object_grants: tuple[Grant, ...],
    block: dict,
    principal: Principal,
    owner: str,
) -> str | None:
    """Everything that a bucket says about a caller and a resource, as one policy document; None if it says nothing."""
    if block.get("IgnorePublicAcls"):
        bucket_grants = tuple(grant for grant in bucket_grants if grant.who not in PUBLIC_GROUPS)
        object_grants = tuple(grant for grant in object_grants if grant.who not in PUBLIC_GROUPS)
    is_outsider = principal.account != owner and principal.kind != "service"
    if policy is not None and block.get("RestrictPublicBuckets") and is_outsider and is_policy_public(policy):
        policy = _denials(policy)  # a public policy lets in only the owner's account and AWS's services
    if not bucket_grants and not object_grants:
        return policy
    return _merged(policy, bucket_grants, object_grants)


@lru_cache(maxsize=1024)
def _merged(policy: str | None, bucket_grants: tuple[Grant, ...], object_grants: tuple[Grant, ...]) -> str | None:
    document = {"Version": "2012-10-17", "Statement": []} if policy is None else orjson.loads(policy)
    statements = document["Statement"]
    document["Statement"] = [
        *(statements if isinstance(statements, list) else [statements]),
        *_statements(bucket_grants, _ON_BUCKET),
        *_statements(object_grants, _ON_OBJECT),
    ]
    return orjson.dumps(document).decode() if document["Statement"] else None


def also_allowing(policy: str | None, arn: str, action: str) -> str:
    """The policy with a statement more: this principal may do this to the one resource that is asked about."""
    document = {"Version": "2012-10-17", "Statement": []} if policy is None else orjson.loads(policy)
    statements = document["Statement"]
    allowing = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": action}
    document["Statement"] = [*(statements if isinstance(statements, list) else [statements]), allowing]
    return orjson.dumps(document).decode()


@lru_cache(maxsize=1024)
def _denials(policy: str) -> str | None:
    document = orjson.loads(policy)
    statements = document["Statement"]
    statements = statements if isinstance(statements, list) else [statements]
    denials = [statement for statement in statements if statement["Effect"] == "Deny"]
    return orjson.dumps({**document, "Statement": denials}).decode() if denials else None


# Is a policy public?

_FIXING_KEYS = (
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
)


@lru_cache(maxsize=1024)
def is_policy_public(policy: str) -> bool:
    """Does a statement allow more than fixed principals, and no condition fixes where calls come from?"""
    statements = orjson.loads(policy)["Statement"]
    return any(
        statement["Effect"] == "Allow" and _is_open(statement) and not _is_fixed(statement.get("Condition", {}))
        for statement in (statements if isinstance(statements, list) else [statements])
    )


def _is_open(statement: dict) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    if principal == "*":
        return True
    named = principal.get("AWS", []) if isinstance(principal, dict) else []
    return any("*" in name for name in ([named] if isinstance(named, str) else named))


def _is_fixed(condition: dict) -> bool:
    for operator, tests in condition.items():
        positive = operator.split(":")[-1].removesuffix("IfExists")
        if positive not in (
            "StringEquals",
            "StringLike",
            "ArnEquals",
            "ArnLike",
            "IpAddress",
            "StringEqualsIgnoreCase",
        ):
            continue
        if operator.endswith("IfExists") or operator.startswith("ForAllValues:"):
            continue
        for key, values in tests.items():
            if key.lower() in _FIXING_KEYS:
                values = values if isinstance(values, list) else [values]
                if all(_is_fixed_value(key.lower(), str(value)) for value in values):
                    return True
    return False


def _is_fixed_value(key: str, value: str) -> bool:
    if key == "aws:sourceip":
        try:
            # Ranges this wide count as the whole Internet.
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            return False
        return network.prefixlen >= (8 if network.version == 4 else 32)
    if key in ("aws:sourcearn", "aws:principalarn", "s3:dataaccesspointarn"):
        parts = value.split(":")
        return len(parts) >= 5 and "*" not in parts[4] and parts[4] != ""
    return "*" not in value and "?" not in value and "${" not in value
