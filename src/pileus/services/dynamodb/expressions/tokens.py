"""The tokens of every expression language of DynamoDB, and its syntax error.

Source: DynamoDB developer guide, "Using expressions in DynamoDB"; the error's form is that of recorded answers.
"""

import re
from typing import NamedTuple

from pileus.kernel.errors import ValidationException

NAME, NAME_PLACEHOLDER, VALUE_PLACEHOLDER, NUMBER, END = "name", "#name", ":value", "number", "end"

# A character that begins no token is one of its own, to be named in the syntax error.
_TOKENS = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<sharp>#[A-Za-z0-9_]+)|(?P<colon>:[A-Za-z0-9_]+)|(?P<number>[0-9]+)"
    r"|(?P<sign><>|<=|>=|[^ \t\r\n\f])"
)
_KINDS = {"name": NAME, "sharp": NAME_PLACEHOLDER, "colon": VALUE_PLACEHOLDER, "number": NUMBER}


class Token(NamedTuple):
    """`kind` is one of the above, or the text itself of a sign. `word` is the text in capitals of a name, else ""."""

    kind: str
    text: str
    word: str
    start: int
    end: int


def invalid(parameter: str, message: str) -> ValidationException:
    """The error of an expression: `parameter` is "ConditionExpression" and the like."""
    return ValidationException(f"Invalid {parameter}: {message}")


def tokens_of(text: str) -> list[Token]:
    """The tokens of an expression, closed by one of kind END."""
    tokens = []
    for match in _TOKENS.finditer(text):
        kind = _KINDS.get(match.lastgroup)
        found = match.group()
        tokens.append(Token(kind or found, found, found.upper() if kind is NAME else "", *match.span()))
    tokens.append(Token(END, "<EOF>", "", len(text), len(text)))
    return tokens


def syntax_error(parameter: str, text: str, tokens: list[Token], at: int) -> ValidationException:
    """AWS names the token at fault, and quotes the text from the token before it to the one after it."""
    first = tokens[max(at - 1, 0)]
    last = tokens[min(at + 1, len(tokens) - 1)]
    if last.kind is END:
        last = tokens[at]
    if last.kind is END:
        last = first
    return invalid(parameter, f'Syntax error; token: "{tokens[at].text}", near: "{text[first.start : last.end]}"')
