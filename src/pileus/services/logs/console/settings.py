"""A group's retention, protection, subscriptions and tags."""

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.logs.console.groups import RETENTION_DAYS, days_in, trail


async def show(visit: Visit) -> Page:
    group = await _described(visit)
    tags = (await visit.invoke("ListTagsForResource", {"resourceArn": group["logGroupArn"]}))["tags"]
    # A group has two at most.
    asked = {"logGroupName": group["logGroupName"]}
    subscriptions = (await visit.invoke("DescribeSubscriptionFilters", asked))["subscriptionFilters"]
    values = {
        "group": group,
        "here": "settings",
        "tags": tags,
        "subscriptions": subscriptions,
        "retention_days": RETENTION_DAYS,
    }
    return Page("settings.html", group["logGroupName"], values, trail=trail(visit))


async def _described(visit: Visit) -> dict:
    """The group that the address names; its operations have no description of one but a list of one."""
    found = (await visit.invoke("DescribeLogGroups", {"logGroupIdentifiers": [visit.labels["group"]]}))["logGroups"]
    if not found:
        raise AwsError("The specified log group does not exist.", code="ResourceNotFoundException")
    return found[0]


async def set_retention(visit: Visit) -> Redirect:
    group, days = visit.labels["group"], days_in(visit)
    if days:
        await visit.invoke("PutRetentionPolicy", {"logGroupName": group, "retentionInDays": days})
        return _back(visit, f"Events are kept for {days} days.")
    await visit.invoke("DeleteRetentionPolicy", {"logGroupName": group})
    return _back(visit, "Events are kept for ever.")


async def set_protection(visit: Visit) -> Redirect:
    is_on = visit.typed("enabled") == "true"
    asked = {"logGroupIdentifier": visit.labels["group"], "deletionProtectionEnabled": is_on}
    await visit.invoke("PutLogGroupDeletionProtection", asked)
    return _back(visit, f"Deletion protection is {'on' if is_on else 'off'}.")


async def tag(visit: Visit) -> Redirect:
    tags = {visit.typed("key"): visit.typed("value")}
    await visit.invoke("TagResource", {"resourceArn": (await _described(visit))["logGroupArn"], "tags": tags})
    return _back(visit, "The tag is set.")


async def untag(visit: Visit) -> Redirect:
    asked = {"resourceArn": (await _described(visit))["logGroupArn"], "tagKeys": [visit.form.get("key", "")]}
    await visit.invoke("UntagResource", asked)
    return _back(visit, "The tag is gone.")


async def delete(visit: Visit) -> Redirect:
    name = visit.labels["group"]
    visit.must_be(name)
    await visit.invoke("DeleteLogGroup", {"logGroupName": name})
    return Redirect(visit.url("groups"), f"The log group {name} is deleted.")


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("groups", visit.labels["group"], "settings"), notice)
