"""Amazon Simple Queue Service. Start at state/__init__.py: it opens with the essay."""

from pileus.kernel.service import Service
from pileus.services.sqs import authorize, background, errors
from pileus.services.sqs.operations import messages, move_tasks, permissions, queues

SERVICE = Service(
    name="sqs",
    operations=(queues, messages, permissions, move_tasks),
    authorize=authorize,
    resources="pileus.services.sqs.resources",
    console="pileus.services.sqs.console",
    timers=background.TIMERS,
    violation=errors.violation,
    event_source="pileus.services.sqs.event_source",
)
