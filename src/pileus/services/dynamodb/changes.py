"""What UpdateTable asks for: checked by itself, then against the table as it is. A plan that the transition carries out.

Source: API reference, UpdateTable, GlobalSecondaryIndexUpdate; the texts are those of recorded answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb import group_changes, schemas, vector_schemas
from pileus.services.dynamodb.errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    invalid,
)
from pileus.services.dynamodb.group_changes import GroupChanges
from pileus.services.dynamodb.state.accounts import DISABLED, ENABLED
from pileus.services.dynamodb.state.records import (
    GLOBAL_INDEXES_MAX,
    SETTLING,
    VECTOR_INDEXES_MAX,
    Encryption,
    SecondaryIndex,
    TableRecord,
    Throughput,
    VectorIndex,
)

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
DECREASES_A_DAY = 4
"""From then on one an hour. Source: developer guide, "Quotas in Amazon DynamoDB", "Decreasing provisioned throughput"."""
CLASS_CHANGES_MAX, CLASS_CHANGES_WITHIN_MS = 2, 30 * DAY_MS
"""Source: developer guide, "Considerations when choosing a table class"."""
ASKS = {
    "ProvisionedThroughput": "ProvisionedThroughput",
    "BillingMode": "BillingMode",
    "StreamSpecification": "UpdateStreamEnabled",
    "GlobalSecondaryIndexUpdates": "GlobalSecondaryIndexUpdates",
    "SSESpecification": "SSESpecification",
    "ReplicaUpdates": "ReplicaUpdates",
    "MultiAccountReplicaReady": "MultiAccountReplicaReady",
    "ReplicaTransitRoleArn": "ReplicaTransitRoleArn",
    "MultiRegionConsistency": "MultiRegionConsistency",
    "DeletionProtectionEnabled": "DeletionProtectionEnabled",
    "OnDemandThroughput": "OnDemandThroughput",
    "WarmThroughput": "WarmThroughput",
    "TableClass": "TableClass",
}
"""What can be changed, as DynamoDB names it to those who change nothing; of two its model does not know."""

VECTORS = "VectorIndexUpdates"
UNSAID = ("DisassociationProtectionEnabled", "GlobalTableSettingsReplicationMode", VECTORS)
"""What can be changed, too, and is not among them; of vector indexes nobody has recorded whether it is."""
ONE_ONLINE = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"

QUIET = {"DeletionProtectionEnabled", "OnDemandThroughput", "SSESpecification", "WarmThroughput"}
"""Changes that leave the table ACTIVE, as updates of indexes do: a table that is no longer protected can be deleted at
once. Of encryption and warm throughput only the part that says so of itself is UPDATING."""


@dataclass(frozen=True)
class Plan:
    """
    table           with everything changed that is changed at once
    group           what is asked of the members of the global table
    new_index       to be created; its id is given by the transition
    dropped         the name of the index to be deleted
    new_vector_index, dropped_vector_index   the same of vector indexes
    stream          the view type of the stream to be opened, "" to close the one there is, None to leave it
    encrypts        with a key of DynamoDB's own in KMS, whose ARN the transition makes
    is_quiet        the table stays ACTIVE
    scaled          whose writes scale, where the change needs to know: auto_scaling.scaled_writes
    is_scaling      auto scaling asks for it
    brings_settings  the other replicas follow
    """

    table: TableRecord
    group: GroupChanges
    new_index: SecondaryIndex | None = None
    dropped: str = ""
    stream: str | None = None
    encrypts: bool = False
    is_quiet: bool = False
    scaled: frozenset[str] = frozenset()
    is_scaling: bool = False
    brings_settings: bool = True
    new_vector_index: VectorIndex | None = None
    dropped_vector_index: str = ""


def check(request: dict) -> None:
    """What holds of every request, whatever the table is like. Raises ValidationException, LimitExceededException."""
    # Throughput that says nothing is none.
    asked = {name for name in ASKS if request.get(name) is not None and request[name] != {}} | (
        {"SSESpecification"} & request.keys()
    )
    asked |= {name for name in UNSAID if request.get(name) not in (None, [])}
    if not {name for name in asked if request[name] != []} - {"MultiRegionConsistency"}:
        *names, last = (said for name, said in ASKS.items() if name not in asked or request[name] == [])
        raise ValidationException(f"At least one of {', '.join(names)} or {last} is required")
    if request.get("GlobalSecondaryIndexUpdates") == []:
        raise invalid("List of GlobalSecondaryIndexUpdates is empty")
    updates = [*_index_updates(request), *_vector_updates(request)]
    if sum(kind != "Update" for kind, _ in updates) > 1:
        raise LimitExceededException(ONE_ONLINE)
    _check_alone(asked, {kind for kind, _ in updates})
    if "StreamSpecification" in asked:
        stream_view(request["StreamSpecification"])
    group_of(request)


def group_of(request: dict) -> GroupChanges:
    """What is asked of the members of a global table."""
    return group_changes.read(
        request, [name for name in (*ASKS, *UNSAID) if name not in ("ReplicaUpdates", "MultiRegionConsistency")]
    )


def _check_alone(asked: set[str], kinds: set[str]) -> None:
    """Most changes go one at a time. `kinds`: of updates of global and vector indexes.

    Source: API reference, UpdateTable ("You can only perform one of the following operations at once"); the texts and
    what goes together are those of recorded answers.
    """
    others = asked - {"MultiRegionConsistency"}
    if "DisassociationProtectionEnabled" in asked and len(asked) > 1:
        raise invalid("DisassociationProtectionEnabled modification must be the only operation in the request")
    if "SSESpecification" in asked and others - {"SSESpecification", "ReplicaUpdates"}:
        raise invalid("Server-Side Encryption modification must be the only operation in the request")
    for name, said in (("DeletionProtectionEnabled", "DeletionProtection"), ("TableClass", "TableClass")):
        if name in asked and len(others) > 1:
            raise invalid(f"{said} modification must be the only operation in the request")
    if "OnDemandThroughput" in asked and others & {"StreamSpecification", "WarmThroughput"}:
        raise invalid("OnDemandThroughput can only be combined with BillingMode in an UpdateTable request")
    moves = kinds & {"Create", "Delete"}
    if "WarmThroughput" in asked:
        if "Create" in kinds:
            raise invalid("Create global secondary index cannot be specified when updating WarmThroughput")
        if moves or others - {"WarmThroughput", "GlobalSecondaryIndexUpdates"}:
            raise invalid("WarmThroughput must be the only operation in the request")
    if "ProvisionedThroughput" in asked:
        if "StreamSpecification" in asked:
            raise invalid("You cannot modify stream status while updating table IOPS")
        if moves:
            raise invalid("You cannot create or delete index while updating table IOPS")
    if "StreamSpecification" in asked and moves:
        raise invalid("You cannot create or delete index while changing stream status")


def asks_for_scaling(request: dict, table: TableRecord) -> bool:
    """Whether it must be known what of the table scales: for a new replica, or a global table's new index."""
    if table.billing != schemas.PROVISIONED:
        return False
    return any(kind == "Create" for kind, _ in group_of(request).replicas) or (
        bool(table.replicas) and any(kind == "Create" for kind, _ in _index_updates(request))
    )


def plan(
    request: dict, table: TableRecord, now_ms: int, *, scaled: frozenset[str] = frozenset(), is_scaling: bool = False
) -> Plan:
    """Of a request that `check` has passed.

    Raises ValidationException, LimitExceededException, ResourceNotFoundException.
    """
    updates = list(_index_updates(request))
    group = group_of(request)
    group_changes.check(group, table)
    changed = _billing(request, table, updates, now_ms)
    changed = _settings(request, changed, now_ms)
    stream = _stream(request, table)
    changed, encrypts = _encryption(request, changed)
    new_index, dropped = None, ""
    for kind, asked in updates:
        if kind == "Create":
            changed, new_index = _created(request, changed, asked)
        elif kind == "Delete":
            dropped = _existing(changed, asked["IndexName"], "delete").name
        else:
            changed = _updated(changed, asked, now_ms, is_new_mode=changed.billing != table.billing)
    new_vector_index, dropped_vector_index = None, ""
    for kind, asked in _vector_updates(request):
        if kind == "Create":
            changed, new_vector_index = _vector_created(request, changed, asked)
        else:
            dropped_vector_index = _vector_dropped(changed, asked["IndexName"])
    quiet = QUIET if new_index is not None or dropped else {*QUIET, "GlobalSecondaryIndexUpdates"}
    is_quiet = {name for name in (*ASKS, VECTORS) if request.get(name) or name in QUIET & request.keys()} <= quiet
    changed = replace(changed, settling=next((name for name in SETTLING if request.get(name) is not None), ""))
    return Plan(
        changed,
        group,
        new_index,
        dropped,
        stream,
        encrypts,
        is_quiet,
        scaled,
        is_scaling,
        brings_settings=request.get("DisassociationProtectionEnabled") is None
        and all(kind != "Disassociate" for kind, _ in group.replicas),
        new_vector_index=new_vector_index,
        dropped_vector_index=dropped_vector_index,
    )


def _index_updates(request: dict) -> Iterator[tuple[str, dict]]:
    names = set()
    for update in request.get("GlobalSecondaryIndexUpdates") or ():
        given = [(kind, update[kind]) for kind in ("Create", "Update", "Delete") if update.get(kind) is not None]
        if not given:
            members = (f"GlobalSecondaryIndexUpdate.{kind}" for kind in ("Update", "Create", "Delete"))
            raise invalid(f"One of {', '.join(members)} must not be null")
        if len(given) > 1:
            raise invalid("Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object")
        kind, asked = given[0]
        name = asked["IndexName"]
        if name in names:
            raise invalid(f"Only one global secondary index update per index is allowed simultaneously. Index: {name}")
        names.add(name)
        warm = asked.get("WarmThroughput")
        if kind == "Update" and warm is not None and all(units is None for units in warm.values()):
            raise invalid(
                "WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for "
                f"index: {name}"
            )
        yield kind, asked


def _vector_updates(request: dict) -> Iterator[tuple[str, dict]]:
    """The texts are as near as we know."""
    for update in request.get(VECTORS) or ():
        given = [(kind, update[kind]) for kind in ("Create", "Delete") if update.get(kind) is not None]
        if not given:
            raise invalid("One of VectorIndexUpdate.Create, VectorIndexUpdate.Delete must not be null")
        if len(given) > 1:
            raise invalid("Only one vector index action is allowed per VectorIndexUpdate object")
        yield given[0]


def _billing(request: dict, table: TableRecord, updates: list[tuple[str, dict]], now_ms: int) -> TableRecord:
    """BillingMode, ProvisionedThroughput and OnDemandThroughput."""
    billing = request.get("BillingMode") or table.billing
    before = table
    if billing == schemas.PROVISIONED and request.get("BillingMode") and not request.get("ProvisionedThroughput"):
        raise invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
    if billing != table.billing and billing == schemas.ON_DEMAND:
        schemas.throughput_of(request, billing)
        nothing = Throughput(0, 0)
        indexes = tuple(index if index.is_local else replace(index, throughput=nothing) for index in table.indexes)
        table = replace(table, billing=billing, throughput=nothing, indexes=indexes, billing_changed_at_ms=now_ms)
    elif billing != table.billing:
        if table.live_vector_indexes:
            vector_schemas.check_billing(billing)
        throughput = schemas.throughput_of(request, billing)
        named = {asked["IndexName"] for kind, asked in updates if kind == "Update"}
        for index in table.global_indexes:
            if index.name not in named:
                raise invalid(f"ProvisionedThroughput must be specified for index: {index.name}")
        # On-demand limits go with the mode that they are of.
        indexes = tuple(replace(index, on_demand=None) for index in table.indexes)
        table = replace(table, billing=billing, throughput=throughput, on_demand=None, indexes=indexes)
    elif request.get("ProvisionedThroughput") is not None:
        wanted = schemas.throughput_of(request, billing)
        table = replace(table, throughput=_moved(table.throughput, wanted, now_ms, ""))
    if table.billing != before.billing:
        indexes = tuple(index if index.is_local else _still_warm(before, index, index) for index in table.indexes)
        table = replace(table, indexes=indexes)
    if table.throughput != before.throughput or table.billing != before.billing:
        table = replace(table, warm=schemas.warm_now(before.billing, before.warm, before.throughput))
    limits = schemas.on_demand_of(request, billing, had=table.on_demand, is_new=False)
    return table if limits == table.on_demand else replace(table, on_demand=limits)


def _still_warm(before: TableRecord, had: SecondaryIndex, index: SecondaryIndex) -> SecondaryIndex:
    """A change of its capacity leaves an index as warm as it was: the most it ever had stays there for it."""
    was = before.index(had.name) or had
    return replace(index, warm=schemas.warm_now(before.billing, was.warm, was.throughput))


def _moved(had: Throughput, wanted: Throughput, now_ms: int, index: str) -> Throughput:
    """The new throughput with the times of its last changes. Raises LimitExceededException."""
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
    if is_less and today >= DECREASES_A_DAY:
        tomorrow_ms = (now_ms // DAY_MS + 1) * DAY_MS
        next_ms = min(had.decreased_at_ms + HOUR_MS, tomorrow_ms)
        if now_ms < next_ms:
            raise LimitExceededException(
                "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After "
                f"the first {DECREASES_A_DAY} decreases, each subsequent decrease in the same UTC day can be performed "
                f"at most once every 3600 seconds. Number of decreases today: {today}. "
                f"Last decrease at {_said(had.decreased_at_ms)}. Next decrease can be made at {_said(next_ms)}"
            )
    return Throughput(
        wanted.read_units,
        wanted.write_units,
        increased_at_ms=now_ms if is_more else had.increased_at_ms,
        decreased_at_ms=now_ms if is_less else had.decreased_at_ms,
        decreases_today=today + is_less,
    )


def _said(at_ms: int) -> str:
    """Friday, October 9, 2026 at 1:21:34 AM Coordinated Universal Time"""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    hour = at.hour % 12 or 12
    return f"{at:%A, %B} {at.day}, {at.year} at {hour}:{at:%M:%S %p} Coordinated Universal Time"


def _settings(request: dict, table: TableRecord, now_ms: int) -> TableRecord:
    if request.get("TableClass"):
        table = _classified(table, request["TableClass"], now_ms)
    if request.get("DeletionProtectionEnabled") is not None:
        table = replace(table, is_protected=request["DeletionProtectionEnabled"])
    if request.get("DisassociationProtectionEnabled") is not None:
        if not table.replicas or table.is_strong:
            raise invalid(
                "DisassociationProtectionEnabled can only be specified for a replica of a global table with "
                "MultiRegionConsistency EVENTUAL"
            )
        table = replace(table, is_bound=request["DisassociationProtectionEnabled"])
    mode = request.get("GlobalTableSettingsReplicationMode")
    if mode is not None:
        if table.replicas:
            raise invalid("GlobalTableSettingsReplicationMode can only be changed for a table that has no replicas")
        table = replace(table, settings_mode=settings_mode_of(mode))
    if request.get("WarmThroughput") is not None:
        now = schemas.warm_now(table.billing, table.warm, table.throughput)
        table = replace(table, warm=schemas.changed_warm(request, now) or table.warm)
    return table


def settings_mode_of(asked: str) -> str:
    """GlobalTableSettingsReplicationMode of a table of one region. Source: API reference, UpdateTable."""
    if asked not in (ENABLED, DISABLED):
        raise invalid(
            f"GlobalTableSettingsReplicationMode can only be {ENABLED} or {DISABLED} for a table that has no replicas"
        )
    return asked


def _classified(table: TableRecord, wanted: str, now_ms: int) -> TableRecord:
    recent = tuple(at_ms for at_ms in table.class_changes_ms if now_ms - at_ms < CLASS_CHANGES_WITHIN_MS)
    if len(recent) >= CLASS_CHANGES_MAX:
        raise LimitExceededException(
            f"Subscriber limit exceeded: Updates to TableClass are limited to {CLASS_CHANGES_MAX} times in 30 day(s)."
        )
    if wanted == (table.table_class or "STANDARD"):
        return table
    return replace(table, table_class=wanted, table_class_changed_at_ms=now_ms, class_changes_ms=(*recent, now_ms))


def _stream(request: dict, table: TableRecord) -> str | None:
    asked = request.get("StreamSpecification")
    if asked is None:
        return None
    view = stream_view(asked)
    if view and table.stream is not None:
        raise ValidationException(f"Table already has an enabled stream: TableName: {table.name}")
    if not view and table.replicas and not table.is_strong:
        raise invalid("Disabling Stream is not allowed for a Global Table replica.")
    if not view and table.stream is None:
        raise ValidationException(f"Table has no stream to disable: TableName: {table.name}")
    return view


def stream_view(asked: dict, *, is_new: bool = False) -> str:
    """The StreamViewType of a StreamSpecification; "" where it is disabled. is_new: of CreateTable."""
    view = asked.get("StreamViewType")
    if asked["StreamEnabled"]:
        if view is None:
            raise invalid(
                "Table is being created with a stream enabled, UpdateViewType is required"
                if is_new
                else "If stream is being enabled then UpdateViewType is required"
            )
        return view
    if view is not None:
        raise invalid(
            "Table is being created with a stream disabled, UpdateViewType should not be specified"
            if is_new
            else "If stream is being disabled, then UpdateViewType must not be specified"
        )
    return ""


def _encryption(request: dict, table: TableRecord) -> tuple[TableRecord, bool]:
    asked = request.get("SSESpecification")
    if asked is None:
        return table, False
    key, encrypts = encryption_of(asked)
    if table.members and encrypts:
        raise invalid("Multi-account global tables do not support AWS managed keys")
    if key is None and not encrypts and table.encryption is None:
        raise invalid("Table is already encrypted by default")
    if key is not None and key == table.encryption and not request.get("ReplicaUpdates"):
        raise invalid(
            "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change "
            "Master Key"
        )
    return replace(table, encryption=key), encrypts


def encryption_of(asked: dict) -> tuple[Encryption | None, bool]:
    """The customer's key, and whether it is KMS's own key for DynamoDB; neither: the key that DynamoDB owns.

    A kind of encryption without Enabled asks for it.
    """
    key, kind = asked.get("KMSMasterKeyId"), asked.get("SSEType")
    if kind == "AES256":
        raise invalid("SSEType AES256 is not supported")
    if asked.get("Enabled") is False:
        for name, given in (("SSEType", kind), ("KMSMasterKeyId", key)):
            if given is not None:
                raise invalid(f"{name} can not be specified if Enabled is false")
    if key is not None and kind is None:
        raise invalid("SSEType KMS is required if KMSMasterKeyId is specified")
    if not asked.get("Enabled") and kind is None:
        return None, False
    return (None, True) if key is None else (Encryption(key), False)


def _defined(request: dict, table: TableRecord) -> dict[str, str]:
    """AttributeDefinitions; those that the table has stay what they are."""
    defined = schemas.attribute_types(request.get("AttributeDefinitions") or [])
    for name, kind in defined.items():
        had = table.attribute_types.get(name)
        if had is not None and had != kind:
            raise invalid(
                "Attributes cannot be redefined. Please check that your attribute has the same type as previously "
                f"defined. Existing schema: Schema:[SchemaElement: key{{{name}:{had}:HASH}}] "
                f"New schema: Schema:[SchemaElement: key{{{name}:{kind}:HASH}}]"
            )
    return defined


def _check_new_name(table: TableRecord, name: str) -> None:
    if table.index(name) is not None or table.vector_index(name) is not None:
        raise ValidationException("Attempting to create an index which already exists")


def _check_none_online(table: TableRecord, but_for: str = "") -> None:
    """Raise LimitExceededException while an index, global or vector, is being made or deleted."""
    others = (index for index in (*table.indexes, *table.vector_indexes) if index.name != but_for)
    if any(other.status in ("CREATING", "DELETING") for other in others):
        raise LimitExceededException(ONE_ONLINE)


def _vector_created(request: dict, table: TableRecord, asked: dict) -> tuple[TableRecord, VectorIndex]:
    defined = _defined(request, table)
    _check_new_name(table, asked["IndexName"])
    vector_schemas.check_billing(table.billing)
    # As of a global index, its attributes are to be defined in the request, known or not.
    index = vector_schemas.new_index(asked, defined)
    if index.attribute in table.attribute_types:
        raise invalid(f"Conflicting attribute definition for '{index.attribute}'.")
    _check_none_online(table)
    if len(table.vector_indexes) >= VECTOR_INDEXES_MAX:
        raise LimitExceededException(
            f"Subscriber limit exceeded: Number of vector secondary indexes exceeds per-table limit of {VECTOR_INDEXES_MAX}"
        )
    vector_schemas.check_together([*table.vector_indexes, index])
    return replace(table, attribute_types=table.attribute_types | index.types), index


def _vector_dropped(table: TableRecord, name: str) -> str:
    index = table.vector_index(name)
    if index is None:
        raise ResourceNotFoundException(f"Requested resource not found: Index {name} for table {table.name}")
    if index.status == "CREATING" and not index.is_backfilling:
        raise ResourceInUseException(
            "Attempt to change a resource which is still in use: Index creation is in resource allocation phase. Retry "
            f"deletion during backfilling phase or when the index is active. Table: {table.name} Index: {name}"
        )
    _check_none_online(table, but_for=name)
    return name


def _created(request: dict, table: TableRecord, asked: dict) -> tuple[TableRecord, SecondaryIndex]:
    defined = _defined(request, table)
    name = asked["IndexName"]
    _check_new_name(table, name)
    if not defined:
        raise invalid(f"AttributeDefinitions is not specified for index: {name}")
    if table.billing == schemas.PROVISIONED and asked.get("ProvisionedThroughput") is None:
        raise invalid(f"Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: {name}")
    if table.billing == schemas.ON_DEMAND and asked.get("ProvisionedThroughput") is not None:
        raise invalid(
            f"Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {name} when BillingMode is "
            "PAY_PER_REQUEST"
        )
    # The index's attributes are to be defined in the request, known or not.
    index = schemas.new_global_index(asked, defined, table.billing)
    types = table.attribute_types | defined
    _check_none_online(table)
    if len(table.global_indexes) >= GLOBAL_INDEXES_MAX:
        raise LimitExceededException(
            "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of "
            f"{GLOBAL_INDEXES_MAX}"
        )
    schemas.check_together([*table.indexes, index])
    used = {name: kind for name, kind in types.items() if name in table.attribute_types or name in index.key_names}
    return replace(table, attribute_types=used), index


def _existing(table: TableRecord, name: str, action: str) -> SecondaryIndex:
    index = table.index(name)
    if index is None:
        raise ResourceNotFoundException(f"Requested resource not found: Index {name} for table {table.name}")
    if index.is_local:
        raise ValidationException(f"Cannot {action} an index that is not a GlobalSecondaryIndex: {name}")
    return index


def _updated(table: TableRecord, asked: dict, now_ms: int, *, is_new_mode: bool) -> TableRecord:
    """`is_new_mode`: the table changes its billing in the same request."""
    index = _existing(table, asked["IndexName"], "update")
    name = index.name
    has = [key for key in ("ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput") if asked.get(key)]
    if table.billing == schemas.ON_DEMAND and (not has or "ProvisionedThroughput" in has):
        raise invalid(
            f"The only Updates for index: {name} when TableThroughputMode is PAY_PER_REQUEST can be to "
            "OnDemandThroughput, WarmThroughput"
        )
    if not has or (is_new_mode and table.billing == schemas.PROVISIONED and "ProvisionedThroughput" not in has):
        raise invalid(f"ProvisionedThroughput must be specified for index: {name}")
    changed = index
    if "ProvisionedThroughput" in has:
        wanted = schemas.throughput_of(asked, table.billing, index=name)
        had = index.throughput or Throughput(0, 0)
        changed = replace(index, throughput=wanted if is_new_mode else _moved(had, wanted, now_ms, name))
        if not is_new_mode:
            changed = _still_warm(table, index, changed)
    limits = schemas.on_demand_of(asked, table.billing, index=name, had=changed.on_demand, is_new=False)
    changed = replace(changed, on_demand=limits)
    now = schemas.warm_now(table.billing, changed.warm, changed.throughput)
    warm = schemas.changed_warm(asked, now, index=name)
    changed = replace(changed, status="UPDATING" if index.status == "ACTIVE" else index.status)
    return with_index(table, changed if warm is None else replace(changed, warm=warm))


def with_index(table: TableRecord, index: SecondaryIndex) -> TableRecord:
    return replace(table, indexes=tuple(index if old.name == index.name else old for old in table.indexes))
