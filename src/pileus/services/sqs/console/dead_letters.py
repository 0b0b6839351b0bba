"""A dead-letter queue: whose messages end in it, and how they go back."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.sqs.console.attributes import attributes_of, redrive_of, trail, url_of

A_PAGE = 50
TASKS_SHOWN = 10
"""As many as ListMessageMoveTasks gives."""
REFRESH_S = 3


async def show(visit: Visit) -> Page:
    name, attributes = visit.labels["queue"], await attributes_of(visit)
    asked = {"QueueUrl": url_of(visit), "MaxResults": A_PAGE}
    if visit.query.get("from"):
        asked["NextToken"] = visit.query["from"]
    sources = await visit.invoke("ListDeadLetterSourceQueues", asked)
    following = sources.get("NextToken", "")
    asked = {"SourceArn": attributes["QueueArn"], "MaxResults": TASKS_SHOWN}
    tasks = (await visit.invoke("ListMessageMoveTasks", asked)).get("Results", [])
    values = {
        "queue": name,
        "attributes": attributes,
        "redrive": redrive_of(attributes),
        "sources": [queue_url.rpartition("/")[2] for queue_url in sources["queueUrls"]],
        "more": visit.url("queues", name, "dead-letters", **{"from": following}) if following else "",
        "tasks": tasks,
        "here": "dead-letters",
    }
    is_busy = any(task["Status"] in ("RUNNING", "CANCELLING") for task in tasks) and not visit.form
    return Page("dead_letters.html", name, values, trail=trail(visit), refresh_s=REFRESH_S if is_busy else 0)


async def redrive(visit: Visit) -> Redirect:
    """Without a destination each message goes to where it came from, without a rate as fast as SQS moves them."""
    asked: dict = {"SourceArn": (await attributes_of(visit))["QueueArn"]}
    if visit.typed("destination"):
        asked["DestinationArn"] = visit.typed("destination")
    if visit.typed("rate"):
        asked["MaxNumberOfMessagesPerSecond"] = visit.whole("rate", "The rate")
    await visit.invoke("StartMessageMoveTask", asked)
    return _back(visit, "The messages are being moved.")


async def cancel(visit: Visit) -> Redirect:
    answer = await visit.invoke("CancelMessageMoveTask", {"TaskHandle": visit.typed("task")})
    moved = answer["ApproximateNumberOfMessagesMoved"]
    return _back(visit, f"The move is being cancelled. What was moved until now stays moved: {moved}.")


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("queues", visit.labels["queue"], "dead-letters"), notice)
