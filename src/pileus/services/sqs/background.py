"""The timers of SQS: kind -> transition fn(tx, key). Each key is a queue's ARN."""

from pileus.services.sqs.state import move_tasks, queues, retention
from pileus.services.sqs.state.backlogs import RETENTION, TICK, tick

TIMERS = {
    RETENTION: retention.expire,
    TICK: tick,
    queues.NAME_FREE: queues.free_name,
    move_tasks.STEP: move_tasks.step,
}
