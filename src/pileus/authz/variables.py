"""Policy variables: ${aws:username}, ${aws:PrincipalTag/team, 'nobody'}, ${*}.

Source: IAM user guide, "IAM policy elements: Variables and tags". Only documents of version 2012-10-17 have them.
"""

import re
from typing import Protocol

from pileus.authz.patterns import LITERAL_QUESTION, LITERAL_STAR, escaped

_VARIABLE = re.compile(r"\$\{\s*([^{},]*?)\s*(?:,\s*'([^']*)'\s*)?\}")
_SPECIAL = {"*": LITERAL_STAR, "?": LITERAL_QUESTION, "$": "$"}


class Keys(Protocol):
    """The condition keys of a request; `key` is in lower case."""

    def values(self, key: str) -> list[str] | None: ...


class Template:
    """A text with variables, cut into literals and names once."""

    __slots__ = ("parts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts: list[tuple[str, str, str | None]] = []  # (literal before, key in lower case, default)
        at = 0
        for match in _VARIABLE.finditer(text):
            self.parts.append((text[at : match.start()], match[1].lower(), match[2]))
            at = match.end()
        self.parts.append((text[at:], "", None))

    def filled(self, keys: Keys) -> str | None:
        """The text for this request, or None when a variable has no single value and no default.

        Wildcards in the values are escaped: who can choose a tag's value must not widen a policy with it.
        """
        out: list[str] = []
        for literal, key, default in self.parts:
            out.append(literal)
            if not key:
                continue
            if key in _SPECIAL:
                out.append(_SPECIAL[key])
                continue
            values = keys.values(key)
            if values is not None and len(values) == 1:
                out.append(escaped(values[0]))
            elif default is not None and values is None:
                out.append(escaped(default))
            else:
                return None
        return "".join(out)


def has_variable(text: str) -> bool:
    return "${" in text and _VARIABLE.search(text) is not None
