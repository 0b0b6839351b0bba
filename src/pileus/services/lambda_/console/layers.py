"""Layers and their versions."""

from pileus.kernel.pages import Page, Visit
from pileus.services.lambda_.console.lists import some_of


async def show_all(visit: Visit) -> Page:
    answer, more = await some_of(visit, "ListLayers", {}, "layers")
    return Page("layers.html", "Layers", {"layers": answer["Layers"], "more": more})


async def show(visit: Visit) -> Page:
    name = visit.labels["layer"]
    answer, more = await some_of(visit, "ListLayerVersions", {"LayerName": name}, "layers", name)
    trail = (("Layers", visit.url("layers")),)
    return Page("layer.html", name, {"versions": answer["LayerVersions"], "more": more}, trail=trail)
