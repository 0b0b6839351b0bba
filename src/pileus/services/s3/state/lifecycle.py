"""Lifecycle: rules that expire objects, old versions, lonely delete markers and unfinished uploads.

A timer per bucket fires at midnight UTC, as S3's days end then, and walks the bucket in steps: each step is one
transaction and sets the timer for the next, so a bucket of millions neither stops the world nor is forgotten half way.

Source: user guide, "Lifecycle configuration elements", "Expiring objects", "How Amazon S3 handles conflicts in
lifecycle configurations"; an object expires at the midnight after its age has reached the rule's days.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from pileus.services.s3 import errors
from pileus.services.s3.state import objects
from pileus.services.s3.state.buckets import configuration, configure, drop_upload, require_bucket
from pileus.services.s3.state.records import (
    BUCKETS,
    MAX_LIFECYCLE_RULES,
    OBJECTS,
    UPLOADS,
    VERSIONS,
    Bucket,
    Cause,
    Version,
)
from pileus.store.transaction import Transaction

TIMER = "s3.lifecycle"
DAY_MS = 86_400_000
KEYS_A_STEP = 500
SMALL_BYTES = 128 * 1024
"""User guide, "Constraints and considerations for transitions": smaller objects are not moved by default."""
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransitions",
    "AbortIncompleteMultipartUpload",
)
CAUSE = Cause("LifecycleExpiration", "s3.amazonaws.com")


# The rules


def checked_rules(rules: list[dict], new_id: Callable[[], str]) -> list[dict]:
    """The rules, each with an ID. Raises InvalidArgument, InvalidRequest, MalformedXML."""
    if not 1 <= len(rules) <= MAX_LIFECYCLE_RULES:
        raise errors.MalformedXML()
    checked = [{**rule, "ID": rule.get("ID") or new_id()} for rule in rules]
    names = [rule["ID"] for rule in checked]
    if len(set(names)) != len(names):
        raise errors.InvalidArgument("Rule ID must be unique. Found same ID for more than one rule")
    for rule in checked:
        _check(rule)
    return checked


def _check(rule: dict) -> None:
    if len(rule["ID"]) > 255:
        raise errors.InvalidArgument("ID length should not exceed allowed limit of 255")
    if not any(rule.get(action) for action in _ACTIONS):
        raise errors.InvalidRequest("At least one action needs to be specified in a rule.")
    if ("Prefix" in rule) == ("Filter" in rule):
        raise errors.MalformedXML()
    _check_filter(rule.get("Filter", {}))
    expiration = rule.get("Expiration", {})
    if len([name for name in ("Days", "Date", "ExpiredObjectDeleteMarker") if name in expiration]) > 1:
        raise errors.MalformedXML()
    if expiration.get("Days", 1) <= 0:
        raise errors.InvalidArgument("'Days' for Expiration action must be a positive integer")
    noncurrent = rule.get("NoncurrentVersionExpiration", {})
    if noncurrent and noncurrent.get("NoncurrentDays", 0) <= 0:
        raise errors.InvalidArgument(
            "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"
        )
    for transition in (expiration, *rule.get("Transitions", ())):
        date = transition.get("Date")
        if date is not None and round(date.timestamp() * 1000) % DAY_MS:
            raise errors.InvalidArgument("'Date' must be at midnight GMT")
    abort = rule.get("AbortIncompleteMultipartUpload", {})
    if abort and abort.get("DaysAfterInitiation", 0) <= 0:
        raise errors.InvalidArgument(
            "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"
        )
    by_tag = bool(_tags(rule.get("Filter", {})))
    if by_tag and (abort or expiration.get("ExpiredObjectDeleteMarker")):
        what = "AbortIncompleteMultipartUpload" if abort else "ExpiredObjectDeleteMarker"
        raise errors.InvalidRequest(f"{what} cannot be specified with Tags.")


def _check_filter(rule_filter: dict) -> None:
    if len(rule_filter) > 1:
        raise errors.MalformedXML()
    both = rule_filter.get("And")
    if both is not None and len(both) + max(0, len(both.get("Tags", ())) - 1) < 2:
        raise errors.MalformedXML()


def _tags(rule_filter: dict) -> dict[str, str]:
    tags = [rule_filter["Tag"]] if "Tag" in rule_filter else rule_filter.get("And", {}).get("Tags", [])
    return {tag["Key"]: tag["Value"] for tag in tags}


def prefix_of(rule: dict) -> str:
    rule_filter = rule.get("Filter", {})
    return rule.get("Prefix") or rule_filter.get("Prefix") or rule_filter.get("And", {}).get("Prefix") or ""


def concerns(rule: dict, version: Version) -> bool:
    """Do prefix, tags and sizes of the rule's filter fit?"""
    if not version.key.startswith(prefix_of(rule)):
        return False
    rule_filter = rule.get("Filter", {})
    if any(version.tags.get(key) != value for key, value in _tags(rule_filter).items()):
        return False
    sizes = rule_filter.get("And", rule_filter)
    return sizes.get("ObjectSizeGreaterThan", -1) < version.size < sizes.get("ObjectSizeLessThan", 1 << 62)


def set_rules(tx: Transaction, bucket_name: str, value: dict[str, Any] | None) -> None:
    bucket = require_bucket(tx, bucket_name)
    configure(tx, bucket, "lifecycle", value)
    tx.cancel_wake(TIMER, bucket_name)
    if value is not None:
        tx.wake_at(next_midnight_ms(tx.now_ms), TIMER, bucket_name)


def next_midnight_ms(at_ms: int) -> int:
    return (at_ms // DAY_MS + 1) * DAY_MS


def expires_at_ms(from_ms: int, days: int) -> int:
    """The midnight after `days` days: S3 rounds up to the next day."""
    return next_midnight_ms(from_ms + days * DAY_MS)


def expiry_of(rules: list[dict], version: Version) -> tuple[int, str] | None:
    """When a current version expires and by which rule, for x-amz-expiration; None if no rule says so."""
    times = [
        (at_ms, rule["ID"])
        for rule in rules
        if rule["Status"] == "Enabled"
        and concerns(rule, version)
        and (at_ms := _expiration_ms(rule, version)) is not None
    ]
    return min(times, default=None)


def _expiration_ms(rule: dict, version: Version) -> int | None:
    expiration = rule.get("Expiration", {})
    if "Days" in expiration:
        return expires_at_ms(version.modified_at_ms, expiration["Days"])
    date: datetime | None = expiration.get("Date")
    return None if date is None else round(date.timestamp() * 1000)


# The walk


def run(tx: Transaction, timer_key: str) -> None:
    """One step of a bucket's daily walk. The timer's key is the bucket's name, or (later steps) name/key to go on after."""
    bucket_name, _, after = timer_key.partition("/")
    bucket = BUCKETS.get(tx, bucket_name)
    value = None if bucket is None else configuration(tx, bucket, "lifecycle")
    if value is None:
        return
    rules = [rule for rule in value["Rules"] if rule["Status"] == "Enabled"]
    if not after:
        tx.wake_at(next_midnight_ms(tx.now_ms), TIMER, bucket_name)
        _abort_uploads(tx, bucket, rules)
    keys = list(_keys(tx, bucket.id, after, KEYS_A_STEP))
    for key in keys:
        _apply(tx, bucket, key, rules)
    if len(keys) == KEYS_A_STEP:
        tx.wake_at(tx.now_ms, TIMER, f"{bucket_name}/{keys[-1]}")


def _keys(tx: Transaction, bucket_id: int, after: str, limit: int) -> Iterator[str]:
    """The next keys that have any version, in order; each is found by a seek, however many versions it has."""
    for _ in range(limit):
        where = {"after": after} if after else {}
        heads = [table.first(tx, bucket_id, **where) for table in (OBJECTS, VERSIONS)]
        found = [head.key for head in heads if head is not None]
        if not found:
            return
        after = min(found)
        yield after


def _apply(tx: Transaction, bucket: Bucket, key: str, rules: list[dict]) -> None:
    current = OBJECTS.get(tx, bucket.id, key)
    if current is not None:
        expiry = expiry_of(rules, current)
        if expiry is not None and expiry[0] <= tx.now_ms:
            objects.delete(tx, bucket.name, key, cause=CAUSE)
        else:
            _transition(tx, bucket, current, rules)
    if bucket.versioning:
        _age_noncurrent(tx, bucket, key, rules)
        _expire_lonely_marker(tx, bucket, key, rules)


def _transition(tx: Transaction, bucket: Bucket, current: Version, rules: list[dict]) -> None:
    """Only the class changes: there is one kind of disk."""
    due = [
        (at_ms, transition["StorageClass"])
        for rule in rules
        if concerns(rule, current) and _is_large_enough(rule, current)
        for transition in rule.get("Transitions", ())
        if (at_ms := _transition_ms(transition, current)) <= tx.now_ms
    ]
    if due and max(due)[1] != current.storage_class:
        objects.change(tx, bucket.name, current, cause=Cause(), storage_class=max(due)[1])


def _is_large_enough(rule: dict, version: Version) -> bool:
    """Small objects stay where they are, unless the rule's own filter speaks of sizes."""
    rule_filter = rule.get("Filter", {})
    sizes = rule_filter.get("And", rule_filter)
    has_sizes = "ObjectSizeGreaterThan" in sizes or "ObjectSizeLessThan" in sizes
    return has_sizes or version.size >= SMALL_BYTES


def _transition_ms(transition: dict, version: Version) -> int:
    if "Date" in transition:
        return round(transition["Date"].timestamp() * 1000)
    return expires_at_ms(version.modified_at_ms, transition.get("Days", 0))


def _age_noncurrent(tx: Transaction, bucket: Bucket, key: str, rules: list[dict]) -> None:
    """A version's noncurrent days count from the time its successor came."""
    successor_ms: int | None = None
    newer = 0
    for version in list(objects.versions_of(tx, bucket.id, key)):
        if successor_ms is not None:
            concerned = [rule for rule in rules if concerns(rule, version)]
            # What is locked stays until a day when it isn't. User guide, "Object Lock considerations".
            if not objects.is_locked(version, tx.now_ms) and any(
                _is_due(tx, rule.get("NoncurrentVersionExpiration"), successor_ms, newer) for rule in concerned
            ):
                objects.delete_version(tx, bucket.name, key, version.version_id, cause=CAUSE)
            else:
                _transition_noncurrent(tx, bucket, version, concerned, successor_ms, newer)
                newer += 1
        successor_ms = version.modified_at_ms


def _is_due(tx: Transaction, wanted: dict | None, successor_ms: int, newer: int) -> bool:
    """newer  how many noncurrent versions newer than this one stay"""
    if not wanted or newer < wanted.get("NewerNoncurrentVersions", 0):
        return False
    return expires_at_ms(successor_ms, wanted.get("NoncurrentDays", 0)) <= tx.now_ms


def _transition_noncurrent(
    tx: Transaction, bucket: Bucket, version: Version, rules: list[dict], successor_ms: int, newer: int
) -> None:
    due = [
        (transition.get("NoncurrentDays", 0), transition["StorageClass"])
        for rule in rules
        if _is_large_enough(rule, version)
        for transition in rule.get("NoncurrentVersionTransitions", ())
        if _is_due(tx, transition, successor_ms, newer)
    ]
    if due and not version.is_delete_marker and max(due)[1] != version.storage_class:
        objects.change(tx, bucket.name, version, cause=Cause(), storage_class=max(due)[1])


def _expire_lonely_marker(tx: Transaction, bucket: Bucket, key: str, rules: list[dict]) -> None:
    """A delete marker without any version behind it goes, by ExpiredObjectDeleteMarker or by age."""
    versions = objects.versions_of(tx, bucket.id, key)
    marker = next(versions, None)
    if marker is None or not marker.is_delete_marker or next(versions, None) is not None:
        return
    for rule in rules:
        expiration = rule.get("Expiration", {})
        if not marker.key.startswith(prefix_of(rule)) or _tags(rule.get("Filter", {})):
            continue
        by_age = "Days" in expiration and expires_at_ms(marker.modified_at_ms, expiration["Days"]) <= tx.now_ms
        if expiration.get("ExpiredObjectDeleteMarker") or by_age:
            objects.delete_version(tx, bucket.name, key, marker.version_id, cause=CAUSE)
            return


def _abort_uploads(tx: Transaction, bucket: Bucket, rules: list[dict]) -> None:
    limits = [
        (prefix_of(rule), rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        for rule in rules
        if rule.get("AbortIncompleteMultipartUpload")
    ]
    if not limits:
        return
    for upload in list(UPLOADS.scan(tx, bucket.id)):
        if any(
            upload.key.startswith(prefix) and expires_at_ms(upload.initiated_at_ms, days) <= tx.now_ms
            for prefix, days in limits
        ):
            drop_upload(tx, upload)
