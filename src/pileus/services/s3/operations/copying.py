"""CopyObject. No byte is copied: a blob gets one more reference.

Source: S3 API reference, CopyObject; user guide, "Copying, moving, and renaming objects".
"""

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import answers, asked, checksums, errors
from pileus.services.s3.checksums import FULL_OBJECT
from pileus.services.s3.conditions import write_conditions
from pileus.services.s3.sources import digests_of, find_source, source_of
from pileus.services.s3.state import objects
from pileus.services.s3.state.records import MAX_PUT_BYTES, Bucket, Version
from pileus.store import blobs
from pileus.store.transaction import Transaction


async def copy_object(call: Call, request: dict) -> dict:
    """Make a new object of an existing version, with its metadata and tags or with others.

    errors   InvalidRequest: onto itself without a change; NoSuchKey; PreconditionFailed
    """
    source_bucket, source = await find_source(call, request)
    bucket = await asked.bucket(call, request)
    described = await asked.draft(call, bucket, request)
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
        **await _sums(call, request, source),
    )
    version = await call.write(
        objects.put,
        bucket.name,
        draft,
        lambda tx: _shared(tx, source_bucket, source),
        conditions=write_conditions(request),
        cause=asked.cause(call, "ObjectCreated:Copy"),
    )
    result = {
        "CopyObjectResult": {
            "ETag": f'"{version.etag}"',
            "LastModified": answers.moment(version.modified_at_ms),
            **answers.checksums_out(version),
        },
        "ServerSideEncryption": version.encryption,
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


async def _sums(call: Call, request: dict, source: Version) -> dict:
    """ETag and checksum of the copy. What was put whole keeps its own; for others the bytes are read once."""
    wanted = request.get("ChecksumAlgorithm")
    if wanted in checksums.NOT_YET:
        raise NotImplementedByUs(f"s3 with ChecksumAlgorithm {wanted}")
    algorithm = wanted or next(iter(source.checksums), "CRC64NVME")
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
