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
    """Make the item at `suffix`, which is `old`, `new`; None: there is none. Everything that follows from it, too.

    suffix                rows.suffix_of either
    old_bytes, new_bytes  their sizes, where the caller knows them
    """
    if old is None and new is None:
        return
    if old == new:
        return  # nothing to write, and a put that changes nothing makes no stream record
    old_bytes = (0 if old is None else item_bytes(old)) if old_bytes is None else old_bytes
    new_bytes = (0 if new is None else item_bytes(new)) if new_bytes is None else new_bytes
    if new is None:
        rows.delete(tx, table, suffix)
    else:
        rows.put(tx, table, suffix, new, new_bytes)
    indexes.count(tx, table.id, (new is not None) - (old is not None), new_bytes - old_bytes)
    for index in table.live_indexes:
        indexes.move(tx, table, index, suffix, old, new)
    if table.expires_by:
        ttl.move(tx, table, suffix, old, new)
    if table.stream is not None:
        streams.record(tx, table, old, new, cause)
    if table.has_history:
        history.keep(tx, table, suffix, old)
    if table.replicas:
        replicas.replicate(tx, table, suffix, old, new, cause)
