"""Scaling policies: by which measure a target is scaled."""

from datetime import UTC, datetime
from decimal import Decimal

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.application_autoscaling import names
from pileus.services.application_autoscaling.errors import ValidationException
from pileus.services.application_autoscaling.names import TargetKey
from pileus.services.application_autoscaling.operations.paging import check_dimension, page
from pileus.services.application_autoscaling.state import targets
from pileus.services.application_autoscaling.state.tables import ScalingPolicy

LISTED_MAX = 10
TRACKING = "TargetTrackingScaling"
OTHER_TYPES = ("StepScaling", "PredictiveScaling")
OTHER_CONFIGURATIONS = ("StepScalingPolicyConfiguration", "PredictiveScalingPolicyConfiguration")
TARGET_VALUES = (8.51592e-109, 1.174271e108)
PERCENT = (10.0, 90.0)


async def put_scaling_policy(call: Call, request: dict) -> dict:
    """Make a target tracking policy, or change the one of that name.

    errors   LimitExceededException, ObjectNotFoundException, ValidationException
    source   API reference, PutScalingPolicy; target values' ranges and texts, and that any cooldown is taken, recorded.
             The text about a metric that doesn't fit the dimension is not confirmed
    """
    key = names.target_key(call, request)
    policy_type = request.get("PolicyType")
    if policy_type in OTHER_TYPES:
        raise NotImplementedByUs(f"application-autoscaling:PutScalingPolicy with PolicyType {policy_type}")
    for member in OTHER_CONFIGURATIONS:
        if request.get(member):
            raise NotImplementedByUs(f"application-autoscaling:PutScalingPolicy with {member}")
    configuration = request.get("TargetTrackingScalingPolicyConfiguration")
    if configuration is not None:
        configuration = _checked(key, configuration)
    policy = await call.write(
        targets.put_policy, key, request["PolicyName"], configuration, has_type=policy_type is not None
    )
    return {"PolicyARN": policy.arn, "Alarms": []}


async def describe_scaling_policies(call: Call, request: dict) -> dict:
    """Policies, by resource, dimension and name.

    errors   InvalidNextTokenException, ValidationException
    source   API reference, DescribeScalingPolicies
    """
    names.check_namespace(request)
    check_dimension(request, request.get("ResourceId"))
    shown, more = await page(
        call,
        request,
        limit=LISTED_MAX,
        find=lambda tx, place: targets.find_policies(
            tx,
            call.account,
            call.region,
            policy_names=request.get("PolicyNames") or [],
            resource=request.get("ResourceId") or "",
            dimension=request.get("ScalableDimension") or "",
            after=place,
        ),
        place_of=lambda policy: [policy.resource, policy.dimension, policy.name],
    )
    return {"ScalingPolicies": [_policy_out(policy) for policy in shown], **more}


async def delete_scaling_policy(call: Call, request: dict) -> dict:
    """Delete a policy; the capacity stays what it is.

    errors   ObjectNotFoundException, ValidationException
    source   API reference, DeleteScalingPolicy
    """
    await call.write(targets.delete_policy, names.target_key(call, request), request["PolicyName"])
    return {}


def _checked(key: TargetKey, configuration: dict) -> dict:
    """What is given, without what is None."""
    if configuration.get("CustomizedMetricSpecification"):
        raise NotImplementedByUs("application-autoscaling:PutScalingPolicy with CustomizedMetricSpecification")
    value = float(configuration["TargetValue"])
    if not TARGET_VALUES[0] <= value <= TARGET_VALUES[1]:
        raise ValidationException(
            f"For target tracking scaling, target value must be between {_range(TARGET_VALUES)}, "
            f"but was '{_java(value)}'."
        )
    metric = (configuration.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
    if metric is None:
        raise ValidationException("A predefined or a customized metric specification is required")
    if metric != names.METRICS[key.units]:
        raise ValidationException(
            f"The predefined metric type {metric} cannot be used with the scalable dimension {key.dimension}"
        )
    if configuration["PredefinedMetricSpecification"].get("ResourceLabel"):
        raise ValidationException(f"A resource label cannot be used with the predefined metric type {metric}")
    if not PERCENT[0] <= value <= PERCENT[1]:
        raise ValidationException(
            f"For predefined metric type {metric}, target value must be between {_range(PERCENT)}, "
            f"but was '{_java(value)}'."
        )
    given = {name: each for name, each in configuration.items() if each is not None}
    return given | {"TargetValue": value, "PredefinedMetricSpecification": {"PredefinedMetricType": metric}}


def _range(bounds: tuple[float, float]) -> str:
    return f"'{_java(bounds[0])}' and '{_java(bounds[1])}'"


def _java(value: float) -> str:
    """As Java prints a double: 90.1, 1.174271E108."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{exponent + len(text) - 1}"


def _policy_out(policy: ScalingPolicy) -> dict:
    """ScalingPolicy."""
    return {
        "PolicyARN": policy.arn,
        "PolicyName": policy.name,
        "ServiceNamespace": names.NAMESPACE,
        "ResourceId": policy.resource,
        "ScalableDimension": policy.dimension,
        "PolicyType": TRACKING,
        "TargetTrackingScalingPolicyConfiguration": policy.configuration,
        "Alarms": [],
        "CreationTime": datetime.fromtimestamp(policy.created_ms / 1000, UTC),
    }
