"""CloudWatch Logs."""

from pileus.kernel.service import Service
from pileus.services.logs import authorize, background, errors
from pileus.services.logs.operations import events, filters, groups, policies, streams, tags
from pileus.services.logs.state.events import DELIVERY
from pileus.services.logs.state.groups import expire

OTHERS_GROUPS = "log groups of other accounts"

SERVICE = Service(
    name="logs",
    operations=(groups, streams, events, filters, policies, tags),
    authorize=authorize,
    resources="pileus.services.logs.resources",
    console="pileus.services.logs.console",
    timers={"logs.expire": expire},
    events={DELIVERY: background.deliver},
    violation=errors.violation,
    refuses={
        "CreateLogGroup": ("kmsKeyId", "the log group class INFREQUENT_ACCESS or DELIVERY"),
        "DeleteResourcePolicy": ("resourceArn", "expectedRevisionId"),
        "DescribeLogGroups": ("includeLinkedAccounts", "accountIdentifiers", OTHERS_GROUPS),
        "DescribeLogStreams": (OTHERS_GROUPS,),
        "DescribeResourcePolicies": ("single resources",),
        "FilterLogEvents": (OTHERS_GROUPS,),
        "GetLogEvents": (OTHERS_GROUPS,),
        "ListTagsForResource": (OTHERS_GROUPS,),
        "PutLogEvents": ("entity",),
        "PutLogGroupDeletionProtection": (OTHERS_GROUPS,),
        "PutResourcePolicy": ("resourceArn", "expectedRevisionId"),
        "PutSubscriptionFilter": (
            "a destination of another service than Lambda",
            "applyOnTransformedLogs",
            "emitSystemFields",
            "fieldSelectionCriteria",
        ),
        "TagResource": (OTHERS_GROUPS,),
        "UntagResource": (OTHERS_GROUPS,),
    },
)
