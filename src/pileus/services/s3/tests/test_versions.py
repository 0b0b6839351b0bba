"""Versions, null versions, delete markers."""

import pytest

from pileus.services.s3 import errors


async def put(cloud, bucket, body) -> str:
    return (await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=body)).get("VersionId", "null")


async def listed(cloud, bucket) -> list[tuple]:
    """(id, is marker, is latest), as ListObjectVersions has them."""
    answer = await cloud.s3.ListObjectVersions(Bucket=bucket)
    rows = [(one, False) for one in answer.get("Versions", ())]
    rows += [(one, True) for one in answer.get("DeleteMarkers", ())]
    return [(one["VersionId"], is_marker, one["IsLatest"]) for one, is_marker in rows]


async def test_every_put_is_a_version(cloud, versioned, text_of):
    first, second = await put(cloud, versioned, b"1"), await put(cloud, versioned, b"2")
    assert await text_of(versioned, "k") == "2"
    assert await text_of(versioned, "k", VersionId=first) == "1"
    assert await listed(cloud, versioned) == [(second, False, True), (first, False, False)]


async def test_a_delete_is_a_marker_and_its_deletion_brings_the_object_back(cloud, versioned, text_of):
    await put(cloud, versioned, b"1")
    deleted = await cloud.s3.DeleteObject(Bucket=versioned, Key="k")
    assert deleted["DeleteMarker"]
    with pytest.raises(errors.NoSuchKey) as caught:
        await cloud.s3.GetObject(Bucket=versioned, Key="k")
    assert ("x-amz-delete-marker", "true") in caught.value.headers
    with pytest.raises(errors.MethodNotAllowed):
        await cloud.s3.GetObject(Bucket=versioned, Key="k", VersionId=deleted["VersionId"])
    assert "Contents" not in await cloud.s3.ListObjectsV2(Bucket=versioned)
    undone = await cloud.s3.DeleteObject(Bucket=versioned, Key="k", VersionId=deleted["VersionId"])
    assert undone == deleted
    assert await text_of(versioned, "k") == "1"


async def test_deleting_the_current_version_makes_the_next_one_current(cloud, versioned, text_of):
    await put(cloud, versioned, b"1")
    second = await put(cloud, versioned, b"2")
    await cloud.s3.DeleteObject(Bucket=versioned, Key="k", VersionId=second)
    assert await text_of(versioned, "k") == "1"
    assert [row["Key"] for row in (await cloud.s3.ListObjectsV2(Bucket=versioned))["Contents"]] == ["k"]


async def test_what_was_there_before_versioning_is_the_null_version(cloud, bucket, text_of):
    await put(cloud, bucket, b"old")
    await cloud.s3.PutBucketVersioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    new = await put(cloud, bucket, b"new")
    assert await text_of(bucket, "k", VersionId="null") == "old"
    assert await listed(cloud, bucket) == [(new, False, True), ("null", False, False)]


async def test_while_suspended_there_is_one_null_version(cloud, versioned, text_of):
    kept = await put(cloud, versioned, b"kept")
    await cloud.s3.PutBucketVersioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    assert await put(cloud, versioned, b"a") == "null"
    await put(cloud, versioned, b"b")
    assert await listed(cloud, versioned) == [("null", False, True), (kept, False, False)]
    marker = await cloud.s3.DeleteObject(Bucket=versioned, Key="k")
    assert marker == {"DeleteMarker": True, "VersionId": "null"}
    assert await listed(cloud, versioned) == [(kept, False, False), ("null", True, True)]


async def test_an_unknown_version_is_no_such_version_and_nonsense_is_an_invalid_argument(cloud, versioned):
    await put(cloud, versioned, b"1")
    with pytest.raises(errors.NoSuchVersion):
        await cloud.s3.GetObject(Bucket=versioned, Key="k", VersionId="x" * 32)
    for nonsense in ("not a version!", "foo", "x" * 31, "x" * 33):
        with pytest.raises(errors.InvalidArgument, match="Invalid version id specified"):
            await cloud.s3.GetObject(Bucket=versioned, Key="k", VersionId=nonsense)


async def test_pages_of_versions_go_on_within_a_key(cloud, versioned):
    ids = [await put(cloud, versioned, b"%d" % n) for n in range(5)]
    found, marker = [], {}
    while True:
        page = await cloud.s3.ListObjectVersions(Bucket=versioned, MaxKeys=2, **marker)
        found += [one["VersionId"] for one in page["Versions"]]
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert found == ids[::-1]


async def test_a_bucket_with_versions_is_not_empty(cloud, versioned):
    version = await put(cloud, versioned, b"1")
    marker = (await cloud.s3.DeleteObject(Bucket=versioned, Key="k"))["VersionId"]
    for version_id in (version, marker):
        with pytest.raises(errors.BucketNotEmpty):
            await cloud.s3.DeleteBucket(Bucket=versioned)
        await cloud.s3.DeleteObject(Bucket=versioned, Key="k", VersionId=version_id)
    await cloud.s3.DeleteBucket(Bucket=versioned)
