"""Archives: what a bus receives, kept with the transaction that accepts it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from pileus.delivery.patterns import compile
from pileus.services.events import errors
from pileus.services.events.names import BusKey
from pileus.services.events.state.tables import (
    ARCHIVE_SIZES,
    ARCHIVED,
    ARCHIVES,
    MAX_ARCHIVES,
    Archive,
    ArchivedEvent,
    ArchiveSize,
    require_bus,
)
from pileus.store.transaction import Transaction

EXPIRE = "events.expire"
"""The timer of an archive: its key is "account/region/name"."""
EXPIRED_AT_ONCE = 1_000
DAY_MS = 86_400_000

ArchiveKey = tuple[str, str, str]


def create(tx: Transaction, archive: Archive) -> Archive:
    require_bus(tx, archive.bus_key)
    if ARCHIVES.has(tx, archive.account, archive.region, archive.name):
        raise errors.ResourceAlreadyExistsException(f"Archive {archive.name} already exists.")
    if sum(1 for _ in ARCHIVES.scan(tx, archive.account, archive.region)) >= MAX_ARCHIVES:
        raise errors.LimitExceededException()
    made = replace(archive, id=tx.next_sequence(), created_ms=tx.now_ms)
    ARCHIVES.put(tx, made)
    return made


def require(tx: Transaction, key: ArchiveKey) -> Archive:
    archive = ARCHIVES.get(tx, *key)
    if archive is None:
        raise errors.ArchiveNotFound(key[2])
    return archive


def change(tx: Transaction, key: ArchiveKey, fields: dict[str, Any]) -> Archive:
    changed = replace(require(tx, key), **fields)
    ARCHIVES.put(tx, changed)
    _wind(tx, changed)
    return changed


def delete(tx: Transaction, key: ArchiveKey) -> None:
    """With all that is in it, however much."""
    archive = require(tx, key)
    ARCHIVED.delete_all(tx, archive.id)
    ARCHIVE_SIZES.delete(tx, archive.id)
    ARCHIVES.delete(tx, *key)
    tx.cancel_wake(EXPIRE, "/".join(key))


def find(tx: Transaction, account: str, region: str, *, prefix: str = "", after: str = "") -> Iterator[Archive]:
    """By name."""
    for archive in ARCHIVES.scan(tx, account, region, **({"after": after} if after else {})):
        if archive.name.startswith(prefix):
            yield archive


def size_of(tx: Transaction, archive: Archive) -> ArchiveSize:
    return ARCHIVE_SIZES.get(tx, archive.id) or ArchiveSize(archive.id)


def keep(tx: Transaction, bus: BusKey, event: dict, body: bytes, *, received_ms: int) -> None:
    """Put the event into each archive of the bus that wants it; one that is being replayed is in there already."""
    if "replay-name" in event:
        return
    for archive in ARCHIVES.by_bus.scan(tx, *bus):
        if archive.pattern and not compile(archive.pattern).matches(event):
            continue
        time_ms = int(datetime.fromisoformat(event["time"]).timestamp() * 1000)
        ARCHIVED.insert(tx, ArchivedEvent(archive.id, time_ms, tx.next_sequence(), received_ms, body))
        size = size_of(tx, archive)
        ARCHIVE_SIZES.put(tx, ArchiveSize(archive.id, size.events + 1, size.bytes + len(body)))
        if size.events == 0:
            _wind(tx, archive)


def expire(tx: Transaction, key: str) -> None:
    """Timer: remove what is older than the archive keeps, a bounded number at a time."""
    archive = ARCHIVES.get(tx, *key.split("/"))
    if archive is None or not archive.retention_days:
        return
    old = []
    for event in ARCHIVED.by_received.scan(tx, archive.id, until=tx.now_ms - archive.retention_days * DAY_MS + 1):
        if len(old) == EXPIRED_AT_ONCE:
            break
        old.append(event)
    for event in old:
        ARCHIVED.remove(tx, event)
    if old:
        size = size_of(tx, archive)
        freed = sum(len(event.body) for event in old)
        ARCHIVE_SIZES.put(tx, ArchiveSize(archive.id, size.events - len(old), size.bytes - freed))
    _wind(tx, archive)


def _wind(tx: Transaction, archive: Archive) -> None:
    """Set the timer to when the oldest event is too old."""
    key = f"{archive.account}/{archive.region}/{archive.name}"
    oldest = ARCHIVED.by_received.first(tx, archive.id) if archive.retention_days else None
    if oldest is None:
        tx.cancel_wake(EXPIRE, key)
    else:
        tx.wake_at(max(tx.now_ms, oldest.received_ms + archive.retention_days * DAY_MS), EXPIRE, key)
