"""What several operations read of their requests, and say in their answers."""

from hashlib import blake2b
from typing import Any

import msgspec

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb import throttle
from pileus.services.dynamodb.state import capacity, indexes
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.items import Written
from pileus.services.dynamodb.state.keys import key_of
from pileus.services.dynamodb.state.records import TableRecord
from pileus.store.transaction import Transaction

GB = 1 << 30
_canonical = msgspec.msgpack.Encoder(order="deterministic").encode


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


def consumed_together(written: Written, is_made: bool) -> Consumed:
    """By a write of a transaction; where its token had made it before, it reads what was written."""
    if is_made:
        return capacity.of_written(written, in_transaction=True)
    return Consumed(capacity.read_units(written.old_bytes, True, in_transaction=True))


def capacities_out(
    call: Call, request: dict, by_table: dict[str, tuple[TableRecord, Consumed]], bucket: str, kind: str = ""
) -> dict:
    """ConsumedCapacity of a request that names many tables, each as it names it; what it consumed is taken from them.

    bucket  READ or WRITE
    kind    see capacity.out
    """
    detail = detail_of(request)
    answers = []
    for named, (table, consumed) in by_table.items():
        throttle.spend(call, table, bucket, consumed)
        if detail:
            answers.append(capacity.out(table, named, consumed, detail, kind=kind))
    return {"ConsumedCapacity": answers} if answers else {}


def digest_of(asked: Any) -> bytes:
    """Of what a transaction asks for, to tell a repeated one from another one with its token."""
    return blake2b(_canonical(asked), digest_size=16).digest()


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
