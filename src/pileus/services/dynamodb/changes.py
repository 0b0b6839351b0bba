"""What UpdateTable asks for, checked against the table as it is: a plan that the transition carries out.

Source: API reference, UpdateTable, GlobalSecondaryIndexUpdate; the texts are those of recorded answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from pileus.kernel.errors import NotImplementedByUs, ValidationException
from pileus.services.dynamodb import schemas
from pileus.services.dynamodb.errors import LimitExceededException, ResourceNotFoundException, invalid
from pileus.services.dynamodb.state.records import Encryption, SecondaryIndex, TableRecord, Throughput

DAY_MS = 86_400_000
NOT_YET = (
    "GlobalTableWitnessUpdates",
    "GlobalTableSettingsReplicationMode",
    "DisassociationProtectionEnabled",
    "VectorIndexUpdates",
)
ASKS = (
    "ProvisionedThroughput",
    "BillingMode",
    "GlobalSecondaryIndexUpdates",
    "StreamSpecification",
    "SSESpecification",
    "ReplicaUpdates",
    "TableClass",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "WarmThroughput",
)


@dataclass(frozen=True)
class Plan:
    """
    table           with everything changed that is changed at once
    new_index       to be created; its id is given by the transition
    dropped         the name of the index to be deleted
    stream          the view type of the stream to be opened, "" to close the one there is, None to leave it
    encrypts        with a key of DynamoDB's own in KMS, whose ARN the transition makes
    replicas        of ReplicaUpdates: Create, Update or Delete, and the action
    """

    table: TableRecord
    new_index: SecondaryIndex | None = None
    dropped: str = ""
    stream: str | None = None
    encrypts: bool = False
    replicas: list[tuple[str, dict]] = field(default_factory=list)


def plan(request: dict, table: TableRecord, now_ms: int) -> Plan:
    """Raises ValidationException, LimitExceededException, ResourceNotFoundException."""
    refuse_unknown(request)
    if not any(request.get(name) not in (None, []) for name in ASKS):
        raise ValidationException(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
            "SSESpecification or ReplicaUpdates is required for UpdateTable"
        )
    replicas = list(_replica_updates(request))
    updates = list(_index_updates(request))
    changed = _billing(request, table, updates, now_ms)
    changed = _settings(request, changed, now_ms)
    stream = _stream(request, table)
    changed, encrypts = _encryption(request, changed)
    new_index, dropped = None, ""
    for kind, asked in updates:
        if kind == "Create":
            changed, new_index = _created(request, changed, asked)
        elif kind == "Delete":
            dropped = _existing(changed, asked["IndexName"]).name
        else:
            changed = _updated(changed, asked, now_ms)
    return Plan(changed, new_index, dropped, stream, encrypts, replicas)


def refuse_unknown(request: dict) -> None:
    for name in NOT_YET:
        if request.get(name) not in (None, False, []):
            raise NotImplementedByUs(f"dynamodb:UpdateTable with {name}")
    if request.get("MultiRegionConsistency") not in (None, "EVENTUAL"):
        raise NotImplementedByUs("dynamodb:UpdateTable with MultiRegionConsistency STRONG")


def _index_updates(request: dict) -> Iterator[tuple[str, dict]]:
    online = 0
    for update in request.get("GlobalSecondaryIndexUpdates") or ():
        given = [(kind, update[kind]) for kind in ("Create", "Update", "Delete") if update.get(kind) is not None]
        if not given:
            raise invalid("One of GlobalSecondaryIndexUpdate's members Update, Create or Delete must be specified")
        if len(given) > 1:
            raise invalid("Only one of GlobalSecondaryIndexUpdate's members Update, Create, Delete may be specified")
        online += given[0][0] != "Update"
        if online > 1:
            raise LimitExceededException(
                "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
            )
        yield given[0]


def _replica_updates(request: dict) -> Iterator[tuple[str, dict]]:
    """One replica is made or deleted at a time, by a request of nothing else; the same said twice is said once."""
    asked: list[tuple[str, dict]] = []
    for update in request.get("ReplicaUpdates") or ():
        if update.get("Disassociate") is not None:
            raise NotImplementedByUs("dynamodb:UpdateTable with ReplicaUpdates.Disassociate")
        given = [(kind, update[kind]) for kind in ("Create", "Update", "Delete") if update.get(kind) is not None]
        if len(given) > 1:
            raise ValidationException("Update table operation with more than one type of replica actions not allowed.")
        if not given or (given[0][0] == "Update" and set(given[0][1]) == {"RegionName"}):
            raise ValidationException("There are no actions specified in the Replica Update Action of the request.")
        if given[0] not in asked:
            asked += given
    kinds = [kind for kind, _ in asked]
    if len(set(kinds)) > 1:
        raise ValidationException("Update table operation with more than one type of replica actions not allowed.")
    if len(kinds) > 1 and "Update" not in kinds:
        raise ValidationException(
            "Update table operation with more than one create or delete replica actions not allowed"
        )
    others = (name for name in ASKS if name != "ReplicaUpdates")
    if kinds and "Update" not in kinds and any(request.get(name) not in (None, []) for name in others):
        raise invalid("Replica modification must be the only operation in the request")
    regions: set[str] = set()
    for _, action in asked:
        region = action["RegionName"]
        if region in regions:
            raise invalid(f"ReplicaUpdates must not contain more than one update of the same region: {region}")
        regions.add(region)
    yield from asked


def _billing(request: dict, table: TableRecord, updates: list[tuple[str, dict]], now_ms: int) -> TableRecord:
    """BillingMode, ProvisionedThroughput and OnDemandThroughput."""
    billing = request.get("BillingMode") or table.billing
    if billing != table.billing and billing == schemas.ON_DEMAND:
        schemas.throughput_of(request, billing)
        nothing = Throughput(0, 0)
        indexes = tuple(index if index.is_local else replace(index, throughput=nothing) for index in table.indexes)
        table = replace(
            table, billing=billing, throughput=nothing, indexes=indexes, billing_changed_at_ms=now_ms, warm=table.warm
        )
    elif billing != table.billing:
        throughput = schemas.throughput_of(request, billing)
        named = {asked["IndexName"] for kind, asked in updates if kind == "Update"}
        for index in table.global_indexes:
            if index.name not in named:
                raise invalid(f"ProvisionedThroughput must be specified for index: {index.name}")
        table = replace(table, billing=billing, throughput=throughput, on_demand=None)
    elif request.get("ProvisionedThroughput") is not None:
        wanted = schemas.throughput_of(request, billing)
        table = replace(table, throughput=_moved(table.throughput, wanted, now_ms, "table", ""))
    limits = schemas.on_demand_of(request, billing)
    if limits is not None:
        table = replace(table, on_demand=limits)
    return table


def _moved(had: Throughput, wanted: Throughput, now_ms: int, of: str, index: str) -> Throughput:
    """The new throughput with the times of its last changes. Four decreases a day and one more an hour on AWS: here
    there is no such quota, but they are counted."""
    if (had.read_units, had.write_units) == (wanted.read_units, wanted.write_units):
        what = f"the index {index}" if index else "the table"
        raise ValidationException(
            f"The provisioned throughput for {what} will not change. The requested value equals the current value. "
            f"Current ReadCapacityUnits provisioned for {what}: {had.read_units}. "
            f"Requested ReadCapacityUnits: {wanted.read_units}. "
            f"Current WriteCapacityUnits provisioned for {what}: {had.write_units}. "
            f"Requested WriteCapacityUnits: {wanted.write_units}. Refer to the Amazon DynamoDB Developer Guide for "
            "current limits and how to request higher limits."
        )
    is_less = wanted.read_units < had.read_units or wanted.write_units < had.write_units
    is_more = wanted.read_units > had.read_units or wanted.write_units > had.write_units
    today = had.decreases_today if had.decreased_at_ms // DAY_MS == now_ms // DAY_MS else 0
    return Throughput(
        wanted.read_units,
        wanted.write_units,
        increased_at_ms=now_ms if is_more else had.increased_at_ms,
        decreased_at_ms=now_ms if is_less else had.decreased_at_ms,
        decreases_today=today + is_less,
    )


def _settings(request: dict, table: TableRecord, now_ms: int) -> TableRecord:
    if request.get("TableClass") and request["TableClass"] != (table.table_class or "STANDARD"):
        table = replace(table, table_class=request["TableClass"], table_class_changed_at_ms=now_ms)
    if request.get("DeletionProtectionEnabled") is not None:
        table = replace(table, is_protected=request["DeletionProtectionEnabled"])
    if request.get("WarmThroughput") is not None:
        table = replace(table, warm=schemas.warm_of(request, table.warm))
    return table


def _stream(request: dict, table: TableRecord) -> str | None:
    asked = request.get("StreamSpecification")
    if asked is None:
        return None
    view = stream_view(asked)
    if view and table.stream is not None:
        raise ValidationException(f"Table already has an enabled stream: TableName: {table.name}")
    if not view and table.replicas:
        raise invalid("Disabling Stream is not allowed for a Global Table replica.")
    if not view and table.stream is None:
        raise ValidationException(f"Table has no stream to disable: TableName: {table.name}")
    return view


def stream_view(asked: dict, *, of_new_table: bool = False) -> str:
    """The StreamViewType of a StreamSpecification; "" where it is disabled."""
    view = asked.get("StreamViewType")
    if asked["StreamEnabled"]:
        if view is None:
            raise invalid(
                "Table is being created with a stream enabled, UpdateViewType is required"
                if of_new_table
                else "If stream is being enabled then UpdateViewType is required"
            )
        return view
    if view is not None:
        raise invalid(
            "Table is being created with a stream disabled, UpdateViewType should not be specified"
            if of_new_table
            else "If stream is being disabled, then UpdateViewType must not be specified"
        )
    return ""


def _encryption(request: dict, table: TableRecord) -> tuple[TableRecord, bool]:
    asked = request.get("SSESpecification")
    if asked is None:
        return table, False
    key, encrypts = encryption_of(asked)
    if key is None and not encrypts and table.encryption is None:
        raise ValidationException("Table is already encrypted by default")
    return replace(table, encryption=key), encrypts


def encryption_of(asked: dict) -> tuple[Encryption | None, bool]:
    """The customer's key, and whether it is KMS's own key for DynamoDB; neither: the key that DynamoDB owns."""
    key = asked.get("KMSMasterKeyId")
    if asked.get("SSEType") == "AES256":
        raise invalid("SSEType AES256 is not supported")
    if not asked.get("Enabled"):
        if key is not None:
            raise invalid("KMSMasterKeyId can only be specified when SSE is enabled")
        return None, False
    return (None, True) if key is None else (Encryption(key), False)


def _created(request: dict, table: TableRecord, asked: dict) -> tuple[TableRecord, SecondaryIndex]:
    defined = schemas.attribute_types(request.get("AttributeDefinitions") or [])
    for name, kind in defined.items():
        had = table.attribute_types.get(name)
        if had is not None and had != kind:
            raise invalid(
                "Attributes cannot be redefined. Please check that your attribute has the same type as previously "
                f"defined. Existing schema: Schema:[SchemaElement: key{{{name}:{had}:HASH}}] "
                f"New schema: Schema:[SchemaElement: key{{{name}:{kind}:HASH}}]"
            )
    if table.index(asked["IndexName"]) is not None:
        raise ValidationException(f"Attempting to create an index which already exists: {asked['IndexName']}")
    # The index's attributes are to be defined in the request, known or not.
    index = schemas.new_global_index(asked, defined, table.billing)
    types = table.attribute_types | defined
    if any(other.status in ("CREATING", "DELETING") for other in table.indexes):
        raise LimitExceededException(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
        )
    schemas.check_together([*table.indexes, index])
    used = {name: kind for name, kind in types.items() if name in table.attribute_types or name in index.key_names}
    return replace(table, attribute_types=used), index


def _existing(table: TableRecord, name: str) -> SecondaryIndex:
    index = table.index(name)
    if index is None or index.is_local:
        raise ResourceNotFoundException("Requested resource not found")
    return index


def _updated(table: TableRecord, asked: dict, now_ms: int) -> TableRecord:
    index = _existing(table, asked["IndexName"])
    if all(asked.get(name) is None for name in ("ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput")):
        raise invalid(
            "At least one of ProvisionedThroughput, OnDemandThroughput or WarmThroughput is required for index "
            f"{index.name}"
        )
    changed = index
    if asked.get("ProvisionedThroughput") is not None:
        wanted = schemas.throughput_of(asked, table.billing, index=index.name)
        changed = replace(
            index, throughput=_moved(index.throughput or Throughput(0, 0), wanted, now_ms, "index", index.name)
        )
    limits = schemas.on_demand_of(asked, table.billing)
    if limits is not None:
        changed = replace(changed, on_demand=limits)
    changed = replace(changed, warm=schemas.warm_of(asked, index.warm))
    return with_index(table, changed)


def with_index(table: TableRecord, index: SecondaryIndex) -> TableRecord:
    return replace(table, indexes=tuple(index if old.name == index.name else old for old in table.indexes))
