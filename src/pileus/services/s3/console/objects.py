"""What is in a bucket: keys as folders, or every version of them; uploads and deletions."""

import mimetypes

from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpResponse
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.s3.console.buckets import of, trail

A_PAGE = 100


async def show(visit: Visit) -> Page:
    bucket, prefix = visit.labels["bucket"], visit.query.get("prefix", "")
    shows_versions = visit.query.get("versions") == "on"
    asked = {**of(visit), "Prefix": prefix, "Delimiter": "/", "MaxKeys": A_PAGE}
    folder = prefix[: prefix.rfind("/") + 1]
    values = {
        "bucket": bucket,
        "here": "objects",
        "prefix": prefix,
        "folder": folder,
        "above": _above(visit, folder),
        "shows_versions": shows_versions,
        **await (_versions(visit, asked) if shows_versions else _current(visit, asked)),
    }
    return Page("objects.html", bucket, values, trail=trail(visit))


async def _current(visit: Visit, asked: dict) -> dict:
    if visit.query.get("from"):
        asked["ContinuationToken"] = visit.query["from"]
    answer = await visit.invoke("ListObjectsV2", asked)
    last = answer.get("NextContinuationToken", "")
    return {
        "folders": [each["Prefix"] for each in answer.get("CommonPrefixes", ())],
        "objects": answer.get("Contents", []),
        "more": _url(visit, **{"from": last}) if last else "",
    }


async def _versions(visit: Visit, asked: dict) -> dict:
    for member, name in (("KeyMarker", "from"), ("VersionIdMarker", "from_version")):
        if visit.query.get(name):
            asked[member] = visit.query[name]
    answer = await visit.invoke("ListObjectVersions", asked)
    last = {"from": answer.get("NextKeyMarker", ""), "from_version": answer.get("NextVersionIdMarker", "")}
    return {
        "folders": [each["Prefix"] for each in answer.get("CommonPrefixes", ())],
        "objects": together(answer),
        "more": _url(visit, **last) if answer["IsTruncated"] else "",
    }


def together(answer: dict) -> list[dict]:
    """The versions and delete markers of a listing in one list, newest first within a key; a marker has no Size."""
    found = [*answer.get("Versions", ()), *answer.get("DeleteMarkers", ())]
    return sorted(found, key=lambda each: (each["Key"], not each["IsLatest"], -each["LastModified"].timestamp()))


def _above(visit: Visit, folder: str) -> list[tuple[str, str]]:
    """(name, address) of the bucket and of each folder on the way down to this one."""
    names = folder.split("/")[:-1]
    folders = [(f"{name}/", "/".join(names[: at + 1]) + "/") for at, name in enumerate(names)]
    versions = visit.query.get("versions", "")
    return [
        (name, visit.url("buckets", visit.labels["bucket"], prefix=prefix, versions=versions))
        for name, prefix in [(visit.labels["bucket"], ""), *folders]
    ]


async def upload(visit: Visit) -> HttpResponse:
    """One file, streamed into the object that the query names; console.js sends it and looks at the status alone."""
    key = visit.query.get("prefix", "") + visit.query.get("name", "")
    await visit.invoke("PutObject", {**of(visit), "Key": key, "Body": visit.body, **_type(key)})
    return HttpResponse(204)


async def put_text(visit: Visit) -> Redirect:
    """A new object replaces none. Browsers end lines by CR LF, whoever typed them."""
    key, text = visit.form.get("key", ""), visit.form.get("text", "").replace("\r\n", "\n")
    kind = {"ContentType": visit.typed("type")} if visit.typed("type") else _type(key)
    await visit.invoke("PutObject", {**of(visit), "Key": key, "Body": text.encode(), "IfNoneMatch": "*", **kind})
    return Redirect(visit.url("buckets", visit.labels["bucket"], "object", key=key), "The object is there.")


def _type(key: str) -> dict:
    kind, encoding = mimetypes.guess_type(key)
    return {"ContentType": kind} if kind and not encoding else {}


async def delete(visit: Visit) -> Redirect:
    """What was chosen, each as "version:key"; without a version the key as it is now."""
    chosen = []
    for each in visit.texts.get("chosen", ()):
        version, _, key = each.partition(":")
        chosen.append({"Key": key, "VersionId": version} if version else {"Key": key})
    if not chosen:
        return Redirect(_url(visit), "Nothing was chosen.")
    await delete_each(visit, chosen)
    return Redirect(_url(visit), f"{len(chosen)} deleted.")


async def delete_each(visit: Visit, chosen: list[dict]) -> None:
    """Delete up to 1000 of {Key, VersionId}. Each succeeds or fails by itself: raises the first failure, with the count."""
    asked = {**of(visit), "Delete": {"Objects": chosen, "Quiet": True}}
    failed = (await visit.invoke("DeleteObjects", asked)).get("Errors")
    if failed:
        count = f"{len(chosen) - len(failed)} of {len(chosen)} deleted"
        raise AwsError(f"{failed[0]['Key']}: {failed[0]['Message']} ({count})", code=failed[0]["Code"])


def _url(visit: Visit, **more: str) -> str:
    """The same listing, from its beginning unless `more` says otherwise."""
    kept = {name: visit.query.get(name, "") for name in ("prefix", "versions")}
    return visit.url("buckets", visit.labels["bucket"], **kept, **more)
