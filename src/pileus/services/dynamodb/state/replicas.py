"""Global tables: the same table in several regions.

While nobody has written this chapter, no replica can be added (501), so there is nothing to replicate.
"""

from pileus.kernel.errors import NotImplementedByUs
from pileus.services.dynamodb.state.records import Cause, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.store.transaction import Transaction


def replicate(
    tx: Transaction, table: TableRecord, suffix: bytes, old: Item | None, new: Item | None, cause: Cause
) -> None:
    """Send the change to the other regions. Called only while the table has replicas."""


def table_deleted(tx: Transaction, table: TableRecord) -> None:
    """The table of this region goes."""


def change(tx: Transaction, table: TableRecord, update: dict) -> TableRecord:
    """Carry out one ReplicationGroupUpdate of UpdateTable; returns the changed record, which the caller puts."""
    raise NotImplementedByUs("replicas of global tables (ReplicaUpdates)")
