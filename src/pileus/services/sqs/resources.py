"""CloudFormation types of SQS, made of its public operations.

Source: CloudFormation template reference, AWS::SQS::Queue, AWS::SQS::QueuePolicy, AWS::SQS::QueueInlinePolicy.
"""

import json
from typing import Any

from pileus.kernel.errors import AwsError
from pileus.stacks.property_types import JSON, TAGS
from pileus.stacks.resource import Created, Gone, Property, ResourceContext, ResourceType, Updated

GONE = ("QueueDoesNotExist",)
NAME_FREE_WITHIN_MS = 61_000
"""AWS waits out the minute of a deleted queue's name too, in the deletion; here the creation does."""
FIFO_SUFFIX = ".fifo"


class AlreadyExists(AwsError):
    """Somebody else's queue, or one that was made by hand."""


class Queue(ResourceType):
    name = "AWS::SQS::Queue"
    named_by = "QueueName"
    properties = {
        "ContentBasedDeduplication": Property(bool),
        "DeduplicationScope": Property(str),
        "DelaySeconds": Property(int),
        "FifoQueue": Property(bool, replacement=True),
        "FifoThroughputLimit": Property(str),
        "KmsDataKeyReusePeriodSeconds": Property(int),
        "KmsMasterKeyId": Property(str),
        "MaximumMessageSize": Property(int),
        "MessageRetentionPeriod": Property(int),
        "QueueName": Property(str, replacement=True),
        "ReceiveMessageWaitTimeSeconds": Property(int),
        "RedriveAllowPolicy": Property(JSON),
        "RedrivePolicy": Property(JSON),
        "SqsManagedSseEnabled": Property(bool),
        "Tags": Property(TAGS),
        "VisibilityTimeout": Property(int),
    }
    attributes = ("Arn", "QueueName", "QueueUrl")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        name = properties.get("QueueName") or _made_up_name(context, properties)
        tags = context.tags_with(properties.get("Tags"))
        await self._refuse_a_stranger(context, name)
        request = {"QueueName": name, "Attributes": _attributes(properties), "tags": tags}
        deadline_ms = context.clock.now_ms() + NAME_FREE_WITHIN_MS
        while True:
            try:
                url = (await context.invoke("sqs", "CreateQueue", request))["QueueUrl"]
                break
            except AwsError as error:
                now_ms = context.clock.now_ms()
                if error.code != "QueueDeletedRecently" or now_ms >= deadline_ms:
                    raise
                await context.clock.wait_until(now_ms + 1000)
        return Created(url, _attributes_of(context, url))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated:
        given_up = {name: "" for name in _attributes(old)}  # an empty value gives the default back
        attributes = {**given_up, **_attributes(new)}
        attributes.pop("FifoQueue", None)
        if attributes:
            await context.invoke("sqs", "SetQueueAttributes", {"QueueUrl": physical_id, "Attributes": attributes})
        await _retag(context, physical_id, context.tags_with(new.get("Tags")))
        return Updated(_attributes_of(context, physical_id))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone("sqs", "DeleteQueue", {"QueueUrl": physical_id}, gone=GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        attributes = await _read_attributes(context, physical_id)
        found: dict[str, Any] = {"QueueName": _name_in(physical_id)}
        for name, value in attributes.items():
            if name in self.properties:
                found[name] = json.loads(value) if name in ("RedrivePolicy", "RedriveAllowPolicy") else value
        answer = await context.invoke("sqs", "ListQueueTags", {"QueueUrl": physical_id})
        tags = {key: value for key, value in answer.get("Tags", {}).items() if key not in context.tags}
        if tags:
            found["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        return self.coerced(found)

    async def _refuse_a_stranger(self, context: ResourceContext, name: str) -> None:
        """CreateQueue takes a queue that is there; a stack only the one that it made itself before it was killed."""
        existing = await context.invoke_unless_gone("sqs", "GetQueueUrl", {"QueueName": name}, gone=GONE)
        if existing is None:
            return
        answer = await context.invoke("sqs", "ListQueueTags", {"QueueUrl": existing["QueueUrl"]})
        tags = answer.get("Tags", {})
        if any(tags.get(key) != value for key, value in context.tags.items() if key.startswith("aws:cloudformation:")):
            raise AlreadyExists(f"Resource of type '{self.name}' with identifier '{name}' already exists.")


class QueuePolicy(ResourceType):
    name = "AWS::SQS::QueuePolicy"
    properties = {
        "PolicyDocument": Property(JSON, required=True),
        "Queues": Property([str], required=True),
    }
    attributes = ("Id",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        for url in properties["Queues"]:
            await _set_policy(context, url, json.dumps(properties["PolicyDocument"]))
        identifier = context.physical_name()
        return Created(identifier, {"Id": identifier})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        for url in old["Queues"]:
            if url not in new["Queues"]:
                await _remove_policy(context, url)
        for url in new["Queues"]:
            await _set_policy(context, url, json.dumps(new["PolicyDocument"]))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        for url in properties["Queues"]:
            await _remove_policy(context, url)


class QueueInlinePolicy(ResourceType):
    """One queue, one policy. Its Ref is the queue's URL."""

    name = "AWS::SQS::QueueInlinePolicy"
    properties = {
        "PolicyDocument": Property(JSON, required=True),
        "Queue": Property(str, required=True, replacement=True),
    }

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        await _set_policy(context, properties["Queue"], json.dumps(properties["PolicyDocument"]))
        return Created(properties["Queue"])

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        await _set_policy(context, physical_id, json.dumps(new["PolicyDocument"]))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await _remove_policy(context, physical_id)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        policy = (await _read_attributes(context, physical_id)).get("Policy")
        if policy is None:
            raise Gone(physical_id)
        return {"PolicyDocument": json.loads(policy), "Queue": physical_id}


def _made_up_name(context: ResourceContext, properties: dict[str, Any]) -> str:
    if properties.get("FifoQueue"):
        return context.physical_name(max_length=80 - len(FIFO_SUFFIX)) + FIFO_SUFFIX
    return context.physical_name(max_length=80)


def _attributes(properties: dict[str, Any]) -> dict[str, str]:
    """The properties that are queue attributes, in the API's strings. A standard queue's FifoQueue: false is none."""
    out: dict[str, str] = {}
    for name, value in properties.items():
        if name in ("QueueName", "Tags") or (name == "FifoQueue" and not value):
            continue
        if isinstance(value, bool):
            out[name] = "true" if value else "false"
        else:
            out[name] = value if isinstance(value, str) else json.dumps(value)
    return out


def _name_in(url: str) -> str:
    return url.rsplit("/", 1)[1]


def _attributes_of(context: ResourceContext, url: str) -> dict[str, str]:
    name = _name_in(url)
    arn = f"arn:{context.partition}:sqs:{context.region}:{context.account}:{name}"
    return {"Arn": arn, "QueueName": name, "QueueUrl": url}


async def _read_attributes(context: ResourceContext, url: str) -> dict[str, str]:
    request = {"QueueUrl": url, "AttributeNames": ["All"]}
    answer = await context.invoke_unless_gone("sqs", "GetQueueAttributes", request, gone=GONE)
    if answer is None:
        raise Gone(url)
    return answer["Attributes"]


async def _retag(context: ResourceContext, url: str, tags: dict[str, str]) -> None:
    has = (await context.invoke("sqs", "ListQueueTags", {"QueueUrl": url})).get("Tags", {})
    surplus = [key for key in has if key not in tags]
    if surplus:
        await context.invoke("sqs", "UntagQueue", {"QueueUrl": url, "TagKeys": surplus})
    if tags and tags != has:
        await context.invoke("sqs", "TagQueue", {"QueueUrl": url, "Tags": tags})


async def _set_policy(context: ResourceContext, url: str, policy: str) -> None:
    await context.invoke("sqs", "SetQueueAttributes", {"QueueUrl": url, "Attributes": {"Policy": policy}})


async def _remove_policy(context: ResourceContext, url: str) -> None:
    request = {"QueueUrl": url, "Attributes": {"Policy": ""}}
    await context.invoke_unless_gone("sqs", "SetQueueAttributes", request, gone=GONE)


RESOURCE_TYPES = [Queue, QueuePolicy, QueueInlinePolicy]
