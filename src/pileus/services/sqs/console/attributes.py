"""A queue's attributes, as forms have them and as operations do: their fields are named as the attributes."""

import orjson

from pileus.kernel.pages import Visit

NUMBERS = (
    # name, label, range
    ("VisibilityTimeout", "Visibility timeout (s)", "0 to 43,200"),
    ("DelaySeconds", "Delivery delay (s)", "0 to 900"),
    ("ReceiveMessageWaitTimeSeconds", "Receive message wait time (s)", "0 to 20"),
    ("MessageRetentionPeriod", "Message retention period (s)", "60 to 1,209,600"),
    ("MaximumMessageSize", "Maximum message size (bytes)", "1,024 to 1,048,576"),
)
"""Source of the ranges: API reference, SetQueueAttributes."""

OF_FIFO = ("DeduplicationScope", "FifoThroughputLimit")


def url_of(visit: Visit) -> str:
    """The QueueUrl of the queue that the address names."""
    return f"{visit.endpoint}/{visit.account}/{visit.labels['queue']}"


async def attributes_of(visit: Visit) -> dict[str, str]:
    """All attributes of the queue that the address names."""
    asked = {"QueueUrl": url_of(visit), "AttributeNames": ["All"]}
    return (await visit.invoke("GetQueueAttributes", asked))["Attributes"]


def typed(visit: Visit) -> dict[str, str]:
    """What a form says of attributes that all queues have; "" for what it leaves empty."""
    return {name: visit.typed(name) for name, _, _ in NUMBERS} | {"RedrivePolicy": _redrive_policy(visit)}


def typed_of_fifo(visit: Visit) -> dict[str, str]:
    """The same for those that only FIFO queues have."""
    is_by_content = "true" if visit.typed("ContentBasedDeduplication") else "false"
    return {"ContentBasedDeduplication": is_by_content, **{name: visit.typed(name) for name in OF_FIFO}}


def redrive_of(attributes: dict[str, str]) -> dict:
    """RedrivePolicy as {"deadLetterTargetArn", "maxReceiveCount", "queue" (the name)}; {} where there is none."""
    if "RedrivePolicy" not in attributes:
        return {}
    policy = orjson.loads(attributes["RedrivePolicy"])
    return {**policy, "queue": policy["deadLetterTargetArn"].rpartition(":")[2]}


def trail(visit: Visit) -> tuple[tuple[str, str], ...]:
    return (("Queues", visit.url("queues")),)


def _redrive_policy(visit: Visit) -> str:
    arn = visit.typed("dead_letter_queue")
    if not arn:
        return ""
    return orjson.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": visit.typed("max_receive_count")}).decode()
