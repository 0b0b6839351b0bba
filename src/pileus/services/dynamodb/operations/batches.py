"""BatchGetItem and BatchWriteItem."""

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError, ValidationException
from pileus.services.dynamodb import meter, throttle
from pileus.services.dynamodb.addresses import Address, of_name
from pileus.services.dynamodb.errors import ResourceNotFoundException, invalid
from pileus.services.dynamodb.expressions import bind, legacy
from pileus.services.dynamodb.parameters import collection_metrics, detail_of, wants_metrics
from pileus.services.dynamodb.state import capacity, items, keys, rows
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.items import Write
from pileus.services.dynamodb.state.records import BATCH_BYTES_MAX, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.tables import require
from pileus.services.dynamodb.values import read_item
from pileus.store.transaction import Transaction

READS_MAX = 100
WRITES_MAX = 25


async def batch_get_item(call: Call, request: dict) -> dict:
    """Up to 100 items of one or more tables; those beyond 16 MB are left in UnprocessedKeys.

    request  BatchGetItemInput
    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, BatchGetItem
    """
    asked = request["RequestItems"]
    if sum(len(wanted["Keys"]) for wanted in asked.values()) > READS_MAX:
        raise ValidationException("Too many items requested for the BatchGetItem call")
    addresses = {name: of_name(call, name) for name in asked}
    _check_once_each(addresses)
    legacy.refuse_mixed_projections(asked.values())
    parts = {name: (bind(wanted, "ProjectionExpression").projection, _keys(wanted)) for name, wanted in asked.items()}
    left = await _throttled(call, addresses, throttle.READ, {name: wanted for name, (_, wanted) in parts.items()})
    gets = [(name, addresses[name], wanted) for name, (_, wanted) in parts.items() if name not in left]
    found = await call.read(_get_all, gets)
    unprocessed = {name: asked[name] for name in left}
    responses: dict[str, list[Item]] = {}
    consumed_capacity = []
    for name, table, entries in found:
        projection = parts[name][0]
        is_consistent = bool(asked[name].get("ConsistentRead"))
        there = [entry for entry in entries if entry is not None]
        responses[name] = [item if projection is None else projection.of(item) for item, _ in there if item is not None]
        missing = [key for key, entry in zip(asked[name]["Keys"], entries, strict=True) if entry is None]
        if missing:
            unprocessed[name] = asked[name] | {"Keys": missing}
        read = [
            (key, capacity.read_units(entry[1], is_consistent))
            for key, entry in zip(parts[name][1], entries, strict=True)
            if entry is not None
        ]
        consumed = Consumed(sum((units for _, units in read), 0.0))
        throttle.spend(call, table, throttle.READ, consumed)
        meter.accessed(call, table, read)
        if detail := detail_of(request):
            consumed_capacity.append(capacity.out(table, name, consumed, detail))
    answer = {"Responses": responses, "UnprocessedKeys": unprocessed}
    if consumed_capacity:
        answer["ConsumedCapacity"] = consumed_capacity
    return answer


def _keys(wanted: dict) -> list[Item]:
    return [read_item(key) for key in wanted["Keys"]]


def _get_all(
    tx: Transaction, gets: list[tuple[str, Address, list[Item]]]
) -> list[tuple[str, TableRecord, list[tuple[Item | None, int] | None]]]:
    """For each table its items with their sizes, (None, 0) where there is none, None where no room was left."""
    room_bytes = BATCH_BYTES_MAX
    found = []
    tables = [require(tx, address) for _, address, _ in gets]
    for table, (name, _, wanted) in zip(tables, gets, strict=True):
        for key in wanted:
            keys.check_key(table, key)
        suffixes = [rows.suffix_of(table, key) for key in wanted]
        if len(set(suffixes)) < len(suffixes):
            raise ValidationException(items.DUPLICATES)
        entries: list[tuple[Item | None, int] | None] = []
        for suffix in suffixes:
            entry = (rows.get(tx, table, suffix) or (None, 0)) if room_bytes > 0 else None
            if entry is not None:
                room_bytes -= entry[1]
                if room_bytes < 0:
                    entry = None
            entries.append(entry)
        found.append((name, table, entries))
    return found


async def batch_write_item(call: Call, request: dict) -> dict:
    """Put and delete up to 25 items of one or more tables, without conditions.

    request  BatchWriteItemInput
    errors   ItemCollectionSizeLimitExceededException, ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, BatchWriteItem
    """
    asked = request["RequestItems"]
    if sum(map(len, asked.values())) > WRITES_MAX:
        raise ValidationException("Too many items requested for the BatchWriteItem call")
    addresses = {name: of_name(call, name) for name in asked}
    _check_once_each(addresses)
    writes = {name: [_write_of(one) for one in wanted] for name, wanted in asked.items()}
    written_keys = {name: [one.item for one in wanted] for name, wanted in writes.items()}
    left = await _throttled(call, addresses, throttle.WRITE, written_keys)
    flat = [(addresses[name], one) for name, wanted in writes.items() if name not in left for one in wanted]
    written = iter(await call.write(items.write_all, flat))
    answer: dict = {"UnprocessedItems": {name: asked[name] for name in left}}
    consumed_capacity, metrics = [], {}
    for name, wanted in writes.items():
        if name in left:
            continue
        done = [next(written) for _ in wanted]
        consumed = Consumed()
        for one in done:
            units = capacity.of_written(one)
            meter.wrote(call, one, units)
            consumed.add(units)
        throttle.spend(call, done[0].table, throttle.WRITE, consumed)
        if detail := detail_of(request):
            consumed_capacity.append(capacity.out(done[0].table, name, consumed, detail))
        if wants_metrics(request) and done[0].table.local_indexes:
            metrics[name] = [
                await call.read(collection_metrics, one.table, w.item) for one, w in zip(done, wanted, strict=True)
            ]
    if consumed_capacity:
        answer["ConsumedCapacity"] = consumed_capacity
    if metrics:
        answer["ItemCollectionMetrics"] = metrics
    return answer


def _write_of(asked: dict) -> Write:
    given = [kind for kind in ("PutRequest", "DeleteRequest") if asked.get(kind) is not None]
    if len(given) != 1:
        raise ValidationException(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
            if given
            else "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
        )
    if given[0] == "PutRequest":
        return items.put_of(asked["PutRequest"]["Item"])
    return Write("delete", read_item(asked["DeleteRequest"]["Key"]))


def _check_once_each(addresses: dict[str, Address]) -> None:
    if len(set(addresses.values())) < len(addresses):
        raise invalid("Table is named more than once in the request")


async def _throttled(call: Call, addresses: dict[str, Address], kind: str, keys: dict[str, list[Item]]) -> set[str]:
    """The tables whose requests stay unprocessed; where none could be processed, the batch is refused."""
    if not call.cloud.settings.is_dynamodb_throttle:
        return set()
    left: set[str] = set()
    refusal: AwsError | None = None
    for name, address in addresses.items():
        try:
            await throttle.admit(call, address, kind, keys=keys[name])
        except ResourceNotFoundException:
            raise
        except AwsError as error:
            left.add(name)
            refusal = error
    if refusal is not None and len(left) == len(addresses):
        raise refusal
    return left
