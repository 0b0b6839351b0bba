"""Records, tables and quotas."""

import msgspec

from pileus.kernel.arn import partition_of
from pileus.services.events.errors import EventBusNotFound, RuleNotFound
from pileus.services.events.names import DEFAULT, BusKey, RuleKey
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

# Quotas. Source: EventBridge user guide, "Amazon EventBridge quotas"; API reference, PutEvents.

MAX_BUSES = 100
MAX_RULES_PER_BUS = 300
MAX_TARGETS_PER_RULE = 5
MAX_POLICY_CHARACTERS = 10_240
MAX_ARCHIVES = 100
MAX_ACTIVE_REPLAYS = 10
REPLAY_KEPT_MS = 90 * 86_400_000
PUT_EVENTS_MAX_BYTES = 1_048_576
"""Of all entries together. Raised from 256 KiB in January 2026."""
MAX_RETRY_ATTEMPTS = 185
MAX_EVENT_AGE_S = 86_400

ENABLED, DISABLED = "ENABLED", "DISABLED"


class Bus(msgspec.Struct, frozen=True):
    """
    created_ms  0 for a default bus that nobody changed: it is there without a row
    policy      JSON text, "" for none
    """

    account: str
    region: str
    name: str
    created_ms: int = 0
    modified_ms: int = 0
    description: str | None = None
    dead_letter_arn: str | None = None
    policy: str = ""
    tags: dict[str, str] = {}

    @property
    def key(self) -> BusKey:
        return BusKey(self.account, self.region, self.name)


class Rule(msgspec.Struct, frozen=True):
    """
    bus         the bus's name
    targets     as the API spells them
    managed_by  the service that made it, "" for the user's own
    created_by  the account that made it: another one may own the bus
    began_ms    when a rate began to count
    due_ms      when its schedule comes next; 0: never
    """

    account: str
    region: str
    bus: str
    name: str
    created_by: str
    pattern: str | None = None
    schedule: str | None = None
    state: str = ENABLED
    description: str | None = None
    role_arn: str | None = None
    managed_by: str = ""
    targets: tuple[dict, ...] = ()
    tags: dict[str, str] = {}
    began_ms: int = 0
    due_ms: int = 0

    @property
    def key(self) -> RuleKey:
        return RuleKey(BusKey(self.account, self.region, self.bus), self.name)


class Archive(msgspec.Struct, frozen=True):
    """
    id              unlike the name never used again: what a deleted archive had can't turn up in its successor
    bus             the name of the bus whose events it keeps
    retention_days  0: for ever
    """

    account: str
    region: str
    name: str
    id: int
    bus: str
    created_ms: int
    pattern: str | None = None
    description: str | None = None
    retention_days: int = 0

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.region)}:events:{self.region}:{self.account}:archive/{self.name}"

    @property
    def bus_key(self) -> BusKey:
        return BusKey(self.account, self.region, self.bus)


class ArchiveSize(msgspec.Struct, frozen=True):
    """Apart from the archive, as every event changes it."""

    id: int
    events: int = 0
    bytes: int = 0


class ArchivedEvent(msgspec.Struct, frozen=True, array_like=True):
    """time_ms is the event's own, by which it is replayed; received_ms says when it grows too old."""

    archive_id: int
    time_ms: int
    sequence: int
    received_ms: int
    body: bytes


class Replay(msgspec.Struct, frozen=True):
    """
    position  (time_ms, sequence) of the last event replayed
    only      ARNs of the rules that get the events; none means all
    """

    account: str
    region: str
    name: str
    archive: str
    archive_id: int
    bus: str
    start_ms: int
    end_ms: int
    began_ms: int
    description: str | None = None
    only: tuple[str, ...] = ()
    state: str = "STARTING"
    reason: str | None = None
    position: tuple[int, int] | None = None
    ended_ms: int = 0

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.region)}:events:{self.region}:{self.account}:replay/{self.name}"


ARCHIVES = Table(
    "events.archives",
    Archive,
    key=lambda archive: (archive.account, archive.region, archive.name),
    by_bus=Index(lambda archive: (archive.account, archive.region, archive.bus, archive.name)),
)
ARCHIVE_SIZES = Table("events.archive_sizes", ArchiveSize, key=lambda size: (size.id,))
ARCHIVED = Table(
    "events.archived",
    ArchivedEvent,
    key=lambda event: (event.archive_id, event.time_ms, event.sequence),
    by_received=Index(lambda event: (event.archive_id, event.received_ms, event.sequence)),
)
REPLAYS = Table("events.replays", Replay, key=lambda replay: (replay.account, replay.region, replay.name))
BUSES = Table("events.buses", Bus, key=lambda bus: (bus.account, bus.region, bus.name))
RULES = Table("events.rules", Rule, key=lambda rule: (rule.account, rule.region, rule.bus, rule.name))


def find_bus(tx: Transaction, key: BusKey) -> Bus | None:
    """Every account has a default bus in every region."""
    return BUSES.get(tx, *key) or (Bus(*key) if key.name == DEFAULT else None)


def require_bus(tx: Transaction, key: BusKey) -> Bus:
    """Raises EventBusNotFound."""
    bus = find_bus(tx, key)
    if bus is None:
        raise EventBusNotFound(key.name)
    return bus


def find_rule(tx: Transaction, key: RuleKey) -> Rule | None:
    return RULES.get(tx, *key.bus, key.name)


def require_rule(tx: Transaction, key: RuleKey) -> Rule:
    """Raises EventBusNotFound, RuleNotFound."""
    require_bus(tx, key.bus)
    rule = find_rule(tx, key)
    if rule is None:
        raise RuleNotFound(key.name, key.bus.name)
    return rule
