"""EventBridge's pages: buses, rules and their targets, events sent and patterns tried, archives and replays."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.events.console import archives, buses, events, replays, rules, tags, targets

TAGS = {"tag": tags.tag, "untag": tags.untag}

CONSOLE = Pages(
    title="EventBridge",
    about="event buses, rules, archives, replays",
    menu=(
        ("Event buses", "buses"),
        ("Send an event", "send"),
        ("Try a pattern", "pattern"),
        ("Archives", "archives"),
        ("Replays", "replays"),
    ),
    places={
        "buses": Place(buses.show_all, {"create": buses.create}),
        "buses/{bus}": Place(rules.show_all, {"create": rules.create}),
        "buses/{bus}/settings": Place(
            buses.show_settings,
            {"update": buses.update, "policy": buses.put_policy, "delete": buses.delete, **TAGS},
        ),
        "buses/{bus}/rules/{rule}": Place(
            rules.show,
            {
                "update": rules.update,
                "enable": rules.enable,
                "disable": rules.disable,
                "delete": rules.delete,
                "put-target": targets.put,
                "remove-target": targets.remove,
                **TAGS,
            },
        ),
        "send": Place(events.show_sending, {"send": events.send}),
        "pattern": Place(events.show_pattern, {"try": events.try_pattern}),
        "archives": Place(archives.show_all, {"create": archives.create}),
        "archives/{archive}": Place(
            archives.show, {"update": archives.update, "replay": archives.replay, "delete": archives.delete}
        ),
        "replays": Place(replays.show_all),
        "replays/{replay}": Place(replays.show, {"cancel": replays.cancel}),
    },
    folder=str(Path(__file__).parent),
)
