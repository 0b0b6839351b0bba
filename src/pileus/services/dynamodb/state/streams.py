"""DynamoDB Streams: what a table's stream keeps of each change.

While nobody has written this chapter, no stream can be opened (501), so there is nothing to record.
"""

from pileus.kernel.errors import NotImplementedByUs
from pileus.services.dynamodb.state.records import Cause, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.store.transaction import Transaction


def open_stream(tx: Transaction, table: TableRecord, view_type: str) -> TableRecord:
    """Give the table a new stream; returns the changed record, which the caller puts."""
    raise NotImplementedByUs("DynamoDB Streams (StreamSpecification)")


def close_stream(tx: Transaction, table: TableRecord) -> TableRecord:
    """End the table's stream; what it holds stays readable for 24 hours. Returns the changed record."""
    raise NotImplementedByUs("DynamoDB Streams (StreamSpecification)")


def record(tx: Transaction, table: TableRecord, old: Item | None, new: Item | None, cause: Cause) -> None:
    """Add a record of the change to the table's stream. Called only while it has one, and only where old != new."""


def table_deleted(tx: Transaction, table: TableRecord) -> None:
    """The table goes: close its stream. The record is deleted by the caller."""


def listed(tx: Transaction, account: str, region: str, table_name: str) -> list[dict]:
    """The streams there are, as ListStreams gives them; `table_name`: of this table alone, or "" for all."""
    return []
