"""Event source mappings: what a function is fed with from queues and streams."""

from msgspec.structs import asdict

from pileus.delivery.sources import EventSource, Reader, ReaderLost, SourceRefused
from pileus.kernel.call import Call
from pileus.kernel.tags import tag_problem
from pileus.services.lambda_ import errors
from pileus.services.lambda_.mapping_destinations import require_reachable
from pileus.services.lambda_.mapping_polling import reader_of
from pileus.services.lambda_.mapping_settings import (
    changes_in,
    refuse_unhonoured,
    require_consistent,
    source_of,
    starting,
)
from pileus.services.lambda_.names import FunctionRef, function_ref
from pileus.services.lambda_.operations.paging import marker_in, page
from pileus.services.lambda_.shapes import mapping_out
from pileus.services.lambda_.state import EventSourceMapping, Polling
from pileus.services.lambda_.transitions import functions, mappings

LIST_PAGE = 100
BRIEF_LIMIT_MS = 10_000
"""How long a change waits for an earlier one that is only being begun."""


async def create_event_source_mapping(call: Call, request: dict) -> dict:
    """Feed a function from a queue or a stream. Enabled unless said otherwise; until it polls its state is Creating.

    errors   InvalidParameterValueException, ResourceConflictException, ResourceNotFoundException
    """
    refuse_unhonoured("CreateEventSourceMapping", request)
    source, arn = await source_of(call, request.get("EventSourceArn"))
    ref = function_ref(call, request["FunctionName"])
    first = starting(request, source, arn, call.now_ms)
    changes = await changes_in(call, request, source)
    limits = source.limits(arn)
    defaults = {"batch_size": limits.batch_size, "window_s": limits.batching_window_default_s}
    polling = Polling(**{**defaults, **changes})
    require_consistent(asdict(polling), limits)
    tags = request.get("Tags") or {}
    if problem := tag_problem(tags, own=not call.is_from_outside):
        raise errors.InvalidParameterValueException(problem)
    role = await _require_readable(call, ref, source, str(arn))
    if polling.on_failure_arn:
        await require_reachable(call, polling.on_failure_arn, role, ref.name)
    mapping = EventSourceMapping(
        call.account,
        call.region,
        call.ids.uuid(),
        ref.name,
        ref.qualifier,
        str(arn),
        polling,
        "Creating",
        request.get("Enabled", True) is not False,
        call.now_ms,
        tags=tags,
        **first,
    )
    return mapping_out(await call.write(mappings.create, mapping))


async def delete_event_source_mapping(call: Call, request: dict) -> dict:
    """It is Deleting until its batches under way have ended.

    errors   ResourceNotFoundException, ResourceInUseException
    """
    await _settled(call, request["UUID"])
    return mapping_out(await call.write(mappings.delete, _key(call, request["UUID"])))


async def get_event_source_mapping(call: Call, request: dict) -> dict:
    """errors   ResourceNotFoundException"""
    return mapping_out(await call.read(mappings.require, _key(call, request["UUID"])))


async def list_event_source_mappings(call: Call, request: dict) -> dict:
    """Up to a hundred at a time: of a function, of a source, or all.

    errors   ResourceNotFoundException where there is no such function
    """
    ref = None
    if request.get("FunctionName"):
        ref = function_ref(call, request["FunctionName"])
        await call.read(functions.require_qualifier, ref)
    operation, limit = "ListEventSourceMappings", min(request.get("MaxItems", LIST_PAGE), LIST_PAGE)
    found = await call.read(
        mappings.page_of,
        call.account,
        call.region,
        ref,
        request.get("EventSourceArn"),
        marker_in(operation, request),
        limit + 1,
    )
    return page(operation, "EventSourceMappings", found, limit, mapping_out, lambda row: row.id)


async def update_event_source_mapping(call: Call, request: dict) -> dict:
    """Change what the request names. What was gathered before the change is handed over before it; of a stream, it is
    read again.

    errors   InvalidParameterValueException, ResourceNotFoundException, ResourceInUseException,
             ResourceConflictException
    """
    refuse_unhonoured("UpdateEventSourceMapping", request)
    before = await _settled(call, request["UUID"])
    source, arn = await source_of(call, before.source_arn)
    changes = await changes_in(call, request, source)
    require_consistent({**asdict(before.polling), **changes}, source.limits(arn))
    ref = function_ref(call, request["FunctionName"]) if request.get("FunctionName") else None
    reads_as = ref or before.ref
    if ref is not None or request.get("Enabled") is not False:
        await _require_readable(call, reads_as, source, before.source_arn)
    destination = changes.get("on_failure_arn", before.polling.on_failure_arn)
    if destination and (ref is not None or "on_failure_arn" in changes):
        version = await call.read(functions.require_version, reads_as)
        await require_reachable(call, destination, version.configuration.role, reads_as.name)
    key = _key(call, request["UUID"])
    return mapping_out(await call.write(mappings.update, key, ref, changes, request.get("Enabled")))


def _key(call: Call, mapping_id: str) -> mappings.Key:
    return call.account, call.region, mapping_id


async def _require_readable(call: Call, ref: FunctionRef, source: EventSource, arn: str) -> str:
    """The function's role. The function is there, and its role may read the source.

    errors   ResourceNotFoundException, InvalidParameterValueException
    """
    version = await call.read(functions.require_version, ref)
    reader: Reader = reader_of(call.cloud, call.cloud.engines["lambda"].roles, ref, arn)
    try:
        await source.check(reader, timeout_s=version.configuration.timeout_s)
    except SourceRefused as refusal:
        raise errors.InvalidParameterValueException(str(refusal)) from None
    except ReaderLost as error:
        raise errors.role_not_assumable() from error
    return version.configuration.role


async def _settled(call: Call, mapping_id: str) -> EventSourceMapping:
    """The mapping, once an earlier change has begun: that takes AWS a minute and Pileus milliseconds, so it is waited
    for. One that is ending is refused, as AWS does.

    errors   ResourceNotFoundException
    """
    key = _key(call, mapping_id)
    async with call.watch(mappings.MOVED) as moves:
        while True:
            mapping = await call.read(mappings.require, key)
            if mapping.state not in mappings.BRIEF:
                return mapping
            if not await moves.wait_next(until_ms=call.now_ms + BRIEF_LIMIT_MS):
                return mapping
