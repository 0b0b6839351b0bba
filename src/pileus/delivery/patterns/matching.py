"""A compiled pattern, walked along an event."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pileus.delivery.patterns.values import Test

Path = tuple[str, ...]

_MISSING = object()


@dataclass(frozen=True)
class Field:
    """One array of a pattern: a value of the event at `path` must pass a test; or there is none, where that is wanted."""

    path: Path
    tests: tuple[Test, ...]
    may_be_absent: bool = False


@dataclass
class Tree:
    """The fields of one alternative by their place. Two fields of one place (one of them from `$or`) must both match."""

    fields: dict[str, list[Field]] = field(default_factory=dict)
    below: dict[str, "Tree"] = field(default_factory=dict)

    def add(self, wanted: Field) -> None:
        *way, last = wanted.path
        tree = self
        for name in way:
            tree = tree.below.setdefault(name, Tree())
        tree.fields.setdefault(last, []).append(wanted)

    def every(self) -> Iterator[Field]:
        for fields in self.fields.values():
            yield from fields
        for tree in self.below.values():
            yield from tree.every()


@dataclass(frozen=True)
class Pattern:
    """Matches what one of its alternatives matches. `names`: its outermost keys, `$or` looked through."""

    alternatives: tuple[Tree, ...]
    names: frozenset[str]
    structured: frozenset[str]
    """Those of the names below which there are fields, and not an array of tests."""

    def matches(self, event: Any) -> bool:
        return any(_matches(tree, event, event) for tree in self.alternatives)


def _matches(tree: Tree, value: Any, event: Any) -> bool:
    """`value`: what the event has at the tree's place."""
    if isinstance(value, list):
        elements = [each for each in flattened(value) if isinstance(each, dict)]
        return any(_matches(tree, each, event) for each in elements) if elements else _all_absent(tree, event)
    if not isinstance(value, dict):
        return _all_absent(tree, event)
    for name, fields in tree.fields.items():
        there = value.get(name, _MISSING)
        if not all(_holds(each, there, event) for each in fields):
            return False
    return all(_matches(below, value.get(name, _MISSING), event) for name, below in tree.below.items())


def _holds(wanted: Field, value: Any, event: Any) -> bool:
    for each in _scalars(value):
        if any(test(each) for test in wanted.tests):
            return True
    return wanted.may_be_absent and not is_present(event, wanted.path)


def _all_absent(tree: Tree, event: Any) -> bool:
    return all(each.may_be_absent and not is_present(event, each.path) for each in tree.every())


def is_present(value: Any, path: Path) -> bool:
    """Whether the event has a value at this place, in whatever element of an array."""
    if not path:
        return next(_scalars(value), _MISSING) is not _MISSING
    if isinstance(value, list):
        return any(is_present(each, path) for each in flattened(value))
    return isinstance(value, dict) and path[0] in value and is_present(value[path[0]], path[1:])


def _scalars(value: Any) -> Iterator[Any]:
    """The values that tests look at: an array's elements, but no objects."""
    if isinstance(value, list):
        for each in flattened(value):
            if not isinstance(each, dict):
                yield each
    elif not isinstance(value, dict) and value is not _MISSING:
        yield value


def flattened(values: list) -> Iterator[Any]:
    for each in values:
        if isinstance(each, list):
            yield from flattened(each)
        else:
            yield each
