"""Filter criteria of event source mappings and pipes: which records of a source are wanted.

A record is wanted if one of up to five patterns matches it. Patterns see the record as the function would, but for its
data (an SQS message's body, the data of a Kinesis record): where a pattern names fields inside of the data, the data
must be JSON and is looked into; where a pattern tests the data as text, it must be plain text; a mismatch of the two is
no match, whatever else the pattern says; and a pattern that doesn't name the data doesn't care.

Source: Lambda developer guide, "Control which events Lambda sends to your function" and its pages for the sources,
"Properly filtering … messages".
"""

import json
from typing import Any

from pileus.delivery.patterns import InvalidPattern, Pattern, compile

FILTERS_MAX = 5
"""Source: as above. AWS raises it to ten on request."""


class Filters:
    """Compiled criteria. Raises InvalidPattern. No patterns at all want everything."""

    def __init__(self, patterns: list[str], data_key: str | None) -> None:
        self._patterns: list[Pattern] = [compile(text) for text in patterns]
        self._data_key = data_key

    def want(self, record: dict[str, Any]) -> bool:
        """`record`: what filters see of it (StreamRecord.filtered, or the event)."""
        if not self._patterns:
            return True
        if self._data_key is None or self._data_key not in record:
            return any(pattern.matches(record) for pattern in self._patterns)
        parsed = _as_json(record[self._data_key])
        looked_into = None if parsed is None else {**record, self._data_key: parsed}
        for pattern in self._patterns:
            if self._data_key not in pattern.names:
                seen = record
            elif self._data_key in pattern.structured:
                seen = looked_into
            else:
                seen = record if parsed is None else None
            if seen is not None and pattern.matches(seen):
                return True
        return False


def check(patterns: list[str]) -> None:
    """Raise InvalidPattern where one is not a pattern."""
    for text in patterns:
        compile(text)


def _as_json(data: Any) -> dict | list | None:
    """What the text is as JSON; None for plain text, and a lone number or string is plain text."""
    if not isinstance(data, str):
        return None
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, (dict, list)) else None


__all__ = ["FILTERS_MAX", "Filters", "InvalidPattern", "check"]
