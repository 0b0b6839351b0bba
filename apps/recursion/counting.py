"""From what functions wrote to their logs, how often they were invoked, and for which keys. Pure functions."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

_START = re.compile(r"START RequestId: (\S+)")


@dataclass
class Told:
    """One function's log."""

    starts: Counter = field(default_factory=Counter)
    """Request id -> how often it was begun, by Lambda's own START lines: another attempt begins once more."""
    lines: list[dict] = field(default_factory=list)
    """The function's JSON lines."""

    def invocations(self) -> Counter:
        """Key -> invocations. One invocation that handled several keys counts for each of them."""
        counts: Counter = Counter()
        for request, key in {(line["request"], line["key"]) for line in self.lines}:
            counts[key] += self.starts[request]
        return counts

    def unexplained(self) -> int:
        """Invocations that said nothing of any key: they crashed, or somebody else made them."""
        explained = {line["request"] for line in self.lines}
        return sum(times for request, times in self.starts.items() if request not in explained)

    def about(self, key: str) -> list[dict]:
        return [line for line in self.lines if line["key"] == key]


def read_log(messages: Iterable[str]) -> Told:
    """The order of the messages does not matter, nor what else is between them."""
    told = Told()
    for message in messages:
        if found := _START.match(message):
            told.starts[found[1]] += 1
        elif message.startswith("{"):
            line = json.loads(message)
            if "key" in line and "request" in line:
                told.lines.append(line)
    return told


@dataclass(frozen=True)
class Miss:
    function: str
    key: str
    times: int
    least: int
    most: int

    @property
    def is_too_many(self) -> bool:
        return self.times > self.most

    def __str__(self) -> str:
        wanted = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        return f"{self.function}: {self.times} invocations for {self.key!r}, not {wanted}"


def misses(expected: dict[tuple[str, str], tuple[int, int]], counted: dict[tuple[str, str], int]) -> list[Miss]:
    """What is not as expected. Both by (function, key); expected are the least and the most invocations."""
    found = []
    for function, key in sorted(expected.keys() | counted.keys()):
        least, most = expected.get((function, key), (0, 0))
        times = counted.get((function, key), 0)
        if not least <= times <= most:
            found.append(Miss(function, key, times, least, most))
    return found
