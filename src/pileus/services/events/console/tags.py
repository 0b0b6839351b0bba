"""Tags of buses and rules."""

from pileus.kernel.pages import Redirect, Visit
from pileus.services.events.console import buses, rules


async def tag(visit: Visit) -> Redirect:
    tags = [{"Key": visit.typed("key"), "Value": visit.typed("value")}]
    await visit.invoke("TagResource", {"ResourceARN": await _arn(visit), "Tags": tags})
    return _back(visit, "The tag is set.")


async def untag(visit: Visit) -> Redirect:
    keys = [visit.form.get("key", "")]
    await visit.invoke("UntagResource", {"ResourceARN": await _arn(visit), "TagKeys": keys})
    return _back(visit, "The tag is gone.")


async def _arn(visit: Visit) -> str:
    described = rules.described if "rule" in visit.labels else buses.described
    return (await described(visit))["Arn"]


def _back(visit: Visit, notice: str) -> Redirect:
    below = ("rules", visit.labels["rule"]) if "rule" in visit.labels else ("settings",)
    return Redirect(visit.url("buses", visit.labels["bus"], *below), notice)
