"""SQS's pages: queues and how they are set, messages sent and received by hand, dead letters and their way back."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.sqs.console import dead_letters, messages, queues, settings

CONSOLE = Pages(
    title="SQS",
    about="queues, messages, dead letters",
    menu=(("Queues", "queues"),),
    places={
        "queues": Place(queues.show_all, {"create": queues.create}),
        "queues/{queue}": Place(queues.show, {"purge": queues.purge, "delete": queues.delete}),
        "queues/{queue}/messages": Place(
            messages.show,
            {
                "send": messages.send,
                "receive": messages.receive,
                "delete": messages.delete,
                "release": messages.release,
            },
        ),
        "queues/{queue}/dead-letters": Place(
            dead_letters.show, {"redrive": dead_letters.redrive, "cancel": dead_letters.cancel}
        ),
        "queues/{queue}/settings": Place(
            settings.show,
            {
                "update": settings.update,
                "policy": settings.put_policy,
                "tag": settings.tag,
                "untag": settings.untag,
            },
        ),
    },
    folder=str(Path(__file__).parent),
)
