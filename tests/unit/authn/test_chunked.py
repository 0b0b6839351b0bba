"""aws-chunked bodies: the examples of the S3 reference, and whatever a client or a thief may write instead."""

import base64
import hashlib
import hmac
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signed_requests import ACCESS_KEY, SECRET

from pileus.authn import sigv4
from pileus.authn.chunked import MIN_CHUNK_BYTES, ChunkedBody
from pileus.authn.payload import verified_body
from pileus.authn.signed import Signed
from pileus.kernel.errors import AwsError
from pileus.kernel.http import Body, BodyCutShort, BodyTooLarge, HttpRequest

SCOPE = "20130524/us-east-1/s3/aws4_request"
MARKER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


class Pieces(Body):
    """A body that arrives in pieces, and may break off."""

    def __init__(self, data: bytes, sizes: list[int] = (), is_cut_short: bool = False) -> None:
        super().__init__(data)
        self._sizes, self._is_cut_short = sizes, is_cut_short

    async def __aiter__(self):
        rest = self._data
        for size in self._sizes:
            piece, rest = rest[:size], rest[size:]
            if piece:
                yield piece
        if rest:
            yield rest
        if self._is_cut_short:
            raise BodyCutShort


def example_request(marker: str, seed: str, signed_headers: str, body: Body, **headers: str) -> HttpRequest:
    """The PUT Object of the S3 reference's examples: 66,560 times the letter a, in chunks of 64 KiB."""
    return HttpRequest(
        "PUT",
        "/examplebucket/chunkObject.txt",
        headers={
            "host": "s3.amazonaws.com",
            "x-amz-date": "20130524T000000Z",
            "x-amz-storage-class": "REDUCED_REDUNDANCY",
            "authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{SCOPE},SignedHeaders={signed_headers},Signature={seed}",
            "x-amz-content-sha256": marker,
            "content-encoding": "aws-chunked",
            "x-amz-decoded-content-length": "66560",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
        body=body,
    )


def chunk(data: bytes, signature: str) -> bytes:
    return b"%x;chunk-signature=%s\r\n%s\r\n" % (len(data), signature.encode(), data)


def verified(request: HttpRequest) -> ChunkedBody:
    signed = sigv4.read(request, "s3")
    sigv4.verify(request, signed, SECRET, signed.signed_ms)
    return verified_body(request, signed, SECRET)


async def test_the_example_of_the_s3_reference_is_genuine():
    wire = chunk(b"a" * 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648")
    wire += chunk(b"a" * 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497")
    wire += chunk(b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9")
    request = example_request(
        MARKER,
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        "x-amz-storage-class",
        Pieces(wire, [1, 2, 3, 1000, 66000]),
        content_length="66824",
    )
    assert len(wire) == 66824
    assert await verified(request).read(1 << 20) == b"a" * 66560


async def test_the_example_with_a_trailer_is_genuine():
    wire = chunk(b"a" * 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2")
    wire += chunk(b"a" * 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7")
    wire += b"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
    wire += b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    wire += b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
    request = example_request(
        MARKER + "-TRAILER",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;"
        "x-amz-trailer",
        Pieces(wire),
        x_amz_trailer="x-amz-checksum-crc32c",
    )
    body = verified(request)
    assert await body.read(1 << 20) == b"a" * 66560
    assert body.trailers == {"x-amz-checksum-crc32c": "sOO8/Q=="}


class Upload:
    """Writes what an SDK would: each part a chunk, signed or not, with a CRC32 trailer or not."""

    seed = "5" * 64
    date = "20130524T000000Z"

    def __init__(self, parts: list[bytes], *, is_signed: bool, has_trailer: bool) -> None:
        self.payload = b"".join(parts)
        self.is_signed, self.has_trailer = is_signed, has_trailer
        self.key = sigv4.signing_key(SECRET, "20130524", "us-east-1", "s3")
        self._previous = self.seed
        self.lines = [self._line(part) for part in parts]
        self.lines.append(self._line(b"")[:-2] if has_trailer else self._line(b""))
        if has_trailer:
            self.crc = base64.b64encode(zlib.crc32(self.payload).to_bytes(4)).decode()
            self.lines.append(f"x-amz-checksum-crc32:{self.crc}\r\n".encode())
            if is_signed:
                canonical = f"x-amz-checksum-crc32:{self.crc}\n".encode()
                signature = self._sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(canonical).hexdigest())
                self.lines.append(f"x-amz-trailer-signature:{signature}\r\n".encode())
            self.lines.append(b"\r\n")

    def _sign(self, algorithm: str, *hashes: str) -> str:
        to_sign = "\n".join([algorithm, self.date, SCOPE, self._previous, *hashes])
        self._previous = hmac.digest(self.key, to_sign.encode(), "sha256").hex()
        return self._previous

    def _line(self, data: bytes) -> bytes:
        if not self.is_signed:
            return b"%x\r\n%s\r\n" % (len(data), data)
        empty = hashlib.sha256(b"").hexdigest()
        return chunk(data, self._sign("AWS4-HMAC-SHA256-PAYLOAD", empty, hashlib.sha256(data).hexdigest()))

    def body(self, wire: bytes | None = None, sizes: list[int] = (), **changes) -> ChunkedBody:
        wire = b"".join(self.lines) if wire is None else wire
        signed = Signed(
            "header", sigv4.HMAC, ACCESS_KEY, "20130524", "us-east-1", "s3", ("host",), self.seed, self.date, 0, None,
            None, "s3",
        )  # fmt: skip
        options = {
            "decoded_bytes": len(self.payload),
            "signed": signed,
            "key": self.key if self.is_signed else None,
            "has_trailer": self.has_trailer,
            "announced": ("x-amz-checksum-crc32",) if self.has_trailer else (),
        }
        return ChunkedBody(Pieces(wire, sizes), **(options | changes))


async def code_of(body: ChunkedBody) -> str:
    with pytest.raises(AwsError) as caught:
        await body.read(1 << 30)
    return caught.value.code


parts = st.lists(st.integers(0, 255).map(lambda byte: bytes([byte]) * MIN_CHUNK_BYTES), max_size=3)
last = st.lists(st.binary(min_size=1, max_size=50), max_size=1)
forms = st.sampled_from([(True, False), (True, True), (False, True)])


@given(parts, last, forms, st.lists(st.integers(1, 5000), max_size=12))
@settings(max_examples=80, deadline=None)
async def test_what_was_sent_arrives_however_it_is_cut_on_the_way(whole, tail, form, sizes):
    upload = Upload(whole + tail, is_signed=form[0], has_trailer=form[1])
    body = upload.body(sizes=sizes)
    assert await body.read(1 << 20) == upload.payload
    assert body.trailers == ({"x-amz-checksum-crc32": upload.crc} if form[1] else {})


@given(parts, last, st.booleans(), st.data())
@settings(max_examples=80, deadline=None)
async def test_no_flipped_bit_of_a_signed_upload_is_let_through(whole, tail, has_trailer, data):
    upload = Upload(whole + tail, is_signed=True, has_trailer=has_trailer)
    wire = bytearray(b"".join(upload.lines))
    # Blank lines at the very end carry no meaning, and no bit of theirs is signed.
    at = data.draw(st.integers(0, len(wire) - 5))
    wire[at] ^= 1 << data.draw(st.integers(0, 7))
    body = upload.body(bytes(wire))
    try:
        payload = await body.read(1 << 20)
    except AwsError:
        return
    # Only spelling may have changed: a size or a name in the other case.
    assert payload == upload.payload
    assert body.trailers == ({"x-amz-checksum-crc32": upload.crc} if has_trailer else {})


@pytest.mark.parametrize("form", [(True, False), (True, True), (False, True)])
async def test_a_body_that_ends_early_is_incomplete(form):
    upload = Upload([b"x" * MIN_CHUNK_BYTES, b"y"], is_signed=form[0], has_trailer=form[1])
    whole = b"".join(upload.lines[:3])  # through the line of the last, empty chunk
    for length in (0, 1, 50, 5000, len(whole) - 6):
        assert await code_of(upload.body(whole[:length])) == "IncompleteBody"


async def test_a_connection_that_ends_early_is_an_incomplete_body():
    body = Upload([b"abc"], is_signed=True, has_trailer=False).body()
    body._source = Pieces(body._source._data[:40], is_cut_short=True)
    assert await code_of(body) == "IncompleteBody"


@pytest.mark.parametrize("difference", [-1, 1])
async def test_the_decoded_length_must_be_right(difference):
    upload = Upload([b"abc"], is_signed=True, has_trailer=False)
    assert await code_of(upload.body(decoded_bytes=3 + difference)) == "IncompleteBody"


async def test_chunks_cant_change_places():
    upload = Upload([b"1" * MIN_CHUNK_BYTES, b"2" * MIN_CHUNK_BYTES], is_signed=True, has_trailer=False)
    first, second, end = upload.lines
    assert await code_of(upload.body(second + first + end)) == "SignatureDoesNotMatch"
    assert await code_of(upload.body(first + end, decoded_bytes=MIN_CHUNK_BYTES)) == "SignatureDoesNotMatch"


async def test_an_unsigned_chunk_in_a_signed_upload_is_refused():
    upload = Upload([b"abc"], is_signed=True, has_trailer=False)
    assert await code_of(upload.body(b"3\r\nabc\r\n0\r\n\r\n")) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(("size", "is_fine"), [(MIN_CHUNK_BYTES - 1, False), (MIN_CHUNK_BYTES, True)])
async def test_only_the_last_signed_chunk_may_be_small(size, is_fine):
    body = Upload([b"x" * size, b"y"], is_signed=True, has_trailer=False).body()
    if is_fine:
        assert len(await body.read(1 << 20)) == size + 1
    else:
        assert await code_of(body) == "InvalidChunkSizeError"


async def test_a_trailer_that_was_not_announced_or_is_missing_is_malformed():
    upload = Upload([b"abc"], is_signed=False, has_trailer=True)
    assert await code_of(upload.body(announced=())) == "MalformedTrailerError"
    assert await code_of(upload.body(announced=("x-amz-checksum-sha1",))) == "MalformedTrailerError"
    assert await code_of(upload.body(b"".join(upload.lines[:2]))) == "MalformedTrailerError"
    assert await code_of(upload.body(has_trailer=False)) == "MalformedTrailerError"


async def test_a_changed_trailer_is_refused():
    upload = Upload([b"abc"], is_signed=True, has_trailer=True)
    wire = b"".join(upload.lines).replace(upload.crc.encode(), b"AAAAAA==")
    assert await code_of(upload.body(wire)) == "SignatureDoesNotMatch"


async def test_endless_chunk_lines_and_trailers_are_refused():
    upload = Upload([b"abc"], is_signed=False, has_trailer=True)
    assert await code_of(upload.body(b"0" * 10_000)) == "IncompleteBody"
    wire = b"".join(upload.lines[:2]) + b"x-amz-a:b\r\n" * 10_000
    assert await code_of(upload.body(wire)) == "MalformedTrailerError"


async def test_a_decoded_body_larger_than_the_reader_takes_is_refused_before_it_is_read():
    with pytest.raises(BodyTooLarge):
        await Upload([b"abc"], is_signed=True, has_trailer=False).body().read(2)


async def test_a_body_is_hashed_as_it_streams():
    digest = hashlib.sha256(b"hello").hexdigest()
    headers = {"host": "b.s3.amazonaws.com", "x-amz-content-sha256": digest}
    signed = Signed(
        "header", sigv4.HMAC, ACCESS_KEY, "20130524", "us-east-1", "s3", ("host",), "0" * 64, "", 0, None, None, "s3"
    )
    good = verified_body(HttpRequest("PUT", "/k", headers=headers, body=Pieces(b"hello", [2])), signed, SECRET)
    assert b"".join([piece async for piece in good]) == b"hello"
    bad = verified_body(HttpRequest("PUT", "/k", headers=headers, body=Pieces(b"hellO", [2])), signed, SECRET)
    with pytest.raises(AwsError) as caught:
        [piece async for piece in bad]
    assert caught.value.code == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize(("secret", "is_fine"), [(SECRET, False), ("", True)])
async def test_chunks_of_a_key_without_a_secret_are_not_checked(secret, is_fine):
    upload = Upload([b"abc"], is_signed=True, has_trailer=False)
    wire = b"".join(upload.lines).replace(b"abc", b"xyz")
    headers = {"host": "h", "x-amz-content-sha256": MARKER, "x-amz-decoded-content-length": "3"}
    request = HttpRequest("PUT", "/k", headers=headers, body=Pieces(wire))
    body = verified_body(request, upload.body()._signed, secret)
    if is_fine:
        assert await body.read(10) == b"xyz"
    else:
        assert await code_of(body) == "SignatureDoesNotMatch"
