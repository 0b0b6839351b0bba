"""Objects: put, get, look at, delete.

Source: S3 API reference, the operations' pages; user guide, "Working with objects".
"""

import asyncio

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.protocol.scalars import whole_second_http_date
from pileus.services.s3 import answers, asked, authorize, customer_keys, errors, reading
from pileus.services.s3.bodies import taken
from pileus.services.s3.checksums import FULL_OBJECT
from pileus.services.s3.conditions import read_conditions, write_conditions
from pileus.services.s3.customer_keys import CustomerKey
from pileus.services.s3.state import buckets, objects
from pileus.services.s3.state.records import LAYOUTS, MAX_DELETES, Bucket, Cause, Layout, Version
from pileus.store import blobs
from pileus.store.transaction import Transaction

DELETES_AT_ONCE = 50

_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}


async def put_object(call: Call, request: dict) -> dict:
    """Store a body under a key, whole or not at all.

    errors   BadDigest, EntityTooLarge, KeyTooLongError, MetadataTooLarge, NoSuchBucket, PreconditionFailed
    """
    bucket = await asked.bucket(call, request)
    key = await customer_keys.for_writing(call, bucket, request)
    draft = await asked.draft(call, bucket, request, key)
    grants = await asked.object_grants(call, bucket, request, draft)
    conditions = write_conditions(request)
    locks = await asked.is_locking(call, bucket, draft.lock)
    async with taken(call, request, locks=locks, key=key) as body:
        draft = objects.replace(
            draft,
            size=body.size,
            etag=body.etag,
            checksums={body.algorithm: body.checksum},
            checksum_type=FULL_OBJECT,
            grants=grants,
        )
        version = await call.write(
            objects.put,
            bucket.name,
            draft,
            lambda tx: blobs.adopt(tx, body.blob),
            conditions=conditions,
            cause=asked.cause(call, "ObjectCreated:Post" if asked.is_of_form(call) else "ObjectCreated:Put"),
        )
    return answers.stored(bucket, version, key)


async def get_object(call: Call, request: dict) -> dict:
    """Hand out a version, a range of it or one of its parts.

    returns  GetObjectOutput. With a ContentRange it is answered as 206.
    errors   InvalidObjectState, InvalidRange, NoSuchKey, NoSuchVersion, NotModified, PreconditionFailed; AccessDenied,
             InvalidRequest (the customer's key)
    """
    bucket, version, layout, key = await _look(call, request)
    if version.storage_class in asked.ARCHIVED:
        raise errors.InvalidObjectState(StorageClass=version.storage_class)
    result = _headers(call, bucket, version, request, key)
    wanted = _wanted(request, version, layout, result)
    result |= await _lock(call, bucket, version)
    result["Body"] = await reading.body_of(call, version, wanted, key)
    return result


async def head_object(call: Call, request: dict) -> dict:
    """What GetObject would answer, without the body."""
    bucket, version, layout, key = await _look(call, request)
    result = _headers(call, bucket, version, request, key)
    _wanted(request, version, layout, result)
    return result | await _lock(call, bucket, version)


async def _lock(call: Call, bucket: Bucket, version: Version) -> dict:
    if version.lock is None:
        return {}
    return answers.lock(version, **await authorize.knowledge_of_lock(call, bucket, version))


async def _look(call: Call, request: dict) -> tuple[Bucket, Version, Layout | None, CustomerKey | None]:
    asked.refuse_unhonoured(call, request)
    if call.http is not None and "x-amz-server-side-encryption" in call.http.headers:
        raise errors.InvalidArgument(
            "x-amz-server-side-encryption header is not supported for this operation.",
            ArgumentName="x-amz-server-side-encryption",
            ArgumentValue=call.http.headers["x-amz-server-side-encryption"],
        )
    asked.require_readable_path(call, request)
    bucket, version, layout = await call.read(_find, call, request)
    key = customer_keys.for_reading(call, request, version)
    conditions = read_conditions(request)
    if conditions is not None:
        conditions.check(version)
    return bucket, version, layout, key


def _find(tx: Transaction, call: Call, request: dict) -> tuple[Bucket, Version, Layout | None]:
    bucket = asked.bucket_in(tx, call, request)
    version = asked.find_version(tx, bucket, request["Key"], request.get("VersionId"))
    return bucket, version, _layout(tx, version.body) if version.parts and "PartNumber" in request else None


def _layout(tx: Transaction, body: str) -> Layout | None:
    return LAYOUTS.get(tx, body)


def _headers(call: Call, bucket: Bucket, version: Version, request: dict, key: CustomerKey | None) -> dict:
    result = answers.described(bucket, version, key)
    for parameter in _OVERRIDES.keys() & request.keys():
        if request[parameter] is not None:
            member = _OVERRIDES[parameter]
            if call.principal.kind == "anonymous":
                raise errors.InvalidRequest(
                    "Request specific response headers cannot be used for anonymous GET requests."
                )
            value = request[parameter]
            result[member] = value if isinstance(value, str) else whole_second_http_date(value)
    return result


def _wanted(request: dict, version: Version, layout: Layout | None, result: dict) -> answers.Range:
    """The stretch that Range or partNumber asks for; puts the headers that say so into `result`."""
    number = request.get("PartNumber")
    if number is not None and request.get("Range"):
        raise errors.InvalidRequest("Cannot specify both Range header and partNumber query parameter")
    if number is not None:
        wanted = _part(number, version, layout)
        if layout is not None:
            result["PartsCount"] = version.parts
        if request.get("ChecksumMode") == "ENABLED":
            result |= _part_checksum(number, version, layout)
    else:
        wanted = answers.range_of(request.get("Range"), version.size)
    if wanted is None:
        if request.get("ChecksumMode") == "ENABLED":
            result |= answers.checksums_out(version)
        return answers.Range(0, version.size)
    result["ContentLength"] = wanted.length
    if wanted.length:
        result["ContentRange"] = wanted.content_range(version.size)
    return wanted


def _part_checksum(number: int, version: Version, layout: Layout | None) -> dict:
    """That of the part where the parts have one; an object that was put whole is its own only part."""
    if layout is None:
        return answers.checksums_out(version)
    checksum = layout.parts[number - 1].checksum
    out = {answers.MEMBERS[algorithm]: checksum for algorithm in version.checksums if checksum}
    return out | {"ChecksumType": version.checksum_type}


def _part(number: int, version: Version, layout: Layout | None) -> answers.Range:
    if layout is None:
        if number != 1:
            raise errors.InvalidPartNumber(PartNumberRequested=number, ActualPartCount=1)
        return answers.Range(0, version.size)
    start = 0
    for part in layout.parts[: number - 1]:
        start += part.size
    if not 1 <= number <= len(layout.parts):
        raise errors.InvalidPartNumber(PartNumberRequested=number, ActualPartCount=len(layout.parts))
    return answers.Range(start, layout.parts[number - 1].size)


async def get_object_attributes(call: Call, request: dict) -> dict:
    """Of a version: what of ETag, Checksum, ObjectParts, StorageClass, ObjectSize is asked for.

    errors   NoSuchKey, NoSuchVersion, MethodNotAllowed; AccessDenied, InvalidRequest (the customer's key)
    """
    asked.refuse_unhonoured(call, request)
    bucket = await asked.bucket(call, request)
    version = await call.read(asked.find_version, bucket, request["Key"], request.get("VersionId"))
    customer_keys.for_reading(call, request, version)
    wanted = {name.strip() for item in request["ObjectAttributes"] for name in item.split(",")}
    unknown = wanted - {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}
    if unknown:
        raise errors.InvalidArgument("Invalid attribute name specified.", ArgumentName="x-amz-object-attributes")
    result = {"LastModified": answers.moment(version.modified_at_ms), **answers.version_id(bucket, version)}
    if "ETag" in wanted:
        result["ETag"] = version.etag
    if "StorageClass" in wanted:
        result["StorageClass"] = version.storage_class
    if "ObjectSize" in wanted:
        result["ObjectSize"] = version.size
    if "Checksum" in wanted and version.checksums:
        result["Checksum"] = answers.checksums_out(version)
    if "ObjectParts" in wanted and version.parts:
        layout = await call.read(_layout, version.body)
        result["ObjectParts"] = _parts_out(request, version, layout)
    return result


def _parts_out(request: dict, version: Version, layout: Layout) -> dict:
    after = int(request.get("PartNumberMarker") or 0)
    limit = min(request.get("MaxParts", 1000), 1000)
    left = [part for part in layout.parts if part.number > after]
    shown = left[:limit]
    algorithm = next(iter(version.checksums), "")
    out = {
        "TotalPartsCount": len(layout.parts),
        "PartNumberMarker": after,
        "MaxParts": limit,
        "IsTruncated": len(left) > len(shown),
        "NextPartNumberMarker": shown[-1].number if shown else 0,
    }
    if any(part.checksum for part in shown):
        # Without a checksum of each part S3 gives their count alone.
        out["Parts"] = [
            {"PartNumber": part.number, "Size": part.size, answers.MEMBERS[algorithm]: part.checksum} for part in shown
        ]
    return out


async def delete_object(call: Call, request: dict) -> dict:
    """Delete a key (a delete marker, where versions are kept), or one version for good. Nothing there is no error.

    errors   AccessDenied (the version is locked), NoSuchBucket, PreconditionFailed
    """
    bucket = await asked.bucket(call, request)
    asked.require_key(request["Key"])
    conditions = write_conditions(request)
    cause = asked.cause(call, "ObjectRemoved")
    version_id = request.get("VersionId")
    if version_id is None:
        marker = await call.write(objects.delete, bucket.name, request["Key"], conditions=conditions, cause=cause)
        return {} if marker is None else {"DeleteMarker": True, "VersionId": marker.version_id}
    asked.require_version_id(version_id)
    removed = await call.write(
        objects.delete_version,
        bucket.name,
        request["Key"],
        version_id,
        conditions=conditions,
        cause=cause,
        bypasses=bool(request.get("BypassGovernanceRetention")),
    )
    if removed is None:
        return {"VersionId": version_id}
    return {"VersionId": version_id} | ({"DeleteMarker": True} if removed.is_delete_marker else {})


async def delete_objects(call: Call, request: dict) -> dict:
    """Delete up to a thousand keys or versions, each by itself. Quiet answers name the failures alone.

    errors   MalformedXML: too many
    """
    bucket = await asked.bucket(call, request)
    wanted = request["Delete"]
    if not 1 <= len(wanted["Objects"]) <= MAX_DELETES:
        raise errors.MalformedXML()
    bypasses = bool(request.get("BypassGovernanceRetention"))
    if await call.read(_may_all, call, bucket):
        cause = asked.cause(call, "ObjectRemoved")
        outcomes = await call.write(_delete_each, bucket.name, wanted["Objects"], cause, bypasses)
    else:
        outcomes = await _delete_as_allowed(call, bucket, wanted["Objects"], bypasses)
    result: dict = {}
    deleted = [outcome for outcome in outcomes if "Code" not in outcome]
    failed = [outcome for outcome in outcomes if "Code" in outcome]
    if deleted and not wanted.get("Quiet"):
        result["Deleted"] = deleted
    if failed:
        result["Errors"] = failed
    return result


def _may_all(tx: Transaction, call: Call, bucket: Bucket) -> bool:
    """The owner's root, and no policy that could say no."""
    is_root = call.principal.kind == "root" and call.principal.account == bucket.account
    return is_root and buckets.configuration(tx, bucket, "policy") is None


async def _delete_as_allowed(call: Call, bucket: Bucket, targets: list[dict], bypasses: bool) -> list[dict]:
    """Each as a DeleteObject of its own, authorized as such: some may be denied."""
    outcomes: list[dict] = []
    for at in range(0, len(targets), DELETES_AT_ONCE):
        some = targets[at : at + DELETES_AT_ONCE]
        outcomes += await asyncio.gather(*(_delete_one(call, bucket, target, bypasses) for target in some))
    return outcomes


async def _delete_one(call: Call, bucket: Bucket, target: dict, bypasses: bool) -> dict:
    named = _named(target)
    conditions = {
        "IfMatch": target.get("ETag"),
        "IfMatchSize": target.get("Size"),
        "IfMatchLastModifiedTime": target.get("LastModifiedTime"),
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    if bypasses:
        given["BypassGovernanceRetention"] = True
    try:
        removed = await call.invoke("s3", "DeleteObject", {"Bucket": bucket.name, **named, **given})
    except AwsError as error:
        if error.is_fault:
            raise
        return {**named, "Code": error.code, "Message": error.message}
    if removed.get("DeleteMarker"):
        named |= {"DeleteMarker": True, "DeleteMarkerVersionId": removed["VersionId"]}
    return named


def _named(target: dict) -> dict:
    return {name: target[name] for name in ("Key", "VersionId") if target.get(name)}


def _delete_each(tx: Transaction, bucket_name: str, targets: list[dict], cause: Cause, bypasses: bool) -> list[dict]:
    """In one transaction: a thousand deletions are one commit."""
    outcomes = []
    for target in targets:
        key, version_id = target["Key"], target.get("VersionId")
        named = _named(target)
        try:
            conditions = write_conditions(
                {
                    "IfMatch": target.get("ETag"),
                    "IfMatchSize": target.get("Size"),
                    "IfMatchLastModifiedTime": target.get("LastModifiedTime"),
                }
            )
            asked.require_key(key)
            if version_id:
                asked.require_version_id(version_id)
                removed = objects.delete_version(
                    tx, bucket_name, key, version_id, conditions=conditions, cause=cause, bypasses=bypasses
                )
                if removed is not None and removed.is_delete_marker:
                    named |= {"DeleteMarker": True, "DeleteMarkerVersionId": version_id}
            else:
                marker = objects.delete(tx, bucket_name, key, conditions=conditions, cause=cause)
                if marker is not None:
                    named |= {"DeleteMarker": True, "DeleteMarkerVersionId": marker.version_id}
            outcomes.append(named)
        except errors.S3Error as error:
            if isinstance(error, errors.NoSuchBucket):
                raise
            outcomes.append({**named, "Code": error.code, "Message": error.message})
    return outcomes
