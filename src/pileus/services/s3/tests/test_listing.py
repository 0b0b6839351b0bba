"""Listings: order, prefixes, delimiters, pages."""

import pytest

from pileus.services.s3 import errors
from pileus.services.s3.state import listing


async def fill(cloud, bucket, *keys):
    for key in keys:
        await cloud.s3.PutObject(Bucket=bucket, Key=key)


def shown(page: dict) -> tuple[list, list]:
    return (
        [row["Key"] for row in page.get("Contents", ())],
        [row["Prefix"] for row in page.get("CommonPrefixes", ())],
    )


async def test_keys_come_in_the_order_of_their_bytes(cloud, bucket):
    await fill(cloud, bucket, "b", "a", "Z", "é", "\U0001f600", "\uffee", "a/")
    assert shown(await cloud.s3.ListObjectsV2(Bucket=bucket))[0] == ["Z", "a", "a/", "b", "é", "\uffee", "\U0001f600"]


async def test_a_delimiter_groups_what_follows_the_prefix(cloud, bucket):
    await fill(cloud, bucket, "a/1", "a/2/x", "a/2/y", "a/3/z", "b")
    assert shown(await cloud.s3.ListObjectsV2(Bucket=bucket, Delimiter="/")) == (["b"], ["a/"])
    assert shown(await cloud.s3.ListObjectsV2(Bucket=bucket, Prefix="a/", Delimiter="/")) == (["a/1"], ["a/2/", "a/3/"])


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_show_everything_once(cloud, bucket, limit):
    await fill(cloud, bucket, "a", "b/1", "b/2", "b/3", "c", "d/1", "e")
    keys, prefixes, token = [], [], {}
    while True:
        page = await cloud.s3.ListObjectsV2(Bucket=bucket, Delimiter="/", MaxKeys=limit, **token)
        assert page["KeyCount"] <= limit
        keys, prefixes = keys + shown(page)[0], prefixes + shown(page)[1]
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert (keys, prefixes) == (["a", "c", "e"], ["b/", "d/"])


async def test_the_older_listing_goes_on_from_a_marker(cloud, bucket):
    await fill(cloud, bucket, "a", "b/1", "b/2", "c")
    page = await cloud.s3.ListObjects(Bucket=bucket, Delimiter="/", MaxKeys=2)
    assert (shown(page), page["NextMarker"]) == ((["a"], ["b/"]), "b/")
    assert shown(await cloud.s3.ListObjects(Bucket=bucket, Delimiter="/", Marker="b/")) == (["c"], [])


async def test_start_after_needs_no_such_key(cloud, bucket):
    await fill(cloud, bucket, "a", "b", "c")
    assert shown(await cloud.s3.ListObjectsV2(Bucket=bucket, StartAfter="aa"))[0] == ["b", "c"]


@pytest.mark.parametrize("token", ["nonsense", ""])
async def test_a_foreign_token_is_refused(cloud, bucket, token):
    with pytest.raises(errors.InvalidArgument, match="The continuation token provided is incorrect"):
        await cloud.s3.ListObjectsV2(Bucket=bucket, ContinuationToken=token)


async def test_an_unknown_encoding_is_refused(cloud, bucket):
    with pytest.raises(errors.InvalidArgument, match="Invalid Encoding Method specified in Request"):
        await cloud.s3.ListObjectsV2(Bucket=bucket, EncodingType="base64")


async def test_url_encoding_leaves_slashes(cloud, bucket):
    await fill(cloud, bucket, "a b/ü+~*")
    page = await cloud.s3.ListObjectsV2(Bucket=bucket, EncodingType="url")
    assert shown(page)[0] == ["a+b/%C3%BC%2B%7E*"]


async def test_common_prefixes_are_skipped_and_not_scanned(cloud, bucket):
    await fill(cloud, bucket, *(f"a/{n:03}" for n in range(300)), "b")
    row = (await cloud.s3.ListBuckets())["Buckets"][0]["Name"]
    seen = []

    def walk(tx):
        scan = tx.scan

        def counted(*where):
            for found in scan(*where):
                seen.append(found)
                yield found

        class Counting:
            def __getattr__(self, name):
                return counted if name == "scan" else getattr(tx, name)

        from pileus.services.s3.state.buckets import require_bucket

        bucket_id = require_bucket(tx, row).id
        return listing.list_objects(Counting(), bucket_id, prefix="", delimiter="/", after="", limit=1000)

    page, _ = cloud.store.look(walk)
    assert page.prefixes == ["a/"]
    assert len(seen) <= 3
