"""Bodies on their way in: hashed while they stream, never whole in memory unless they are small.

Nothing that came in is an object before the transaction that names it; a body that was cut short or has the wrong
checksum leaves nothing. How they go out: `store/blobs.py`.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from pileus.kernel.call import Call
from pileus.kernel.http import Body, HttpRequest
from pileus.services.s3 import asked, checksums, errors
from pileus.services.s3.customer_keys import CustomerKey
from pileus.services.s3.state.records import MAX_PUT_BYTES
from pileus.store.blob_writer import BlobWriter
from pileus.store.blobs import INLINE_MAX_BYTES, Blob, Blobs
from pileus.store.sealing import SALT_BYTES, SealingWriter, seal

DEFAULT_ALGORITHM = "CRC64NVME"
"""What S3 computes when the sender states nothing. User guide, "Checking object integrity in Amazon S3"."""


_PUTTING = {"PutObject": "Put Object", "UploadPart": "Put Part"}


class Taken(NamedTuple):
    """A body that has come in.

    size       of the body; under a customer's key the blob is larger
    algorithm  of the checksum that was stated, asked for, or is S3's default
    etag       the MD5, or a random one under a customer's key
    """

    blob: Blob
    size: int
    md5: str
    algorithm: str
    checksum: str
    etag: str


class taken:
    """Read the request's body to its end and check it against what the request states of it.

    Within the block it is to be adopted by a transaction, else nothing is left of it.

    algorithm  computed where the request states none: that of the multipart upload
    locks      what is put is to be locked, so that a checksum must be stated
    key        the customer's, that the blob is sealed with
    errors     BadDigest, InvalidDigest, InvalidRequest (no checksum), EntityTooLarge, MissingContentLength
    """

    def __init__(
        self,
        call: Call,
        request: dict,
        *,
        algorithm: str | None = None,
        locks: bool = False,
        key: CustomerKey | None = None,
    ) -> None:
        self._call, self._request, self._algorithm, self._locks = call, request, algorithm, locks
        self._key = key
        self._unfinished: AsyncExitStack | None = None

    async def __aenter__(self) -> Taken:
        call, request = self._call, self._request
        stated = checksums.declared(request)
        named = stated[0] if stated else _announced(call, request)
        chosen = named or self._algorithm or DEFAULT_ALGORITHM
        md5 = _decoded_md5(request.get("ContentMD5"))
        if self._locks and named is None and md5 is None and asked.is_over_the_wire(call):
            raise errors.InvalidRequest(
                f"Content-MD5 OR x-amz-checksum- HTTP header is required for {_PUTTING[call.operation]} requests with "
                "Object Lock parameters"
            )
        body = request.get("Body") or b""
        if isinstance(body, (bytes, bytearray, memoryview, str)):
            data = body.encode() if isinstance(body, str) else bytes(body)
            body, length = Body(data), len(data)
        else:
            length = _length(call, request, body)
        if length is not None and length > MAX_PUT_BYTES:
            raise errors.EntityTooLarge(ProposedSize=length, MaxSizeAllowed=MAX_PUT_BYTES)
        if length is not None and length <= INLINE_MAX_BYTES:
            received = _small(await body.read(INLINE_MAX_BYTES), chosen)
            _check(received, body, stated, md5)
            return received if self._key is None else _sealed(received, call, self._key)
        async with AsyncExitStack() as stack:
            digests = {"md5", chosen.lower(), *body.digests}
            writer = await writer_for(stack, call, digests, self._key)
            received = await _to_blob(writer, body, chosen)
            _check(received, body, stated, md5)
            if self._key is not None:
                received = received._replace(etag=random_etag(call))
            self._unfinished = stack.pop_all()
        return received

    async def __aexit__(self, *how: Any) -> None:
        if self._unfinished is not None:
            await self._unfinished.__aexit__(*how)


async def writer_for(
    stack: AsyncExitStack, call: Call, digests: Iterable[str], key: CustomerKey | None
) -> BlobWriter | SealingWriter:
    """A writer that `stack` closes; what it writes is sealed where there is a key."""
    blobs: Blobs = call.cloud.blobs
    if key is None:
        return await stack.enter_async_context(blobs.writer(digests))
    writer = await stack.enter_async_context(blobs.writer())
    return SealingWriter(writer, blobs, key.secret, call.ids.bytes(SALT_BYTES), digests)


def random_etag(call: Call) -> str:
    """Under a customer's key an ETag is no MD5 of the body. User guide, "Considerations before using SSE-C"."""
    return call.ids.hex(32)


def _sealed(received: Taken, call: Call, key: CustomerKey) -> Taken:
    data = seal(key.secret, call.ids.bytes(SALT_BYTES), received.blob.data)
    return received._replace(blob=Blob("", len(data), {}, data), etag=random_etag(call))


async def _to_blob(writer: BlobWriter | SealingWriter, body: Body, algorithm: str) -> Taken:
    while await writer.fill(body):
        if writer.size_bytes > MAX_PUT_BYTES:
            raise errors.EntityTooLarge(ProposedSize=writer.size_bytes, MaxSizeAllowed=MAX_PUT_BYTES)
    blob = await writer.finish()
    body.check(blob.digests)
    md5 = blob.digests["md5"].hex()
    return Taken(blob, writer.size_bytes, md5, algorithm, checksums.text(blob.digests[algorithm.lower()]), md5)


def _small(data: bytes, algorithm: str) -> Taken:
    """Without a writer: most bodies are small, and this is the way that has to be fast."""
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    blob = Blob("", len(data), {}, data)
    return Taken(blob, len(data), md5, algorithm, checksums.of(algorithm, data), md5)


def check_unstreamed(operation: str, request: HttpRequest, body: bytes, trailers: Mapping[str, str]) -> None:
    """Of a body that is a document and no object: refuse it where it is not what the request states of it.

    errors   BadDigest, InvalidDigest, InvalidRequest (several checksums; none where S3 wants one)
    """
    if request.method not in ("PUT", "POST"):
        return
    md5 = _decoded_md5(request.headers.get("content-md5"))
    if md5 is not None:
        computed = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if md5 != computed:
            raise _wrong_md5(md5, computed)
    if operation == "CompleteMultipartUpload":
        return  # the checksum in its headers is the object's
    stated = checksums.declared(checksums.stated_in(request.headers) | checksums.stated_in(trailers))
    if stated is not None:
        if stated[1] != checksums.of(stated[0], body):
            raise _wrong_checksum(stated[0])
    elif md5 is None and operation == "DeleteObjects":
        raise errors.InvalidRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")


def _check(received: Taken, body: Body, stated: tuple[str, str] | None, md5: str | None) -> None:
    algorithm = received.algorithm
    trailer = getattr(body, "trailers", {}).get(f"x-amz-checksum-{algorithm.lower()}")
    if trailer is not None:
        checksums.require_well_formed(algorithm, trailer)
        stated = (algorithm, trailer)
    if stated is not None and stated[1] != received.checksum:
        raise _wrong_checksum(algorithm)
    if md5 is not None and md5 != received.md5:
        raise _wrong_md5(md5, received.md5)


def _wrong_checksum(algorithm: str) -> errors.BadDigest:
    return errors.BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")


def _wrong_md5(stated: str, computed: str) -> errors.BadDigest:
    return errors.BadDigest(
        "The Content-MD5 you specified did not match what we received.",
        ExpectedDigest=stated,
        CalculatedDigest=computed,
    )


def _decoded_md5(value: str | None) -> str | None:
    """Content-MD5 in hexadecimal. Raises InvalidDigest for what is no MD5."""
    if value is None:
        return None
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        raise errors.InvalidDigest()
    return raw.hex()


def _announced(call: Call, request: dict) -> str | None:
    """The algorithm whose checksum comes as a trailer, or is only asked for."""
    named = request.get("ChecksumAlgorithm")
    if call.http is None:
        return named
    for name in call.http.headers.get("x-amz-trailer", "").lower().split(","):
        if name.strip() in checksums.HEADERS:
            return checksums.HEADERS[name.strip()]
    if named is not None:
        raise errors.InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found."
        )
    return None


def _length(call: Call, request: dict, body: Body) -> int | None:
    """Of the decoded body. S3 takes no body whose length it does not know beforehand."""
    decoded = getattr(body, "decoded_bytes", None)
    if decoded is not None:
        return decoded
    if request.get("ContentLength") is None and call.http is not None:
        if "transfer-encoding" in call.http.headers:
            raise errors.S3Error(
                "A header you provided implies functionality that is not implemented",
                code="NotImplemented",
                status=501,
                Header="Transfer-Encoding",
            )
        raise errors.MissingContentLength()
    return request.get("ContentLength")
