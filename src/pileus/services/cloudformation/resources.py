"""CloudFormation types of CloudFormation itself."""

from typing import Any

from pileus.kernel.errors import AwsError
from pileus.stacks.property_types import TAGS, MapOf, NotHonoured, Property
from pileus.stacks.resource import Created, NotStabilized, ResourceContext, ResourceType, StillWaiting, Updated

NO_UPDATES = "No updates are to be performed."
LOOK_AGAIN_MS = 60_000
"""A nested stack tells its parent when it ends; this is for the case that the parent missed it."""


class NestedStack(ResourceType):
    """Template reference, AWS::CloudFormation::Stack."""

    name = "AWS::CloudFormation::Stack"
    properties = {
        "TemplateURL": Property(str, required=True),
        "Parameters": Property(MapOf(str)),
        "Tags": Property(TAGS),
        "TimeoutInMinutes": Property(int),
        "NotificationARNs": NotHonoured(harmless=[[]]),
    }
    attributes = ("Outputs.*",)
    timeout_s = 36 * 3600

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        request = await self._request(context, properties)
        if "TimeoutInMinutes" in properties:
            request["TimeoutInMinutes"] = properties["TimeoutInMinutes"]
        request["StackName"] = context.physical_name(max_length=128)
        answer = await context.invoke(
            "cloudformation",
            "CreateStack",
            {**request, "OnFailure": "ROLLBACK", "ClientRequestToken": context.client_token},
        )
        stack_id = answer["StackId"]
        await context.initiated(stack_id)
        stack = await _at_rest(context, stack_id)
        if stack["StackStatus"] != "CREATE_COMPLETE":
            raise NotStabilized(
                f"Embedded stack {stack_id} was not successfully created: {stack.get('StackStatusReason', '')}"
            )
        return Created(stack_id, _outputs(stack))

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        token = context.step_token  # however often the step runs, the operation is begun once
        if not await _begun(context, physical_id, token):
            request = {**await self._request(context, new), "StackName": physical_id, "ClientRequestToken": token}
            try:
                await context.invoke("cloudformation", "UpdateStack", request)
            except AwsError as error:
                if error.message != NO_UPDATES:
                    raise
                return None
        stack = await _at_rest(context, physical_id)
        if stack["StackStatus"] != "UPDATE_COMPLETE":
            raise NotStabilized(
                f"Embedded stack {physical_id} was not successfully updated: {stack.get('StackStatusReason', '')}"
            )
        return Updated(_outputs(stack))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        stack = await _stack(context, physical_id)
        if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
            return
        token = context.step_token  # however often the step runs, the operation is begun once
        if not await _begun(context, physical_id, token):
            await context.invoke(
                "cloudformation", "DeleteStack", {"StackName": physical_id, "ClientRequestToken": token}
            )
        stack = await _at_rest(context, physical_id)
        if stack["StackStatus"] != "DELETE_COMPLETE":
            raise NotStabilized(
                f"Embedded stack {physical_id} was not successfully deleted: {stack.get('StackStatusReason', '')}"
            )

    async def _request(self, context: ResourceContext, properties: dict[str, Any]) -> dict[str, Any]:
        given = properties.get("Parameters") or {}
        tags = context.tags_with(properties.get("Tags"))
        parent = await _stack(context, context.stack_id)
        return {
            "TemplateURL": properties["TemplateURL"],
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items() if not key.startswith("aws:")],
            "Capabilities": (parent or {}).get("Capabilities", []),
        }


async def _begun(context: ResourceContext, stack_id: str, token: str) -> bool:
    events = await context.invoke("cloudformation", "DescribeStackEvents", {"StackName": stack_id})
    return any(event.get("ClientRequestToken") == token for event in events["StackEvents"])


async def _stack(context: ResourceContext, stack_id: str) -> dict[str, Any] | None:
    answer = await context.invoke_unless_gone(
        "cloudformation", "DescribeStacks", {"StackName": stack_id}, gone=("ValidationError",)
    )
    return None if answer is None else answer["Stacks"][0]


async def _at_rest(context: ResourceContext, stack_id: str) -> dict[str, Any]:
    """The stack once nothing is under way on it. It wakes us when it ends."""
    stack = await _stack(context, stack_id)
    if stack is None:
        raise NotStabilized(f"Embedded stack {stack_id} does not exist any more.")
    if stack["StackStatus"].endswith("IN_PROGRESS"):
        raise StillWaiting(context.clock.now_ms() + LOOK_AGAIN_MS)
    return stack


def _outputs(stack: dict[str, Any]) -> dict[str, Any]:
    return {f"Outputs.{output['OutputKey']}": output["OutputValue"] for output in stack.get("Outputs", ())}


RESOURCE_TYPES = [NestedStack]
