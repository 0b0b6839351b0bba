"""What several operations read of their requests, and say in their answers."""

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.state import capacity, indexes
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.items import Written
from pileus.services.dynamodb.state.keys import key_of
from pileus.services.dynamodb.state.records import TableRecord
from pileus.store.transaction import Transaction

GB = 1 << 30


def return_values(request: dict, *allowed: str) -> str:
    """ReturnValues, NONE where it isn't given. `allowed`: besides NONE."""
    wanted = request.get("ReturnValues") or "NONE"
    if wanted != "NONE" and wanted not in allowed:
        raise ValidationException("Return values set to invalid value")
    return wanted


def shows_failed(request: dict) -> bool:
    return request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"


def detail_of(request: dict) -> str:
    """TOTAL or INDEXES where the request wants to know what it consumed, else ""."""
    wanted = request.get("ReturnConsumedCapacity")
    return "" if wanted is None or wanted == "NONE" else wanted


def consumed_by(written: Written, *, in_transaction: bool = False) -> Consumed:
    return capacity.of_write(
        written.table,
        written.suffix,
        written.old,
        written.new,
        written.old_bytes,
        written.new_bytes,
        in_transaction=in_transaction,
    )


def collection_metrics(tx: Transaction, table: TableRecord, item: dict) -> dict:
    """ItemCollectionMetrics of the collection that the item is in: the estimate is a whole gigabyte wide."""
    whole = indexes.collection_bytes(tx, table, item) / GB
    key = key_of(table, item)
    return {
        "ItemCollectionKey": {table.hash_name: key[table.hash_name]},
        "SizeEstimateRangeGB": [float(int(whole)), float(int(whole) + 1)],
    }


def wants_metrics(request: dict) -> bool:
    return request.get("ReturnItemCollectionMetrics") == "SIZE"
