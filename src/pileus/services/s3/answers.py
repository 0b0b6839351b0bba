"""What S3 says of buckets and objects: times, owners, an object's headers, checksums, ranges."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from pileus.kernel.principal import canonical_user_id
from pileus.services.s3 import errors
from pileus.services.s3.asked import mail_safe
from pileus.services.s3.checksums import MEMBERS
from pileus.services.s3.customer_keys import ALGORITHM, CustomerKey
from pileus.services.s3.state.records import Bucket, Version


def moment(at_ms: int) -> datetime:
    """Of whole seconds: Last-Modified can carry no more, and S3's lists show the same time."""
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def precise(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def owner(account: str) -> dict:
    return {"ID": canonical_user_id(account)}


def initiator(arn: str) -> dict:
    """Of an upload: an account is told like an owner, anybody else by ARN."""
    is_account = arn.endswith(":root")
    return owner(arn.split(":")[4]) if is_account else {"ID": arn, "DisplayName": arn}


def version_id(bucket: Bucket, version: Version) -> dict:
    """Only buckets that have or had versioning name versions."""
    return {"VersionId": version.version_id} if bucket.versioning else {}


def new_version_id(bucket: Bucket, version: Version) -> dict:
    """A write names its version only where versioning gives each an id of its own."""
    return {"VersionId": version.version_id} if bucket.versioning == "Enabled" else {}


def encryption(version: Version, key: CustomerKey | None) -> dict:
    """How a version is encrypted. Who brought its key is told the key's MD5; nobody else is told anything of it."""
    if version.key_check is None:
        return {"ServerSideEncryption": version.encryption}
    return {} if key is None else {"SSECustomerAlgorithm": ALGORITHM, "SSECustomerKeyMD5": key.md5}


def stored(bucket: Bucket, version: Version, key: CustomerKey | None) -> dict:
    """What PutObject and its kin answer."""
    return {
        "ETag": f'"{version.etag}"',
        **encryption(version, key),
        **new_version_id(bucket, version),
        **checksums_out(version),
    }


def checksums_out(version: Version) -> dict:
    if not version.checksums:
        return {}
    out = {MEMBERS[algorithm]: value for algorithm, value in version.checksums.items()}
    out["ChecksumType"] = version.checksum_type
    return out


def described(bucket: Bucket, version: Version, key: CustomerKey | None) -> dict:
    """The headers of an object that GetObject and HeadObject share."""
    out = {
        "AcceptRanges": "bytes",
        "LastModified": moment(version.modified_at_ms),
        "ContentLength": version.size,
        "ETag": f'"{version.etag}"',
        "ContentType": "binary/octet-stream",
        **encryption(version, key),
        "Metadata": {name: mail_safe(value) for name, value in version.metadata.items()},
        **version.headers,
    }
    if bucket.versioning:
        out["VersionId"] = version.version_id
    if version.storage_class != "STANDARD":
        out["StorageClass"] = version.storage_class
    if version.tags:
        out["TagCount"] = len(version.tags)
    return out


def lock(version: Version, *, shows_retention: bool, shows_legal_hold: bool) -> dict:
    """The headers of a version's lock, as far as the caller may know it."""
    out = {}
    if shows_retention and version.lock.mode:
        out["ObjectLockMode"] = version.lock.mode
        out["ObjectLockRetainUntilDate"] = precise(version.lock.retain_until_ms)
    if shows_legal_hold and version.lock.legal_hold:
        out["ObjectLockLegalHoldStatus"] = version.lock.legal_hold
    return out


# Ranges

_RANGE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*\Z")


class Range(NamedTuple):
    """`length` bytes from `start` on."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def range_of(header: str | None, size: int) -> Range | None:
    """What a Range header asks for; None for the whole. S3 serves one range, and ignores what it can't read.

    errors   InvalidRange: it begins past the end
    """
    found = _RANGE.match(header.strip()) if header else None
    if found is None:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        count = min(int(last), size)
        start, end = size - count, size
        if not count:
            raise _unsatisfiable(header, size)
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
        if start >= size:
            raise _unsatisfiable(header, size)
    return Range(start, end - start)


def _unsatisfiable(header: str, size: int) -> errors.InvalidRange:
    return errors.InvalidRange(
        RangeRequested=header, ActualObjectSize=size, headers=(("Content-Range", f"bytes */{size}"),)
    )
