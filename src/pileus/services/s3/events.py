"""Event notifications: which of a bucket's notifications an event concerns, and what it says.

Source: user guide, "Event notification types and destinations", "Event message structure", "Configuring event
notifications using object key name filtering", "EventBridge event message structure". All functions are pure.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from pileus.kernel.clock import iso8601
from pileus.kernel.principal import canonical_user_id

EVENT_BRIDGE = "events"
SENDERS = {"QueueConfigurations": "sqs", "TopicConfigurations": "sns", "LambdaFunctionConfigurations": "lambda"}
ARN_MEMBERS = {"sqs": "QueueArn", "sns": "TopicArn", "lambda": "LambdaFunctionArn"}

NEVER_HAPPEN = (
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectRestore:",
    "s3:Replication:",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAnnotation:",
)
"""Events of things that Pileus does not do. A notification may ask for them; as on AWS they come when they happen."""


def plan(configuration: dict) -> dict[str, Any]:
    """A NotificationConfiguration as the bucket keeps it: as it was given, and as matching wants it."""
    rules = []
    for member, target in SENDERS.items():
        for one in configuration.get(member, ()):
            prefix, suffix = affixes(one)
            rules.append([target, one[ARN_MEMBERS[target]], one["Id"], one["Events"], prefix, suffix])
    return {
        "given": configuration,
        "rules": rules,
        "event_bridge": configuration.get("EventBridgeConfiguration") is not None,
    }


def affixes(one: dict) -> tuple[str, str]:
    """The prefix and the suffix of a notification's filter; names ignore case."""
    found = {"prefix": "", "suffix": ""}
    for rule in one.get("Filter", {}).get("Key", {}).get("FilterRules", ()):
        found[rule.get("Name", "").lower()] = rule.get("Value", "")
    return found["prefix"], found["suffix"]


def concerned(plan: dict, action: str, key: str) -> Iterator[tuple[str, str, str]]:
    """(target service, ARN, notification's id) of each that wants to hear of `action` at `key`."""
    for target, arn, rule_id, wanted, prefix, suffix in plan["rules"]:
        if key.startswith(prefix) and key.endswith(suffix) and any(event_covers(name, action) for name in wanted):
            yield target, arn, rule_id
    if plan["event_bridge"]:
        yield EVENT_BRIDGE, "", ""


def event_covers(name: str, action: str) -> bool:
    """ "s3:ObjectCreated:*" covers "ObjectCreated:Put"."""
    name = name.removeprefix("s3:")
    return name == action or (name.endswith(":*") and action.startswith(name[:-1]))


def overlap(one: dict, other: dict) -> bool:
    """May one event concern both? Then AWS refuses the configuration."""
    if not any(_same_events(a, b) for a in one["Events"] for b in other["Events"]):
        return False
    (prefix, suffix), (other_prefix, other_suffix) = affixes(one), affixes(other)
    return (prefix.startswith(other_prefix) or other_prefix.startswith(prefix)) and (
        suffix.endswith(other_suffix) or other_suffix.endswith(suffix)
    )


def _same_events(one: str, other: str) -> bool:
    return event_covers(one, other.removeprefix("s3:")) or event_covers(other, one.removeprefix("s3:"))


def url_encoded(key: str) -> str:
    """As messages carry keys: like a form's field, with slashes left alone."""
    return quote(key, safe="/*").replace("%20", "+").replace("~", "%7E")


def record(event: dict) -> dict:
    """An entry of `Records`, from what the outbox kept."""
    action: str = event["action"]
    thing: dict[str, Any] = {"key": url_encoded(event["key"])}
    if not action.endswith(":Delete") or action.startswith("ObjectTagging"):
        if not action.endswith("DeleteMarkerCreated"):
            thing["size"] = event["size"]
        thing["eTag"] = event["etag"] or "d41d8cd98f00b204e9800998ecf8427e"
    if event["version_id"] and event["version_id"] != "null":
        thing["versionId"] = event["version_id"]
    thing["sequencer"] = event["sequencer"]
    return {
        "eventVersion": "2.1" if action.startswith(("ObjectCreated", "ObjectRemoved")) else "2.3",
        "eventSource": "aws:s3",
        "awsRegion": event["region"],
        "eventTime": iso8601(event["at_ms"]),
        "eventName": action,
        "userIdentity": {"principalId": event["principal_id"]},
        "requestParameters": {"sourceIPAddress": event["source_ip"]},
        "responseElements": {"x-amz-request-id": event["request_id"], "x-amz-id-2": event["request_id"]},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": event["rule"],
            "bucket": {
                "name": event["bucket"],
                "ownerIdentity": {"principalId": canonical_user_id(event["account"])[:14].upper()},
                "arn": f"arn:aws:s3:::{event['bucket']}",
            },
            "object": thing,
        },
    }


def test_event(bucket: str, at_ms: int, request_id: str) -> dict:
    """What a destination gets once when a notification is configured."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": iso8601(at_ms),
        "Bucket": bucket,
        "RequestId": request_id,
        "HostId": request_id,
    }


_BRIDGE_NAMES = {
    "ObjectCreated:Put": ("Object Created", {"reason": "PutObject"}),
    "ObjectCreated:Post": ("Object Created", {"reason": "POST Object"}),
    "ObjectCreated:Copy": ("Object Created", {"reason": "CopyObject"}),
    "ObjectCreated:CompleteMultipartUpload": ("Object Created", {"reason": "CompleteMultipartUpload"}),
    "ObjectRemoved:Delete": (
        "Object Deleted",
        {"reason": "DeleteObject", "deletion-type": "Permanently Deleted"},
    ),
    "ObjectRemoved:DeleteMarkerCreated": (
        "Object Deleted",
        {"reason": "DeleteObject", "deletion-type": "Delete Marker Created"},
    ),
    "LifecycleExpiration:Delete": (
        "Object Deleted",
        {"reason": "Lifecycle Expiration", "deletion-type": "Permanently Deleted"},
    ),
    "LifecycleExpiration:DeleteMarkerCreated": (
        "Object Deleted",
        {"reason": "Lifecycle Expiration", "deletion-type": "Delete Marker Created"},
    ),
    "ObjectTagging:Put": ("Object Tags Added", {}),
    "ObjectTagging:Delete": ("Object Tags Deleted", {}),
    "ObjectAcl:Put": ("Object ACL Updated", {}),
}


def bridge_event(event: dict) -> tuple[str, dict]:
    """(detail-type, detail) for EventBridge; there keys are not encoded."""
    detail_type, more = _BRIDGE_NAMES[event["action"]]
    thing: dict[str, Any] = {"key": event["key"]}
    if detail_type != "Object Deleted":
        thing |= (
            {"size": event["size"], "etag": event["etag"]}
            if detail_type == "Object Created"
            else {"etag": event["etag"]}
        )
    elif "Marker" in more["deletion-type"]:
        thing["etag"] = "d41d8cd98f00b204e9800998ecf8427e"
    if event["version_id"] and event["version_id"] != "null":
        thing["version-id"] = event["version_id"]
    thing["sequencer"] = event["sequencer"]
    detail = {
        "version": "0",
        "bucket": {"name": event["bucket"]},
        "object": thing,
        "request-id": event["request_id"],
        "requester": event["requester"] or "s3.amazonaws.com",
    }
    if event["source_ip"]:
        detail["source-ip-address"] = event["source_ip"]
    return detail_type, detail | more
