"""Scalable targets: what is scaled, and within which range."""

from datetime import UTC, datetime

from pileus.authn.linked_roles import DYNAMODB_AUTO_SCALING
from pileus.kernel.call import Call
from pileus.kernel.tags import tag_problem
from pileus.services.application_autoscaling import capacity, names, role
from pileus.services.application_autoscaling.errors import ValidationException
from pileus.services.application_autoscaling.operations.paging import check_dimension, page
from pileus.services.application_autoscaling.state import targets
from pileus.services.application_autoscaling.state.tables import Target

LISTED_MAX = 50


async def register_scalable_target(call: Call, request: dict) -> dict:
    """Make a table's or index's capacity a target, or change of the target what is given.

    Afterwards the capacity is brought into the range, once; what somebody sets it to later is let be.
    A role that is given is not used: DynamoDB's tables have a service-linked one, which is made where it isn't there.

    errors   ValidationException, LimitExceededException, AccessDenied (a role of another account)
    source   API reference, RegisterScalableTarget. The texts about a missing or too low MinCapacity are not confirmed
    """
    key = names.target_key(call, request)
    role.check_passed(call, request.get("RoleARN"))
    tags = request.get("Tags")
    problem = tag_problem(tags or {}, own=not call.is_from_outside)
    if problem:
        raise ValidationException(problem)
    await capacity.check_scalable(call, key)
    await DYNAMODB_AUTO_SCALING.ensure(call)
    target = await call.write(
        targets.register,
        key,
        least=request.get("MinCapacity"),
        most=request.get("MaxCapacity"),
        suspended={name: value for name, value in (request.get("SuspendedState") or {}).items() if value is not None},
        tags=tags,
    )
    return {"ScalableTargetARN": target.arn}


async def describe_scalable_targets(call: Call, request: dict) -> dict:
    """Targets, by resource and dimension.

    errors   InvalidNextTokenException, ValidationException
    source   API reference, DescribeScalableTargets
    """
    names.check_namespace(request)
    resources = request.get("ResourceIds") or []
    check_dimension(request, resources)
    shown, more = await page(
        call,
        request,
        limit=LISTED_MAX,
        find=lambda tx, place: targets.find(
            tx,
            call.account,
            call.region,
            resources=resources,
            dimension=request.get("ScalableDimension") or "",
            after=place,
        ),
        place_of=lambda target: [target.resource, target.dimension],
    )
    return {"ScalableTargets": [_target_out(call, target) for target in shown], **more}


async def deregister_scalable_target(call: Call, request: dict) -> dict:
    """Give a target up, with its policies. Its capacity stays what it is.

    errors   ObjectNotFoundException, ValidationException
    source   API reference, DeregisterScalableTarget
    """
    await call.write(targets.deregister, names.target_key(call, request))
    return {}


def _target_out(call: Call, target: Target) -> dict:
    """ScalableTarget."""
    return {
        "ServiceNamespace": names.NAMESPACE,
        "ResourceId": target.resource,
        "ScalableDimension": target.dimension,
        "MinCapacity": target.least,
        "MaxCapacity": target.most,
        "RoleARN": DYNAMODB_AUTO_SCALING.arn(call),
        "CreationTime": datetime.fromtimestamp(target.created_ms / 1000, UTC),
        "SuspendedState": target.suspended,
        "ScalableTargetARN": target.arn,
    }
