"""The keys that are accessed or refused most: counted in bounded memory, a rule and a minute.

The counts are those of the Space-Saving algorithm, in batches: while there is room each key is counted exactly; when there
is none, the smaller half goes, and what comes anew begins at the largest count that went. So a key that matters is
always among them, and what is said of one is too much by at most what went.

Source: Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams" (2005).
"""

import base64
from dataclasses import dataclass, field
from heapq import nlargest

from pileus.services.dynamodb.state.rows import Item

KEYS_MAX = 4_000
"""Counted side by side, of one rule in one minute."""
TOLD_MAX = 500
"""Of them, those that CloudWatch is told."""

Key = tuple[str, ...]


@dataclass(slots=True)
class Contributors:
    """
    values   by key
    floor    what a key that comes anew may have had before
    unique   different keys, approximately: one that went and came again counts twice
    samples  how often something was added
    total    of all that was added
    """

    values: dict[Key, float] = field(default_factory=dict)
    floor: float = 0.0
    unique: int = 0
    samples: int = 0
    total: float = 0.0

    def add(self, key: Key, value: float) -> None:
        self.samples += 1
        self.total += value
        had = self.values.get(key)
        if had is None:
            if len(self.values) >= KEYS_MAX:
                self._make_room()
            self.unique += 1
            had = self.floor
        self.values[key] = had + value

    def largest(self) -> list[tuple[Key, float]]:
        return nlargest(TOLD_MAX, self.values.items(), key=lambda entry: (entry[1], entry[0]))

    def _make_room(self) -> None:
        kept = nlargest(KEYS_MAX // 2, self.values.items(), key=lambda entry: entry[1])
        self.values = dict(kept)
        self.floor = kept[-1][1]


def key_text(item: Item, names: tuple[str, ...]) -> str:
    """A key attribute as reports show it: texts and numbers as they are, binaries in Base64; several with a comma."""
    return ",".join(_text(item[name]) for name in names)


def _text(value: dict) -> str:
    ((kind, content),) = value.items()
    return base64.b64encode(content).decode() if kind == "B" else content
