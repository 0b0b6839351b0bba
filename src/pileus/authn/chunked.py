"""aws-chunked bodies: chunks of the payload, each with its own signature, and trailing headers after the last.

    10000;chunk-signature=ad80c730…\\r\\n  <65536 bytes>\\r\\n
    0;chunk-signature=b6c6ea8a…\\r\\n
    x-amz-checksum-crc32c:sOO8/Q==\\r\\n
    x-amz-trailer-signature:d81f82fc…\\r\\n\\r\\n

Each signature covers its chunk's hash and the signature before it, the first the request's own. Pieces are handed on
as they come and each chunk is checked at its end, so a chunk of any size costs no memory; who reads must not keep
what it got before the stream has ended well.

Sources: S3 API reference, "Transferring Payload in Multiple Chunks (Chunked Upload)" and "Including Trailing Headers".
"""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator

from pileus.authn.refusals import refusal
from pileus.authn.signed import Signed
from pileus.kernel.errors import AwsError
from pileus.kernel.http import Body, BodyCutShort, BodyTooLarge, HttpRequest

MAX_CHUNK_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 16 * 1024
MIN_CHUNK_BYTES = 8192
"""Of every signed chunk but the last. Source: S3 API reference, error InvalidChunkSizeError."""
_EMPTY_HASH = hashlib.sha256().hexdigest()
_CHUNK_LINE = re.compile(rb"([0-9a-fA-F]{1,15})(?:;chunk-signature=([0-9a-f]{64}))?")


def _incomplete_body() -> AwsError:
    return AwsError(
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
        code="IncompleteBody",
        status=400,
    )


def _malformed_trailer() -> AwsError:
    return AwsError(
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
        code="MalformedTrailerError",
        status=400,
    )


def _chunk_too_small() -> AwsError:
    return AwsError(
        "Only the last chunk is allowed to have a size less than 8192 bytes", code="InvalidChunkSizeError", status=403
    )


class _Lines:
    """Lines and counted bytes out of a stream of pieces."""

    def __init__(self, source: Body) -> None:
        self._pieces = aiter(source)
        self._buffer = b""
        self._at = 0

    async def _more(self) -> bool:
        """Append the next piece; False at the end of the body."""
        try:
            piece = await anext(self._pieces, b"")
        except BodyCutShort:
            raise _incomplete_body() from None
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return bool(piece)

    async def line(self, limit_bytes: int) -> bytes:
        """Up to CR LF, without it."""
        searched = 0
        while (end := self._buffer.find(b"\r\n", self._at + searched)) < 0:
            if len(self._buffer) - self._at > limit_bytes:
                raise _incomplete_body()
            searched = max(0, len(self._buffer) - self._at - 1)
            if not await self._more():
                raise _incomplete_body()
        line = self._buffer[self._at : end]
        self._at = end + 2
        return line

    async def some(self, limit: int) -> bytes:
        """At least one byte and at most `limit`."""
        if self._at == len(self._buffer) and not await self._more():
            raise _incomplete_body()
        if self._at == 0 and len(self._buffer) <= limit:
            piece, self._buffer = self._buffer, b""
            return piece
        piece = self._buffer[self._at : self._at + limit]
        self._at += len(piece)
        return piece

    async def rest(self, limit_bytes: int) -> bytes:
        while len(self._buffer) - self._at <= limit_bytes:
            if not await self._more():
                return self._buffer[self._at :]
        raise _malformed_trailer()


class ChunkedBody(Body):
    """The decoded payload. `trailers` holds the trailing headers once the stream has ended.

    key      the signing key; None: chunks are not signed
    """

    def __init__(
        self,
        source: Body,
        decoded_bytes: int,
        *,
        signed: Signed | None = None,
        key: bytes | None = None,
        has_trailer: bool = False,
        announced: tuple[str, ...] = (),
    ) -> None:
        assert key is None or signed is not None
        self._source, self.decoded_bytes = source, decoded_bytes
        self._signed, self._key, self._has_trailer, self._announced = signed, key, has_trailer, announced
        self._previous = signed.signature if signed is not None else ""
        self.trailers: dict[str, str] = {}

    @classmethod
    def of(cls, request: HttpRequest, signed: Signed | None, key: bytes | None, *, has_trailer: bool) -> "ChunkedBody":
        """Raises MissingContentLength without a valid x-amz-decoded-content-length."""
        length = request.headers.get("x-amz-decoded-content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            raise AwsError("You must provide the Content-Length HTTP header.", code="MissingContentLength", status=411)
        names = request.headers.get("x-amz-trailer", "").lower().split(",")
        announced = tuple(name.strip() for name in names if name.strip())
        return cls(request.body, int(length), signed=signed, key=key, has_trailer=has_trailer, announced=announced)

    async def read(self, limit_bytes: int) -> bytes:
        if self.decoded_bytes > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        return b"".join([piece async for piece in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        lines = _Lines(self._source)
        total, previous_bytes = 0, MIN_CHUNK_BYTES
        while True:
            size, signature = self._chunk_line(await lines.line(MAX_CHUNK_LINE_BYTES))
            if size == 0:
                self._check_chunk(_EMPTY_HASH, signature)
                break
            if self._key is not None and previous_bytes < MIN_CHUNK_BYTES:
                raise _chunk_too_small()
            total, previous_bytes = total + size, size
            if total > self.decoded_bytes:
                raise _incomplete_body()
            digest = hashlib.sha256() if self._key is not None else None
            while size:
                piece = await lines.some(size)
                size -= len(piece)
                if digest is not None:
                    digest.update(piece)
                yield piece
            if await lines.line(0) != b"":
                raise _incomplete_body()
            if digest is not None:
                self._check_chunk(digest.hexdigest(), signature)
        if total != self.decoded_bytes:
            raise _incomplete_body()
        self._read_trailers(await lines.rest(MAX_TRAILER_BYTES))

    def _chunk_line(self, line: bytes) -> tuple[int, str]:
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise _incomplete_body()
        return int(match[1], 16), (match[2] or b"").decode()

    def _check_chunk(self, chunk_hash: str, signature: str) -> None:
        if self._key is not None:
            self._check("AWS4-HMAC-SHA256-PAYLOAD", f"{_EMPTY_HASH}\n{chunk_hash}", signature)

    def _check(self, algorithm: str, hashes: str, signature: str) -> None:
        signed = self._signed
        to_sign = f"{algorithm}\n{signed.timestamp}\n{signed.scope}\n{self._previous}\n{hashes}"
        expected = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise refusal(
                "s3",
                "mismatch",
                AWSAccessKeyId=signed.access_key_id,
                StringToSign=to_sign,
                SignatureProvided=signature,
            )
        self._previous = signature

    def _read_trailers(self, data: bytes) -> None:
        """Blank lines between and after are let pass: clients differ in how many they write."""
        try:
            lines = [line.strip() for line in data.decode("ascii").split("\n")]
        except UnicodeDecodeError:
            raise _malformed_trailer() from None
        given: dict[str, str] = {}
        for line in lines:
            if line:
                name, colon, value = line.partition(":")
                if not colon or name.lower() in given:
                    raise _malformed_trailer()
                given[name.strip().lower()] = value.strip()
        signature = given.pop("x-amz-trailer-signature", "")
        if not self._has_trailer:
            if given or signature:
                raise _malformed_trailer()
            return
        if set(given) != set(self._announced):
            raise _malformed_trailer()
        if self._key is not None:
            canonical = "".join(f"{name}:{value}\n" for name, value in sorted(given.items()))
            self._check("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(canonical.encode()).hexdigest(), signature)
        self.trailers = given
