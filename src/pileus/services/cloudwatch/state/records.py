"""Records, tables and quotas of insight rules."""

import msgspec

from pileus.store.table import Table

RULES_PER_REGION = 100
"""Source: user guide, "CloudWatch service quotas". Names and definitions have the model's limits."""

RETENTION_MS = 15 * 24 * 3_600_000
"""Source: user guide, "Viewing Contributor Insights reports"."""

CONTRIBUTORS_PER_MINUTE = 500
CONTRIBUTORS_PER_REPORT = 25
"""Of DynamoDB's rules. Source: its developer guide, "CloudWatch contributor insights for DynamoDB: How it works"."""

KEYS_PER_MINUTE_BYTES = 64 * 1024
"""What the keys of a minute's contributors may take together, beyond those that a report could show: keys of DynamoDB
may have 3 KiB, and a rule has 21,600 minutes."""


class InsightRule(msgspec.Struct, frozen=True):
    """
    id          unlike the name never used again: minutes of a deleted rule can't turn up in its successor
    definition  as it was put
    """

    account: str
    region: str
    name: str
    id: int
    definition: str
    is_enabled: bool = True
    tags: dict[str, str] = {}

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.region, self.name


class Minute(msgspec.Struct, frozen=True, array_like=True):
    """What a rule's contributors contributed in one minute.

    unique        how many different ones there were
    samples       how many events
    sum           of all their values, also of contributors that are not kept
    contributors  (keys, value), from the largest on
    """

    rule_id: int
    start_ms: int
    unique: int
    samples: int
    sum: float
    contributors: tuple[tuple[tuple[str, ...], float], ...]


RULES = Table("cloudwatch.insight_rules", InsightRule, key=lambda rule: rule.key)
MINUTES = Table("cloudwatch.insight_minutes", Minute, key=lambda minute: (minute.rule_id, minute.start_ms))
