"""Time to live: items are deleted once the time in their TTL attribute has passed.

    entry   "dynamodb.ttl\\0"  table id (8)  expiry in seconds (8)  suffix  -> b""

One timer a table is set for its earliest expiry.

Source: DynamoDB developer guide, "Using time to live (TTL) in DynamoDB".
"""

from pileus.services.dynamodb.state.records import TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.store.transaction import Transaction


def move(tx: Transaction, table: TableRecord, suffix: bytes, old: Item | None, new: Item | None) -> None:
    """Keep the item's entry in step. Called only while TTL is on."""
