"""What each operation touches.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SQS"; SQS developer guide,
"Amazon SQS API permissions: Actions and resource reference".
"""

from pileus.authz.evaluate import Decision
from pileus.kernel.call import Call
from pileus.kernel.service import Touch
from pileus.services.sqs import addresses
from pileus.services.sqs.operations.move_tasks import source_of_handle
from pileus.services.sqs.parameters import queue_of
from pileus.services.sqs.state import queues
from pileus.store.transaction import Transaction

ACTIONS = {
    # A batch takes the permission of its single operation.
    "ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "DeleteMessageBatch": "sqs:DeleteMessage",
    "SendMessageBatch": "sqs:SendMessage",
}
_MOVE_FROM = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def on_queue_url(call: Call, request: dict) -> list[str]:
    return [queue_of(call, request).arn]


def on_new_queue(call: Call, request: dict) -> list[Touch]:
    """CreateQueue; with tags it takes sqs:TagQueue too."""
    arn = call.arn("sqs", request["QueueName"])
    tags = request.get("tags") or {}
    created = Touch("sqs:CreateQueue", arn, request_tags=tags)
    return [created, Touch("sqs:TagQueue", arn, request_tags=tags)] if tags else [created]


def on_tagged_queue(call: Call, request: dict) -> list[Touch]:
    return [Touch("sqs:TagQueue", queue_of(call, request).arn, request_tags=request["Tags"])]


def on_untagged_queue(call: Call, request: dict) -> list[Touch]:
    # The keys alone are what aws:TagKeys is about.
    return [Touch("sqs:UntagQueue", queue_of(call, request).arn, request_tags=dict.fromkeys(request["TagKeys"], ""))]


def on_queue_name(call: Call, request: dict) -> list[str]:
    return [call.arn("sqs", request["QueueName"], account=request.get("QueueOwnerAWSAccountId"))]


def on_any_queue(call: Call, request: dict) -> list[str]:
    return [call.arn("sqs", "*")]


def on_move(call: Call, request: dict) -> list[Touch]:
    """StartMessageMoveTask: the task itself, taking from the source, and sending to the destination if it is named."""
    source = request["SourceArn"]
    touches = [Touch(action, source) for action in ("sqs:StartMessageMoveTask", *_MOVE_FROM)]
    if request.get("DestinationArn"):
        touches.append(Touch("sqs:SendMessage", request["DestinationArn"]))
    return touches


def on_cancelled_move(call: Call, request: dict) -> list[Touch]:
    source = source_of_handle(request["TaskHandle"])
    return [Touch(action, source) for action in ("sqs:CancelMessageMoveTask", *_MOVE_FROM)]


def on_listed_moves(call: Call, request: dict) -> list[Touch]:
    actions = ("sqs:ListMessageMoveTasks", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    return [Touch(action, request["SourceArn"]) for action in actions]


RESOURCES = {
    "AddPermission": on_queue_url,
    "CancelMessageMoveTask": on_cancelled_move,
    "ChangeMessageVisibility": on_queue_url,
    "ChangeMessageVisibilityBatch": on_queue_url,
    "CreateQueue": on_new_queue,
    "DeleteMessage": on_queue_url,
    "DeleteMessageBatch": on_queue_url,
    "DeleteQueue": on_queue_url,
    "GetQueueAttributes": on_queue_url,
    "GetQueueUrl": on_queue_name,
    "ListDeadLetterSourceQueues": on_queue_url,
    "ListMessageMoveTasks": on_listed_moves,
    "ListQueueTags": on_queue_url,
    "ListQueues": on_any_queue,
    "PurgeQueue": on_queue_url,
    "ReceiveMessage": on_queue_url,
    "RemovePermission": on_queue_url,
    "SendMessage": on_queue_url,
    "SendMessageBatch": on_queue_url,
    "SetQueueAttributes": on_queue_url,
    "StartMessageMoveTask": on_move,
    "TagQueue": on_tagged_queue,
    "UntagQueue": on_untagged_queue,
}


OWNER_ONLY = frozenset(
    {
        "AddPermission",
        "CancelMessageMoveTask",
        "CreateQueue",
        "DeleteQueue",
        "ListMessageMoveTasks",
        "ListQueueTags",
        "ListQueues",
        "RemovePermission",
        "SetQueueAttributes",
        "StartMessageMoveTask",
        "TagQueue",
        "UntagQueue",
    }
)
"""Cross-account permissions don't apply to these. Source: SQS developer guide, "Limitations of Amazon SQS custom
policies"."""


def resource_policy(tx: Transaction, call: Call, arn: str) -> str | None:
    """The queue's policy, as far as it has a say."""
    address = addresses.of_arn(arn)
    if address is not None and call.operation in OWNER_ONLY and call.principal.account != address.account:
        return None
    queue = None if address is None else queues.find(tx, address)
    return queue.policy or None if queue is not None else None


def resource_tags(tx: Transaction, call: Call, arn: str) -> dict[str, str] | None:
    address = addresses.of_arn(arn)
    queue = None if address is None else queues.find(tx, address)
    return None if queue is None else queue.tags


def denial(decision: Decision) -> str:
    """SQS spells the action in lower case. Source: an answer in aws/serverless-application-model, issue 3633."""
    action = decision.access.action
    return decision.message().replace(action, action.lower())
