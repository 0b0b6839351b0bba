"""Buckets and their configurations."""

from typing import Any

import msgspec

from pileus.kernel.principal import canonical_user_id
from pileus.services.s3 import errors
from pileus.services.s3.state.records import (
    BUCKETS,
    CONFIGURATIONS,
    MAX_BUCKETS,
    OBJECT_LOCK,
    OBJECTS,
    PARTS,
    UPLOADS,
    VERSIONS,
    Bucket,
    Configuration,
    Grant,
    Upload,
)
from pileus.store import blobs
from pileus.store.transaction import Transaction

# A new bucket blocks public access since April 2023; user guide, "Blocking public access to your S3 storage".
BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def find_bucket(tx: Transaction, name: str) -> Bucket | None:
    return BUCKETS.get(tx, name)


def require_bucket(tx: Transaction, name: str) -> Bucket:
    bucket = BUCKETS.get(tx, name)
    if bucket is None:
        raise errors.NoSuchBucket(BucketName=name)
    return bucket


def create_bucket(
    tx: Transaction,
    name: str,
    *,
    account: str,
    region: str,
    ownership: str,
    grants: tuple[Grant, ...] = (),
    has_object_lock: bool = False,
) -> Bucket:
    """In us-east-1 the owner's second creation succeeds and resets the ACL, as AWS has kept it there."""
    existing = BUCKETS.get(tx, name)
    if existing is not None:
        if existing.account != account:
            raise errors.BucketAlreadyExists(BucketName=name)
        if existing.region == region == "us-east-1":
            return existing if existing.ownership == "BucketOwnerEnforced" else configure_acl(tx, existing, grants)
        raise errors.BucketAlreadyOwnedByYou(BucketName=name)
    if sum(1 for _ in BUCKETS.by_account.keys(tx, account)) >= MAX_BUCKETS:
        raise errors.TooManyBuckets()
    bucket = Bucket(name, tx.next_sequence(), account, region, tx.now_ms, ownership=ownership)
    BUCKETS.put(tx, bucket)
    bucket = configure(tx, bucket, "public-access-block", BLOCKED)
    if has_object_lock:
        bucket = msgspec.structs.replace(bucket, versioning="Enabled")
        bucket = configure(tx, bucket, OBJECT_LOCK, {"ObjectLockEnabled": "Enabled"})
    return configure_acl(tx, bucket, grants) if grants else bucket


def delete_bucket(tx: Transaction, name: str) -> None:
    """Raises BucketNotEmpty while there is an object, a version, a delete marker. Uploads in progress go with it."""
    bucket = require_bucket(tx, name)
    if VERSIONS.first(tx, bucket.id) is not None:
        raise errors.BucketNotEmpty(
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket.", BucketName=name
        )
    if OBJECTS.first(tx, bucket.id) is not None:
        raise errors.BucketNotEmpty(BucketName=name)
    for upload in list(UPLOADS.scan(tx, bucket.id)):
        drop_upload(tx, upload)
    CONFIGURATIONS.delete_all(tx, bucket.id)
    BUCKETS.delete(tx, name)
    tx.cancel_wake("s3.lifecycle", name)


def drop_upload(tx: Transaction, upload: Upload) -> None:
    """Here, and not with the other uploads' transitions, for a bucket takes its own with it."""
    for part in PARTS.scan(tx, upload.parts_id):
        blobs.drop_reference(tx, part.body)
        PARTS.delete(tx, part.upload, part.number)
    UPLOADS.delete(tx, upload.bucket_id, upload.key, upload.id)


def list_buckets(tx: Transaction, account: str, *, prefix: str, after: str, limit: int) -> tuple[list[Bucket], bool]:
    """Buckets of the account by name, and whether there are more."""
    found: list[Bucket] = []
    start = {"after": after} if after else {"start": prefix} if prefix else {}
    for bucket in BUCKETS.by_account.scan(tx, account, **start):
        if not bucket.name.startswith(prefix):
            break
        if len(found) == limit:
            return found, True
        found.append(bucket)
    return found, False


# Configurations


def configuration(tx: Transaction, bucket: Bucket, name: str) -> Any:
    """The value, or None."""
    if name not in bucket.configured:
        return None
    return CONFIGURATIONS.get(tx, bucket.id, name).value


def configuration_of(tx: Transaction, bucket_name: str, name: str) -> Any:
    return configuration(tx, require_bucket(tx, bucket_name), name)


def configure(tx: Transaction, bucket: Bucket, name: str, value: Any) -> Bucket:
    """Set one of the bucket's configurations; None removes it."""
    if value is None:
        if name not in bucket.configured:
            return bucket
        CONFIGURATIONS.delete(tx, bucket.id, name)
        names = tuple(other for other in bucket.configured if other != name)
    else:
        CONFIGURATIONS.put(tx, Configuration(bucket.id, name, value))
        names = bucket.configured if name in bucket.configured else (*bucket.configured, name)
    if names != bucket.configured:
        bucket = msgspec.structs.replace(bucket, configured=names)
        BUCKETS.put(tx, bucket)
    return bucket


def set_configuration(tx: Transaction, bucket_name: str, name: str, value: Any) -> None:
    configure(tx, require_bucket(tx, bucket_name), name, value)


def set_versioning(tx: Transaction, bucket_name: str, status: str) -> None:
    bucket = require_bucket(tx, bucket_name)
    if OBJECT_LOCK in bucket.configured and status != "Enabled":
        raise errors.InvalidBucketState(
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        )
    BUCKETS.put(tx, msgspec.structs.replace(bucket, versioning=status))


def set_ownership(tx: Transaction, bucket_name: str, ownership: str) -> None:
    """ "" removes the controls: then the object's writer owns it. User guide, "Controlling ownership of objects"."""
    bucket = require_bucket(tx, bucket_name)
    if ownership == "BucketOwnerEnforced" and any(True for _ in foreign_grants(tx, bucket)):
        raise errors.InvalidBucketAclWithObjectOwnership()
    BUCKETS.put(tx, msgspec.structs.replace(bucket, ownership=ownership))


def configure_acl(tx: Transaction, bucket: Bucket, grants: tuple[Grant, ...]) -> Bucket:
    """Without grants it is the owner's alone."""
    return configure(tx, bucket, "acl", [list(msgspec.structs.astuple(grant)) for grant in grants] or None)


def bucket_grants(tx: Transaction, bucket: Bucket) -> tuple[Grant, ...]:
    return tuple(Grant(*row) for row in configuration(tx, bucket, "acl") or ())


def foreign_grants(tx: Transaction, bucket: Bucket) -> list[Grant]:
    """Those to others than the owner."""
    own = canonical_user_id(bucket.account)
    return [grant for grant in bucket_grants(tx, bucket) if grant.who != own]
