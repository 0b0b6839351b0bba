"""The records and tables of DynamoDB, and its quotas.

Quotas: DynamoDB developer guide, "Quotas in Amazon DynamoDB" ("Service, account, and table quotas").
"""

import enum
from functools import cached_property
from itertools import islice

import msgspec

from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import LimitExceededException
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

ITEM_BYTES_MAX = 400 * 1024
PARTITION_KEY_BYTES_MAX = 2048
SORT_KEY_BYTES_MAX = 1024
TABLES_MAX = 2_500
"""Of one account in one region; more on request."""
ACCOUNT_UNITS_MAX, TABLE_UNITS_MAX = 80_000, 40_000
"""Provisioned read units, and as many write units: of one account in one region, and of one table; see quotas.py."""
LOCAL_INDEXES_MAX = 5
GLOBAL_INDEXES_MAX = 20
INCLUDED_PER_INDEX_MAX = 20
INCLUDED_PER_TABLE_MAX = 100
READ_BYTES_MAX = 64 << 20
"""Of the items behind a page of an index that projects little of them: they are read whole."""
PAGE_BYTES_MAX = 1 << 20
"""Of Query and Scan."""
BATCH_BYTES_MAX = 16 << 20
TRANSACTION_BYTES_MAX = 4 << 20
COLLECTION_BYTES_MAX = 10 << 30
"""Of the items of one partition key, where the table has a local index."""
INDEX_ATTRIBUTES_MAX = 4
"""Of a global index's partition key, and again of its sort key."""
VECTOR_INDEXES_MAX = 5
DIMENSIONS_MAX = 4096
INLINE_FILTERS_MAX = 18
"""Of one vector index, whose search schema has one HASH at most."""
TOP_K_MAX = 100
SEARCH_BYTES_MAX = 16 << 20
"""Of the items of one SearchVectors. Source: developer guide, "Requirements and limitations" of vector indexes."""

HASH, RANGE = "HASH", "RANGE"
INLINE_FILTER = "INLINE_FILTER"
COSINE, DOT_PRODUCT, EUCLIDEAN = "COSINE", "DOT_PRODUCT", "EUCLIDEAN"


class Cause(enum.Enum):
    """Who changes an item: it decides what a stream record says, and whether the change is replicated further."""

    CLIENT = "client"
    TTL = "ttl"
    REPLICATION = "replication"
    RESTORE = "restore"
    """Also an import: no stream record, as the table takes no requests yet."""


class Throughput(msgspec.Struct, frozen=True):
    """Provisioned capacity, in units a second. Times are 0 where it never changed."""

    read_units: int
    write_units: int
    increased_at_ms: int = 0
    decreased_at_ms: int = 0
    decreases_today: int = 0


class OnDemandLimits(msgspec.Struct, frozen=True):
    """The most units a second of an on-demand table; -1: no limit, None: not said."""

    read_units: int | None = None
    write_units: int | None = None


class WarmThroughput(msgspec.Struct, frozen=True):
    read_units: int
    write_units: int


class Projection(msgspec.Struct, frozen=True):
    """type: ALL, KEYS_ONLY or INCLUDE; included: the attributes of INCLUDE."""

    type: str
    included: tuple[str, ...] = ()


class SecondaryIndex(msgspec.Struct, frozen=True, dict=True):
    """
    id              of this index and no later one of the same name; its entries' keys begin with it
    hash_names      one, or of a global index up to four; a local index's is the table's
    range_names     none, one, or of a global index up to four
    status          CREATING, UPDATING, DELETING or ACTIVE; a local index is always ACTIVE
    is_backfilling  the items that were there before it are being entered, step by step
    """

    id: int
    name: str
    hash_names: tuple[str, ...]
    range_names: tuple[str, ...]
    projection: Projection
    is_local: bool = False
    status: str = "ACTIVE"
    is_backfilling: bool = False
    throughput: Throughput | None = None
    on_demand: OnDemandLimits | None = None
    warm: WarmThroughput | None = None
    attribute_types: tuple[str, ...] = ()
    """S, N or B of hash_names and then range_names."""

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        return self.hash_names + self.range_names

    @property
    def takes_entries(self) -> bool:
        return self.status != "DELETING"

    @property
    def is_readable(self) -> bool:
        return self.status in ("ACTIVE", "UPDATING")


class VectorIndex(msgspec.Struct, frozen=True, dict=True):
    """An index for SearchVectors. What of it is as of a SecondaryIndex is named as there.

    attribute     the list of numbers that is searched
    distance      COSINE, DOT_PRODUCT or EUCLIDEAN
    schema        its search schema as it was given: names and HASH or INLINE_FILTER
    schema_types  S, N or B of each
    """

    id: int
    name: str
    attribute: str
    dimensions: int
    distance: str
    projection: Projection
    schema: tuple[tuple[str, str], ...] = ()
    schema_types: tuple[str, ...] = ()
    status: str = "ACTIVE"
    is_backfilling: bool = False

    @cached_property
    def hash_name(self) -> str:
        """The attribute that parts it, or ""."""
        return next((name for name, kind in self.schema if kind == HASH), "")

    @cached_property
    def filter_names(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.schema if kind == INLINE_FILTER)

    @cached_property
    def types(self) -> dict[str, str]:
        """The attributes of its search schema."""
        return {name: kind for (name, _), kind in zip(self.schema, self.schema_types, strict=True)}

    @property
    def takes_entries(self) -> bool:
        return self.status != "DELETING"


class StreamSettings(msgspec.Struct, frozen=True):
    """The table's stream that is open now; `label` is its creation time, the end of its ARN."""

    id: int
    label: str
    view_type: str


class TimeToLive(msgspec.Struct, frozen=True):
    """status: ENABLED or DISABLED; changed_at_ms: when it last became so."""

    attribute: str
    status: str
    changed_at_ms: int

    @property
    def is_enabled(self) -> bool:
        return self.status == "ENABLED"


class Encryption(msgspec.Struct, frozen=True):
    """With a KMS key; AWS's own key is no Encryption. Pileus records it; the rows are as they are."""

    kms_key_arn: str


class Policy(msgspec.Struct, frozen=True):
    document: str
    revision_id: str


class Recovery(msgspec.Struct, frozen=True):
    """Point-in-time recovery is on, since then, for so many days back."""

    enabled_at_ms: int
    period_days: int = 35


class Insights(msgspec.Struct, frozen=True):
    """Contributor insights of a table or a global index.

    mode           ACCESSED_AND_THROTTLED_KEYS or THROTTLED_KEYS
    status         ENABLING, ENABLED, DISABLING, DISABLED or FAILED
    made_at_ms     when its rules were made: the end of their names
    changed_at_ms  when the status was
    failure        of FAILED: the exception's name and what it says
    """

    mode: str
    status: str
    made_at_ms: int
    changed_at_ms: int
    failure: tuple[str, str] | None = None


class IndexOverride(msgspec.Struct, frozen=True):
    """read_units: of provisioned capacity; on_demand_read_units: the most of an on-demand table."""

    read_units: int | None = None
    on_demand_read_units: int | None = None


class Overrides(msgspec.Struct, frozen=True):
    """What a replica has of its own, whatever the others have; None or "": it follows them."""

    read_units: int | None = None
    on_demand_read_units: int | None = None
    table_class: str = ""
    indexes: dict[str, IndexOverride] = {}

    def of_index(self, name: str) -> IndexOverride:
        return self.indexes.get(name, IndexOverride())


SETTLING = ("SSESpecification", "WarmThroughput")
STRONG = "STRONG"
"""MultiRegionConsistency of a global table all of whose replicas change together."""


class TableRecord(msgspec.Struct, frozen=True, dict=True):
    """
    id               of this table and no later one of the same name; its rows' keys begin with it
    uuid             TableId
    status           CREATING, UPDATING, DELETING, ACTIVE, ARCHIVING, …
    hash_name, range_name   the primary key's attributes; range_name is "" where there is none
    attribute_types  name -> S, N or B, as AttributeDefinitions says
    billing          PROVISIONED or PAY_PER_REQUEST
    stream           None: no stream is open; last_stream then says which was
    copying          backups and exports that are being made of it now: items keep a history meanwhile
    replicas         the other regions that have a replica of it
    members          region -> (account, name) of replicas of other accounts; elsewhere they are this account's, of this name
    overrides        what it has of its own as a replica
    sourced_at_ms    when a replica was last made of it; 0: never
    stream_policies, stream_tags   the resource policies and the tags of its streams, by ARN
    consistency      of a global table: STRONG, or "" for EVENTUAL
    witness          the region of a STRONG one's witness, which has no table there; witness_status: CREATING, ACTIVE, DELETING
    is_bound         DisassociationProtectionEnabled of a replica
    leaving          the store's number when it was asked to leave its global table; 0: it wasn't
    settings_mode    GlobalTableSettingsReplicationMode as it was asked for, ENABLED or DISABLED; "": it never was
    cut_off_at_ms    since when its policy doesn't let DynamoDB replicate (accounts.py); 0: it does
    """

    account: str
    region: str
    name: str
    id: int
    uuid: str
    created_at_ms: int
    status: str
    hash_name: str
    range_name: str
    attribute_types: dict[str, str]
    billing: str = "PROVISIONED"
    throughput: Throughput = Throughput(0, 0)
    on_demand: OnDemandLimits | None = None
    warm: WarmThroughput | None = None
    billing_changed_at_ms: int = 0
    """When it last became on-demand; 0: it never was."""
    indexes: tuple[SecondaryIndex, ...] = ()
    table_class: str = ""
    """"": it was never said, which is STANDARD."""
    table_class_changed_at_ms: int = 0
    is_protected: bool = False
    """DeletionProtectionEnabled"""
    encryption: Encryption | None = None
    tags: dict[str, str] = {}
    policy: Policy | None = None
    stream: StreamSettings | None = None
    last_stream: StreamSettings | None = None
    ttl: TimeToLive | None = None
    recovery: Recovery | None = None
    copying: int = 0
    replicas: tuple[str, ...] = ()
    restored_from: dict | None = None
    """RestoreSummary, as DescribeTable gives it while the table is being restored, and no longer."""
    stream_policies: dict[str, Policy] = {}
    stream_tags: dict[str, dict[str, str]] = {}
    overrides: Overrides = Overrides()
    sourced_at_ms: int = 0
    settling: str = ""
    """Of SETTLING, what is being changed while the table is ACTIVE."""
    class_changes_ms: tuple[int, ...] = ()
    """When UpdateTable changed its class, in the last days: there is a limit."""
    insights: dict[str, Insights] = {}
    """Of the table ("") and of its global indexes, by name, where they were ever enabled."""
    consistency: str = ""
    witness: str = ""
    witness_status: str = ""
    is_bound: bool = True
    leaving: int = 0
    settings_mode: str = ""
    members: dict[str, tuple[str, str]] = {}
    cut_off_at_ms: int = 0
    vector_indexes: tuple[VectorIndex, ...] = ()

    @cached_property
    def address(self) -> Address:
        return Address(self.account, self.region, self.name)

    def address_in(self, region: str) -> Address:
        """Of its replica there."""
        account, name = self.members.get(region, (self.account, self.name))
        return Address(account, region, name)

    @cached_property
    def arn(self) -> str:
        return self.address.arn

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        return (self.hash_name, self.range_name) if self.range_name else (self.hash_name,)

    @cached_property
    def hash_type(self) -> str:
        return self.attribute_types[self.hash_name]

    @cached_property
    def range_type(self) -> str:
        return self.attribute_types[self.range_name] if self.range_name else ""

    @cached_property
    def local_indexes(self) -> tuple[SecondaryIndex, ...]:
        return tuple(index for index in self.indexes if index.is_local)

    @cached_property
    def global_indexes(self) -> tuple[SecondaryIndex, ...]:
        return tuple(index for index in self.indexes if not index.is_local)

    @cached_property
    def live_indexes(self) -> tuple[SecondaryIndex, ...]:
        """Those that writes keep in step, by name: of several that refuse an item AWS names the first."""
        return tuple(sorted((one for one in self.indexes if one.takes_entries), key=lambda one: one.name))

    @cached_property
    def live_vector_indexes(self) -> tuple[VectorIndex, ...]:
        """As live_indexes."""
        return tuple(sorted((one for one in self.vector_indexes if one.takes_entries), key=lambda one: one.name))

    @cached_property
    def has_history(self) -> bool:
        return self.recovery is not None or self.copying > 0

    @cached_property
    def expires_by(self) -> str:
        """The TTL attribute while TTL is on, else ""."""
        return self.ttl.attribute if self.ttl is not None and self.ttl.is_enabled else ""

    @cached_property
    def is_plain(self) -> bool:
        """A change of an item is a change of its row and of the table's numbers, and nothing follows from it."""
        is_indexed = self.indexes or self.vector_indexes
        return not (is_indexed or self.expires_by or self.stream or self.has_history or self.replicas)

    @property
    def is_strong(self) -> bool:
        """A change of an item is one in all regions, or none."""
        return self.consistency == STRONG

    @cached_property
    def is_metered(self) -> bool:
        """Somebody watches what it consumes: see metering.py."""
        return self.billing == "PROVISIONED" or bool(self.watched)

    @cached_property
    def watched(self) -> dict[str, Insights]:
        """The insights that count what is accessed."""
        return {
            name: one
            for name, one in self.insights.items()
            if one.status == "ENABLED" and one.mode == "ACCESSED_AND_THROTTLED_KEYS"
        }

    def index(self, name: str) -> SecondaryIndex | None:
        return next((index for index in self.indexes if index.name == name), None)

    def vector_index(self, name: str) -> VectorIndex | None:
        return next((index for index in self.vector_indexes if index.name == name), None)


TABLES = Table(
    "dynamodb.tables",
    TableRecord,
    key=lambda table: (table.account, table.region, table.name),
    is_hot=True,
    by_id=Index(lambda table: (table.id,)),
)


def check_room(tx: Transaction, address: Address) -> None:
    """Raise LimitExceededException where an account can have no further table in a region."""
    there = TABLES.scan(tx, address.account, address.region)
    if len(list(islice(there, TABLES_MAX))) == TABLES_MAX:
        raise LimitExceededException(
            f"Subscriber limit exceeded: There is a limit of {TABLES_MAX} tables per subscriber"
        )


def new_label(tx: Transaction) -> str:
    """The end of the ARN of a backup, export or import: the time it was begun, and what makes it unique."""
    return f"{tx.now_ms:014d}-{tx.ids.hex(8)}"
