"""CloudWatch Logs."""

from pileus.kernel.service import Service
from pileus.services.logs import authorize, background, errors
from pileus.services.logs.operations import events, filters, groups, policies, streams, tags
from pileus.services.logs.state.events import DELIVERY
from pileus.services.logs.state.groups import expire

SERVICE = Service(
    name="logs",
    operations=(groups, streams, events, filters, policies, tags),
    authorize=authorize,
    resources="pileus.services.logs.resources",
    timers={"logs.expire": expire},
    events={DELIVERY: background.deliver},
    violation=errors.violation,
    partial={
        "CreateLogGroup": "kmsKeyId; log group classes other than STANDARD",
        "DeleteResourcePolicy": "policies of single resources, revisions",
        "DescribeLogGroups": "linked accounts",
        "DescribeResourcePolicies": "policies of single resources",
        "PutLogEvents": "entity",
        "PutResourcePolicy": "policies of single resources, revisions",
        "PutSubscriptionFilter": "destinations other than Lambda; transformed logs, system fields",
    },
)
