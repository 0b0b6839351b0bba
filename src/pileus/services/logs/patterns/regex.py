"""The regular expressions that may stand between percent signs: a part of what `re` knows, checked and handed to it.

Without parentheses, no quantifier is in the reach of another: what backtracks is polynomial, not exponential.
"""

import re

from pileus.services.logs.patterns.scanner import InvalidPattern

_ALLOWED = re.compile(r"[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+.\s]*\Z")
"""Source: user guide, "Supported regular expressions (regex) syntax". White space is not in its list but in its examples."""

_ESCAPES = re.compile(r"\\(x[0-9A-Fa-f]{2}|[dDsSwW]|[^A-Za-z0-9]|$)|\\.", re.DOTALL)
_NO_MINIMUM = re.compile(r"\{,(\d+)\}")


def compile_regex(expression: str) -> re.Pattern[str]:
    """Raises InvalidPattern. Use its `search`."""
    # Escaped symbols are literal, so any symbol may be escaped: what remains is to be in the list.
    unescaped = _ESCAPES.sub(lambda found: "" if found[1] is not None else found[0], expression)
    if not expression.isascii() or not _ALLOWED.match(unescaped) or "\\" in unescaped:
        raise InvalidPattern(f"Invalid regular expression in filter pattern: {expression}")
    # re takes {,n} so too, but a possessive or lazy quantifier has no meaning in the language.
    if re.search(r"(?<!\\)[*+?}][*+?]", unescaped):
        raise InvalidPattern(f"Invalid regular expression in filter pattern: {expression}")
    try:
        return re.compile(_NO_MINIMUM.sub(r"{0,\1}", expression), re.ASCII)
    except (re.error, OverflowError) as error:
        raise InvalidPattern(f"Invalid regular expression in filter pattern: {expression}") from error
