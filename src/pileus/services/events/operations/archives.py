"""Archives and replays."""

from datetime import UTC, datetime

from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.services.events import errors, names
from pileus.services.events.operations.paging import page
from pileus.services.events.operations.rules import check_pattern
from pileus.services.events.state import archives, replays
from pileus.services.events.state.tables import Archive, ArchiveSize, Replay
from pileus.store.transaction import Transaction

KEEPING = "ENABLED"
"""The only state that archives have here: they are made and changed at once."""


async def create_archive(call: Call, request: dict) -> dict:
    """Keep what a bus receives from now on.

    errors   ResourceAlreadyExistsException, ResourceNotFoundException, InvalidEventPatternException
    source   API reference, CreateArchive
    """
    bus = names.bus_of_arn(request["EventSourceArn"])
    if bus is None or (bus.account, bus.region) != (call.account, call.region):
        raise errors.ValidationException(
            "Parameter EventSourceArn is not valid. Reason: it is no event bus of one's own."
        )
    fields = _fields_in(call, request)
    archive = Archive(call.account, call.region, request["ArchiveName"], 0, bus.name, 0, **fields)
    return _archive_made(await call.write(archives.create, archive))


async def describe_archive(call: Call, request: dict) -> dict:
    """Source: API reference, DescribeArchive"""
    archive, size = await call.read(_with_size, _key(call, request["ArchiveName"]))
    out = {**_archive_out(archive, size), "ArchiveArn": archive.arn}
    if archive.description:
        out["Description"] = archive.description
    return out | ({"EventPattern": archive.pattern} if archive.pattern else {})


async def list_archives(call: Call, request: dict) -> dict:
    """By name, up to Limit (100); of one bus, or in one state, where that is asked. Source: API reference, ListArchives"""
    _refuse_two(request, "NamePrefix", "EventSourceArn", "State")

    def find(tx: Transaction, *, after: str):
        for archive in archives.find(tx, call.account, call.region, prefix=request.get("NamePrefix", ""), after=after):
            is_of_bus = request.get("EventSourceArn", archive.bus_key.arn) == archive.bus_key.arn
            if is_of_bus and request.get("State", KEEPING) == KEEPING:
                yield archive, archives.size_of(tx, archive)

    found, more = await page(call, request, find, name_of=lambda each: each[0].name)
    return {"Archives": [_archive_out(*each) for each in found], **more}


async def update_archive(call: Call, request: dict) -> dict:
    """Change what the request names. Source: API reference, UpdateArchive"""
    fields = _fields_in(call, request)
    return _archive_made(await call.write(archives.change, _key(call, request["ArchiveName"]), fields))


async def delete_archive(call: Call, request: dict) -> dict:
    """Delete an archive and what is in it. Source: API reference, DeleteArchive"""
    await call.write(archives.delete, _key(call, request["ArchiveName"]))
    return {}


async def start_replay(call: Call, request: dict) -> dict:
    """Send an archive's events of a span of time to their bus again, marked with the replay's name.

    errors   ResourceNotFoundException, ResourceAlreadyExistsException, LimitExceededException, ValidationException
    source   API reference, StartReplay
    """
    arn = parse_arn(request["EventSourceArn"])
    if arn is None or arn.account != call.account or arn.region != call.region:
        raise errors.ValidationException(
            "Parameter EventSourceArn is not valid. Reason: it is no archive of one's own."
        )
    archive = await call.read(archives.require, _key(call, arn.resource.removeprefix("archive/")))
    destination = request["Destination"]
    if destination["Arn"] != archive.bus_key.arn:
        raise errors.ValidationException(
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."
        )
    start_ms, end_ms = _ms(request["EventStartTime"]), _ms(request["EventEndTime"])
    if start_ms >= end_ms:
        raise errors.ValidationException(
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."
        )
    replay = Replay(
        call.account,
        call.region,
        request["ReplayName"],
        archive.name,
        archive.id,
        archive.bus,
        start_ms,
        end_ms,
        0,
        description=request.get("Description"),
        only=tuple(destination.get("FilterArns") or ()),
    )
    begun = await call.write(replays.start, replay)
    return {"ReplayArn": begun.arn, "State": begun.state, "ReplayStartTime": _moment(begun.began_ms)}


async def describe_replay(call: Call, request: dict) -> dict:
    """Source: API reference, DescribeReplay"""
    replay = await call.read(replays.require, _key(call, request["ReplayName"]))
    bus = names.BusKey(replay.account, replay.region, replay.bus)
    destination = {"Arn": bus.arn} | ({"FilterArns": list(replay.only)} if replay.only else {})
    out = {**_replay_out(replay), "ReplayArn": replay.arn, "Destination": destination}
    return out | ({"Description": replay.description} if replay.description else {})


async def list_replays(call: Call, request: dict) -> dict:
    """By name, up to Limit (100). Source: API reference, ListReplays"""
    _refuse_two(request, "NamePrefix", "EventSourceArn", "State")

    def find(tx: Transaction, *, after: str):
        for replay in replays.find(tx, call.account, call.region, prefix=request.get("NamePrefix", ""), after=after):
            is_of_archive = request.get("EventSourceArn", _archive_arn(replay)) == _archive_arn(replay)
            if is_of_archive and request.get("State", replay.state) == replay.state:
                yield replay

    found, more = await page(call, request, find, name_of=lambda replay: replay.name)
    return {"Replays": [_replay_out(replay) for replay in found], **more}


async def cancel_replay(call: Call, request: dict) -> dict:
    """Stop a replay behind the step it is at. Source: API reference, CancelReplay"""
    replay = await call.write(replays.cancel, _key(call, request["ReplayName"]))
    return {"ReplayArn": replay.arn, "State": replay.state}


def _key(call: Call, name: str) -> tuple[str, str, str]:
    return call.account, call.region, name


def _with_size(tx: Transaction, key: tuple[str, str, str]) -> tuple[Archive, ArchiveSize]:
    archive = archives.require(tx, key)
    return archive, archives.size_of(tx, archive)


def _fields_in(call: Call, request: dict) -> dict:
    if request.get("KmsKeyIdentifier"):
        raise NotImplementedByUs(f"events:{call.operation} with KmsKeyIdentifier")
    fields = {}
    if request.get("EventPattern"):
        check_pattern(request["EventPattern"])
    for member, field in (("EventPattern", "pattern"), ("Description", "description")):
        if request.get(member) is not None:
            fields[field] = request[member] or None
    if request.get("RetentionDays") is not None:
        fields["retention_days"] = request["RetentionDays"]
    return fields


def _refuse_two(request: dict, *members: str) -> None:
    if sum(request.get(member) is not None for member in members) > 1:
        raise errors.ValidationException(f"At most one filter is allowed. Filters are: {', '.join(members)}.")


def _archive_made(archive: Archive) -> dict:
    return {"ArchiveArn": archive.arn, "State": KEEPING, "CreationTime": _moment(archive.created_ms)}


def _archive_out(archive: Archive, size: ArchiveSize) -> dict:
    return {
        "ArchiveName": archive.name,
        "EventSourceArn": archive.bus_key.arn,
        "State": KEEPING,
        "RetentionDays": archive.retention_days,
        "SizeBytes": size.bytes,
        "EventCount": size.events,
        "CreationTime": _moment(archive.created_ms),
    }


def _archive_arn(replay: Replay) -> str:
    return replay.arn.removesuffix(f"replay/{replay.name}") + f"archive/{replay.archive}"


def _replay_out(replay: Replay) -> dict:
    out = {
        "ReplayName": replay.name,
        "EventSourceArn": _archive_arn(replay),
        "State": replay.state,
        "EventStartTime": _moment(replay.start_ms),
        "EventEndTime": _moment(replay.end_ms),
        "ReplayStartTime": _moment(replay.began_ms),
    }
    if replay.reason:
        out["StateReason"] = replay.reason
    if replay.position is not None:
        out["EventLastReplayedTime"] = _moment(replay.position[0])
    return out | ({"ReplayEndTime": _moment(replay.ended_ms)} if replay.ended_ms else {})


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _ms(moment: datetime | float) -> int:
    return int((moment.timestamp() if isinstance(moment, datetime) else moment) * 1000)
