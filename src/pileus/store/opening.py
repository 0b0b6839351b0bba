"""Opens a data directory:

state/   the engine's files; its lock keeps a second process out of all of it
blobs/   large bodies, one file each
"""

import tempfile
from pathlib import Path
from typing import Protocol

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.store.blobs import Blobs
from pileus.store.engine import DataDirRefused, EngineFailed
from pileus.store.memory import MemoryEngine
from pileus.store.rocks import Durability, RocksEngine
from pileus.store.schema import bring_up_to_date
from pileus.store.store import Store

__all__ = ["DataDirRefused", "open_store"]


class StoreSettings(Protocol):
    """
    durability        fsync: survives loss of power; process: survives kill -9; none: survives a clean stop
    is_ephemeral      keep nothing at all
    is_loss_accepted  open a damaged log as far as it can be read
    """

    data_dir: Path
    durability: Durability
    is_ephemeral: bool
    is_loss_accepted: bool


def open_store(settings: StoreSettings, clock: Clock, ids: Ids) -> tuple[Store, Blobs]:
    """Raises DataDirRefused, whose text is for whoever starts Pileus."""
    if settings.is_ephemeral:
        store = Store(MemoryEngine(), clock, ids)
        folder = tempfile.TemporaryDirectory(prefix="pileus-")
        return store, Blobs(Path(folder.name), ids, store, owned=folder)
    engine = RocksEngine(settings.data_dir / "state", settings.durability, settings.is_loss_accepted)
    try:
        bring_up_to_date(engine, clock, ids)
    except EngineFailed as error:
        engine.close()
        raise DataDirRefused(f"{settings.data_dir} can't be written: {error}") from error
    except DataDirRefused:
        engine.close()
        raise
    store = Store(engine, clock, ids)
    return store, Blobs(settings.data_dir / "blobs", ids, store)
