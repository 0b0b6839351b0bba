"""Single items: put, get, update, delete."""

from collections.abc import Awaitable

from pileus.kernel.call import Call
from pileus.services.dynamodb import meter, throttle
from pileus.services.dynamodb.addresses import Address, of_name
from pileus.services.dynamodb.expressions import bind
from pileus.services.dynamodb.parameters import (
    collection_metrics,
    detail_of,
    return_values,
    shows_failed,
    wants_metrics,
)
from pileus.services.dynamodb.state import capacity, items
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.items import Write, Written
from pileus.services.dynamodb.values import read_item


async def delete_item(call: Call, request: dict) -> dict:
    """Delete an item, where it meets the condition; one that isn't there is deleted.

    request  DeleteItemInput. ReturnValues is NONE or ALL_OLD
    errors   ConditionalCheckFailedException, ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, DeleteItem
    """
    wanted = return_values(request, "ALL_OLD")
    bound = bind(request, "ConditionExpression")
    key = read_item(request["Key"])
    written = await _write(call, request, Write("delete", key, 0, bound.condition, None, shows_failed(request)))
    answer = _answer(call, request, written)
    if wanted == "ALL_OLD" and written.old is not None:
        answer["Attributes"] = written.old
    return answer


async def get_item(call: Call, request: dict) -> dict:
    """An item by its key. No "Item" key when there is none.

    request  GetItemInput. Both kinds of reads see what was written before; an eventually consistent one costs half
    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, GetItem
    """
    address = of_name(call, request["TableName"])
    projection = bind(request, "ProjectionExpression").projection
    key = read_item(request["Key"])
    if call.cloud.settings.is_dynamodb_throttle:
        await throttle.admit(call, address, throttle.READ, keys=[key])
    table, item, size_bytes = await call.read(items.get, address, key)
    answer = {}
    if item is not None:
        answer["Item"] = item if projection is None else projection.of(item)
    detail = detail_of(request)
    if detail or throttle.wants_units(call, table):
        consumed = Consumed(capacity.read_units(size_bytes, bool(request.get("ConsistentRead"))))
        throttle.spend(call, table, throttle.READ, consumed)
        meter.accessed(call, table, [(key, consumed.table)])
        if detail:
            answer["ConsumedCapacity"] = capacity.out(table, request["TableName"], consumed, detail)
    return answer


async def put_item(call: Call, request: dict) -> dict:
    """Put an item in the place of what has its key, where that meets the condition.

    request  PutItemInput. ReturnValues is NONE or ALL_OLD
    errors   ConditionalCheckFailedException, ItemCollectionSizeLimitExceededException, ResourceNotFoundException,
             ValidationException
    source   DynamoDB API reference, PutItem
    """
    wanted = return_values(request, "ALL_OLD")
    bound = bind(request, "ConditionExpression")
    asked = items.put_of(request["Item"], bound.condition, shows_failed(request))
    written = await _write(call, request, asked)
    answer = _answer(call, request, written)
    if wanted == "ALL_OLD" and written.old is not None:
        answer["Attributes"] = written.old
    return answer


async def update_item(call: Call, request: dict) -> dict:
    """Change attributes of an item, where it meets the condition; one that isn't there is made.

    request  UpdateItemInput
    returns  UpdateItemOutput. UPDATED_OLD and UPDATED_NEW show what the update names, as deep as it names it
    errors   ConditionalCheckFailedException, ItemCollectionSizeLimitExceededException, ResourceNotFoundException,
             ValidationException
    source   DynamoDB API reference, UpdateItem
    """
    wanted = return_values(request, "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW")
    bound = bind(request, "UpdateExpression", "ConditionExpression")
    key = read_item(request["Key"])
    asked = Write("update", key, 0, bound.condition, bound.update, shows_failed(request))
    written = await _write(call, request, asked)
    answer = _answer(call, request, written)
    if wanted != "NONE":
        shown = written.old if wanted.endswith("_OLD") else written.new
        if shown is not None and wanted.startswith("UPDATED"):
            shown = {} if written.touched is None else written.touched.of(shown)
        if shown:
            answer["Attributes"] = shown
    return answer


def _write(call: Call, request: dict, asked: Write) -> Awaitable[Written]:
    address = of_name(call, request["TableName"])
    if call.cloud.settings.is_dynamodb_throttle:
        return _admitted(call, address, asked)
    return call.write(items.write, address, asked)


async def _admitted(call: Call, address: Address, asked: Write) -> Written:
    await throttle.admit(call, address, throttle.WRITE, keys=[asked.item])
    return await call.write(items.write, address, asked)


def _answer(call: Call, request: dict, written: Written) -> dict:
    """What the four say beside the item, where the request wants to know it."""
    answer = {}
    detail = detail_of(request)
    if detail or throttle.wants_units(call, written.table):
        consumed = capacity.of_written(written)
        throttle.spend(call, written.table, throttle.WRITE, consumed)
        meter.wrote(call, written, consumed)
        if detail:
            answer["ConsumedCapacity"] = capacity.out(written.table, request["TableName"], consumed, detail)
    if wants_metrics(request) and written.table.local_indexes:
        item = written.new or written.old or read_item(request["Key"])
        metrics, call.seen = call.cloud.store.look(collection_metrics, written.table, item)
        answer["ItemCollectionMetrics"] = metrics
    return answer
