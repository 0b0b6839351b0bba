"""ACLs and object ownership. A bucket allows ACLs only where its ownership is not BucketOwnerEnforced.

Source: S3 API reference, Put/GetBucketAcl, Put/GetObjectAcl, Put/Get/DeleteBucketOwnershipControls; user guide,
"Controlling ownership of objects and disabling ACLs for your bucket".
"""

import msgspec

from pileus.kernel.call import Call
from pileus.kernel.principal import canonical_user_id
from pileus.services.s3 import access, answers, asked, errors
from pileus.services.s3.state import buckets, objects
from pileus.services.s3.state.records import Bucket, Cause, Grant, Version
from pileus.store.transaction import Transaction


async def get_bucket_acl(call: Call, request: dict) -> dict:
    """The bucket's grants; its owner's alone where ACLs are off."""
    bucket = await asked.bucket(call, request)
    if "acl" not in bucket.configured or bucket.ownership == "BucketOwnerEnforced":
        return _acl_out(bucket.account, (access.owned(bucket.account),))
    return _acl_out(bucket.account, await call.read(buckets.bucket_grants, bucket))


async def put_bucket_acl(call: Call, request: dict) -> dict:
    """errors   AccessControlListNotSupported, AccessDenied (a public one while those are blocked), MalformedACLError"""
    bucket = await asked.bucket(call, request)
    grants = _asked(request, bucket.account, bucket.account)
    await _require_allowed(call, bucket, grants, bucket.account)
    rows = [list(msgspec.structs.astuple(grant)) for grant in grants]
    await call.write(buckets.set_configuration, bucket.name, "acl", rows)
    return {}


async def get_object_acl(call: Call, request: dict) -> dict:
    """A version's grants; its owner's alone where ACLs are off."""
    bucket = await asked.bucket(call, request)
    version = await call.read(asked.find_version, bucket, request["Key"], request.get("VersionId"))
    if bucket.ownership == "BucketOwnerEnforced":
        return _acl_out(bucket.account, (access.owned(bucket.account),))
    return _acl_out(version.owner, version.grants or (access.owned(version.owner),))


async def put_object_acl(call: Call, request: dict) -> dict:
    """errors   AccessControlListNotSupported, AccessDenied (a public one while those are blocked), MalformedACLError"""
    bucket = await asked.bucket(call, request)
    version = await call.read(asked.find_version, bucket, request["Key"], request.get("VersionId"))
    grants = _asked(request, version.owner, bucket.account)
    await _require_allowed(call, bucket, grants, version.owner)
    if bucket.ownership != "BucketOwnerEnforced":
        cause = asked.cause(call, "ObjectAcl:Put")
        await call.write(_set_grants, bucket, request["Key"], request.get("VersionId"), grants, cause)
    return {}


def _set_grants(
    tx: Transaction, bucket: Bucket, key: str, version_id: str | None, grants: tuple[Grant, ...], cause: Cause
) -> Version:
    version = asked.find_version(tx, bucket, key, version_id)
    return objects.change(tx, bucket.name, version, cause=cause, grants=grants)


def _asked(request: dict, owner: str, bucket_owner: str) -> tuple[Grant, ...]:
    policy = request.get("AccessControlPolicy")
    grants = access.grants_asked(request, owner, bucket_owner)
    if policy and grants is not None:
        raise errors.S3Error("This request does not support content", code="UnexpectedContent")
    if policy:
        return access.grants_in(policy, canonical_user_id(owner))
    if grants is None:
        raise errors.S3Error(
            "Your request was missing a required header", code="MissingSecurityHeader", MissingHeaderName="x-amz-acl"
        )
    return grants


async def _require_allowed(call: Call, bucket: Bucket, grants: tuple[Grant, ...], owner: str) -> None:
    if bucket.ownership == "BucketOwnerEnforced" and not access.is_private(grants, bucket.account):
        raise errors.AccessControlListNotSupported()
    if access.is_public(grants):
        block = await call.read(buckets.configuration, bucket, "public-access-block")
        if block and block.get("BlockPublicAcls"):
            raise errors.AccessDenied()


def _acl_out(owner: str, grants: tuple[Grant, ...]) -> dict:
    return {"Owner": answers.owner(owner), "Grants": access.grants_out(grants)}


async def get_bucket_ownership_controls(call: Call, request: dict) -> dict:
    """errors   OwnershipControlsNotFoundError"""
    bucket = await asked.bucket(call, request)
    if not bucket.ownership:
        raise errors.OwnershipControlsNotFoundError(BucketName=bucket.name)
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.ownership}]}}


async def put_bucket_ownership_controls(call: Call, request: dict) -> dict:
    """errors   InvalidBucketAclWithObjectOwnership, MalformedXML"""
    bucket = await asked.bucket(call, request)
    rules = request["OwnershipControls"]["Rules"]
    if len(rules) != 1:
        raise errors.MalformedXML()
    await call.write(buckets.set_ownership, bucket.name, rules[0]["ObjectOwnership"])
    return {}


async def delete_bucket_ownership_controls(call: Call, request: dict) -> dict:
    """Without controls an object belongs to who wrote it, and ACLs count."""
    bucket = await asked.bucket(call, request)
    await call.write(buckets.set_ownership, bucket.name, "")
    return {}
