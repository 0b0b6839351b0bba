"""CloudFormation types of EventBridge, made of its public operations.

Source: CloudFormation template reference, AWS::Events::Archive, AWS::Events::EventBus,
AWS::Events::EventBusPolicy, AWS::Events::Rule.
"""

import json
from typing import Any

from pileus.kernel.errors import AwsError
from pileus.kernel.tags import from_list, to_list
from pileus.stacks.property_types import ANYTHING, JSON, TAGS, MapOf
from pileus.stacks.resource import (
    Created,
    Gone,
    InvalidProperty,
    NotHonoured,
    Property,
    ResourceContext,
    ResourceType,
    Updated,
)

_GONE = ("ResourceNotFoundException",)
_OWNER_TAGS = ("aws:cloudformation:stack-id", "aws:cloudformation:logical-id")
_DEFAULT = "default"
VERSION = "2012-10-17"


class AlreadyExists(AwsError):
    """Somebody else's, or one that was made by hand."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"Resource of type '{kind}' with identifier '{name}' already exists.")


class EventBus(ResourceType):
    name = "AWS::Events::EventBus"
    properties = {
        "DeadLetterConfig": Property({"Arn": Property(str)}),
        "Description": Property(str),
        "EventSourceName": NotHonoured(requires_recreation="Always"),
        "KmsKeyIdentifier": NotHonoured(),
        "LogConfig": NotHonoured(harmless=[{}, {"Level": "OFF"}, {"IncludeDetail": "NONE", "Level": "OFF"}]),
        "Name": Property(str, required=True, replacement=True),
        "Policy": Property(JSON),
        "Tags": Property(TAGS),
    }
    attributes = ("Arn", "Name", "Policy")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        name = properties["Name"]
        request = {"Name": name, **_of_bus(properties), "Tags": to_list(context.tags_with(properties.get("Tags")))}
        try:
            await context.invoke("events", "CreateEventBus", request)
        except AwsError as error:
            is_there = error.code == "ResourceAlreadyExistsException"
            if is_there and not _is_own(context, await _tags(context, _bus_arn(context, name))):
                raise AlreadyExists(self.name, name) from error
            if not is_there:
                raise
        await _set_policy(context, name, {}, properties)
        return Created(name, _attributes_of_bus(context, name, properties))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated:
        given_up = {"Description": "", "DeadLetterConfig": {}}
        await context.invoke("events", "UpdateEventBus", {"Name": physical_id, **given_up, **_of_bus(new)})
        await _set_policy(context, physical_id, old, new)
        await _retag(context, _bus_arn(context, physical_id), context.tags_with(new.get("Tags")))
        return Updated(_attributes_of_bus(context, physical_id, new))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("events", "DeleteEventBus", {"Name": physical_id}, gone=_GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        found = await context.invoke_unless_gone("events", "DescribeEventBus", {"Name": physical_id}, gone=_GONE)
        if found is None:
            raise Gone(physical_id)
        out = {name: found[name] for name in ("Name", "Description", "DeadLetterConfig", "Policy") if name in found}
        return self.coerced(out | _own_tags(await _tags(context, found["Arn"])))


def _of_bus(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: properties[name] for name in ("Description", "DeadLetterConfig") if name in properties}


def _attributes_of_bus(context: ResourceContext, name: str, properties: dict[str, Any]) -> dict[str, str]:
    policy = json.dumps(properties["Policy"]) if properties.get("Policy") else ""
    return {"Arn": _bus_arn(context, name), "Name": name, "Policy": policy}


async def _set_policy(context: ResourceContext, bus: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    if new.get("Policy"):
        request = {"EventBusName": bus, "Policy": json.dumps(new["Policy"])}
        await context.invoke("events", "PutPermission", request)
    elif old.get("Policy"):
        await context.invoke("events", "RemovePermission", {"EventBusName": bus, "RemoveAllPermissions": True})


class EventBusPolicy(ResourceType):
    """One statement of a bus's policy, which may have others."""

    name = "AWS::Events::EventBusPolicy"
    properties = {
        "Action": Property(str),
        "Condition": Property({"Key": Property(str), "Type": Property(str), "Value": Property(str)}),
        "EventBusName": Property(str, replacement=True),
        "Principal": Property(str),
        "Statement": Property(JSON),
        "StatementId": Property(str, required=True, replacement=True),
    }

    def check(self, properties: dict[str, Any]) -> None:
        has_statement = "Statement" in properties
        if has_statement == ("Action" in properties and "Principal" in properties):
            raise InvalidProperty("Specify either Statement, or Action and Principal.")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        await self._put(context, properties)
        return Created(f"{properties.get('EventBusName', _DEFAULT)}|{properties['StatementId']}")

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        await self._put(context, new)
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("events", "RemovePermission", _statement_of(properties), gone=_GONE)

    async def _put(self, context: ResourceContext, properties: dict[str, Any]) -> None:
        request = _statement_of(properties)
        if "Statement" in properties:
            request["Policy"] = json.dumps({"Version": VERSION, "Statement": [properties["Statement"]]})
        else:
            given = ("Action", "Principal", "Condition")
            request |= {name: properties[name] for name in given if name in properties}
        await context.invoke("events", "PutPermission", request)


def _statement_of(properties: dict[str, Any]) -> dict[str, Any]:
    return {"EventBusName": properties.get("EventBusName", _DEFAULT), "StatementId": properties["StatementId"]}


_TARGET = {
    "AppSyncParameters": Property(ANYTHING),
    "Arn": Property(str, required=True),
    "BatchParameters": Property(ANYTHING),
    "DeadLetterConfig": Property({"Arn": Property(str)}),
    "EcsParameters": Property(ANYTHING),
    "HttpParameters": Property(ANYTHING),
    "Id": Property(str, required=True),
    "Input": Property(str),
    "InputPath": Property(str),
    "InputTransformer": Property(
        {"InputPathsMap": Property(MapOf(str)), "InputTemplate": Property(str, required=True)}
    ),
    "KinesisParameters": Property({"PartitionKeyPath": Property(str, required=True)}),
    "RedshiftDataParameters": Property(ANYTHING),
    "RetryPolicy": Property({"MaximumEventAgeInSeconds": Property(int), "MaximumRetryAttempts": Property(int)}),
    "RoleArn": Property(str),
    "RunCommandParameters": Property(ANYTHING),
    "SageMakerPipelineParameters": Property(ANYTHING),
    "SqsParameters": Property({"MessageGroupId": Property(str)}),
}
"""What is of services that are not here, PutTargets refuses with the target."""


class Rule(ResourceType):
    """Its Ref is the rule's name; on a bus other than the default one, the bus's name and "|" before it."""

    name = "AWS::Events::Rule"
    properties = {
        "Description": Property(str),
        "EventBusName": Property(str, replacement=True),
        "EventPattern": Property(JSON),
        "Name": Property(str, replacement=True),
        "RoleArn": Property(str),
        "ScheduleExpression": Property(str),
        "State": Property(str),
        "Tags": Property(TAGS),
        "Targets": Property([_TARGET]),
    }
    attributes = ("Arn",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        name = properties.get("Name") or context.physical_name(64)
        bus = _bus_name(properties)
        where = {"Name": name, "EventBusName": properties.get("EventBusName", _DEFAULT)}
        existing = await context.invoke_unless_gone("events", "DescribeRule", where, gone=_GONE)
        if existing is not None and not _is_own(context, await _tags(context, existing["Arn"])):
            raise AlreadyExists(self.name, name)
        arn = await _put_rule(context, name, properties)
        await _put_targets(context, name, properties)
        return Created(name if bus == _DEFAULT else f"{bus}|{name}", {"Arn": arn})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated:
        name = _rule_name(physical_id)
        arn = await _put_rule(context, name, new)
        wanted = {target["Id"] for target in new.get("Targets", ())}
        await _remove_targets(context, name, old, [t["Id"] for t in old.get("Targets", ()) if t["Id"] not in wanted])
        await _put_targets(context, name, new)
        await _retag(context, arn, context.tags_with(new.get("Tags")))
        return Updated({"Arn": arn})

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        name = _rule_name(physical_id)
        await _remove_targets(context, name, properties, [target["Id"] for target in properties.get("Targets", ())])
        request = {"Name": name, "EventBusName": properties.get("EventBusName", _DEFAULT)}
        await context.invoke_unless_gone("events", "DeleteRule", request, gone=_GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        bus, _, name = physical_id.rpartition("|")
        where = {"EventBusName": bus or _DEFAULT}
        found = await context.invoke_unless_gone("events", "DescribeRule", {"Name": name, **where}, gone=_GONE)
        if found is None:
            raise Gone(physical_id)
        out = {name: found[name] for name in self.properties if name in found}
        targets = (await context.invoke("events", "ListTargetsByRule", {"Rule": name, **where}))["Targets"]
        tags = _own_tags(await _tags(context, found["Arn"]))
        return self.coerced(out | ({"Targets": targets} if targets else {}) | tags)


def _bus_name(properties: dict[str, Any]) -> str:
    return properties.get("EventBusName", _DEFAULT).rpartition("event-bus/")[2]


def _rule_name(physical_id: str) -> str:
    return physical_id.rpartition("|")[2]


async def _put_rule(context: ResourceContext, name: str, properties: dict[str, Any]) -> str:
    """Return its ARN."""
    given = ("Description", "EventBusName", "RoleArn", "ScheduleExpression", "State")
    request = {"Name": name, **{member: properties[member] for member in given if member in properties}}
    if "EventPattern" in properties:
        request["EventPattern"] = json.dumps(properties["EventPattern"])
    request["Tags"] = to_list(context.tags_with(properties.get("Tags")))
    return (await context.invoke("events", "PutRule", request))["RuleArn"]


async def _put_targets(context: ResourceContext, name: str, properties: dict[str, Any]) -> None:
    if properties.get("Targets"):
        where = {"Rule": name, "EventBusName": properties.get("EventBusName", _DEFAULT)}
        await context.invoke("events", "PutTargets", {**where, "Targets": properties["Targets"]})


async def _remove_targets(context: ResourceContext, name: str, properties: dict[str, Any], ids: list[str]) -> None:
    if ids:
        request = {"Rule": name, "EventBusName": properties.get("EventBusName", _DEFAULT), "Ids": ids}
        await context.invoke_unless_gone("events", "RemoveTargets", request, gone=_GONE)


class Archive(ResourceType):
    name = "AWS::Events::Archive"
    named_by = "ArchiveName"
    properties = {
        "ArchiveName": Property(str, replacement=True),
        "Description": Property(str),
        "EventPattern": Property(JSON),
        "KmsKeyIdentifier": NotHonoured(),
        "RetentionDays": Property(int),
        "SourceArn": Property(str, required=True, replacement=True),
    }
    attributes = ("Arn", "ArchiveName")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        name = properties.get("ArchiveName") or context.physical_name(48)
        request = {"ArchiveName": name, "EventSourceArn": properties["SourceArn"], **_of_archive(properties)}
        try:
            await context.invoke("events", "CreateArchive", request)
        except AwsError as error:
            # A generated name is of this step alone: an earlier run made it. Archives have no tags to tell by.
            if error.code != "ResourceAlreadyExistsException" or properties.get("ArchiveName"):
                raise
        return Created(name, await self._attributes(context, name))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        given_up = {"Description": "", "EventPattern": "", "RetentionDays": 0}
        await context.invoke("events", "UpdateArchive", {"ArchiveName": physical_id, **given_up, **_of_archive(new)})
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("events", "DeleteArchive", {"ArchiveName": physical_id}, gone=_GONE)

    async def _attributes(self, context: ResourceContext, name: str) -> dict[str, str]:
        shown = await context.invoke("events", "DescribeArchive", {"ArchiveName": name})
        return {"Arn": shown["ArchiveArn"], "ArchiveName": name}


def _of_archive(properties: dict[str, Any]) -> dict[str, Any]:
    request = {name: properties[name] for name in ("Description", "RetentionDays") if name in properties}
    return request | ({"EventPattern": json.dumps(properties["EventPattern"])} if "EventPattern" in properties else {})


# Tags


def _bus_arn(context: ResourceContext, name: str) -> str:
    return f"arn:{context.partition}:events:{context.region}:{context.account}:event-bus/{name}"


async def _tags(context: ResourceContext, arn: str) -> dict[str, str]:
    return from_list((await context.invoke("events", "ListTagsForResource", {"ResourceARN": arn}))["Tags"])


def _is_own(context: ResourceContext, tags: dict[str, str]) -> bool:
    """Whether an earlier run of this step made it."""
    return all(tags.get(key) == context.tags.get(key) is not None for key in _OWNER_TAGS)


def _own_tags(tags: dict[str, str]) -> dict[str, list[dict]]:
    own = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    return {"Tags": to_list(own)} if own else {}


async def _retag(context: ResourceContext, arn: str, tags: dict[str, str]) -> None:
    has = await _tags(context, arn)
    surplus = [key for key in has if key not in tags]
    if surplus:
        await context.invoke("events", "UntagResource", {"ResourceARN": arn, "TagKeys": surplus})
    if tags and tags != has:
        await context.invoke("events", "TagResource", {"ResourceARN": arn, "Tags": to_list(tags)})


RESOURCE_TYPES = [Archive, EventBus, EventBusPolicy, Rule]
