"""Amazon DynamoDB. Start at state/__init__.py: it opens with the essay."""

from pileus.kernel.service import Service
from pileus.services.dynamodb import authorize, background, browsers, errors, meter
from pileus.services.dynamodb.operations import (
    account,
    auto_scaling,
    backups,
    batches,
    exports,
    global_tables_2017,
    imports,
    insights,
    items,
    partiql,
    policies,
    reads,
    tables,
    transactions,
    ttl,
    vectors,
)

NOT_IN_STATEMENTS = (
    "IS and a length or precision",
    "other columns than * and document paths",
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
        auto_scaling,
        policies,
        backups,
        exports,
        imports,
        insights,
        global_tables_2017,
        vectors,
    ),
    authorize=authorize,
    resources="pileus.services.dynamodb.resources",
    timers=background.TIMERS,
    event_source="pileus.services.dynamodb.event_source",
    console="pileus.services.dynamodb.console",
    events=background.EVENTS,
    start=meter.start,
    violation=errors.violation,
    beyond_model=browsers.beyond_model,
    decorate=browsers.decorate,
    refuses={
        **dict.fromkeys(("BatchExecuteStatement", "ExecuteStatement", "ExecuteTransaction"), NOT_IN_STATEMENTS),
        "SearchVectors": ("functions in a SearchConditionExpression",),
    },
)
