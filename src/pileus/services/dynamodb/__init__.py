"""Amazon DynamoDB. Start at state/__init__.py: it opens with the essay."""

from pileus.kernel.service import Service
from pileus.services.dynamodb import authorize, background, errors
from pileus.services.dynamodb.operations import (
    account,
    backups,
    batches,
    exports,
    imports,
    items,
    partiql,
    policies,
    reads,
    replicas,
    tables,
    transactions,
    ttl,
)

SERVICE = Service(
    name="dynamodb",
    operations=(
        tables,
        items,
        batches,
        transactions,
        reads,
        partiql,
        ttl,
        account,
        policies,
        backups,
        exports,
        imports,
        replicas,
    ),
    authorize=authorize,
    resources="pileus.services.dynamodb.resources",
    timers=background.TIMERS,
    event_source="pileus.services.dynamodb.event_source",
    events=background.EVENTS,
    violation=errors.violation,
    partial={
        "ExecuteStatement": "PartiQL: IS with other types than NULL and MISSING; columns that are no paths; arithmetic but "
        "as all that a SET assigns; set_add and set_delete of other attributes than they are assigned to",
    },
)
