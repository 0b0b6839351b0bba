"""Objects: put, get, copy, delete; ranges, conditions, checksums, tags."""

from datetime import UTC, datetime

import pytest

from pileus.services.s3 import errors
from pileus.services.s3.answers import Range, range_of


async def test_what_was_put_is_got(cloud, bucket, text_of):
    put = await cloud.s3.PutObject(
        Bucket=bucket, Key="a b/ü.txt", Body=b"hello", ContentType="text/plain", Metadata={"Who": "me"}
    )
    got = await cloud.s3.GetObject(Bucket=bucket, Key="a b/ü.txt")
    assert await text_of(bucket, "a b/ü.txt") == "hello"
    assert got["ETag"] == put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert got["ContentType"] == "text/plain"
    assert got["Metadata"] == {"who": "me"}
    assert "VersionId" not in got


async def test_a_large_body_is_read_in_ranges_of_its_file(cloud, bucket, text_of):
    text = "0123456789abcdef" * 65_536
    await cloud.s3.PutObject(Bucket=bucket, Key="large", Body=text.encode())
    got = await cloud.s3.GetObject(Bucket=bucket, Key="large", Range="bytes=1000-1999")
    assert got["ContentRange"] == f"bytes 1000-1999/{len(text)}"
    assert got["ContentLength"] == 1000
    assert await text_of(bucket, "large", Range="bytes=1000-1999") == text[1000:2000]


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-0", Range(0, 1)),
        ("bytes=5-", Range(5, 5)),
        ("bytes=-3", Range(7, 3)),
        ("bytes=-30", Range(0, 10)),
        ("bytes=8-99", Range(8, 2)),
        ("bytes=5-3", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
        (None, None),
    ],
)
def test_a_range_of_ten_bytes(header, wanted):
    assert range_of(header, 10) == wanted


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_past_the_end_is_not_satisfiable(header):
    with pytest.raises(errors.InvalidRange):
        range_of(header, 10)


async def test_metadata_has_room_for_two_kilobytes(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Metadata={"a": "x" * 2047})
    with pytest.raises(errors.MetadataTooLarge):
        await cloud.s3.PutObject(Bucket=bucket, Key="k", Metadata={"a": "x" * 2048})


async def test_a_key_has_room_for_1024_bytes(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="ü" * 512)
    with pytest.raises(errors.KeyTooLongError):
        await cloud.s3.PutObject(Bucket=bucket, Key="ü" * 512 + "x")


async def test_a_wrong_digest_leaves_nothing(cloud, bucket):
    with pytest.raises(errors.BadDigest):
        await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"hello", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    with pytest.raises(errors.BadDigest):
        await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"x" * 100_000, ChecksumCRC32="AAAAAA==")
    with pytest.raises(errors.NoSuchKey):
        await cloud.s3.GetObject(Bucket=bucket, Key="k")


async def test_a_stated_checksum_is_kept_and_shown_when_asked_for(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"123456789", ChecksumCRC32="y/Q5Jg==")
    assert "ChecksumCRC32" not in await cloud.s3.HeadObject(Bucket=bucket, Key="k")
    head = await cloud.s3.HeadObject(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC32"], head["ChecksumType"]) == ("y/Q5Jg==", "FULL_OBJECT")


async def test_without_a_stated_checksum_s3_computes_crc64nvme(cloud, bucket):
    put = await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"123456789")
    assert put["ChecksumCRC64NVME"] == "rosUhgp5mIg="


async def test_reads_on_conditions(cloud, bucket):
    etag = (await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"1"))["ETag"]
    before, now = datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    ask = {"Bucket": bucket, "Key": "k"}
    await cloud.s3.GetObject(**ask, IfMatch=etag, IfUnmodifiedSince=before)  # If-Match decides
    await cloud.s3.GetObject(**ask, IfModifiedSince=before)
    await cloud.s3.GetObject(**ask, IfUnmodifiedSince=now)
    with pytest.raises(errors.PreconditionFailed):
        await cloud.s3.GetObject(**ask, IfMatch='"other"')
    with pytest.raises(errors.PreconditionFailed):
        await cloud.s3.GetObject(**ask, IfUnmodifiedSince=before)
    with pytest.raises(errors.NotModified) as caught:
        await cloud.s3.GetObject(**ask, IfNoneMatch=etag)
    assert dict(caught.value.headers)["ETag"] == etag
    with pytest.raises(errors.NotModified):
        await cloud.s3.HeadObject(**ask, IfModifiedSince=now)


async def test_writes_on_conditions(cloud, bucket, text_of):
    first = await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    with pytest.raises(errors.PreconditionFailed):
        await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"3", IfMatch=first["ETag"])
    with pytest.raises(errors.PreconditionFailed):
        await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"4", IfMatch=first["ETag"])
    with pytest.raises(errors.NoSuchKey):
        await cloud.s3.PutObject(Bucket=bucket, Key="none", Body=b"4", IfMatch="*")
    with pytest.raises(errors.PreconditionFailed):
        await cloud.s3.DeleteObject(Bucket=bucket, Key="k", IfMatch=first["ETag"])
    assert await text_of(bucket, "k") == "3"


async def test_a_copy_takes_metadata_along_or_replaces_it(cloud, bucket, text_of):
    await cloud.s3.PutObject(Bucket=bucket, Key="a", Body=b"1", Metadata={"m": "1"}, Tagging="t=1", ContentType="x/y")
    await cloud.s3.CopyObject(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    b = await cloud.s3.HeadObject(Bucket=bucket, Key="b")
    assert (b["Metadata"], b["ContentType"], b["TagCount"]) == ({"m": "1"}, "x/y", 1)
    await cloud.s3.CopyObject(
        Bucket=bucket, Key="c", CopySource=f"/{bucket}/a", MetadataDirective="REPLACE", TaggingDirective="REPLACE"
    )
    c = await cloud.s3.HeadObject(Bucket=bucket, Key="c")
    assert (c["Metadata"], c["ContentType"], "TagCount" in c) == ({}, "binary/octet-stream", False)
    await cloud.s3.DeleteObject(Bucket=bucket, Key="a")
    assert await text_of(bucket, "b") == "1"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"MetadataDirective": "KEEP"}, "Unknown metadata directive."),
        ({"TaggingDirective": "KEEP"}, "Unknown tagging directive."),
        ({"CopySource": "bucket"}, "Copy Source must mention the source bucket and key"),
    ],
)
async def test_what_a_copy_can_not_mean_is_an_invalid_argument(cloud, bucket, wrong, message):
    await cloud.s3.PutObject(Bucket=bucket, Key="a", Body=b"1")
    with pytest.raises(errors.InvalidArgument, match=message):
        await cloud.s3.CopyObject(**{"Bucket": bucket, "Key": "b", "CopySource": f"{bucket}/a", **wrong})


async def test_a_copy_onto_itself_must_change_something(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="a", Body=b"1")
    with pytest.raises(errors.InvalidRequest):
        await cloud.s3.CopyObject(Bucket=bucket, Key="a", CopySource=f"{bucket}/a")
    await cloud.s3.CopyObject(Bucket=bucket, Key="a", CopySource=f"{bucket}/a", MetadataDirective="REPLACE")


async def test_deleting_what_is_not_there_is_no_error(cloud, bucket):
    assert await cloud.s3.DeleteObject(Bucket=bucket, Key="none") == {}


async def test_a_batch_delete_says_what_it_did_unless_quiet(cloud, bucket):
    for key in "abc":
        await cloud.s3.PutObject(Bucket=bucket, Key=key)
    done = await cloud.s3.DeleteObjects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "none"}]})
    assert done == {"Deleted": [{"Key": "a"}, {"Key": "none"}]}
    assert await cloud.s3.DeleteObjects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}], "Quiet": True}) == {}
    with pytest.raises(errors.MalformedXML):
        await cloud.s3.DeleteObjects(Bucket=bucket, Delete={"Objects": [{"Key": "x"}] * 1001})


async def test_tags_are_replaced_and_counted(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Tagging="a=1&b=2")
    await cloud.s3.PutObjectTagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": "3"}]})
    assert (await cloud.s3.GetObjectTagging(Bucket=bucket, Key="k"))["TagSet"] == [{"Key": "c", "Value": "3"}]
    with pytest.raises(errors.S3Error, match="greater than 10"):
        tags = [{"Key": str(n), "Value": ""} for n in range(11)]
        await cloud.s3.PutObjectTagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})


async def test_an_archived_object_is_not_read(cloud, bucket):
    await cloud.s3.PutObject(Bucket=bucket, Key="k", StorageClass="GLACIER")
    with pytest.raises(errors.InvalidObjectState):
        await cloud.s3.GetObject(Bucket=bucket, Key="k")


async def test_a_replaced_body_leaves_no_file(cloud, bucket):
    from pileus.store.blobs import BLOBS

    for _ in range(3):
        await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"x" * 100_000)
    rows, _ = cloud.store.look(lambda tx: list(BLOBS.scan(tx)))
    assert len(rows) == 1
    await cloud.s3.DeleteObject(Bucket=bucket, Key="k")
    assert cloud.store.look(lambda tx: list(BLOBS.scan(tx)))[0] == []
