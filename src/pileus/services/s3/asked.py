"""What a request asks of objects and buckets, checked: names, owners, regions, metadata, tags, what we don't honour."""

import base64
import re
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import parse_qsl

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.principal import Principal
from pileus.kernel.tags import tag_problem
from pileus.protocol.scalars import whole_second_http_date
from pileus.services.s3 import access, customer_keys, errors
from pileus.services.s3.customer_keys import CustomerKey
from pileus.services.s3.state import buckets, objects
from pileus.services.s3.state.records import (
    MAX_KEY_BYTES,
    MAX_METADATA_BYTES,
    MAX_OBJECT_TAGS,
    OBJECT_LOCK,
    Bucket,
    Cause,
    Lock,
    Version,
)
from pileus.store.transaction import Transaction

SYSTEM_HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
)
"""System metadata that the caller controls and gets back. User guide, "Working with object metadata"."""

STORAGE_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
)
ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")

NOT_HONOURED = frozenset(
    {
        "ObjectLockEventHold",
        "ObjectLockEventHoldDurationDays",
        "ObjectLockEventHoldDurationYears",
        "SSEKMSEncryptionContext",
        "WriteOffsetBytes",
    }
)
_VERSION_ID = re.compile(r"null|[A-Za-z0-9._-]{32}")
"""Like ours and AWS's. What is of another form can't be anybody's."""


# Buckets

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_IP_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}\Z")
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def require_bucket_name(name: str) -> None:
    """Source: user guide, "General purpose bucket naming rules"."""
    if (
        not _BUCKET_NAME.match(name)
        or ".." in name
        or _IP_ADDRESS.match(name)
        or name.startswith(_RESERVED_STARTS)
        or name.endswith(_RESERVED_ENDS)
    ):
        raise errors.InvalidBucketName(BucketName=name)


async def bucket(call: Call, request: dict) -> Bucket:
    """The bucket named, if it is whose and where the caller thinks. NoSuchBucket, AccessDenied, PermanentRedirect."""
    require_readable_path(call, request)
    return await call.read(bucket_in, call, request)


def bucket_in(tx: Transaction, call: Call, request: dict) -> Bucket:
    """`bucket`, for those who look at more in the same transaction."""
    found = buckets.require_bucket(tx, request["Bucket"])
    require_owner(found, request.get("ExpectedBucketOwner"))
    require_region(call, found)
    return found


def require_readable_path(call: Call, request: dict) -> None:
    if call.http is not None and "\ufffd" in request.get("Key", "") and "%ef%bf%bd" not in call.http.path.lower():
        raise errors.InvalidURI()  # what was percent-encoded there is no UTF-8


def require_owner(found: Bucket, expected: str | None) -> None:
    if expected is not None and expected != found.account:
        raise errors.AccessDenied()


def require_region(call: Call, found: Bucket) -> None:
    """Whoever signs for another region than the bucket's is sent there; SDKs follow by themselves."""
    if not call.is_from_outside or found.region == call.region or call.principal.kind == "anonymous":
        return
    if call.http is not None and signature_version(call) == "AWS":
        return  # it names no region
    raise errors.PermanentRedirect(
        Endpoint=f"{found.name}.s3.{found.region}.amazonaws.com",
        Bucket=found.name,
        headers=(("x-amz-bucket-region", found.region),),
    )


def signature_version(call: Call) -> str:
    """Of a signed request, as the condition key s3:signatureversion has it."""
    is_v2 = call.http.headers.get("authorization", "").startswith("AWS ") or "AWSAccessKeyId=" in call.http.query
    return "AWS" if is_v2 else "AWS4-HMAC-SHA256"


# Objects


def require_key(key: str) -> None:
    size = len(key.encode("utf-8", "surrogatepass"))
    if size > MAX_KEY_BYTES:
        raise errors.KeyTooLongError(Size=size, MaxSizeAllowed=MAX_KEY_BYTES)


def find_version(tx: Transaction, found: Bucket, key: str, version_id: str | None) -> Version:
    """The version asked for. A delete marker is "no such key", and says that it is one."""
    if version_id is not None:
        require_version_id(version_id)
    version = objects.find(tx, found, key, version_id)
    if version is None:
        if version_id is not None:
            raise errors.NoSuchVersion(Key=key, VersionId=version_id)
        raise errors.NoSuchKey(Key=key)
    if version.is_delete_marker:
        headers = (("x-amz-delete-marker", "true"), ("x-amz-version-id", version.version_id))
        if version_id is None:
            raise errors.NoSuchKey(Key=key, headers=headers)
        last_modified = ("Last-Modified", _http_date(version.modified_at_ms))
        raise errors.MethodNotAllowed(
            Method="GET", ResourceType="DeleteMarker", headers=(*headers, last_modified, ("Allow", "DELETE"))
        )
    return version


def require_version_id(version_id: str) -> None:
    if version_id == "":
        raise errors.InvalidArgument(
            "Version id cannot be the empty string", ArgumentName="versionId", ArgumentValue=version_id
        )
    if not _VERSION_ID.fullmatch(version_id):
        raise errors.InvalidArgument("Invalid version id specified", ArgumentName="versionId", ArgumentValue=version_id)


def _http_date(at_ms: int) -> str:
    return whole_second_http_date(at_ms / 1000)


async def draft(call: Call, found: Bucket, request: dict, key: CustomerKey | None) -> Version:
    """The version that a request describes, as yet without a body. `key` is what its body is to be encrypted with."""
    require_key(request["Key"])
    refuse_unhonoured(call, request)
    owner = found.account if found.ownership == "BucketOwnerEnforced" else call.principal.account or found.account
    return Version(
        found.id,
        request["Key"],
        storage_class=storage_class(request),
        owner=owner,
        headers=system_headers(request),
        metadata=user_metadata(request.get("Metadata")),
        tags=tagging_header(request.get("Tagging")),
        lock=lock_asked(call, found, request),
        encryption="" if key else request.get("ServerSideEncryption") or await _default_encryption(call, found),
        key_check=customer_keys.remembered(key, call.ids),
    )


async def _default_encryption(call: Call, found: Bucket) -> str:
    if "encryption" not in found.configured:
        return "AES256"
    configuration = await call.read(buckets.configuration, found, "encryption")
    return configuration["Rules"][0].get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "AES256")


async def object_grants(call: Call, bucket: Bucket, request: dict, draft: Version) -> tuple:
    """The ACL that a new object is to have, if the bucket allows ACLs. Empty: its owner's alone."""
    grants = access.grants_asked(request, draft.owner, bucket.account)
    if grants is None:
        return ()
    if bucket.ownership == "BucketOwnerEnforced":
        if request.get("ACL") != "bucket-owner-full-control" and grants != (access.owned(bucket.account),):
            raise errors.AccessControlListNotSupported()
        return ()
    if access.is_public(grants):
        block = await call.read(buckets.configuration, bucket, "public-access-block")
        if block and block.get("BlockPublicAcls"):
            raise errors.AccessDenied()
    return grants


def refuse_unhonoured(call: Call, request: dict) -> None:
    if not NOT_HONOURED.isdisjoint(request):
        name = min(NOT_HONOURED.intersection(request))
        raise NotImplementedByUs(f"s3:{call.operation} with {name}")
    algorithm, key = request.get("ServerSideEncryption"), request.get("SSEKMSKeyId")
    if algorithm not in (None, "AES256", "aws:kms"):
        raise NotImplementedByUs(f"s3:{call.operation} with ServerSideEncryption {algorithm}")
    if key is not None and algorithm != "aws:kms":
        raise errors.InvalidArgument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : "
            "aws:kms",
            ArgumentName="x-amz-server-side-encryption",
            ArgumentValue=algorithm,
        )
    if key is not None and not key.endswith("alias/aws/s3"):
        raise NotImplementedByUs(f"s3:{call.operation} with SSEKMSKeyId")


def storage_class(request: dict) -> str:
    name = request.get("StorageClass", "STANDARD")
    if name not in STORAGE_CLASSES:
        raise errors.InvalidStorageClass(StorageClassRequested=name)
    return name


def system_headers(request: dict) -> dict[str, str]:
    headers = {name: value for name, value in request.items() if name in SYSTEM_HEADERS and value}
    encoding = headers.get("ContentEncoding")
    if encoding is not None and "aws-chunked" in encoding:
        # Says how the body travelled, not what it is. API reference, "Sigv4 streaming": it is not stored.
        rest = ",".join(part.strip() for part in encoding.split(",") if part.strip() != "aws-chunked")
        headers.pop("ContentEncoding")
        if rest:
            headers["ContentEncoding"] = rest
    return headers


# Locks

_LOCKING = frozenset({"ObjectLockLegalHoldStatus", "ObjectLockMode", "ObjectLockRetainUntilDate"})


def lock_asked(call: Call, found: Bucket, request: dict) -> Lock | None:
    """The lock that a new object is asked to have; its bucket's default is not looked at.

    source   API reference, PutObject; the words are those of answers that users quote
    """
    if _LOCKING.isdisjoint(request):
        return None
    if call.operation == "PutObject":
        _require_signature_v4(call)
    mode, until = request.get("ObjectLockMode", ""), request.get("ObjectLockRetainUntilDate")
    if bool(mode) != (until is not None):
        raise errors.InvalidArgument(
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
            ArgumentName="x-amz-object-lock-retain-until-date" if mode else "x-amz-object-lock-mode",
        )
    until_ms = future_ms(call, until, "x-amz-object-lock-retain-until-date") if mode else 0
    if OBJECT_LOCK not in found.configured:
        raise errors.InvalidRequest(errors.WITHOUT_OBJECT_LOCK)
    return Lock(mode, until_ms, request.get("ObjectLockLegalHoldStatus", ""))


def _require_signature_v4(call: Call) -> None:
    if call.http is None:
        signed = call.context.get("s3:signatureversion") if is_of_form(call) else "AWS4-HMAC-SHA256"
    else:
        signed = None if call.principal.kind == "anonymous" else signature_version(call)
    if signed != "AWS4-HMAC-SHA256":
        raise errors.InvalidArgument(
            "Put Object requests with Object Lock parameters require AWS Signature Version 4",
            ArgumentName="Authorization",
        )


def future_ms(call: Call, until: datetime, name: str) -> int:
    """Milliseconds of a time to come; `name` is the argument's."""
    until_ms = round(until.timestamp() * 1000)
    if until_ms <= call.now_ms:
        raise errors.InvalidArgument(
            "The retain until date must be in the future!",
            ArgumentName=name,
            ArgumentValue=until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
    return until_ms


async def is_locking(call: Call, found: Bucket, lock: Lock | None) -> bool:
    """Will a new object have a lock, its own or by the bucket's default?"""
    if lock is not None or OBJECT_LOCK not in found.configured:
        return lock is not None
    return "Rule" in await call.read(buckets.configuration, found, OBJECT_LOCK)


# Metadata


def user_metadata(given: dict[str, str] | None) -> dict[str, str]:
    """Names in lower case, values as text. User guide, "User-defined object metadata"."""
    if not given:
        return {}
    given = {name: value if _is_plain(value) else _text_of(value) for name, value in given.items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in given.items())
    if size > MAX_METADATA_BYTES:
        raise errors.MetadataTooLarge(Size=size, MaxSizeAllowed=MAX_METADATA_BYTES)
    return {name.lower(): value for name, value in given.items()}


def _is_plain(value: str) -> bool:
    return value.isascii() and "=?" not in value


def _text_of(value: str) -> str:
    """A header's bytes come as Latin-1, and are UTF-8 where they can be; encoded words of RFC 2047 are decoded."""
    try:
        if not value.isascii():
            return value.encode("latin-1").decode()
        return str(make_header(decode_header(value)))
    except (UnicodeError, LookupError, HeaderParseError):
        return value


def mail_safe(value: str) -> str:
    """Text as a header may carry it: other than ASCII goes as an encoded word of RFC 2047."""
    return value if value.isascii() else f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


# Tags


def tagging_header(text: str | None) -> dict[str, str]:
    """x-amz-tagging: "a=1&b=2"."""
    if not text:
        return {}
    pairs = parse_qsl(text, keep_blank_values=True)
    if len({key for key, _ in pairs}) != len(pairs):
        raise errors.InvalidArgument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=text,
        )
    return require_tags(dict(pairs), MAX_OBJECT_TAGS)


def tag_set(tagging: dict, limit: int, *, is_system: bool = False) -> dict[str, str]:
    """Tagging of the API as a dict. Raises InvalidTag.

    is_system  tags named aws: may be among them: AWS's own services set such
    """
    pairs = tagging.get("TagSet", [])
    tags = {tag["Key"]: tag["Value"] for tag in pairs}
    if len(tags) != len(pairs):
        raise errors.InvalidTag("Cannot provide multiple Tags with the same key")
    return require_tags(tags, limit, is_system=is_system)


def require_tags(tags: dict[str, str], limit: int, *, is_system: bool = False) -> dict[str, str]:
    if len(tags) > limit:
        if limit == MAX_OBJECT_TAGS:
            raise errors.S3Error("Object tags cannot be greater than 10", code="BadRequest")
        raise errors.S3Error(f"Bucket tag count cannot be greater than {limit}", code="BadRequest")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128:
            raise errors.InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > 256:
            raise errors.InvalidTag("The TagValue you have provided is invalid", TagKey=key, TagValue=value)
        if is_system_tag(key) and not is_system:
            raise errors.InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
        if tag_problem({key: ""}, own=is_system) is not None:
            raise errors.InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if tag_problem({"k": value}) is not None:
            raise errors.InvalidTag("The TagValue you have provided is invalid", TagKey=key, TagValue=value)
    return tags


def is_system_tag(key: str) -> bool:
    return key.lower().startswith("aws:")


# For events


def is_of_form(call: Call) -> bool:
    """A PutObject that was a browser's form (browsers.py)."""
    return call.http is None and call.context.get("s3:authType") == "POST"


def is_over_the_wire(call: Call) -> bool:
    """Not by a page or one of the cloud's own services, whose bodies never leave this process."""
    return call.http is not None or is_of_form(call)


def cause(call: Call, action: str = "") -> Cause:
    principal = call.principal
    return Cause(action, principal_id(principal), call.source_ip, call.request_id, principal.account)


def principal_id(principal: Principal) -> str:
    if principal.kind == "anonymous":
        return "Anonymous"
    if principal.kind == "service":
        return principal.service
    return f"AWS:{principal.unique_id}"
