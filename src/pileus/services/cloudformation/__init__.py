"""CloudFormation."""

from pileus.kernel.service import Service
from pileus.services.cloudformation import authorize, background, responses
from pileus.services.cloudformation.operations import change_sets, contents, stacks, templates

SERVICE = Service(
    name="cloudformation",
    operations=(stacks, change_sets, contents, templates),
    authorize=authorize,
    resources="pileus.services.cloudformation.resources",
    events=background.EVENTS,
    timers=background.TIMERS,
    routes=responses.ROUTES,
    start=background.start,
    stop=background.stop,
    partial={
        "ContinueUpdateRollback": "ForceRollback; resources of nested stacks in ResourcesToSkip",
        "CreateChangeSet": "imports, nested change sets, rollback triggers, notifications",
        "CreateStack": "stack policies, rollback triggers, notifications",
        "UpdateStack": "stack policies, rollback triggers, notifications",
        "DescribeChangeSet": "IncludePropertyValues",
    },
)
