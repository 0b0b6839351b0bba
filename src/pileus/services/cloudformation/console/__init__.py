"""CloudFormation's pages: stacks, what they are made of, what happened to them, change sets, exports."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.cloudformation.console import change_sets, contents, exports, requests, stacks

CONSOLE = Pages(
    title="CloudFormation",
    about="stacks, events, change sets, exports",
    menu=(("Stacks", "stacks"), ("Exports", "exports")),
    places={
        "stacks": Place(stacks.show_all),
        "new-stack": Place(
            requests.show_new,
            {"check": requests.check, "create": requests.create, "change-set": requests.create_change_set},
        ),
        "stacks/{stack}": Place(
            stacks.show,
            {
                "protect": stacks.set_protection,
                "cancel": stacks.cancel_update,
                "continue": stacks.continue_rollback,
                "delete": stacks.delete,
            },
        ),
        "stacks/{stack}/events": Place(contents.show_events),
        "stacks/{stack}/resources": Place(contents.show_resources),
        "stacks/{stack}/template": Place(contents.show_template),
        "stacks/{stack}/update": Place(
            requests.show_update,
            {"check": requests.check, "update": requests.update, "change-set": requests.create_change_set},
        ),
        "stacks/{stack}/change-sets": Place(change_sets.show_all),
        "stacks/{stack}/change-sets/{change_set}": Place(
            change_sets.show, {"execute": change_sets.execute, "delete": change_sets.delete}
        ),
        "exports": Place(exports.show),
    },
    folder=str(Path(__file__).parent),
)
