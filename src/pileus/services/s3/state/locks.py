"""Object Lock: what keeps a version from being deleted, and which of its changes need what.

Source: user guide, "Locking objects with Object Lock", "Object Lock considerations", "Configuring S3 Object Lock".
Once on, it stays on, and versioning with it (`buckets.set_versioning`). A new version gets its lock where it is made
(`objects.put`), and whatever removes one asks `objects.is_locked`.
"""

from typing import Any

import msgspec

from pileus.services.s3 import errors
from pileus.services.s3.state import objects
from pileus.services.s3.state.buckets import configure, require_bucket
from pileus.services.s3.state.records import (
    MAX_RETENTION_DAYS,
    MAX_RETENTION_YEARS,
    OBJECT_LOCK,
    Bucket,
    Cause,
    Lock,
    Version,
)
from pileus.store.transaction import Transaction

ENABLED = {"ObjectLockEnabled": "Enabled"}

# A bucket's configuration


def is_enabled(bucket: Bucket) -> bool:
    return OBJECT_LOCK in bucket.configured


def set_configuration(tx: Transaction, bucket_name: str, value: dict[str, Any] | None) -> None:
    """The default retention, or none; switches Object Lock on where it was off.

    errors  InvalidArgument (a period that is none), InvalidBucketState (not versioned), MalformedXML
    """
    bucket = require_bucket(tx, bucket_name)
    if bucket.versioning != "Enabled":
        raise errors.InvalidBucketState(
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        )
    if not value or "ObjectLockEnabled" not in value:
        raise errors.MalformedXML()
    if "Rule" in value:
        _check_default(value["Rule"].get("DefaultRetention") or {})
    configure(tx, bucket, OBJECT_LOCK, value)


def _check_default(retention: dict[str, Any]) -> None:
    """A mode, and days or years. The limit stands in the user guide, "Object Lock considerations": 100 years."""
    if "Mode" not in retention or ("Days" in retention) == ("Years" in retention):
        raise errors.MalformedXML()
    for unit, most in (("Days", MAX_RETENTION_DAYS), ("Years", MAX_RETENTION_YEARS)):
        if retention.get(unit, 1) < 1:
            raise errors.InvalidArgument(
                "Default retention period must be a positive integer value.", ArgumentName=unit
            )
        if retention.get(unit, 1) > most:
            raise errors.InvalidArgument("Default retention period too large.", ArgumentName=unit)


# A version's lock


def is_retained(version: Version, now_ms: int) -> bool:
    return version.lock is not None and now_ms < version.lock.retain_until_ms


def set_retention(
    tx: Transaction, bucket: Bucket, version: Version, mode: str, retain_until_ms: int, *, bypasses: bool
) -> None:
    """Set how long the version is kept, or (mode "") that it isn't. What stands may be extended by anyone who may set it.

    bypasses  governance mode, as who may do so has asked for
    errors    AccessDenied: shorter, or in another mode
    """
    lock = version.lock or Lock()
    is_weaker = mode != lock.mode or retain_until_ms < lock.retain_until_ms
    if is_retained(version, tx.now_ms) and is_weaker and not (bypasses and lock.mode == "GOVERNANCE"):
        raise errors.ObjectLocked()
    _set(tx, bucket, version, msgspec.structs.replace(lock, mode=mode, retain_until_ms=retain_until_ms))


def set_legal_hold(tx: Transaction, bucket: Bucket, version: Version, status: str) -> None:
    _set(tx, bucket, version, msgspec.structs.replace(version.lock or Lock(), legal_hold=status))


def _set(tx: Transaction, bucket: Bucket, version: Version, lock: Lock) -> None:
    objects.change(tx, bucket.name, version, cause=Cause(), lock=None if lock == Lock() else lock)
