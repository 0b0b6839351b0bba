"""Listings of objects and versions.

Source: S3 API reference, ListObjects, ListObjectsV2, ListObjectVersions.
"""

from urllib.parse import quote

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.services.s3 import answers, asked, errors
from pileus.services.s3.checksums import MEMBERS
from pileus.services.s3.state import listing
from pileus.services.s3.state.records import PAGE, Bucket, Version


async def list_objects(call: Call, request: dict) -> dict:
    """The older listing: pages go on from a key, the marker."""
    bucket, asked_for, page = await _objects(call, request, after=request.get("Marker", ""))
    encode = encoder(request)
    result = {
        "Name": bucket.name,
        "Prefix": asked_for["prefix"],
        "Marker": encode(request.get("Marker", "")),
        "MaxKeys": asked_for["max_keys"],
        "IsTruncated": page.more,
        **_contents(bucket, page, encode, with_owner=True),
        **_delimited(request, encode),
    }
    if page.more and asked_for["delimiter"]:
        # Without a delimiter S3 leaves it out: the last key is the next marker.
        result["NextMarker"] = encode(page.last if isinstance(page.last, str) else page.last.key)
    return result


async def list_objects_v2(call: Call, request: dict) -> dict:
    """Pages go on from an opaque token; the first may begin after a key.

    errors   InvalidArgument: the token is none of ours
    """
    after = request.get("StartAfter", "")
    token = request.get("ContinuationToken")
    if token is not None:
        try:
            after = token_in("ListObjectsV2", token)
        except InvalidToken:
            raise errors.InvalidArgument(
                "The continuation token provided is incorrect", ArgumentName="continuation-token"
            ) from None
    bucket, asked_for, page = await _objects(call, request, after=after)
    encode = encoder(request)
    result = {
        "Name": bucket.name,
        "Prefix": encode(asked_for["prefix"]),
        "MaxKeys": asked_for["max_keys"],
        "KeyCount": len(page.rows) + len(page.prefixes),
        "IsTruncated": page.more,
        **_contents(bucket, page, encode, with_owner=request.get("FetchOwner", False)),
        **_delimited(request, encode),
    }
    if token is not None:
        result["ContinuationToken"] = token
    if request.get("StartAfter"):
        result["StartAfter"] = encode(request["StartAfter"])
    if page.more:
        last = page.last if isinstance(page.last, str) else page.last.key
        result["NextContinuationToken"] = token_out("ListObjectsV2", last)
    return result


async def _objects(call: Call, request: dict, *, after: str) -> tuple[Bucket, dict, listing.Page]:
    bucket = await asked.bucket(call, request)
    if request.get("OptionalObjectAttributes"):
        raise NotImplementedByUs(f"s3:{call.operation} with OptionalObjectAttributes")
    asked_for = {
        "prefix": request.get("Prefix", ""),
        "delimiter": request.get("Delimiter", ""),
        "max_keys": max_of(request, "MaxKeys", "max-keys"),
    }
    page = await call.read(
        listing.list_objects,
        bucket.id,
        prefix=asked_for["prefix"],
        delimiter=asked_for["delimiter"],
        after=after,
        limit=min(asked_for["max_keys"], PAGE),
    )
    asked_for["max_keys"] = min(asked_for["max_keys"], PAGE)
    return bucket, asked_for, page


async def list_object_versions(call: Call, request: dict) -> dict:
    """Versions and delete markers, newest first within a key."""
    bucket = await asked.bucket(call, request)
    if request.get("OptionalObjectAttributes"):
        raise NotImplementedByUs("s3:ListObjectVersions with OptionalObjectAttributes")
    key_marker, version_marker = request.get("KeyMarker", ""), request.get("VersionIdMarker", "")
    if version_marker and not key_marker:
        raise errors.InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=version_marker,
        )
    limit = min(max_of(request, "MaxKeys", "max-keys"), PAGE)
    prefix = request.get("Prefix", "")
    page, latest = await call.read(
        listing.list_versions,
        bucket.id,
        prefix=prefix,
        delimiter=request.get("Delimiter", ""),
        key_marker=key_marker,
        version_marker=version_marker,
        limit=limit,
    )
    encode = encoder(request)
    result = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "KeyMarker": encode(key_marker),
        "VersionIdMarker": version_marker,
        "MaxKeys": limit,
        "IsTruncated": page.more,
        **_delimited(request, encode),
    }
    if page.more:
        if isinstance(page.last, str):
            result["NextKeyMarker"] = encode(page.last)
        else:
            result |= {"NextKeyMarker": encode(page.last.key), "NextVersionIdMarker": page.last.version_id}
    versions = [_version_out(row, encode, latest) for row in page.rows if not row.is_delete_marker]
    markers = [_marker_out(row, encode, latest) for row in page.rows if row.is_delete_marker]
    if versions:
        result["Versions"] = versions
    if markers:
        result["DeleteMarkers"] = markers
    if page.prefixes:
        result["CommonPrefixes"] = [{"Prefix": encode(prefix)} for prefix in page.prefixes]
    return result


def max_of(request: dict, member: str, parameter: str) -> int:
    """The page's size; the gateway has made a number of it, that it isn't negative is S3's own rule."""
    value = request.get(member, PAGE)
    if not 0 <= value < 1 << 31:
        raise errors.InvalidArgument(
            f"Argument {parameter} must be an integer between 0 and 2147483647",
            ArgumentName=parameter,
            ArgumentValue=str(value),
        )
    return value


def encoder(request: dict):
    """How keys are written: as they are, or (encoding-type=url) so that XML can carry any of them."""
    if request.get("EncodingType") != "url":
        return lambda text: text
    return lambda text: quote(text, safe="/*", errors="surrogatepass").replace("%20", "+").replace("~", "%7E")


def _delimited(request: dict, encode) -> dict:
    out = {}
    if request.get("Delimiter"):
        out["Delimiter"] = encode(request["Delimiter"])
    if request.get("EncodingType"):
        out["EncodingType"] = request["EncodingType"]
    return out


def _contents(bucket: Bucket, page: listing.Page, encode, *, with_owner: bool) -> dict:
    out: dict = {}
    if page.rows:
        out["Contents"] = [_object_out(row, encode) for row in page.rows]
        if with_owner:
            for row, shown in zip(page.rows, out["Contents"], strict=True):
                shown["Owner"] = answers.owner(row.owner or bucket.account)
    if page.prefixes:
        out["CommonPrefixes"] = [{"Prefix": encode(prefix)} for prefix in page.prefixes]
    return out


def _object_out(version: Version, encode) -> dict:
    out = {
        "Key": encode(version.key),
        "LastModified": answers.moment(version.modified_at_ms),
        "ETag": f'"{version.etag}"',
        "Size": version.size,
        "StorageClass": version.storage_class,
    }
    if version.checksums:
        out["ChecksumAlgorithm"] = [name for name in version.checksums if name in MEMBERS]
        out["ChecksumType"] = version.checksum_type
    return out


def _version_out(version: Version, encode, latest: set) -> dict:
    return {
        **_object_out(version, encode),
        "VersionId": version.version_id,
        "IsLatest": (version.key, version.order) in latest,
        "Owner": answers.owner(version.owner),
    }


def _marker_out(version: Version, encode, latest: set) -> dict:
    return {
        "Key": encode(version.key),
        "VersionId": version.version_id,
        "IsLatest": (version.key, version.order) in latest,
        "LastModified": answers.moment(version.modified_at_ms),
        "Owner": answers.owner(version.owner),
    }
