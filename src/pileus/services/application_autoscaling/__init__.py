"""Application Auto Scaling: the provisioned capacity of DynamoDB's tables and indexes follows their use."""

from pileus.kernel.service import Service
from pileus.services.application_autoscaling import authorize, background
from pileus.services.application_autoscaling.names import OTHER_NAMESPACES
from pileus.services.application_autoscaling.operations import activities, policies, tags, targets

_NAMESPACES = tuple(f"the service namespace {name}" for name in OTHER_NAMESPACES)

SERVICE = Service(
    name="application-autoscaling",
    operations=(targets, policies, activities, tags),
    authorize=authorize,
    resources="pileus.services.application_autoscaling.resources",
    console="pileus.services.application_autoscaling.console",
    timers=background.TIMERS,
    events=background.EVENTS,
    refuses={
        "DeleteScalingPolicy": _NAMESPACES,
        "DeregisterScalableTarget": _NAMESPACES,
        "DescribeScalableTargets": _NAMESPACES,
        "DescribeScalingActivities": (*_NAMESPACES, "IncludeNotScaledActivities"),
        "DescribeScalingPolicies": _NAMESPACES,
        "PutScalingPolicy": (
            *_NAMESPACES,
            "PolicyType StepScaling",
            "PolicyType PredictiveScaling",
            "StepScalingPolicyConfiguration",
            "PredictiveScalingPolicyConfiguration",
            "CustomizedMetricSpecification",
        ),
        "RegisterScalableTarget": _NAMESPACES,
    },
    lacks={
        "DescribeScalingPolicies": ("no alarms of CloudWatch's stand behind a policy: Alarms is empty",),
        "PutScalingPolicy": ("no alarms of CloudWatch's are made for a policy: Alarms is empty",),
    },
)
