"""Point-in-time recovery: on or off, and the window of moments a table can be restored to.

Source: DynamoDB developer guide, "Point-in-time backups for DynamoDB".
"""

from msgspec.structs import replace

from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import TableNotFoundException
from pileus.services.dynamodb.state import history
from pileus.services.dynamodb.state.records import TABLES, Recovery, TableRecord
from pileus.store.transaction import Transaction


def turn(tx: Transaction, address: Address, is_on: bool, period_days: int | None) -> TableRecord:
    """Turn it on or off, or change how far back it reaches. Turned on anew it begins anew."""
    table = TABLES.get(tx, *address)
    if table is None or table.status == "CREATING":
        raise TableNotFoundException(f"Table not found: {address.name}")
    recovery = None
    if is_on:
        recovery = table.recovery or Recovery(tx.now_ms)
        recovery = replace(recovery, period_days=period_days or recovery.period_days)
    changed = replace(table, recovery=recovery)
    if changed != table:
        TABLES.put(tx, changed)
        if table.recovery is None:
            history.begin_recovery(tx, table.id)
        elif recovery is None:
            history.drop_unneeded(tx, changed)
    return changed


def window(recovery: Recovery, now_ms: int) -> tuple[int, int]:
    """The first and the last moment, in ms: up to now, where AWS's last one is some five minutes ago."""
    return max(recovery.enabled_at_ms, now_ms - recovery.period_days * history.DAY_MS), now_ms
