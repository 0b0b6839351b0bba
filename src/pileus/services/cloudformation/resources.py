"""CloudFormation types of CloudFormation itself."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pileus.kernel.errors import AwsError
from pileus.stacks.intrinsics import as_text
from pileus.stacks.property_types import TAGS, InvalidProperty, MapOf, NotHonoured, Property
from pileus.stacks.resource import Created, NotStabilized, ResourceContext, ResourceType, StillWaiting, Updated

SERVICE_TIMEOUT_S = 3_600
"""Source: template reference, AWS::CloudFormation::CustomResource, ServiceTimeout."""
MOST_WAIT_S = 43_200
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


class CustomResource(ResourceType):
    """Whatever a function makes of it. Template reference, AWS::CloudFormation::CustomResource; user guide, "Custom
    resources": "Custom resource request objects" and "response objects"."""

    name = "AWS::CloudFormation::CustomResource"
    has_any_property = True
    timeout_s = 3 * 3600

    def supports_attribute(self, attribute: str) -> bool:
        return True

    def check(self, properties: dict[str, Any]) -> None:
        if not properties.get("ServiceToken"):
            raise InvalidProperty("Property ServiceToken cannot be empty.")

    def coerced(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        self.check(dict(properties))
        return dict(properties)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        try:
            answer = await self._ask(context, "Create", properties)
        except CustomResourceFailed as failed:
            # It may have made something: the rollback asks it to delete that.
            await context.initiated(failed.physical_id or self._own_name(context))
            raise
        physical_id = answer.get("PhysicalResourceId") or self._own_name(context)
        return Created(physical_id, answer.get("Data") or {})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        if old["ServiceToken"] != new["ServiceToken"]:
            raise InvalidProperty("Modifying service token is not allowed.")
        answer = await self._ask(
            context, "Update", new, PhysicalResourceId=physical_id, OldResourceProperties=_in_text(old)
        )
        return Updated(answer.get("Data") or {}, physical_id=answer.get("PhysicalResourceId") or physical_id)

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await self._ask(context, "Delete", properties, PhysicalResourceId=physical_id)

    async def _ask(self, context: ResourceContext, kind: str, properties: dict[str, Any], **more: Any) -> dict:
        """Send the request once; return the answer when it is there, wait for it (StillWaiting) until then."""
        letters, key = context.letters, f"{kind} {context.step_token} {more.get('PhysicalResourceId', '')}"
        request_id = _uuid_of(key)
        address = await letters.address_for_functions(key)
        if came := await letters.at(address):
            return _judged(came[0], request_id)
        timeout_ms = int(properties.get("ServiceTimeout", SERVICE_TIMEOUT_S)) * 1000
        if context.clock.now_ms() >= context.began_ms + timeout_ms:
            raise CustomResourceFailed(
                "CloudFormation did not receive a response from your Custom Resource. Please check your logs for "
                f"requestId [{request_id}]. If you are using the Python cfn-response module, you may need to update "
                "your Lambda function code so that CloudFormation can attach the updated version."
            )
        if not await letters.is_asked(key):
            request = {
                "RequestType": kind,
                "ServiceToken": properties["ServiceToken"],
                "ResponseURL": address,
                "StackId": context.stack_id,
                "RequestId": request_id,
                "LogicalResourceId": context.logical_id,
                "ResourceType": context.resource_type,
                "ResourceProperties": _in_text(properties),
                **more,
            }
            await self._send(context, properties["ServiceToken"], request)
            await letters.note_asked(key)
        raise StillWaiting(context.began_ms + timeout_ms)

    async def _send(self, context: ResourceContext, token: str, request: dict) -> None:
        payload = json.dumps(request)
        if ":sns:" in token:
            await context.invoke(
                "sns",
                "Publish",
                {"TopicArn": token, "Message": payload, "Subject": "AWS CloudFormation custom resource request"},
            )
        else:
            await context.invoke(
                "lambda",
                "Invoke",
                {"FunctionName": token, "InvocationType": "Event", "Payload": payload.encode()},
            )

    def _own_name(self, context: ResourceContext) -> str:
        return f"{context.stack_name}_{context.logical_id}_{context.token[:12].upper()}"


class CustomResourceFailed(AwsError):
    """`physical_id` where the answer named one."""

    code = "CustomResourceFailed"

    def __init__(self, message: str, physical_id: str = "") -> None:
        super().__init__(message)
        self.physical_id = physical_id


def _judged(letter: bytes, request_id: str) -> dict[str, Any]:
    try:
        answer = json.loads(letter)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or answer.get("Status") not in ("SUCCESS", "FAILED"):
        raise CustomResourceFailed("Invalid response object: Status must be SUCCESS or FAILED.")
    if answer["Status"] == "FAILED":
        raise CustomResourceFailed(
            "Received response status [FAILED] from custom resource. Message returned: "
            f"{answer.get('Reason', '')} (RequestId: {request_id})",
            answer.get("PhysicalResourceId") or "",
        )
    return answer


def _in_text(value: Any) -> Any:
    """Properties reach custom resources with every scalar as text."""
    if isinstance(value, dict):
        return {key: _in_text(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_in_text(item) for item in value]
    return as_text(value)


def _uuid_of(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


class WaitConditionHandle(ResourceType):
    """An address to signal to. Template reference, AWS::CloudFormation::WaitConditionHandle."""

    name = "AWS::CloudFormation::WaitConditionHandle"

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        return Created(await context.letters.address(f"handle {context.token}"))

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        """The address goes with its stack."""


class WaitCondition(ResourceType):
    """Done when enough signals came to its handle. Template reference, AWS::CloudFormation::WaitCondition."""

    name = "AWS::CloudFormation::WaitCondition"
    properties = {
        "Handle": Property(str, replacement=True, required=True),
        "Timeout": Property(int, replacement=True, required=True),
        "Count": Property(int, replacement=True),
    }
    attributes = ("Data",)
    timeout_s = 13 * 3600

    def check(self, properties: dict[str, Any]) -> None:
        timeout = properties["Timeout"]
        if isinstance(timeout, int) and not 0 <= timeout <= MOST_WAIT_S:
            raise InvalidProperty(f"Timeout must be between 0 and {MOST_WAIT_S}.")

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        wanted = properties.get("Count", 1)
        data: dict[str, Any] = {}
        for letter in await context.letters.at(properties["Handle"]):
            signal = json.loads(letter)
            if signal.get("Status") != "SUCCESS":
                raise NotStabilized(
                    f"WaitCondition received failed message: '{signal.get('Reason', '')}' "
                    f"for uniqueId: {signal.get('UniqueId', '')}"
                )
            data[signal.get("UniqueId", "")] = signal.get("Data", "")
        if len(data) >= wanted:
            return Created(
                f"arn:{context.partition}:cloudformation:{context.region}:{context.account}:wait/{context.token}",
                {"Data": json.dumps(data)},
            )
        deadline_ms = context.began_ms + properties["Timeout"] * 1000
        if context.clock.now_ms() >= deadline_ms:
            raise NotStabilized(f"WaitCondition timed out. Received {len(data)} conditions when expecting {wanted}")
        raise StillWaiting(deadline_ms)

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        """It was only waiting."""


class Macro(ResourceType):
    """A function that rewrites templates. Its row is what the engine finds it by (engine.call_macro).

    Template reference, AWS::CloudFormation::Macro.
    """

    name = "AWS::CloudFormation::Macro"
    properties = {
        "Name": Property(str, required=True, replacement=True),
        "FunctionName": Property(str, required=True),
        "Description": Property(str),
        "LogGroupName": NotHonoured(),
        "LogRoleARN": NotHonoured(),
    }

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        return Created(properties["Name"])

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        """The row says that it is gone."""


RESOURCE_TYPES = [NestedStack, CustomResource, WaitConditionHandle, WaitCondition, Macro]
