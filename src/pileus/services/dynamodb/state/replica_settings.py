"""Replicas are made and changed: the replica actions of UpdateTable, and what of one replica the others follow.

Billing, capacity, indexes, TTL and the kind of encryption are the same everywhere, but for what a replica overrides;
protection, recovery, tags and policies are each replica's own.

Source: API reference, UpdateTable, CreateReplicationGroupMemberAction, UpdateReplicationGroupMemberAction; developer
guide, "How DynamoDB global tables work" ("Settings synchronization"). The texts about the local region, write capacity,
keys and sources are those of recorded answers; the others are as near as we know.
"""

import re

from msgspec.structs import replace

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import OF_STRONG, ResourceInUseException, invalid
from pileus.services.dynamodb.state import indexes, quotas, rights, scaling, streams, ttl, vectors
from pileus.services.dynamodb.state.encryption import own_key
from pileus.services.dynamodb.state.records import (
    STRONG,
    TABLES,
    Encryption,
    IndexOverride,
    OnDemandLimits,
    Overrides,
    SecondaryIndex,
    TableRecord,
    Throughput,
    check_room,
)
from pileus.services.dynamodb.state.replicas import FILL, FILLS, Fill, others
from pileus.store.transaction import Transaction

VIEW_TYPE = "NEW_AND_OLD_IMAGES"
"""Of the stream that a table gets with its first replica; one that it has stays as it is, and its replicas have such."""
_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-\d{1,2}")


def named(tx: Transaction, table: TableRecord, region: str) -> TableRecord:
    """The replica of another region. Raises ValidationException."""
    _check_elsewhere(table, region)
    if region not in table.replicas:
        raise ValidationException(
            "Update global table operation failed because one or more replicas were not part of the global table. "
            f"Please retry the request without these replicas: [{region}]."
        )
    found = TABLES.get(tx, *table.address_in(region))
    assert found is not None
    return found


def _check_elsewhere(table: TableRecord, region: str) -> None:
    if region == table.region:
        raise ValidationException(
            "Cannot add or delete the local region through ReplicaUpdates. Use CreateTable, DeleteTable, or UpdateTable "
            "as required."
        )


# Replicas are made and changed


def begin_strong(tx: Transaction, table: TableRecord, witness: tuple[str, str] | None) -> TableRecord:
    """Let the table, whose replicas are made now, be one of strong consistency. Raises ValidationException.

    witness   (Create, region) where a region keeps no table
    """
    if indexes.numbers(tx, table.id)[0]:
        raise ValidationException(f"The table must be empty when creating a global table {OF_STRONG}.")
    region = "" if witness is None else witness[1]
    table = replace(table, consistency=STRONG, witness=region, witness_status="CREATING" if region else "")
    TABLES.put(tx, table)
    return table


def end_witness(tx: Transaction, table: TableRecord) -> TableRecord:
    """The witness goes, together with the replicas."""
    for member in (table, *others(tx, table)):
        TABLES.put(tx, replace(member, witness_status="DELETING"))
    return replace(table, witness_status="DELETING")


MIRROR = "dynamodb.mirror-scaling"
"""The event that auto scaling of writes is to be set for a new replica, or a new index: see auto_scaling.py."""


def create(tx: Transaction, table: TableRecord, asked: dict, scaled: frozenset[str]) -> TableRecord:
    """Begin to make a replica and to fill it; until that is done it is CREATING and takes no requests.

    asked    CreateReplicationGroupMemberAction
    scaled   of a table of provisioned capacity, what has write capacity that scales: auto_scaling.scaled_writes
    returns  the changed record of `table`, which is in the store already
    """
    region = asked["RegionName"]
    _check_elsewhere(table, region)
    if not _REGION.fullmatch(region):
        raise ValidationException(f"Region {region} is not supported.")
    if TABLES.get(tx, table.account, region, table.name) is not None:
        raise ValidationException(
            f"Failed to create a the new replica of table with name: '{table.name}' because one or more replicas "
            "already existed as tables."
        )
    check_scales(table, scaled)
    if any(index.status != "ACTIVE" for index in (*table.global_indexes, *table.vector_indexes)):
        raise ResourceInUseException("The resource which you are attempting to change is in use.")
    check_room(tx, table.address._replace(region=region))
    group = others(tx, table)
    table = replace(table, sourced_at_ms=tx.now_ms, settings_mode="")
    if table.stream is None and not table.is_strong:
        table = streams.open_stream(tx, table, VIEW_TYPE)
    replica = _overridden(replica_of(tx, table, region), asked)
    quotas.check(tx, None, replica)
    replica = replace(replica, encryption=_encryption(table, replica, asked.get("KMSMasterKeyId")))
    if table.stream is not None:
        replica = streams.open_stream(tx, replica, table.stream.view_type)
    TABLES.put(tx, replica)
    for member in (table, *group):
        TABLES.put(tx, replace(member, replicas=(*member.replicas, region)))
    FILLS.put(tx, Fill(replica.id, table.id))
    tx.wake_at(tx.now_ms, FILL, str(replica.id))
    mirror_scaling(tx, table, replica=region)
    return replace(table, replicas=(*table.replicas, region))


def check_scales(table: TableRecord, scaled: frozenset[str]) -> None:
    """Raise ValidationException where writes don't scale, as a global table's must."""
    if table.billing != "PAY_PER_REQUEST" and "" not in scaled:
        raise ValidationException("Table write capacity should either be Pay-Per-Request or AutoScaled.")
    check_indexes_scale(table, scaled)


def mirror_scaling(tx: Transaction, table: TableRecord, **of: str) -> None:
    """Let auto scaling of writes be set for a new replica (its region), or a new index (its name), of provisioned capacity."""
    if table.billing != "PAY_PER_REQUEST":
        tx.emit(MIRROR, {"table": list(table.address), **of})


def check_indexes_scale(table: TableRecord, scaled: frozenset[str]) -> None:
    """Raise ValidationException where the writes of a global index don't scale, as a global table's must."""
    if table.billing != "PAY_PER_REQUEST" and any(index.name not in scaled for index in table.global_indexes):
        raise ValidationException("GSI write capacity should either be Pay-Per-Request or AutoScaled.")


def index_created(tx: Transaction, table: TableRecord, index_name: str) -> None:
    """A global table of provisioned capacity has a new index: its writes scale, too."""
    if table.replicas:
        mirror_scaling(tx, table, index=index_name)


def replica_of(tx: Transaction, table: TableRecord, region: str) -> TableRecord:
    """A replica's record: the table's, without what each replica has for itself."""
    return replace(
        table,
        region=region,
        id=tx.next_sequence(),
        uuid=tx.ids.uuid(),
        created_at_ms=tx.now_ms,
        status="CREATING",
        indexes=indexes.made(tx, table.indexes),
        vector_indexes=vectors.made(tx, table.vector_indexes),
        is_protected=False,
        tags={},
        policy=None,
        stream=None,
        last_stream=None,
        stream_policies={},
        stream_tags={},
        recovery=None,
        copying=0,
        restored_from=None,
        replicas=(table.region, *table.replicas),
        overrides=Overrides(),
        settling="",
        class_changes_ms=(),
        sourced_at_ms=0,
        insights={},
        is_bound=True,
        leaving=0,
    )


def update(tx: Transaction, table: TableRecord, asked: dict) -> TableRecord:
    """Change what a replica has of its own, and return it. `asked`: UpdateReplicationGroupMemberAction."""
    replica = named(tx, table, asked["RegionName"])
    changed = _overridden(replica, asked)
    if asked.get("KMSMasterKeyId") is not None:
        changed = replace(changed, encryption=_encryption(table, replica, asked["KMSMasterKeyId"]))
    if changed.table_class != replica.table_class:
        changed = replace(changed, table_class_changed_at_ms=tx.now_ms)
    quotas.check(tx, replica, changed)
    changed = replace(changed, status="UPDATING")
    TABLES.put(tx, changed)
    scaling.tell_changes(tx, replica, changed)
    return changed


def _overridden(replica: TableRecord, asked: dict) -> TableRecord:
    """With what the action asks for this replica alone. Raises ValidationException."""
    overrides = replica.overrides
    is_on_demand = replica.billing == "PAY_PER_REQUEST"
    override = _override(asked, is_on_demand)
    table_class = asked.get("TableClassOverride") or overrides.table_class
    overrides = replace(
        overrides,
        read_units=overrides.read_units if override.read_units is None else override.read_units,
        on_demand_read_units=(
            overrides.on_demand_read_units if override.on_demand_read_units is None else override.on_demand_read_units
        ),
        table_class=table_class,
    )
    for wanted in asked.get("GlobalSecondaryIndexes") or ():
        name = wanted["IndexName"]
        index = replica.index(name)
        if index is None or index.is_local:
            raise invalid(f"The table does not have the specified index: {name}")
        had, given = overrides.of_index(name), _override(wanted, is_on_demand)
        changed = IndexOverride(
            had.read_units if given.read_units is None else given.read_units,
            had.on_demand_read_units if given.on_demand_read_units is None else given.on_demand_read_units,
        )
        overrides = replace(overrides, indexes={**overrides.indexes, name: changed})
    return _applied(replace(replica, overrides=overrides))


def _override(asked: dict, is_on_demand: bool) -> IndexOverride:
    provisioned = (asked.get("ProvisionedThroughputOverride") or {}).get("ReadCapacityUnits")
    on_demand = (asked.get("OnDemandThroughputOverride") or {}).get("MaxReadRequestUnits")
    if provisioned is not None and is_on_demand:
        raise invalid("ProvisionedThroughputOverride can only be specified when BillingMode is PROVISIONED")
    if on_demand is not None and not is_on_demand:
        raise invalid("OnDemandThroughputOverride can only be specified when BillingMode is PAY_PER_REQUEST")
    if on_demand is not None and (on_demand == 0 or on_demand < -1):
        raise invalid("MaxReadRequestUnits must be a positive number or -1")
    return IndexOverride(provisioned, on_demand)


def _applied(replica: TableRecord) -> TableRecord:
    """With its overrides over what it follows."""
    own = replica.overrides
    is_on_demand = replica.billing == "PAY_PER_REQUEST"
    applied = []
    for index in replica.indexes:
        of_index = own.of_index(index.name)
        applied.append(
            replace(
                index,
                throughput=None if index.throughput is None else _read_over(index.throughput, of_index.read_units),
                on_demand=_limited(index.on_demand, of_index.on_demand_read_units) if is_on_demand else None,
            )
        )
    return replace(
        replica,
        throughput=_read_over(replica.throughput, own.read_units),
        on_demand=_limited(replica.on_demand, own.on_demand_read_units) if is_on_demand else None,
        table_class=own.table_class or replica.table_class,
        indexes=tuple(applied),
    )


def _read_over(throughput: Throughput, read_units: int | None) -> Throughput:
    # An on-demand table has no units; the override waits for the day that it has.
    if read_units is None or throughput.write_units == 0:
        return throughput
    return replace(throughput, read_units=read_units)


def _limited(limits: OnDemandLimits | None, read_units: int | None) -> OnDemandLimits | None:
    if read_units is None:
        return limits
    return OnDemandLimits(read_units, None if limits is None else limits.write_units)


def _encryption(table: TableRecord, replica: TableRecord, key: str | None) -> Encryption | None:
    """What a replica is encrypted with: the kind is the table's, the customer's key is each region's own."""
    if key is not None:
        if table.encryption is None:
            raise invalid("KMSMasterKeyId can only be specified for replicas of a table that is encrypted with KMS")
        return Encryption(key)
    if table.encryption is None:
        return None
    if table.encryption != own_key(table.address):
        raise invalid("KMSMasterKeyId must be specified for each replica.")
    return own_key(replica.address)


# The others follow


def with_own(before: TableRecord, after: TableRecord) -> TableRecord:
    """What a replica overrides of reads follows a change of its own reads, or the next change of another one would undo it."""
    own = after.overrides
    if own.read_units is not None and after.throughput.read_units != before.throughput.read_units:
        own = replace(own, read_units=after.throughput.read_units)
    for index in after.global_indexes:
        had, has = before.index(index.name), own.of_index(index.name)
        if has.read_units is not None and had is not None and _reads(index) != _reads(had):
            own = replace(own, indexes={**own.indexes, index.name: replace(has, read_units=_reads(index))})
    return replace(after, overrides=own)


def _pinned(before: TableRecord, after: TableRecord, other: TableRecord) -> TableRecord:
    """Reads that one region scales are its own: the others keep theirs, as overrides."""
    own = other.overrides
    if own.read_units is None and after.throughput.read_units != before.throughput.read_units:
        own = replace(own, read_units=other.throughput.read_units)
    for index in after.global_indexes:
        had, has = before.index(index.name), own.of_index(index.name)
        if has.read_units is None and had is not None and _reads(index) != _reads(had):
            kept = replace(has, read_units=_reads(other.index(index.name)))
            own = replace(own, indexes={**own.indexes, index.name: kept})
    return replace(other, overrides=own)


def _reads(index: SecondaryIndex) -> int | None:
    return None if index.throughput is None else index.throughput.read_units


def follow(
    tx: Transaction, before: TableRecord, after: TableRecord, updates: dict[str, dict], *, scales: bool = False
) -> list[TableRecord]:
    """Bring what UpdateTable changed of one replica to the others; returns those that changed.

    updates  region -> UpdateReplicationGroupMemberAction of the same request, which may name the region's key
    scales   it was auto scaling that changed it: the others' reads stay

    Billing, capacity, indexes, TTL and the kind of encryption are the same everywhere, but for what a replica overrides;
    protection, recovery, tags and policies are each replica's own, and where replicas are of several accounts, class and
    encryption as well. Source: "Settings synchronization", see above; "Non-Synchronized Settings" of multi-account tables.
    """
    changed = []
    for other in others(tx, after):
        followed = _followed(tx, before, after, _pinned(before, after, other) if scales else other)
        if after.encryption != before.encryption and not after.members:
            key = updates.get(other.region, {}).get("KMSMasterKeyId")
            followed = replace(followed, encryption=_encryption(after, other, key))
        if followed != other:
            quotas.check(tx, other, followed)
            followed = replace(followed, status="UPDATING")
            TABLES.put(tx, followed)
            scaling.tell_changes(tx, other, followed)
            changed.append(followed)
    return changed


def _followed(tx: Transaction, before: TableRecord, after: TableRecord, other: TableRecord) -> TableRecord:
    new: dict = {}
    if after.billing != before.billing:
        new |= {"billing": after.billing, "billing_changed_at_ms": after.billing_changed_at_ms}
    if after.warm != before.warm:
        new["warm"] = after.warm
    if after.table_class != before.table_class and not other.overrides.table_class and not after.members:
        new["table_class"] = after.table_class
        new["table_class_changed_at_ms"] = after.table_class_changed_at_ms
    if after.attribute_types != before.attribute_types:
        new["attribute_types"] = after.attribute_types
    new["throughput"] = _moved(before.throughput, after.throughput, other.throughput)
    new["on_demand"] = after.on_demand if after.on_demand != before.on_demand else other.on_demand
    new["indexes"] = tuple(_followed_index(tx, before, index, other) for index in after.indexes)
    if after.vector_indexes != before.vector_indexes:
        new["vector_indexes"] = vectors.followed(tx, after, other)
    return _applied(replace(other, **new))


def _followed_index(tx: Transaction, before: TableRecord, index: SecondaryIndex, other: TableRecord) -> SecondaryIndex:
    was, has = before.index(index.name), other.index(index.name)
    if was is None or has is None:
        return replace(index, id=tx.next_sequence(), status="CREATING")
    if index.is_local or index == was:
        return has
    return replace(
        has,
        status="DELETING" if index.status == "DELETING" else has.status,
        throughput=_moved(was.throughput, index.throughput, has.throughput),
        on_demand=index.on_demand if index.on_demand != was.on_demand else has.on_demand,
        warm=index.warm if index.warm != was.warm else has.warm,
    )


def _moved(was: Throughput | None, now: Throughput | None, has: Throughput | None) -> Throughput | None:
    """What a replica has once another one's throughput has changed. Reads that were not changed stay the replica's."""
    if now == was or now is None:
        return has
    is_same_read = was is not None and has is not None and now.read_units == was.read_units
    return replace(now, read_units=has.read_units) if is_same_read else now


def set_ttl(tx: Transaction, address: Address, attribute: str, enable: bool) -> TableRecord:
    """Turn TTL on or off, in all regions. Raises as ttl.set_ttl and rights.check_settings, and for a table of strong
    consistency, which has none."""
    found = TABLES.get(tx, *address)
    if found is not None and found.is_strong:
        raise invalid(f"Time to live is not supported for global tables {OF_STRONG}.")
    if found is not None:
        rights.check_settings(tx, found)
    table = ttl.set_ttl(tx, address, attribute, enable)
    for other in others(tx, table):
        ttl.turn(tx, other, attribute, enable)
    return table
