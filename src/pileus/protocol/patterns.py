"""The models' regular expressions, which are Java's, as Python's.

Coral services match the whole value, Smithy's find the pattern anywhere; models of the first kind have no anchors and
those of the second do, so: without an anchor the whole value must match, with one it is searched for.
"""

import functools
import re
import sys
import unicodedata
from collections.abc import Callable

SCANNED_LENGTH = 100_000
"""Longer values are not held against patterns: backtracking takes time, and no AWS pattern is about such lengths."""

_PROPERTY = re.compile(r"\\([pP])(?:\{(?:Is|Lu=)?(\w+)\}|(\w))")
_POSIX = {
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Upper": "A-Z",
    "Lower": "a-z",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Space": r" \t\n\x0b\f\r",
    "ASCII": r"\x00-\x7f",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
}
_LAST_LETTER = 0x323AF
"""The last code point with a general category of its own but for tags, variation selectors and private use."""


@functools.cache
def compiled(pattern: str) -> Callable[[str], object] | None:
    """What tells whether a value fits; None where Python can't express the pattern."""
    try:
        expression = re.compile(_translated(pattern))
    except (re.error, OverflowError, RecursionError):
        return None
    return expression.search if _is_anchored(pattern) else expression.fullmatch


def _is_anchored(pattern: str) -> bool:
    bare = pattern.lstrip("(")
    return bare.startswith(("^", "?:^", r"\A")) or (pattern.rstrip(")").endswith("$") and not pattern.endswith(r"\$"))


def _translated(pattern: str) -> str:
    """Python's spelling. Raises re.error for class intersections, which Python has not."""
    out: list[str] = []
    in_class = False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        found = _PROPERTY.match(pattern, at) if char == "\\" else None
        if found is not None:
            out.append(_property(found[2] or found[3], negated=found[1] == "P", in_class=in_class))
            at = found.end()
            continue
        if char == "\\" and at + 1 < len(pattern):
            out.append(
                {"z": r"\Z", "h": r"[ \t]" if not in_class else r" \t"}.get(pattern[at + 1], pattern[at : at + 2])
            )
            at += 2
            if in_class and pattern[at - 1] in "wdsWDS" and pattern.startswith("-", at):
                out.append(r"\-")  # no range begins with a class
                at += 1
            continue
        if in_class and pattern.startswith("&&", at):
            raise re.error("class intersection")
        if char == "[" and in_class:
            out.append(r"\[")
        elif char == "$" and not in_class:
            out.append(r"\Z")  # Python's $ also matches before a line break at the end
        else:
            in_class = (in_class or char == "[") and char != "]"
            out.append(char)
        at += 1
    return _without_surrogates("".join(out))


def _without_surrogates(pattern: str) -> str:
    """Java spells the characters beyond the first plane as pairs of surrogates; here they are characters."""
    pairs = r"\\u[dD]800\\u[dD][cC]00-\\u[dD][bB][fF][fF]\\u[dD][fF][fF][fF]"
    return re.sub(pairs, lambda _: r"\U00010000-\U0010FFFF", pattern)


def _property(name: str, *, negated: bool, in_class: bool) -> str:
    ranges = _POSIX.get(name) or _category_ranges().get(name)
    if ranges is None or (negated and in_class):
        raise re.error(f"unknown property {name}")
    if in_class:
        return ranges
    return f"[{'^' if negated else ''}{ranges}]"


@functools.cache
def _category_ranges() -> dict[str, str]:
    """General category (L, Lu, N, Z, …) -> ranges for a character class. Scans Unicode once, when first asked."""
    spans: dict[str, list[list[int]]] = {}
    for point in range(min(_LAST_LETTER, sys.maxunicode) + 1):
        category = unicodedata.category(chr(point))
        for key in (category, category[0]):
            known = spans.setdefault(key, [])
            if known and known[-1][1] == point - 1:
                known[-1][1] = point
            else:
                known.append([point, point])
    return {
        key: "".join(f"\\U{first:08x}" + (f"-\\U{last:08x}" if last > first else "") for first, last in known)
        for key, known in spans.items()
    }
