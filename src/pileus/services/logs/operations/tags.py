"""Tags of log groups, by the group's name (older) or by its ARN."""

from pileus.kernel.call import Call
from pileus.kernel.tags import MAX_TAGS, tag_problem
from pileus.services.logs import errors, names
from pileus.services.logs.state import groups as state
from pileus.services.logs.state.records import require_group


async def tag_log_group(call: Call, request: dict) -> dict:
    """Source: API reference, TagLogGroup"""
    await _tag(call, request["logGroupName"], request["tags"])
    return {}


async def untag_log_group(call: Call, request: dict) -> dict:
    """Source: API reference, UntagLogGroup"""
    await call.write(state.untag, names.group_key(call, request["logGroupName"]), request["tags"])
    return {}


async def list_tags_log_group(call: Call, request: dict) -> dict:
    """Source: API reference, ListTagsLogGroup"""
    return await _tags(call, request["logGroupName"])


async def tag_resource(call: Call, request: dict) -> dict:
    """Source: API reference, TagResource"""
    await _tag(call, group_of_arn(call, request["resourceArn"]), request["tags"])
    return {}


async def untag_resource(call: Call, request: dict) -> dict:
    """Source: API reference, UntagResource"""
    await call.write(state.untag, names.group_key(call, group_of_arn(call, request["resourceArn"])), request["tagKeys"])
    return {}


async def list_tags_for_resource(call: Call, request: dict) -> dict:
    """Source: API reference, ListTagsForResource"""
    return await _tags(call, group_of_arn(call, request["resourceArn"]))


def group_of_arn(call: Call, arn: str) -> str:
    if not arn.startswith("arn:"):
        raise errors.InvalidParameterException(f"Invalid resource ARN: {arn}")
    return names.name_of(call, arn)


async def _tag(call: Call, group_name: str, tags: dict[str, str]) -> None:
    problem = tag_problem(tags, own=not call.is_from_outside)
    if problem:
        raise errors.InvalidParameterException(problem)
    await call.write(state.tag, names.group_key(call, group_name), tags, max_tags=MAX_TAGS)


async def _tags(call: Call, group_name: str) -> dict:
    group = await call.read(require_group, names.group_key(call, group_name))
    return {"tags": group.tags}
