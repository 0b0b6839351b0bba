"""`change`: the one way in which an item changes."""

from pileus.services.dynamodb.state import history, indexes, replicas, rows, streams, ttl, vectors
from pileus.services.dynamodb.state.records import Cause, TableRecord
from pileus.services.dynamodb.state.rows import Item, Row
from pileus.store.transaction import Transaction

BROUGHT = "dynamodb.brought"
"""The topic of changes that were brought to a replica which is metered: the fields of items.Written."""


def change(
    tx: Transaction,
    table: TableRecord,
    suffix: bytes,
    old: Row | None,
    new: Item | None,
    new_bytes: int,
    cause: Cause = Cause.CLIENT,
) -> None:
    """Make the item at `suffix`, which is `old`, `new`; None: there is none. And everything that follows from it.

    suffix     rows.suffix_of either
    new_bytes  the size of `new`, 0 where it is None
    """
    if new is None:
        if old is None:
            return
        rows.delete(tx, table, suffix)
    else:
        raw = rows.encode(new, new_bytes)
        # Nothing to write, and a put that changes nothing makes no stream record, in whatever order its attributes are.
        if old is not None and (raw == old.raw or (not table.is_plain and new == old.item)):
            return
        rows.put(tx, table, suffix, raw)
    old_bytes = 0 if old is None else old.size_bytes
    indexes.count(tx, table.id, (new is not None) - (old is not None), new_bytes - old_bytes)
    if not table.is_plain:
        _follow(tx, table, suffix, old, new, old_bytes, new_bytes, cause)


def _follow(
    tx: Transaction,
    table: TableRecord,
    suffix: bytes,
    before: Row | None,
    new: Item | None,
    old_bytes: int,
    new_bytes: int,
    cause: Cause,
) -> None:
    """What a change brings about in a table that isn't plain."""
    old = None if before is None else before.item
    if table.indexes:
        _change_indexes(tx, table, suffix, old, new, old_bytes, new_bytes, cause)
    for vector_index in table.live_vector_indexes:
        vectors.move(tx, table, vector_index, suffix, old, new)
    if table.expires_by:
        ttl.move(tx, table, suffix, old, new)
    if table.stream is not None:
        streams.record(tx, table, old, new, cause)
    if table.has_history:
        history.keep(tx, table, suffix, before)
    if not table.replicas:
        return
    if not table.is_strong:
        replicas.replicate(tx, table, suffix, old, new, cause)
    elif cause is Cause.CLIENT:
        for other in replicas.others(tx, table):
            bring(tx, other, suffix, new, new_bytes)


def bring(tx: Transaction, replica: TableRecord, suffix: bytes, new: Item | None, new_bytes: int) -> None:
    """Let the item be so in a replica, too. One that is being filled has no stream records: nobody could read it then."""
    cause = Cause.RESTORE if replica.status == "CREATING" else Cause.REPLICATION
    before = rows.row(tx, replica, suffix)
    change(tx, replica, suffix, before, new, new_bytes, cause)
    if replica.is_metered:
        tx.tell(BROUGHT, (replica, suffix, before, new, new_bytes))


def _change_indexes(
    tx: Transaction,
    table: TableRecord,
    suffix: bytes,
    old: Item | None,
    new: Item | None,
    old_bytes: int,
    new_bytes: int,
    cause: Cause,
) -> None:
    grown_bytes = new_bytes - old_bytes
    for index in table.live_indexes:
        grew_bytes = indexes.move(tx, table, index, suffix, old, new, old_bytes, new_bytes)
        if index.is_local:
            grown_bytes += grew_bytes
    if table.local_indexes:
        # Only a client can be told that it's too much; a replica has what the others have.
        indexes.grow_collection(tx, table, new or old, grown_bytes, is_limited=cause is Cause.CLIENT)
