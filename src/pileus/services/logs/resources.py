"""CloudFormation types of CloudWatch Logs, made of its public operations.

Source: CloudFormation template reference, AWS::Logs::LogGroup, LogStream, ResourcePolicy, SubscriptionFilter.
AWS::Logs::MetricFilter is not among them: without CloudWatch's metrics it would publish nothing.
"""

from typing import Any

from pileus.kernel.errors import AwsError
from pileus.stacks.property_types import TAGS
from pileus.stacks.resource import Created, Gone, NotHonoured, Property, ResourceContext, ResourceType, Updated

_GONE = ("ResourceNotFoundException",)

_EXISTS = "ResourceAlreadyExistsException"

_OWNER_TAGS = ("aws:cloudformation:stack-id", "aws:cloudformation:logical-id")


class LogGroup(ResourceType):
    name = "AWS::Logs::LogGroup"
    properties = {
        "BearerTokenAuthenticationEnabled": NotHonoured(harmless=[False]),
        "DataProtectionPolicy": NotHonoured(harmless=[{}]),
        "DeletionProtectionEnabled": Property(bool),
        "FieldIndexPolicies": NotHonoured(harmless=[[]]),
        "KmsKeyId": NotHonoured(),
        "LogGroupClass": NotHonoured(harmless=["STANDARD"]),
        "LogGroupName": Property(str, replacement=True),
        "ResourcePolicyDocument": NotHonoured(),
        "RetentionInDays": Property(int),
        "Tags": Property(TAGS),
    }
    attributes = ("Arn",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        name = properties.get("LogGroupName") or context.physical_name(512)
        tags = context.tags_with(properties.get("Tags"))
        request = {"logGroupName": name, "tags": tags} if tags else {"logGroupName": name}
        try:
            await context.invoke("logs", "CreateLogGroup", request)
        except AwsError as error:
            if error.code != _EXISTS or not await _is_own(context, name):
                raise
        await _apply(context, name, {}, properties)
        return Created(name, {"Arn": f"{_arn(context, name)}:*"})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        arn = _arn(context, physical_id)
        before = (await context.invoke("logs", "ListTagsForResource", {"resourceArn": arn}))["tags"]
        tags = context.tags_with(new.get("Tags"))
        # Only what the template had: tags that somebody else set stay.
        gone = [tag["Key"] for tag in old.get("Tags", []) if tag["Key"] in before and tag["Key"] not in tags]
        if gone:
            await context.invoke("logs", "UntagResource", {"resourceArn": arn, "tagKeys": gone})
        if any(before.get(key) != value for key, value in tags.items()):
            await context.invoke("logs", "TagResource", {"resourceArn": arn, "tags": tags})
        await _apply(context, physical_id, old, new)
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("logs", "DeleteLogGroup", {"logGroupName": physical_id}, gone=_GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        found = await context.invoke("logs", "DescribeLogGroups", {"logGroupIdentifiers": [physical_id]})
        if not found["logGroups"]:
            raise Gone(physical_id)
        (group,) = found["logGroups"]
        tags = (await context.invoke("logs", "ListTagsForResource", {"resourceArn": group["logGroupArn"]}))["tags"]
        properties: dict[str, Any] = {
            "LogGroupName": group["logGroupName"],
            "LogGroupClass": group["logGroupClass"],
            "DeletionProtectionEnabled": group["deletionProtectionEnabled"],
        }
        if "retentionInDays" in group:
            properties["RetentionInDays"] = group["retentionInDays"]
        own = [{"Key": key, "Value": value} for key, value in tags.items() if not key.startswith("aws:")]
        return {**properties, "Tags": own} if own else properties


async def _is_own(context: ResourceContext, name: str) -> bool:
    """Whether an earlier run of this step made the group; a function's first log may have made it as well."""
    tags = (await context.invoke("logs", "ListTagsForResource", {"resourceArn": _arn(context, name)}))["tags"]
    return all(tags.get(key) == context.tags.get(key) is not None for key in _OWNER_TAGS)


async def _apply(context: ResourceContext, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Retention and protection."""
    if new.get("RetentionInDays") is not None:
        await context.invoke(
            "logs", "PutRetentionPolicy", {"logGroupName": name, "retentionInDays": new["RetentionInDays"]}
        )
    elif old.get("RetentionInDays") is not None:
        await context.invoke("logs", "DeleteRetentionPolicy", {"logGroupName": name})
    is_protected = bool(new.get("DeletionProtectionEnabled"))
    if is_protected or old.get("DeletionProtectionEnabled"):
        await context.invoke(
            "logs",
            "PutLogGroupDeletionProtection",
            {"logGroupIdentifier": name, "deletionProtectionEnabled": is_protected},
        )


def _arn(context: ResourceContext, name: str) -> str:
    return f"arn:{context.partition}:logs:{context.region}:{context.account}:log-group:{name}"


class LogStream(ResourceType):
    name = "AWS::Logs::LogStream"
    properties = {
        "LogGroupName": Property(str, required=True, replacement=True),
        "LogStreamName": Property(str, replacement=True),
    }

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        name = properties.get("LogStreamName") or context.physical_name(512)
        request = {"logGroupName": properties["LogGroupName"], "logStreamName": name}
        try:
            await context.invoke("logs", "CreateLogStream", request)
        except AwsError as error:
            # A generated name is of this step alone: an earlier run made it.
            if error.code != _EXISTS or properties.get("LogStreamName"):
                raise
        return Created(name)

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        request = {"logGroupName": properties["LogGroupName"], "logStreamName": physical_id}
        await context.invoke_unless_gone("logs", "DeleteLogStream", request, gone=_GONE)


class SubscriptionFilter(ResourceType):
    name = "AWS::Logs::SubscriptionFilter"
    properties = {
        "ApplyOnTransformedLogs": NotHonoured(harmless=[False]),
        "DestinationArn": Property(str, required=True),
        "Distribution": Property(str),
        "EmitSystemFields": NotHonoured(harmless=[[]]),
        "FieldSelectionCriteria": NotHonoured(harmless=[""]),
        "FilterName": Property(str, replacement=True),
        "FilterPattern": Property(str, required=True),
        "LogGroupName": Property(str, required=True, replacement=True),
        "RoleArn": Property(str),
    }

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        name = properties.get("FilterName") or context.physical_name(512)
        await _put(context, name, properties)
        return Created(name)

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        await _put(context, physical_id, new)
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        request = {"logGroupName": properties["LogGroupName"], "filterName": physical_id}
        await context.invoke_unless_gone("logs", "DeleteSubscriptionFilter", request, gone=_GONE)


async def _put(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    optional = {"RoleArn": "roleArn", "Distribution": "distribution"}
    request = {
        "logGroupName": properties["LogGroupName"],
        "filterName": name,
        "filterPattern": properties["FilterPattern"],
        "destinationArn": properties["DestinationArn"],
        **{spelled: properties[given] for given, spelled in optional.items() if properties.get(given)},
    }
    await context.invoke("logs", "PutSubscriptionFilter", request)


class ResourcePolicy(ResourceType):
    """Lets other services write to the account's log groups. Its Ref is its name."""

    name = "AWS::Logs::ResourcePolicy"
    properties = {
        "PolicyDocument": Property(str, required=True),
        "PolicyName": Property(str, required=True, replacement=True),
    }

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        await self._put(context, properties)
        return Created(properties["PolicyName"])

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        await self._put(context, new)
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("logs", "DeleteResourcePolicy", {"policyName": physical_id}, gone=_GONE)

    async def _put(self, context: ResourceContext, properties: dict[str, Any]) -> None:
        request = {"policyName": properties["PolicyName"], "policyDocument": properties["PolicyDocument"]}
        await context.invoke("logs", "PutResourcePolicy", request)


RESOURCE_TYPES = [LogGroup, LogStream, SubscriptionFilter, ResourcePolicy]
