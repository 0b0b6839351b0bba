"""CloudFormation types of Application Auto Scaling, made of its public operations.

Source: CloudFormation template reference, AWS::ApplicationAutoScaling::ScalableTarget, ScalingPolicy. What is of other
services than DynamoDB (step scaling, customized metrics), the operations refuse by name.
"""

from typing import Any

from pileus.kernel.errors import AwsError
from pileus.stacks.property_types import ANYTHING
from pileus.stacks.resource import (
    Created,
    Gone,
    InvalidProperty,
    NotHonoured,
    Property,
    ResourceContext,
    ResourceType,
    Updated,
)

_SERVICE = "application-autoscaling"
_GONE = ("ObjectNotFoundException",)
_WHERE = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


class AlreadyExists(AwsError):
    """Made by hand, or another stack's: CloudFormation doesn't take it over."""

    def __init__(self, identifier: str) -> None:
        super().__init__(f"{identifier} already exists")


def _is_others(context: ResourceContext, found: dict) -> bool:
    """Whether it was there before this step began; an earlier run of the step may have made it."""
    return int(found["CreationTime"].timestamp() * 1000) < context.began_ms


class ScalableTarget(ResourceType):
    """Its Ref is resource, dimension and namespace: "table/music|dynamodb:table:ReadCapacityUnits|dynamodb"."""

    name = "AWS::ApplicationAutoScaling::ScalableTarget"
    properties = {
        "MaxCapacity": Property(int, required=True),
        "MinCapacity": Property(int, required=True),
        "ResourceId": Property(str, required=True, replacement=True),
        "RoleARN": Property(str, write_only=True),
        "ScalableDimension": Property(str, required=True, replacement=True),
        "ScheduledActions": NotHonoured(harmless=[[]]),
        "ServiceNamespace": Property(str, required=True, replacement=True),
        "SuspendedState": Property({name: Property(bool) for name in _SUSPENSIONS}),
    }
    attributes = ("Id",)

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        where = {name: properties[name] for name in _WHERE}
        physical_id = _target_id(where)
        found = await _target(context, where)
        if found is not None and _is_others(context, found):
            raise AlreadyExists(physical_id)
        await context.invoke(_SERVICE, "RegisterScalableTarget", dict(properties))
        return Created(physical_id, {"Id": physical_id})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        nothing_suspended = dict.fromkeys(_SUSPENSIONS, False)
        suspended = nothing_suspended | new.get("SuspendedState", {})
        await context.invoke(_SERVICE, "RegisterScalableTarget", {**new, "SuspendedState": suspended})
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        await context.invoke_unless_gone(_SERVICE, "DeregisterScalableTarget", _where(physical_id), gone=_GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        found = await _target(context, _where(physical_id))
        if found is None:
            raise Gone(physical_id)
        return {name: found[name] for name in (*_WHERE, "MinCapacity", "MaxCapacity", "SuspendedState")}


def _target_id(where: dict[str, str]) -> str:
    return "|".join((where["ResourceId"], where["ScalableDimension"], where["ServiceNamespace"]))


def _where(target_id: str) -> dict[str, str]:
    """What a target's physical id names."""
    parts = target_id.split("|")
    if len(parts) != 3:
        raise InvalidProperty(f"{target_id} is not the identifier of a scalable target")
    return {"ResourceId": parts[0], "ScalableDimension": parts[1], "ServiceNamespace": parts[2]}


async def _target(context: ResourceContext, where: dict[str, str]) -> dict | None:
    asked = {**where, "ResourceIds": [where["ResourceId"]]}
    del asked["ResourceId"]
    found = (await context.invoke(_SERVICE, "DescribeScalableTargets", asked))["ScalableTargets"]
    return found[0] if found else None


class ScalingPolicy(ResourceType):
    """Its Ref is its ARN."""

    name = "AWS::ApplicationAutoScaling::ScalingPolicy"
    named_by = "PolicyName"
    properties = {
        "PolicyName": Property(str, required=True, replacement=True),
        "PolicyType": Property(str, required=True),
        "PredictiveScalingPolicyConfiguration": NotHonoured(),
        "ResourceId": Property(str, replacement=True),
        "ScalableDimension": Property(str, replacement=True),
        "ScalingTargetId": Property(str, replacement=True, write_only=True),
        "ServiceNamespace": Property(str, replacement=True),
        "StepScalingPolicyConfiguration": NotHonoured(),
        "TargetTrackingScalingPolicyConfiguration": Property(
            {
                "CustomizedMetricSpecification": Property(ANYTHING),
                "DisableScaleIn": Property(bool),
                "PredefinedMetricSpecification": Property(
                    {"PredefinedMetricType": Property(str, required=True), "ResourceLabel": Property(str)}
                ),
                "ScaleInCooldown": Property(int),
                "ScaleOutCooldown": Property(int),
                "TargetValue": Property(float, required=True),
            }
        ),
    }
    attributes = ("Arn",)

    def check(self, properties: dict[str, Any]) -> None:
        has_target = "ScalingTargetId" in properties
        if not has_target and not all(name in properties for name in _WHERE):
            raise InvalidProperty(
                "Either ScalingTargetId or all three of [ResourceId, ScalableDimension, ServiceNamespace] "
                "must be specified"
            )
        if has_target and any(name in properties for name in _WHERE):
            raise InvalidProperty(
                "Specify either ScalingTargetId or [ResourceId, ScalableDimension, ServiceNamespace], not both"
            )

    async def create(self, context: ResourceContext, properties: dict[str, Any]) -> Created:
        found = await self._find(context, {"PolicyNames": [properties["PolicyName"]], **_where_of(properties)})
        if found is not None and _is_others(context, found):
            raise AlreadyExists(f"Scaling policy {properties['PolicyName']}")
        arn = await self._put(context, properties)
        return Created(arn, {"Arn": arn})

    async def update(
        self, context: ResourceContext, physical_id: str, old: dict[str, Any], new: dict[str, Any]
    ) -> Updated | None:
        await self._put(context, new)
        return None

    async def delete(self, context: ResourceContext, physical_id: str, properties: dict[str, Any]) -> None:
        request = {"PolicyName": properties["PolicyName"], **_where_of(properties)}
        await context.invoke_unless_gone(_SERVICE, "DeleteScalingPolicy", request, gone=_GONE)

    async def read(self, context: ResourceContext, physical_id: str) -> dict[str, Any]:
        found = await self._find(context, {"PolicyNames": [physical_id], "ServiceNamespace": _namespace(physical_id)})
        if found is None:
            raise Gone(physical_id)
        shown = (*_WHERE, "PolicyName", "PolicyType", "TargetTrackingScalingPolicyConfiguration")
        return {name: found[name] for name in shown}

    async def _find(self, context: ResourceContext, asked: dict) -> dict | None:
        found = (await context.invoke(_SERVICE, "DescribeScalingPolicies", asked))["ScalingPolicies"]
        return found[0] if found else None

    async def _put(self, context: ResourceContext, properties: dict[str, Any]) -> str:
        """Return its ARN."""
        given = ("PolicyName", "PolicyType", "TargetTrackingScalingPolicyConfiguration")
        request = {name: properties[name] for name in given if name in properties} | _where_of(properties)
        return (await context.invoke(_SERVICE, "PutScalingPolicy", request))["PolicyARN"]


def _where_of(properties: dict[str, Any]) -> dict[str, str]:
    if "ScalingTargetId" in properties:
        return _where(properties["ScalingTargetId"])
    return {name: properties[name] for name in _WHERE}


def _namespace(policy_arn: str) -> str:
    return policy_arn.partition(":resource/")[2].partition("/")[0]


RESOURCE_TYPES = [ScalableTarget, ScalingPolicy]
