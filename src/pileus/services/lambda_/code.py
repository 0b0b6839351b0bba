"""Zips: taken in from a request or from S3, checked, unpacked; and the addresses they are downloaded from."""

import asyncio
import hashlib
import hmac
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from pileus.kernel.call import Call
from pileus.kernel.errors import AccessDenied, AwsError, NotImplementedByUs
from pileus.kernel.http import FilePart, HttpRequest, HttpResponse
from pileus.runtime.packages import InvalidPackage, Packages
from pileus.services.lambda_ import errors
from pileus.services.lambda_.state import UNZIPPED_LIMIT_BYTES, ZIPPED_LIMIT_BYTES, Code
from pileus.services.lambda_.transitions.codes import find_code, location_secret
from pileus.store.blobs import Blob

ROUTE = "/-lambda/code/"
"""No bucket's name begins like this, and no path of an AWS API."""

LOCATION_LASTS_MS = 600_000
"""Source: API reference, GetFunction: "a presigned URL that's valid for 10 minutes"."""

READ_BYTES = 1 << 20
INVALID_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A checked and unpacked zip whose `blob` is adopted by the transition that refers to it, or goes."""

    code: Code
    blob: Blob


@asynccontextmanager
async def taken_in(call: Call, packages: Packages, source: dict) -> AsyncIterator[TakenIn]:
    """The zip that a FunctionCode or LayerVersionContentInput names; the transition runs inside the block.

    errors   InvalidParameterValueException, AccessDeniedException, RequestTooLargeException
    """
    _require_one_source(source)
    async with call.cloud.blobs.writer(digests=["sha256"]) as writer:
        async for chunk in _chunks(call, source):
            await writer.write(chunk)
        blob = await writer.finish()
        digest = blob.digests["sha256"].hex()
        archive = blob.data if blob.data is not None else Path(call.cloud.blobs.path_of(blob.id))
        unzipped_bytes = await asyncio.to_thread(_unzipped_bytes, archive)
        try:
            folder = await packages.unpack(archive, digest)
        except InvalidPackage as error:
            raise errors.InvalidParameterValueException(str(error)) from error
        try:
            yield TakenIn(Code(digest, blob.id, blob.size_bytes, unzipped_bytes), blob)
        finally:
            if await call.read(find_code, digest) is None:
                # Whoever unpacks the same zip just now unpacks it once more, when it is needed.
                await asyncio.to_thread(packages.remove, folder)


def _require_one_source(source: dict) -> None:
    if source.get("ImageUri"):
        raise NotImplementedByUs("lambda with ImageUri")
    if source.get("SourceKMSKeyArn"):
        raise NotImplementedByUs("lambda with SourceKMSKeyArn")
    if source.get("S3ObjectStorageMode", "COPY") != "COPY":
        raise NotImplementedByUs("lambda with S3ObjectStorageMode REFERENCE")
    in_s3 = source.get("S3Bucket") or source.get("S3Key") or source.get("S3ObjectVersion")
    if source.get("ZipFile") is not None:
        if in_s3:
            raise errors.InvalidParameterValueException(
                "Please do not provide other FunctionCode parameters when providing a ZipFile."
            )
        if len(source["ZipFile"]) > ZIPPED_LIMIT_BYTES:
            raise errors.RequestTooLargeException(
                f"Request must be smaller than {ZIPPED_LIMIT_BYTES} bytes for the CreateFunction operation"
            )
        if not source["ZipFile"]:
            raise errors.InvalidParameterValueException("Uploaded file must be a non-empty zip")
    elif not in_s3:
        raise errors.InvalidParameterValueException("Please provide a source for function code.")
    elif not source.get("S3Bucket") or not source.get("S3Key"):
        missing = "S3Key" if source.get("S3Bucket") else "S3Bucket"
        raise errors.InvalidParameterValueException(f"{missing} is required for the source of the code.")


async def _chunks(call: Call, source: dict) -> AsyncIterator[bytes]:
    if source.get("ZipFile") is not None:
        yield source["ZipFile"]
        return
    wanted = {"Bucket": source["S3Bucket"], "Key": source["S3Key"]}
    if source.get("S3ObjectVersion"):
        wanted["VersionId"] = source["S3ObjectVersion"]
    try:
        body = (await call.invoke("s3", "GetObject", wanted))["Body"]
    except AccessDenied as error:
        raise errors.AccessDeniedException(
            "Your access has been denied by S3, please make sure your request credentials have permission to GetObject "
            f"for {wanted['Bucket']}/{wanted['Key']}. S3 Error Code: AccessDenied. S3 Error Message: {error.message}"
        ) from error
    except AwsError as error:
        if error.is_fault:
            raise
        raise errors.InvalidParameterValueException(
            f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
        ) from error
    async for chunk in _body_chunks(body):
        yield chunk


async def _body_chunks(body: bytes | FilePart | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, FilePart):
        for at in range(body.offset, body.offset + body.length, READ_BYTES):
            yield await asyncio.to_thread(_read, body.path, at, min(READ_BYTES, body.offset + body.length - at))
    else:
        async for chunk in body:
            yield chunk


def _read(path: str, at: int, count: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(at)
        return file.read(count)


def _unzipped_bytes(archive: Path | bytes) -> int:
    """What the zip's directory says; unpacking counts again."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive) if isinstance(archive, bytes) else archive) as opened:
            total = sum(entry.file_size for entry in opened.infolist())
            if not opened.infolist():
                raise errors.InvalidParameterValueException("Uploaded file must be a non-empty zip")
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise errors.InvalidParameterValueException(INVALID_ZIP) from error
    if total > UNZIPPED_LIMIT_BYTES:
        raise errors.InvalidParameterValueException(f"Unzipped size must be smaller than {UNZIPPED_LIMIT_BYTES} bytes")
    return total


# Downloads


async def location(call: Call, digest: str) -> str:
    """Where the zip can be had without further credentials, for ten minutes."""
    expires_ms = call.now_ms + LOCATION_LASTS_MS
    secret = await call.write(location_secret)
    return f"{call.endpoint}{ROUTE}{digest}?expires={expires_ms}&signature={_signature(secret, digest, expires_ms)}"


def _signature(secret: bytes, digest: str, expires_ms: int) -> str:
    return hmac.new(secret, f"{digest} {expires_ms}".encode(), hashlib.sha256).hexdigest()


async def download(cloud, request: HttpRequest) -> HttpResponse:
    """Answer an address that `location` gave."""
    digest = request.path.removeprefix(ROUTE)
    query = parse_qs(request.query)
    expires = query.get("expires", [""])[0]
    signature = query.get("signature", [""])[0]
    secret = await cloud.store.write(location_secret)
    is_signed = expires.isdigit() and hmac.compare_digest(_signature(secret, digest, int(expires)), signature)
    if not is_signed or int(expires) < cloud.clock.now_ms():
        return HttpResponse(403, [("content-type", "text/plain")], b"This address is not signed, or has expired.\n")
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(405, [("allow", "GET, HEAD")])
    code, _ = cloud.store.look(find_code, digest)
    if code is None:
        return HttpResponse(404, [("content-type", "text/plain")], b"This code has been deleted.\n")
    parts, _ = cloud.store.look(cloud.blobs.parts, code.blob_id)
    headers = [("content-type", "application/zip"), ("content-length", str(code.size_bytes))]
    return HttpResponse(200, headers, b"" if request.method == "HEAD" else cloud.blobs.body(parts))
