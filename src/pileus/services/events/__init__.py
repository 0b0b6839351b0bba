"""Amazon EventBridge: event buses, rules and their targets."""

from pileus.kernel.service import Service
from pileus.services.events import authorize, background
from pileus.services.events.operations import archives, buses, events, permissions, rules, tags, targets

SERVICE = Service(
    name="events",
    operations=(buses, rules, targets, events, archives, permissions, tags),
    authorize=authorize,
    resources="pileus.services.events.resources",
    timers=background.TIMERS,
    events=background.EVENTS,
    partial={
        "CreateArchive": "KmsKeyIdentifier",
        "CreateEventBus": "KmsKeyIdentifier, LogConfig, EventSourceName",
        "PutEvents": "EndpointId; TraceHeader reaches queues only",
        "PutTargets": "services that are not here, API destinations, input of event buses as targets",
        "UpdateArchive": "KmsKeyIdentifier",
        "UpdateEventBus": "KmsKeyIdentifier, LogConfig",
    },
)
