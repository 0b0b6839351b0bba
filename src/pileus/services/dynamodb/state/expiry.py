"""What TTL's timer does: items whose time has passed are deleted, in bounded steps.

AWS deletes within a few days, Pileus at once: code that filters expired items sees them less often, and no code can rely
on seeing them.
"""

from itertools import islice

from pileus.services.dynamodb.state import replicas, rows, steps, ttl, writing
from pileus.services.dynamodb.state.records import TABLES, Cause
from pileus.store.transaction import Transaction

EXPIRED_AT_ONCE = 100


def expire(tx: Transaction, key: str) -> None:
    """Delete what has expired, and come again when the next does. The timer's transition."""
    table = TABLES.by_id.first(tx, int(key))
    if table is None or not table.expires_by or table.status == "DELETING":
        return
    if not replicas.expires_here(tx, table):
        return  # another replica does, and wakes us should it go
    now_s = tx.now_ms // 1000
    low, high = rows.range_of(ttl.prefix(table))
    gone_bytes = 0
    for entry, _ in list(islice(tx.scan(low, high), EXPIRED_AT_ONCE)):
        at_s, suffix = ttl.parts(entry)
        if at_s > now_s or gone_bytes >= steps.BYTES_AT_ONCE:
            break
        found = rows.row(tx, table, suffix)
        if found is None or at_s < now_s - ttl.OLDEST_S:
            tx.delete(entry)
        else:
            writing.change(tx, table, suffix, found, None, 0, Cause.TTL)
            gone_bytes += found.size_bytes
    following = next(tx.scan(low, high), None)
    if following is not None:
        tx.wake_at(max(tx.now_ms, ttl.parts(following[0])[0] * 1000), ttl.EXPIRE, key)
