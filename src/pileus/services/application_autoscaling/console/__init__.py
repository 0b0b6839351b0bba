"""Application Auto Scaling's pages: the targets, and of each its policies and what was done."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.application_autoscaling.console import targets

CONSOLE = Pages(
    title="Application Auto Scaling",
    about="scalable targets, policies, activities",
    menu=(("Scalable targets", "targets"),),
    places={
        "targets": Place(targets.show_all),
        "targets/{resource}/{dimension}": Place(targets.show, {"deregister": targets.deregister}),
    },
    folder=str(Path(__file__).parent),
)
