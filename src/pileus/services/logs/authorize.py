"""What each operation touches.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch Logs". A log
group's ARN is asked for as AWS asks, with an empty log stream behind it ("…:log-group:NAME:log-stream:", as its denials
print it): that is why policies must name groups with ":*". The tagging operations ask for the plain ARN.
"""

from collections.abc import Callable, Iterable

from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.service import Touch
from pileus.services.logs import names
from pileus.services.logs.state import policies
from pileus.services.logs.state.records import GROUPS
from pileus.store.transaction import Transaction


def _group(call: Call, request: dict) -> list[str]:
    return [f"{names.group_arn(call, request['logGroupName'])}:log-stream:"]


def _all_groups(call: Call, request: dict) -> list[str]:
    return [f"{names.group_arn(call, '')}:log-stream:"]


def _group_by_identifier(call: Call, request: dict) -> list[str | Touch]:
    return _with_unmask(call, request, f"{names.group_arn(call, names.group_of(call, request))}:log-stream:")


def _stream(call: Call, request: dict) -> list[str]:
    return [names.stream_arn(call, request["logGroupName"], request["logStreamName"])]


def _stream_by_identifier(call: Call, request: dict) -> list[str | Touch]:
    group = names.group_of(call, request)
    return _with_unmask(call, request, names.stream_arn(call, group, request["logStreamName"]))


def _with_unmask(call: Call, request: dict, arn: str) -> list[str | Touch]:
    return [arn, Touch("logs:Unmask", arn)] if request.get("unmask") else [arn]


def _create_group(call: Call, request: dict) -> list[str | Touch]:
    arn = f"{names.group_arn(call, request['logGroupName'])}:log-stream:"
    tags = request.get("tags")
    if not tags:
        return [arn]
    tagging = Touch("logs:TagResource", names.group_arn(call, request["logGroupName"]), request_tags=tags)
    return [Touch("logs:CreateLogGroup", arn, request_tags=tags), tagging]


def _tag_group(call: Call, request: dict) -> list[Touch]:
    (arn,) = _group(call, request)
    return [Touch("logs:TagLogGroup", arn, request_tags=request["tags"])]


def _tag(call: Call, request: dict) -> list[Touch]:
    return [Touch("logs:TagResource", request["resourceArn"], request_tags=request["tags"])]


def _resource(call: Call, request: dict) -> list[str]:
    return [request["resourceArn"]]


def _protected_group(call: Call, request: dict) -> list[str]:
    return [f"{names.group_arn(call, names.name_of(call, request['logGroupIdentifier']))}:log-stream:"]


def _anything(call: Call, request: dict) -> list[str]:
    return ["*"]


RESOURCES: dict[str, Callable[[Call, dict], Iterable[str | Touch]]] = {
    "CreateLogGroup": _create_group,
    "CreateLogStream": _group,
    "DeleteLogGroup": _group,
    "DeleteLogStream": _stream,
    "DeleteResourcePolicy": _anything,
    "DeleteRetentionPolicy": _group,
    "DeleteSubscriptionFilter": _group,
    "DescribeLogGroups": _all_groups,
    "DescribeLogStreams": _group_by_identifier,
    "DescribeResourcePolicies": _anything,
    "DescribeSubscriptionFilters": _group,
    "FilterLogEvents": _group_by_identifier,
    "GetLogEvents": _stream_by_identifier,
    "ListTagsForResource": _resource,
    "ListTagsLogGroup": _group,
    "PutLogEvents": _stream,
    "PutLogGroupDeletionProtection": _protected_group,
    "PutResourcePolicy": _anything,
    "PutRetentionPolicy": _group,
    "PutSubscriptionFilter": _group,
    "TagLogGroup": _tag_group,
    "TagResource": _tag,
    "TestMetricFilter": _anything,
    "UntagLogGroup": _group,
    "UntagResource": _resource,
}


def resource_policy(tx: Transaction, call: Call, arn: str) -> str | None:
    """The account's policies, for its log groups and their streams."""
    parsed = parse_arn(arn)
    if parsed is None or not parsed.resource.startswith("log-group:"):
        return None
    return policies.together(tx, parsed.account, parsed.region)


def resource_tags(tx: Transaction, call: Call, arn: str) -> dict[str, str] | None:
    """Of the group, also for its streams."""
    parsed = parse_arn(arn)
    if parsed is None or not parsed.resource.startswith("log-group:"):
        return None
    group = GROUPS.get(tx, parsed.account, parsed.region, parsed.resource.split(":")[1])
    return None if group is None else group.tags
