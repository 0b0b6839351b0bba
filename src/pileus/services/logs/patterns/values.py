"""The right-hand side of a condition: = != < > <= >= and a string with wildcards, a number, or a regular expression."""

import operator
import re
from collections.abc import Callable

from pileus.services.logs.patterns.regex import compile_regex
from pileus.services.logs.patterns.scanner import REGEXES_PER_PATTERN, Scanner

_OPERATORS = ("!=", ">=", "<=", "=", ">", "<")
_ORDER = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")


def number_in(text: str) -> float | None:
    """The number that `text` spells, with sign, fraction and exponent, or None."""
    return float(text) if _NUMBER.match(text) else None


def comparison(scanner: Scanner, stops: str) -> Callable[[str | int | float], bool]:
    """Read an operator and a value. `stops` are the characters that end an unquoted value.

    returns  a test of a field's value: text, or a number where the message has numbers (JSON)
    """
    operation = next((each for each in _OPERATORS if scanner.take(each)), None)
    if operation is None:
        raise scanner.error("expected a comparison")
    scanner.skip_space()
    if scanner.peek() == "%":
        found = compile_regex(scanner.regex()).search
        if scanner.regexes > REGEXES_PER_PATTERN:
            raise scanner.error(f"more than {REGEXES_PER_PATTERN} regular expressions")
        if operation not in ("=", "!="):
            raise scanner.error("a regular expression can't be ordered")
        return (
            (lambda value: found(_text(value)) is not None)
            if operation == "="
            else lambda value: not found(_text(value))
        )
    is_quoted = scanner.peek() == '"'
    wanted = scanner.quoted() if is_quoted else _unquoted(scanner, stops)
    number = None if is_quoted else number_in(wanted)
    if operation in _ORDER:
        if number is None:
            raise scanner.error("expected a number")
        return _ordered(_ORDER[operation], number)
    equals = _equals(wanted, number)
    return equals if operation == "=" else lambda value: not equals(value)


def _unquoted(scanner: Scanner, stops: str) -> str:
    start = scanner.at
    while not scanner.is_at_end and not scanner.peek().isspace() and scanner.peek() not in stops:
        if scanner.text.startswith(("&&", "||"), scanner.at):
            break
        scanner.at += 1
    if scanner.at == start:
        raise scanner.error("expected a value")
    return scanner.text[start : scanner.at]


def _ordered(compare: Callable[[float, float], bool], number: float) -> Callable[[str | int | float], bool]:
    def test(value: str | int | float) -> bool:
        given = number_in(value) if isinstance(value, str) else value
        return given is not None and compare(given, number)

    return test


def _equals(wanted: str, number: float | None) -> Callable[[str | int | float], bool]:
    if number is not None:

        def same_number(value: str | int | float) -> bool:
            return value == wanted or (number_in(value) if isinstance(value, str) else value) == number

        return same_number
    # An asterisk stands for anything at the ends only: "Ev*ent" is that very string.
    at_start, at_end = wanted.startswith("*"), wanted.endswith("*")
    if wanted.strip("*") == "" and wanted:
        return lambda value: True
    core = wanted[at_start : len(wanted) - at_end]
    if at_start and at_end:
        return lambda value: core in _text(value)
    if at_start:
        return lambda value: _text(value).endswith(core)
    if at_end:
        return lambda value: _text(value).startswith(core)
    return lambda value: _text(value) == core


def _text(value: str | int | float) -> str:
    return value if isinstance(value, str) else str(value)
