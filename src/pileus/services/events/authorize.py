"""What each operation touches.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EventBridge"; user guide,
"Using IAM policy conditions in Amazon EventBridge", "Permissions for event buses in Amazon EventBridge".
"""

from collections.abc import Iterator
from typing import Any

import orjson

from pileus.kernel.call import Call
from pileus.kernel.service import Touch
from pileus.kernel.tags import from_list
from pileus.services.events import names
from pileus.services.events.names import SERVICE_PRINCIPAL, RuleKey
from pileus.services.events.state.tables import find_bus, find_rule
from pileus.store.transaction import Transaction

PATTERN_KEYS = {
    "events:source": ("source",),
    "events:detail-type": ("detail-type",),
    "events:detail.service": ("detail", "service"),
    "events:detail.eventTypeCode": ("detail", "eventTypeCode"),
    "events:detail.userIdentity.principalId": ("detail", "userIdentity", "principalId"),
}
"""Condition keys of PutRule: the plain texts that the pattern wants at a place."""


def anything(call: Call, request: dict) -> list[str]:
    return ["*"]


def on_bus(call: Call, request: dict) -> list[str]:
    return [names.bus_of(call, request.get("Name") or request.get("EventBusName")).arn]


def on_new_bus(call: Call, request: dict) -> list[Touch]:
    return list(_with_tagging(call, names.bus_of(call, request["Name"]).arn, request, {}))


def on_rule(call: Call, request: dict) -> list[Touch]:
    key = names.rule_of(call, request, "Rule" if "Rule" in request else "Name")
    return [Touch(f"events:{call.operation}", key.arn, _of_rule(call, key))]


def on_put_rule(call: Call, request: dict) -> Iterator[Touch]:
    key = names.rule_of(call, request)
    context = _of_rule(call, key) | _of_pattern(request.get("EventPattern"))
    yield from _with_tagging(call, key.arn, request, context)
    yield from _passed(call, request.get("RoleArn"))


def on_put_targets(call: Call, request: dict) -> Iterator[Touch]:
    """Each target by itself: what a policy says of events:TargetArn must hold for all of them."""
    key = names.rule_of(call, request, "Rule")
    context = _of_rule(call, key)
    for target in request["Targets"]:
        yield Touch("events:PutTargets", key.arn, context | {"events:TargetArn": target["Arn"]})
    for role in dict.fromkeys(target.get("RoleArn") for target in request["Targets"]):
        yield from _passed(call, role)


def on_events(call: Call, request: dict) -> Iterator[Touch]:
    """Each entry by itself. AWS's services tell a default bus what happens to its account without asking."""
    for entry in request["Entries"]:
        bus = names.bus_of(call, entry.get("EventBusName"))
        source = entry.get("Source") or ""
        if call.principal.kind == "service" and source.startswith("aws.") and bus.name == names.DEFAULT:
            continue
        context = {"events:source": source, "events:detail-type": entry.get("DetailType") or ""}
        yield Touch("events:PutEvents", bus.arn, context)


def on_archive(call: Call, request: dict) -> list[str]:
    """CreateArchive: also the bus whose events it keeps."""
    bus = [request["EventSourceArn"]] if call.operation == "CreateArchive" else []
    return [call.arn("events", f"archive/{request['ArchiveName']}"), *bus]


def on_replay(call: Call, request: dict) -> list[str]:
    """StartReplay: also the archive and the bus."""
    others = [request["EventSourceArn"], request["Destination"]["Arn"]] if call.operation == "StartReplay" else []
    return [call.arn("events", f"replay/{request['ReplayName']}"), *others]


def on_tags(call: Call, request: dict) -> list[Touch]:
    tags = from_list(request.get("Tags")) or dict.fromkeys(request.get("TagKeys") or (), "")
    return [Touch(f"events:{call.operation}", request["ResourceARN"], request_tags=tags)]


def _with_tagging(call: Call, arn: str, request: dict, context: dict) -> Iterator[Touch]:
    tags = from_list(request.get("Tags"))
    yield Touch(f"events:{call.operation}", arn, context, request_tags=tags)
    if tags:
        yield Touch("events:TagResource", arn, request_tags=tags)


def _passed(call: Call, role: str | None) -> Iterator[Touch]:
    # Another account's role nobody can pass, whatever policies say: the operation refuses it in AWS's words.
    if role and role.split(":")[4:5] == [call.account]:
        yield Touch("iam:PassRole", role, {"iam:PassedToService": SERVICE_PRINCIPAL})


def _of_rule(call: Call, key: RuleKey) -> dict[str, Any]:
    """The condition keys that a rule has of itself; a new one those of its maker."""
    rule, call.seen = call.cloud.store.look(find_rule, key)
    context: dict[str, Any] = {"events:creatorAccount": call.account if rule is None else rule.created_by}
    managed_by = call.principal.service if rule is None else rule.managed_by
    return context | ({"events:ManagedBy": managed_by} if managed_by else {})


def _of_pattern(text: str | None) -> dict[str, list[str]]:
    try:
        pattern = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {}  # the operation says so
    found = {}
    for key, path in PATTERN_KEYS.items():
        value: Any = pattern
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, list):
            texts = [each for each in value if isinstance(each, str)]
            found |= {key: texts} if texts else {}
    return found


RESOURCES: dict[str, Any] = {
    "CancelReplay": on_replay,
    "CreateArchive": on_archive,
    "CreateEventBus": on_new_bus,
    "DeleteArchive": on_archive,
    "DeleteEventBus": on_bus,
    "DeleteRule": on_rule,
    "DescribeArchive": on_archive,
    "DescribeEventBus": on_bus,
    "DescribeReplay": on_replay,
    "DescribeRule": on_rule,
    "DisableRule": on_rule,
    "EnableRule": on_rule,
    "ListArchives": anything,
    "ListEventBuses": anything,
    "ListReplays": anything,
    "ListRuleNamesByTarget": anything,
    "ListRules": anything,
    "ListTagsForResource": on_tags,
    "ListTargetsByRule": on_rule,
    "PutEvents": on_events,
    "PutPermission": on_bus,
    "PutRule": on_put_rule,
    "PutTargets": on_put_targets,
    "RemovePermission": on_bus,
    "RemoveTargets": on_rule,
    "StartReplay": on_replay,
    "TagResource": on_tags,
    "TestEventPattern": anything,
    "UntagResource": on_tags,
    "UpdateArchive": on_archive,
    "UpdateEventBus": on_bus,
}


def resource_policy(tx: Transaction, call: Call, arn: str) -> str | None:
    """The bus's policy, which speaks of its rules too."""
    rule = names.rule_of_arn(arn)
    key = names.bus_of_arn(arn) if rule is None else rule.bus
    bus = None if key is None else find_bus(tx, key)
    return None if bus is None else bus.policy or None


def resource_tags(tx: Transaction, call: Call, arn: str) -> dict[str, str] | None:
    rule = names.rule_of_arn(arn)
    key = names.bus_of_arn(arn)
    found = find_rule(tx, rule) if rule else find_bus(tx, key) if key else None
    return None if found is None else found.tags
