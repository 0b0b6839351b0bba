"""Amazon EventBridge: event buses, rules and their targets."""

from pileus.kernel.service import Service
from pileus.services.events import authorize, background
from pileus.services.events.operations import archives, buses, events, permissions, rules, tags, targets

SERVICE = Service(
    name="events",
    operations=(buses, rules, targets, events, archives, permissions, tags),
    authorize=authorize,
    resources="pileus.services.events.resources",
    console="pileus.services.events.console",
    timers=background.TIMERS,
    events=background.EVENTS,
    refuses={
        "CreateArchive": ("KmsKeyIdentifier",),
        "CreateEventBus": ("KmsKeyIdentifier", "LogConfig", "EventSourceName"),
        "PutEvents": ("EndpointId",),
        "PutTargets": (
            "a target of an API destination",
            "a target of a service that is not here",
            "Input, InputPath and InputTransformer for an event bus",
        ),
        "UpdateArchive": ("KmsKeyIdentifier",),
        "UpdateEventBus": ("KmsKeyIdentifier", "LogConfig"),
    },
    lacks={
        "PutEvents": ("TraceHeader reaches queues only",),
    },
)
