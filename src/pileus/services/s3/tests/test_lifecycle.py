"""Lifecycle rules, by the clock. The cloud begins at midnight UTC."""

import pytest

from pileus.services.s3 import errors

DAY_MS = 86_400_000


async def rule(cloud, bucket, **what):
    one = {"Status": "Enabled", "Filter": {"Prefix": "tmp/"}, **what}
    await cloud.s3.PutBucketLifecycleConfiguration(Bucket=bucket, LifecycleConfiguration={"Rules": [one]})


async def keys(cloud, bucket) -> list[str]:
    return [row["Key"] for row in (await cloud.s3.ListObjectsV2(Bucket=bucket)).get("Contents", ())]


async def test_objects_expire_at_the_midnight_after_their_days(cloud, bucket):
    await rule(cloud, bucket, Expiration={"Days": 1})
    await cloud.advance(1)
    for key in ("tmp/a", "kept"):
        await cloud.s3.PutObject(Bucket=bucket, Key=key)
    await cloud.advance(2 * DAY_MS - 2)
    assert await keys(cloud, bucket) == ["kept", "tmp/a"]
    await cloud.advance(1)
    assert await keys(cloud, bucket) == ["kept"]


async def test_a_disabled_rule_does_nothing(cloud, bucket):
    await rule(cloud, bucket, Expiration={"Days": 1}, Status="Disabled")
    await cloud.s3.PutObject(Bucket=bucket, Key="tmp/a")
    await cloud.advance(5 * DAY_MS)
    assert await keys(cloud, bucket) == ["tmp/a"]


async def test_old_versions_expire_then_the_lonely_marker(cloud, versioned):
    await rule(
        cloud,
        versioned,
        Expiration={"ExpiredObjectDeleteMarker": True},
        NoncurrentVersionExpiration={"NoncurrentDays": 2},
    )
    await cloud.advance(1)
    await cloud.s3.PutObject(Bucket=versioned, Key="tmp/a")
    await cloud.s3.DeleteObject(Bucket=versioned, Key="tmp/a")
    await cloud.advance(3 * DAY_MS - 2)
    assert "Versions" in await cloud.s3.ListObjectVersions(Bucket=versioned)
    await cloud.advance(1)
    left = await cloud.s3.ListObjectVersions(Bucket=versioned)
    assert "Versions" not in left and "DeleteMarkers" not in left


async def test_the_newest_noncurrent_versions_may_be_kept(cloud, versioned):
    await rule(cloud, versioned, NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 2})
    for _ in range(5):
        await cloud.s3.PutObject(Bucket=versioned, Key="tmp/a")
    await cloud.advance(3 * DAY_MS)
    assert len((await cloud.s3.ListObjectVersions(Bucket=versioned))["Versions"]) == 3


async def test_unfinished_uploads_are_given_up(cloud, bucket):
    await rule(cloud, bucket, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1})
    for key in ("tmp/a", "kept"):
        await cloud.s3.CreateMultipartUpload(Bucket=bucket, Key=key)
    await cloud.advance(2 * DAY_MS)
    assert [one["Key"] for one in (await cloud.s3.ListMultipartUploads(Bucket=bucket))["Uploads"]] == ["kept"]


async def test_a_walk_of_many_keys_goes_in_steps(cloud, bucket):
    await rule(cloud, bucket, Expiration={"Days": 1})
    for number in range(1100):
        await cloud.s3.PutObject(Bucket=bucket, Key=f"tmp/{number:04}")
    await cloud.advance(2 * DAY_MS)
    assert await keys(cloud, bucket) == []


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"Expiration": {"Days": 0}},
        {"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}},
        {"Expiration": {"Days": 1}, "Prefix": "both/"},
    ],
)
async def test_rules_that_make_no_sense_are_refused(cloud, bucket, what):
    with pytest.raises(errors.S3Error):
        await rule(cloud, bucket, **what)
