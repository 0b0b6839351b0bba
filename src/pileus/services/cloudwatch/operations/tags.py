"""Tags of Contributor Insights rules, by their ARNs. What else CloudWatch tags is not here: no alarm, no dashboard."""

from pileus.kernel import tags as kernel_tags
from pileus.kernel.call import Call
from pileus.services.cloudwatch import errors, names
from pileus.services.cloudwatch.state import insight_rules as state


async def list_tags_for_resource(call: Call, request: dict) -> dict:
    """Source: API reference, ListTagsForResource"""
    rule = await call.read(state.require, names.own_rule(call, request["ResourceARN"]))
    return {"Tags": kernel_tags.to_list(rule.tags)}


async def tag_resource(call: Call, request: dict) -> dict:
    """Set tags; one of the same key is replaced. Source: API reference, TagResource"""
    key, tags = names.own_rule(call, request["ResourceARN"]), tags_in(call, request["Tags"])
    await call.write(state.tag, key, tags, max_tags=kernel_tags.MAX_TAGS)
    return {}


async def untag_resource(call: Call, request: dict) -> dict:
    """Remove tags; keys that no tag has are no error. Source: API reference, UntagResource"""
    await call.write(state.untag, names.own_rule(call, request["ResourceARN"]), request["TagKeys"])
    return {}


def tags_in(call: Call, tags: list[dict] | None) -> dict[str, str]:
    """errors   InvalidParameterValue"""
    found = kernel_tags.from_list(tags)
    problem = kernel_tags.tag_problem(found, own=not call.is_from_outside)
    if problem is not None:
        raise errors.InvalidParameterValue(problem)
    return found
