"""Message move tasks: the redrive of a dead-letter queue."""

import base64
import binascii

import orjson

from pileus.kernel.call import Call
from pileus.services.sqs import addresses
from pileus.services.sqs.addresses import Address
from pileus.services.sqs.errors import InvalidParameterText, InvalidParameterValue
from pileus.services.sqs.parameters import in_range
from pileus.services.sqs.state import move_tasks as state
from pileus.services.sqs.state.tables import MoveTask


async def cancel_message_move_task(call: Call, request: dict) -> dict:
    """Stop a running task; what it moved stays moved.

    errors   ResourceNotFoundException, UnsupportedOperation, InvalidParameterValue
    """
    source, task_id = _read_handle(request["TaskHandle"])
    task = await call.write(state.cancel, source, task_id)
    return {"ApproximateNumberOfMessagesMoved": task.moved}


async def list_message_move_tasks(call: Call, request: dict) -> dict:
    """The latest tasks of a dead-letter queue, the newest first.

    request  ListMessageMoveTasksRequest. MaxResults defaults to 1.
    """
    source = _queue_in(request, "SourceArn")
    count = in_range(
        request, "MaxResults", 1, state.KEPT_TASKS, f"Must be between 1 and {state.KEPT_TASKS}, if provided.", default=1
    )
    return {"Results": [_task_out(task) for task in await call.read(state.newest, source, count)]}


async def start_message_move_task(call: Call, request: dict) -> dict:
    """Begin to move a dead-letter queue's messages back to where they came from, or to DestinationArn.

    request  StartMessageMoveTaskRequest
    errors   ResourceNotFoundException, InvalidParameterValue
    """
    source = _queue_in(request, "SourceArn")
    destination = _queue_in(request, "DestinationArn") if request.get("DestinationArn") else None
    per_second = in_range(
        request,
        "MaxNumberOfMessagesPerSecond",
        1,
        state.MOVED_AT_ONCE,
        f"Must be between 1 and {state.MOVED_AT_ONCE}, if provided.",
        default=0,
    )
    task = await call.write(state.start, source, destination, per_second)
    return {"TaskHandle": _handle_of(task)}


def source_of_handle(handle: str) -> str:
    """The ARN of the queue whose task it is, for authorization. Raises InvalidParameterValue."""
    return _read_handle(handle)[0].arn


def _queue_in(request: dict, name: str) -> Address:
    address = addresses.of_arn(request[name])
    if address is None:
        raise InvalidParameterValue(name, request[name], f"Invalid value for the parameter {name}.")
    return address


def _handle_of(task: MoveTask) -> str:
    return base64.b64encode(orjson.dumps({"taskId": task.id, "sourceArn": task.source_arn})).decode()


def _read_handle(handle: str) -> tuple[Address, str]:
    try:
        members = orjson.loads(base64.b64decode(handle, validate=True))
        source, task_id = addresses.of_arn(members["sourceArn"]), members["taskId"]
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        source = None
    if source is None:
        raise InvalidParameterText("Value for parameter TaskHandle is invalid.")
    return source, task_id


def _task_out(task: MoveTask) -> dict:
    shown = {
        "Status": task.status,
        "SourceArn": task.source_arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started_at_ms,
    }
    if task.status == "RUNNING":
        shown["TaskHandle"] = _handle_of(task)
    if task.destination_arn:
        shown["DestinationArn"] = task.destination_arn
    if task.per_second:
        shown["MaxNumberOfMessagesPerSecond"] = task.per_second
    if task.failure:
        shown["FailureReason"] = task.failure
    return shown
