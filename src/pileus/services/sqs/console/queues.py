"""The list of queues; what one holds, and how it is emptied or deleted."""

from pileus.kernel.errors import AwsError
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

A_PAGE = 25
"""Few: ListQueues tells URLs alone, what else the list shows is asked of each queue."""

SHOWN = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
)


async def show_all(visit: Visit) -> Page:
    prefix, asked = visit.query.get("prefix", "").strip(), {"MaxResults": A_PAGE}
    if prefix:
        asked["QueueNamePrefix"] = prefix
    if visit.query.get("from"):
        asked["NextToken"] = visit.query["from"]
    answer = await visit.invoke("ListQueues", asked)
    following = answer.get("NextToken", "")
    values = {
        "queues": [await _row(visit, queue_url) for queue_url in answer.get("QueueUrls", ())],
        "prefix": prefix,
        "more": visit.url("queues", prefix=prefix, **{"from": following}) if following else "",
        "numbers": NUMBERS,
    }
    return Page("queues.html", "Queues", values)


async def _row(visit: Visit, queue_url: str) -> dict:
    """Of a queue that the visitor may not look at, its name and why alone."""
    name = queue_url.rpartition("/")[2]
    try:
        answer = await visit.invoke("GetQueueAttributes", {"QueueUrl": queue_url, "AttributeNames": list(SHOWN)})
    except AwsError as error:
        return {"name": name, "attributes": None, "refused": error.code}
    return {"name": name, "attributes": answer["Attributes"]}


async def create(visit: Visit) -> Redirect:
    """What is left empty has SQS's default."""
    name, attributes = visit.typed("name"), typed(visit)
    if visit.typed("kind") == "fifo":
        attributes |= {"FifoQueue": "true", **typed_of_fifo(visit)}
    given = {attribute: value for attribute, value in attributes.items() if value}
    await visit.invoke("CreateQueue", {"QueueName": name, "Attributes": given})
    return Redirect(visit.url("queues", name), f"The queue {name} is there.")


async def show(visit: Visit) -> Page:
    name, attributes = visit.labels["queue"], await attributes_of(visit)
    values = {
        "queue": name,
        "attributes": attributes,
        "numbers": NUMBERS,
        "redrive": redrive_of(attributes),
        "queue_url": url_of(visit),
        "here": "overview",
    }
    return Page("queue.html", name, values, trail=trail(visit))


async def purge(visit: Visit) -> Redirect:
    name = visit.labels["queue"]
    visit.must_be(name, "purge")
    await visit.invoke("PurgeQueue", {"QueueUrl": url_of(visit)})
    return Redirect(visit.url("queues", name), f"The queue {name} is purged.")


async def delete(visit: Visit) -> Redirect:
    name = visit.labels["queue"]
    visit.must_be(name)
    await visit.invoke("DeleteQueue", {"QueueUrl": url_of(visit)})
    return Redirect(visit.url("queues"), f"The queue {name} is deleted.")
