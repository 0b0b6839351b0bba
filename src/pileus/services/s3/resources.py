"""CloudFormation types of S3, made of its public operations.

Source: CloudFormation template reference, AWS::S3::Bucket, AWS::S3::BucketPolicy. Properties that no operation here
honours fail their stack by name.
"""

import json
from datetime import datetime
from typing import Any

from pileus.kernel.errors import AwsError
from pileus.services.s3.resource_shapes import (
    CONFIGURATIONS,
    OBJECT_LOCK,
    OWNERSHIP,
    PUBLIC_ACCESS,
    VERSIONING,
    access_control,
)
from pileus.stacks.property_types import JSON, TAGS
from pileus.stacks.resource import Created, Gone, NotHonoured, Property, ResourceContext, ResourceType, Updated

_GONE = ("NoSuchBucket",)

_TAG_FILTERS = [{"Key": Property(str, required=True), "Value": Property(str, required=True)}]
_TRANSITION = {
    "StorageClass": Property(str, required=True),
    "TransitionDate": Property(str),
    "TransitionInDays": Property(int),
}
_NONCURRENT_TRANSITION = {
    "NewerNoncurrentVersions": Property(int),
    "StorageClass": Property(str, required=True),
    "TransitionInDays": Property(int, required=True),
}
_LIFECYCLE_RULE = {
    "AbortIncompleteMultipartUpload": Property({"DaysAfterInitiation": Property(int, required=True)}),
    "ExpirationDate": Property(str),
    "ExpirationInDays": Property(int),
    "ExpiredObjectDeleteMarker": Property(bool),
    "Id": Property(str),
    "NoncurrentVersionExpiration": Property(
        {"NewerNoncurrentVersions": Property(int), "NoncurrentDays": Property(int, required=True)}
    ),
    "NoncurrentVersionExpirationInDays": Property(int),
    "NoncurrentVersionTransition": Property(_NONCURRENT_TRANSITION),
    "NoncurrentVersionTransitions": Property([_NONCURRENT_TRANSITION]),
    "ObjectSizeGreaterThan": Property(int),
    "ObjectSizeLessThan": Property(int),
    "Prefix": Property(str),
    "Status": Property(str, required=True),
    "TagFilters": Property(_TAG_FILTERS),
    "Transition": Property(_TRANSITION),
    "Transitions": Property([_TRANSITION]),
}
_CORS_RULE = {
    "AllowedHeaders": Property([str]),
    "AllowedMethods": Property([str], required=True),
    "AllowedOrigins": Property([str], required=True),
    "ExposedHeaders": Property([str]),
    "Id": Property(str),
    "MaxAge": Property(int),
}
_EVENT_FILTER = Property(
    {
        "S3Key": Property(
            {"Rules": Property([{"Name": Property(str, required=True), "Value": Property(str, required=True)}])},
            required=True,
        )
    }
)


def _notifications(target: str) -> Property:
    return Property(
        [{"Event": Property(str, required=True), "Filter": _EVENT_FILTER, target: Property(str, required=True)}]
    )


class AlreadyExists(AwsError):
    """Somebody else's bucket, or one that was made by hand."""


class ObjectLockStays(AwsError):
    """Source: user guide, "Object Lock considerations". CloudFormation's own words are not known to us."""

    code = "InvalidRequest"
    text = "Object Lock can't be disabled for a bucket that has it."


class Bucket(ResourceType):
    name = "AWS::S3::Bucket"
    properties = {
        "AbacStatus": NotHonoured(harmless=["Disabled"]),
        "AccelerateConfiguration": NotHonoured(harmless=[{"AccelerationStatus": "Suspended"}]),
        "AccessControl": Property(str),
        "AnalyticsConfigurations": NotHonoured(harmless=[[]]),
        "BucketEncryption": Property(
            {
                "ServerSideEncryptionConfiguration": Property(
                    [
                        {
                            "BlockedEncryptionTypes": Property({"EncryptionType": Property([str])}),
                            "BucketKeyEnabled": Property(bool),
                            "ServerSideEncryptionByDefault": Property(
                                {"KMSMasterKeyID": Property(str), "SSEAlgorithm": Property(str, required=True)}
                            ),
                        }
                    ],
                    required=True,
                )
            }
        ),
        "BucketName": Property(str, replacement=True),
        "BucketNamePrefix": NotHonoured(requires_recreation="Always"),
        "BucketNamespace": NotHonoured(harmless=["global"], requires_recreation="Always"),
        "CorsConfiguration": Property({"CorsRules": Property([_CORS_RULE], required=True)}),
        "IntelligentTieringConfigurations": NotHonoured(harmless=[[]]),
        "InventoryConfigurations": NotHonoured(harmless=[[]]),
        "LifecycleConfiguration": Property(
            {
                "Rules": Property([_LIFECYCLE_RULE], required=True),
                "TransitionDefaultMinimumObjectSize": Property(str),
            }
        ),
        "LoggingConfiguration": NotHonoured(),
        "MetadataConfiguration": NotHonoured(),
        "MetadataTableConfiguration": NotHonoured(),
        "MetricsConfigurations": NotHonoured(harmless=[[]]),
        "NotificationConfiguration": Property(
            {
                "EventBridgeConfiguration": Property({"EventBridgeEnabled": Property(bool)}),
                "LambdaConfigurations": _notifications("Function"),
                "QueueConfigurations": _notifications("Queue"),
                "TopicConfigurations": _notifications("Topic"),
            }
        ),
        "ObjectLockConfiguration": Property(
            {
                "ObjectLockEnabled": Property(str),
                "Rule": Property(
                    {
                        "DefaultRetention": Property(
                            {
                                "DefaultEventHold": NotHonoured(),
                                "Days": Property(int),
                                "Mode": Property(str),
                                "Years": Property(int),
                            }
                        )
                    }
                ),
            }
        ),
        "ObjectLockEnabled": Property(bool),
        "OwnershipControls": Property(
            {"Rules": Property([{"ObjectOwnership": Property(str, required=True)}], required=True)}
        ),
        "PublicAccessBlockConfiguration": Property(
            {
                "BlockPublicAcls": Property(bool),
                "BlockPublicPolicy": Property(bool),
                "IgnorePublicAcls": Property(bool),
                "RestrictPublicBuckets": Property(bool),
            }
        ),
        "ReplicationConfiguration": NotHonoured(),
        "Tags": Property(TAGS),
        "VersioningConfiguration": Property({"Status": Property(str, required=True)}),
        "WebsiteConfiguration": NotHonoured(),
    }
    attributes = ("Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        """The tags that name the stack come with the bucket: a step that runs again knows its own by them."""
        name = properties.get("BucketName") or context.physical_name(63, lower=True)
        if await self._exists(context, name):
            if not await self._is_own(context, name):
                raise AlreadyExists(f"{name} already exists")
        else:
            configuration: dict[str, Any] = {"Tags": _tag_set(context, properties)}
            if context.region != "us-east-1":
                configuration["LocationConstraint"] = context.region
            lock = {"ObjectLockEnabledForBucket": True} if properties.get("ObjectLockEnabled") else {}
            request = {"Bucket": name, "CreateBucketConfiguration": configuration, **lock}
            await context.invoke("s3", "CreateBucket", request)
        await self._configure(context, name, {}, properties)
        return Created(name, self._attributes(context, name))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        """Object Lock may come to a bucket and never leaves it."""
        was_locking, locks = old.get("ObjectLockEnabled"), new.get("ObjectLockEnabled")
        if was_locking and locks is False:
            raise ObjectLockStays()
        await self._configure(context, physical_id, old, new)
        if locks and not was_locking and OBJECT_LOCK.property not in new:  # which would have switched it on
            await context.invoke("s3", *OBJECT_LOCK.reset(physical_id))
        return Updated(self._attributes(context, physical_id))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        """Fails while there is anything in it, as on AWS."""
        await context.invoke_unless_gone("s3", "DeleteBucket", {"Bucket": physical_id}, gone=_GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        """What drift compares: the configurations that S3 gives back as the template has them."""
        if not await self._exists(context, physical_id):
            raise Gone(physical_id)
        found: dict[str, Any] = {"BucketName": physical_id}
        for configuration in (VERSIONING, PUBLIC_ACCESS, OWNERSHIP, OBJECT_LOCK):
            answer = await context.invoke_unless_gone(
                "s3", configuration.get, {"Bucket": physical_id}, gone=configuration.missing
            )
            value = configuration.from_api(answer) if answer else None
            if value:
                found[configuration.property] = value
        if OBJECT_LOCK.property in found:
            found["ObjectLockEnabled"] = True
        tags = await context.invoke_unless_gone(
            "s3", "GetBucketTagging", {"Bucket": physical_id}, gone=("NoSuchTagSet",)
        )
        own = [tag for tag in (tags or {}).get("TagSet", []) if context.tags.get(tag["Key"]) != tag["Value"]]
        return found | ({"Tags": own} if own else {})

    async def _exists(self, context: ResourceContext, name: str) -> bool:
        answer = await context.invoke_unless_gone("s3", "HeadBucket", {"Bucket": name}, gone=(*_GONE, "AccessDenied"))
        return answer is not None

    async def _is_own(self, context: ResourceContext, name: str) -> bool:
        answer = await context.invoke_unless_gone(
            "s3", "GetBucketTagging", {"Bucket": name}, gone=("NoSuchTagSet", "AccessDenied")
        )
        tags = {tag["Key"]: tag["Value"] for tag in (answer or {}).get("TagSet", [])}
        return all(
            tags.get(key) == value
            for key, value in context.tags.items()
            if key in ("aws:cloudformation:stack-id", "aws:cloudformation:logical-id")
        )

    async def _configure(self, context: ResourceContext, name: str, old: dict, new: dict) -> None:
        """Everything that changed; what left the template goes back to what S3 gives a new bucket."""
        for configuration in CONFIGURATIONS:
            before, after = old.get(configuration.property), new.get(configuration.property)
            if after is not None and (after != before or not old):
                await context.invoke("s3", configuration.put, {"Bucket": name, **configuration.to_api(after)})
            elif after is None and before is not None:
                await context.invoke("s3", *configuration.reset(name))
        if old.get("AccessControl") != new.get("AccessControl"):
            await context.invoke(
                "s3", "PutBucketAcl", {"Bucket": name, "ACL": access_control(new.get("AccessControl", "Private"))}
            )
        tag_set = _tag_set(context, new)
        await context.invoke("s3", "PutBucketTagging", {"Bucket": name, "Tagging": {"TagSet": tag_set}})

    def _attributes(self, context: ResourceContext, name: str) -> dict[str, str]:
        suffix = "amazonaws.com.cn" if context.partition == "aws-cn" else "amazonaws.com"
        # The older regions write their website's host with a dash. Source: General Reference, "Amazon S3 website endpoints".
        dot = "-" if context.region in _DASHED else "."
        return {
            "Arn": f"arn:{context.partition}:s3:::{name}",
            "DomainName": f"{name}.s3.{suffix}",
            "DualStackDomainName": f"{name}.s3.dualstack.{context.region}.{suffix}",
            "RegionalDomainName": f"{name}.s3.{context.region}.{suffix}",
            "WebsiteURL": f"http://{name}.s3-website{dot}{context.region}.{suffix}",
        }


def _tag_set(context: ResourceContext, properties: dict) -> list[dict]:
    return [{"Key": key, "Value": value} for key, value in context.tags_with(properties.get("Tags")).items()]


_DASHED = (
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "eu-west-1",
    "sa-east-1",
    "us-gov-west-1",
)


class BucketPolicy(ResourceType):
    name = "AWS::S3::BucketPolicy"
    properties = {
        "Bucket": Property(str, required=True, replacement=True),
        "PolicyDocument": Property(JSON, required=True),
    }

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        await self._put(context, properties)
        return Created(properties["Bucket"])

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        await self._put(context, new)
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("s3", "DeleteBucketPolicy", {"Bucket": physical_id}, gone=_GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        answer = await context.invoke_unless_gone(
            "s3", "GetBucketPolicy", {"Bucket": physical_id}, gone=(*_GONE, "NoSuchBucketPolicy")
        )
        if answer is None:
            raise Gone(physical_id)
        return {"Bucket": physical_id, "PolicyDocument": json.loads(answer["Policy"])}

    async def _put(self, context: ResourceContext, properties: dict[str, Any]) -> None:
        policy = json.dumps(properties["PolicyDocument"], default=_printed)
        await context.invoke("s3", "PutBucketPolicy", {"Bucket": properties["Bucket"], "Policy": policy})


def _printed(value: Any) -> str:
    """YAML reads a bare 2012-10-17 as a date."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


RESOURCE_TYPES = [Bucket, BucketPolicy]
