"""The source of a copy: which version it is, whether it may be copied, and digests of a stretch of it.

Source: S3 API reference, CopyObject, UploadPartCopy.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import answers, asked, checksums, customer_keys, errors, reading
from pileus.services.s3.bodies import Taken, random_etag, writer_for
from pileus.services.s3.conditions import read_conditions
from pileus.services.s3.customer_keys import CustomerKey
from pileus.services.s3.state import buckets
from pileus.services.s3.state.records import Bucket, Version
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


async def find_source(call: Call, request: dict) -> tuple[Bucket, Version, CustomerKey | None]:
    """The version to copy, if it meets the x-amz-copy-source-if-… conditions, and the key that opens it."""
    source = source_of(request["CopySource"])
    bucket = await call.read(buckets.require_bucket, source.bucket)
    asked.require_owner(bucket, request.get("ExpectedSourceBucketOwner"))
    try:
        version = await call.read(asked.find_version, bucket, source.key, source.version_id)
    except errors.MethodNotAllowed:
        raise errors.InvalidRequest(
            "The source of a copy request may not specifically refer to a delete marker by version id."
        ) from None
    key = customer_keys.for_reading(call, request, version, "CopySource")
    conditions = read_conditions(request, "CopySource")
    if conditions is not None:
        conditions.check(version, is_copy=True)
    if version.storage_class in asked.ARCHIVED:
        raise errors.InvalidObjectState(
            "Operation is not valid for the source object's storage class", StorageClass=version.storage_class
        )
    return bucket, version, key


@asynccontextmanager
async def rewritten(
    call: Call,
    source: Version,
    stretch: answers.Range,
    source_key: CustomerKey | None,
    key: CustomerKey | None,
    algorithm: str,
) -> AsyncIterator[Taken]:
    """A stretch of the source as a body of its own: opened with one key, sealed with the other; either may be none."""
    async with AsyncExitStack() as stack:
        writer = await writer_for(stack, call, {"md5", algorithm.lower()}, key)
        async for data in await reading.stream(call, source, stretch, source_key):
            await writer.write(data)
        blob = await writer.finish()
        md5, checksum = blob.digests["md5"].hex(), checksums.text(blob.digests[algorithm.lower()])
        yield Taken(blob, stretch.length, md5, algorithm, checksum, md5 if key is None else random_etag(call))


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
