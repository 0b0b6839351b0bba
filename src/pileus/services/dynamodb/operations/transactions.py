"""TransactGetItems and TransactWriteItems."""

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb import meter, throttle
from pileus.services.dynamodb.addresses import of_name
from pileus.services.dynamodb.errors import TransactionCanceledException
from pileus.services.dynamodb.expressions import bind
from pileus.services.dynamodb.parameters import (
    capacities_out,
    collection_metrics,
    consumed_together,
    digest_of,
    shows_failed,
    wants_metrics,
)
from pileus.services.dynamodb.state import capacity, items, transactions
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.items import Write
from pileus.services.dynamodb.state.records import TRANSACTION_BYTES_MAX
from pileus.services.dynamodb.values import read_item

ACTIONS = ("ConditionCheck", "Put", "Delete", "Update")
_KINDS = {"ConditionCheck": "check", "Put": "put", "Delete": "delete", "Update": "update"}
_SHOWN_IN_ANSWERS = ("ReturnConsumedCapacity", "ReturnItemCollectionMetrics")


async def transact_get_items(call: Call, request: dict) -> dict:
    """Up to 100 items as they all are at one moment.

    request  TransactGetItemsInput
    errors   ResourceNotFoundException, TransactionCanceledException, ValidationException
    source   DynamoDB API reference, TransactGetItems
    """
    gets, projections, named = [], [], []
    for asked in request["TransactItems"]:
        wanted = asked["Get"]
        projections.append(bind(wanted, "ProjectionExpression").projection)
        gets.append((of_name(call, wanted["TableName"]), read_item(wanted["Key"])))
        named.append(wanted["TableName"])
    await throttle.admit_together(call, [address for address, _ in gets], throttle.READ, [key for _, key in gets])
    found = await call.read(transactions.read, gets)
    if sum(size_bytes for _, _, size_bytes in found) > TRANSACTION_BYTES_MAX:
        raise TransactionCanceledException(
            [{"Code": "ValidationError", "Message": "Collection of items size cannot exceed 4MB"} for _ in found]
        )
    responses = []
    by_table: dict[str, tuple] = {}
    for name, (_, key), (table, item, size_bytes), projection in zip(named, gets, found, projections, strict=True):
        shown = item if item is None or projection is None else projection.of(item)
        responses.append({} if shown is None else {"Item": shown})
        units = capacity.read_units(size_bytes, True, in_transaction=True)
        by_table.setdefault(name, (table, Consumed()))[1].table += units
        meter.accessed(call, table, [(key, units)])
    return {"Responses": responses} | capacities_out(call, request, by_table, throttle.READ, "Read")


async def transact_write_items(call: Call, request: dict) -> dict:
    """Put, update, delete and check up to 100 items, all or none.

    request  TransactWriteItemsInput. With a ClientRequestToken the same transaction is made once in ten minutes
    errors   IdempotentParameterMismatchException, ResourceNotFoundException, TransactionCanceledException,
             ValidationException
    source   DynamoDB API reference, TransactWriteItems; ItemCollectionMetrics are those of "individual UpdateItem, PutItem,
             or DeleteItem operations"
    """
    writes, named = [], []
    for asked in request["TransactItems"]:
        action, wanted = _action_of(asked)
        writes.append((of_name(call, wanted["TableName"]), _write_of(action, wanted)))
        named.append(wanted["TableName"])
    if sum(one.payload_bytes for _, one in writes) > TRANSACTION_BYTES_MAX:
        raise ValidationException("Collection of items size cannot exceed 4MB")
    addresses, items_asked = [address for address, _ in writes], [one.item for _, one in writes]
    await throttle.admit_together(call, addresses, throttle.WRITE, items_asked)
    token = request.get("ClientRequestToken") or ""
    digest = _digest(request) if token else b""
    written, is_made = await call.write(transactions.write, call.account, call.region, writes, token, digest)
    by_table: dict[str, tuple] = {}
    for name, one in zip(named, written, strict=True):
        consumed = consumed_together(one, is_made)
        by_table.setdefault(name, (one.table, Consumed()))[1].add(consumed)
        if is_made:
            meter.wrote(call, one, consumed)
    answer = capacities_out(
        call, request, by_table, throttle.WRITE if is_made else throttle.READ, "Write" if is_made else "Read"
    )
    if wants_metrics(request):
        metrics: dict[str, list[dict]] = {}
        for name, one, (_, asked) in zip(named, written, writes, strict=True):
            if one.table.local_indexes and asked.kind != "check":  # which affects no collection
                metrics.setdefault(name, []).append(await call.read(collection_metrics, one.table, asked.item))
        if metrics:
            answer["ItemCollectionMetrics"] = metrics
    return answer


def _action_of(asked: dict) -> tuple[str, dict]:
    given = [action for action in ACTIONS if asked.get(action) is not None]
    if len(given) != 1:
        raise ValidationException(
            "TransactItems can only contain one of Check, Put, Update or Delete"
            if given
            else "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request"
        )
    return given[0], asked[given[0]]


def _write_of(action: str, wanted: dict) -> Write:
    bound = bind(wanted, "UpdateExpression", "ConditionExpression")
    if action == "Put":
        return items.put_of(wanted["Item"], bound.condition, shows_failed(wanted))
    return Write(_KINDS[action], read_item(wanted["Key"]), 0, bound.condition, bound.update, shows_failed(wanted))


def _digest(request: dict) -> bytes:
    return digest_of({name: value for name, value in request.items() if name not in _SHOWN_IN_ANSWERS})
