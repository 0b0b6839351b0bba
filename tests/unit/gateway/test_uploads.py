"""S3 in all the forms in which clients send it: bucket in the host or the path, presigned, chunked, with trailers."""

import base64
import hashlib
import hmac
import zlib
from datetime import timedelta
from urllib.parse import unquote_plus, urlsplit

import pytest
from botocore import auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.crt import auth as crt_auth
from msgspec.structs import replace
from wire import ENDPOINT, ROOT, client, received, signed, written

from pileus.kernel.http import Body, HttpRequest
from pileus.kernel.principal import root

BIG = bytes(range(256)) * 1024
"""256 KiB: too large to lie within its row."""
EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture
async def bucket(wire) -> str:
    assert (await wire.call("s3", "CreateBucket", Bucket="bucket")).status == 200
    return "bucket"


async def content(wire, key: str) -> bytes | None:
    answer = await wire.call("s3", "GetObject", Bucket="bucket", Key=key)
    return answer.body if answer.status == 200 else None


# Where the bucket stands


@pytest.mark.parametrize(
    "at", ["http://localhost:4566", "http://s3.localhost.localstack.cloud:4566", "http://s3.us-east-1.localhost:4566"]
)
async def test_a_bucket_in_the_host_is_the_one_in_the_path(wire, bucket, at):
    key = "folder/a b+c~ü.txt"
    put = written("s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": b"content"}, at=at, style="virtual")
    assert put.headers["host"].startswith("bucket.")
    assert (await wire.send(put, "s3")).status == 200
    assert await content(wire, key) == b"content"
    listed = written("s3", "ListObjectsV2", {"Bucket": bucket, "Prefix": "folder/"}, at=at, style="virtual")
    assert unquote_plus((await wire.send(listed, "s3", "ListObjectsV2")).parsed["Contents"][0]["Key"]) == key
    head = written("s3", "HeadBucket", {"Bucket": bucket}, at=at, style="virtual")
    assert (await wire.send(head, "s3")).status == 200
    gone = written("s3", "DeleteObject", {"Bucket": bucket, "Key": key}, at=at, style="virtual")
    assert (await wire.send(gone, "s3")).status == 204
    assert await content(wire, key) is None


async def test_a_key_named_like_its_bucket_is_not_taken_for_it(wire, bucket):
    put = written("s3", "PutObject", {"Bucket": bucket, "Key": "bucket/bucket", "Body": b"x"}, style="virtual")
    await wire.send(put, "s3")
    assert await content(wire, "bucket/bucket") == b"x"


# Presigned


def presigned(method: str, operation: str, *, key=ROOT, expires_s: int = 60, style: str = "path", **members):
    url = client("s3", key, ENDPOINT, style).generate_presigned_url(operation, members, expires_s)
    parts = urlsplit(url)
    return HttpRequest(method, parts.path, parts.query, {"host": parts.netloc})


@pytest.mark.parametrize("style", ["path", "virtual"])
async def test_a_presigned_url_puts_and_gets(wire, bucket, style):
    put = presigned("PUT", "put_object", style=style, Bucket=bucket, Key="a b.txt")
    put.headers["content-length"] = "7"
    assert (await wire.send(put.with_body(Body(b"content")), "s3")).status == 200
    got = await wire.send(presigned("GET", "get_object", style=style, Bucket=bucket, Key="a b.txt"))
    assert (got.status, got.body) == (200, b"content")


async def test_a_presigned_url_is_good_for_what_it_was_made(wire, bucket):
    await wire.call("s3", "PutObject", Bucket=bucket, Key="k", Body=b"content")
    url = presigned("GET", "get_object", Bucket=bucket, Key="k")
    for changed in (
        replace(url, method="DELETE"),
        replace(url, path="/bucket/other"),
        replace(url, query=url.query.replace("X-Amz-Expires=60", "X-Amz-Expires=600000")),
        replace(url, query=url.query + "&versionId=null"),
        replace(url, headers=url.headers | {"x-amz-acl": "public-read"}),
    ):
        answer = await wire.send(changed, "s3")
        assert (answer.status, answer.code in ("SignatureDoesNotMatch", "AccessDenied")) == (403, True), answer
    assert await content(wire, "k") == b"content"


async def test_a_presigned_url_ends_with_its_time(wire, bucket, monkeypatch):
    await wire.call("s3", "PutObject", Bucket=bucket, Key="k", Body=b"content")
    now = auth.get_current_datetime
    for signers in (auth, crt_auth):
        monkeypatch.setattr(signers, "get_current_datetime", lambda *a, **k: now(*a, **k) - timedelta(seconds=62))
    assert (await wire.send(presigned("GET", "get_object", Bucket=bucket, Key="k", expires_s=120))).status == 200
    answer = await wire.send(presigned("GET", "get_object", Bucket=bucket, Key="k", expires_s=60), "s3")
    assert (answer.status, answer.code, answer.message) == (403, "AccessDenied", "Request has expired")


async def test_a_presigned_url_may_what_its_maker_may(wire, bucket):
    key = await wire.user("ann")
    await wire.call("s3", "PutObject", Bucket=bucket, Key="k", Body=b"content")
    url = presigned("GET", "get_object", key=key, Bucket=bucket, Key="k")
    denied = await wire.send(url, "s3")
    assert (denied.status, denied.code) == (403, "AccessDenied")
    await wire.cloud.iam.AttachUserPolicy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    assert (await wire.send(url)).body == b"content"


# Signed with their hash


@pytest.mark.parametrize("size", [len(BIG), 7])
async def test_a_body_that_is_not_what_was_signed_keeps_nothing(wire, bucket, size):
    body = BIG[:size]
    put = signed("PUT", f"{ENDPOINT}/bucket/k", {}, body, service="s3")
    assert put.headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
    answer = await wire.send(put.with_body(Body(body[:-1] + b"!")), "s3")
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert await content(wire, "k") is None
    assert not [file for file in wire.cloud.pileus.blobs.folder.rglob("*") if file.is_file()]
    assert (await wire.send(put)).status == 200
    assert await content(wire, "k") == body


# Chunked


async def test_an_unsigned_body_with_a_checksum_behind_it(wire, bucket):
    for key, body in (("empty", b""), ("small", b"content"), ("big", BIG)):
        members = {"Bucket": bucket, "Key": key, "Body": body}
        put = written("s3", "PutObject", members, at="https://localhost:4566")
        assert put.headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        answer = await wire.send(put, "s3", "PutObject")
        assert answer.parsed["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()
        assert await content(wire, key) == body
    head = await wire.call("s3", "HeadObject", Bucket=bucket, Key="big", ChecksumMode="ENABLED")
    assert head.parsed["ContentLength"] == len(BIG)
    assert "ChecksumCRC32" in head.parsed
    assert "ContentEncoding" not in head.parsed  # aws-chunked is how it travelled, not what it is


async def test_a_wrong_checksum_behind_the_body_keeps_nothing(wire, bucket):
    members = {"Bucket": bucket, "Key": "k", "Body": b"content"}
    put = written("s3", "PutObject", members, at="https://localhost:4566")
    body = (await put.body.read(1 << 20)).replace(b"content", b"evil123")
    answer = await wire.send(put.with_body(Body(body)), "s3")
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert await content(wire, "k") is None


def chunk_signed(path: str, pieces: list[bytes], trailer: str | None = None, secret: str = "test") -> HttpRequest:
    """A PUT whose every chunk is signed, as the S3 API reference describes it; with the checksum `trailer` behind."""
    marker = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(sum(map(len, pieces))),
        "x-amz-content-sha256": marker,
    } | ({"x-amz-trailer": trailer.partition(":")[0]} if trailer else {})
    request = AWSRequest(method="PUT", url=ENDPOINT + path, headers=headers)
    signer = SigV4Auth(Credentials("test", secret), "s3", "us-east-1")
    signer.add_auth(request)
    date = request.headers["x-amz-date"]
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"
    key = f"AWS4{secret}".encode()
    for part in (date[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    previous = request.headers["authorization"].rpartition("Signature=")[2]

    def sign(algorithm: str, hashes: str) -> str:
        nonlocal previous
        text = f"{algorithm}\n{date}\n{scope}\n{previous}\n{hashes}"
        previous = hmac.digest(key, text.encode(), "sha256").hex()
        return previous

    body = b""
    for piece in [*pieces, b""]:
        signature = sign("AWS4-HMAC-SHA256-PAYLOAD", f"{EMPTY}\n{hashlib.sha256(piece).hexdigest()}")
        body += b"%x;chunk-signature=%s\r\n%s" % (len(piece), signature.encode(), piece + b"\r\n" if piece else b"")
    if trailer:
        signature = sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(f"{trailer}\n".encode()).hexdigest())
        body += f"{trailer}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
    return received(request.prepare()).with_body(Body(body + b"\r\n"))


PIECES = [BIG[:65536], BIG[65536:131072], b"the end"]


async def test_chunks_each_with_its_signature(wire, bucket):
    assert (await wire.send(chunk_signed("/bucket/k", PIECES), "s3")).status == 200
    assert await content(wire, "k") == b"".join(PIECES)


async def test_signed_chunks_with_a_signed_trailer(wire, bucket):
    crc = base64.b64encode(zlib.crc32(b"".join(PIECES)).to_bytes(4)).decode()
    answer = await wire.send(chunk_signed("/bucket/k", PIECES, f"x-amz-checksum-crc32:{crc}"), "s3", "PutObject")
    assert (answer.status, answer.parsed["ChecksumCRC32"]) == (200, crc)
    wrong = base64.b64encode(bytes(4)).decode()
    answer = await wire.send(chunk_signed("/bucket/k2", PIECES, f"x-amz-checksum-crc32:{wrong}"), "s3")
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert await content(wire, "k2") is None


@pytest.mark.parametrize("at", [100, 70_000, -60])
async def test_a_byte_changed_in_any_chunk_keeps_nothing(wire, bucket, at):
    request = chunk_signed("/bucket/k", PIECES)
    body = bytearray(await request.body.read(1 << 20))
    body[at] ^= 1
    answer = await wire.send(request.with_body(Body(bytes(body))), "s3")
    assert answer.status in (400, 403)
    assert answer.code in ("SignatureDoesNotMatch", "IncompleteBody")
    assert await content(wire, "k") is None


async def test_chunks_that_end_too_early_keep_nothing(wire, bucket):
    request = chunk_signed("/bucket/k", PIECES)
    whole = await request.body.read(1 << 20)
    for end in (1, 65_000, 65_700, len(whole) - 100):
        answer = await wire.send(request.with_body(Body(whole[:end])), "s3")
        assert (answer.status, answer.code) == (400, "IncompleteBody")
    assert (await wire.call("s3", "ListObjectsV2", Bucket=bucket)).parsed["KeyCount"] == 0


async def test_a_wrong_secret_in_the_chunks_is_refused_before_they_are_read(wire, bucket):
    answer = await wire.send(chunk_signed("/bucket/k", PIECES, secret="wrong"), "s3")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


async def test_parts_go_up_chunked_too(wire, bucket):
    upload = (await wire.call("s3", "CreateMultipartUpload", Bucket=bucket, Key="k")).parsed["UploadId"]
    part = written(
        "s3",
        "UploadPart",
        {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1, "Body": BIG},
        at="https://localhost:4566",
    )
    etag = (await wire.send(part, "s3", "UploadPart")).parsed["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    done = await wire.call(
        "s3", "CompleteMultipartUpload", Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts
    )
    assert done.parsed["ETag"] == f'"{hashlib.md5(bytes.fromhex(etag.strip(chr(34)))).hexdigest()}-1"'
    assert await content(wire, "k") == BIG


@pytest.mark.parametrize("sent", ["grün", "=?UTF-8?B?Z3LDvG4=?="])
async def test_metadata_comes_as_utf_8_or_as_encoded_words_and_goes_as_these(wire, bucket, sent):
    headers = {"x-amz-meta-colour": sent, "content-length": "0"}
    put = signed("PUT", f"{ENDPOINT}/bucket/k", headers, service="s3")
    put.headers["x-amz-meta-colour"] = sent.encode().decode("latin-1")  # as servers hand on the bytes
    assert (await wire.send(put, "s3")).status == 200
    head = await wire.call("s3", "HeadObject", Bucket="bucket", Key="k")
    assert head.parsed["Metadata"] == {"colour": "=?UTF-8?B?Z3LDvG4=?="}


# Signature Version 2


def of_version_2(operation: str, *, key=ROOT, style: str = "path", at: str = ENDPOINT, method: str = "GET", **members):
    """What boto3's generate_presigned_url makes where nobody sets signature_version."""
    client_2 = client("s3", key, at, style, signature_version="s3")
    parts = urlsplit(client_2.generate_presigned_url(operation, members, 60))
    assert "AWSAccessKeyId=" in parts.query
    return HttpRequest(method, parts.path or "/", parts.query, {"host": parts.netloc})


@pytest.mark.parametrize("style", ["path", "virtual"])
async def test_a_url_of_version_2_puts_and_gets(wire, bucket, style):
    put = of_version_2("put_object", style=style, method="PUT", Bucket=bucket, Key="a b/ü", ContentType="text/plain")
    put.headers |= {"content-length": "7", "content-type": "text/plain"}
    assert (await wire.send(put.with_body(Body(b"content")), "s3")).status == 200
    got = await wire.send(of_version_2("get_object", style=style, Bucket=bucket, Key="a b/ü"), "s3")
    assert (got.status, got.body, got.headers["content-type"]) == (200, b"content", "text/plain")
    listed = await wire.send(of_version_2("list_objects_v2", style=style, Bucket=bucket), "s3", "ListObjectsV2")
    assert listed.parsed["KeyCount"] == 1


async def test_what_a_url_carries_counts_like_a_header(wire, bucket):
    put = of_version_2(
        "put_object", method="PUT", Bucket=bucket, Key="k", Metadata={"a": "b"}, StorageClass="ONEZONE_IA"
    )
    put.headers["content-length"] = "7"
    assert (await wire.send(put.with_body(Body(b"content")), "s3")).status == 200
    head = (await wire.call("s3", "HeadObject", Bucket=bucket, Key="k")).parsed
    assert (head["Metadata"], head["StorageClass"]) == ({"a": "b"}, "ONEZONE_IA")


async def test_version_2_of_a_user_may_what_the_user_may(wire, bucket):
    await wire.call("s3", "PutObject", Bucket=bucket, Key="k", Body=b"content")
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    only = {"Condition": {"StringEquals": {"s3:signatureversion": "AWS", "s3:authType": "REST-QUERY-STRING"}}}
    key = await wire.user("ann", allowed | only)
    assert (await wire.send(of_version_2("get_object", key=key, Bucket=bucket, Key="k"), "s3")).body == b"content"
    assert (await wire.call("s3", "GetObject", key=key, Bucket=bucket, Key="k")).status == 403
    wrong = of_version_2("get_object", key=(key[0], "wrong"), Bucket=bucket, Key="k")
    answer = await wire.send(wrong, "s3")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


async def test_version_2_in_a_header_reaches_buckets_of_every_region(wire):
    where = {"LocationConstraint": "eu-west-1"}
    await wire.cloud.as_(root(wire.cloud.account), "s3", "eu-west-1").CreateBucket(
        Bucket="far", CreateBucketConfiguration=where
    )
    for style in ("path", "virtual"):
        for at in (ENDPOINT, "https://localhost:4566"):  # over TLS botocore sends its checksum behind the body
            members = {"Bucket": "far", "Key": "k", "Body": b"content"}
            put = written("s3", "PutObject", members, at=at, style=style, signature_version="s3")
            assert put.headers["authorization"].startswith("AWS test:")
            assert (await wire.send(put, "s3")).status == 200
            assert (await wire.cloud.s3.GetObject(Bucket="far", Key="k"))["Body"] == b"content"


async def test_other_services_take_no_version_2(wire):
    request = HttpRequest("GET", "/", "Action=ListQueues&Version=2012-11-05", {"authorization": "AWS a:b="})
    answer = await wire.send(request, "sqs")
    assert answer.status in (400, 403)
    assert b"AWS4-HMAC-SHA256" in answer.body
