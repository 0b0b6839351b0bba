"""Scaling activities: what was done, and why."""

from datetime import UTC, datetime

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.application_autoscaling import names
from pileus.services.application_autoscaling.operations.paging import check_dimension, page
from pileus.services.application_autoscaling.state import scaling
from pileus.services.application_autoscaling.state.tables import Activity

LISTED_MAX = 50


async def describe_scaling_activities(call: Call, request: dict) -> dict:
    """Activities of the last six weeks, the newest first; those of targets that were given up, too.

    errors   InvalidNextTokenException, ValidationException
    source   API reference, DescribeScalingActivities; texts recorded
    """
    names.check_namespace(request)
    if request.get("IncludeNotScaledActivities"):
        raise NotImplementedByUs("application-autoscaling:DescribeScalingActivities with IncludeNotScaledActivities")
    resource = request.get("ResourceId") or ""
    check_dimension(request, resource)
    shown, more = await page(
        call,
        request,
        limit=LISTED_MAX,
        find=lambda tx, place: scaling.find_activities(
            tx,
            call.account,
            call.region,
            resource=resource,
            dimension=request.get("ScalableDimension") or "",
            before=scaling.NEWEST if place is None else place[0],
        ),
        place_of=lambda activity: [activity.number],
    )
    return {"ScalingActivities": [_activity_out(activity) for activity in shown], **more}


def _activity_out(activity: Activity) -> dict:
    """ScalingActivity."""
    out = {
        "ActivityId": activity.id,
        "ServiceNamespace": names.NAMESPACE,
        "ResourceId": activity.resource,
        "ScalableDimension": activity.dimension,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": datetime.fromtimestamp(activity.started_ms / 1000, UTC),
        "StatusCode": activity.status,
    }
    if activity.message:
        out["StatusMessage"] = activity.message
    if activity.ended_ms:
        out["EndTime"] = datetime.fromtimestamp(activity.ended_ms / 1000, UTC)
    return out
