"""S3's bodies that are documents: what a request states of them is checked before they are read."""

import base64
import hashlib
import zlib

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from wire import ENDPOINT, ROOT, received, signed, written

from pileus.kernel.http import Body

DOCUMENT = b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>k</Key></Object></Delete>'
POLICY = (
    b'{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*"}]}'
)


def base64_of(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def stating(headers: dict[str, str], url: str = "/bucket?delete", method: str = "POST", body: bytes = DOCUMENT):
    return signed(method, ENDPOINT + url, headers, body, service="s3")


RIGHT = [
    {"content-md5": base64_of(hashlib.md5(DOCUMENT).digest())},
    {"x-amz-checksum-crc32": base64_of(zlib.crc32(DOCUMENT).to_bytes(4))},
    {"x-amz-checksum-sha256": base64_of(hashlib.sha256(DOCUMENT).digest())},
]


@pytest.fixture(autouse=True)
async def bucket(wire) -> None:
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    await wire.call("s3", "PutObject", Bucket="bucket", Key="k", Body=b"content")


async def is_there(wire) -> bool:
    return (await wire.call("s3", "HeadObject", Bucket="bucket", Key="k")).status == 200


@pytest.mark.parametrize("headers", RIGHT)
async def test_what_is_stated_rightly_is_done(wire, headers):
    assert (await wire.send(stating(headers), "s3")).status == 200
    assert not await is_there(wire)


@pytest.mark.parametrize("headers", RIGHT)
async def test_what_is_stated_wrongly_is_not(wire, headers):
    other = DOCUMENT.replace(b"k<", b"j<")
    answer = await wire.send(stating(headers, body=other), "s3")
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert await is_there(wire)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content-md5": "nonsense"}, "InvalidDigest"),
        ({"content-md5": base64_of(b"short")}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": "AAAA"}, "InvalidRequest"),
        (RIGHT[1] | RIGHT[2], "InvalidRequest"),
        ({"x-amz-checksum-md5": "AAAA"}, "NotImplemented"),
        ({}, "InvalidRequest"),
    ],
)
async def test_what_is_stated_badly_or_not_at_all_is_refused(wire, headers, code):
    answer = await wire.send(stating(headers), "s3")
    assert answer.code == code
    assert await is_there(wire)


async def test_other_documents_need_nothing_stated_but_it_is_checked(wire):
    put = stating({}, "/bucket?policy", "PUT", POLICY)
    assert (await wire.send(put, "s3")).status == 204
    wrong = {"content-md5": base64_of(hashlib.md5(b"other").digest())}
    answer = await wire.send(stating(wrong, "/bucket?policy", "PUT", POLICY), "s3")
    assert answer.code == "BadDigest"


async def test_a_trailer_states_it_as_well(wire):
    crc = base64_of(zlib.crc32(DOCUMENT).to_bytes(4))
    body = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(DOCUMENT), DOCUMENT, crc.encode())
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(DOCUMENT)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    for changed, status in ((body.replace(b"k<", b"j<"), 400), (body, 200)):
        request = AWSRequest(method="POST", url=f"{ENDPOINT}/bucket?delete", headers=headers)
        SigV4Auth(Credentials(*ROOT), "s3", "us-east-1").add_auth(request)
        answer = await wire.send(received(request.prepare()).with_body(Body(changed)), "s3")
        assert answer.status == status, answer.parsed
    assert not await is_there(wire)


async def test_the_checksum_of_a_completed_upload_is_the_objects_not_the_documents(wire):
    begun = (await wire.call("s3", "CreateMultipartUpload", Bucket="bucket", Key="m", ChecksumAlgorithm="CRC32",
                             ChecksumType="FULL_OBJECT")).parsed  # fmt: skip
    where = {"Bucket": "bucket", "Key": "m", "UploadId": begun["UploadId"]}
    part = (
        await wire.call("s3", "UploadPart", **where, PartNumber=1, Body=b"content", ChecksumAlgorithm="CRC32")
    ).parsed
    whole = base64_of(zlib.crc32(b"content").to_bytes(4))
    done = written("s3", "CompleteMultipartUpload", {
        **where, "ChecksumCRC32": whole, "ChecksumType": "FULL_OBJECT",
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    })  # fmt: skip
    answer = await wire.send(done, "s3", "CompleteMultipartUpload")
    assert (answer.status, answer.parsed["ChecksumCRC32"]) == (200, whole)
