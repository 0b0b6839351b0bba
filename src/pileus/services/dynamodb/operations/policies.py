"""Tags and resource policies, of tables and streams."""

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.kernel.tags import to_list
from pileus.services.dynamodb import tagging
from pileus.services.dynamodb.addresses import check_resource
from pileus.services.dynamodb.errors import PolicyNotFoundException
from pileus.services.dynamodb.resource_policies import answered, check_keeps_access, check_owner, new_policy
from pileus.services.dynamodb.state import attachments


async def delete_resource_policy(call: Call, request: dict) -> dict:
    """Take away a table's or stream's policy; where there is none, nothing is said.

    errors   PolicyNotFoundException (another revision), ResourceNotFoundException
    source   DynamoDB API reference, DeleteResourcePolicy
    """
    arn = request["ResourceArn"]
    check_owner(call, arn)
    revision_id = await call.write(attachments.delete_policy, arn, request.get("ExpectedRevisionId") or "")
    return {"RevisionId": revision_id} if revision_id else {}


async def get_resource_policy(call: Call, request: dict) -> dict:
    """A table's or stream's policy.

    errors   PolicyNotFoundException, ResourceNotFoundException
    source   DynamoDB API reference, GetResourcePolicy
    """
    arn = request["ResourceArn"]
    check_owner(call, arn)
    policy = await call.read(attachments.policy_of, arn)
    if policy is None:
        raise PolicyNotFoundException(f"Resource-based policy not found for the provided ResourceArn: {arn}")
    return {"Policy": answered(policy.document), "RevisionId": policy.revision_id}


async def list_tags_of_resource(call: Call, request: dict) -> dict:
    """A table's or stream's tags: at most 50, so they are all on one page.

    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, ListTagsOfResource
    """
    arn = request["ResourceArn"]
    if request.get("NextToken"):
        raise ValidationException("Invalid NextToken")  # nobody was given one
    check_resource(call, arn)
    return {"Tags": to_list(await call.read(attachments.tagged, arn))}


async def put_resource_policy(call: Call, request: dict) -> dict:
    """Give a table or stream a policy; the same one again keeps its revision.

    errors   PolicyNotFoundException (another revision), ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, PutResourcePolicy
    """
    arn = request["ResourceArn"]
    address = check_owner(call, arn)
    policy = await new_policy(call, arn, request["Policy"])
    if not request.get("ConfirmRemoveSelfResourceAccess"):
        check_keeps_access(call, arn, policy.document, address.account)
    return {
        "RevisionId": await call.write(attachments.put_policy, arn, policy, request.get("ExpectedRevisionId") or "")
    }


async def tag_resource(call: Call, request: dict) -> dict:
    """Set tags of a table or stream; one of the same key is replaced.

    errors   ResourceInUseException, ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, TagResource
    """
    arn = request["ResourceArn"]
    check_resource(call, arn)
    if not request["Tags"]:
        raise ValidationException("Atleast one Tag needs to be provided as Input.")
    tags = tagging.given(request["Tags"], own=not call.is_from_outside)
    await call.write(attachments.change_tags, arn, tags, [], tagging.check_number)
    return {}


async def untag_resource(call: Call, request: dict) -> dict:
    """Remove tags of a table or stream; keys that no tag has are no error.

    errors   ResourceInUseException, ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, UntagResource
    """
    arn = request["ResourceArn"]
    check_resource(call, arn)
    if not request["TagKeys"]:
        raise ValidationException("Atleast one Tag Key needs to be provided as Input.")
    for key in request["TagKeys"]:
        tagging.check_key(key)
    tagging.check_number(request["TagKeys"])
    await call.write(attachments.change_tags, arn, {}, request["TagKeys"], tagging.check_number)
    return {}
