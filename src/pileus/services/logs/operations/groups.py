"""Log groups: create, delete, describe, retention, deletion protection."""

from itertools import islice

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.kernel.tags import tag_problem
from pileus.protocol.validate import Violation
from pileus.services.logs import errors, names
from pileus.services.logs.state import groups as state
from pileus.services.logs.state.records import RETENTION_DAYS, LogGroup

HONOURED_CLASSES = ("STANDARD",)

DEFAULT_PAGE = 50


async def create_log_group(call: Call, request: dict) -> dict:
    """Make a group whose events never expire.

    errors   ResourceAlreadyExistsException, InvalidParameterException
    source   API reference, CreateLogGroup
    """
    name = request["logGroupName"]
    if name.lower().startswith("aws/"):
        raise errors.InvalidParameterException("Log groups starting with AWS/ are reserved for AWS.")
    if request.get("kmsKeyId"):
        raise NotImplementedByUs("logs:CreateLogGroup with kmsKeyId")
    log_group_class = request.get("logGroupClass", "STANDARD")
    if log_group_class not in HONOURED_CLASSES:
        raise NotImplementedByUs(f"logs:CreateLogGroup with the log group class {log_group_class}")
    tags = request.get("tags") or {}
    # AWS's own services set aws: tags, stacks above all.
    problem = tag_problem(tags, own=not call.is_from_outside)
    if problem:
        raise errors.InvalidParameterException(problem)
    await call.write(
        state.create,
        names.group_key(call, name),
        log_group_class=log_group_class,
        tags=tags,
        is_protected=bool(request.get("deletionProtectionEnabled")),
    )
    return {}


async def delete_log_group(call: Call, request: dict) -> dict:
    """Delete the group, its streams and events. Source: API reference, DeleteLogGroup"""
    await call.write(state.delete, names.group_key(call, request["logGroupName"]))
    return {}


async def describe_log_groups(call: Call, request: dict) -> dict:
    """Groups by name, up to `limit` (50).

    request  logGroupNamePrefix, or logGroupNamePattern (a part of the name), or logGroupIdentifiers; logGroupClass
    errors   InvalidParameterException
    source   API reference, DescribeLogGroups
    """
    for name in ("includeLinkedAccounts", "accountIdentifiers"):
        if request.get(name):
            raise NotImplementedByUs(f"logs:DescribeLogGroups with {name}")
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern")
    identifiers = request.get("logGroupIdentifiers")
    if prefix and pattern is not None:
        raise errors.InvalidParameterException(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    if identifiers and (prefix or pattern is not None or request.get("logGroupClass")):
        raise errors.InvalidParameterException("logGroupIdentifiers can't be combined with other filters.")
    wanted = {names.name_of(call, identifier) for identifier in identifiers} if identifiers else None

    def is_wanted(group: LogGroup) -> bool:
        return (
            (wanted is None or group.name in wanted)
            and (not pattern or pattern in group.name)
            and group.log_group_class == request.get("logGroupClass", group.log_group_class)
        )

    limit = request.get("limit", DEFAULT_PAGE)
    after = token_or_error("DescribeLogGroups", request, "")

    def page(tx) -> list[tuple[LogGroup, int]]:
        found = state.find(tx, call.account, call.region, prefix=prefix, after=after)
        return list(islice((each for each in found if is_wanted(each[0])), limit + 1))

    found = await call.read(page)
    shown = found[:limit]
    result: dict = {"logGroups": [_group_out(call, group, size, pattern is not None) for group, size in shown]}
    if len(found) > limit:
        result["nextToken"] = token_out("DescribeLogGroups", shown[-1][0].name)
    return result


def token_or_error(operation: str, request: dict, default):
    """The key in the request's nextToken, or `default` where there is none."""
    token = request.get("nextToken")
    if token is None:
        return default
    try:
        key = token_in(operation, token)
    except InvalidToken as error:
        raise errors.InvalidParameterException("The specified nextToken is invalid.") from error
    if type(key) is not type(default):
        raise errors.InvalidParameterException("The specified nextToken is invalid.")
    return key


def _group_out(call: Call, group: LogGroup, size_bytes: int, is_short: bool) -> dict:
    arn = names.group_arn(call, group.name)
    out = {"logGroupName": group.name, "creationTime": group.created_ms, "arn": f"{arn}:*"}
    if is_short:  # "If you specify logGroupNamePattern … only arn, creationTime, and logGroupName are included"
        return out
    out |= {
        "metricFilterCount": 0,
        "storedBytes": size_bytes,
        "logGroupClass": group.log_group_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.is_protected,
    }
    if group.retention_days:
        out["retentionInDays"] = group.retention_days
    return out


async def put_retention_policy(call: Call, request: dict) -> dict:
    """Let events expire after some days. Source: API reference, PutRetentionPolicy"""
    days = request["retentionInDays"]
    if days not in RETENTION_DAYS:
        allowed = ", ".join(map(str, RETENTION_DAYS))
        found = Violation("retentionInDays", "enum", days, f"Member must satisfy enum value set: [{allowed}]")
        raise errors.violation([found])
    await call.write(state.set_retention, names.group_key(call, request["logGroupName"]), days)
    return {}


async def delete_retention_policy(call: Call, request: dict) -> dict:
    """Let events stay for ever. Source: API reference, DeleteRetentionPolicy"""
    await call.write(state.set_retention, names.group_key(call, request["logGroupName"]), 0)
    return {}


async def put_log_group_deletion_protection(call: Call, request: dict) -> dict:
    """Source: API reference, PutLogGroupDeletionProtection"""
    name = names.name_of(call, request["logGroupIdentifier"])
    await call.write(state.protect, names.group_key(call, name), request["deletionProtectionEnabled"])
    return {}
