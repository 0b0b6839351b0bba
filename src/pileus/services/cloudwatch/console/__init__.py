"""CloudWatch's pages: Contributor Insights rules, and who contributed most."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.cloudwatch.console import insight_rules

CONSOLE = Pages(
    title="CloudWatch",
    about="Contributor Insights: the keys that are used most",
    menu=(("Contributor Insights", "insight-rules"),),
    places={
        "insight-rules": Place(insight_rules.show_all),
        "insight-rules/{rule}": Place(insight_rules.show),
    },
    folder=str(Path(__file__).parent),
)
