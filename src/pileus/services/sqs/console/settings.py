"""How a queue is set: its attributes, policy and tags."""

import orjson

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.sqs.console.attributes import (
    NUMBERS,
    attributes_of,
    redrive_of,
    trail,
    typed,
    typed_of_fifo,
    url_of,
)


async def show(visit: Visit) -> Page:
    name, attributes = visit.labels["queue"], await attributes_of(visit)
    tags = (await visit.invoke("ListQueueTags", {"QueueUrl": url_of(visit)})).get("Tags", {})
    values = {
        "queue": name,
        "attributes": attributes,
        "numbers": NUMBERS,
        "redrive": redrive_of(attributes),
        "redrive_allow": orjson.loads(attributes.get("RedriveAllowPolicy", "{}")),
        "tags": tags,
        "here": "settings",
    }
    return Page("settings.html", name, values, trail=trail(visit))


async def update(visit: Visit) -> Redirect:
    """All at once or nothing. An empty text takes a redrive policy away."""
    attributes = {**typed(visit), "RedriveAllowPolicy": _redrive_allow_policy(visit)}
    if visit.labels["queue"].endswith(".fifo"):
        attributes |= typed_of_fifo(visit)
    return await _set(visit, attributes, "The attributes are changed.")


async def put_policy(visit: Visit) -> Redirect:
    """An empty text takes the policy away."""
    text = visit.typed("policy")
    return await _set(visit, {"Policy": text}, f"The policy is {'in force' if text else 'gone'}.")


async def tag(visit: Visit) -> Redirect:
    await visit.invoke("TagQueue", {"QueueUrl": url_of(visit), "Tags": {visit.typed("key"): visit.typed("value")}})
    return _back(visit, "The tag is set.")


async def untag(visit: Visit) -> Redirect:
    await visit.invoke("UntagQueue", {"QueueUrl": url_of(visit), "TagKeys": [visit.typed("key")]})
    return _back(visit, "The tag is gone.")


def _redrive_allow_policy(visit: Visit) -> str:
    permission, arns = visit.typed("redrive_permission"), visit.typed("source_queues").split()
    if not permission:
        return ""
    return orjson.dumps({"redrivePermission": permission} | ({"sourceQueueArns": arns} if arns else {})).decode()


async def _set(visit: Visit, attributes: dict[str, str], notice: str) -> Redirect:
    await visit.invoke("SetQueueAttributes", {"QueueUrl": url_of(visit), "Attributes": attributes})
    return _back(visit, notice)


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("queues", visit.labels["queue"], "settings"), notice)
