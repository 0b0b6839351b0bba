"""A bucket's lifecycle rules, its unfinished uploads, and its end."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.s3.console import documents
from pileus.services.s3.console.buckets import of, told, trail
from pileus.services.s3.console.objects import delete_each, together

A_PAGE = 50
EMPTIED_AT_ONCE = 1000
"""As many as DeleteObjects takes."""


async def show(visit: Visit) -> Page:
    bucket = visit.labels["bucket"]
    asked = {**of(visit), "MaxUploads": A_PAGE}
    for member, name in (("KeyMarker", "from"), ("UploadIdMarker", "from_upload")):
        if visit.query.get(name):
            asked[member] = visit.query[name]
    uploads = await told(visit, "ListMultipartUploads", asked)
    last = {
        "from": uploads.answer.get("NextKeyMarker", ""),
        "from_upload": uploads.answer.get("NextUploadIdMarker", ""),
    }
    more = visit.url("buckets", bucket, "management", **last) if uploads.answer.get("IsTruncated") else ""
    values = {
        "bucket": bucket,
        "here": "management",
        "lifecycle": await told(visit, "GetBucketLifecycleConfiguration", of(visit)),
        "uploads": uploads,
        "more": more,
    }
    return Page("management.html", bucket, values, trail=trail(visit))


async def set_lifecycle(visit: Visit) -> Redirect:
    """An empty text takes the rules away."""
    if visit.typed("lifecycle"):
        configuration = documents.read(visit.typed("lifecycle"), documents.LIFECYCLE)
        await visit.invoke("PutBucketLifecycleConfiguration", {**of(visit), "LifecycleConfiguration": configuration})
        return _back(visit, "The lifecycle rules are in force.")
    await visit.invoke("DeleteBucketLifecycle", of(visit))
    return _back(visit, "There are no lifecycle rules any more.")


async def abort(visit: Visit) -> Redirect:
    asked = {**of(visit), "Key": visit.form.get("key", ""), "UploadId": visit.form.get("upload", "")}
    await visit.invoke("AbortMultipartUpload", asked)
    return _back(visit, "The upload is aborted.")


async def empty(visit: Visit) -> Redirect:
    """Delete a listing's worth of versions and delete markers, and say whether there are more."""
    visit.must_be(visit.labels["bucket"])
    listed = await visit.invoke("ListObjectVersions", {**of(visit), "MaxKeys": EMPTIED_AT_ONCE})
    found = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in together(listed)]
    if found:
        await delete_each(visit, found)
    rest = " There are more: empty it again." if listed["IsTruncated"] else " The bucket is empty."
    return _back(visit, f"{len(found)} deleted.{rest}")


async def delete(visit: Visit) -> Redirect:
    visit.must_be(visit.labels["bucket"])
    await visit.invoke("DeleteBucket", of(visit))
    return Redirect(visit.url("buckets"), f"The bucket {visit.labels['bucket']} is deleted.")


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("buckets", visit.labels["bucket"], "management"), notice)
