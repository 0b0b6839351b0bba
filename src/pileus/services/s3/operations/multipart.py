"""Multipart uploads.

Source: S3 API reference, CreateMultipartUpload and its kin; user guide, "Uploading and copying objects using multipart
upload", "Checking object integrity for multipart uploads".
"""

import re
from urllib.parse import quote

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import answers, asked, checksums, customer_keys, errors
from pileus.services.s3.bodies import Taken, taken
from pileus.services.s3.checksums import COMPOSITE, CRCS, FULL_OBJECT, MEMBERS
from pileus.services.s3.conditions import write_conditions
from pileus.services.s3.operations.listing import encoder, max_of
from pileus.services.s3.sources import digests_of, find_source, rewritten
from pileus.services.s3.state import listing, objects, uploads
from pileus.services.s3.state.records import MAX_PARTS, MAX_PUT_BYTES, PAGE, Bucket, Part, Upload, Version
from pileus.services.s3.state.uploads import Named


async def create_multipart_upload(call: Call, request: dict) -> dict:
    """Begin an upload; what is said of the object here holds for what comes of it."""
    bucket = await asked.bucket(call, request)
    key = await customer_keys.for_writing(call, bucket, request)
    draft = await asked.draft(call, bucket, request, key)
    draft = objects.replace(draft, grants=await asked.object_grants(call, bucket, request, draft))
    algorithm, checksum_type = _checksum_asked(request)
    upload = await call.write(
        uploads.begin,
        bucket.name,
        draft,
        initiator_arn=str(call.principal),
        algorithm=algorithm or "CRC64NVME",
        checksum_type=checksum_type,
    )
    result = {
        "Bucket": bucket.name,
        "Key": request["Key"],
        "UploadId": upload.id,
        **answers.encryption(draft, key),
    }
    if algorithm:
        result |= {"ChecksumAlgorithm": algorithm, "ChecksumType": checksum_type}
    return result


def _checksum_asked(request: dict) -> tuple[str, str]:
    """(algorithm or "", type). Hashes can only be composite, CRC64NVME only of the full object."""
    algorithm, kind = request.get("ChecksumAlgorithm", ""), request.get("ChecksumType")
    if algorithm in checksums.NOT_YET:
        raise NotImplementedByUs(f"s3 with ChecksumAlgorithm {algorithm}")
    if kind and not algorithm:
        raise errors.InvalidRequest(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        )
    if not algorithm:
        return "", FULL_OBJECT
    if (kind == FULL_OBJECT and algorithm not in CRCS) or (kind == COMPOSITE and algorithm == "CRC64NVME"):
        raise errors.InvalidRequest(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
    return algorithm, kind or (FULL_OBJECT if algorithm == "CRC64NVME" else COMPOSITE)


async def upload_part(call: Call, request: dict) -> dict:
    """Take a part in.

    errors   NoSuchUpload, InvalidArgument (part number), BadDigest, EntityTooLarge
    """
    asked.refuse_unhonoured(call, request)
    bucket = await asked.bucket(call, request)
    number = _part_number(request)
    key, upload_id = request["Key"], request["UploadId"]
    upload = await call.read(uploads.require_upload, bucket, key, upload_id)
    customer_key = await customer_keys.for_part(call, bucket, request, upload)
    locks = await asked.is_locking(call, bucket, upload.draft.lock)
    async with taken(call, request, algorithm=upload.checksum_algorithm, locks=locks, key=customer_key) as body:
        _require_same_algorithm(upload, request, body.algorithm)
        part = await call.write(uploads.put_part, bucket, key, upload_id, _part_of(number, body), body.blob)
    result = {"ETag": f'"{part.etag}"', **answers.encryption(upload.draft, customer_key)}
    return result | {MEMBERS[part.algorithm]: part.checksum}


def _part_of(number: int, body: Taken) -> Part:
    return Part(0, number, body.size, body.etag, 0, "", body.algorithm, body.checksum)


def _part_number(request: dict) -> int:
    number = request["PartNumber"]
    if not 1 <= number <= MAX_PARTS:
        raise errors.InvalidArgument(
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=str(number),
        )
    return number


def _require_same_algorithm(upload: Upload, request: dict, algorithm: str) -> None:
    """The parts of a composite checksum are all summed as the upload said."""
    if upload.checksum_algorithm == algorithm or upload.checksum_type != COMPOSITE:
        return
    raise errors.InvalidRequest(
        f"Checksum Type mismatch occurred, expected checksum Type: {upload.checksum_algorithm.lower()}, actual "
        f"checksum Type: {algorithm.lower()}"
    )


async def upload_part_copy(call: Call, request: dict) -> dict:
    """Take a part from an object that is there, or a range of it.

    errors   InvalidArgument (range), InvalidRange, NoSuchKey, NoSuchUpload, PreconditionFailed
    """
    asked.refuse_unhonoured(call, request)
    source_bucket, source, source_key = await find_source(call, request)
    bucket = await asked.bucket(call, request)
    number = _part_number(request)
    key, upload_id = request["Key"], request["UploadId"]
    upload = await call.read(uploads.require_upload, bucket, key, upload_id)
    customer_key = await customer_keys.for_part(call, bucket, request, upload)
    stretch = _copy_range(request.get("CopySourceRange"), source)
    algorithm = upload.checksum_algorithm
    if source_key is None and customer_key is None:
        digests = await digests_of(call, source.body, stretch, ["md5", algorithm.lower()])
        checksum = checksums.text(digests[algorithm.lower()])
        part = Part(0, number, stretch.length, digests["md5"].hex(), 0, "", algorithm, checksum)
        part = await call.write(
            uploads.put_part_copy,
            bucket,
            key,
            upload_id,
            part,
            call.cloud.blobs.new_id(),
            (source_bucket, source),
            stretch.start,
        )
    else:
        async with rewritten(call, source, stretch, source_key, customer_key, algorithm) as body:
            part = await call.write(uploads.put_part, bucket, key, upload_id, _part_of(number, body), body.blob)
    result = {
        "CopyPartResult": {
            "ETag": f'"{part.etag}"',
            "LastModified": answers.moment(part.modified_at_ms),
            MEMBERS[algorithm]: part.checksum,
        },
        **answers.encryption(upload.draft, customer_key),
    }
    if source_bucket.versioning:
        result["CopySourceVersionId"] = source.version_id
    return result


def _copy_range(header: str | None, source: Version) -> answers.Range:
    """Unlike a GET's, both ends must be there and within the source."""
    if header is None:
        if source.size > MAX_PUT_BYTES:
            raise errors.InvalidRequest(
                "The specified copy source is larger than the maximum allowable size for a copy source: "
                f"{MAX_PUT_BYTES}"
            )
        return answers.Range(0, source.size)
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", header)
    if found is None or int(found[1]) > int(found[2]):
        raise errors.InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    first, last = int(found[1]), int(found[2])
    if last >= source.size:
        raise errors.InvalidRange(
            f"Range specified is not valid for source object of size: {source.size}",
            RangeRequested=header,
            ActualObjectSize=source.size,
        )
    return answers.Range(first, last - first + 1)


async def complete_multipart_upload(call: Call, request: dict) -> dict:
    """Make one object of the parts named.

    errors   EntityTooSmall, InvalidPart, InvalidPartOrder, MalformedXML, NoSuchUpload, PreconditionFailed
    """
    asked.refuse_unhonoured(call, request)
    bucket = await asked.bucket(call, request)
    key, upload_id = request["Key"], request["UploadId"]
    done = await call.read(uploads.completed, bucket, key, upload_id)
    if done is not None:
        return _completed_out(call, bucket, done)
    upload = await call.read(uploads.require_upload, bucket, key, upload_id)
    parts = request.get("MultipartUpload", {}).get("Parts", ())
    for stating in (request, *parts):
        checksums.refuse_not_yet(stating)
    customer_keys.check_completion(call, request, upload, parts)
    named = [_named(upload, part) for part in parts]
    if not named:
        raise errors.MalformedXML()
    stated = request.get(MEMBERS[upload.checksum_algorithm])
    kind = request.get("ChecksumType")
    if kind is not None and kind != upload.checksum_type:
        raise errors.InvalidRequest(
            f"The upload was created using the {upload.checksum_type} checksum mode. The complete request must use the "
            "same checksum mode."
        )
    version = await call.write(
        uploads.complete,
        bucket,
        key,
        upload_id,
        named,
        call.cloud.blobs.new_id(),
        stated_size=request.get("MpuObjectSize"),
        stated_checksum=stated,
        conditions=write_conditions(request),
        cause=asked.cause(call, "ObjectCreated:CompleteMultipartUpload"),
    )
    return _completed_out(call, bucket, version)


def _completed_out(call: Call, bucket: Bucket, version: Version) -> dict:
    return {
        **answers.stored(bucket, version, None),  # the model has no members for a customer's key
        "Location": f"{call.endpoint}/{bucket.name}/{quote(version.key)}",
        "Bucket": bucket.name,
        "Key": version.key,
    }


def _named(upload: Upload, part: dict) -> Named:
    if "PartNumber" not in part or "ETag" not in part:
        raise errors.MalformedXML()
    checksum = part.get(MEMBERS[upload.checksum_algorithm], "")
    return Named(part["PartNumber"], part["ETag"].strip('"'), checksum)


async def abort_multipart_upload(call: Call, request: dict) -> dict:
    """Give the upload up; its parts go."""
    if "IfMatchInitiatedTime" in request:
        raise NotImplementedByUs("s3:AbortMultipartUpload with IfMatchInitiatedTime")  # directory buckets have it
    bucket = await asked.bucket(call, request)
    await call.write(uploads.abort_named, bucket, request["Key"], request["UploadId"])
    return {}


async def list_parts(call: Call, request: dict) -> dict:
    """The parts that are there, by number."""
    bucket = await asked.bucket(call, request)
    upload = await call.read(uploads.require_upload, bucket, request["Key"], request["UploadId"])
    after = int(request.get("PartNumberMarker") or 0)
    limit = min(max_of(request, "MaxParts", "max-parts"), PAGE)
    found, more = await call.read(uploads.list_parts, upload, after=after, limit=limit)
    shows_checksums = customer_keys.may_see_checksums(call, request, upload, found)
    result = {
        "Bucket": bucket.name,
        "Key": request["Key"],
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": found[-1].number if found else 0,
        "MaxParts": limit,
        "IsTruncated": more,
        "Initiator": answers.initiator(upload.initiator_arn),
        "Owner": answers.owner(upload.draft.owner),
        "StorageClass": upload.draft.storage_class,
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
    }
    if found:
        result["Parts"] = [
            {
                "PartNumber": part.number,
                "LastModified": answers.moment(part.modified_at_ms),
                "ETag": f'"{part.etag}"',
                "Size": part.size,
                **({MEMBERS[part.algorithm]: part.checksum} if shows_checksums else {}),
            }
            for part in found
        ]
    return result


async def list_multipart_uploads(call: Call, request: dict) -> dict:
    """The bucket's uploads in progress, by key and beginning."""
    bucket = await asked.bucket(call, request)
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    key_marker = request.get("KeyMarker", "")
    upload_marker = request.get("UploadIdMarker", "") if key_marker else ""
    limit = min(max_of(request, "MaxUploads", "max-uploads"), PAGE)
    page = await call.read(
        listing.list_uploads,
        bucket.id,
        prefix=prefix,
        delimiter=delimiter,
        key_marker=key_marker,
        upload_marker=upload_marker,
        limit=limit,
    )
    encode = encoder(request)
    result = {
        "Bucket": bucket.name,
        "KeyMarker": encode(key_marker),
        "UploadIdMarker": upload_marker,
        "Prefix": encode(prefix),
        "MaxUploads": limit,
        "IsTruncated": page.more,
    }
    if delimiter:
        result["Delimiter"] = encode(delimiter)
    if request.get("EncodingType"):
        result["EncodingType"] = request["EncodingType"]
    if isinstance(page.last, str):
        result |= {"NextKeyMarker": encode(page.last), "NextUploadIdMarker": ""}
    elif page.last is not None:
        result |= {"NextKeyMarker": encode(page.last.key), "NextUploadIdMarker": page.last.id}
    if page.rows:
        result["Uploads"] = [_upload_out(bucket, upload, encode) for upload in page.rows]
    if page.prefixes:
        result["CommonPrefixes"] = [{"Prefix": encode(common)} for common in page.prefixes]
    return result


def _upload_out(bucket: Bucket, upload: Upload, encode) -> dict:
    return {
        "Key": encode(upload.key),
        "UploadId": upload.id,
        "Initiated": answers.moment(upload.initiated_at_ms),
        "StorageClass": upload.draft.storage_class,
        "Owner": answers.owner(upload.draft.owner),
        "Initiator": answers.initiator(upload.initiator_arn),
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
    }
