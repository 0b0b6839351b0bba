"""Queues: create, find, list, describe, change, purge, delete."""

import re

from pileus.kernel.call import Call
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.kernel.tags import tag_problem
from pileus.services.sqs import attributes
from pileus.services.sqs.addresses import Address, url_of
from pileus.services.sqs.errors import InvalidParameterText, InvalidParameterValue
from pileus.services.sqs.parameters import in_range, queue_of, refuse_strangers
from pileus.services.sqs.state import queues as state
from pileus.services.sqs.state import redrive
from pileus.services.sqs.state.tables import Queue

MAX_LISTED = 1_000
"""SQS developer guide, "Amazon SQS standard queue quotas", "Listed queues"."""
FIFO_SUFFIX = ".fifo"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


async def create_queue(call: Call, request: dict) -> dict:
    """Create a queue, or find the one that is there with the same attributes.

    request  CreateQueueRequest
    errors   QueueNameExists, QueueDeletedRecently, InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue
    source   SQS API reference, CreateQueue
    """
    wanted = request.get("Attributes") or {}
    name = request["QueueName"]
    is_fifo = _is_fifo(name, wanted)
    fields = attributes.fields_in(wanted, is_fifo=is_fifo, is_new=True)
    await refuse_strangers(call, fields.get("policy"))
    tags = request.get("tags") or {}
    _check_tags(call, tags)
    address = Address(call.account, call.region, name)
    await call.write(state.create, address, fields, tags)
    return {"QueueUrl": url_of(call, address)}


async def delete_queue(call: Call, request: dict) -> dict:
    """Delete a queue, whatever is in it."""
    await call.write(state.delete, queue_of(call, request))
    return {}


async def get_queue_attributes(call: Call, request: dict) -> dict:
    """The attributes that are asked for; none if none is.

    errors   QueueDoesNotExist, InvalidAttributeName
    """
    address = queue_of(call, request)
    wanted = request.get("AttributeNames") or []
    queue = await call.read(state.require, address)
    attributes.require_readable(wanted, is_fifo=queue.is_fifo)
    backlog = await call.write(state.backlog_of, address) if attributes.wants_counts(wanted) else None
    shown = attributes.out(queue, wanted, backlog)
    return {"Attributes": shown} if shown else {}


async def get_queue_url(call: Call, request: dict) -> dict:
    """The URL of a queue, of this account or of QueueOwnerAWSAccountId."""
    address = Address(request.get("QueueOwnerAWSAccountId") or call.account, call.region, request["QueueName"])
    await call.read(state.require, address)
    return {"QueueUrl": url_of(call, address)}


async def list_dead_letter_source_queues(call: Call, request: dict) -> dict:
    """The queues that have this one as their dead-letter queue, page by page."""
    queue = await call.read(state.require, queue_of(call, request))
    limit, after = _page(request, "ListDeadLetterSourceQueues")
    found = await call.read(redrive.sources_of, queue, after=after, limit=limit + 1)
    # The member is there even when it is empty: the model requires it.
    return {"queueUrls": []} | _listed(call, request, "ListDeadLetterSourceQueues", found, limit, "queueUrls")


async def list_queues(call: Call, request: dict) -> dict:
    """The account's queues in this region, by name, page by page. No "QueueUrls" key when there are none."""
    limit, after = _page(request, "ListQueues")
    prefix = request.get("QueueNamePrefix") or ""
    found = await call.read(state.named, call.account, call.region, prefix, after=after, limit=limit + 1)
    return _listed(call, request, "ListQueues", found, limit, "QueueUrls")


async def purge_queue(call: Call, request: dict) -> dict:
    """Delete all messages of a queue, at once; at most once a minute."""
    await call.write(state.purge, queue_of(call, request))
    return {}


async def set_queue_attributes(call: Call, request: dict) -> dict:
    """Change attributes; those not named stay, an empty value gives the default back. At once, where AWS takes 60 s.

    errors   QueueDoesNotExist, InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue
    """
    address = queue_of(call, request)
    queue = await call.read(state.require, address)
    fields = attributes.fields_in(request["Attributes"], is_fifo=queue.is_fifo, is_new=False)
    await refuse_strangers(call, fields.get("policy"))
    await call.write(state.change, address, fields)
    return {}


# Tags


async def list_queue_tags(call: Call, request: dict) -> dict:
    """A queue's tags. No "Tags" key when there are none."""
    queue = await call.read(state.require, queue_of(call, request))
    return {"Tags": queue.tags} if queue.tags else {}


async def tag_queue(call: Call, request: dict) -> dict:
    """Set tags; one of the same key is replaced."""
    if not request["Tags"]:
        raise InvalidParameterText("The request must contain at least one tag.")
    _check_tags(call, request["Tags"])
    await call.write(state.change_tags, queue_of(call, request), request["Tags"], [])
    return {}


async def untag_queue(call: Call, request: dict) -> dict:
    """Remove tags; keys that no tag has are no error."""
    await call.write(state.change_tags, queue_of(call, request), {}, request["TagKeys"])
    return {}


def _is_fifo(name: str, wanted: dict[str, str]) -> bool:
    """What the name and FifoQueue say together. Raises InvalidParameterValue where they don't agree."""
    says_fifo = wanted.get("FifoQueue", "").lower() == "true"
    if says_fifo:
        if not name.endswith(FIFO_SUFFIX) or not _NAME.fullmatch(name.removesuffix(FIFO_SUFFIX)) or len(name) > 80:
            raise InvalidParameterText(
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
                "must end with .fifo suffix and be 1 to 80 in length."
            )
    elif not _NAME.fullmatch(name):
        raise InvalidParameterText(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    return says_fifo


def _check_tags(call: Call, tags: dict[str, str]) -> None:
    problem = tag_problem(tags, own=not call.is_from_outside)  # stacks set their aws:cloudformation:… from inside
    if problem is not None:
        raise InvalidParameterText(problem)


def _page(request: dict, operation: str) -> tuple[int, object]:
    """(the most to list, the key after which to go on)."""
    limit = in_range(
        request,
        "MaxResults",
        1,
        MAX_LISTED,
        f"MaxResults must be an integer between 1 and {MAX_LISTED}.",
        default=MAX_LISTED,
    )
    token = request.get("NextToken")
    if not token:
        return limit, None
    try:
        return limit, token_in(operation, token)
    except InvalidToken:
        raise InvalidParameterValue("NextToken", token, "Invalid token.") from None


def _listed(call: Call, request: dict, operation: str, found: list[Queue], limit: int, member: str) -> dict:
    """A page of queues. Source: a NextToken is given only to who sent MaxResults (API reference, ListQueues)."""
    shown = found[:limit]
    result: dict = {member: [url_of(call, queue.address) for queue in shown]} if shown else {}
    if len(found) > limit and request.get("MaxResults") is not None:
        result["NextToken"] = token_out(operation, shown[-1].name)
    return result
