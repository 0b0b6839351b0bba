"""Patterns for text without structure: terms that a message has, has not, or of which it has at least one."""

from collections.abc import Callable
from typing import Any

from pileus.services.logs.patterns.regex import compile_regex
from pileus.services.logs.patterns.scanner import InvalidPattern, Scanner


class TermPattern:
    """All of the plain terms, none of those behind "-"; of those behind "?" one, where there are no others."""

    def __init__(self, text: str) -> None:
        wanted: dict[str, list] = {"": [], "-": [], "?": []}
        scanner = Scanner(text)
        while True:
            scanner.skip_space()
            if scanner.is_at_end:
                break
            sign = scanner.peek() if scanner.peek() in "-?" else ""
            scanner.at += len(sign)
            scanner.skip_space()
            wanted[sign].append(_term(scanner))
        self.regexes = scanner.regexes
        self._included, self._excluded, self._optional = wanted[""], wanted["-"], wanted["?"]
        if self._included or self._excluded:
            # "If you combine "?" with other filter patterns, all question mark terms will be ignored."
            self._optional = []

    def matches(self, message: str) -> bool:
        return (
            all(has(message) for has in self._included)
            and not any(has(message) for has in self._excluded)
            and (not self._optional or any(has(message) for has in self._optional))
        )

    def extract(self, message: str) -> dict[str, str]:
        return {}


def _term(scanner: Scanner) -> Callable[[str], Any]:
    if scanner.peek() == "%":
        return compile_regex(scanner.regex()).search
    if scanner.peek() == '"':
        phrase = scanner.quoted()
        # " " is the documented way to match everything.
        return _contains(phrase) if phrase.strip() else lambda message: True
    word = scanner.until('"%')
    if not word or not all(character.isalnum() or character == "_" for character in word):
        raise InvalidPattern(f"Invalid character(s) in term '{word or scanner.peek()}'")
    return _contains(word)


def _contains(term: str) -> Callable[[str], bool]:
    return lambda message: term in message
