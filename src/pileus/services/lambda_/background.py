"""What runs beside the operations: the engine, and the handlers of Lambda's events."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from pileus.runtime.engine import Engine
from pileus.runtime.packages import InvalidPackage
from pileus.services.lambda_ import asynchronous, destinations
from pileus.services.lambda_.log_shipping import LogShipping
from pileus.services.lambda_.mapping_polling import MappingPolling
from pileus.services.lambda_.roles import Roles
from pileus.services.lambda_.running import Running
from pileus.services.lambda_.state import ACCOUNT_CONCURRENCY, CODES
from pileus.services.lambda_.transitions import functions
from pileus.services.lambda_.transitions.codes import UNUSED_CODE, find_code
from pileus.services.lambda_.transitions.events import DELIVER, INVOKE
from pileus.services.lambda_.transitions.mappings import CHANGED
from pileus.store.events import Event

STALE = ".stale-"


class Lambda:
    """What this service runs: found by its operations in `cloud.engines["lambda"]`."""

    def __init__(self, cloud: Any) -> None:
        self._temporary = tempfile.mkdtemp(prefix="pileus-functions-") if cloud.settings.is_ephemeral else None
        self.roles = Roles(cloud)
        self.logs = LogShipping(cloud, self.roles)
        self.engine = Engine(
            Path(self._temporary or cloud.settings.data_dir),
            clock=cloud.clock,
            ids=cloud.ids,
            tasks=cloud.tasks,
            on_log=self.logs.take,
        )
        self.running = Running(cloud, self.engine, self.roles)
        self.mappings = MappingPolling(cloud, self.running, self.logs, self.roles)

    def isolation(self) -> dict[str, str]:
        """For `pileus status`."""
        return self.engine.isolation()

    async def stop(self) -> None:
        """Events that are running now are tried again after the next start."""
        self.running.is_stopping = True
        mappings = asyncio.ensure_future(self.mappings.stop())  # its batches end with the engine
        await self.engine.stop()
        await mappings
        await self.logs.flush()
        if self._temporary is not None:
            await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)


async def start(cloud: Any) -> None:
    """Nothing heavy: no process is started before the first invocation."""
    service = cloud.engines["lambda"] = Lambda(cloud)
    cloud.store.listen(functions.RETIRED, service.running.retire)
    stale = await asyncio.to_thread(_set_aside, service.engine.packages.folder, _digests(cloud))
    if stale:
        cloud.tasks.start("lambda.sweep", asyncio.to_thread(_remove, stale))
    await service.mappings.resume()


def _digests(cloud: Any) -> set[str]:
    return cloud.store.look(lambda tx: {code.digest for code in CODES.scan(tx)})[0]


def _set_aside(folder: Path, kept: set[str]) -> list[Path]:
    """Rename unpacked code that nobody uses: left by refused requests and by kills. Merged layers go too: they are
    links, made again when a function needs them. Renamed now, before anybody could count on them; removed later."""
    stale = []
    for path in folder.iterdir() if folder.exists() else ():
        if path.name not in kept:
            if not path.name.startswith(STALE):
                path = path.rename(folder / f"{STALE}{path.name}")
            stale.append(path)
    return stale


def _remove(paths: list[Path]) -> None:
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)


async def stop(cloud: Any) -> None:
    await cloud.engines["lambda"].stop()


async def prepare(cloud: Any, event: Event) -> None:
    """A version was made or changed: lay its files ready."""
    version, _ = cloud.store.look(functions.find_version, *event.payload["key"])
    if version is None:
        return
    failure = None
    try:
        await cloud.engines["lambda"].running.prepare(version)
    except InvalidPackage as error:
        failure = str(error)
    await cloud.store.write(functions.prepared, version, failure)


async def invoke(cloud: Any, event: Event) -> None:
    """An accepted event is due."""
    service = cloud.engines["lambda"]
    await asynchronous.handle(cloud, service.running, service.logs, event.payload["id"])


async def deliver(cloud: Any, event: Event) -> None:
    """A record or a dead letter is to be sent."""
    await destinations.deliver(cloud, cloud.engines["lambda"].roles, event)


async def remove_unused_code(cloud: Any, event: Event) -> None:
    """Its last user is gone for longer than any invocation takes."""
    digest = event.payload["digest"]
    if cloud.store.look(find_code, digest)[0] is None:
        packages = cloud.engines["lambda"].engine.packages
        await asyncio.to_thread(packages.remove, packages.folder / digest)


async def bring_mapping(cloud: Any, event: Event) -> None:
    """An event source mapping was made, changed or deleted."""
    await cloud.engines["lambda"].mappings.bring(event)


bring_mapping.running_limit = ACCOUNT_CONCURRENCY
"""It waits for batches under way, which may take as long as functions do."""

invoke.running_limit = ACCOUNT_CONCURRENCY
"""How many the dispatcher runs side by side: an event is held until its function has answered."""

EVENTS = {
    functions.PREPARE: prepare,
    INVOKE: invoke,
    DELIVER: deliver,
    CHANGED: bring_mapping,
    UNUSED_CODE: remove_unused_code,
}
