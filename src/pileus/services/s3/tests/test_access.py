"""Who may: policies, the public access block, ACLs, and what the missing learn."""

import json
import re
from pathlib import Path

import pytest

from pileus.kernel import principal
from pileus.kernel.errors import AccessDenied
from pileus.services.s3 import access, authorize, errors
from pileus.services.s3.actions import ACTIONS

OTHER = "111122223333"


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str, who="*", **more) -> dict:
    return {"Effect": "Allow", "Principal": who, "Action": action, "Resource": f"arn:aws:s3:::{resource}", **more}


@pytest.fixture
def stranger(cloud):
    return cloud.as_(principal.anonymous(), "s3")


@pytest.fixture
async def open_bucket(cloud, bucket):
    """One that may be made public."""
    await cloud.s3.DeletePublicAccessBlock(Bucket=bucket)
    await cloud.s3.PutObject(Bucket=bucket, Key="k", Body=b"1", Tagging="seen=yes")
    return bucket


async def test_a_stranger_sees_nothing(cloud, bucket, stranger):
    await cloud.s3.PutObject(Bucket=bucket, Key="k")
    for ask in (
        stranger.GetObject(Bucket=bucket, Key="k"),
        stranger.PutObject(Bucket=bucket, Key="x"),
        stranger.ListObjectsV2(Bucket=bucket),
        stranger.DeleteBucket(Bucket=bucket),
    ):
        with pytest.raises(AccessDenied):
            await ask


async def test_only_the_owners_account_is_told_why(cloud, bucket):
    own = principal.user(cloud.account, "ann", "AIDAANN")
    because = f'resource: "arn:aws:s3:::{bucket}/k" because no identity-based policy allows the s3:PutObject action'
    with pytest.raises(AccessDenied, match=because):
        await cloud.as_(own, "s3").PutObject(Bucket=bucket, Key="k")
    for who in (principal.root(OTHER), principal.user(OTHER, "ann", "AIDAANN"), principal.anonymous()):
        with pytest.raises(AccessDenied, match=r"^AccessDenied: Access Denied$"):
            await cloud.as_(who, "s3").PutObject(Bucket=bucket, Key="k")


async def test_a_public_policy_is_refused_while_the_block_stands(cloud, bucket):
    with pytest.raises(errors.AccessDenied, match="BlockPublicPolicy"):
        await cloud.s3.PutBucketPolicy(Bucket=bucket, Policy=policy(allow("s3:GetObject", "box/*")))
    fixed = {"StringEquals": {"aws:SourceAccount": OTHER}}
    await cloud.s3.PutBucketPolicy(Bucket=bucket, Policy=policy(allow("s3:GetObject", "box/*", Condition=fixed)))


async def test_a_public_policy_lets_strangers_read_and_learn_of_no_absence(cloud, open_bucket, stranger):
    await cloud.s3.PutBucketPolicy(Bucket=open_bucket, Policy=policy(allow("s3:GetObject", "box/*")))
    assert (await cloud.s3.GetBucketPolicyStatus(Bucket=open_bucket))["PolicyStatus"] == {"IsPublic": True}
    assert (await stranger.GetObject(Bucket=open_bucket, Key="k"))["Body"] == b"1"
    with pytest.raises(AccessDenied, match="Access Denied"):
        await stranger.GetObject(Bucket=open_bucket, Key="none")
    both = policy(allow("s3:GetObject", "box/*"), allow("s3:ListBucket", "box"))
    await cloud.s3.PutBucketPolicy(Bucket=open_bucket, Policy=both)
    with pytest.raises(errors.NoSuchKey):
        await stranger.GetObject(Bucket=open_bucket, Key="none")


async def test_who_lists_by_an_acl_learns_of_absence(cloud, stranger):
    await cloud.s3.CreateBucket(Bucket="acls", ObjectOwnership="ObjectWriter")
    await cloud.s3.DeletePublicAccessBlock(Bucket="acls")
    await cloud.s3.PutObject(Bucket="acls", Key="own")
    for acl, error in (("private", AccessDenied), ("public-read", errors.NoSuchKey)):
        await cloud.s3.PutBucketAcl(Bucket="acls", ACL=acl)
        with pytest.raises(error):
            await stranger.GetObject(Bucket="acls", Key="none")
    with pytest.raises(AccessDenied):
        await stranger.GetObject(Bucket="acls", Key="own")


async def test_who_will_own_an_object_needs_no_leave_for_its_acl(cloud, stranger):
    other = cloud.as_(principal.root(OTHER), "s3")
    await cloud.s3.CreateBucket(Bucket="acls", ObjectOwnership="ObjectWriter")
    await cloud.s3.DeletePublicAccessBlock(Bucket="acls")
    grant = f"id={principal.canonical_user_id(cloud.account)}"
    give = {"StringEquals": {"s3:x-amz-grant-full-control": grant}}
    who = {"AWS": f"arn:aws:iam::{OTHER}:root"}
    only = allow("s3:PutObject", "acls/*", who, Condition=give)
    await cloud.s3.PutBucketPolicy(Bucket="acls", Policy=policy(only))
    with pytest.raises(AccessDenied):
        await other.PutObject(Bucket="acls", Key="k")
    await other.PutObject(Bucket="acls", Key="k", GrantFullControl=grant)
    deny = {**allow("s3:PutObjectAcl", "acls/*"), "Effect": "Deny"}
    await cloud.s3.PutBucketPolicy(Bucket="acls", Policy=policy(only, deny))
    with pytest.raises(AccessDenied):
        await other.PutObject(Bucket="acls", Key="k", GrantFullControl=grant)
    await cloud.s3.DeleteBucketPolicy(Bucket="acls")
    await cloud.s3.PutBucketAcl(Bucket="acls", ACL="public-read-write")
    await stranger.PutObject(Bucket="acls", Key="k", ACL="public-read")


async def test_the_second_creation_in_us_east_1_resets_the_acl(cloud, stranger):
    await cloud.s3.CreateBucket(Bucket="acls", ObjectOwnership="ObjectWriter", ACL="public-read")
    await cloud.s3.DeletePublicAccessBlock(Bucket="acls")
    await stranger.ListObjectsV2(Bucket="acls")
    await cloud.s3.CreateBucket(Bucket="acls")
    with pytest.raises(AccessDenied):
        await stranger.ListObjectsV2(Bucket="acls")


async def test_an_uploads_initiator_may_list_its_parts_and_abort_it(cloud, bucket):
    ann, bob = (cloud.as_(principal.user(cloud.account, name, f"AIDA{name}"), "s3") for name in ("ann", "bob"))
    who = {"AWS": [f"arn:aws:iam::{cloud.account}:user/{name}" for name in ("ann", "bob")]}
    for name in ("ann", "bob"):
        await cloud.iam.CreateUser(UserName=name)
    await cloud.s3.PutBucketPolicy(Bucket=bucket, Policy=policy(allow("s3:PutObject", "box/*", who)))
    begun = await ann.CreateMultipartUpload(Bucket=bucket, Key="k")
    where = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    for ask in (bob.ListParts(**where), bob.AbortMultipartUpload(**where)):
        with pytest.raises(AccessDenied):
            await ask
    assert (await ann.ListParts(**where))["Initiator"]["ID"] == f"arn:aws:iam::{cloud.account}:user/ann"
    await ann.AbortMultipartUpload(**where)
    with pytest.raises(errors.NoSuchUpload):
        await cloud.s3.ListParts(**where)


async def test_restricted_public_buckets_keep_strangers_out(cloud, open_bucket, stranger):
    await cloud.s3.PutBucketPolicy(Bucket=open_bucket, Policy=policy(allow("s3:GetObject", "box/*")))
    await cloud.s3.PutPublicAccessBlock(
        Bucket=open_bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True}
    )
    with pytest.raises(AccessDenied):
        await stranger.GetObject(Bucket=open_bucket, Key="k")


async def test_conditions_see_prefix_and_tags(cloud, open_bucket, stranger):
    await cloud.s3.PutBucketPolicy(
        Bucket=open_bucket,
        Policy=policy(
            allow("s3:ListBucket", "box", Condition={"StringEquals": {"s3:prefix": "open/"}}),
            allow("s3:GetObject", "box/*", Condition={"StringEquals": {"s3:ExistingObjectTag/seen": "yes"}}),
        ),
    )
    await stranger.ListObjectsV2(Bucket=open_bucket, Prefix="open/")
    with pytest.raises(AccessDenied):
        await stranger.ListObjectsV2(Bucket=open_bucket, Prefix="")
    await stranger.GetObject(Bucket=open_bucket, Key="k")
    await cloud.s3.DeleteObjectTagging(Bucket=open_bucket, Key="k")
    with pytest.raises(AccessDenied):
        await stranger.GetObject(Bucket=open_bucket, Key="k")


async def test_each_key_of_a_batch_is_authorized_by_itself(cloud, open_bucket):
    other = cloud.as_(principal.root(OTHER), "s3")
    who = {"AWS": f"arn:aws:iam::{OTHER}:root"}
    await cloud.s3.PutBucketPolicy(Bucket=open_bucket, Policy=policy(allow("s3:DeleteObject", "box/mine/*", who)))
    answer = await other.DeleteObjects(Bucket=open_bucket, Delete={"Objects": [{"Key": "mine/a"}, {"Key": "k"}]})
    assert answer["Deleted"] == [{"Key": "mine/a"}]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("k", "AccessDenied")]
    await cloud.s3.GetObject(Bucket=open_bucket, Key="k")


async def test_the_owners_root_gets_out_of_a_policy_that_denies_everything(cloud, bucket):
    deny = {**allow("s3:*", "box"), "Effect": "Deny"}
    await cloud.s3.PutBucketPolicy(Bucket=bucket, Policy=policy(deny))
    with pytest.raises(AccessDenied):
        await cloud.s3.ListObjectsV2(Bucket=bucket)
    await cloud.s3.DeleteBucketPolicy(Bucket=bucket)
    await cloud.s3.ListObjectsV2(Bucket=bucket)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "first byte"),
        ("{", "invalid Json"),
        (policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}), "Principal"),
        (policy(allow("s3:GetObject", "other/*")), "invalid resource"),
        (policy(allow("sqs:SendMessage", "box/*")), "Policy has invalid action"),
        (policy(allow("s3:Foo", "box/*")), "Policy has invalid action"),
        (policy(allow("s3:ListObjects", "box")), "Policy has invalid action"),
        (policy(allow("s3:Foo*", "box/*")), "Policy has invalid action"),
        (policy(allow("s3:GetObject", "box")), "Action does not apply to any resource"),
        (policy(allow("s3:ListBucket", "box/*")), "Action does not apply to any resource"),
        (policy(allow("s3:GetBucketObjectLockConfiguration", "box/*")), "Action does not apply to any resource"),
    ],
)
async def test_malformed_policies_are_refused(cloud, bucket, text, message):
    with pytest.raises(errors.MalformedPolicy, match=message):
        await cloud.s3.PutBucketPolicy(Bucket=bucket, Policy=text)


@pytest.mark.parametrize(
    ("action", "resource"),
    [("s3:ListBucket", "box"), ("s3:ListBucket", "b*"), ("s3:GetObject", "box*"), ("s3:*", "box"), ("*", "box/*")],
)
async def test_an_action_applies_to_what_its_resources_may_name(cloud, bucket, action, resource):
    deny = {**allow(action, resource), "Effect": "Deny"}
    await cloud.s3.PutBucketPolicy(Bucket=bucket, Policy=policy(deny))


@pytest.mark.parametrize(
    ("condition", "is_public"),
    [
        ({}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, True),
        ({"StringLike": {"aws:SourceArn": "arn:aws:sns:*:111122223333:*"}}, False),
        ({"StringLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": OTHER}}, True),
    ],
)
def test_what_makes_a_policy_public(condition, is_public):
    text = policy(allow("s3:GetObject", "box/*", **({"Condition": condition} if condition else {})))
    assert access.is_policy_public(text) is is_public


async def test_acls_are_off_until_ownership_allows_them(cloud, open_bucket, stranger):
    ask = {"Bucket": open_bucket, "Key": "k", "ACL": "public-read"}
    with pytest.raises(errors.AccessControlListNotSupported):
        await cloud.s3.PutObjectAcl(**ask)
    controls = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    await cloud.s3.PutBucketOwnershipControls(Bucket=open_bucket, OwnershipControls=controls)
    await cloud.s3.PutObjectAcl(**ask)
    assert (await stranger.GetObject(Bucket=open_bucket, Key="k"))["Body"] == b"1"
    with pytest.raises(AccessDenied):
        await stranger.ListObjectsV2(Bucket=open_bucket)
    await cloud.s3.PutPublicAccessBlock(Bucket=open_bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    with pytest.raises(AccessDenied):
        await stranger.GetObject(Bucket=open_bucket, Key="k")


async def test_buckets_of_others(cloud, bucket):
    other = cloud.as_(principal.root(OTHER), "s3")
    with pytest.raises(errors.BucketAlreadyExists):
        await other.CreateBucket(Bucket=bucket)
    with pytest.raises(AccessDenied):
        await other.HeadBucket(Bucket=bucket)
    with pytest.raises(errors.AccessDenied):
        await cloud.s3.HeadBucket(Bucket=bucket, ExpectedBucketOwner=OTHER)
    assert (await other.ListBuckets())["Buckets"] == []


@pytest.mark.parametrize("name", ["ab", "Box", "a_b", "a..b", "1.2.3.4", "-ab", "xn--a", "a-s3alias", "a" * 64])
async def test_names_that_are_no_buckets(cloud, name):
    with pytest.raises(errors.InvalidBucketName):
        await cloud.s3.CreateBucket(Bucket=name)


async def test_a_second_creation_succeeds_in_us_east_1_alone(cloud, bucket):
    await cloud.s3.CreateBucket(Bucket=bucket)
    europe = cloud.as_(principal.root(cloud.account), "s3", "eu-west-1")
    where = {"LocationConstraint": "eu-west-1"}
    await europe.CreateBucket(Bucket="europe", CreateBucketConfiguration=where)
    assert await europe.GetBucketLocation(Bucket="europe") == where
    with pytest.raises(errors.BucketAlreadyOwnedByYou):
        await europe.CreateBucket(Bucket="europe", CreateBucketConfiguration=where)


def test_every_action_that_is_asked_of_a_policy_can_stand_in_one():
    asked = set(re.findall(r'"(s3:[A-Z]\w+)"', Path(authorize.__file__).read_text()))
    keys = {"s3:RequestObjectTagKeys", "s3:ResourceAccount", "s3:VersionId"}
    assert {action for action in asked - keys if action.lower() not in ACTIONS} == set()
