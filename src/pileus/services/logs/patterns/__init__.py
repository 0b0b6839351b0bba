"""The filter pattern language: `compiled(text)` gives what can say whether a message matches.

    ERROR -Exiting "exact phrase"                      terms.py
    ?ERROR ?WARN                                       terms.py
    { $.latency > 50 && $.user.name = "a*" }           json_form.py
    [ip, user, ..., status = 4* || status = 500]       delimited.py
    %[Ee]rror%, and such a value in the other forms    regex.py

Pure functions of text. Source: user guide, "Filter pattern syntax for metric filters, subscription filters, filter log
events, and Live Tail", and the pages below it.
"""

from functools import lru_cache

from pileus.services.logs.patterns.delimited import DelimitedPattern
from pileus.services.logs.patterns.json_form import JsonPattern
from pileus.services.logs.patterns.scanner import InvalidPattern, Pattern
from pileus.services.logs.patterns.terms import TermPattern

__all__ = ["InvalidPattern", "Pattern", "compiled", "has_regex"]


@lru_cache(maxsize=1024)
def compiled(text: str) -> Pattern:
    """Raises InvalidPattern."""
    stripped = text.strip()
    if stripped.startswith("{"):
        return JsonPattern(stripped)
    if stripped.startswith("["):
        return DelimitedPattern(stripped)
    return TermPattern(stripped)


def has_regex(text: str) -> bool:
    return compiled(text).regexes > 0
