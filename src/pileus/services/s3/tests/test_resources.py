"""CloudFormation types, step by step, as the executor calls them."""

import dataclasses

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.s3.resources import Bucket, BucketPolicy
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import Gone, ResourceContext

STACK = "arn:aws:cloudformation:us-east-1:000000000000:stack/demo/1"


@pytest.fixture
def context(cloud) -> ResourceContext:
    async def invoke(service: str, operation: str, request: dict) -> dict:
        return await getattr(getattr(cloud, service), operation)(**request)

    tags = {"aws:cloudformation:stack-id": STACK, "aws:cloudformation:logical-id": "Box", "team": "a"}
    return ResourceContext(cloud.account, cloud.region, "aws", "Demo", STACK, "Box", "token", cloud.clock, invoke, tags)


async def make(context, **properties):
    bucket = Bucket()
    return await bucket.create(context, bucket.coerced(properties))


async def test_a_bucket_with_everything(cloud, context):
    made = await make(
        context,
        VersioningConfiguration={"Status": "Enabled"},
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"},
                    "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]},
                }
            ]
        },
        PublicAccessBlockConfiguration={"BlockPublicAcls": "true", "BlockPublicPolicy": True},
        LifecycleConfiguration={
            "Rules": [
                {
                    "Status": "Enabled",
                    "Prefix": "tmp/",
                    "ExpirationInDays": "7",
                    "TagFilters": [{"Key": "a", "Value": "b"}],
                }
            ]
        },
        CorsConfiguration={"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 60}]},
        Tags=[{"Key": "mine", "Value": "1"}],
    )
    name = made.physical_id
    assert name == name.lower() and name.startswith("demo-box-")
    assert made.attributes["Arn"] == f"arn:aws:s3:::{name}"
    assert made.attributes["RegionalDomainName"] == f"{name}.s3.us-east-1.amazonaws.com"
    assert await cloud.s3.GetBucketVersioning(Bucket=name) == {"Status": "Enabled"}
    (rule,) = (await cloud.s3.GetBucketEncryption(Bucket=name))["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule == {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"},
        "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]},
    }
    (rule,) = (await cloud.s3.GetBucketLifecycleConfiguration(Bucket=name))["Rules"]
    assert rule["Filter"] == {"And": {"Prefix": "tmp/", "Tags": [{"Key": "a", "Value": "b"}]}}
    (cors,) = (await cloud.s3.GetBucketCors(Bucket=name))["CORSRules"]
    assert cors["MaxAgeSeconds"] == 60
    tags = {tag["Key"]: tag["Value"] for tag in (await cloud.s3.GetBucketTagging(Bucket=name))["TagSet"]}
    assert (tags["mine"], tags["team"], tags["aws:cloudformation:logical-id"]) == ("1", "a", "Box")
    assert (await Bucket().read(context, name))["Tags"] == [{"Key": "mine", "Value": "1"}]


async def test_a_step_that_runs_again_takes_its_own_bucket(context):
    first = await make(context, BucketName="mine")
    assert await make(context, BucketName="mine") == first


async def test_somebody_elses_bucket_is_not_taken_over(cloud, context):
    await cloud.s3.CreateBucket(Bucket="theirs")
    with pytest.raises(AwsError, match="already exists"):
        await make(context, BucketName="theirs")
    other = dataclasses.replace(context, tags={**context.tags, "aws:cloudformation:logical-id": "Other"})
    await make(context, BucketName="mine")
    with pytest.raises(AwsError, match="already exists"):
        await make(other, BucketName="mine")


async def test_what_leaves_the_template_goes_back_to_the_default(cloud, context):
    old = {"VersioningConfiguration": {"Status": "Enabled"}, "PublicAccessBlockConfiguration": {}}
    name = (await make(context, **old)).physical_id
    await Bucket().update(context, name, old, {})
    assert await cloud.s3.GetBucketVersioning(Bucket=name) == {"Status": "Suspended"}
    block = (await cloud.s3.GetPublicAccessBlock(Bucket=name))["PublicAccessBlockConfiguration"]
    assert all(block.values())


RULE = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}


async def test_a_bucket_with_object_lock(cloud, context):
    name = (await make(context, ObjectLockEnabled="true")).physical_id
    enabled = {"ObjectLockEnabled": "Enabled"}
    assert await cloud.s3.GetObjectLockConfiguration(Bucket=name) == {"ObjectLockConfiguration": enabled}
    ruled = {"ObjectLockEnabled": True, "ObjectLockConfiguration": {**enabled, "Rule": RULE}}
    await Bucket().update(context, name, {"ObjectLockEnabled": True}, ruled)
    assert ruled.items() <= (await Bucket().read(context, name)).items()
    await Bucket().update(context, name, ruled, {})
    assert await cloud.s3.GetObjectLockConfiguration(Bucket=name) == {"ObjectLockConfiguration": enabled}
    with pytest.raises(AwsError, match="can't be disabled"):
        await Bucket().update(context, name, ruled, {"ObjectLockEnabled": False})


@pytest.mark.parametrize("more", [{}, {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": RULE}}])
async def test_object_lock_comes_to_a_bucket_that_is_versioned(cloud, context, more):
    name = (await make(context)).physical_id
    assert "ObjectLockEnabled" not in await Bucket().read(context, name)
    with pytest.raises(AwsError, match="Versioning must be 'Enabled'"):
        await Bucket().update(context, name, {}, {"ObjectLockEnabled": True, **more})
    new = {"ObjectLockEnabled": True, "VersioningConfiguration": {"Status": "Enabled"}, **more}
    assert not Bucket().replaces({}, new)
    await Bucket().update(context, name, {}, new)
    assert new.items() <= (await Bucket().read(context, name)).items()


async def test_a_bucket_is_deleted_when_it_is_empty_and_not_before(cloud, context):
    name = (await make(context)).physical_id
    await cloud.s3.PutObject(Bucket=name, Key="k")
    with pytest.raises(AwsError, match="not empty"):
        await Bucket().delete(context, name, {})
    await cloud.s3.DeleteObject(Bucket=name, Key="k")
    await Bucket().delete(context, name, {})
    await Bucket().delete(context, name, {})
    with pytest.raises(Gone):
        await Bucket().read(context, name)


@pytest.mark.parametrize("properties", [{"WebsiteConfiguration": {}}, {"LoggingConfiguration": {}}, {"Nonsense": 1}])
def test_what_is_not_honoured_fails_by_name(properties):
    with pytest.raises(InvalidProperty, match=next(iter(properties))):
        Bucket().coerced(properties)


async def test_a_policy_with_its_bucket_gone_is_gone(cloud, context):
    name = (await make(context)).physical_id
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": f"arn:aws:s3:::{name}/*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    policy = BucketPolicy()
    properties = policy.coerced({"Bucket": name, "PolicyDocument": document})
    made = await policy.create(context, properties)
    assert await policy.read(context, made.physical_id) == {"Bucket": name, "PolicyDocument": document}
    await cloud.s3.DeleteBucket(Bucket=name)
    await policy.delete(context, made.physical_id, properties)
