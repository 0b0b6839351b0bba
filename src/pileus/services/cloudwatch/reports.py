"""A report of a rule: contributors ranked, and statistics by period, of minutes handed in one after another.

What contributors of a minute are called is known of its largest only, so all of a report but its sums is an
approximation, as AWS's names for it say. A contributor's minute is the single observation of which statistics speak: of
DynamoDB's rules nobody counts anything smaller.

Source: API reference, GetInsightRuleReport, InsightRuleContributor, InsightRuleMetricDatapoint; DynamoDB developer
guide, "CloudWatch contributor insights for DynamoDB: How it works".
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from heapq import nsmallest

import msgspec

from pileus.services.cloudwatch.state.records import CONTRIBUTORS_PER_MINUTE, CONTRIBUTORS_PER_REPORT, Minute

MINUTE_MS = 60_000

LOOKED_AT = 100_000
"""Contributors of a report, counted anew in each minute, that memory and time are spent on: all that are kept of 200
minutes, the 69 largest of each minute of a day."""


class Contributor(msgspec.Struct):
    """values: start of the period -> sum; largest: of one minute."""

    keys: tuple[str, ...]
    values: dict[int, float] = {}
    sum: float = 0.0
    largest: float = 0.0


class Period(msgspec.Struct):
    """
    smallest, largest  contribution of one contributor in one minute
    unseen             the most contributors that a minute had beyond those looked at
    unique             contributors looked at and unseen
    top                the most that one contributor contributed in the whole period
    """

    start_ms: int
    sum: float = 0.0
    samples: int = 0
    smallest: float = math.inf
    largest: float = 0.0
    unseen: int = 0
    unique: int = 0
    top: float = 0.0


METRICS: dict[str, Callable[[Period], float]] = {
    "UniqueContributors": lambda period: float(period.unique),
    "MaxContributorValue": lambda period: period.top,
    "SampleCount": lambda period: float(period.samples),
    "Sum": lambda period: period.sum,
    "Minimum": lambda period: period.smallest if period.smallest < math.inf else 0.0,
    "Maximum": lambda period: period.largest,
    "Average": lambda period: period.sum / period.samples if period.samples else 0.0,
}

ORDERS: dict[str, Callable[[Contributor], float]] = {
    "Sum": lambda contributor: contributor.sum,
    "Maximum": lambda contributor: contributor.largest,
}


class Report:
    """`add` each minute of the range, in any order and once; then ask."""

    def __init__(self, start_ms: int, end_ms: int, period_ms: int) -> None:
        self._start_ms = start_ms
        self._period_ms = period_ms
        minutes = max(1, -(-(end_ms - start_ms) // MINUTE_MS))
        self._looked_at = min(CONTRIBUTORS_PER_MINUTE, max(CONTRIBUTORS_PER_REPORT, LOOKED_AT // minutes))
        self._contributors: dict[tuple[str, ...], Contributor] = {}
        self._periods: dict[int, Period] = {}
        self.sum = 0.0

    def add(self, minute: Minute) -> None:
        start_ms = minute.start_ms - (minute.start_ms - self._start_ms) % self._period_ms
        period = self._periods.get(start_ms)
        if period is None:
            period = self._periods[start_ms] = Period(start_ms)
        seen = minute.contributors[: self._looked_at]
        self.sum += minute.sum
        period.sum += minute.sum
        period.samples += minute.samples
        period.unseen = max(period.unseen, minute.unique - len(seen))
        if seen:
            period.smallest = min(period.smallest, seen[-1][1])
            period.largest = max(period.largest, seen[0][1])
        for keys, value in seen:
            contributor = self._contributors.get(keys)
            if contributor is None:
                contributor = self._contributors[keys] = Contributor(keys)
            contributor.values[start_ms] = contributor.values.get(start_ms, 0.0) + value
            contributor.sum += value
            contributor.largest = max(contributor.largest, value)

    @property
    def unique(self) -> int:
        """How many contributors there were, approximately."""
        return len(self._contributors) + max((period.unseen for period in self._periods.values()), default=0)

    def top(self, count: int, order: str) -> list[Contributor]:
        """The first by one of ORDERS; of equals, those whose keys come first."""
        rank = ORDERS[order]
        return nsmallest(count, self._contributors.values(), key=lambda each: (-rank(each), each.keys))

    def periods(self) -> list[Period]:
        """Those in which there was anything, in their order."""
        seen: Counter[int] = Counter()
        top: defaultdict[int, float] = defaultdict(float)
        for contributor in self._contributors.values():
            for start_ms, value in contributor.values.items():
                seen[start_ms] += 1
                top[start_ms] = max(top[start_ms], value)
        for start_ms, period in self._periods.items():
            period.unique, period.top = seen[start_ms] + period.unseen, top[start_ms]
        return sorted(self._periods.values(), key=lambda period: period.start_ms)
