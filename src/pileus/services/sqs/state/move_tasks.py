"""Message move tasks: the messages of a dead-letter queue go back, at a rate.

A task is a row and a timer: each run of the timer moves some messages and sets it anew, so a task goes on after a
restart where it stood.

Source: API reference, StartMessageMoveTask, CancelMessageMoveTask, ListMessageMoveTasks; SQS developer guide,
"Configuring a dead-letter queue redrive". Moved messages are new ones there: new id, new age, never received.
"""

import heapq
from collections.abc import Iterator
from itertools import islice

from msgspec.structs import replace

from pileus.services.sqs import addresses
from pileus.services.sqs.addresses import Address
from pileus.services.sqs.errors import InvalidParameterText, ResourceNotFoundException, UnsupportedOperation
from pileus.services.sqs.state import redrive
from pileus.services.sqs.state.backlogs import opened
from pileus.services.sqs.state.tables import (
    BACKLOGS,
    GROUPED,
    MESSAGES,
    MOVE_TASKS,
    PLAIN,
    QUEUES,
    Backlog,
    Message,
    MoveTask,
    Queue,
)
from pileus.store.transaction import Transaction

STEP = "sqs.move"
"""The timer of a running task; its key is the source queue's ARN, for a queue has one at a time."""
MOVED_AT_ONCE = 500
"""Also AWS's highest rate, which a task without one goes at."""
STEP_MS = 1000
KEPT_TASKS = 10
"""As many as ListMessageMoveTasks gives."""


def start(tx: Transaction, source: Address, destination: Address | None, per_second: int) -> MoveTask:
    """Begin a task; its first messages move at once."""
    queue = QUEUES.get(tx, *source)
    if queue is None:
        raise ResourceNotFoundException("The resource that you specified for the SourceArn parameter doesn't exist.")
    if not redrive.is_dead_letter_queue(tx, queue):
        raise InvalidParameterText("Source queue must be configured as a Dead Letter Queue.")
    if destination is not None:
        _check_destination(tx, queue, destination)
    tasks = newest(tx, source, KEPT_TASKS)
    if tasks and tasks[0].status == "RUNNING":
        raise InvalidParameterText(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        )
    for old in tasks[KEPT_TASKS - 1 :]:
        MOVE_TASKS.delete(tx, queue.id, old.started_at_ms, old.id)
    task = MoveTask(
        queue.id,
        tx.now_ms,
        tx.ids.uuid(),
        queue.arn,
        "" if destination is None else destination.arn,
        per_second,
        opened(tx, queue).visible,
    )
    MOVE_TASKS.put(tx, task)
    tx.wake_at(tx.now_ms, STEP, queue.arn)
    return task


def newest(tx: Transaction, source: Address, count: int) -> list[MoveTask]:
    """The queue's latest tasks, the newest first."""
    queue = QUEUES.get(tx, *source)
    if queue is None:
        raise ResourceNotFoundException("The resource that you specified for the SourceArn parameter doesn't exist.")
    return list(islice(MOVE_TASKS.scan(tx, queue.id, reverse=True), count))


def cancel(tx: Transaction, source: Address, task_id: str) -> MoveTask:
    """Stop a task; what it moved stays moved."""
    task = next((task for task in newest(tx, source, KEPT_TASKS) if task.id == task_id), None)
    if task is None:
        raise ResourceNotFoundException("Task does not exist.")
    if task.status != "RUNNING":
        raise UnsupportedOperation("Only tasks in status RUNNING can be cancelled.")
    task = replace(task, status="CANCELLED")
    MOVE_TASKS.put(tx, task)
    tx.cancel_wake(STEP, task.source_arn)
    return task


def step(tx: Transaction, source_arn: str) -> None:
    """Move some messages. The timer's transition."""
    queue = QUEUES.get(tx, *addresses.of_arn(source_arn))
    task = None if queue is None else next(MOVE_TASKS.scan(tx, queue.id, reverse=True), None)
    if task is None or task.status != "RUNNING":
        return  # the queue was deleted meanwhile, and perhaps made anew
    backlog = opened(tx, queue)
    room = min(task.per_second or MOVED_AT_ONCE, task.to_move - task.moved)
    for message in list(islice(_visible(tx, backlog, task), room)):
        address = addresses.of_arn(task.destination_arn or message.dead_letter_source)
        target = None if address is None else QUEUES.get(tx, *address)
        if target is None:
            failure = "CouldNotDetermineMessageSource" if address is None else "AWS.SimpleQueueService.NonExistentQueue"
            task = replace(task, status="FAILED", failure=failure)
            break
        redrive.move(tx, queue, backlog, message, target, **_as_new(tx))
        task = replace(task, moved=task.moved + 1, from_ms=message.visible_at_ms, from_sequence=message.sequence)
    BACKLOGS.put(tx, backlog)
    if task.status == "RUNNING":
        if task.moved == task.to_move or next(_visible(tx, backlog, task), None) is None:
            task = replace(task, status="COMPLETED")
        else:
            tx.wake_at(tx.now_ms + STEP_MS, STEP, source_arn)
    MOVE_TASKS.put(tx, task)


def _check_destination(tx: Transaction, queue: Queue, destination: Address) -> None:
    target = QUEUES.get(tx, *destination)
    if target is None:
        raise ResourceNotFoundException(
            "The resource that you specified for the DestinationArn parameter doesn't exist."
        )
    if target.id == queue.id:
        raise InvalidParameterText("Source queue arn and destination queue arn cannot be the same.")
    if (destination.account, destination.region) != (queue.account, queue.region):
        raise InvalidParameterText("Source and destination queue must be in the same account and region.")
    if target.is_fifo != queue.is_fifo:
        raise InvalidParameterText("Source and destination queue must be of the same type.")


def _visible(tx: Transaction, backlog: Backlog, task: MoveTask) -> Iterator[Message]:
    """The queue's visible messages from where the task is, oldest first, whether they belong to a group or not."""
    start, until = (task.from_ms, task.from_sequence), backlog.counted_to_ms + 1
    lanes = [
        MESSAGES.by_visible_at.scan(tx, task.queue_id, lane, start=start, until=until) for lane in (PLAIN, GROUPED)
    ]
    return heapq.merge(*lanes, key=lambda message: (message.visible_at_ms, message.sequence))


def _as_new(tx: Transaction) -> dict[str, object]:
    return {
        "id": tx.ids.uuid(),
        "sent_at_ms": tx.now_ms,
        "receive_count": 0,
        "first_received_at_ms": 0,
        "dead_letter_source": "",
    }
