"""A table's capacity, protection, tags and policy."""

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.dynamodb.console.tables import described, throughput, trail


async def show(visit: Visit) -> Page:
    table = await described(visit)
    tags, asked = [], {"ResourceArn": table["TableArn"]}
    while True:
        answer = await visit.invoke("ListTagsOfResource", asked)
        tags += answer.get("Tags", [])
        if not answer.get("NextToken"):
            break
        asked["NextToken"] = answer["NextToken"]
    try:
        policy = (await visit.invoke("GetResourcePolicy", {"ResourceArn": table["TableArn"]}))["Policy"]
    except AwsError as error:
        if error.code != "PolicyNotFoundException":
            raise
        policy = ""
    is_on_demand = table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    values = {
        "table": table,
        "here": "settings",
        "tags": tags,
        "policy": policy,
        "is_on_demand": is_on_demand,
        "scaling": visit.url_of("application-autoscaling", "targets"),
    }
    return Page("settings.html", table["TableName"], values, trail=trail(visit))


async def set_capacity(visit: Visit) -> Redirect:
    mode = visit.typed("billing")
    asked = {"TableName": visit.labels["table"], "BillingMode": mode}
    if mode == "PROVISIONED":
        asked["ProvisionedThroughput"] = throughput(visit)
    await visit.invoke("UpdateTable", asked)
    return _back(visit, "The capacity is being changed.")


async def set_protection(visit: Visit) -> Redirect:
    is_on = visit.typed("enabled") == "true"
    await visit.invoke("UpdateTable", {"TableName": visit.labels["table"], "DeletionProtectionEnabled": is_on})
    return _back(visit, f"Deletion protection is {'on' if is_on else 'off'}.")


async def tag(visit: Visit) -> Redirect:
    tags = [{"Key": visit.typed("key"), "Value": visit.typed("value")}]
    await visit.invoke("TagResource", {"ResourceArn": (await described(visit))["TableArn"], "Tags": tags})
    return _back(visit, "The tag is set.")


async def untag(visit: Visit) -> Redirect:
    asked = {"ResourceArn": (await described(visit))["TableArn"], "TagKeys": [visit.typed("key")]}
    await visit.invoke("UntagResource", asked)
    return _back(visit, "The tag is gone.")


async def put_policy(visit: Visit) -> Redirect:
    """An empty text takes the policy away."""
    arn = (await described(visit))["TableArn"]
    text = visit.typed("policy")
    if text:
        await visit.invoke("PutResourcePolicy", {"ResourceArn": arn, "Policy": text})
        return _back(visit, "The policy is in force.")
    await visit.invoke("DeleteResourcePolicy", {"ResourceArn": arn})
    return _back(visit, "There is no policy any more.")


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("tables", visit.labels["table"], "settings"), notice)
