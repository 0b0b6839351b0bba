"""Tags of scalable targets, by ARN."""

from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.tags import tag_problem
from pileus.services.application_autoscaling.errors import ResourceNotFoundException, ValidationException
from pileus.services.application_autoscaling.state import targets


async def tag_resource(call: Call, request: dict) -> dict:
    """Set tags of a target.

    errors   ResourceNotFoundException, TooManyTagsException, ValidationException
    source   API reference, TagResource
    """
    problem = tag_problem(request["Tags"], own=not call.is_from_outside)
    if problem:
        raise ValidationException(problem)
    await call.write(targets.tag, request["ResourceARN"], _id_of(call, request), request["Tags"])
    return {}


async def untag_resource(call: Call, request: dict) -> dict:
    """Take tags off a target. Source: API reference, UntagResource"""
    await call.write(targets.untag, request["ResourceARN"], _id_of(call, request), request["TagKeys"])
    return {}


async def list_tags_for_resource(call: Call, request: dict) -> dict:
    """The tags of a target. Source: API reference, ListTagsForResource"""
    return {"Tags": await call.read(targets.tags_of, request["ResourceARN"], _id_of(call, request))}


def _id_of(call: Call, request: dict) -> str:
    arn = parse_arn(request["ResourceARN"])
    if arn is None or (arn.account, arn.region) != (call.account, call.region):
        raise ResourceNotFoundException(request["ResourceARN"])
    return arn.resource.rpartition("/")[2]
