"""Global tables of several accounts: how a replica joins, and what follows where one no longer lets DynamoDB replicate.

Each replica is another account's and another region's; `TableRecord.members` says whose. Nobody's word reaches further than
their own table: what each replica's policy must let DynamoDB do is in rights.py.

    cut off   a replica whose policy doesn't let DynamoDB read and write. Nothing goes to it and nothing from it; what waits
              for it stays in the others' lines (replicas.py), which are gone through again once it is let back in. After
              20 hours it is a table of its own, and doesn't come back.

Source: developer guide, "DynamoDB multi-account global tables" ("How DynamoDB global tables work", "DynamoDB global tables
security"). AWS documents no texts of its refusals; these are as near as we know.
"""

from msgspec.structs import replace

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import ResourceInUseException, TableNotFound, invalid
from pileus.services.dynamodb.state import quotas, replica_settings, replicas, rights, streams, ttl
from pileus.services.dynamodb.state.encryption import own_key
from pileus.services.dynamodb.state.records import TABLES, TableRecord, check_room
from pileus.services.dynamodb.state.replicas import FILL, FILLS, Fill, others
from pileus.store.transaction import Transaction

ENABLED, DISABLED = "ENABLED", "DISABLED"
"""GlobalTableSettingsReplicationMode of a table of one region, from or to which an account may replicate."""
DROP = "dynamodb.drop-replica"
"""The timer of a replica that is cut off; its key is the table's id."""
KEPT_MS = 20 * 3_600_000


def join(tx: Transaction, source: Address, new: TableRecord, scaled: frozenset[str]) -> TableRecord:
    """Make a replica of a table of another account and begin to fill it; until that is done it is CREATING.

    new      a record without ids, of which the address and what each replica has for itself count
    scaled   of a source of provisioned capacity, what has write capacity that scales: auto_scaling.scaled_writes
    errors   AccessDenied, LimitExceededException, ResourceInUseException, ResourceNotFoundException, ValidationException
    """
    if TABLES.get(tx, *new.address) is not None:
        raise ResourceInUseException(f"Table already exists: {new.name}")
    table = TABLES.get(tx, *source)
    if table is None:
        raise TableNotFound(source.name)
    check_room(tx, new.address)
    group = (table, *others(tx, table))
    _check_joins(group, new)
    replica_settings.check_scales(table, scaled)
    table = replace(table, sourced_at_ms=tx.now_ms, status="UPDATING")
    if table.stream is None:
        table = streams.open_stream(tx, table, replica_settings.VIEW_TYPE)
    replica = replace(
        replica_settings.replica_of(tx, table, new.region),
        account=new.account,
        name=new.name,
        policy=new.policy,
        tags=new.tags,
        table_class=new.table_class,
        is_protected=new.is_protected,
        encryption=new.encryption,
        replicas=tuple(one.region for one in group),
        members={one.region: (one.account, one.name) for one in group},
    )
    rights.check((*group, replica), *rights.DATA, rights.SETTINGS)
    quotas.check(tx, None, replica)
    replica = streams.open_stream(tx, replica, table.stream.view_type)
    TABLES.put(tx, replica)
    for one in (table, *group[1:]):
        members = one.members | {replica.region: (replica.account, replica.name)}
        TABLES.put(tx, replace(one, replicas=(*one.replicas, replica.region), members=members))
    FILLS.put(tx, Fill(replica.id, table.id))
    tx.wake_at(tx.now_ms, FILL, str(replica.id))
    replica_settings.mirror_scaling(tx, table, replica=replica.region)
    return replica


def _check_joins(group: tuple[TableRecord, ...], new: TableRecord) -> None:
    table = group[0]
    if table.replicas and not table.members:
        raise ValidationException(
            "A global table whose replicas are of one account cannot be the source of a multi-account global table"
        )
    if table.settings_mode != ENABLED:
        raise ValidationException(
            f"GlobalTableSettingsReplicationMode must be {ENABLED} for the source table: {table.arn}"
        )
    for one in group:
        if new.account == one.account:
            raise ValidationException("Each replica of a multi-account global table must be in a separate account")
        if new.region == one.region:
            raise ValidationException(f"The multi-account global table already has a replica in region: {one.region}")
    for one in (*group, new):
        if one.encryption is not None and one.encryption == own_key(one.address):
            raise invalid("Multi-account global tables do not support AWS managed keys")
    indexes = (*table.global_indexes, *table.vector_indexes)
    if any(one.status != "ACTIVE" for one in (*group, *indexes)):
        raise ResourceInUseException("The resource which you are attempting to change is in use.")


# What a policy takes away, and gives back


def review(tx: Transaction, table: TableRecord) -> TableRecord:
    """The replica's policy has changed; returns the table as it is then."""
    if not table.members:
        return table
    group = (table, *others(tx, table))
    is_let = all(rights.lets(table, action, by) for action in rights.DATA for by in group)
    if is_let == (not table.cut_off_at_ms):
        return table
    table = replace(table, cut_off_at_ms=0 if is_let else tx.now_ms)
    TABLES.put(tx, table)
    if is_let:
        tx.cancel_wake(DROP, str(table.id))
    else:
        tx.wake_at(tx.now_ms + KEPT_MS, DROP, str(table.id))
    for one in (table, *group[1:]):
        replicas.again(tx, one)
        if one.expires_by:
            tx.wake_at(tx.now_ms, ttl.EXPIRE, str(one.id))
    return table


def drop(tx: Transaction, key: str) -> None:
    """A replica was cut off for too long: it is a table of its own from now on. The timer's transition."""
    table = TABLES.by_id.first(tx, int(key))
    if table is not None and table.cut_off_at_ms and table.status != "DELETING":
        TABLES.put(tx, replicas.leave(tx, table))
