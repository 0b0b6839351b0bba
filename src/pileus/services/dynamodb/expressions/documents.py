"""Document paths: resolving their placeholders, walking items, and the paths that may not stand together.

Source: DynamoDB developer guide, "Referring to item attributes when using expressions"; the errors' texts are those of
recorded answers.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import methodcaller

from pileus.services.dynamodb.expressions.nodes import Path
from pileus.services.dynamodb.expressions.tokens import invalid


def resolve(path: Path, names: Mapping[str, str]) -> Path:
    """The path with names in the place of placeholders."""
    return Path(tuple(names[part] if type(part) is str and part[0] == "#" else part for part in path.parts))


def find(item: dict, parts: tuple[str | int, ...]) -> dict | None:
    """The value at a path, or None."""
    value = item.get(parts[0])
    for part in parts[1:]:
        if value is None:
            return None
        if type(part) is int:
            elements = value.get("L")
            if elements is None or part >= len(elements):
                return None
            value = elements[part]
        else:
            members = value.get("M")
            if members is None:
                return None
            value = members.get(part)
    return value


def finder(parts: tuple[str | int, ...]) -> Callable[[dict], dict | None]:
    """A function from an item to the value at a path, or None."""
    if len(parts) == 1:
        return methodcaller("get", parts[0])
    return lambda item: find(item, parts)


def shown(parts: Iterable[str | int]) -> str:
    """A path as AWS prints it: [a, b, [0]]."""
    return f"[{', '.join(f'[{part}]' if type(part) is int else part for part in parts)}]"


def check_apart(parameter: str, paths: Iterable[Path]) -> None:
    """Refuse paths of which one is or contains another, or of which two see a list and a map in one place."""
    root: dict = {}
    for path in paths:
        node = root
        for depth, part in enumerate(path.parts):
            if _LEAF in node:
                raise _apart("overlap", parameter, node[_LEAF], path)
            other = next(iter(node), None)
            if other is not None and type(other) is not type(part):
                raise _apart("conflict", parameter, _first_below(node), path)
            if depth == len(path.parts) - 1 and part in node:
                raise _apart("overlap", parameter, _first_below(node[part]), path)
            node = node.setdefault(part, {})
        node[_LEAF] = path


_LEAF = None
"""The key under which a path's end holds the path: neither a name nor an index."""


def _first_below(node: dict) -> Path:
    while not isinstance(node, Path):
        node = next(iter(node.values()))
    return node


def _apart(verb: str, parameter: str, one: Path, two: Path) -> Exception:
    return invalid(
        parameter,
        f"Two document paths {verb} with each other; must remove or rewrite one of these paths; "
        f"path one: {shown(one.parts)}, path two: {shown(two.parts)}",
    )
