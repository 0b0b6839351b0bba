"""Multipart uploads: begun, filled part by part in any order, made an object or given up.

Source: user guide, "Uploading and copying objects using multipart upload", "Amazon S3 multipart upload limits".
"""

from itertools import pairwise
from typing import NamedTuple

from pileus.kernel.ids import ALPHANUMERIC
from pileus.services.s3 import checksums, errors
from pileus.services.s3.conditions import WriteConditions
from pileus.services.s3.state import objects
from pileus.services.s3.state.buckets import drop_upload, require_bucket
from pileus.services.s3.state.records import (
    COMPLETED,
    LAYOUTS,
    MIN_PART_BYTES,
    PARTS,
    UPLOADS,
    Bucket,
    Cause,
    Completed,
    Layout,
    Part,
    PartOf,
    Upload,
    Version,
)
from pileus.store import blobs
from pileus.store.transaction import Transaction

COMPLETED_KEPT_MS = 3_600_000
"""Long enough for any SDK's retries; AWS names no figure."""


class Named(NamedTuple):
    """A part as CompleteMultipartUpload names it. checksum: "" if it states none."""

    number: int
    etag: str
    checksum: str = ""


def begin(
    tx: Transaction, bucket_name: str, draft: Version, *, initiator_arn: str, algorithm: str, checksum_type: str
) -> Upload:
    bucket = require_bucket(tx, bucket_name)
    number = tx.next_sequence()
    upload = Upload(
        bucket.id,
        draft.key,
        # Ascending within a key: listings show uploads in the order of their beginning.
        f"{number:016x}{tx.ids.token(48, ALPHANUMERIC)}",
        number,
        tx.now_ms,
        initiator_arn,
        objects.replace(draft, bucket_id=bucket.id),
        algorithm,
        checksum_type,
    )
    UPLOADS.insert(tx, upload)
    return upload


def find_upload(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> Upload | None:
    return UPLOADS.get(tx, bucket.id, key, upload_id)


def require_upload(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> Upload:
    upload = find_upload(tx, bucket, key, upload_id)
    if upload is None:
        raise errors.NoSuchUpload(UploadId=upload_id)
    return upload


def put_part(tx: Transaction, bucket: Bucket, key: str, upload_id: str, part: Part, blob: blobs.Blob) -> Part:
    """A part of the same number takes its predecessor's place."""
    upload = require_upload(tx, bucket, key, upload_id)
    return _placed(tx, upload, objects.replace(part, body=blobs.adopt(tx, blob)))


def put_part_copy(
    tx: Transaction,
    bucket: Bucket,
    key: str,
    upload_id: str,
    part: Part,
    blob_id: str,
    source: tuple[Bucket, Version],
    offset: int,
) -> Part:
    """A stretch of another object as a part, without copying its bytes."""
    upload = require_upload(tx, bucket, key, upload_id)
    source_bucket, version = source
    if objects.find(tx, source_bucket, version.key, version.version_id) is None:
        raise errors.NoSuchKey(Key=version.key)
    blobs.compose(tx, blob_id, [blobs.Slice(version.body, offset, part.size)])
    return _placed(tx, upload, objects.replace(part, body=blob_id))


def _placed(tx: Transaction, upload: Upload, part: Part) -> Part:
    part = objects.replace(part, upload=upload.parts_id, modified_at_ms=tx.now_ms)
    earlier = PARTS.get(tx, upload.parts_id, part.number)
    if earlier is not None:
        blobs.drop_reference(tx, earlier.body)
    PARTS.put(tx, part)
    return part


def list_parts(tx: Transaction, upload: Upload, *, after: int, limit: int) -> tuple[list[Part], bool]:
    found: list[Part] = []
    if limit == 0:
        return found, False
    for part in PARTS.scan(tx, upload.parts_id, after=after):
        if len(found) == limit:
            return found, True
        found.append(part)
    return found, False


def abort_named(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> None:
    drop_upload(tx, require_upload(tx, bucket, key, upload_id))


def complete(
    tx: Transaction,
    bucket: Bucket,
    key: str,
    upload_id: str,
    named: list[Named],
    blob_id: str,
    *,
    stated_size: int | None,
    stated_checksum: str | None,
    conditions: WriteConditions | None,
    cause: Cause,
) -> Version:
    """Make the parts one object, in their order; the others go.

    errors  EntityTooSmall, InvalidPart, InvalidPartOrder, NoSuchUpload, BadDigest
    """
    upload = require_upload(tx, bucket, key, upload_id)
    chosen = _chosen(tx, upload, named)
    size = sum(part.size for part in chosen)
    if stated_size is not None and stated_size != size:
        raise errors.InvalidRequest(
            f"The provided 'x-amz-mp-object-size' header value {stated_size} does not match what was computed: {size}"
        )
    sums = _sums(upload, chosen)
    if (
        stated_checksum is not None
        and stated_checksum.partition("-")[0] != sums.get(upload.checksum_algorithm, "").partition("-")[0]
    ):
        raise errors.BadDigest(f"The {upload.checksum_algorithm} you specified did not match the calculated checksum.")
    draft = objects.replace(
        upload.draft,
        size=size,
        etag=checksums.etag_of_parts([part.etag for part in chosen]),
        parts=len(chosen),
        checksums=sums,
        checksum_type=upload.checksum_type,
    )

    def keep(tx: Transaction) -> str:
        blobs.compose(tx, blob_id, [blobs.Slice(part.body) for part in chosen])
        shows_sums = upload.checksum_type == checksums.COMPOSITE
        parts = tuple(PartOf(part.number, part.size, part.checksum if shows_sums else "") for part in chosen)
        LAYOUTS.insert(tx, Layout(blob_id, parts))
        return blob_id

    version = objects.put(tx, bucket.name, draft, keep, conditions=conditions, cause=cause)
    COMPLETED.insert(tx, Completed(bucket.id, key, upload.id, version))
    tx.wake_at(tx.now_ms + COMPLETED_KEPT_MS, "s3.forget-upload", f"{bucket.id}/{upload.id}/{key}")
    drop_upload(tx, upload)  # the object's blob has references of its own to what it needs
    return version


def completed(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> Version | None:
    """What became of an upload a short while ago. Completing it again then changes nothing."""
    done = COMPLETED.get(tx, bucket.id, key, upload_id)
    return None if done is None else done.version


def forget_completed(tx: Transaction, timer_key: str) -> None:
    bucket_id, upload_id, key = timer_key.split("/", 2)
    COMPLETED.delete(tx, int(bucket_id), key, upload_id)


def _chosen(tx: Transaction, upload: Upload, named: list[Named]) -> list[Part]:
    numbers = [one.number for one in named]
    if any(a >= b for a, b in pairwise(numbers)):
        raise errors.InvalidPartOrder(UploadId=upload.id)
    chosen = []
    for one in named:
        part = PARTS.get(tx, upload.parts_id, one.number)
        if part is None or part.etag != one.etag or (one.checksum and one.checksum != part.checksum):
            raise errors.InvalidPart(UploadId=upload.id, PartNumber=one.number, ETag=one.etag)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < MIN_PART_BYTES:
            raise errors.EntityTooSmall(
                ProposedSize=part.size, MinSizeAllowed=MIN_PART_BYTES, PartNumber=part.number, ETag=part.etag
            )
    return chosen


def _sums(upload: Upload, chosen: list[Part]) -> dict[str, str]:
    algorithm = upload.checksum_algorithm
    if not algorithm or any(part.algorithm != algorithm for part in chosen):
        return {}
    if upload.checksum_type == checksums.COMPOSITE:
        return {algorithm: checksums.composite(algorithm, [part.checksum for part in chosen])}
    return {algorithm: checksums.joined(algorithm, [(part.checksum, part.size) for part in chosen])}
