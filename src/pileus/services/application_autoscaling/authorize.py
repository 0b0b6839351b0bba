"""What each operation touches.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Application Auto Scaling"; user
guide, "Identity-based policy examples for Application Auto Scaling". A target that is not registered yet has no id: it
is asked for as scalable-target/*.
"""

from collections.abc import Callable, Iterable

from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.service import Touch
from pileus.services.application_autoscaling import names, role
from pileus.services.application_autoscaling.state.tables import TARGETS
from pileus.store.transaction import Transaction

_PREFIX = "application-autoscaling"


def _arn(call: Call, request: dict) -> str:
    target, call.seen = call.cloud.store.look(TARGETS.get, *names.key_of(call, request))
    return names.target_arn(call.account, call.region, "*") if target is None else target.arn


def _keys(request: dict) -> dict[str, str]:
    return {
        f"{_PREFIX}:service-namespace": request["ServiceNamespace"],
        f"{_PREFIX}:scalable-dimension": request["ScalableDimension"],
    }


def _target(call: Call, request: dict) -> list[Touch]:
    return [Touch(f"{_PREFIX}:{call.operation}", _arn(call, request), _keys(request))]


def _register(call: Call, request: dict) -> list[Touch]:
    arn, tags = _arn(call, request), request.get("Tags") or {}
    touched = [Touch(f"{_PREFIX}:RegisterScalableTarget", arn, _keys(request), request_tags=tags)]
    if tags:
        touched.append(Touch(f"{_PREFIX}:TagResource", arn, request_tags=tags))
    passed = parse_arn(request.get("RoleARN") or "")
    # Another account's role nobody can pass, whatever policies say: the operation refuses it in AWS's words.
    if passed is not None and passed.account == call.account:
        touched.append(Touch("iam:PassRole", str(passed), {"iam:PassedToService": role.SERVICE_PRINCIPAL}))
    return touched


def _tag(call: Call, request: dict) -> list[Touch]:
    return [Touch(f"{_PREFIX}:TagResource", request["ResourceARN"], request_tags=request["Tags"])]


def _untag(call: Call, request: dict) -> list[Touch]:
    return [
        Touch(f"{_PREFIX}:UntagResource", request["ResourceARN"], request_tags=dict.fromkeys(request["TagKeys"], ""))
    ]


def _resource(call: Call, request: dict) -> list[str]:
    return [request["ResourceARN"]]


def _anything(call: Call, request: dict) -> list[str]:
    return ["*"]


RESOURCES: dict[str, Callable[[Call, dict], Iterable[str | Touch]]] = {
    "DeleteScalingPolicy": _target,
    "DeregisterScalableTarget": _target,
    "DescribeScalableTargets": _anything,
    "DescribeScalingActivities": _anything,
    "DescribeScalingPolicies": _anything,
    "ListTagsForResource": _resource,
    "PutScalingPolicy": _target,
    "RegisterScalableTarget": _register,
    "TagResource": _tag,
    "UntagResource": _untag,
}


def resource_tags(tx: Transaction, call: Call, arn: str) -> dict[str, str] | None:
    parsed = parse_arn(arn)
    if parsed is None or parsed.service != _PREFIX:
        return None
    target = TARGETS.by_id.first(tx, parsed.resource.rpartition("/")[2])
    return None if target is None or target.arn != arn else target.tags
