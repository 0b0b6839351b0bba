"""CopyObject. No byte is copied, a blob gets one more reference; unless a customer's key opens or seals it.

Source: S3 API reference, CopyObject; user guide, "Copying, moving, and renaming objects".
"""

from functools import partial

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import answers, asked, checksums, customer_keys, errors
from pileus.services.s3.checksums import FULL_OBJECT
from pileus.services.s3.conditions import write_conditions
from pileus.services.s3.sources import digests_of, find_source, rewritten, source_of
from pileus.services.s3.state import objects
from pileus.services.s3.state.records import MAX_PUT_BYTES, Bucket, Version
from pileus.store import blobs
from pileus.store.transaction import Transaction


async def copy_object(call: Call, request: dict) -> dict:
    """Make a new object of an existing version, with its metadata and tags or with others.

    errors   InvalidRequest: onto itself without a change; NoSuchKey; PreconditionFailed
    """
    source_bucket, source, source_key = await find_source(call, request)
    bucket = await asked.bucket(call, request)
    key = await customer_keys.for_writing(call, bucket, request)
    described = await asked.draft(call, bucket, request, key)
    if source.size > MAX_PUT_BYTES:
        raise errors.InvalidRequest(
            f"The specified copy source is larger than the maximum allowable size for a copy source: {MAX_PUT_BYTES}"
        )
    takes_metadata = request.get("MetadataDirective", "COPY") == "COPY"
    _require_change(request, bucket, source_bucket, source, described, takes_metadata)
    draft = objects.replace(
        described,
        size=source.size,
        headers=_inherited_headers(source, described) if takes_metadata else described.headers,
        metadata=source.metadata if takes_metadata else described.metadata,
        tags=source.tags if request.get("TaggingDirective", "COPY") == "COPY" else described.tags,
        grants=await asked.object_grants(call, bucket, request, described),
    )
    conditions, cause = write_conditions(request), asked.cause(call, "ObjectCreated:Copy")
    algorithm = _algorithm(request, source)
    if source_key is None and key is None:
        draft = objects.replace(draft, **await _sums(call, source, algorithm))
        keep = partial(_shared, bucket=source_bucket, source=source)
        version = await call.write(objects.put, bucket.name, draft, keep, conditions=conditions, cause=cause)
    else:
        async with rewritten(call, source, answers.Range(0, source.size), source_key, key, algorithm) as body:
            sums = {"etag": body.etag, "checksums": {algorithm: body.checksum}, "checksum_type": FULL_OBJECT}
            draft = objects.replace(draft, **sums)
            keep = partial(blobs.adopt, blob=body.blob)
            version = await call.write(objects.put, bucket.name, draft, keep, conditions=conditions, cause=cause)
    result = {
        "CopyObjectResult": {
            "ETag": f'"{version.etag}"',
            "LastModified": answers.moment(version.modified_at_ms),
            **answers.checksums_out(version),
        },
        **answers.encryption(version, key),
        **answers.new_version_id(bucket, version),
    }
    if source_bucket.versioning:
        result["CopySourceVersionId"] = source.version_id
    return result


def _require_change(
    request: dict, bucket: Bucket, source_bucket: Bucket, source: Version, draft: Version, takes_metadata: bool
) -> None:
    is_itself = bucket.id == source_bucket.id and source.key == draft.key
    names_version = source_of(request["CopySource"]).version_id is not None
    changes = (
        request.get("StorageClass")
        or request.get("ServerSideEncryption")
        or draft.key_check is not None
        or source.key_check is not None
        or draft.headers.get("WebsiteRedirectLocation")
    )
    if is_itself and takes_metadata and not names_version and not changes:
        raise errors.InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )


def _inherited_headers(source: Version, described: Version) -> dict[str, str]:
    """All but the redirect, which belongs to a place and not to a content."""
    headers = {name: value for name, value in source.headers.items() if name != "WebsiteRedirectLocation"}
    redirect = described.headers.get("WebsiteRedirectLocation")
    return headers | ({"WebsiteRedirectLocation": redirect} if redirect else {})


def _algorithm(request: dict, source: Version) -> str:
    """Of the copy's checksum: that asked for, or the source's."""
    wanted = request.get("ChecksumAlgorithm")
    if wanted in checksums.NOT_YET:
        raise NotImplementedByUs(f"s3 with ChecksumAlgorithm {wanted}")
    return wanted or next(iter(source.checksums), "CRC64NVME")


async def _sums(call: Call, source: Version, algorithm: str) -> dict:
    """ETag and checksum of the copy. What was put whole keeps its own; for others the bytes are read once."""
    has_it = source.checksum_type == FULL_OBJECT and algorithm in source.checksums
    if not source.parts and has_it:
        return {
            "etag": source.etag,
            "checksums": {algorithm: source.checksums[algorithm]},
            "checksum_type": FULL_OBJECT,
        }
    digests = await digests_of(call, source.body, answers.Range(0, source.size), ["md5", algorithm.lower()])
    return {
        "etag": digests["md5"].hex(),
        "checksums": {algorithm: checksums.text(digests[algorithm.lower()])},
        "checksum_type": FULL_OBJECT,
    }


def _shared(tx: Transaction, bucket: Bucket, source: Version) -> str:
    """The source's blob for one more, if the source is still there."""
    if objects.find(tx, bucket, source.key, source.version_id) is None:
        raise errors.NoSuchKey(Key=source.key)
    return blobs.share(tx, source.body)
