"""Tables: create, find, change, delete."""

from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import ResourceNotFoundException
from pileus.services.dynamodb.state.records import TABLES, TableRecord
from pileus.store.transaction import Transaction


def find(tx: Transaction, address: Address) -> TableRecord | None:
    return TABLES.get(tx, *address)


def require(tx: Transaction, address: Address) -> TableRecord:
    """A table whose items can be read and written. Raises ResourceNotFoundException."""
    table = TABLES.get(tx, *address)
    if table is None or table.status in ("CREATING", "DELETING"):
        raise ResourceNotFoundException("Requested resource not found")
    return table


def by_id(tx: Transaction, table_id: int) -> TableRecord | None:
    return TABLES.by_id.first(tx, table_id)
