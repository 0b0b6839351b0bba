"""An object: what is known of it, the beginning of its text, its tags and versions; download, copy, deletion."""

import codecs
from collections.abc import AsyncIterator
from urllib.parse import quote

from pileus.kernel.errors import AwsError
from pileus.kernel.http import FilePart, HttpResponse
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.s3.console import tags
from pileus.services.s3.console.buckets import Told, of, told, trail
from pileus.services.s3.console.objects import together

PREVIEW_BYTES = 64 * 1024
VERSIONS_SHOWN = 100


async def show(visit: Visit) -> Page:
    """Also of a key that is deleted or can't be read, as long as its versions are to be seen."""
    named = _named(visit)
    bucket, key = named["Bucket"], named["Key"]
    asked = {"Bucket": bucket, "Prefix": key, "MaxKeys": VERSIONS_SHOWN}
    listed = await told(visit, "ListObjectVersions", asked)
    versions = [each for each in together(listed.answer) if each["Key"] == key]
    try:
        head, refused = await visit.invoke("HeadObject", {**named, "ChecksumMode": "ENABLED"}), None
    except AwsError as error:
        if not versions:
            raise
        head, refused = {}, error
    values = {
        "bucket": bucket,
        "key": key,
        "opened": named.get("VersionId", ""),
        "head": head,
        "refused": refused,
        "versions": versions,
        "listed": listed,
        "checksums": [(name, value) for name, value in head.items() if name.startswith("Checksum")],
        "tags": await told(visit, "GetObjectTagging", named) if head else Told(),
        "preview": await _preview(visit, named) if head.get("ContentLength") else Told(),
        "preview_bytes": PREVIEW_BYTES,
    }
    folder = _folder(key)
    above = ((bucket, visit.url("buckets", bucket)), *(((folder, _folder_url(visit, folder)),) if folder else ()))
    return Page("object.html", key, values, trail=(*trail(visit), *above))


async def _preview(visit: Visit, named: dict) -> Told:
    """{"text"}, or {} where it isn't text; what can't be read (denied, archived) is refused."""
    try:
        answer = await visit.invoke("GetObject", {**named, "Range": f"bytes=0-{PREVIEW_BYTES - 1}"})
    except AwsError as error:
        return Told(refused=error)
    data = await _read(answer["Body"])
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return Told()
    return Told({} if "\0" in text else {"text": text})


async def _read(body: bytes | FilePart | AsyncIterator[bytes]) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, FilePart):
        with open(body.path, "rb") as file:
            file.seek(body.offset)
            return file.read(body.length)
    return b"".join([piece async for piece in body])


async def download(visit: Visit) -> HttpResponse:
    """The bytes as they are kept. Whatever they claim to be, no browser shows them as a page of the console's."""
    named = _named(visit)
    answer = await visit.invoke("GetObject", named)
    name = named["Key"].rstrip("/").rpartition("/")[2]
    headers = [
        ("content-type", "application/octet-stream"),
        ("content-length", str(answer["ContentLength"])),
        ("content-disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ]
    return HttpResponse(200, headers, answer["Body"])


async def copy(visit: Visit) -> Redirect:
    named = _named(visit)
    version = f"?versionId={named['VersionId']}" if "VersionId" in named else ""
    bucket, key = visit.typed("to_bucket"), visit.form.get("to_key", "")
    asked = {"Bucket": bucket, "Key": key, "CopySource": quote(f"{named['Bucket']}/{named['Key']}") + version}
    await visit.invoke("CopyObject", asked)
    return Redirect(visit.url("buckets", bucket, "object", key=key), "This is the copy.")


async def tag(visit: Visit) -> Redirect:
    await tags.put(visit, "Object", _named(visit), visit.typed("key"), visit.typed("value"))
    return _back(visit, "The tag is set.")


async def untag(visit: Visit) -> Redirect:
    await tags.put(visit, "Object", _named(visit), visit.form.get("key", ""), None)
    return _back(visit, "The tag is gone.")


async def delete(visit: Visit) -> Redirect:
    """Where versions are kept, this only puts a delete marker on top."""
    named = {**of(visit), "Key": visit.query.get("key", "")}
    visit.must_be(named["Key"])
    answer = await visit.invoke("DeleteObject", named)
    notice = "A delete marker hides the object now." if answer.get("DeleteMarker") else "The object is deleted."
    return Redirect(_folder_url(visit, _folder(named["Key"])), notice)


async def delete_version(visit: Visit) -> Redirect:
    key, version = visit.query.get("key", ""), visit.form.get("version", "")
    visit.must_be(key)
    answer = await visit.invoke("DeleteObject", {**of(visit), "Key": key, "VersionId": version})
    notice = "The delete marker is gone." if answer.get("DeleteMarker") else "The version is deleted."
    return Redirect(_folder_url(visit, _folder(key), versions="on"), notice)


def _named(visit: Visit) -> dict:
    """Bucket, Key and, where the address names one, VersionId."""
    version = visit.query.get("version")
    return {**of(visit), "Key": visit.query.get("key", ""), **({"VersionId": version} if version else {})}


def _folder(key: str) -> str:
    return key[: key.rfind("/", 0, -1) + 1]


def _folder_url(visit: Visit, folder: str, **more: str) -> str:
    return visit.url("buckets", visit.labels["bucket"], prefix=folder, **more)


def _back(visit: Visit, notice: str) -> Redirect:
    kept = {name: visit.query.get(name, "") for name in ("key", "version")}
    return Redirect(visit.url("buckets", visit.labels["bucket"], "object", **kept), notice)
