"""What is scaled: a table's or a global index's reads or writes, and how ARNs and alarms are called after it.

Source: Application Auto Scaling API reference, RegisterScalableTarget (ResourceId, ScalableDimension), ScalingPolicy;
the text of the error is that of answers AWS gives.
"""

import re
from typing import NamedTuple

from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.application_autoscaling.errors import ValidationException

NAMESPACE = "dynamodb"
OTHER_NAMESPACES = (
    *("appstream", "cassandra", "comprehend", "custom-resource", "ec2", "ecs", "elasticache", "elasticmapreduce"),
    *("kafka", "lambda", "neptune", "rds", "sagemaker", "workspaces"),
)
READS, WRITES = "ReadCapacityUnits", "WriteCapacityUnits"
METRICS = {READS: "DynamoDBReadCapacityUtilization", WRITES: "DynamoDBWriteCapacityUtilization"}
"""The predefined metric of each kind of units."""

_RESOURCE = re.compile(r"table/([a-zA-Z0-9_.-]+)(?:/index/([a-zA-Z0-9_.-]+))?")
_DIMENSION = re.compile(r"dynamodb:(table|index):(ReadCapacityUnits|WriteCapacityUnits)")


class TargetKey(NamedTuple):
    """resource: "table/music" or "table/music/index/by-year"; dimension: "dynamodb:table:ReadCapacityUnits", say."""

    account: str
    region: str
    resource: str
    dimension: str

    @property
    def table(self) -> str:
        return self.resource.split("/")[1]

    @property
    def index(self) -> str:
        """ "" where it is the table itself."""
        return self.resource.partition("/index/")[2]

    @property
    def units(self) -> str:
        """READS or WRITES."""
        return self.dimension.rpartition(":")[2]

    @property
    def said(self) -> str:
        """As activities call what is set."""
        return "read capacity units" if self.units == READS else "write capacity units"

    def __str__(self) -> str:
        return "|".join(self)


def key_of(call: Call, request: dict) -> TargetKey:
    """What a request names, whether or not there can be such a thing."""
    return TargetKey(call.account, call.region, request["ResourceId"], request["ScalableDimension"])


def target_key(call: Call, request: dict) -> TargetKey:
    """errors   NotImplementedByUs for other services' resources; ValidationException where the names don't fit"""
    check_namespace(request)
    key = key_of(call, request)
    resource, dimension = _RESOURCE.fullmatch(key.resource), _DIMENSION.fullmatch(key.dimension)
    if not resource or not dimension or (dimension[1] == "index") != (resource[2] is not None):
        raise ValidationException("Unsupported service namespace, resource type or scalable dimension")
    return key


def check_namespace(request: dict) -> None:
    """errors   NotImplementedByUs; a namespace that AWS doesn't know, the model has refused"""
    namespace = request["ServiceNamespace"]
    if namespace in OTHER_NAMESPACES:
        raise NotImplementedByUs(f"the service namespace {namespace}")


def target_arn(account: str, region: str, target_id: str) -> str:
    return f"arn:{partition_of(region)}:application-autoscaling:{region}:{account}:scalable-target/{target_id}"


def policy_arn(key: TargetKey, policy_id: str, name: str) -> str:
    at = f"arn:{partition_of(key.region)}:autoscaling:{key.region}:{key.account}"
    return f"{at}:scalingPolicy:{policy_id}:resource/{NAMESPACE}/{key.resource}:policyName/{name}"


def alarm_name(key: TargetKey, *, is_out: bool, alarm_id: str) -> str:
    """As AWS calls the alarm that makes a policy act, which here is none of CloudWatch's."""
    return f"TargetTracking-{key.resource}-{'AlarmHigh' if is_out else 'AlarmLow'}-{alarm_id}"
