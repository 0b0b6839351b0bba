"""Object Lock: what it keeps, who may change it, what new versions get. The cloud begins at midnight UTC."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest

from pileus.kernel import principal
from pileus.kernel.errors import AccessDenied, NotImplementedByUs
from pileus.kernel.http import HttpRequest
from pileus.services.s3 import errors

DAY_MS = 86_400_000


@pytest.fixture
async def locked(cloud) -> str:
    await cloud.s3.CreateBucket(Bucket="box", ObjectLockEnabledForBucket=True)
    return "box"


@pytest.fixture
def later(cloud):
    """The time in so many milliseconds."""
    return lambda ms: datetime.fromtimestamp((cloud.clock.now_ms() + ms) / 1000, UTC)


@pytest.fixture
def ann(cloud):
    """A user of the bucket's account, who may what the bucket's policy says."""
    return cloud.as_(principal.user(cloud.account, "ann", "AIDAANN"), "s3")


async def put(cloud, bucket, **what) -> dict:
    """The names of a new version."""
    version_id = (await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"1", **what))["VersionId"]
    return {"Bucket": bucket, "Key": "k", "VersionId": version_id}


async def retain(cloud, version, mode, until, **how) -> None:
    retention = {"Mode": mode, "RetainUntilDate": until} if mode else {}
    await cloud.s3.PutObjectRetention(**version, Retention=retention, **how)


async def hold(cloud, version, status) -> None:
    await cloud.s3.PutObjectLegalHold(**version, LegalHold={"Status": status})


async def by_default(cloud, bucket, **retention) -> None:
    rule = {"Rule": {"DefaultRetention": retention}} if retention else {}
    configuration = {"ObjectLockEnabled": "Enabled", **rule}
    await cloud.s3.PutObjectLockConfiguration(Bucket=bucket, ObjectLockConfiguration=configuration)


async def allow(cloud, bucket, who, *actions, condition=None) -> None:
    statement = {"Effect": "Allow", "Principal": who, "Action": actions, "Resource": f"arn:aws:s3:::{bucket}/*"}
    denial = {**statement, "Effect": "Deny", "Condition": condition, "Principal": "*"}
    statements = [statement, *([denial] if condition else [])]
    await cloud.s3.PutBucketPolicy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


# The bucket


async def test_a_bucket_with_object_lock_is_versioned_and_stays_so(cloud, locked):
    assert await cloud.s3.GetObjectLockConfiguration(Bucket=locked) == {
        "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}
    }
    assert await cloud.s3.GetBucketVersioning(Bucket=locked) == {"Status": "Enabled"}
    await cloud.s3.PutBucketVersioning(Bucket=locked, VersioningConfiguration={"Status": "Enabled"})
    with pytest.raises(errors.InvalidBucketState, match="so the versioning state cannot be changed"):
        await cloud.s3.PutBucketVersioning(Bucket=locked, VersioningConfiguration={"Status": "Suspended"})


async def test_it_is_switched_on_for_a_bucket_that_is_versioned(cloud, bucket):
    with pytest.raises(errors.ObjectLockConfigurationNotFoundError):
        await cloud.s3.GetObjectLockConfiguration(Bucket=bucket)
    for status in ("", "Suspended"):
        if status:
            await cloud.s3.PutBucketVersioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        with pytest.raises(errors.InvalidBucketState, match="Versioning must be 'Enabled'"):
            await by_default(cloud, bucket)
    await cloud.s3.PutBucketVersioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    await by_default(cloud, bucket, Mode="COMPLIANCE", Years=1)
    version = await put(cloud, bucket)
    with pytest.raises(errors.ObjectLocked):
        await cloud.s3.DeleteObject(**version)


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}},
        {"ObjectLockEnabled": "Enabled", "Rule": {}},
        {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE"}}},
        {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Days": 1}}},
        {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}}},
        {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "governance", "Days": 1}}},
        {"ObjectLockEnabled": "Disabled"},
    ],
)
async def test_a_configuration_that_says_too_little_or_too_much_is_malformed(cloud, locked, configuration):
    with pytest.raises(errors.MalformedXML):
        await cloud.s3.PutObjectLockConfiguration(Bucket=locked, ObjectLockConfiguration=configuration)


@pytest.mark.parametrize(
    ("period", "message"),
    [
        ({"Days": 0}, "must be a positive integer value"),
        ({"Years": -1}, "must be a positive integer value"),
        ({"Days": 36_501}, "too large"),
        ({"Years": 101}, "too large"),
    ],
)
async def test_a_default_period_has_its_limits(cloud, locked, period, message):
    with pytest.raises(errors.InvalidArgument, match=message) as caught:
        await by_default(cloud, locked, Mode="GOVERNANCE", **period)
    assert caught.value.fields["ArgumentName"] == next(iter(period))


async def test_event_holds_are_refused_by_name(cloud, locked):
    version = await put(cloud, locked)
    with pytest.raises(NotImplementedByUs, match="DefaultEventHold"):
        await by_default(cloud, locked, DefaultEventHold={"Days": 1})
    with pytest.raises(NotImplementedByUs, match="EventHold"):
        await cloud.s3.PutObjectRetention(**version, Retention={"EventHold": "ON", "EventHoldDuration": {"Days": 1}})


# New versions


async def test_the_default_counts_from_a_versions_creation(cloud, locked, later):
    before = await put(cloud, locked)
    await by_default(cloud, locked, Mode="GOVERNANCE", Days=2)
    version = await put(cloud, locked)
    until = later(2 * DAY_MS)
    await by_default(cloud, locked)
    assert (await cloud.s3.GetObjectRetention(**version))["Retention"] == {
        "Mode": "GOVERNANCE",
        "RetainUntilDate": until,
    }
    for unlocked in (before, await put(cloud, locked)):
        with pytest.raises(errors.NoSuchObjectLockConfiguration):
            await cloud.s3.GetObjectRetention(**unlocked)
    await cloud.advance(2 * DAY_MS - 1)
    with pytest.raises(errors.ObjectLocked):
        await cloud.s3.DeleteObject(**version)
    await cloud.advance(1)
    await cloud.s3.DeleteObject(**version)


async def test_a_year_has_365_days(cloud, locked, later):
    await by_default(cloud, locked, Mode="COMPLIANCE", Years=2)
    head = await cloud.s3.HeadObject(**await put(cloud, locked))
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("COMPLIANCE", later(730 * DAY_MS))


async def test_what_a_request_says_goes_before_the_default(cloud, locked, later):
    await by_default(cloud, locked, Mode="GOVERNANCE", Days=9)
    own = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": later(DAY_MS)}
    head = await cloud.s3.HeadObject(**await put(cloud, locked, **own))
    assert {name: head.get(name) for name in own} == own and "ObjectLockLegalHoldStatus" not in head
    head = await cloud.s3.GetObject(**await put(cloud, locked, ObjectLockLegalHoldStatus="ON"))
    assert (head["ObjectLockMode"], head["ObjectLockLegalHoldStatus"]) == ("GOVERNANCE", "ON")


async def test_a_copy_has_the_lock_that_it_is_given_and_not_its_sources(cloud, locked):
    version = await put(cloud, locked, ObjectLockLegalHoldStatus="ON")
    await cloud.s3.CopyObject(Bucket=locked, Key="copy", CopySource="box/k")
    assert "ObjectLockLegalHoldStatus" not in await cloud.s3.HeadObject(Bucket=locked, Key="copy")
    await cloud.s3.CopyObject(Bucket=locked, Key="copy", CopySource="box/k", ObjectLockLegalHoldStatus="ON")
    assert (await cloud.s3.GetObjectLegalHold(Bucket=locked, Key="copy"))["LegalHold"] == {"Status": "ON"}
    await by_default(cloud, locked, Mode="GOVERNANCE", Days=1)
    await cloud.s3.CopyObject(Bucket=locked, Key="copy", CopySource=f"box/k?versionId={version['VersionId']}")
    assert (await cloud.s3.HeadObject(Bucket=locked, Key="copy"))["ObjectLockMode"] == "GOVERNANCE"


@pytest.mark.parametrize("is_by_default", [False, True])
async def test_an_upload_in_parts_is_locked_when_it_is_an_object(cloud, locked, later, is_by_default):
    named = {"Bucket": locked, "Key": "k"}
    own = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": later(9 * DAY_MS)}
    upload = await cloud.s3.CreateMultipartUpload(**named, **({} if is_by_default else own))
    named["UploadId"] = upload["UploadId"]
    part = await cloud.s3.UploadPart(**named, PartNumber=1, Body=b"1")
    if is_by_default:
        await by_default(cloud, locked, Mode="GOVERNANCE", Days=9)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    await cloud.s3.CompleteMultipartUpload(**named, MultipartUpload=parts)
    head = await cloud.s3.HeadObject(Bucket=locked, Key="k")
    assert {name: head[name] for name in own} == own


async def test_headers_that_make_no_lock_are_refused(cloud, locked, later):
    for half, missing in (
        ({"ObjectLockMode": "GOVERNANCE"}, "x-amz-object-lock-retain-until-date"),
        ({"ObjectLockRetainUntilDate": later(1)}, "x-amz-object-lock-mode"),
    ):
        with pytest.raises(errors.InvalidArgument, match="must both be supplied") as caught:
            await put(cloud, locked, **half)
        assert caught.value.fields["ArgumentName"] == missing
    with pytest.raises(errors.InvalidArgument, match="must be in the future!"):
        await put(cloud, locked, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=later(0))
    with pytest.raises(errors.InvalidArgument, match=r"Unknown wormMode directive\."):
        await put(cloud, locked, ObjectLockMode="FOREVER", ObjectLockRetainUntilDate=later(1))
    with pytest.raises(errors.InvalidArgument, match="Legal Hold must be either of 'ON' or 'OFF'"):
        await put(cloud, locked, ObjectLockLegalHoldStatus="MAYBE")


async def test_without_object_lock_nothing_can_be_locked(cloud, versioned, later):
    for operation, more in (("PutObject", {}), ("CopyObject", {"CopySource": "box/k"}), ("CreateMultipartUpload", {})):
        await cloud.s3.PutObject(Bucket=versioned, Key="k")
        with pytest.raises(errors.InvalidRequest, match="Bucket is missing ObjectLockConfiguration"):
            await getattr(cloud.s3, operation)(Bucket=versioned, Key="k", ObjectLockLegalHoldStatus="ON", **more)
    version = {"Bucket": versioned, "Key": "k"}
    for ask in (
        retain(cloud, version, "GOVERNANCE", later(1)),
        hold(cloud, version, "ON"),
        cloud.s3.GetObjectRetention(**version),
        cloud.s3.GetObjectLegalHold(**version),
    ):
        with pytest.raises(errors.InvalidRequest, match="Bucket is missing Object Lock Configuration"):
            await ask


# What stands


async def test_a_simple_delete_hides_what_is_locked_and_its_marker_may_go(cloud, locked):
    version = await put(cloud, locked, ObjectLockLegalHoldStatus="ON")
    marker = await cloud.s3.DeleteObject(Bucket=locked, Key="k")
    assert marker["DeleteMarker"]
    with pytest.raises(errors.ObjectLocked, match="Access Denied because object protected by object lock"):
        await cloud.s3.DeleteObject(**version)
    await cloud.s3.DeleteObject(Bucket=locked, Key="k", VersionId=marker["VersionId"])
    assert (await cloud.s3.HeadObject(Bucket=locked, Key="k"))["VersionId"] == version["VersionId"]


async def test_of_many_deletions_those_of_locked_versions_fail(cloud, locked, later):
    free = await put(cloud, locked)
    kept = await put(cloud, locked, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=later(DAY_MS))
    targets = [{"Key": "k", "VersionId": version["VersionId"]} for version in (free, kept)]
    answer = await cloud.s3.DeleteObjects(Bucket=locked, Delete={"Objects": targets})
    assert answer["Deleted"] == targets[:1]
    (failed,) = answer["Errors"]
    assert (failed["VersionId"], failed["Code"]) == (kept["VersionId"], "AccessDenied")
    answer = await cloud.s3.DeleteObjects(Bucket=locked, Delete={"Objects": targets}, BypassGovernanceRetention=True)
    assert "Errors" not in answer


async def test_governance_is_bypassed_by_who_asks_for_it(cloud, locked, later):
    version = await put(cloud, locked)
    await retain(cloud, version, "GOVERNANCE", later(2 * DAY_MS))
    for weaker in (("GOVERNANCE", later(2 * DAY_MS - 1)), ("COMPLIANCE", later(3 * DAY_MS)), ("", None)):
        with pytest.raises(errors.ObjectLocked):
            await retain(cloud, version, *weaker)
    await retain(cloud, version, "GOVERNANCE", later(3 * DAY_MS))
    await retain(cloud, version, "GOVERNANCE", later(DAY_MS), BypassGovernanceRetention=True)
    assert (await cloud.s3.HeadObject(**version))["ObjectLockRetainUntilDate"] == later(DAY_MS)
    await retain(cloud, version, "", None, BypassGovernanceRetention=True)
    with pytest.raises(errors.NoSuchObjectLockConfiguration):
        await cloud.s3.GetObjectRetention(**version)
    await cloud.s3.DeleteObject(**version)


async def test_compliance_can_only_be_extended(cloud, locked, later):
    version = await put(cloud, locked)
    await retain(cloud, version, "COMPLIANCE", later(DAY_MS))
    for weaker in (("COMPLIANCE", later(DAY_MS - 1)), ("GOVERNANCE", later(2 * DAY_MS)), ("", None)):
        with pytest.raises(errors.ObjectLocked):
            await retain(cloud, version, *weaker, BypassGovernanceRetention=True)
    with pytest.raises(errors.ObjectLocked):
        await cloud.s3.DeleteObject(**version, BypassGovernanceRetention=True)
    await retain(cloud, version, "COMPLIANCE", later(2 * DAY_MS))
    await cloud.advance(2 * DAY_MS)
    assert (await cloud.s3.GetObjectRetention(**version))["Retention"]["Mode"] == "COMPLIANCE"
    await retain(cloud, version, "GOVERNANCE", later(1))


async def test_a_legal_hold_stands_by_itself(cloud, locked, later):
    version = await put(cloud, locked)
    with pytest.raises(errors.NoSuchObjectLockConfiguration):
        await cloud.s3.GetObjectLegalHold(**version)
    modified = (await cloud.s3.HeadObject(**version))["LastModified"]
    await cloud.advance(5000)
    await retain(cloud, version, "GOVERNANCE", later(1))
    await hold(cloud, version, "ON")
    await cloud.advance(1)
    with pytest.raises(errors.ObjectLocked):
        await cloud.s3.DeleteObject(**version, BypassGovernanceRetention=True)
    await hold(cloud, version, "OFF")
    head = await cloud.s3.HeadObject(**version)
    assert (head["ObjectLockLegalHoldStatus"], head["LastModified"]) == ("OFF", modified)
    await cloud.s3.DeleteObject(**version)


async def test_an_earlier_version_is_locked_alone(cloud, locked):
    first, second = await put(cloud, locked), await put(cloud, locked)
    await hold(cloud, first, "ON")
    await cloud.s3.DeleteObject(**second)
    with pytest.raises(errors.ObjectLocked):
        await cloud.s3.DeleteObject(**first)


async def test_half_a_body_is_malformed(cloud, locked, later):
    version = await put(cloud, locked)
    for ask in (
        cloud.s3.PutObjectRetention(**version),
        cloud.s3.PutObjectRetention(**version, Retention={"Mode": "GOVERNANCE"}),
        cloud.s3.PutObjectRetention(**version, Retention={"RetainUntilDate": later(1)}),
        cloud.s3.PutObjectRetention(**version, Retention={"Mode": "governance", "RetainUntilDate": later(1)}),
        cloud.s3.PutObjectLegalHold(**version),
        cloud.s3.PutObjectLegalHold(**version, LegalHold={}),
        cloud.s3.PutObjectLegalHold(**version, LegalHold={"Status": "abc"}),
    ):
        with pytest.raises(errors.MalformedXML):
            await ask
    with pytest.raises(errors.InvalidArgument, match="must be in the future!") as caught:
        await retain(cloud, version, "GOVERNANCE", later(0))
    assert caught.value.fields["ArgumentName"] == "RetainUntilDate"


async def test_lifecycle_leaves_locked_versions_until_they_are_free(cloud, locked, later):
    rule = {
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 1},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }
    await cloud.s3.PutBucketLifecycleConfiguration(Bucket=locked, LifecycleConfiguration={"Rules": [rule]})
    await put(cloud, locked)
    kept = await put(cloud, locked, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=later(9 * DAY_MS))
    await cloud.advance(8 * DAY_MS)
    left = await cloud.s3.ListObjectVersions(Bucket=locked)
    assert [one["VersionId"] for one in left["Versions"]] == [kept["VersionId"]]
    assert left["DeleteMarkers"]
    await cloud.advance(2 * DAY_MS)
    assert "Versions" not in await cloud.s3.ListObjectVersions(Bucket=locked)


# Who may


async def test_to_lock_and_to_create_a_bucket_for_it_are_permissions_of_their_own(cloud, locked, ann, later):
    who = {"AWS": "*"}
    await cloud.s3.DeletePublicAccessBlock(Bucket=locked)
    named = {"Bucket": locked, "Key": "k"}
    retention = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": later(DAY_MS)}
    await allow(cloud, locked, who, "s3:PutObject")
    await ann.PutObject(**named)
    for asked, action in (
        (retention, "PutObjectRetention"),
        ({"ObjectLockLegalHoldStatus": "ON"}, "PutObjectLegalHold"),
    ):
        with pytest.raises(AccessDenied, match=f"s3:{action}"):
            await ann.PutObject(**named, **asked)
        with pytest.raises(AccessDenied, match=f"s3:{action}"):
            await ann.CreateMultipartUpload(**named, **asked)
    await allow(cloud, locked, who, "s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold")
    await ann.PutObject(**named, **retention, ObjectLockLegalHoldStatus="OFF")


async def test_a_bucket_for_locks_takes_three_permissions(cloud):
    asked = await _touched(cloud, "CreateBucket", {"Bucket": "box", "ObjectLockEnabledForBucket": True})
    assert asked == ["s3:CreateBucket", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"]


async def _touched(cloud, operation, request) -> list[str]:
    from pileus.services.s3 import authorize

    call = cloud.pileus.call("s3", operation, principal=principal.root(cloud.account), account=cloud.account)
    return [touch.action for touch in await authorize.RESOURCES[operation](call, request)]


async def test_bypassing_is_a_permission(cloud, locked, ann, later):
    await cloud.s3.DeletePublicAccessBlock(Bucket=locked)
    version = await put(cloud, locked, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=later(DAY_MS))
    may = ["s3:DeleteObjectVersion", "s3:PutObjectRetention"]
    await allow(cloud, locked, {"AWS": "*"}, *may)
    with pytest.raises(errors.ObjectLocked):
        await ann.DeleteObject(**version)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": later(1)}
    for ask in (
        ann.DeleteObject(**version, BypassGovernanceRetention=True),
        ann.PutObjectRetention(**version, Retention=retention, BypassGovernanceRetention=True),
    ):
        with pytest.raises(AccessDenied, match="s3:BypassGovernanceRetention"):
            await ask
    target = {"Key": "k", "VersionId": version["VersionId"]}
    many = {"Bucket": locked, "Delete": {"Objects": [target]}, "BypassGovernanceRetention": True}
    (failed,) = (await ann.DeleteObjects(**many))["Errors"]
    assert "s3:BypassGovernanceRetention" in failed["Message"]
    await allow(cloud, locked, {"AWS": "*"}, *may, "s3:BypassGovernanceRetention")
    assert (await ann.DeleteObjects(**many))["Deleted"] == [target]


@pytest.mark.parametrize(
    ("condition", "days", "is_denied"),
    [
        ({"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}, 10, False),
        ({"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}, 10.01, True),
        ({"StringEquals": {"s3:object-lock-mode": "GOVERNANCE"}}, 1, True),
        ({"StringEquals": {"s3:object-lock-mode": "COMPLIANCE"}}, 1, False),
        ({"DateGreaterThan": {"s3:object-lock-retain-until-date": "2100-01-01T00:00:00Z"}}, 1, False),
        ({"DateLessThan": {"s3:object-lock-retain-until-date": "2100-01-01T00:00:00Z"}}, 1, True),
    ],
)
async def test_a_policy_may_limit_retention(cloud, locked, ann, later, condition, days, is_denied):
    await cloud.s3.DeletePublicAccessBlock(Bucket=locked)
    version = await put(cloud, locked)
    await allow(cloud, locked, {"AWS": "*"}, "s3:PutObject", "s3:PutObjectRetention", condition=condition)
    until = later(round(days * DAY_MS))
    asked = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    for ask in (
        ann.PutObjectRetention(**version, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until}),
        ann.PutObject(Bucket=locked, Key="new", **asked),
    ):
        if is_denied:
            with pytest.raises(AccessDenied):
                await ask
        else:
            await ask


async def test_a_policy_may_speak_of_legal_holds(cloud, locked, ann):
    await cloud.s3.DeletePublicAccessBlock(Bucket=locked)
    version = await put(cloud, locked)
    condition = {"StringEquals": {"s3:object-lock-legal-hold": "OFF"}}
    await allow(cloud, locked, {"AWS": "*"}, "s3:PutObjectLegalHold", condition=condition)
    await ann.PutObjectLegalHold(**version, LegalHold={"Status": "ON"})
    with pytest.raises(AccessDenied):
        await ann.PutObjectLegalHold(**version, LegalHold={"Status": "OFF"})


async def test_a_reader_is_told_of_the_lock_what_he_may_know(cloud, locked, ann, later):
    await cloud.s3.DeletePublicAccessBlock(Bucket=locked)
    retention = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": later(DAY_MS)}
    await put(cloud, locked, **retention, ObjectLockLegalHoldStatus="ON")
    shown = set()
    for more, told in (
        ((), set()),
        (("s3:GetObjectRetention",), set(retention)),
        (("s3:GetObjectLegalHold",), {"ObjectLockLegalHoldStatus"}),
    ):
        await allow(cloud, locked, {"AWS": "*"}, "s3:GetObject", *more)
        for ask in (ann.HeadObject(Bucket=locked, Key="k"), ann.GetObject(Bucket=locked, Key="k")):
            shown = {name for name in await ask if name.startswith("ObjectLock")}
            assert shown == told


# Over HTTP


@pytest.fixture
async def send(cloud, locked):
    """A request of anybody, over HTTP, to a bucket that lets everybody in: status, body."""
    await cloud.s3.DeletePublicAccessBlock(Bucket=locked)
    await allow(cloud, locked, "*", "s3:PutObject", "s3:PutObjectLegalHold")

    async def send(path: str, query: str = "", **headers: str):
        named = {"host": "localhost:4566", "content-length": "0"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        response = await cloud.pileus.gateway.handle(HttpRequest("PUT", path, query, named))
        return response.status, bytes(response.body).decode()

    return send


MD5_OF_NOTHING = base64.b64encode(hashlib.md5(b"").digest()).decode()


async def test_what_is_locked_by_default_is_sent_with_a_checksum(cloud, locked, send):
    assert (await send("/box/k"))[0] == 200
    await by_default(cloud, locked, Mode="GOVERNANCE", Days=1)
    status, body = await send("/box/k")
    wanted = (
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters"
    )
    assert status == 400 and wanted in body and "InvalidRequest" in body
    assert (await send("/box/k", content_md5=MD5_OF_NOTHING))[0] == 200
    assert (await send("/box/k", x_amz_checksum_crc32="AAAAAA=="))[0] == 200


async def test_parts_of_what_will_be_locked_are_sent_with_a_checksum(cloud, locked, send):
    upload = await cloud.s3.CreateMultipartUpload(Bucket=locked, Key="k", ObjectLockLegalHoldStatus="ON")
    query = f"partNumber=1&uploadId={upload['UploadId']}"
    status, body = await send("/box/k", query)
    assert status == 400 and "required for Put Part requests with Object Lock parameters" in body
    assert (await send("/box/k", query, content_md5=MD5_OF_NOTHING))[0] == 200


async def test_who_locks_what_he_puts_signs_by_version_4(send):
    status, body = await send("/box/k", content_md5=MD5_OF_NOTHING, x_amz_object_lock_legal_hold="ON")
    assert status == 400 and "Object Lock parameters require AWS Signature Version 4" in body
