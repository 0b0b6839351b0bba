"""Permissions: statements of a queue's policy that AddPermission writes and RemovePermission takes away."""

import re

import orjson

from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.services.sqs.attributes import MAX_ACTIONS, require_within_quotas
from pileus.services.sqs.errors import InvalidParameterValue, MissingParameter, OverLimit
from pileus.services.sqs.parameters import queue_of
from pileus.services.sqs.state import queues as state
from pileus.services.sqs.state.tables import Queue

ACTIONS = {
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
}
"""What can be granted to other accounts. Source: SQS developer guide, "Limitations of Amazon SQS custom policies"."""

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT = re.compile(r"\d{12}")


async def add_permission(call: Call, request: dict) -> dict:
    """Add a statement to the queue's policy that lets other accounts do some actions.

    request  AddPermissionRequest
    errors   QueueDoesNotExist, OverLimit, InvalidParameterValue, MissingParameter
    """
    label = request["Label"]
    if not _LABEL.fullmatch(label):
        raise InvalidParameterValue(
            "Label", label, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    actions = _actions_in(request)
    principals = _principals_in(call, request)

    def with_statement(queue: Queue) -> str:
        document = _document(queue)
        if any(statement.get("Sid") == label for statement in document["Statement"]):
            raise InvalidParameterValue("Label", label, "Already exists.")
        document["Statement"].append(
            {
                "Sid": label,
                "Effect": "Allow",
                "Principal": {"AWS": _one_or_many(principals)},
                "Action": _one_or_many([f"SQS:{action}" for action in actions]),
                "Resource": queue.arn,
            }
        )
        text = orjson.dumps(document).decode()
        require_within_quotas(text, len(document["Statement"]))
        return text

    await call.write(state.change_policy, queue_of(call, request), with_statement)
    return {}


async def remove_permission(call: Call, request: dict) -> dict:
    """Remove the statements of that label from the queue's policy.

    errors   QueueDoesNotExist, InvalidParameterValue
    """
    label = request["Label"]

    def without_statement(queue: Queue) -> str:
        document = _document(queue)
        left = [statement for statement in document["Statement"] if statement.get("Sid") != label]
        if len(left) == len(document["Statement"]):
            raise InvalidParameterValue("Label", label, "can't find label on existing policy")
        return orjson.dumps({**document, "Statement": left}).decode() if left else ""

    await call.write(state.change_policy, queue_of(call, request), without_statement)
    return {}


def _actions_in(request: dict) -> list[str]:
    actions = request["Actions"]
    if not actions:
        raise MissingParameter("Actions")
    if len(actions) > MAX_ACTIONS:
        raise OverLimit(f"{len(actions)} Actions were found, maximum allowed is {MAX_ACTIONS}.")
    for action in actions:
        if action not in ACTIONS:
            raise InvalidParameterValue(
                "ActionName", f"SQS:{action}", "Only the queue owner is allowed to invoke this action."
            )
    return actions


def _principals_in(call: Call, request: dict) -> list[str]:
    accounts = request["AWSAccountIds"]
    if not accounts:
        raise MissingParameter("AWSAccountIds")
    unknown = [account for account in accounts if not _ACCOUNT.fullmatch(account)]
    if unknown:
        raise InvalidParameterValue("PrincipalId", f"[{', '.join(unknown)}]", "Unable to verify.")
    return [f"arn:{partition_of(call.region)}:iam::{account}:root" for account in accounts]


def _document(queue: Queue) -> dict:
    """The queue's policy, its statements a list; an empty one if it has none."""
    if not queue.policy:
        return {"Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}
    document = orjson.loads(queue.policy)
    statements = document["Statement"]
    return {**document, "Statement": statements if isinstance(statements, list) else [statements]}


def _one_or_many(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
