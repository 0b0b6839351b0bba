"""From a pattern's text to what is matched: checked, `$or` multiplied out."""

import json
from functools import lru_cache
from itertools import product
from typing import Any

from pileus.delivery.patterns.matching import Field, Path, Pattern, Tree
from pileus.delivery.patterns.values import ABSENT, READERS, InvalidPattern, Test, read_test

ALTERNATIVES_MAX = 1000
"""Source: EventBridge user guide, "Or matching": patterns with more than 1,000 combinations are refused."""
DEPTH_MAX = 100

_Alternatives = list[tuple[Field, ...]]


@lru_cache(maxsize=1024)
def compile(text: str) -> Pattern:
    """The pattern of a JSON text. Raises InvalidPattern."""
    try:
        read = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidPattern(f"Not valid JSON: {error}") from None
    return compile_object(read)


def compile_object(pattern: Any) -> Pattern:
    """The pattern of a parsed JSON object. Raises InvalidPattern."""
    if not isinstance(pattern, dict):
        raise InvalidPattern("Filter is not an object")
    alternatives = _object(pattern, ())
    trees = []
    for fields in alternatives:
        tree = Tree()
        for field in fields:
            tree.add(field)
        trees.append(tree)
    names = {field.path[0] for fields in alternatives for field in fields}
    structured = {field.path[0] for fields in alternatives for field in fields if len(field.path) > 1}
    return Pattern(tuple(trees), frozenset(names), frozenset(structured))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Non-standard token '{name}'")


def _object(pattern: dict, path: Path) -> _Alternatives:
    if not pattern:
        raise InvalidPattern("Empty objects are not allowed")
    if len(path) > DEPTH_MAX:
        raise InvalidPattern("The pattern is nested too deeply")
    found: _Alternatives = [()]
    for name, inner in pattern.items():
        if name == "$or" and _is_or(inner):
            found = _multiplied(found, [each for one in inner for each in _object(one, path)])
        elif isinstance(inner, dict):
            found = _multiplied(found, _object(inner, (*path, name)))
        elif isinstance(inner, list):
            found = _multiplied(found, [(_field(inner, (*path, name)),)])
        else:
            raise InvalidPattern(f'"{name}" must be an object or an array')
    return found


def _is_or(inner: Any) -> bool:
    """`$or` is a field of that name where it doesn't hold at least two patterns."""
    if not isinstance(inner, list) or len(inner) < 2 or not all(isinstance(each, dict) and each for each in inner):
        return False
    return not any(set(each) <= set(READERS) for each in inner)


def _multiplied(one: _Alternatives, other: _Alternatives) -> _Alternatives:
    if len(one) * len(other) > ALTERNATIVES_MAX:
        raise InvalidPattern(f"Rule is too complex: more than {ALTERNATIVES_MAX} combinations of $or")
    return [(*left, *right) for left, right in product(one, other)]


def _field(elements: list, path: Path) -> Field:
    if not elements:
        raise InvalidPattern("Empty arrays are not allowed")
    tests: list[Test] = []
    may_be_absent = False
    for element in elements:
        test = read_test(element)
        if test is ABSENT:
            may_be_absent = True
        else:
            assert callable(test)
            tests.append(test)
    return Field(path, tuple(tests), may_be_absent)
