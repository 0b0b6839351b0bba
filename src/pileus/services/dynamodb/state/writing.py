"""`change`: the one way in which an item changes."""

from pileus.services.dynamodb.state import history, indexes, replicas, rows, streams, ttl
from pileus.services.dynamodb.state.records import Cause, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.values.sizes import item_bytes
from pileus.store.transaction import Transaction


def change(
    tx: Transaction,
    table: TableRecord,
    suffix: bytes,
    old: Item | None,
    new: Item | None,
    *,
    cause: Cause = Cause.CLIENT,
    old_bytes: int | None = None,
    new_bytes: int | None = None,
) -> None:
    """Make the item at `suffix`, which is `old`, `new`; None: there is none. And everything that follows from it.

    suffix                rows.suffix_of either
    old_bytes, new_bytes  their sizes, where the caller knows them
    """
    if old == new:
        return  # nothing to write, and a put that changes nothing makes no stream record
    if old is None:
        old_bytes = 0
    elif old_bytes is None:
        old_bytes = item_bytes(old)
    if new is None:
        new_bytes = 0
        rows.delete(tx, table, suffix)
    else:
        if new_bytes is None:
            new_bytes = item_bytes(new)
        rows.put(tx, table, suffix, new, new_bytes)
    indexes.count(tx, table.id, (new is not None) - (old is not None), new_bytes - old_bytes)
    if table.indexes:
        _change_indexes(tx, table, suffix, old, new, old_bytes, new_bytes, cause)
    if table.expires_by:
        ttl.move(tx, table, suffix, old, new)
    if table.stream is not None:
        streams.record(tx, table, old, new, cause)
    if table.has_history:
        history.keep(tx, table, suffix, old)
    if table.replicas:
        replicas.replicate(tx, table, suffix, old, new, cause)


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
