"""Copies: CopyObject, and the source of UploadPartCopy. No byte is copied: a blob gets one more reference.

Source: S3 API reference, CopyObject, UploadPartCopy; user guide, "Copying, moving, and renaming objects".
"""

import asyncio
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import answers, asked, checksums, errors
from pileus.services.s3.checksums import FULL_OBJECT
from pileus.services.s3.conditions import read_conditions, write_conditions
from pileus.services.s3.operations.objects import object_grants
from pileus.services.s3.state import buckets, objects
from pileus.services.s3.state.records import MAX_PUT_BYTES, Bucket, Version
from pileus.store import blobs
from pileus.store.blobs import INLINE_MAX_BYTES
from pileus.store.digests import new_digest
from pileus.store.transaction import Transaction


class Source(NamedTuple):
    bucket: str
    key: str
    version_id: str | None


def source_of(header: str) -> Source:
    """x-amz-copy-source: "bucket/key" or "/bucket/key", percent-encoded, with "?versionId=" after it."""
    path, _, query = header.partition("?")
    version_id = parse_qs(query, keep_blank_values=True).get("versionId", [None])[0] if query else None
    path = unquote(path)
    if path.startswith("arn:"):
        raise NotImplementedByUs("s3 copies from access points")
    name, slash, key = path.removeprefix("/").partition("/")
    if not slash or not name or not key:
        raise errors.InvalidArgument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName="x-amz-copy-source",
            ArgumentValue=header,
        )
    return Source(name, key, version_id)


async def find_source(call: Call, request: dict) -> tuple[Bucket, Version]:
    """The version to copy, if it meets the x-amz-copy-source-if-… conditions."""
    source = source_of(request["CopySource"])
    bucket = await call.read(buckets.require_bucket, source.bucket)
    asked.require_owner(bucket, request.get("ExpectedSourceBucketOwner"))
    try:
        version = await call.read(asked.find_version, bucket, source.key, source.version_id)
    except errors.MethodNotAllowed:
        raise errors.InvalidRequest(
            "The source of a copy request may not specifically refer to a delete marker by version id."
        ) from None
    conditions = read_conditions(request, "CopySource")
    if conditions is not None:
        conditions.check(version, is_copy=True)
    if version.storage_class in asked.ARCHIVED:
        raise errors.InvalidObjectState(
            "Operation is not valid for the source object's storage class", StorageClass=version.storage_class
        )
    return bucket, version


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
        grants=await object_grants(call, bucket, request, described),
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
        raise NotImplementedByUs(f"s3 checksums of {wanted}")
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


async def digests_of(call: Call, body: str, stretch: answers.Range, names: list[str]) -> dict[str, bytes]:
    """Digests of a stretch of a blob, read in threads."""
    running = {name: new_digest(name) for name in names}
    parts = await call.read(_parts_of, call.cloud.blobs, body, stretch)
    async for data in call.cloud.blobs.stream(parts):
        if len(data) > INLINE_MAX_BYTES:
            await asyncio.get_running_loop().run_in_executor(call.cloud.blobs.threads, _update, running, data)
        else:
            _update(running, data)
    return {name: digest.digest() for name, digest in running.items()}


def _parts_of(tx: Transaction, store: blobs.Blobs, body: str, stretch: answers.Range) -> list:
    return store.parts(tx, body, stretch.start, stretch.length) if stretch.length else []


def _update(running: dict, data: bytes) -> None:
    for digest in running.values():
        digest.update(data)


def _shared(tx: Transaction, bucket: Bucket, source: Version) -> str:
    """One more reference to the source's blob, if the source is still there."""
    if objects.find(tx, bucket, source.key, source.version_id) is None:
        raise errors.NoSuchKey(Key=source.key)
    blobs.add_reference(tx, source.body)
    return source.body
