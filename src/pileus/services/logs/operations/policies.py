"""Resource policies: which other services and accounts may write to the account's log groups."""

from itertools import islice

from pileus.authz.policy import MalformedPolicyDocument, parse
from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.page import token_out
from pileus.services.logs import errors
from pileus.services.logs.operations.groups import DEFAULT_PAGE, token_or_error
from pileus.services.logs.state import policies as state
from pileus.services.logs.state.records import ResourcePolicy


async def put_resource_policy(call: Call, request: dict) -> dict:
    """Make or replace a policy of the account, up to ten a region.

    errors   InvalidParameterException, LimitExceededException
    source   API reference, PutResourcePolicy
    """
    name, document = _name_in(call, request), request.get("policyDocument")
    if document is None:
        raise errors.InvalidParameterException("policyDocument must be specified.")
    try:
        named = parse(document, "resource").named()
    except MalformedPolicyDocument as error:
        raise errors.InvalidParameterException(f"Invalid policy document: {error.message}") from None
    if await call.strangers(named):
        raise errors.InvalidParameterException("Could not convert to persistable policy.")
    policy = await call.write(state.put, call.account, call.region, name, document)
    return {"resourcePolicy": _policy_out(policy)}


async def describe_resource_policies(call: Call, request: dict) -> dict:
    """By name, up to `limit` (50). Source: API reference, DescribeResourcePolicies"""
    if request.get("resourceArn") or request.get("policyScope") == "RESOURCE":
        raise NotImplementedByUs("logs:DescribeResourcePolicies of single resources")
    limit = request.get("limit", DEFAULT_PAGE)
    after = token_or_error("DescribeResourcePolicies", request, "")
    found = await call.read(lambda tx: list(islice(state.find(tx, call.account, call.region, after=after), limit + 1)))
    result: dict = {"resourcePolicies": [_policy_out(policy) for policy in found[:limit]]}
    if len(found) > limit:
        result["nextToken"] = token_out("DescribeResourcePolicies", found[limit - 1].name)
    return result


async def delete_resource_policy(call: Call, request: dict) -> dict:
    """Source: API reference, DeleteResourcePolicy"""
    await call.write(state.delete, call.account, call.region, _name_in(call, request))
    return {}


def _name_in(call: Call, request: dict) -> str:
    for member in ("resourceArn", "expectedRevisionId"):
        if request.get(member):
            raise NotImplementedByUs(f"logs:{call.operation} with {member}")
    if not request.get("policyName"):
        raise errors.InvalidParameterException("policyName must be specified.")
    return request["policyName"]


def _policy_out(policy: ResourcePolicy) -> dict:
    return {
        "policyName": policy.name,
        "policyDocument": policy.document,
        "lastUpdatedTime": policy.updated_ms,
        "policyScope": "ACCOUNT",
    }
