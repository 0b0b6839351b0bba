"""Event buses: create, describe, list, update, delete."""

from datetime import UTC, datetime

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.events import errors, names
from pileus.services.events.operations.paging import page
from pileus.services.events.operations.tags import tags_in
from pileus.services.events.state import buses as state
from pileus.services.events.state.tables import Bus, require_bus
from pileus.services.events.target_kinds import check_dead_letters


async def create_event_bus(call: Call, request: dict) -> dict:
    """Make a bus of one's own.

    errors   ResourceAlreadyExistsException, LimitExceededException, ValidationException
    source   API reference, CreateEventBus
    """
    name = request["Name"]
    if request.get("EventSourceName"):
        raise NotImplementedByUs("events:CreateEventBus with EventSourceName")
    if "/" in name:
        raise errors.ValidationException("Event bus name must not contain '/'.")
    fields = _fields_in(call, request)
    bus = Bus(call.account, call.region, name, tags=tags_in(call, request.get("Tags")), **fields)
    await call.write(state.create, bus)
    return {"EventBusArn": bus.key.arn, **_shown(fields)}


async def delete_event_bus(call: Call, request: dict) -> dict:
    """Delete a bus that has no rules. Source: API reference, DeleteEventBus"""
    if request["Name"] == names.DEFAULT:
        raise errors.ValidationException("Cannot delete event bus default.")
    await call.write(state.delete, names.bus_of(call, request["Name"]))
    return {}


async def describe_event_bus(call: Call, request: dict) -> dict:
    """Source: API reference, DescribeEventBus"""
    bus = await call.read(require_bus, names.bus_of(call, request.get("Name")))
    out = _bus_out(bus)
    return out | ({"DeadLetterConfig": {"Arn": bus.dead_letter_arn}} if bus.dead_letter_arn else {})


async def list_event_buses(call: Call, request: dict) -> dict:
    """By name, up to Limit (100). Source: API reference, ListEventBuses"""
    prefix = request.get("NamePrefix") or ""
    found, more = await page(
        call, request, state.named, call.account, call.region, prefix=prefix, name_of=lambda bus: bus.name
    )
    return {"EventBuses": [_bus_out(bus) for bus in found], **more}


async def update_event_bus(call: Call, request: dict) -> dict:
    """Change what the request names. Source: API reference, UpdateEventBus"""
    fields = _fields_in(call, request)
    bus = await call.write(state.change, names.bus_of(call, request.get("Name")), fields)
    return {"Arn": bus.key.arn, "Name": bus.name, **_shown(fields)}


def _fields_in(call: Call, request: dict) -> dict:
    """What the request sets of a bus."""
    if request.get("KmsKeyIdentifier"):
        raise NotImplementedByUs(f"events:{call.operation} with KmsKeyIdentifier")
    if (request.get("LogConfig") or {}).get("Level", "OFF") != "OFF":
        raise NotImplementedByUs(f"events:{call.operation} with LogConfig")
    fields = {}
    if request.get("Description") is not None:
        fields["description"] = request["Description"]
    if request.get("DeadLetterConfig") is not None:
        check_dead_letters(request["DeadLetterConfig"], call.region)
        fields["dead_letter_arn"] = request["DeadLetterConfig"].get("Arn")
    return fields


def _shown(fields: dict) -> dict:
    out = {"Description": fields["description"]} if fields.get("description") else {}
    return out | ({"DeadLetterConfig": {"Arn": fields["dead_letter_arn"]}} if fields.get("dead_letter_arn") else {})


def _bus_out(bus: Bus) -> dict:
    out: dict = {"Name": bus.name, "Arn": bus.key.arn}
    if bus.description:
        out["Description"] = bus.description
    if bus.policy:
        out["Policy"] = bus.policy
    if bus.created_ms:
        out["CreationTime"] = _moment(bus.created_ms)
        out["LastModifiedTime"] = _moment(bus.modified_ms)
    return out


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
