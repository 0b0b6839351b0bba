"""Replays: an archive's events of a span of time, sent to their bus again.

Where a replay stands is in its row, which each step moves in the transaction that emits what it sends: a killed process
goes on behind the last event, neither losing nor repeating one.
"""

from collections.abc import Iterator

import orjson
from msgspec.structs import replace

from pileus.services.events import errors
from pileus.services.events.names import BusKey
from pileus.services.events.state import publishing
from pileus.services.events.state.tables import (
    ARCHIVED,
    ARCHIVES,
    MAX_ACTIVE_REPLAYS,
    REPLAY_KEPT_MS,
    REPLAYS,
    Replay,
)
from pileus.store.transaction import Transaction

REPLAY = "events.replay"
FORGET = "events.forget-replay"
STEP_EVENTS = 100
STEP_BYTES = 1_048_576

STARTING, RUNNING, CANCELLING = "STARTING", "RUNNING", "CANCELLING"
COMPLETED, CANCELLED, FAILED = "COMPLETED", "CANCELLED", "FAILED"
ACTIVE = (STARTING, RUNNING, CANCELLING)

ReplayKey = tuple[str, str, str]


def start(tx: Transaction, replay: Replay) -> Replay:
    if REPLAYS.has(tx, replay.account, replay.region, replay.name):
        raise errors.ResourceAlreadyExistsException(f"Replay {replay.name} already exists.")
    active = sum(each.state in ACTIVE for each in REPLAYS.scan(tx, replay.account, replay.region))
    if active >= MAX_ACTIVE_REPLAYS:
        raise errors.LimitExceededException()
    begun = replace(replay, began_ms=tx.now_ms)
    REPLAYS.put(tx, begun)
    tx.emit(REPLAY, {"key": [replay.account, replay.region, replay.name]})
    return begun


def require(tx: Transaction, key: ReplayKey) -> Replay:
    replay = REPLAYS.get(tx, *key)
    if replay is None:
        raise errors.ReplayNotFound(key[2])
    return replay


def find(tx: Transaction, account: str, region: str, *, prefix: str = "", after: str = "") -> Iterator[Replay]:
    """By name."""
    for replay in REPLAYS.scan(tx, account, region, **({"after": after} if after else {})):
        if replay.name.startswith(prefix):
            yield replay


def cancel(tx: Transaction, key: ReplayKey) -> Replay:
    replay = require(tx, key)
    if replay.state not in (STARTING, RUNNING):
        raise errors.IllegalStatusException(f"Replay {replay.name} is not in a valid state for this operation.")
    cancelling = replace(replay, state=CANCELLING)
    REPLAYS.put(tx, cancelling)
    return cancelling


def step(tx: Transaction, key: ReplayKey) -> bool:
    """Send the next events; whether there may be more."""
    replay = REPLAYS.get(tx, *key)
    if replay is None or replay.state not in ACTIVE:
        return False
    if replay.state == CANCELLING:
        return _end(tx, replay, CANCELLED)
    archive = ARCHIVES.get(tx, replay.account, replay.region, replay.archive)
    if archive is None or archive.id != replay.archive_id:
        return _end(tx, replay, FAILED, f"Archive {replay.archive} does not exist.")
    bus = BusKey(replay.account, replay.region, replay.bus)
    start = {"start": replay.start_ms} if replay.position is None else {"after": replay.position}
    sent, sent_bytes, position = 0, 0, replay.position
    for archived in ARCHIVED.scan(tx, replay.archive_id, until=replay.end_ms, **start):
        if sent == STEP_EVENTS or sent_bytes > STEP_BYTES:
            REPLAYS.put(tx, replace(replay, state=RUNNING, position=position))
            return True
        event = {**orjson.loads(archived.body), "replay-name": replay.name}
        only = list(replay.only) or None
        publishing.route(tx, bus, event, came_by=[], received_ms=tx.now_ms, only=only)
        sent, sent_bytes, position = sent + 1, sent_bytes + len(archived.body), (archived.time_ms, archived.sequence)
    return _end(tx, replace(replay, position=position), COMPLETED)


def forget(tx: Transaction, key: str) -> None:
    """Timer: a replay that ended is shown for 90 days. Source: user guide, "Replaying archived events"."""
    REPLAYS.delete(tx, *key.split("/"))


def _end(tx: Transaction, replay: Replay, state: str, reason: str | None = None) -> bool:
    REPLAYS.put(tx, replace(replay, state=state, reason=reason, ended_ms=tx.now_ms))
    tx.wake_at(tx.now_ms + REPLAY_KEPT_MS, FORGET, f"{replay.account}/{replay.region}/{replay.name}")
    return False
