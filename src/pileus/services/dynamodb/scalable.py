"""Kinds of capacity, how Application Auto Scaling names what of them it scales, and how it is asked to.

Source: Application Auto Scaling API reference, RegisterScalableTarget (ResourceId, ScalableDimension), PredefinedMetric
Specification; that a policy which nobody named is called so was recorded on AWS in October 2026.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from pileus.kernel.errors import AwsError

SERVICE = "application-autoscaling"
Ask = Callable[[str, dict], Awaitable[dict]]
"""An operation of Application Auto Scaling, asked in the region that is meant: (operation, request) -> its answer."""
READ, WRITE = "read", "write"
UNITS = {READ: "ReadCapacityUnits", WRITE: "WriteCapacityUnits"}
METRICS = {READ: "DynamoDBReadCapacityUtilization", WRITE: "DynamoDBWriteCapacityUtilization"}
NAMESPACE = "dynamodb"


class Dimension(NamedTuple):
    """Reads or writes of a table (index ""), or of a global index."""

    table: str
    index: str
    kind: str

    @property
    def resource(self) -> str:
        """Its ResourceId."""
        return f"table/{self.table}/index/{self.index}" if self.index else f"table/{self.table}"

    @property
    def name(self) -> str:
        """Its ScalableDimension."""
        return f"{NAMESPACE}:{'index' if self.index else 'table'}:{UNITS[self.kind]}"

    @property
    def named(self) -> dict[str, str]:
        """As requests name it."""
        return {"ServiceNamespace": NAMESPACE, "ResourceId": self.resource, "ScalableDimension": self.name}

    @property
    def policy_name(self) -> str:
        """Of a policy that nobody named."""
        return f"{METRICS[self.kind]}:{self.resource}"


class Settings(NamedTuple):
    """A ScalableTarget, None where there is none, and its ScalingPolicies."""

    target: dict[str, Any] | None
    policies: list[dict[str, Any]]

    @property
    def tracking(self) -> dict[str, Any]:
        """TargetTrackingScalingPolicyConfiguration of its policy, without the metric."""
        (policy,) = self.policies
        configuration = policy["TargetTrackingScalingPolicyConfiguration"]
        return {name: value for name, value in configuration.items() if name != "PredefinedMetricSpecification"}


async def settings_of(ask: Ask, of: Dimension) -> Settings:
    named = of.named
    request = {
        "ServiceNamespace": NAMESPACE,
        "ResourceIds": [named["ResourceId"]],
        "ScalableDimension": named["ScalableDimension"],
    }
    targets = (await ask("DescribeScalableTargets", request))["ScalableTargets"]
    policies = (await ask("DescribeScalingPolicies", named))["ScalingPolicies"]
    return Settings(targets[0] if targets else None, policies)


async def let_scale(ask: Ask, of: Dimension, bounds: tuple[int, int], tracking: dict, policy_name: str = "") -> None:
    """Let it scale within the bounds. A policy of another name that there was goes: one dimension has one.

    tracking      as Settings has it
    policy_name   "": the one that DynamoDB gives
    """
    name = policy_name or of.policy_name
    least, most = bounds
    await ask("RegisterScalableTarget", of.named | {"MinCapacity": least, "MaxCapacity": most})
    for policy in (await settings_of(ask, of)).policies:
        if policy["PolicyName"] != name:
            await ask("DeleteScalingPolicy", of.named | {"PolicyName": policy["PolicyName"]})
    metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": METRICS[of.kind]}}
    policy = {
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": metric | tracking,
    }
    await ask("PutScalingPolicy", of.named | policy)


async def stop_scaling(ask: Ask, of: Dimension) -> None:
    """Let it scale no longer; fine where it doesn't."""
    try:
        await ask("DeregisterScalableTarget", of.named)
    except AwsError as error:
        if error.code != "ObjectNotFoundException":
            raise
