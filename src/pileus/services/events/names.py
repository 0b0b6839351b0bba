"""Buses and rules: their names, their ARNs, and what requests mean by either."""

from functools import lru_cache
from typing import NamedTuple

from pileus.kernel.arn import parse_arn, partition_of
from pileus.kernel.call import Call

DEFAULT = "default"
SERVICE_PRINCIPAL = "events.amazonaws.com"


class BusKey(NamedTuple):
    """Which event bus, wherever it may be."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.region)}:events:{self.region}:{self.account}:event-bus/{self.name}"

    def rule_arn(self, rule_name: str) -> str:
        """Rules of the default bus go without its name."""
        path = rule_name if self.name == DEFAULT else f"{self.name}/{rule_name}"
        return f"arn:{partition_of(self.region)}:events:{self.region}:{self.account}:rule/{path}"


class RuleKey(NamedTuple):
    bus: BusKey
    name: str

    @property
    def arn(self) -> str:
        return self.bus.rule_arn(self.name)


def bus_of(call: Call, name_or_arn: str | None) -> BusKey:
    """The bus of a request's EventBusName; nothing means the default bus."""
    found = bus_of_arn(name_or_arn) if name_or_arn else BusKey(call.account, call.region, DEFAULT)
    return found or BusKey(call.account, call.region, name_or_arn)


def rule_of(call: Call, request: dict, member: str = "Name") -> RuleKey:
    return RuleKey(bus_of(call, request.get("EventBusName")), request[member])


@lru_cache(maxsize=4096)
def bus_of_arn(text: str) -> BusKey | None:
    """The bus that an ARN means, or None if it is no bus's."""
    arn = parse_arn(text)
    if arn is None or arn.service != "events" or not arn.resource.startswith("event-bus/"):
        return None
    return BusKey(arn.account, arn.region, arn.resource.removeprefix("event-bus/"))


@lru_cache(maxsize=4096)
def rule_of_arn(text: str) -> RuleKey | None:
    """The rule that an ARN means, or None if it is no rule's. A partner's bus has slashes in its name."""
    arn = parse_arn(text)
    if arn is None or arn.service != "events" or not arn.resource.startswith("rule/"):
        return None
    bus, _, name = arn.resource.removeprefix("rule/").rpartition("/")
    return RuleKey(BusKey(arn.account, arn.region, bus or DEFAULT), name)
