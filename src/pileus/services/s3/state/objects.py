"""Objects and their versions: put, find, delete, change in place.

Source: user guide, "How S3 Versioning works", "Adding objects to versioning-enabled buckets" and "… -suspended
buckets", "Deleting object versions", "Working with delete markers".
"""

from collections.abc import Callable, Iterator

import msgspec

from pileus.kernel.ids import ALPHANUMERIC
from pileus.services.s3 import errors, events
from pileus.services.s3.conditions import WriteConditions
from pileus.services.s3.state.buckets import configuration, require_bucket
from pileus.services.s3.state.records import (
    LAYOUTS,
    NULL,
    OBJECT_LOCK,
    OBJECTS,
    VERSIONS,
    Bucket,
    Cause,
    Lock,
    Version,
)
from pileus.store import blobs
from pileus.store.transaction import Transaction

replace = msgspec.structs.replace

_ID_ALPHABET = ALPHANUMERIC + "._"
_ORDER_DIGITS = 11
DAYS_A_YEAR = 365
"""Of retention: its limit is 36,500 days or 100 years (API reference, EventHoldDuration)."""


def version_id_of(order: int, salt: str) -> str:
    """32 characters that carry the version's place, so that an id leads straight to its row."""
    number, digits = -order, ""
    for _ in range(_ORDER_DIGITS):
        number, digit = divmod(number, 64)
        digits += _ID_ALPHABET[digit]
    return salt + digits


def order_of(version_id: str) -> int | None:
    """The place that `version_id_of` wrote down; None for what is none of our ids."""
    if len(version_id) != 32:
        return None
    number = 0
    for character in reversed(version_id[-_ORDER_DIGITS:]):
        digit = _ID_ALPHABET.find(character)
        if digit < 0:
            return None
        number = number * 64 + digit
    return -number if number < 1 << 62 else None


# Finding


def find(tx: Transaction, bucket: Bucket, key: str, version_id: str | None = None) -> Version | None:
    """The version, or without an id the current one; that may be a delete marker. None if there is none."""
    if version_id is None:
        return OBJECTS.get(tx, bucket.id, key) or VERSIONS.first(tx, bucket.id, key)
    current = OBJECTS.get(tx, bucket.id, key)
    if current is not None and current.version_id == version_id:
        return current
    if version_id == NULL:
        return VERSIONS.null.first(tx, bucket.id, key)
    order = order_of(version_id)
    found = None if order is None else VERSIONS.get(tx, bucket.id, key, order)
    return found if found is not None and found.version_id == version_id else None


def is_latest(tx: Transaction, version: Version) -> bool:
    if OBJECTS.has(tx, version.bucket_id, version.key):
        return OBJECTS.get(tx, version.bucket_id, version.key).order == version.order
    newest = VERSIONS.first(tx, version.bucket_id, version.key)
    return newest is not None and newest.order == version.order


def versions_of(tx: Transaction, bucket_id: int, key: str) -> Iterator[Version]:
    """Newest first."""
    current = OBJECTS.get(tx, bucket_id, key)
    if current is not None:
        yield current
    yield from VERSIONS.scan(tx, bucket_id, key)


# Putting


def put(
    tx: Transaction,
    bucket_name: str,
    draft: Version,
    keep: Callable[[Transaction], str],
    *,
    conditions: WriteConditions | None = None,
    cause: Cause,
) -> Version:
    """Make `draft` the current version of its key, and tell of it.

    keep  takes the body's blob into the store and returns its id
    """
    bucket = require_bucket(tx, bucket_name)
    if bucket.id != draft.bucket_id:  # deleted and made anew while the body came in: the new one was never asked
        draft = replace(draft, bucket_id=bucket.id)
    current = OBJECTS.get(tx, bucket.id, draft.key)
    if conditions is not None:
        conditions.check(current)
    order = -tx.next_sequence()
    is_versioned = bucket.versioning == "Enabled"
    version = replace(
        draft,
        order=order,
        version_id=version_id_of(order, tx.ids.token(32 - _ORDER_DIGITS, _ID_ALPHABET)) if is_versioned else NULL,
        modified_at_ms=tx.now_ms,
        body=keep(tx),
        lock=_lock_of_new(tx, bucket, draft),
    )
    retire(tx, bucket, draft.key, current)
    OBJECTS.insert(tx, version)
    tell(tx, bucket, cause, version)
    return version


def _lock_of_new(tx: Transaction, bucket: Bucket, draft: Version) -> Lock | None:
    """The draft's own, with the bucket's default where it says nothing of retention.

    Source: user guide, "Locking objects with Object Lock", on default retention: from the version's creation on.
    """
    if OBJECT_LOCK not in bucket.configured:
        if draft.lock is not None:
            raise errors.InvalidRequest(errors.WITHOUT_OBJECT_LOCK)
        return None
    lock = draft.lock or Lock()
    default = configuration(tx, bucket, OBJECT_LOCK).get("Rule", {}).get("DefaultRetention")
    if default is None or lock.mode:
        return draft.lock
    days = default["Days"] if "Days" in default else default["Years"] * DAYS_A_YEAR
    return replace(lock, mode=default["Mode"], retain_until_ms=tx.now_ms + days * 86_400_000)


def retire(tx: Transaction, bucket: Bucket, key: str, current: Version | None) -> None:
    """Make room for a new current version: the present one becomes noncurrent, or goes if it is the null version.

    Its row in OBJECTS is the caller's to replace or to delete.
    """
    if bucket.versioning != "Enabled":
        _drop_null(tx, bucket, key, current)
        if current is not None and current.version_id == NULL:
            current = None
    if current is not None:
        VERSIONS.insert(tx, current)


def _drop_null(tx: Transaction, bucket: Bucket, key: str, current: Version | None) -> None:
    """A key has one null version at most: the next one that has no id takes its place."""
    if current is not None and current.version_id == NULL:
        drop_body(tx, current)
    elif bucket.versioning:
        null = VERSIONS.null.first(tx, bucket.id, key)
        if null is not None:
            VERSIONS.delete(tx, bucket.id, key, null.order)
            drop_body(tx, null)


# Deleting


def drop_body(tx: Transaction, version: Version) -> None:
    if version.body:
        blobs.drop_reference(tx, version.body)
    if version.parts:
        LAYOUTS.delete(tx, version.body)


def require_unlocked(tx: Transaction, version: Version, *, bypasses: bool = False) -> None:
    """Raise ObjectLocked while the version must stay.

    bypasses  retention in governance mode, never a legal hold
    """
    if is_locked(version, tx.now_ms) and not (
        bypasses and version.lock.mode != "COMPLIANCE" and version.lock.legal_hold != "ON"
    ):
        raise errors.ObjectLocked()


def is_locked(version: Version, now_ms: int) -> bool:
    lock = version.lock
    return lock is not None and (lock.legal_hold == "ON" or now_ms < lock.retain_until_ms)


def delete(
    tx: Transaction, bucket_name: str, key: str, *, conditions: WriteConditions | None = None, cause: Cause
) -> Version | None:
    """Delete a key: for good where nothing was ever versioned, else by a delete marker, which is returned.

    cause  its action is the family ("ObjectRemoved" or "LifecycleExpiration"); what happened is added here
    """
    bucket = require_bucket(tx, bucket_name)
    current = OBJECTS.get(tx, bucket.id, key)
    if conditions is not None:
        conditions.check(current)
    if current is not None:
        OBJECTS.delete(tx, bucket.id, key)
    if not bucket.versioning:
        if current is not None:
            _drop_null(tx, bucket, key, current)
            tell(tx, bucket, _named(cause, "Delete"), current)
        return None
    order = -tx.next_sequence()
    is_versioned = bucket.versioning == "Enabled"
    marker = Version(
        bucket.id,
        key,
        order,
        version_id_of(order, tx.ids.token(32 - _ORDER_DIGITS, _ID_ALPHABET)) if is_versioned else NULL,
        is_delete_marker=True,
        modified_at_ms=tx.now_ms,
        owner=bucket.account,
    )
    retire(tx, bucket, key, current)
    VERSIONS.insert(tx, marker)
    tell(tx, bucket, _named(cause, "DeleteMarkerCreated"), marker)
    return marker


def delete_version(
    tx: Transaction,
    bucket_name: str,
    key: str,
    version_id: str,
    *,
    conditions: WriteConditions | None = None,
    cause: Cause,
    bypasses: bool = False,
) -> Version | None:
    """Remove one version for good and return it; None if there was none. The next older one becomes current.

    bypasses  retention in governance mode
    errors    ObjectLocked
    """
    bucket = require_bucket(tx, bucket_name)
    version = find(tx, bucket, key, version_id)
    if conditions is not None:
        conditions.check(version)
    if version is None:
        return None
    require_unlocked(tx, version, bypasses=bypasses)
    was_latest = is_latest(tx, version)
    current = OBJECTS.get(tx, bucket.id, key)
    if current is not None and current.order == version.order:
        OBJECTS.delete(tx, bucket.id, key)
    else:
        VERSIONS.delete(tx, bucket.id, key, version.order)
    drop_body(tx, version)
    if was_latest:
        _promote(tx, bucket, key)
    tell(tx, bucket, _named(cause, "Delete"), version)
    return version


def _promote(tx: Transaction, bucket: Bucket, key: str) -> None:
    newest = VERSIONS.first(tx, bucket.id, key)
    if newest is not None and not newest.is_delete_marker:
        VERSIONS.delete(tx, bucket.id, key, newest.order)
        OBJECTS.insert(tx, newest)


# Changing in place


def change(tx: Transaction, bucket_name: str, version: Version, *, cause: Cause, **fields) -> Version:
    """Replace tags, grants or lock of a version that still stands; its time and id stay."""
    bucket = require_bucket(tx, bucket_name)
    changed = replace(version, **fields)
    current = OBJECTS.get(tx, bucket.id, version.key)
    if current is not None and current.order == version.order:
        OBJECTS.put(tx, changed)
    elif VERSIONS.has(tx, bucket.id, version.key, version.order):
        VERSIONS.put(tx, changed)
    tell(tx, bucket, cause, changed)
    return changed


# Telling


def _named(cause: Cause, what: str) -> Cause:
    """Lifecycle says "LifecycleExpiration:Delete", a request "ObjectRemoved:Delete"."""
    return replace(cause, action=f"{cause.action}:{what}") if cause.action else cause


def tell(tx: Transaction, bucket: Bucket, cause: Cause, version: Version) -> None:
    """Emit an event for each notification of the bucket that this change concerns: same commit, so none is lost."""
    if not cause.action or "notification" not in bucket.configured:
        return
    plan = configuration(tx, bucket, "notification")
    for target, arn, rule_id in events.concerned(plan, cause.action, version.key):
        tx.emit(
            "s3.notify",
            {
                "target": target,
                "arn": arn,
                "rule": rule_id,
                "action": cause.action,
                "bucket": bucket.name,
                "account": bucket.account,
                "region": bucket.region,
                "key": version.key,
                "size": version.size,
                "etag": version.etag,
                "version_id": version.version_id if bucket.versioning else "",
                "sequencer": f"{tx.next_sequence():016X}",
                "at_ms": tx.now_ms,
                "principal_id": cause.principal_id,
                "source_ip": cause.source_ip,
                "request_id": cause.request_id,
                "requester": cause.account,
            },
        )
