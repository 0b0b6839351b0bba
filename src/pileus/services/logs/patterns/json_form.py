"""Patterns for JSON messages: { $.path OPERATOR value && … }."""

from collections.abc import Iterator
from typing import Any

import orjson

from pileus.services.logs.patterns.scanner import Scanner, Test, expression
from pileus.services.logs.patterns.values import comparison

WILDCARDS_PER_SELECTOR = 1
WILDCARDS_PER_PATTERN = 3
"""Source: user guide, "Using filter patterns to match terms in JSON log events", Quotas."""

ANY = object()
"""A step of a path: every element or field."""

Step = str | int | object

_NOTHING = object()


class JsonPattern:
    def __init__(self, text: str) -> None:
        scanner = Scanner(text)
        self._wildcards = 0
        scanner.expect("{")
        if scanner.take("}"):
            raise scanner.error("expected a condition")
        self._test: Test = expression(scanner, lambda: self._condition(scanner))
        scanner.expect("}")
        scanner.skip_space()
        if not scanner.is_at_end:
            raise scanner.error("expected the end")
        self.regexes = scanner.regexes

    def matches(self, message: str) -> bool:
        # Nearly all messages of mixed logs leave here.
        if not message.lstrip().startswith(("{", "[")):
            return False
        try:
            document = orjson.loads(message)
        except orjson.JSONDecodeError:
            return False
        return self._test(document)

    def extract(self, message: str) -> dict[str, str]:
        return {}

    def _condition(self, scanner: Scanner) -> Test:
        path = self._selector(scanner)
        if scanner.take_word("IS"):
            wanted = next((value for word, value in _IS.items() if scanner.take_word(word)), _NOTHING)
            if wanted is _NOTHING:
                raise scanner.error("expected NULL, TRUE or FALSE")
            return lambda document: any(node is wanted for node in _nodes(document, path))
        if scanner.take_word("NOT"):
            if not scanner.take_word("EXISTS"):
                raise scanner.error("expected EXISTS")
            return lambda document: next(_nodes(document, path), _NOTHING) is _NOTHING
        compare = comparison(scanner, "){}")
        # Of several nodes (a wildcard) one is enough.
        return lambda document: any(_is_value(node) and compare(node) for node in _nodes(document, path))

    def _selector(self, scanner: Scanner) -> tuple[Step, ...]:
        """$.a.b[0].c, $.['a.b'], $.a[*], $.*"""
        scanner.expect("$")
        steps: list[Step] = []
        while True:
            if scanner.peek() == ".":
                scanner.at += 1
                if scanner.peek() == "[":
                    continue
                steps.append(_name(scanner))
            elif scanner.peek() == "[":
                steps.append(_bracket(scanner))
            else:
                break
        if not steps:
            raise scanner.error("expected a property selector")
        wildcards = sum(step is ANY for step in steps)
        self._wildcards += wildcards
        if wildcards > WILDCARDS_PER_SELECTOR or self._wildcards > WILDCARDS_PER_PATTERN:
            raise scanner.error("too many wildcard selectors")
        return tuple(steps)


_IS: dict[str, Any] = {"NULL": None, "TRUE": True, "FALSE": False}


def _name(scanner: Scanner) -> Step:
    if scanner.peek() == "*":
        scanner.at += 1
        return ANY
    start = scanner.at
    while scanner.peek().isalnum() or (scanner.peek() and scanner.peek() in "-_"):
        scanner.at += 1
    if scanner.at == start:
        raise scanner.error("expected the name of a property")
    return scanner.text[start : scanner.at]


def _bracket(scanner: Scanner) -> Step:
    scanner.at += 1
    if scanner.take("*"):
        step: Step = ANY
    elif scanner.peek() and scanner.peek() in "'\"":
        step = scanner.quoted(scanner.peek())
    else:
        digits = scanner.until("]")
        if not (digits.isascii() and digits.isdigit()):
            raise scanner.error("expected the number of an element")
        step = int(digits)
    scanner.expect("]")
    return step


def _is_value(node: Any) -> bool:
    """Strings and numbers can be compared; at an array, an object, a boolean or null the pattern does not apply."""
    return isinstance(node, str | int | float) and not isinstance(node, bool)


def _nodes(node: Any, path: tuple[Step, ...]) -> Iterator[Any]:
    """What the path leads to: nothing, one node, or with a wildcard any number."""
    for at, step in enumerate(path):
        if step is ANY:
            inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
            for each in inner:
                yield from _nodes(each, path[at + 1 :])
            return
        if isinstance(step, int):
            if not isinstance(node, list) or step >= len(node):
                return
        elif not isinstance(node, dict) or step not in node:
            return
        node = node[step]
    yield node
