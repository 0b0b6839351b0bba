"""Buckets: create, find, list, delete; where they are, whether they keep versions.

Source: S3 API reference, the operations' pages; user guide, "Buckets overview".
"""

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.services.s3 import access, asked, errors
from pileus.services.s3.answers import moment, owner
from pileus.services.s3.state import buckets
from pileus.services.s3.state.records import MAX_BUCKET_TAGS, MAX_BUCKETS, Bucket

REGIONS_SAID_OTHERWISE = {"EU": "eu-west-1"}


async def create_bucket(call: Call, request: dict) -> dict:
    """Make a bucket in the region that the call is made in, or from us-east-1 in any. With Object Lock it is versioned.

    errors   BucketAlreadyExists, BucketAlreadyOwnedByYou, IllegalLocationConstraintException, InvalidBucketName
    """
    name = request["Bucket"]
    asked.require_bucket_name(name)
    configuration = request.get("CreateBucketConfiguration", {})
    for member in ("Location", "Bucket"):
        if configuration.get(member):
            raise NotImplementedByUs(f"s3:CreateBucket with CreateBucketConfiguration.{member}")
    if request.get("BucketNamespace", "global") != "global":
        raise NotImplementedByUs(f"s3:CreateBucket with BucketNamespace {request['BucketNamespace']}")
    region = _region(call, configuration.get("LocationConstraint"))
    ownership = request.get("ObjectOwnership", "BucketOwnerEnforced")
    grants = access.bucket_grants_asked(request, call.principal.account or call.account)
    if grants is not None and ownership == "BucketOwnerEnforced" and not access.is_private(grants, call.account):
        raise errors.InvalidBucketAclWithObjectOwnership()
    tags = asked.tag_set({"TagSet": configuration.get("Tags", [])}, MAX_BUCKET_TAGS, is_system=not call.is_from_outside)
    await call.write(
        _create,
        name,
        tags,
        account=call.account,
        region=region,
        ownership=ownership,
        grants=grants or (),
        has_object_lock=bool(request.get("ObjectLockEnabledForBucket")),
    )
    return {"Location": f"/{name}", "BucketArn": f"arn:aws:s3:::{name}"}


def _create(tx, name: str, tags: dict, **how) -> None:
    bucket = buckets.create_bucket(tx, name, **how)
    if tags:
        buckets.configure(tx, bucket, "tagging", tags)


def _region(call: Call, constraint: str | None) -> str:
    constraint = REGIONS_SAID_OTHERWISE.get(constraint, constraint)
    if not constraint:
        if call.region == "us-east-1" or not call.is_from_outside:
            return call.region
        raise errors.IllegalLocationConstraintException(
            "The unspecified location constraint is incompatible for the region specific endpoint this request was "
            "sent to."
        )
    if constraint == "us-east-1":
        raise errors.InvalidLocationConstraint(LocationConstraint=constraint)
    if call.region not in ("us-east-1", constraint):
        raise errors.IllegalLocationConstraintException(
            f"The {constraint} location constraint is incompatible for the region specific endpoint this request was "
            "sent to."
        )
    return constraint


async def delete_bucket(call: Call, request: dict) -> dict:
    """Delete an empty bucket.

    errors   BucketNotEmpty, NoSuchBucket
    """
    bucket = await asked.bucket(call, request)
    await call.write(buckets.delete_bucket, bucket.name)
    return {}


async def head_bucket(call: Call, request: dict) -> dict:
    """Say that the bucket is there and in which region."""
    bucket = await asked.bucket(call, request)
    return {"BucketRegion": bucket.region, "BucketArn": f"arn:aws:s3:::{bucket.name}", "AccessPointAlias": False}


async def list_buckets(call: Call, request: dict) -> dict:
    """The account's buckets by name; all of them unless MaxBuckets says less."""
    prefix = request.get("Prefix", "")
    after = ""
    if request.get("ContinuationToken"):
        try:
            after = token_in("ListBuckets", request["ContinuationToken"])
        except InvalidToken:
            raise errors.InvalidArgument(
                "The continuation token provided is incorrect", ArgumentName="continuation-token"
            ) from None
    limit = request.get("MaxBuckets", MAX_BUCKETS)
    found, more = await call.read(buckets.list_buckets, call.account, prefix=prefix, after=after, limit=limit)
    region = request.get("BucketRegion")
    result = {
        "Buckets": [_bucket_out(bucket) for bucket in found if region in (None, bucket.region)],
        "Owner": owner(call.account),
    }
    if prefix:
        result["Prefix"] = prefix
    if more:
        result["ContinuationToken"] = token_out("ListBuckets", found[-1].name)
    return result


def _bucket_out(bucket: Bucket) -> dict:
    return {
        "Name": bucket.name,
        "CreationDate": moment(bucket.created_at_ms),
        "BucketRegion": bucket.region,
        "BucketArn": f"arn:aws:s3:::{bucket.name}",
    }


async def get_bucket_location(call: Call, request: dict) -> dict:
    """The region; empty for us-east-1, as it was before there were others. Answers from every region."""
    bucket = await call.read(buckets.require_bucket, request["Bucket"])
    asked.require_owner(bucket, request.get("ExpectedBucketOwner"))
    return {} if bucket.region == "us-east-1" else {"LocationConstraint": bucket.region}


async def get_bucket_versioning(call: Call, request: dict) -> dict:
    """Nothing at all for a bucket that never had it."""
    bucket = await asked.bucket(call, request)
    return {"Status": bucket.versioning} if bucket.versioning else {}


async def put_bucket_versioning(call: Call, request: dict) -> dict:
    """Enable or suspend. MFA delete needs a root's device, which nobody has here.

    errors   IllegalVersioningConfigurationException; InvalidBucketState: suspended under Object Lock
    """
    bucket = await asked.bucket(call, request)
    wanted = request["VersioningConfiguration"]
    if wanted.get("MFADelete") == "Enabled":
        raise NotImplementedByUs("s3:PutBucketVersioning with MFADelete")
    if "Status" not in wanted:
        raise errors.IllegalVersioningConfigurationException()
    await call.write(buckets.set_versioning, bucket.name, wanted["Status"])
    return {}
