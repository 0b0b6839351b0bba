"""CloudFormation."""

from pileus.kernel.service import Service
from pileus.services.cloudformation import authorize, background, requests, responses
from pileus.services.cloudformation.operations import change_sets, contents, stacks, templates
from pileus.stacks.transforms import OURS_NOT_YET

NOT_HONOURED = (*requests.WITHOUT_EFFECT, "RollbackConfiguration with triggers", "DeploymentMode")
NOT_IN_TEMPLATES = (
    *(f"the transform {name}" for name in OURS_NOT_YET),
    "applications of the AWS Serverless Application Repository",
    "the CreationPolicy of the resource that has one",
    "the UpdatePolicy of the resource that has one",
    "Fn::RefAll, Fn::ValueOf and Fn::ValueOfAll in the Rules section of a template",
)

SERVICE = Service(
    name="cloudformation",
    operations=(stacks, change_sets, contents, templates),
    authorize=authorize,
    resources="pileus.services.cloudformation.resources",
    console="pileus.services.cloudformation.console",
    events=background.EVENTS,
    timers=background.TIMERS,
    routes=responses.ROUTES,
    start=background.start,
    stop=background.stop,
    refuses={
        "ContinueUpdateRollback": ("ForceRollback", "ResourcesToSkip of nested stacks"),
        "CreateChangeSet": ("ChangeSetType IMPORT", *NOT_HONOURED),
        "CreateStack": (*NOT_HONOURED, *NOT_IN_TEMPLATES),
        "DeleteStack": NOT_HONOURED,
        "DescribeChangeSet": ("IncludePropertyValues",),
        "GetTemplateSummary": templates.SUMMARY_NOT_YET,
        "UpdateStack": (*NOT_HONOURED, *NOT_IN_TEMPLATES),
    },
    lacks={
        "CreateChangeSet": ("what CreateStack refuses of a template fails the change set, which says so",),
    },
)
