"""CloudWatch Logs' pages: groups, their streams, and what was written there."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.logs.console import events, groups, settings, streams

CONSOLE = Pages(
    title="CloudWatch Logs",
    about="log groups, streams, events",
    menu=(("Log groups", "groups"),),
    places={
        "groups": Place(groups.show_all, {"create": groups.create}),
        "groups/{group}": Place(streams.show_all, {"create": streams.create}),
        "groups/{group}/events": Place(events.show),
        "groups/{group}/streams/{stream}": Place(streams.show, {"delete": streams.delete}),
        "groups/{group}/settings": Place(
            settings.show,
            {
                "retention": settings.set_retention,
                "protection": settings.set_protection,
                "tag": settings.tag,
                "untag": settings.untag,
                "delete": settings.delete,
            },
        ),
    },
    folder=str(Path(__file__).parent),
)
