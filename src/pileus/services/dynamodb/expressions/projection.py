"""Projections: the parts of an item that a list of document paths names.

Source: DynamoDB developer guide, "Using projection expressions in DynamoDB".
"""

from collections.abc import Iterable
from functools import cached_property

from pileus.services.dynamodb.expressions.nodes import Path


class Projection:
    """What some paths, of which none is part of another, show of an item. `attributes` are their top-level names."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = tuple(paths)
        self.attributes = tuple(dict.fromkeys(path.parts[0] for path in self.paths))

    def of(self, item: dict) -> dict:
        """The projected item: nested parts stay within their maps and lists; elements keep their order, not places."""
        return _of_map(item, self._tree)

    @cached_property
    def _tree(self) -> dict:
        tree: dict = {}
        for path in self.paths:
            node = tree
            for part in path.parts[:-1]:
                node = node.setdefault(part, {})
            node[path.parts[-1]] = None
        return tree


def _of_map(members: dict, tree: dict) -> dict:
    found = {}
    for name, below in tree.items():
        value = members.get(name)
        if value is not None:
            if below is not None:
                value = _of_value(value, below)
                if value is None:
                    continue
            found[name] = value
    return found


def _of_value(value: dict, tree: dict) -> dict | None:
    if "M" in value and isinstance(next(iter(tree)), str):
        members = _of_map(value["M"], tree)
        return {"M": members} if members else None
    if "L" in value and isinstance(next(iter(tree)), int):
        elements = value["L"]
        found = []
        for index in sorted(tree):
            if index >= len(elements):
                break
            below = tree[index]
            element = elements[index] if below is None else _of_value(elements[index], below)
            if element is not None:
                found.append(element)
        return {"L": found} if found else None
    return None
