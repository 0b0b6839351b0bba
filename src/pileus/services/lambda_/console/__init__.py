"""Lambda's pages: functions, what invokes them and as what they answer; event source mappings; layers."""

from pathlib import Path

from pileus.kernel.pages import Pages, Place
from pileus.services.lambda_.console import (
    asynchronous,
    functions,
    invocations,
    layers,
    mappings,
    permissions,
    settings,
    versions,
)

CONSOLE = Pages(
    title="Lambda",
    about="functions, event source mappings, layers",
    menu=(("Functions", "functions"), ("Event source mappings", "mappings"), ("Layers", "layers")),
    places={
        "functions": Place(functions.show_all),
        "functions/{function}": Place(functions.show),
        "functions/{function}/invoke": Place(invocations.show, {"invoke": invocations.invoke}),
        "functions/{function}/mappings": Place(mappings.show_of_function, {"create": mappings.create}),
        "functions/{function}/versions": Place(
            versions.show,
            {
                "publish": versions.publish,
                "delete": versions.delete,
                "create-alias": versions.create_alias,
                "update-alias": versions.update_alias,
                "delete-alias": versions.delete_alias,
            },
        ),
        "functions/{function}/asynchronous": Place(
            asynchronous.show, {"put": asynchronous.put, "delete": asynchronous.delete}
        ),
        "functions/{function}/permissions": Place(
            permissions.show, {"add": permissions.add, "remove": permissions.remove}
        ),
        "functions/{function}/settings": Place(
            settings.show,
            {
                "update": settings.update,
                "concurrency": settings.set_concurrency,
                "tag": settings.tag,
                "untag": settings.untag,
                "delete": settings.delete,
            },
        ),
        "mappings": Place(mappings.show_all, {"create": mappings.create}),
        "mappings/{mapping}": Place(
            mappings.show,
            {
                "update": mappings.update,
                "enable": mappings.enable,
                "disable": mappings.disable,
                "delete": mappings.delete,
            },
        ),
        "layers": Place(layers.show_all),
        "layers/{layer}": Place(layers.show),
    },
    folder=str(Path(__file__).parent),
)
