"""Multipart uploads."""

import hashlib
from datetime import UTC, datetime

import pytest

from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import checksums, errors

MIB = 1024 * 1024


async def begin(cloud, bucket, **asked) -> dict:
    upload = await cloud.s3.CreateMultipartUpload(Bucket=bucket, Key="k", **asked)
    return {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}


async def upload(cloud, where, number, body) -> dict:
    part = await cloud.s3.UploadPart(**where, PartNumber=number, Body=body)
    return {"PartNumber": number, "ETag": part["ETag"]}


async def test_the_parts_make_one_object_in_their_order(cloud, bucket, text_of):
    where = await begin(cloud, bucket, ContentType="text/plain", Metadata={"m": "1"})
    bodies = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"end"]
    third = await upload(cloud, where, 30, bodies[2])
    parts = [await upload(cloud, where, 1, bodies[0]), await upload(cloud, where, 2, bodies[1]), third]
    done = await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": parts})
    md5s = b"".join(hashlib.md5(body).digest() for body in bodies)
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    head = await cloud.s3.HeadObject(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (10 * MIB + 3, "text/plain", {"m": "1"})
    assert await text_of(bucket, "k", Range=f"bytes={5 * MIB - 1}-{5 * MIB}") == "ab"
    assert await text_of(bucket, "k", PartNumber=3) == "end"
    assert (await cloud.s3.HeadObject(Bucket=bucket, Key="k", PartNumber=3))["PartsCount"] == 3
    again = await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": parts})
    assert again == done


async def test_the_checksum_of_the_whole_is_that_of_its_bytes(cloud, bucket):
    where = await begin(cloud, bucket)
    parts = [await upload(cloud, where, 1, b"a" * 5 * MIB), await upload(cloud, where, 2, b"b")]
    done = await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": parts})
    assert done["ChecksumCRC64NVME"] == checksums.of("CRC64NVME", b"a" * 5 * MIB + b"b")


async def test_a_composite_checksum_is_that_of_the_parts_checksums(cloud, bucket):
    where = await begin(cloud, bucket, ChecksumAlgorithm="SHA256")
    part = await cloud.s3.UploadPart(**where, PartNumber=1, Body=b"x")
    named = {"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}
    done = await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": [named]})
    expected = checksums.text(hashlib.sha256(hashlib.sha256(b"x").digest()).digest())
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (f"{expected}-1", "COMPOSITE")


async def test_a_checksum_that_is_not_computed_here_is_refused_by_name_at_the_end(cloud, bucket):
    where = await begin(cloud, bucket)
    part = await upload(cloud, where, 1, b"x")
    with pytest.raises(NotImplementedByUs, match="SHA512"):
        await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": [part]}, ChecksumSHA512="AAAA")
    with pytest.raises(NotImplementedByUs, match="XXHASH3"):
        named = {**part, "ChecksumXXHASH3": "AAAA"}
        await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": [named]})
    assert await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": [part]})


async def test_what_is_refused_at_the_end(cloud, bucket):
    where = await begin(cloud, bucket)
    small, other = await upload(cloud, where, 1, b"small"), await upload(cloud, where, 2, b"other")
    for parts, error in [
        ([small, other], errors.EntityTooSmall),
        ([other, small], errors.InvalidPartOrder),
        ([{**small, "ETag": '"0"'}], errors.InvalidPart),
        ([{**small, "PartNumber": 3}], errors.InvalidPart),
        ([], errors.MalformedXML),
    ]:
        with pytest.raises(error):
            await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": parts})
    await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": [other]})


@pytest.mark.parametrize("number", [0, 10_001])
async def test_part_numbers_end_at_ten_thousand(cloud, bucket, number):
    where = await begin(cloud, bucket)
    await upload(cloud, where, 10_000, b"last")
    with pytest.raises(errors.InvalidArgument):
        await upload(cloud, where, number, b"x")


async def test_an_abort_under_a_condition_is_refused_and_aborts_nothing(cloud, bucket):
    where = await begin(cloud, bucket)
    with pytest.raises(NotImplementedByUs):
        await cloud.s3.AbortMultipartUpload(**where, IfMatchInitiatedTime=datetime(2020, 1, 1, tzinfo=UTC))
    await upload(cloud, where, 1, b"x")


async def test_an_aborted_upload_leaves_nothing(cloud, bucket):
    from pileus.store.blobs import BLOBS

    where = await begin(cloud, bucket)
    await upload(cloud, where, 1, b"x" * 100_000)
    await cloud.s3.AbortMultipartUpload(**where)
    assert "Uploads" not in await cloud.s3.ListMultipartUploads(Bucket=bucket)
    assert cloud.store.look(lambda tx: list(BLOBS.scan(tx)))[0] == []
    with pytest.raises(errors.NoSuchUpload):
        await upload(cloud, where, 1, b"x")


async def test_a_part_from_a_range_of_another_object(cloud, bucket, text_of):
    await cloud.s3.PutObject(Bucket=bucket, Key="source", Body=b"0123456789" * 10_000)
    where = await begin(cloud, bucket)
    part = await cloud.s3.UploadPartCopy(
        **where, PartNumber=1, CopySource=f"{bucket}/source", CopySourceRange="bytes=5-14"
    )
    named = {"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}
    await cloud.s3.CompleteMultipartUpload(**where, MultipartUpload={"Parts": [named]})
    await cloud.s3.DeleteObject(Bucket=bucket, Key="source")
    assert await text_of(bucket, "k") == "5678901234"
    with pytest.raises(errors.NoSuchUpload):
        await cloud.s3.ListParts(**where)


async def test_parts_and_uploads_are_listed_in_pages(cloud, bucket):
    where = await begin(cloud, bucket)
    for number in (1, 2, 3):
        await upload(cloud, where, number, b"x")
    page = await cloud.s3.ListParts(**where, MaxParts=2)
    assert [part["PartNumber"] for part in page["Parts"]] == [1, 2]
    rest = await cloud.s3.ListParts(**where, PartNumberMarker=page["NextPartNumberMarker"])
    assert [part["PartNumber"] for part in rest["Parts"]] == [3]
    second = await begin(cloud, bucket)
    first_page = await cloud.s3.ListMultipartUploads(Bucket=bucket, MaxUploads=1)
    assert [one["UploadId"] for one in first_page["Uploads"]] == [where["UploadId"]]
    next_page = await cloud.s3.ListMultipartUploads(
        Bucket=bucket, KeyMarker=first_page["NextKeyMarker"], UploadIdMarker=first_page["NextUploadIdMarker"]
    )
    assert [one["UploadId"] for one in next_page["Uploads"]] == [second["UploadId"]]
