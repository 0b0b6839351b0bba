"""Scalable targets, and one of them with its policies and last activities."""

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Redirect, Visit

NAMESPACE = "dynamodb"


async def show_all(visit: Visit) -> Page:
    asked = {"ServiceNamespace": NAMESPACE}
    if visit.query.get("from"):
        asked["NextToken"] = visit.query["from"]
    answer = await visit.invoke("DescribeScalableTargets", asked)
    following = answer.get("NextToken", "")
    more = visit.url("targets", **{"from": following}) if following else ""
    return Page("targets.html", "Scalable targets", {"targets": answer["ScalableTargets"], "more": more})


async def show(visit: Visit) -> Page:
    """A target of DynamoDB has a policy at most; of activities the last are shown."""
    where = _where(visit)
    asked = {"ServiceNamespace": NAMESPACE, "ResourceIds": [where["ResourceId"]]}
    found = await visit.invoke("DescribeScalableTargets", asked | {"ScalableDimension": where["ScalableDimension"]})
    if not found["ScalableTargets"]:
        text = f"{where['ResourceId']} is not registered for {where['ScalableDimension']}."
        raise AwsError(text, code="ObjectNotFoundException")
    (target,) = found["ScalableTargets"]
    values = {
        "target": target,
        "suspended": [name for name, is_on in target["SuspendedState"].items() if is_on],
        "policies": (await visit.invoke("DescribeScalingPolicies", where))["ScalingPolicies"],
        "activities": (await visit.invoke("DescribeScalingActivities", where))["ScalingActivities"],
        "tags": (await visit.invoke("ListTagsForResource", {"ResourceARN": target["ScalableTargetARN"]}))["Tags"],
    }
    return Page("target.html", where["ResourceId"], values, trail=(("Scalable targets", visit.url("targets")),))


async def deregister(visit: Visit) -> Redirect:
    where = _where(visit)
    visit.must_be(where["ResourceId"], "deregister")
    await visit.invoke("DeregisterScalableTarget", where)
    return Redirect(visit.url("targets"), f"{where['ResourceId']} is no scalable target any more.")


def _where(visit: Visit) -> dict[str, str]:
    resource, dimension = visit.labels["resource"], visit.labels["dimension"]
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource, "ScalableDimension": dimension}
