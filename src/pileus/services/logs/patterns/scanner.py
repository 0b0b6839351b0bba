"""What the forms of the language share: the cursor over a pattern's text, quoting, and boolean expressions."""

from collections.abc import Callable
from typing import Any, Protocol

REGEXES_PER_PATTERN = 2
"""In JSON and space-delimited patterns. Source: user guide, "Supported regular expressions (regex) syntax", Quotas."""


class InvalidPattern(Exception):
    """Its text is for the caller."""


class Pattern(Protocol):
    regexes: int
    """How many regular expressions are in it."""

    def matches(self, message: str) -> bool: ...

    def extract(self, message: str) -> dict[str, str]:
        """The fields of a message that matches, where the pattern names fields."""
        ...


class Scanner:
    """Reads a pattern from left to right. `regexes` counts the regular expressions that were read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.regexes = 0

    @property
    def is_at_end(self) -> bool:
        return self.at >= len(self.text)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip_space(self) -> None:
        while self.peek().isspace():
            self.at += 1

    def take(self, token: str) -> bool:
        """Step over `token`, and white space before it, if it comes next."""
        self.skip_space()
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def take_word(self, word: str) -> bool:
        """As `take`, of a keyword in any case that nothing alphanumeric follows."""
        self.skip_space()
        end = self.at + len(word)
        following = self.text[end : end + 1]
        if self.text[self.at : end].upper() != word or following.isalnum() or following == "_":
            return False
        self.at = end
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise self.error(f"expected '{token}'")

    def quoted(self, quote: str = '"') -> str:
        """The text within quotes, of which the first comes next. A backslash makes the next character ordinary."""
        self.at += 1
        out = []
        while not self.is_at_end:
            character = self.peek()
            self.at += 1
            if character == quote:
                return "".join(out)
            if character == "\\" and self.peek() in (quote, "\\"):
                character = self.peek()
                self.at += 1
            out.append(character)
        raise InvalidPattern("Invalid filter pattern: unterminated quote")

    def regex(self) -> str:
        """The expression within percent signs, of which the first comes next."""
        end = self.text.find("%", self.at + 1)
        if end < 0:
            raise InvalidPattern("Invalid filter pattern: unterminated regular expression")
        expression = self.text[self.at + 1 : end]
        self.at = end + 1
        self.regexes += 1
        return expression

    def until(self, stops: str) -> str:
        """What comes before white space or one of the characters `stops`."""
        start = self.at
        while not self.is_at_end and not self.peek().isspace() and self.peek() not in stops:
            self.at += 1
        return self.text[start : self.at]

    def error(self, what: str) -> InvalidPattern:
        return InvalidPattern(f"Invalid filter pattern: {what} at position {self.at} of {self.text}")


Test = Callable[[Any], bool]

MAX_DEPTH = 50
"""Of parentheses: a pattern of 1,024 characters must not exhaust Python's stack."""


def expression(scanner: Scanner, condition: Callable[[], Test], depth: int = 0) -> Test:
    """Conditions joined by && and ||, of which && binds more tightly, with parentheses."""
    alternatives = [_conjunction(scanner, condition, depth)]
    while scanner.take("||"):
        alternatives.append(_conjunction(scanner, condition, depth))
    return alternatives[0] if len(alternatives) == 1 else lambda value: any(test(value) for test in alternatives)


def _conjunction(scanner: Scanner, condition: Callable[[], Test], depth: int) -> Test:
    together = [_operand(scanner, condition, depth)]
    while scanner.take("&&"):
        together.append(_operand(scanner, condition, depth))
    return together[0] if len(together) == 1 else lambda value: all(test(value) for test in together)


def _operand(scanner: Scanner, condition: Callable[[], Test], depth: int) -> Test:
    if not scanner.take("("):
        return condition()
    if depth == MAX_DEPTH:
        raise scanner.error("too many parentheses")
    inner = expression(scanner, condition, depth + 1)
    scanner.expect(")")
    return inner
