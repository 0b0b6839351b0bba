"""History: what items were before, while point-in-time recovery is on or a backup or export is being copied.

While nobody has written this chapter, neither can be begun (501), so there is nothing to keep.
"""

from pileus.services.dynamodb.state.records import TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.store.transaction import Transaction


def keep(tx: Transaction, table: TableRecord, suffix: bytes, old: Item | None) -> None:
    """Note that the item at `suffix` was `old` (None: not there) until now. Called only while table.has_history."""


def table_deleted(tx: Transaction, table: TableRecord) -> None:
    """The table goes: its history goes too, but for what a system backup keeps."""
