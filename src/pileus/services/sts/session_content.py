"""What a session is given beside its role: session policies and tags, and how much of both fits.

Source: STS API reference, AssumeRole (Policy, PolicyArns, Tags, TransitiveTagKeys, PackedPolicySize); IAM user guide,
"Pass session tags in AWS STS".
"""

import zlib

import orjson

from pileus.authz.policy import parse
from pileus.kernel import tags as kernel_tags
from pileus.kernel.call import Call
from pileus.kernel.principal import Principal
from pileus.services.sts import state
from pileus.services.sts.errors import InvalidParameterValue, PackedPolicyTooLarge, ValidationError
from pileus.services.sts.roles import policy_document


async def session_policies(call: Call, request: dict, *, account: str) -> tuple[str, ...]:
    """The documents that limit a session: the inline one, and the managed ones of `account`."""
    inline = request.get("Policy", "")
    arns = [policy["arn"] for policy in request.get("PolicyArns", [])]
    if len(arns) > state.SESSION_POLICY_ARNS:
        raise ValidationError(f"At most {state.SESSION_POLICY_ARNS} managed session policies can be passed.")
    if len(inline) + sum(map(len, arns)) > state.SESSION_POLICY_CHARACTERS:
        raise ValidationError(
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length "
            f"less than or equal to {state.SESSION_POLICY_CHARACTERS}"
        )
    documents = []
    if inline:
        parse(inline, "identity")
        documents.append(inline)
    for arn in arns:
        document = await policy_document(call, arn, account)
        if document is None:
            raise ValidationError(f"Invalid session policy: {arn} does not exist.")
        documents.append(document)
    return tuple(documents)


def check_tags(request: dict) -> dict[str, str]:
    """The tags that the request passes; keys ignore case, as everywhere in IAM."""
    given = request.get("Tags", [])
    keys = [tag["Key"].lower() for tag in given]
    if len(keys) != len(set(keys)):
        raise InvalidParameterValue("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    tags = kernel_tags.from_list(given)
    problem = kernel_tags.tag_problem(tags)
    if problem is not None:
        raise InvalidParameterValue(problem)
    return tags


def role_tags(caller: Principal, tags_of_role: list[dict], request: dict) -> tuple[dict[str, str], tuple[str, ...]]:
    """A role session's tags, and which of them go on into the next role.

    The role's own tags, over them those that the caller's session hands on, over them those that it passes. What is
    handed on can't be passed anew.
    """
    passed = check_tags(request)
    handed_on = {key: caller.tags[key] for key in caller.transitive_tag_keys if key in caller.tags}
    folded = {key.lower() for key in handed_on}
    if any(key.lower() in folded for key in passed):
        raise InvalidParameterValue(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
            "from the calling session."
        )
    transitive = request.get("TransitiveTagKeys", [])
    if not {key.lower() for key in transitive} <= {key.lower() for key in passed}:
        raise InvalidParameterValue("The specified transitive tag key must be included in the requested tags.")
    overlaid = {key.lower() for key in [*handed_on, *passed]}
    own = {tag["Key"]: tag["Value"] for tag in tags_of_role if tag["Key"].lower() not in overlaid}
    spelled = {key.lower(): key for key in passed}
    return {**own, **handed_on, **passed}, (*handed_on, *(spelled[key.lower()] for key in transitive))


def packed_percentage(request: dict) -> int | None:
    """How much of the room for policies and tags is taken; None where neither was passed.

    errors  PackedPolicyTooLarge
    """
    content = [request.get("Policy"), request.get("PolicyArns"), request.get("Tags"), request.get("TransitiveTagKeys")]
    if not any(content):
        return None
    percentage = -(-len(zlib.compress(orjson.dumps(content), 9)) * 100 // state.PACKED_BYTES)
    if percentage > 100:
        raise PackedPolicyTooLarge(
            f"Packed policy consumes {percentage}% of allotted space, please use smaller policy."
        )
    return percentage
