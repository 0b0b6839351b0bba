"""Messages: send, receive, delete, change visibility, one by one and in batches."""

import hashlib

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.services.sqs import message_attributes
from pileus.services.sqs.errors import (
    BatchRequestTooLong,
    InvalidAttributeName,
    InvalidMessageContents,
    MissingParameter,
    OverLimit,
)
from pileus.services.sqs.parameters import each, entries_of, failure, id_in, in_range, queue_of
from pileus.services.sqs.state import messages as state
from pileus.services.sqs.state import receipts
from pileus.services.sqs.state.backlogs import arrivals
from pileus.services.sqs.state.queues import require
from pileus.services.sqs.state.tables import Content, Message

MAX_BATCH_BYTES = 1_048_576
"""SQS developer guide, "Amazon SQS message quotas"."""
SEQUENCE_NUMBERS_FROM = 10**19
"""So that they have twenty digits, as AWS's have."""

_SYSTEM_ATTRIBUTES = {
    # name: what a message has of it, "" for nothing
    "SenderId": lambda message: message.sender_id,
    "SentTimestamp": lambda message: str(message.sent_at_ms),
    "ApproximateReceiveCount": lambda message: str(message.receive_count),
    "ApproximateFirstReceiveTimestamp": lambda message: str(message.first_received_at_ms),
    "SequenceNumber": lambda message: sequence_number(message.sequence) if message.deduplication_id else "",
    "MessageDeduplicationId": lambda message: message.deduplication_id,
    "MessageGroupId": lambda message: message.group_id,
    "AWSTraceHeader": lambda message: message.trace_header,
    "DeadLetterQueueSourceArn": lambda message: message.dead_letter_source,
}


async def change_message_visibility(call: Call, request: dict) -> dict:
    """Hide a received message for so many seconds from now on; 0 gives it back.

    request  ChangeMessageVisibilityRequest
    errors   QueueDoesNotExist, ReceiptHandleIsInvalid, MessageNotInflight, InvalidParameterValue
    """
    change = (request["ReceiptHandle"], _timeout_in(request))
    [problem] = await call.write(state.change_visibility, queue_of(call, request), [change])
    if problem is not None:
        raise problem
    return {}


async def change_message_visibility_batch(call: Call, request: dict) -> dict:
    """ChangeMessageVisibility of up to ten messages; each succeeds or fails alone."""
    entries = entries_of(request, "ChangeMessageVisibilityBatchRequestEntry")
    entries, changes, failed = each(entries, lambda entry: (entry["ReceiptHandle"], _timeout_in(entry)))
    problems = await call.write(state.change_visibility, queue_of(call, request), changes)
    return _outcome(entries, problems, failed)


async def delete_message(call: Call, request: dict) -> dict:
    """Delete a received message. One that is gone already is deleted.

    request  DeleteMessageRequest
    errors   QueueDoesNotExist, ReceiptHandleIsInvalid, InvalidParameterValue (FIFO: the handle has expired)
    """
    [problem] = await call.write(state.delete, queue_of(call, request), [request["ReceiptHandle"]])
    if problem is not None:
        raise problem
    return {}


async def delete_message_batch(call: Call, request: dict) -> dict:
    """DeleteMessage of up to ten messages; each succeeds or fails alone."""
    entries = entries_of(request, "DeleteMessageBatchRequestEntry")
    handles = [entry["ReceiptHandle"] for entry in entries]
    problems = await call.write(state.delete, queue_of(call, request), handles)
    return _outcome(entries, problems, [])


async def receive_message(call: Call, request: dict) -> dict:
    """Hand out visible messages, oldest first, and hide each for its visibility timeout.

    request  ReceiveMessageRequest. VisibilityTimeout and WaitTimeSeconds are seconds and default to the queue's own.
    returns  ReceiveMessageResult. No "Messages" key when there is nothing, as AWS does.
    errors   QueueDoesNotExist, InvalidParameterValue, OverLimit (standard queues, short polling)
    source   SQS API reference, ReceiveMessage; developer guide, "Visibility timeout", "Short and long polling"
    """
    address = queue_of(call, request)
    queue = await call.read(require, address)
    count = in_range(request, "MaxNumberOfMessages", 1, 10, "Must be between 1 and 10, if provided.", default=1)
    wait_s = in_range(
        request, "WaitTimeSeconds", 0, 20, "Must be >= 0 and <= 20, if provided.", default=queue.receive_wait_s
    )
    hide_s = _timeout_in(request, default=queue.visibility_timeout_s)
    # A standard queue takes an attempt's id, too, and makes nothing of it.
    attempt_id = id_in(request, "ReceiveRequestAttemptId") if queue.is_fifo else ""
    attributes_out = _attributes_asked_for(request)
    deadline_ms = call.now_ms + wait_s * 1000

    # Subscribe before the first look: a message sent between looking and subscribing would wake nobody.
    async with call.watch(arrivals(queue.id)) as news:
        while True:
            batch = await call.write(state.receive, address, count=count, hide_ms=hide_s * 1000, attempt_id=attempt_id)
            if batch.messages or call.clock.now_ms() >= deadline_ms:
                break
            await news.wait_next(until_ms=min(deadline_ms, batch.next_visible_at_ms))

    if batch.is_over_limit and wait_s == 0:
        raise OverLimit()
    if not batch.messages:
        return {}
    return {"Messages": [attributes_out(message, content) for message, content in batch.messages]}


async def send_message(call: Call, request: dict) -> dict:
    """Store a message: it is on disk when this returns.

    request  SendMessageRequest
    errors   QueueDoesNotExist, InvalidMessageContents, InvalidParameterValue, MissingParameter
    source   SQS API reference, SendMessage
    """
    draft = _draft_in(call, request)
    [sent] = await call.write(state.send, queue_of(call, request), [draft])
    if isinstance(sent, AwsError):
        raise sent
    return _sent_out(draft, sent)


async def send_message_batch(call: Call, request: dict) -> dict:
    """SendMessage of up to ten messages, in order; each succeeds or fails alone.

    errors   those of a batch, and BatchRequestTooLong
    """
    entries = entries_of(request, "SendMessageBatchRequestEntry")
    entries, drafts, failed = each(entries, lambda entry: _draft_in(call, entry))
    total_bytes = sum(draft.size_bytes for draft in drafts)
    if total_bytes > MAX_BATCH_BYTES:
        raise BatchRequestTooLong(MAX_BATCH_BYTES, total_bytes)
    results = await call.write(state.send, queue_of(call, request), drafts)
    successful: list[dict] = []
    for entry, draft, sent in zip(entries, drafts, results, strict=True):
        if isinstance(sent, AwsError):
            failed.append(failure(entry, sent))
        else:
            successful.append({"Id": entry["Id"], **_sent_out(draft, sent)})
    return {"Successful": successful, "Failed": failed}


def sequence_number(sequence: int) -> str:
    return str(SEQUENCE_NUMBERS_FROM + sequence)


def _draft_in(call: Call, request: dict) -> state.Draft:
    """What a SendMessageRequest or a batch entry wants sent, as far as it can be judged without the queue."""
    body = request["MessageBody"]
    if not body:
        raise MissingParameter("MessageBody")
    if message_attributes.has_forbidden_character(body):
        raise InvalidMessageContents()
    encoded = body.encode()
    size_bytes = len(encoded)
    attributes = _given(request, "MessageAttributes")
    attributes_md5 = ""
    if attributes:
        message_attributes.check(attributes)
        size_bytes += message_attributes.size_bytes(attributes)
        attributes_md5 = message_attributes.md5(attributes)
    system_attributes = _given(request, "MessageSystemAttributes")
    if system_attributes:
        message_attributes.check_system(system_attributes)
    body_md5 = hashlib.md5(encoded, usedforsecurity=False).hexdigest()
    return state.Draft(
        Content(body, body_md5, attributes, attributes_md5),
        size_bytes,
        call.principal.unique_id or call.principal.service or call.source_ip,
        in_range(request, "DelaySeconds", 0, 900, "DelaySeconds must be >= 0 and <= 900."),
        id_in(request, "MessageGroupId"),
        id_in(request, "MessageDeduplicationId"),
        system_attributes.get("AWSTraceHeader", {}).get("StringValue", ""),
        message_attributes.md5(system_attributes) if system_attributes else "",
    )


def _given(request: dict, name: str) -> dict[str, dict]:
    """An attributes map without the members that were sent as null."""
    attributes = request.get(name)
    if not attributes:
        return {}
    return {
        name: {member: inner for member, inner in value.items() if inner is not None}
        for name, value in attributes.items()
    }


def _sent_out(draft: state.Draft, sent: state.Sent) -> dict:
    result = {"MessageId": sent.message_id, "MD5OfMessageBody": draft.content.body_md5}
    if draft.content.attributes_md5:
        result["MD5OfMessageAttributes"] = draft.content.attributes_md5
    if draft.system_attributes_md5:
        result["MD5OfMessageSystemAttributes"] = draft.system_attributes_md5
    if sent.sequence:
        result["SequenceNumber"] = sequence_number(sent.sequence)
    return result


def _timeout_in(request: dict, *, default: int | None = None) -> int:
    timeout_s = in_range(
        request, "VisibilityTimeout", 0, 43_200, "Must be between 0 and 43200, if provided.", default=default
    )
    if timeout_s is None:
        raise MissingParameter("VisibilityTimeout")
    return timeout_s


def _attributes_asked_for(request: dict):
    """A function (message, content) -> Message shape, with the attributes that the ReceiveMessageRequest names."""
    names = {*(request.get("AttributeNames") or ()), *(request.get("MessageSystemAttributeNames") or ())}
    for name in names:
        if name != "All" and name not in _SYSTEM_ATTRIBUTES:
            raise InvalidAttributeName(name)
    readers = {name: read for name, read in _SYSTEM_ATTRIBUTES.items() if "All" in names or name in names}
    wanted = request.get("MessageAttributeNames") or []

    def message_out(message: Message, content: Content) -> dict:
        shown = {
            "MessageId": message.id,
            "ReceiptHandle": receipts.handle_of(message),
            "MD5OfBody": content.body_md5,
            "Body": content.body,
        }
        system_attributes = {name: value for name, read in readers.items() if (value := read(message))}
        if system_attributes:
            shown["Attributes"] = system_attributes
        attributes = message_attributes.selected(content.attributes, wanted) if wanted and content.attributes else {}
        if attributes:
            shown["MessageAttributes"] = attributes
            is_all = len(attributes) == len(content.attributes)
            shown["MD5OfMessageAttributes"] = content.attributes_md5 if is_all else message_attributes.md5(attributes)
        return shown

    return message_out


def _outcome(entries: list[dict], problems: list[AwsError | None], failed: list[dict]) -> dict:
    """A batch's result: which entries succeeded, which not and why."""
    successful: list[dict] = []
    for entry, problem in zip(entries, problems, strict=True):
        if problem is None:
            successful.append({"Id": entry["Id"]})
        else:
            failed.append(failure(entry, problem))
    return {"Successful": successful, "Failed": failed}
