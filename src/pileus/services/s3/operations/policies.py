"""Bucket policies and the public access block.

Source: S3 API reference, Put/Get/DeleteBucketPolicy, GetBucketPolicyStatus, Put/Get/DeletePublicAccessBlock; user
guide, "Bucket policies", "Blocking public access to your S3 storage".
"""

import re

import orjson

from pileus.authz.patterns import text_matcher
from pileus.authz.policy import MalformedPolicyDocument, parse
from pileus.kernel.call import Call
from pileus.services.s3 import access, asked, errors
from pileus.services.s3.actions import ACTIONS
from pileus.services.s3.state import buckets
from pileus.services.s3.state.records import MAX_POLICY_BYTES, Bucket

_OF_OBJECTS = re.compile(
    r"(?!.*BucketObjectLock).*Object.*|AbortMultipartUpload|ListMultipartUploadParts|ReplicateDelete|ReplicateTags"
    r"|InitiateReplication|BypassGovernanceRetention",
    re.IGNORECASE,
)
"""Actions done to objects; all others are done to buckets. Source: service authorization reference, "Amazon S3"."""

_INVALID_PRINCIPAL = "Invalid principal in policy"

SETTINGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


async def put_bucket_policy(call: Call, request: dict) -> dict:
    """Replace the bucket's policy.

    errors   MalformedPolicy; AccessDenied: a public one while those are blocked
    """
    bucket = await asked.bucket(call, request)
    policy = request["Policy"]
    _require_policy(bucket, policy)
    if await call.strangers(parse(policy, "resource").named()):
        raise errors.MalformedPolicy(_INVALID_PRINCIPAL)
    block = await call.read(buckets.configuration, bucket, "public-access-block")
    if block and block.get("BlockPublicPolicy") and access.is_policy_public(policy):
        raise errors.AccessDenied(
            f"User: {call.principal} is not authorized to perform: s3:PutBucketPolicy on resource: "
            f'"arn:aws:s3:::{bucket.name}" because public policies are prevented by the BlockPublicPolicy setting in '
            "S3 Block Public Access."
        )
    await call.write(buckets.set_configuration, bucket.name, "policy", policy)
    return {}


def _require_policy(bucket: Bucket, policy: str) -> None:
    if not policy.startswith("{"):
        raise errors.MalformedPolicy()
    if len(policy.encode()) > MAX_POLICY_BYTES:
        raise errors.S3Error("Policy exceeds the maximum allowed document size.", code="PolicyTooLarge")
    try:
        document = orjson.loads(policy)
    except orjson.JSONDecodeError:
        raise errors.MalformedPolicy("This policy contains invalid Json") from None
    statements = document.get("Statement") if isinstance(document, dict) else None
    for statement in [statements] if isinstance(statements, dict) else statements or ():
        if not isinstance(statement, dict):
            raise errors.MalformedPolicy("Invalid policy syntax.")
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise errors.MalformedPolicy("Missing required field Principal")
        if "Action" not in statement and "NotAction" not in statement:
            raise errors.MalformedPolicy("Missing required field Action")
        _require_resources(bucket, statement)
    try:
        compiled = parse(policy, "resource")
    except MalformedPolicyDocument as problem:
        is_principal = problem.message.startswith(_INVALID_PRINCIPAL)  # of which S3 doesn't say the name
        raise errors.MalformedPolicy(_INVALID_PRINCIPAL if is_principal else problem.message) from None
    if compiled.actions_beyond(ACTIONS):
        raise errors.MalformedPolicy("Policy has invalid action")
    for statement in [statements] if isinstance(statements, dict) else statements or ():
        _require_actions(bucket, statement)


def _require_actions(bucket: Bucket, statement: dict) -> None:
    """There is something in the statement that each action can be done to.

    An action with a wildcard may be done to buckets and to objects alike.
    """
    if "Action" not in statement or "Resource" not in statement:
        return
    actions = _listed(statement["Action"])
    names = [resource.partition(":s3:::")[2] or "*" for resource in _listed(statement["Resource"])]
    has_bucket = any(text_matcher(name).fullmatch(bucket.name) for name in names)
    has_objects = any("/" in name or "*" in name or "?" in name for name in names)
    for action in actions:
        if "*" in action or "?" in action:
            continue
        if not (has_objects if _OF_OBJECTS.fullmatch(action[len("s3:") :]) else has_bucket):
            raise errors.MalformedPolicy("Action does not apply to any resource(s) in statement")


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _require_resources(bucket: Bucket, statement: dict) -> None:
    """Every statement speaks of this bucket or of what is in it."""
    resources = statement.get("Resource", statement.get("NotResource"))
    if resources is None:
        raise errors.MalformedPolicy("Missing required field Resource")
    for resource in _listed(resources):
        partition, _, name = str(resource).partition(":s3:::")
        named = text_matcher(name.partition("/")[0]).fullmatch(bucket.name)
        if resource != "*" and not (partition.startswith("arn:aws") and named):
            raise errors.MalformedPolicy("Policy has invalid resource")


async def get_bucket_policy(call: Call, request: dict) -> dict:
    """errors   NoSuchBucketPolicy"""
    return {"Policy": await _policy(call, request)}


async def get_bucket_policy_status(call: Call, request: dict) -> dict:
    """errors   NoSuchBucketPolicy"""
    return {"PolicyStatus": {"IsPublic": access.is_policy_public(await _policy(call, request))}}


async def _policy(call: Call, request: dict) -> str:
    bucket = await asked.bucket(call, request)
    policy = await call.read(buckets.configuration, bucket, "policy")
    if policy is None:
        raise errors.NoSuchBucketPolicy(BucketName=bucket.name)
    return policy


async def delete_bucket_policy(call: Call, request: dict) -> dict:
    """Remove the bucket's policy. None there is no error."""
    bucket = await asked.bucket(call, request)
    await call.write(buckets.set_configuration, bucket.name, "policy", None)
    return {}


async def put_public_access_block(call: Call, request: dict) -> dict:
    """Settings that are not given are off."""
    bucket = await asked.bucket(call, request)
    given = request["PublicAccessBlockConfiguration"]
    block = {name: bool(given.get(name)) for name in SETTINGS}
    await call.write(buckets.set_configuration, bucket.name, "public-access-block", block)
    return {}


async def get_public_access_block(call: Call, request: dict) -> dict:
    """errors   NoSuchPublicAccessBlockConfiguration"""
    bucket = await asked.bucket(call, request)
    block = await call.read(buckets.configuration, bucket, "public-access-block")
    if block is None:
        raise errors.NoSuchPublicAccessBlockConfiguration(BucketName=bucket.name)
    return {"PublicAccessBlockConfiguration": block}


async def delete_public_access_block(call: Call, request: dict) -> dict:
    """Remove the block: nothing is blocked then."""
    bucket = await asked.bucket(call, request)
    await call.write(buckets.set_configuration, bucket.name, "public-access-block", None)
    return {}
