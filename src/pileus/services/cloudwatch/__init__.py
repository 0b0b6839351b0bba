"""CloudWatch: so far the Contributor Insights rules that AWS's services make, and their reports."""

from pileus.kernel.service import Service
from pileus.services.cloudwatch import authorize, background, errors
from pileus.services.cloudwatch.operations import insight_reports, insight_rules, tags

SERVICE = Service(
    name="cloudwatch",
    operations=(insight_rules, insight_reports, tags),
    authorize=authorize,
    console="pileus.services.cloudwatch.console",
    timers=background.TIMERS,
    events=background.EVENTS,
    violation=errors.violation,
    refuses={
        "PutInsightRule": ("rules over log groups",),
    },
)
