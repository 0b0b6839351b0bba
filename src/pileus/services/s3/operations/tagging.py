"""Tags of buckets and of objects.

Source: S3 API reference, Put/Get/DeleteBucketTagging, Put/Get/DeleteObjectTagging; user guide, "Object tags".
"""

from pileus.kernel.call import Call
from pileus.kernel.tags import to_list
from pileus.services.s3 import answers, asked, errors
from pileus.services.s3.state import buckets, objects
from pileus.services.s3.state.records import MAX_BUCKET_TAGS, MAX_OBJECT_TAGS, Bucket, Cause, Version
from pileus.store.transaction import Transaction


async def put_bucket_tagging(call: Call, request: dict) -> dict:
    """Replace the bucket's tags. Those that AWS's services set (calls from inside the cloud) outlive a user's change."""
    bucket = await asked.bucket(call, request)
    tags = asked.tag_set(request["Tagging"], MAX_BUCKET_TAGS, is_system=not call.is_from_outside)
    await call.write(_set_bucket_tags, bucket.name, tags)
    return {}


def _set_bucket_tags(tx: Transaction, bucket_name: str, tags: dict[str, str]) -> None:
    bucket = buckets.require_bucket(tx, bucket_name)
    before = buckets.configuration(tx, bucket, "tagging") or {}
    kept = {key: value for key, value in before.items() if asked.is_system_tag(key)}
    buckets.configure(tx, bucket, "tagging", {**kept, **tags} or None)


async def get_bucket_tagging(call: Call, request: dict) -> dict:
    """errors   NoSuchTagSet"""
    bucket = await asked.bucket(call, request)
    tags = await call.read(buckets.configuration, bucket, "tagging")
    if tags is None:
        raise errors.NoSuchTagSet(BucketName=bucket.name)
    return {"TagSet": to_list(tags)}


async def delete_bucket_tagging(call: Call, request: dict) -> dict:
    """Remove the bucket's tags, but for those of AWS's services."""
    bucket = await asked.bucket(call, request)
    await call.write(_set_bucket_tags, bucket.name, {})
    return {}


async def put_object_tagging(call: Call, request: dict) -> dict:
    """Replace the tags of a version; the object's time stays."""
    tags = asked.tag_set(request["Tagging"], MAX_OBJECT_TAGS)
    return await _retag(call, request, tags, "ObjectTagging:Put")


async def get_object_tagging(call: Call, request: dict) -> dict:
    """The tags of a version."""
    bucket = await asked.bucket(call, request)
    version = await call.read(asked.find_version, bucket, request["Key"], request.get("VersionId"))
    return {"TagSet": to_list(version.tags), **answers.version_id(bucket, version)}


async def delete_object_tagging(call: Call, request: dict) -> dict:
    """Remove the tags of a version."""
    return await _retag(call, request, {}, "ObjectTagging:Delete")


async def _retag(call: Call, request: dict, tags: dict[str, str], action: str) -> dict:
    bucket = await asked.bucket(call, request)
    version = await call.write(
        _set_tags, bucket, request["Key"], request.get("VersionId"), tags, asked.cause(call, action)
    )
    return answers.version_id(bucket, version)


def _set_tags(
    tx: Transaction, bucket: Bucket, key: str, version_id: str | None, tags: dict[str, str], cause: Cause
) -> Version:
    version = asked.find_version(tx, bucket, key, version_id)
    return objects.change(tx, bucket.name, version, cause=cause, tags=tags)
