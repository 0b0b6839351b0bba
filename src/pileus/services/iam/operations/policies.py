"""Managed policies: the account's own with their versions, and AWS's."""

from pileus.kernel import tags as kernel_tags
from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.services.iam import aws_managed, state
from pileus.services.iam.documents import encoded
from pileus.services.iam.errors import NoSuchEntity
from pileus.services.iam.paging import after_key, page
from pileus.services.iam.shapes import moment, policy_out, version_out
from pileus.services.iam.transitions import policies, tagging
from pileus.store.transaction import Transaction

_USAGES = {"PermissionsPolicy": "permissions", "PermissionsBoundary": "boundary"}


async def create_policy(call: Call, request: dict) -> dict:
    """Make a managed policy; its document is version v1.

    errors   EntityAlreadyExists, MalformedPolicyDocument, LimitExceeded, InvalidInput
    source   IAM API reference, CreatePolicy
    """
    tagging.check_no_duplicates(request.get("Tags", []))
    policy = await call.write(
        policies.create,
        call.account,
        request["PolicyName"],
        request.get("Path", "/"),
        partition=partition_of(call.region),
        document=request["PolicyDocument"],
        description=request.get("Description", ""),
        tags=kernel_tags.from_list(request.get("Tags")),
    )
    return {"Policy": await call.read(policy_out, call.account, policy)}


async def get_policy(call: Call, request: dict) -> dict:
    """Describe a managed policy, the account's or AWS's. errors  NoSuchEntity"""
    policy = await call.read(state.require_policy, call.account, request["PolicyArn"])
    return {"Policy": await call.read(policy_out, call.account, policy)}


async def list_policies(call: Call, request: dict) -> dict:
    """List managed policies by ARN. Scope Local leaves out AWS's, of which we list those that we carry.

    source  IAM API reference, ListPolicies
    """
    scope, usage = request.get("Scope", "All"), _USAGES.get(request.get("PolicyUsageFilter", ""))
    prefix = request.get("PathPrefix", "/")

    def rows(tx: Transaction, after: str | None):
        found: list = []
        if scope in ("All", "AWS"):
            found += aws_managed.every(partition_of(call.region))
        if scope in ("All", "Local"):
            found += state.POLICIES.scan(tx, call.account)
        if request.get("OnlyAttached") or usage is not None:
            wanted = (usage,) if usage is not None else ()
            found = [
                policy
                for policy in found
                if next(state.attachments(tx, call.account, policy.arn, *wanted), None) is not None
            ]
        return after_key(found, after, lambda policy: policy.arn)

    found, rest = await page(
        call,
        request,
        rows,
        key=lambda policy: policy.arn,
        out=lambda tx, policy: policy_out(tx, call.account, policy, listed=True),
        keep=lambda policy: policy.path.startswith(prefix),
    )
    return {"Policies": found} | rest


async def delete_policy(call: Call, request: dict) -> None:
    """Delete a policy that nobody has, with its last version. errors  NoSuchEntity, DeleteConflict"""
    await call.write(policies.delete, call.account, request["PolicyArn"])


async def create_policy_version(call: Call, request: dict) -> dict:
    """Add a version, and make it the default if asked to.

    errors   NoSuchEntity, MalformedPolicyDocument, LimitExceeded
    """
    policy, version = await call.write(
        policies.create_version,
        call.account,
        request["PolicyArn"],
        request["PolicyDocument"],
        is_default=request.get("SetAsDefault", False),
    )
    return {"PolicyVersion": version_out(version, policy.default_version, with_document=False)}


async def get_policy_version(call: Call, request: dict) -> dict:
    """A version with its document. Of AWS's policies we carry the default version only. errors  NoSuchEntity"""
    policy = await call.read(state.require_policy, call.account, request["PolicyArn"])
    if isinstance(policy, state.ManagedPolicy):
        version = await call.read(policies.require_version, policy, request["VersionId"])
        return {"PolicyVersion": version_out(version, policy.default_version, with_document=True)}
    if request["VersionId"] != f"v{policy.default_version}":
        raise NoSuchEntity(f"Policy {policy.arn} version {request['VersionId']} does not exist or is not attachable.")
    return {"PolicyVersion": _aws_version(policy) | {"Document": encoded(policy.document)}}


async def list_policy_versions(call: Call, request: dict) -> dict:
    """A policy's versions, newest first, without documents. errors  NoSuchEntity"""
    policy = await call.read(state.require_policy, call.account, request["PolicyArn"])
    if not isinstance(policy, state.ManagedPolicy):
        return {"Versions": [_aws_version(policy)], "IsTruncated": False}

    def rows(tx: Transaction, after: int | None):
        found = policies.versions(tx, policy)
        return (version for version in found if after is None or version.number < after)

    versions, rest = await page(
        call,
        request,
        rows,
        key=lambda version: version.number,
        out=lambda tx, version: version_out(version, policy.default_version, with_document=False),
    )
    return {"Versions": versions} | rest


async def set_default_policy_version(call: Call, request: dict) -> None:
    """Choose the version that is in force. errors  NoSuchEntity"""
    await call.write(policies.set_default, call.account, request["PolicyArn"], request["VersionId"])


async def delete_policy_version(call: Call, request: dict) -> None:
    """Delete a version other than the default. errors  NoSuchEntity, DeleteConflict"""
    await call.write(policies.delete_version, call.account, request["PolicyArn"], request["VersionId"])


async def list_entities_for_policy(call: Call, request: dict) -> dict:
    """Users, groups and roles that have a policy, as permissions or as their boundary. errors  NoSuchEntity"""
    await call.read(state.require_policy, call.account, request["PolicyArn"])
    usage = _USAGES.get(request.get("PolicyUsageFilter", ""))
    prefix, wanted = request.get("PathPrefix", "/"), request.get("EntityFilter")

    def rows(tx: Transaction, after: list | None):
        if wanted in ("LocalManagedPolicy", "AWSManagedPolicy"):
            return []
        found = {}
        for row in state.attachments(tx, call.account, request["PolicyArn"], *([usage] if usage else [])):
            if wanted is None or row.kind == wanted.lower():
                found[row.kind, row.name] = state.require(tx, row.kind, call.account, row.name)
        pairs = [(kind, entity) for (kind, _), entity in found.items() if entity.path.startswith(prefix)]
        return after_key(pairs, after, _kind_and_name)

    pairs, rest = await page(call, request, rows, key=_kind_and_name, out=lambda tx, pair: pair)
    out: dict = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []}
    for kind, entity in pairs:
        word = kind.capitalize()
        out[f"Policy{word}s"].append({f"{word}Name": entity.name, f"{word}Id": entity.id})
    return out | rest


async def tag_policy(call: Call, request: dict) -> None:
    """Add tags or change their values. errors  NoSuchEntity, InvalidInput, LimitExceeded"""
    tagging.check_no_duplicates(request["Tags"])
    await call.write(_tag, call.account, request["PolicyArn"], kernel_tags.from_list(request["Tags"]))


async def untag_policy(call: Call, request: dict) -> None:
    """Remove tags; those that are not there are no error. errors  NoSuchEntity"""
    await call.write(_untag, call.account, request["PolicyArn"], request["TagKeys"])


async def list_policy_tags(call: Call, request: dict) -> dict:
    """A policy's tags, by key. errors  NoSuchEntity"""

    def rows(tx: Transaction, after: str | None):
        tags = state.require_policy(tx, call.account, request["PolicyArn"]).tags
        return after_key(kernel_tags.to_list(tags), after, lambda tag: tag["Key"])

    tags, rest = await page(call, request, rows, key=lambda tag: tag["Key"], out=lambda tx, tag: tag)
    return {"Tags": tags} | rest


def _kind_and_name(pair: tuple) -> list[str]:
    return [pair[0], pair[1].name]


def _aws_version(policy: aws_managed.AwsPolicy) -> dict:
    return {
        "VersionId": f"v{policy.default_version}",
        "IsDefaultVersion": True,
        "CreateDate": moment(policy.updated_ms),
    }


def _tag(tx: Transaction, account: str, arn: str, tags: dict[str, str]) -> None:
    tagging.tag(tx, state.POLICIES, policies.require_own(tx, account, arn), tags)


def _untag(tx: Transaction, account: str, arn: str, keys: list[str]) -> None:
    tagging.untag(tx, state.POLICIES, policies.require_own(tx, account, arn), keys)
