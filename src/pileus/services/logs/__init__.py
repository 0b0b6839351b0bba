"""CloudWatch Logs."""

from pileus.kernel.service import Service
from pileus.services.logs import authorize, background, errors
from pileus.services.logs.operations import events, filters, groups, streams, tags
from pileus.services.logs.state.events import DELIVERY
from pileus.services.logs.state.groups import expire

SERVICE = Service(
    name="logs",
    operations=(groups, streams, events, filters, tags),
    authorize=authorize,
    resources="pileus.services.logs.resources",
    timers={"logs.expire": expire},
    events={DELIVERY: background.deliver},
    violation=errors.violation,
    partial={
        "CreateLogGroup": "kmsKeyId; log group classes other than STANDARD",
        "DescribeLogGroups": "linked accounts",
        "PutLogEvents": "entity",
        "PutSubscriptionFilter": "destinations other than Lambda; transformed logs, system fields",
    },
)
