"""S3's operations, as callers inside the cloud see them."""

import pytest

from pileus.services.s3 import errors


@pytest.fixture
async def bucket(cloud) -> str:
    await cloud.s3.CreateBucket(Bucket="box")
    return "box"


async def read(result: dict) -> bytes:
    body = result["Body"]
    if isinstance(body, bytes):
        return body
    if hasattr(body, "path"):
        with open(body.path, "rb") as source:
            source.seek(body.offset)
            return source.read(body.length)
    return b"".join([piece async for piece in body])


async def test_what_was_put_is_got(cloud, bucket):
    put = await cloud.s3.PutObject(Bucket=bucket, Key="a/b.txt", Body=b"hello", ContentType="text/plain")
    got = await cloud.s3.GetObject(Bucket=bucket, Key="a/b.txt")
    assert await read(got) == b"hello"
    assert got["ETag"] == put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert got["ContentType"] == "text/plain"
    assert "VersionId" not in got


async def test_a_large_body_is_a_file(cloud, bucket):
    body = bytes(range(256)) * 4096
    await cloud.s3.PutObject(Bucket=bucket, Key="large", Body=body)
    got = await cloud.s3.GetObject(Bucket=bucket, Key="large", Range="bytes=1000-1999")
    assert got["ContentRange"] == f"bytes 1000-1999/{len(body)}"
    assert await read(got) == body[1000:2000]


async def test_a_missing_key_is_no_such_key(cloud, bucket):
    with pytest.raises(errors.NoSuchKey):
        await cloud.s3.GetObject(Bucket=bucket, Key="none")
