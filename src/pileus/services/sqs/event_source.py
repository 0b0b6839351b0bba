"""Queues as an event source of functions and pipes: see delivery/sources.py.

Source: Lambda developer guide, "Using Lambda with Amazon SQS" (the record, permissions, FIFO queues) and "Creating and
configuring an Amazon SQS event source mapping"; texts of refusals as answers quoted in public issues have them
(getlift/lift 388, hashicorp/terraform 26654).
"""

import base64
from typing import Any

from pileus.delivery.sources import Limits, Message, Reader, SourceGone, SourceRefused
from pileus.kernel.arn import Arn
from pileus.kernel.clock import FOREVER_MS
from pileus.services.sqs import addresses
from pileus.services.sqs.addresses import Address
from pileus.services.sqs.errors import OverLimit, QueueDoesNotExist
from pileus.services.sqs.state import queues
from pileus.services.sqs.state.backlogs import arrivals, opened
from pileus.services.sqs.state.tables import Queue
from pileus.store.transaction import Transaction

BATCH_MAX = 10
"""Entries of a batch request."""

_STANDARD = Limits(batch_size=10, batch_size_max=10_000, batch_size_without_window_max=10, is_scaling_allowed=True)
_FIFO = Limits(
    batch_size=10,
    batch_size_max=10_000,
    batch_size_without_window_max=10,
    is_window_allowed=False,
    is_scaling_allowed=True,
)


class QueueEvents:
    kind = "queue"
    data_key = "body"

    def limits(self, arn: Arn) -> Limits:
        return _FIFO if arn.resource.endswith(".fifo") else _STANDARD

    async def check(self, reader: Reader, *, timeout_s: int) -> None:
        if addresses.of_arn(reader.arn) is None:
            raise SourceRefused(f"Invalid event source ARN: {reader.arn}")
        request = {"QueueUrl": _url(reader)}
        for operation, more in (
            ("ReceiveMessage", {}),
            ("DeleteMessage", {"ReceiptHandle": "-"}),
            ("GetQueueAttributes", {}),
        ):
            if not await reader.may("sqs", operation, {**request, **more}):
                raise SourceRefused(f"The provided execution role does not have permissions to call {operation} on SQS")
        queue, _ = reader.cloud.store.look(queues.find, _address(reader))
        if queue is None:
            raise SourceRefused(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
                "SQS Error Message: The specified queue does not exist or you do not have access to it."
            )
        if queue.visibility_timeout_s < timeout_s:
            raise SourceRefused(
                f"Queue visibility timeout: {queue.visibility_timeout_s} seconds is less than "
                f"Function timeout: {timeout_s} seconds"
            )

    def topic(self, reader: Reader) -> str:
        queue, _ = reader.cloud.store.look(queues.find, _address(reader))
        return arrivals(0 if queue is None else queue.id)

    def mended(self, reader: Reader) -> str:
        return queues.changes(_address(reader))

    def next_at_ms(self, reader: Reader) -> int:
        return reader.cloud.store.look(_next_at_ms, _address(reader))[0]

    async def hidden_ms(self, reader: Reader) -> int:
        return _require(reader).visibility_timeout_s * 1000

    async def receive(self, reader: Reader, count: int) -> list[Message]:
        request = {
            "QueueUrl": _url(reader),
            "MaxNumberOfMessages": min(count, BATCH_MAX),
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["All"],
            "WaitTimeSeconds": 0,
        }
        while True:
            before = reader.cloud.store.look(_visible, _address(reader))[0]
            try:
                answer = await reader.invoke("sqs", "ReceiveMessage", request)
            except QueueDoesNotExist as error:
                raise SourceGone(error.message) from error
            except OverLimit:
                return []  # too much is in flight: what is deleted or comes back wakes whoever waits
            if answer.get("Messages"):
                return [_message(reader, each) for each in answer["Messages"]]
            # One that gave nothing may have expired or moved away as many as it looks at in one go: there may be more.
            if reader.cloud.store.look(_visible, _address(reader))[0] >= before:
                return []

    async def delete(self, reader: Reader, receipts: list[str]) -> None:
        for start in range(0, len(receipts), BATCH_MAX):
            entries = [
                {"Id": str(at), "ReceiptHandle": receipt}
                for at, receipt in enumerate(receipts[start : start + BATCH_MAX])
            ]
            try:
                await reader.invoke("sqs", "DeleteMessageBatch", {"QueueUrl": _url(reader), "Entries": entries})
            except QueueDoesNotExist:
                return


EVENT_SOURCE = QueueEvents()


def _address(reader: Reader) -> Address:
    address = addresses.of_arn(reader.arn)
    if address is None:
        raise SourceGone(f"{reader.arn} is no queue")
    return address


def _url(reader: Reader) -> str:
    address = _address(reader)
    return f"{reader.cloud.endpoint}/{address.account}/{address.name}"


def _require(reader: Reader) -> Queue:
    queue, _ = reader.cloud.store.look(queues.find, _address(reader))
    if queue is None:
        raise SourceGone(QueueDoesNotExist.text)
    return queue


def _next_at_ms(tx: Transaction, address: Address) -> int:
    queue = queues.find(tx, address)
    if queue is None:
        return FOREVER_MS
    backlog = opened(tx, queue)
    return backlog.hidden_from_ms if backlog.delayed + backlog.in_flight else FOREVER_MS


def _visible(tx: Transaction, address: Address) -> int:
    queue = queues.find(tx, address)
    return 0 if queue is None else opened(tx, queue).visible


def _message(reader: Reader, received: dict[str, Any]) -> Message:
    event = {
        "messageId": received["MessageId"],
        "receiptHandle": received["ReceiptHandle"],
        "body": received["Body"],
        "attributes": received.get("Attributes", {}),
        "messageAttributes": {name: _attribute(value) for name, value in received.get("MessageAttributes", {}).items()},
        "md5OfBody": received["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": reader.arn,
        "awsRegion": reader.parsed.region,
    }
    if "MD5OfMessageAttributes" in received:
        event["md5OfMessageAttributes"] = received["MD5OfMessageAttributes"]
    return Message(received["MessageId"], received["ReceiptHandle"], event)


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        out["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        out["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return out
