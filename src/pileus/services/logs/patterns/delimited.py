"""Patterns for messages of fields between spaces: [ip, user, ..., status = 4*, bytes > 1000]."""

import re
from dataclasses import dataclass

from pileus.services.logs.patterns.scanner import Scanner, Test, expression
from pileus.services.logs.patterns.values import comparison

_FIELD = re.compile(r'\[([^\]]*)\]|"((?:[^"\\]|\\.)*)"|(\S+)')
"""What stands between brackets or quotes is one field, spaces and all."""


@dataclass(frozen=True)
class Field:
    """`name` is "" for one without; `test` None where it may be anything."""

    name: str
    test: Test | None


class DelimitedPattern:
    def __init__(self, text: str) -> None:
        scanner = Scanner(text)
        scanner.expect("[")
        self._before: list[Field] = []
        self._after: list[Field] = []
        """Fields behind the ellipsis."""
        self._has_ellipsis = False
        while True:
            if scanner.take("..."):
                if self._has_ellipsis:
                    raise scanner.error("a second ellipsis")
                self._has_ellipsis = True
            else:
                (self._after if self._has_ellipsis else self._before).append(_field(scanner))
            if scanner.take("]"):
                break
            scanner.expect(",")
        scanner.skip_space()
        if not scanner.is_at_end:
            raise scanner.error("expected the end")
        self.regexes = scanner.regexes

    def matches(self, message: str) -> bool:
        return self._assigned(message) is not None

    def extract(self, message: str) -> dict[str, str]:
        """$name of the named fields, $1, $2, … (their places) of the others."""
        assigned = self._assigned(message)
        assert assigned is not None, "only of messages that match"
        return {f"${name or at}": value for at, (name, value) in enumerate(assigned, 1)}

    def _assigned(self, message: str) -> list[tuple[str, str]] | None:
        """The message's fields with the names they have here, or None where it does not match."""
        found = list(_FIELD.finditer(message))
        values = [match[match.lastindex] for match in found]
        before, after = len(self._before), len(self._after)
        if len(values) < before + after:
            return None
        if not self._has_ellipsis and len(values) > before:
            # A last field without condition takes what is left: [w1=ERROR, w2] is "the first word is ERROR".
            if self._before[-1].test is not None:
                return None
            values = [*values[: before - 1], message[found[before - 1].start() :]]
        between = [Field("", None)] * (len(values) - before - after)
        fields = [*self._before, *between, *self._after]
        if all(field.test is None or field.test(value) for field, value in zip(fields, values, strict=True)):
            return [(field.name, value) for field, value in zip(fields, values, strict=True)]
        return None


def _field(scanner: Scanner) -> Field:
    """`name`, `name = value && name != value`, or nothing."""
    scanner.skip_space()
    if scanner.peek() and scanner.peek() in ",]":
        return Field("", None)
    start = scanner.at
    has_parentheses = False
    while scanner.take("("):
        has_parentheses = True
    scanner.skip_space()
    name = _name(scanner)
    scanner.skip_space()
    if not has_parentheses and scanner.peek() and scanner.peek() in ",]":
        return Field(name, None)
    scanner.at = start

    def condition() -> Test:
        scanner.skip_space()
        if _name(scanner) != name:
            raise scanner.error(f"a condition on another field than {name}")
        return comparison(scanner, ",])")

    return Field(name, expression(scanner, condition))


def _name(scanner: Scanner) -> str:
    start = scanner.at
    while scanner.peek().isalnum() or (scanner.peek() and scanner.peek() in "_-."):
        scanner.at += 1
    if scanner.at == start:
        raise scanner.error("expected the name of a field")
    return scanner.text[start : scanner.at]
