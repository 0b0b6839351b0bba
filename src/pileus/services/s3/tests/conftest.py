"""A bucket, and a way to read what GetObject gave."""

import pytest


@pytest.fixture
async def bucket(cloud) -> str:
    await cloud.s3.CreateBucket(Bucket="box")
    return "box"


@pytest.fixture
async def versioned(cloud, bucket) -> str:
    await cloud.s3.PutBucketVersioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture
def text_of(cloud):
    """The body of an object as text, read as the HTTP server would."""

    async def read(bucket: str, key: str, **asked) -> str:
        body = (await cloud.s3.GetObject(Bucket=bucket, Key=key, **asked))["Body"]
        if isinstance(body, bytes):
            return body.decode()
        if hasattr(body, "path"):
            with open(body.path, "rb") as source:
                source.seek(body.offset)
                return source.read(body.length).decode()
        return b"".join([piece async for piece in body]).decode()

    return read
