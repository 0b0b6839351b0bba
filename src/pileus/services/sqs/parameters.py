"""Reading requests: ranges, names, batches, each refused in SQS's words."""

import re
from collections.abc import Callable
from typing import Any

from pileus.authz.policy import parse
from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.services.sqs.addresses import Address, of_url
from pileus.services.sqs.errors import (
    BatchEntryIdsNotDistinct,
    EmptyBatchRequest,
    InvalidAttributeValue,
    InvalidBatchEntryId,
    InvalidParameterValue,
    TooManyEntriesInBatchRequest,
)

MAX_BATCH_ENTRIES = 10
"""SQS developer guide, "Amazon SQS message quotas"."""

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ID = re.compile(r"[!-~]{1,128}")


def queue_of(call: Call, request: dict) -> Address:
    """The queue of the request's QueueUrl."""
    return of_url(call, request["QueueUrl"])


async def refuse_strangers(call: Call, policy: str | None) -> None:
    """A queue's policy names only users and roles that are there. Raises InvalidAttributeValue."""
    if policy and await call.strangers(parse(policy, "resource").named()):
        raise InvalidAttributeValue("Policy")


def in_range(request: dict, name: str, least: int, most: int, reason: str, *, default: Any = None) -> Any:
    """A number of the request, or `default` where it is not given. Raises InvalidParameterValue."""
    value = request.get(name)
    if value is None:
        return default
    if not least <= value <= most:
        raise InvalidParameterValue(name, value, reason)
    return value


def id_in(request: dict, name: str) -> str:
    """A MessageGroupId, MessageDeduplicationId or ReceiveRequestAttemptId; "" where it is not given."""
    value = request.get(name)
    if value is None:
        return ""
    if not _ID.fullmatch(value):
        raise InvalidParameterValue(
            name, value, f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        )
    return value


def entries_of(request: dict, entry_shape: str) -> list[dict]:
    """A batch's entries, once it is known that they are a batch."""
    entries = request["Entries"]
    if not entries:
        raise EmptyBatchRequest(entry_shape)
    if len(entries) > MAX_BATCH_ENTRIES:
        raise TooManyEntriesInBatchRequest(len(entries))
    seen: set[str] = set()
    for entry in entries:
        if not _ENTRY_ID.fullmatch(entry["Id"]):
            raise InvalidBatchEntryId()
        if entry["Id"] in seen:
            raise BatchEntryIdsNotDistinct(entry["Id"])
        seen.add(entry["Id"])
    return entries


def each(entries: list[dict], read: Callable[[dict], Any]) -> tuple[list[dict], list[Any], list[dict]]:
    """Read every entry: (those that could be read, what was read, Failed of the others)."""
    readable: list[dict] = []
    values: list[Any] = []
    failed: list[dict] = []
    for entry in entries:
        try:
            values.append(read(entry))
            readable.append(entry)
        except AwsError as error:
            failed.append(failure(entry, error))
    return readable, values, failed


def failure(entry: dict, error: AwsError) -> dict:
    """A BatchResultErrorEntry."""
    return {"Id": entry["Id"], "SenderFault": not error.is_fault, "Code": error.code, "Message": error.message}
