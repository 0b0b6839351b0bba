"""Tables: create, find, change, delete, and the statuses they pass through.

A new, changed or deleted table is CREATING, UPDATING or DELETING until a timer that is due at once has run: what a
client that waits for the table sees is what it sees of AWS, only sooner.
"""

from collections.abc import Callable
from itertools import islice

from msgspec.structs import replace

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import (
    NotOneAlone,
    ResourceInUseException,
    ResourceNotFoundException,
    TableNotFound,
)
from pileus.services.dynamodb.state import (
    backups,
    history,
    indexes,
    insights,
    quotas,
    replica_settings,
    replicas,
    rights,
    rows,
    scaling,
    streams,
    ttl,
    vectors,
)
from pileus.services.dynamodb.state.encryption import own_key
from pileus.services.dynamodb.state.records import STRONG, TABLES, SecondaryIndex, TableRecord, check_room
from pileus.store.transaction import Transaction

IN_USE = "Attempt to change a resource which is still in use"
SETTLE = "dynamodb.settle"
"""The timer of a table that is CREATING, UPDATING or DELETING; its key is the table's id."""


def find(tx: Transaction, address: Address) -> TableRecord | None:
    return TABLES.get(tx, *address)


def require(tx: Transaction, address: Address) -> TableRecord:
    """A table whose items can be read and written. Raises ResourceNotFoundException."""
    table = TABLES.get(tx, *address)
    if table is None or table.status in ("CREATING", "DELETING"):
        raise ResourceNotFoundException()
    return table


def named(tx: Transaction, address: Address) -> TableRecord:
    """A table in whatever status. Raises ResourceNotFoundException, which names it."""
    table = TABLES.get(tx, *address)
    if table is None:
        raise TableNotFound(address.name)
    return table


def by_id(tx: Transaction, table_id: int) -> TableRecord | None:
    return TABLES.by_id.first(tx, table_id)


def listed(tx: Transaction, account: str, region: str, *, after: str, limit: int) -> list[TableRecord]:
    """Tables by name."""
    return list(islice(TABLES.scan(tx, account, region, after=after or None), limit))


def create(
    tx: Transaction,
    table: TableRecord,
    new_indexes: list[SecondaryIndex],
    *,
    stream: str = "",
    encrypts: bool = False,
    settles: bool = True,
) -> TableRecord:
    """Make a table of a record without ids.

    stream    the view type of its stream, "" for none
    encrypts  with KMS's own key for DynamoDB
    settles   False: it stays CREATING until whoever fills it says otherwise
    """
    if find(tx, table.address) is not None:
        raise ResourceInUseException(f"Table already exists: {table.name}")
    check_room(tx, table.address)
    table = replace(
        table,
        id=tx.next_sequence(),
        uuid=tx.ids.uuid(),
        created_at_ms=tx.now_ms,
        billing_changed_at_ms=tx.now_ms if table.billing == "PAY_PER_REQUEST" else 0,
        status="CREATING",
        indexes=indexes.made(tx, new_indexes),
        vector_indexes=vectors.made(tx, table.vector_indexes),
    )
    quotas.check(tx, None, table)
    if encrypts:
        table = replace(table, encryption=own_key(table.address))
    if stream:
        table = streams.open_stream(tx, table, stream)
    TABLES.put(tx, table)
    if settles:
        tx.wake_at(tx.now_ms, SETTLE, str(table.id))
    return table


def change(tx: Transaction, address: Address, plan_of: Callable) -> TableRecord:
    """Carry out the plan (changes.Plan) that `plan_of(table, now_ms)` makes of the table as it is."""
    table = named(tx, address)
    if table.status == "UPDATING" and any(index.status == "CREATING" for index in table.vector_indexes):
        plan_of(table, tx.now_ms)  # AWS tells of the vector index before it tells of the table
    check_idle(table)
    replicas.check_idle(tx, table)
    plan = plan_of(table, tx.now_ms)
    before = table
    if plan.brings_settings:
        rights.check_settings(tx, table)
    table = plan.table if plan.is_quiet else replace(plan.table, status="UPDATING")
    if plan.encrypts:
        table = replace(table, encryption=own_key(table.address))
    if plan.stream:
        table = streams.open_stream(tx, table, plan.stream)
    elif plan.stream == "":
        table = streams.close_stream(tx, table)
    table = replica_settings.with_own(before, table)
    if plan.new_index is not None:
        if table.replicas:
            replica_settings.check_indexes_scale(table, plan.scaled)
        replica_settings.index_created(tx, table, plan.new_index.name)
        created = replace(plan.new_index, id=tx.next_sequence(), status="CREATING")
        table = replace(table, indexes=(*table.indexes, created))
    if plan.new_vector_index is not None:
        table = replace(table, vector_indexes=(*table.vector_indexes, *vectors.made(tx, [plan.new_vector_index])))
    quotas.check(tx, before, table)
    if plan.dropped:
        table = _with_status(table, plan.dropped, "DELETING")
    if plan.dropped_vector_index:
        table = vectors.changed(table, plan.dropped_vector_index, status="DELETING")
    TABLES.put(tx, table)
    scaling.tell_changes(tx, before, table)
    tx.wake_at(tx.now_ms, SETTLE, str(table.id))
    updates = {asked["RegionName"]: asked for kind, asked in plan.group.replicas if kind == "Update"}
    for other in replica_settings.follow(tx, before, table, updates, scales=plan.is_scaling):
        tx.wake_at(tx.now_ms, SETTLE, str(other.id))
    if plan.group.consistency == STRONG:
        table = replica_settings.begin_strong(tx, table, plan.group.witness)
    elif plan.group.witness is not None:
        table = replica_settings.end_witness(tx, table)
    for kind, asked in plan.group.replicas:
        if kind == "Create":
            table = replica_settings.create(tx, table, asked, plan.scaled)
        elif kind == "Delete":
            _begin_deletion(tx, replica_settings.named(tx, table, asked["RegionName"]))
        elif kind == "Disassociate":
            table = replicas.begin_leaving(tx, table)
        else:
            changed = replica_settings.update(tx, table, asked)
            tx.wake_at(tx.now_ms, SETTLE, str(changed.id))
    return table


def delete(tx: Transaction, address: Address) -> TableRecord:
    """Begin to delete a table: no item of it can be read from now on. One that is being deleted is no error."""
    table = named(tx, address)
    if table.status == "DELETING":
        return table
    check_idle(table)
    if any(index.status != "ACTIVE" for index in (*table.global_indexes, *table.vector_indexes)):
        raise ResourceInUseException(
            f"{IN_USE}: Cannot delete table while indexes are being created, updated, or deleted."
        )
    replicas.check_idle(tx, table)
    if table.is_strong:
        raise NotOneAlone()
    return _begin_deletion(tx, table)


def _begin_deletion(tx: Transaction, table: TableRecord) -> TableRecord:
    if table.is_protected:
        raise ValidationException(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection "
            "first."
        )
    if table.copying:
        raise ResourceInUseException(f"{IN_USE}: Table is being backed up or restored: {table.name}")
    replicas.check_deletable(tx, table)
    table = replace(table, status="DELETING")
    TABLES.put(tx, table)
    tx.wake_at(tx.now_ms, SETTLE, str(table.id))
    return table


def check_idle(table: TableRecord) -> None:
    """Raise ResourceInUseException while the table is being created, changed or deleted."""
    how = {
        "CREATING": f"Table is being created: {table.name}",
        "UPDATING": f"Table: {table.name} is in the process of being updated.",
        "DELETING": f"Table is being deleted: {table.name}",
    }.get(table.status)
    if how is not None:
        raise ResourceInUseException(f"{IN_USE}: {how}")


def settle(tx: Transaction, key: str) -> None:
    """What a status leads to. The timer's transition."""
    table = by_id(tx, int(key))
    if table is None:
        return
    if table.status == "DELETING":
        # What was written here and is not yet in the other regions goes there first; the last of it wakes us again.
        if replicas.is_drained(tx, table) or table.cut_off_at_ms:
            remove(tx, table)
        return
    if table.leaving and not replicas.is_whole(tx, table):
        table = replace(table, leaving=0)  # it can't: whoever asked sees that it is a replica still
    elif table.leaving:
        if not replicas.can_leave(tx, table):
            return  # the same
        table = replicas.leave(tx, table)
    for index in table.global_indexes:
        if index.status == "DELETING":
            indexes.remove(tx, index)
            table = insights.index_deleted(tx, without_index(table, index), index)
        elif (index.status == "CREATING" and table.status == "CREATING") or index.status == "UPDATING":
            table = _with_status(table, index.name, "ACTIVE")
        elif index.status == "CREATING" and not index.is_backfilling:
            table = indexes.begin_backfill(tx, table, index)
    table = vectors.settle(tx, table)
    is_changing = table.status == "UPDATING" and replicas.is_changing(tx, table)
    witness_status = "ACTIVE" if table.witness_status == "CREATING" else table.witness_status
    status = "UPDATING" if is_changing else "ACTIVE"
    TABLES.put(tx, replace(table, status=status, settling="", witness_status=witness_status))


def without_index(table: TableRecord, index: SecondaryIndex) -> TableRecord:
    """Its attributes are no longer defined, where nothing else needs them."""
    rest = tuple(other for other in table.indexes if other.id != index.id)
    return indexes.with_used_attributes(replace(table, indexes=rest))


def _with_status(table: TableRecord, index_name: str, status: str) -> TableRecord:
    return replace(
        table,
        indexes=tuple(replace(index, status=status) if index.name == index_name else index for index in table.indexes),
    )


def remove(tx: Transaction, table: TableRecord) -> None:
    """Everything of a table, in one step however much there is: ranges of keys."""
    streams.table_deleted(tx, table)
    if table.recovery is not None:
        backups.keep_deleted(tx, table)
    else:
        tx.delete_range(*rows.range_of(rows.table_prefix(table.id)))
    history.table_deleted(tx, table)
    for other in replicas.left(tx, table):
        if other.status == "UPDATING":
            tx.wake_at(tx.now_ms, SETTLE, str(other.id))
    ttl.table_deleted(tx, table)
    insights.table_deleted(tx, table)
    for index in table.indexes:
        indexes.remove(tx, index)
    for vector_index in table.vector_indexes:
        vectors.remove(tx, vector_index)
    indexes.table_deleted(tx, table)
    TABLES.remove(tx, table)
