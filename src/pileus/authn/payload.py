"""The body behind a signature: checked against what was signed while it streams to whoever reads it."""

import hashlib
from collections.abc import AsyncIterator, Mapping

from pileus.authn.chunked import ChunkedBody
from pileus.authn.refusals import refusal
from pileus.authn.signed import Signed
from pileus.authn.sigv4 import (
    STREAMING_MARKERS,
    UNASKED,
    UNSIGNED_PAYLOAD,
    content_mismatch,
    declared_payload,
    signing_key,
)
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.http import Body, HttpRequest


class HashedBody(Body):
    """Raises XAmzContentSHA256Mismatch (not S3: SignatureDoesNotMatch) after the last piece if the body is not what
    was signed.

    So whoever streams it must not keep what it got before the stream has ended well.
    """

    digests = ("sha256",)

    def __init__(self, source: Body, declared: str, signed: Signed) -> None:
        self._source, self._declared, self._signed = source, declared, signed

    async def read(self, limit_bytes: int) -> bytes:
        data = await self._source.read(limit_bytes)
        self._check(hashlib.sha256(data).hexdigest())
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        async for piece in self._source:
            digest.update(piece)
            yield piece
        self._check(digest.hexdigest())

    async def readinto(self, room: memoryview) -> int:
        return await self._source.readinto(room)

    @property
    def is_at_end(self) -> bool:
        return self._source.is_at_end

    def check(self, digests: Mapping[str, bytes]) -> None:
        self._check(digests["sha256"].hex())

    def _check(self, computed: str) -> None:
        if computed != self._declared:
            if self._signed.is_s3:
                raise content_mismatch(self._declared, computed)
            raise refusal(self._signed.dialect, "mismatch")


def verified_body(
    request: HttpRequest, signed: Signed | None, secret_key: str, *, declared: str | None = UNASKED
) -> Body:
    """The request's body as its signature covers it. Chunked ones come decoded; see ChunkedBody.trailers.

    declared  what `declared_payload` said of this request, where it was asked already

    Anonymous requests and those without x-amz-content-sha256 get the plain body: nothing is declared of it. With a
    secret of "" (a key that needs none) the chunks' signatures are not checked, for nobody can.
    """
    if signed is None:
        declared = request.headers.get("x-amz-content-sha256")
        if declared != "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
            return request.body
    elif declared is UNASKED:
        declared = declared_payload(request, signed)
    if declared is None or declared == UNSIGNED_PAYLOAD:
        return request.body
    if declared not in STREAMING_MARKERS:
        return HashedBody(request.body, declared, signed)
    if "ECDSA" in declared:
        raise NotImplementedByUs(f"x-amz-content-sha256: {declared}")
    key = None
    if signed is not None and secret_key and "UNSIGNED" not in declared:
        key = signing_key(secret_key, signed.date, signed.region, signed.service)
    return ChunkedBody.of(request, signed, key, has_trailer=declared.endswith("-TRAILER"))
