"""A bucket's versioning, encryption, Object Lock, notifications and tags."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.s3.console import documents, tags
from pileus.services.s3.console.buckets import of, told, trail

PARTS = {
    "location": "GetBucketLocation",
    "versioning": "GetBucketVersioning",
    "encryption": "GetBucketEncryption",
    "lock": "GetObjectLockConfiguration",
    "notifications": "GetBucketNotificationConfiguration",
    "tags": "GetBucketTagging",
}


async def show(visit: Visit) -> Page:
    bucket = visit.labels["bucket"]
    parts = {name: await told(visit, operation, of(visit)) for name, operation in PARTS.items()}
    return Page("properties.html", bucket, {"bucket": bucket, "here": "properties", **parts}, trail=trail(visit))


async def set_versioning(visit: Visit) -> Redirect:
    status = visit.typed("status")
    await visit.invoke("PutBucketVersioning", {**of(visit), "VersioningConfiguration": {"Status": status}})
    return _back(visit, f"Versioning: {status}.")


async def set_encryption(visit: Visit) -> Redirect:
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": visit.typed("algorithm")},
        "BucketKeyEnabled": bool(visit.typed("bucket_key")),
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C" if visit.typed("block_customers") else "NONE"]},
    }
    await visit.invoke("PutBucketEncryption", {**of(visit), "ServerSideEncryptionConfiguration": {"Rules": [rule]}})
    return _back(visit, "Encryption is set. It holds for what is put from now on.")


async def set_lock(visit: Visit) -> Redirect:
    """The default retention of new versions; without a mode there is none."""
    configuration: dict = {"ObjectLockEnabled": "Enabled"}
    if visit.typed("mode"):
        retention = {"Mode": visit.typed("mode"), "Days": visit.whole("days", "The number of days")}
        configuration["Rule"] = {"DefaultRetention": retention}
    await visit.invoke("PutObjectLockConfiguration", {**of(visit), "ObjectLockConfiguration": configuration})
    return _back(visit, "The default retention is set. It holds for new versions.")


async def set_notifications(visit: Visit) -> Redirect:
    """An empty text takes them away."""
    configuration = documents.read(visit.typed("notifications") or "{}", documents.NOTIFICATIONS)
    asked = {**of(visit), "NotificationConfiguration": configuration}
    await visit.invoke("PutBucketNotificationConfiguration", asked)
    return _back(visit, "The notifications are set." if configuration else "There are no notifications any more.")


async def tag(visit: Visit) -> Redirect:
    await tags.put(visit, "Bucket", of(visit), visit.typed("key"), visit.typed("value"))
    return _back(visit, "The tag is set.")


async def untag(visit: Visit) -> Redirect:
    await tags.put(visit, "Bucket", of(visit), visit.form.get("key", ""), None)
    return _back(visit, "The tag is gone.")


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("buckets", visit.labels["bucket"], "properties"), notice)
