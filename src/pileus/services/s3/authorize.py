"""What each operation touches: IAM actions, bucket and object ARNs, S3's condition keys.

A bucket's ARN names no account, so every touch says whose it is, and brings the bucket's policy with its ACLs (see
access.py). Asked for a key that isn't there, S3 tells so only those who may list the bucket: then s3:ListBucket is
touched too, and whoever lacks it is denied instead of told.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; user guide, "Required
permissions for Amazon S3 API operations"; API reference, GetObject, "Permissions".
"""

import math
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from pileus.authz.evaluate import Decision
from pileus.kernel.call import Call
from pileus.kernel.errors import AccessDenied
from pileus.kernel.service import Touch
from pileus.services.s3 import access, asked
from pileus.services.s3.sources import source_of
from pileus.services.s3.state import buckets, objects, uploads
from pileus.services.s3.state.records import OBJECT_LOCK, Bucket, Version
from pileus.store.transaction import Transaction

Touches = Callable[[Call, dict], Awaitable[Iterable[Touch]]]

_GRANT_KEYS = {
    "ACL": "s3:x-amz-acl",
    "GrantFullControl": "s3:x-amz-grant-full-control",
    "GrantRead": "s3:x-amz-grant-read",
    "GrantReadACP": "s3:x-amz-grant-read-acp",
    "GrantWrite": "s3:x-amz-grant-write",
    "GrantWriteACP": "s3:x-amz-grant-write-acp",
}
_CUSTOMER_KEYS = {"SSECustomerAlgorithm": "s3:x-amz-server-side-encryption-customer-algorithm"}
"""Also of parts: "s3:PutObject only with a customer's key" must let them in. User guide, "Example bucket policy to enforce
SSE-C encryption"."""
_WRITE_KEYS = {
    **_GRANT_KEYS,
    "CopySource": "s3:x-amz-copy-source",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    **_CUSTOMER_KEYS,
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "StorageClass": "s3:x-amz-storage-class",
    "WebsiteRedirectLocation": "s3:x-amz-website-redirect-location",
}
_LIST_KEYS = {"Prefix": "s3:prefix", "Delimiter": "s3:delimiter", "MaxKeys": "s3:max-keys"}


# Buckets


def on_bucket(action: str, keys: dict[str, str] | None = None, *, root_always: bool = False) -> Touches:
    """root_always: a bucket's policy can't shut the owner's root out of changing that policy."""

    async def touches(call: Call, request: dict) -> Iterable[Touch]:
        bucket = await _bucket(call, request)
        if _is_unquestioned(call, bucket) or (root_always and _is_owners_root(call, bucket)):
            return ()
        return (await _touch(call, bucket, action, context=_named(request, keys or {})),)

    return touches


async def create_bucket(call: Call, request: dict) -> Iterable[Touch]:
    name = request["Bucket"]
    context = _named(request, _GRANT_KEYS)
    constraint = request.get("CreateBucketConfiguration", {}).get("LocationConstraint")
    if constraint:
        context["s3:locationconstraint"] = constraint
    touched = ["s3:CreateBucket"]
    if any(request.get(member) for member in _GRANT_KEYS):
        touched.append("s3:PutBucketAcl")
    if request.get("ObjectOwnership"):
        touched.append("s3:PutBucketOwnershipControls")
    if request.get("ObjectLockEnabledForBucket"):
        touched += ["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"]
    if request.get("CreateBucketConfiguration", {}).get("Tags"):
        touched.append("s3:TagResource")
    account = call.principal.account or call.account
    return [Touch(action, f"arn:aws:s3:::{name}", context, account) for action in touched]


async def list_all(call: Call, request: dict) -> Iterable[Touch]:
    return [Touch("s3:ListAllMyBuckets", "arn:aws:s3:::*", {}, call.account)]


async def delete_objects(call: Call, request: dict) -> Iterable[Touch]:
    """Each deletion is authorized by itself (operations/objects.py): some may be denied and others not."""
    await _bucket(call, request)
    return ()


# Objects


def on_object(
    action: str, versioned: str | None = None, keys: dict[str, str] | None = None, *, tells_absence: bool = False
) -> Touches:
    """
    versioned      the action where the request names a version
    tells_absence  the answer says whether the key is there
    """

    async def touches(call: Call, request: dict) -> Iterable[Touch]:
        bucket = await _bucket(call, request)
        if _is_unquestioned(call, bucket):
            return ()
        version_id = request.get("VersionId")
        touched = await _reading(call, bucket, request["Key"], version_id, action, versioned, tells_absence)
        if keys:
            touched[0].context.update(_named(request, keys))
        return touched

    return touches


async def _reading(
    call: Call,
    bucket: Bucket,
    key: str,
    version_id: str | None,
    action: str,
    versioned: str | None,
    tells_absence: bool,
) -> list[Touch]:
    version = await call.read(objects.find, bucket, key, version_id)
    context: dict[str, Any] = {}
    if version_id is not None:
        context["s3:VersionId"] = version_id
    if version is not None:
        context |= {f"s3:ExistingObjectTag/{name}": value for name, value in version.tags.items()}
    chosen = versioned if versioned and version_id is not None else action
    is_absent = tells_absence and (version is None or version.is_delete_marker)
    touched = [await _touch(call, bucket, chosen, key=key, version=version, context=context, is_absent=is_absent)]
    if is_absent:
        touched.append(await _touch(call, bucket, "s3:ListBucket"))
    return touched


async def get_object_attributes(call: Call, request: dict) -> Iterable[Touch]:
    bucket = await _bucket(call, request)
    if _is_unquestioned(call, bucket):
        return ()
    key, version_id = request["Key"], request.get("VersionId")
    return [
        *await _reading(call, bucket, key, version_id, "s3:GetObject", "s3:GetObjectVersion", True),
        *await _reading(
            call, bucket, key, version_id, "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes", False
        ),
    ]


async def put_object(call: Call, request: dict) -> Iterable[Touch]:
    """PutObject and CreateMultipartUpload; CopyObject's destination."""
    bucket = await _bucket(call, request)
    if _is_unquestioned(call, bucket):
        return ()
    context = _named(request, _WRITE_KEYS)
    tags = asked.tagging_header(request.get("Tagging"))
    if tags:
        context |= {f"s3:RequestObjectTag/{name}": value for name, value in tags.items()}
        context["s3:RequestObjectTagKeys"] = list(tags)
    mode, until = request.get("ObjectLockMode"), request.get("ObjectLockRetainUntilDate")
    legal_hold = request.get("ObjectLockLegalHoldStatus")
    context |= _lock_keys(call, mode, until, legal_hold)
    touched = ["s3:PutObject"]
    if tags:
        touched.append("s3:PutObjectTagging")
    if mode or until:
        touched.append("s3:PutObjectRetention")
    if legal_hold:
        touched.append("s3:PutObjectLegalHold")
    if any(request.get(member) for member in _GRANT_KEYS):
        touched.append("s3:PutObjectAcl")
    touches = [await _touch(call, bucket, action, key=request["Key"], context=context) for action in touched]
    if touched[-1] == "s3:PutObjectAcl" and _will_own(call, bucket):
        # The ACL of what is the caller's own is no business of the bucket's owner, but to deny it.
        acl = touches.pop()
        if call.principal.kind != "anonymous":
            touches.append(replace(acl, resource_account=call.principal.account))
    return touches


def _will_own(call: Call, bucket: Bucket) -> bool:
    """Where ACLs count, objects belong to who writes them. User guide, "Access control list (ACL) overview"."""
    return bucket.ownership != "BucketOwnerEnforced" and call.principal.account != bucket.account


def on_upload(action: str) -> Touches:
    """Of a multipart upload in progress. User guide, "Multipart upload API and permissions": by default its initiator
    may abort it and list its parts."""

    async def touches(call: Call, request: dict) -> Iterable[Touch]:
        bucket = await _bucket(call, request)
        if _is_unquestioned(call, bucket):
            return ()
        touch = await _touch(call, bucket, action, key=request["Key"])
        upload = await call.read(uploads.find_upload, bucket, request["Key"], request["UploadId"])
        if upload is not None and upload.initiator_arn == call.principal.arn != "":
            touch = replace(touch, policy=access.also_allowing(touch.policy, call.principal.arn, action))
        return (touch,)

    return touches


async def copy_object(call: Call, request: dict) -> Iterable[Touch]:
    return [*await _source(call, request), *await put_object(call, request)]


put_part = on_object("s3:PutObject", keys=_CUSTOMER_KEYS)


async def upload_part_copy(call: Call, request: dict) -> Iterable[Touch]:
    return [*await _source(call, request), *await put_part(call, request)]


async def _source(call: Call, request: dict) -> Iterable[Touch]:
    source = source_of(request["CopySource"])
    bucket = await call.read(buckets.require_bucket, source.bucket)
    if _is_unquestioned(call, bucket):
        return ()
    key, version_id = source.key, source.version_id
    touched = await _reading(call, bucket, key, version_id, "s3:GetObject", "s3:GetObjectVersion", True)
    version = await call.read(objects.find, bucket, key, version_id)
    takes_tags = call.operation == "CopyObject" and request.get("TaggingDirective", "COPY") == "COPY"
    if takes_tags and version is not None and version.tags:
        touched += await _reading(
            call, bucket, key, version_id, "s3:GetObjectTagging", "s3:GetObjectVersionTagging", False
        )
    return touched


async def put_object_tagging(call: Call, request: dict) -> Iterable[Touch]:
    touched = await on_object("s3:PutObjectTagging", "s3:PutObjectVersionTagging")(call, request)
    tags = {tag["Key"]: tag["Value"] for tag in request["Tagging"].get("TagSet", ())}
    for touch in touched:
        touch.context.update({f"s3:RequestObjectTag/{name}": value for name, value in tags.items()})
        touch.context["s3:RequestObjectTagKeys"] = list(tags)
    return touched


async def put_object_acl(call: Call, request: dict) -> Iterable[Touch]:
    touched = await on_object("s3:PutObjectAcl", "s3:PutObjectVersionAcl")(call, request)
    for touch in touched:
        touch.context.update(_named(request, _GRANT_KEYS))
    return touched


# Object Lock


async def delete_object(call: Call, request: dict) -> Iterable[Touch]:
    touched = await on_object("s3:DeleteObject", "s3:DeleteObjectVersion")(call, request)
    return [*touched, *await _bypassing(call, request, {})]


async def put_object_retention(call: Call, request: dict) -> Iterable[Touch]:
    retention = request.get("Retention") or {}
    context = _lock_keys(call, retention.get("Mode"), retention.get("RetainUntilDate"), None)
    touched = await on_object("s3:PutObjectRetention")(call, request)
    for touch in touched:
        touch.context.update(context)
    return [*touched, *await _bypassing(call, request, context)]


async def put_object_legal_hold(call: Call, request: dict) -> Iterable[Touch]:
    touched = await on_object("s3:PutObjectLegalHold")(call, request)
    for touch in touched:
        touch.context.update(_lock_keys(call, None, None, (request.get("LegalHold") or {}).get("Status")))
    return touched


async def _bypassing(call: Call, request: dict, context: dict[str, Any]) -> list[Touch]:
    """Who says x-amz-bypass-governance-retention needs the permission, whether or not there is anything to bypass.

    Source: API reference, DeleteObjects, of that header.
    """
    if not request.get("BypassGovernanceRetention"):
        return []
    bucket = await _bucket(call, request)
    if OBJECT_LOCK not in bucket.configured or _is_unquestioned(call, bucket):
        return []
    return [await _touch(call, bucket, "s3:BypassGovernanceRetention", key=request["Key"], context=context)]


def _lock_keys(call: Call, mode: str | None, until: datetime | None, legal_hold: str | None) -> dict[str, Any]:
    """Of what the request asks for. A day begun counts as a remaining one, so that "at most ten" is no eleventh."""
    keys: dict[str, Any] = {}
    if mode:
        keys["s3:object-lock-mode"] = mode
    if until is not None:
        keys["s3:object-lock-retain-until-date"] = until.isoformat()
        left_ms = until.timestamp() * 1000 - call.now_ms
        keys["s3:object-lock-remaining-retention-days"] = str(max(0, math.ceil(left_ms / 86_400_000)))
    if legal_hold:
        keys["s3:object-lock-legal-hold"] = legal_hold
    return keys


async def knowledge_of_lock(call: Call, bucket: Bucket, version: Version) -> dict[str, bool]:
    """What of a version's lock its reader may know: the answer comes without what he may not.

    Source: user guide, "Object Lock considerations", "Permissions for viewing lock information".
    """
    return {
        "shows_retention": await _may(call, bucket, version, "s3:GetObjectRetention"),
        "shows_legal_hold": await _may(call, bucket, version, "s3:GetObjectLegalHold"),
    }


async def _may(call: Call, bucket: Bucket, version: Version, action: str) -> bool:
    if _is_unquestioned(call, bucket):
        return True
    try:
        await call.authorize([await _touch(call, bucket, action, key=version.key, version=version)])
    except AccessDenied:
        return False
    return True


def denial(decision: Decision) -> str:
    """Why, for principals of the account that owns the bucket; the others are told that it is so.

    Source: user guide, "Troubleshoot access denied (403 Forbidden) errors in Amazon S3"; recorded answers for the
    quotes.
    """
    access = decision.access
    if access.principal.account != access.resource_account:
        return "Access Denied"
    return decision.message().replace(f"resource: {access.resource}", f'resource: "{access.resource}"', 1)


# What the others need


async def _bucket(call: Call, request: dict) -> Bucket:
    """That a bucket does not exist is no secret: NoSuchBucket comes before any denial."""
    return await call.read(buckets.require_bucket, request["Bucket"])


def _is_owners_root(call: Call, bucket: Bucket) -> bool:
    return call.principal.kind == "root" and call.principal.account == bucket.account


def _is_unquestioned(call: Call, bucket: Bucket) -> bool:
    """The owner's root where no policy could deny it: nothing to decide, and most calls are such."""
    return _is_owners_root(call, bucket) and "policy" not in bucket.configured


async def _touch(
    call: Call,
    bucket: Bucket,
    action: str,
    *,
    key: str | None = None,
    version: Version | None = None,
    context: dict[str, Any] | None = None,
    is_absent: bool = False,
) -> Touch:
    arn = f"arn:aws:s3:::{bucket.name}" + ("" if key is None else f"/{key}")
    policy = await call.read(_policy, call, bucket, version, is_absent)
    keys = {**(context or {}), "s3:ResourceAccount": bucket.account, **_request_keys(call)}
    return Touch(action, arn, keys, bucket.account, policy=policy)


def _policy(tx: Transaction, call: Call, bucket: Bucket, version: Version | None, is_absent: bool) -> str | None:
    """The bucket's policy, and where ACLs count those of the bucket and of the version.

    What is absent has no ACL: who may list the bucket by the bucket's may as well read that there is nothing.
    """
    acls_count = bucket.ownership != "BucketOwnerEnforced"
    bucket_grants = buckets.bucket_grants(tx, bucket) if acls_count else ()
    object_grants = version.grants if acls_count and version is not None else ()
    if acls_count and version is not None and not object_grants and version.owner != bucket.account:
        object_grants = (access.owned(version.owner),)
    if acls_count and is_absent:
        object_grants = tuple(grant for grant in bucket_grants if grant.permission in ("READ", "FULL_CONTROL"))
    return access.resource_policy(
        buckets.configuration(tx, bucket, "policy"),
        bucket_grants,
        object_grants,
        buckets.configuration(tx, bucket, "public-access-block") or {},
        call.principal,
        bucket.account,
    )


SIGNED_BY_CONSOLE = {"s3:authType": "REST-HEADER", "s3:signatureversion": "AWS4-HMAC-SHA256"}
"""As a console that signs what it asks for its visitor."""


def _request_keys(call: Call) -> dict[str, Any]:
    """How the request was signed. User guide, "Amazon S3 policy keys for Signature Version 4 authentication"."""
    if call.is_of_page:
        return dict(SIGNED_BY_CONSOLE)
    if call.http is None:
        return dict(call.context)  # a browser's form says it there
    if call.principal.kind == "anonymous":
        return {}
    headers = call.http.headers
    keys = {
        "s3:authType": "REST-HEADER" if "authorization" in headers else "REST-QUERY-STRING",
        "s3:signatureversion": asked.signature_version(call),
    }
    if "x-amz-content-sha256" in headers:
        keys["s3:x-amz-content-sha256"] = headers["x-amz-content-sha256"]
    return keys


def _named(request: dict, keys: dict[str, str]) -> dict[str, Any]:
    return {key: request[member] for member, key in keys.items() if request.get(member) is not None}


RESOURCES: dict[str, Touches] = {
    "AbortMultipartUpload": on_upload("s3:AbortMultipartUpload"),
    "CompleteMultipartUpload": put_part,
    "CopyObject": copy_object,
    "CreateBucket": create_bucket,
    "CreateMultipartUpload": put_object,
    "DeleteBucket": on_bucket("s3:DeleteBucket"),
    "DeleteBucketCors": on_bucket("s3:PutBucketCORS"),
    "DeleteBucketEncryption": on_bucket("s3:PutEncryptionConfiguration"),
    "DeleteBucketLifecycle": on_bucket("s3:PutLifecycleConfiguration"),
    "DeleteBucketOwnershipControls": on_bucket("s3:PutBucketOwnershipControls"),
    "DeleteBucketPolicy": on_bucket("s3:DeleteBucketPolicy", root_always=True),
    "DeleteBucketReplication": on_bucket("s3:PutReplicationConfiguration"),
    "DeleteBucketTagging": on_bucket("s3:PutBucketTagging"),
    "DeleteBucketWebsite": on_bucket("s3:DeleteBucketWebsite"),
    "DeleteObject": delete_object,
    "DeleteObjectTagging": on_object("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
    "DeleteObjects": delete_objects,
    "DeletePublicAccessBlock": on_bucket("s3:PutBucketPublicAccessBlock"),
    "GetBucketAccelerateConfiguration": on_bucket("s3:GetAccelerateConfiguration"),
    "GetBucketAcl": on_bucket("s3:GetBucketAcl"),
    "GetBucketCors": on_bucket("s3:GetBucketCORS"),
    "GetBucketEncryption": on_bucket("s3:GetEncryptionConfiguration"),
    "GetBucketLifecycleConfiguration": on_bucket("s3:GetLifecycleConfiguration"),
    "GetBucketLocation": on_bucket("s3:GetBucketLocation"),
    "GetBucketLogging": on_bucket("s3:GetBucketLogging"),
    "GetBucketNotificationConfiguration": on_bucket("s3:GetBucketNotification"),
    "GetBucketOwnershipControls": on_bucket("s3:GetBucketOwnershipControls"),
    "GetBucketPolicy": on_bucket("s3:GetBucketPolicy", root_always=True),
    "GetBucketPolicyStatus": on_bucket("s3:GetBucketPolicyStatus"),
    "GetBucketReplication": on_bucket("s3:GetReplicationConfiguration"),
    "GetBucketRequestPayment": on_bucket("s3:GetBucketRequestPayment"),
    "GetBucketTagging": on_bucket("s3:GetBucketTagging"),
    "GetBucketVersioning": on_bucket("s3:GetBucketVersioning"),
    "GetBucketWebsite": on_bucket("s3:GetBucketWebsite"),
    "GetObject": on_object("s3:GetObject", "s3:GetObjectVersion", tells_absence=True),
    "GetObjectAcl": on_object("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    "GetObjectAttributes": get_object_attributes,
    "GetObjectLegalHold": on_object("s3:GetObjectLegalHold"),
    "GetObjectLockConfiguration": on_bucket("s3:GetBucketObjectLockConfiguration"),
    "GetObjectRetention": on_object("s3:GetObjectRetention"),
    "GetObjectTagging": on_object("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    "GetPublicAccessBlock": on_bucket("s3:GetBucketPublicAccessBlock"),
    "HeadBucket": on_bucket("s3:ListBucket"),
    "HeadObject": on_object("s3:GetObject", "s3:GetObjectVersion", tells_absence=True),
    "ListBuckets": list_all,
    "ListMultipartUploads": on_bucket("s3:ListBucketMultipartUploads", _LIST_KEYS),
    "ListObjectVersions": on_bucket("s3:ListBucketVersions", _LIST_KEYS),
    "ListObjects": on_bucket("s3:ListBucket", _LIST_KEYS),
    "ListObjectsV2": on_bucket("s3:ListBucket", _LIST_KEYS),
    "ListParts": on_upload("s3:ListMultipartUploadParts"),
    "PutBucketAcl": on_bucket("s3:PutBucketAcl", _GRANT_KEYS),
    "PutBucketCors": on_bucket("s3:PutBucketCORS"),
    "PutBucketEncryption": on_bucket("s3:PutEncryptionConfiguration"),
    "PutBucketLifecycleConfiguration": on_bucket("s3:PutLifecycleConfiguration"),
    "PutBucketNotificationConfiguration": on_bucket("s3:PutBucketNotification"),
    "PutBucketOwnershipControls": on_bucket("s3:PutBucketOwnershipControls"),
    "PutBucketPolicy": on_bucket("s3:PutBucketPolicy", root_always=True),
    "PutBucketRequestPayment": on_bucket("s3:PutBucketRequestPayment"),
    "PutBucketTagging": on_bucket("s3:PutBucketTagging"),
    "PutBucketVersioning": on_bucket("s3:PutBucketVersioning"),
    "PutObject": put_object,
    "PutObjectAcl": put_object_acl,
    "PutObjectLegalHold": put_object_legal_hold,
    "PutObjectLockConfiguration": on_bucket("s3:PutBucketObjectLockConfiguration"),
    "PutObjectRetention": put_object_retention,
    "PutObjectTagging": put_object_tagging,
    "PutPublicAccessBlock": on_bucket("s3:PutBucketPublicAccessBlock"),
    "UploadPart": put_part,
    "UploadPartCopy": upload_part_copy,
}
