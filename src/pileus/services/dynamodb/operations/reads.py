"""Query and Scan."""

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb import meter, throttle
from pileus.services.dynamodb.addresses import of_name
from pileus.services.dynamodb.expressions import bind
from pileus.services.dynamodb.operations.turns import in_turns
from pileus.services.dynamodb.parameters import detail_of
from pileus.services.dynamodb.state import capacity, reading
from pileus.services.dynamodb.state.reading import Reading
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.values import read_item

SEGMENTS_MAX = 1_000_000


async def query(call: Call, request: dict) -> dict:
    """The items of one partition of a table or index that meet the key condition, in the order of the sort key.

    request  QueryInput
    returns  QueryOutput. LastEvaluatedKey where the page ended before the partition did
    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, Query
    """
    bound = bind(request, "KeyConditionExpression", "FilterExpression", "ProjectionExpression")
    select = _select(request)
    if bound.key_condition is None:
        raise ValidationException(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    asked = Reading(
        index=request.get("IndexName") or "",
        tests=bound.key_condition,
        start=_start(request),
        limit=request.get("Limit") or 0,
        filter=bound.filter,
        projection=bound.projection,
        select=select,
        is_consistent=bool(request.get("ConsistentRead")),
        is_backward=request.get("ScanIndexForward") is False,
    )
    return await _page(call, request, asked)


async def scan(call: Call, request: dict) -> dict:
    """All items of a table or index, or of a segment of it.

    request  ScanInput
    returns  ScanOutput. LastEvaluatedKey where the page ended before the table did
    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, Scan; developer guide, "Scanning tables in DynamoDB"
    """
    bound = bind(request, "FilterExpression", "ProjectionExpression")
    select = _select(request)
    segment, segments = _segment(request)
    asked = Reading(
        index=request.get("IndexName") or "",
        start=_start(request),
        limit=request.get("Limit") or 0,
        filter=bound.filter,
        projection=bound.projection,
        select=select,
        is_consistent=bool(request.get("ConsistentRead")),
        segment=segment,
        segments=segments,
    )
    return await _page(call, request, asked)


def _select(request: dict) -> str:
    """Select; what is projected decides where it isn't given."""
    select = request.get("Select") or ""
    for name in ("AttributesToGet", "ProjectionExpression"):
        if request.get(name) is not None and select not in ("", "SPECIFIC_ATTRIBUTES"):
            wanted = "only the Count" if select == "COUNT" else select
            raise ValidationException(f"Cannot specify the {name} when choosing to get {wanted}")
    if select == "SPECIFIC_ATTRIBUTES" and not any(
        request.get(name) is not None for name in ("AttributesToGet", "ProjectionExpression")
    ):
        raise ValidationException(
            "One or more parameter values were invalid: Must specify the AttributesToGet or ProjectionExpression when "
            "choosing to get SPECIFIC_ATTRIBUTES"
        )
    return select


def _start(request: dict) -> dict | None:
    start = request.get("ExclusiveStartKey")
    return None if start is None else read_item(start)


def _segment(request: dict) -> tuple[int, int]:
    segment, segments = request.get("Segment"), request.get("TotalSegments")
    if segment is None and segments is None:
        return 0, 1
    if segments is None:
        raise ValidationException(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"
        )
    if segment is None:
        raise ValidationException(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"
        )
    if segment >= segments:
        raise ValidationException(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {segments}"
        )
    return segment, segments


def _partition(asked: Reading) -> Item | None:
    """The values that a query names, among them the partition key; None: it is a scan."""
    if asked.tests is None:
        return None
    return {name: test.operands[0] for name, test in asked.tests.by_attribute.items() if test.operator == "="}


async def _page(call: Call, request: dict, asked: Reading) -> dict:
    address = of_name(call, request["TableName"])
    is_throttled = call.cloud.settings.is_dynamodb_throttle
    if is_throttled:
        await throttle.admit(call, address, throttle.READ, asked.index, partition=_partition(asked))
    page = await in_turns(call, reading.page, address, asked)
    answer: dict = {"Count": page.count, "ScannedCount": page.scanned}
    if asked.select != "COUNT":
        answer["Items"] = page.items
    if page.last_key is not None:
        answer["LastEvaluatedKey"] = page.last_key
    detail = detail_of(request)
    if detail or throttle.wants_units(call, page.table):
        consumed = page.consumed(page.units(asked.is_consistent), asked.is_consistent)
        throttle.spend(call, page.table, throttle.READ, consumed)
        meter.page_read(call, page, consumed, _partition(asked))
        if detail:
            answer["ConsumedCapacity"] = capacity.out(page.table, request["TableName"], consumed, detail)
    return answer
