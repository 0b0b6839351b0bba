"""Kinds of capacity, and how Application Auto Scaling names what of them it scales.

Source: Application Auto Scaling API reference, RegisterScalableTarget (ResourceId, ScalableDimension), PredefinedMetric
Specification; that a policy which nobody named is called so was recorded on AWS in October 2026.
"""

from typing import NamedTuple

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

    def policy(self, name: str, tracking: dict) -> dict:
        """PutScalingPolicy's request. tracking: TargetTrackingScalingPolicyConfiguration without its metric."""
        metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": METRICS[self.kind]}}
        return self.named | {
            "PolicyName": name,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": metric | tracking,
        }
