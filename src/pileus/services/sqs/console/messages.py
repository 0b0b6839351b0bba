"""A queue's messages, sent and received by hand. There is no other look at them: who receives one takes it from others."""

import base64
import binascii

from pileus.kernel.errors import AwsError, ValidationException
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.sqs.console.attributes import attributes_of, trail, url_of

ATTRIBUTES = 10
"""As many as a message may have. Source: developer guide, "Amazon SQS message quotas"."""


async def show(visit: Visit) -> Page:
    return await _page(visit, None)


async def _page(visit: Visit, received: list[dict] | None) -> Page:
    """`received`: None where nothing was asked for."""
    name = visit.labels["queue"]
    values = {
        "queue": name,
        "attributes": await attributes_of(visit),
        "slots": range(ATTRIBUTES),
        "received": received,
        "here": "messages",
    }
    return Page("messages.html", name, values, trail=trail(visit))


async def send(visit: Visit) -> Redirect:
    # Browsers send the line breaks of a text as CR LF, whatever was typed.
    asked: dict = {"QueueUrl": url_of(visit), "MessageBody": visit.form.get("body", "").replace("\r\n", "\n")}
    if visit.typed("delay"):
        asked["DelaySeconds"] = visit.whole("delay", "The delay")
    for member, field in (("MessageGroupId", "group"), ("MessageDeduplicationId", "deduplication")):
        if visit.typed(field):
            asked[member] = visit.typed(field)
    attributes = dict(_attribute(visit, at) for at in range(ATTRIBUTES) if visit.typed(f"name{at}"))
    if attributes:
        asked["MessageAttributes"] = attributes
    sent = await visit.invoke("SendMessage", asked)
    notice = f"The message {sent['MessageId']} is sent."
    if "SequenceNumber" in sent:
        notice += f" Its sequence number is {sent['SequenceNumber']}."
    return Redirect(visit.url("queues", visit.labels["queue"], "messages"), notice)


def _attribute(visit: Visit, at: int) -> tuple[str, dict]:
    name, kind, value = visit.typed(f"name{at}"), visit.typed(f"type{at}", "String"), visit.form.get(f"value{at}", "")
    if kind != "Binary":
        return name, {"DataType": kind, "StringValue": value}
    try:
        return name, {"DataType": kind, "BinaryValue": base64.b64decode(value.strip(), validate=True)}
    except binascii.Error as error:
        raise ValidationException(f"The value of {name} is not in base64.") from error


async def receive(visit: Visit) -> Page:
    """It stays on the page: to come back would mean to receive again."""
    asked = {
        "QueueUrl": url_of(visit),
        "MaxNumberOfMessages": visit.whole("count", "The number of messages"),
        "VisibilityTimeout": visit.whole("timeout", "The visibility timeout"),
        "WaitTimeSeconds": visit.whole("wait", "The wait"),
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    }
    answer = await visit.invoke("ReceiveMessage", asked)
    return await _page(visit, [_shown(message) for message in answer.get("Messages", ())])


def _shown(message: dict) -> dict:
    """The message, and its attributes as (name, type, value); binaries in base64."""
    attributes = [
        (name, each["DataType"], each.get("StringValue") or base64.b64encode(each["BinaryValue"]).decode())
        for name, each in sorted(message.get("MessageAttributes", {}).items())
    ]
    return {"message": message, "system": message["Attributes"], "attributes": attributes}


async def delete(visit: Visit) -> Redirect:
    return await _change(visit, "DeleteMessageBatch", {}, "deleted")


async def release(visit: Visit) -> Redirect:
    """Back to the queue before its visibility timeout ends."""
    return await _change(visit, "ChangeMessageVisibilityBatch", {"VisibilityTimeout": 0}, "visible again")


async def _change(visit: Visit, operation: str, change: dict, what: str) -> Redirect:
    """Of the messages whose receipt handles were chosen. Each succeeds or fails alone, which an error tells."""
    handles = visit.texts.get("handle", [])
    entries = [{"Id": str(at), "ReceiptHandle": handle, **change} for at, handle in enumerate(handles)]
    failed = (await visit.invoke(operation, {"QueueUrl": url_of(visit), "Entries": entries})).get("Failed")
    count = f"{len(handles) - len(failed or ())} of {len(handles)} messages"
    if failed:
        raise AwsError(f"{count} are {what}. The first that isn't: {failed[0]['Message']}", code=failed[0]["Code"])
    return Redirect(visit.url("queues", visit.labels["queue"], "messages"), f"{count} are {what}.")
