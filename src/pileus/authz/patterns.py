"""Wildcards of the policy language: `*` is any run of characters, `?` is any one.

Patterns are compiled to regular expressions whose stars are atomic: once the shortest run before the next fixed text
is found it is never tried again. For wildcards this loses nothing (the leftmost place for a fixed text is always as
good as a later one) and keeps a pattern of many stars from taking exponential time.
"""

import re
from functools import lru_cache

LITERAL_STAR, LITERAL_QUESTION = "\ue000", "\ue001"
"""Stand for a `*` or `?` that is meant literally, while a policy variable's value is put into a pattern."""


def escaped(text: str) -> str:
    """`text` so that its own wildcards match only themselves."""
    if "*" not in text and "?" not in text:
        return text
    return text.replace("*", LITERAL_STAR).replace("?", LITERAL_QUESTION)


def unescaped(text: str) -> str:
    return text.replace(LITERAL_STAR, "*").replace(LITERAL_QUESTION, "?")


def has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


def _fixed(text: str, one: str) -> str:
    return "".join(one if character == "?" else re.escape(unescaped(character)) for character in text)


def _translated(pattern: str, one: str) -> str:
    """`pattern` as a regular expression to be followed by something that ends it. `one`: what `?` stands for."""
    first, *others = re.sub(r"\*+", "*", pattern).split("*")
    out = [_fixed(first, one)]
    if not others:
        return out[0]
    *middle, last = others
    out += [f"(?>{one}*?{_fixed(part, one)})" for part in middle]
    out.append(f"{one}*{_fixed(last, one)}")
    return "".join(out)


@lru_cache(maxsize=8192)
def text_matcher(pattern: str) -> re.Pattern[str]:
    """For StringLike and for actions (in lower case): wildcards cross anything. Use `.fullmatch`."""
    return re.compile(_translated(pattern, "."), re.DOTALL)


@lru_cache(maxsize=8192)
def arn_matcher(pattern: str) -> re.Pattern[str]:
    """For resources and the Arn operators: a wildcard does not leave its part of the ARN, only the sixth is free.

    Missing parts of an incomplete ARN are taken as `*`.
    source  IAM user guide, "IAM JSON policy elements: Resource" and "Amazon Resource Name (ARN) condition operators"
    """
    if not pattern.startswith("arn:"):
        return text_matcher(pattern)
    parts = pattern.split(":", 5)
    parts += ["*"] * (6 - len(parts))
    head = ":".join(_translated(part, "[^:]") for part in parts[:5])
    return re.compile(f"{head}:{_translated(parts[5], '.')}", re.DOTALL)
