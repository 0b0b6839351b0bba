"""`pileus start`: opens the data directory, starts the cloud and its server, and stops both in order."""

import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path

import click

from pileus import compiled
from pileus.app import Pileus
from pileus.config import Settings, SettingsError, from_environment
from pileus.console.shell import Console
from pileus.gateway.local import LocalApi
from pileus.gateway.server import Server
from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.kernel.service import Registry
from pileus.store.opening import DataDirRefused, open_store

log = logging.getLogger("pileus")


def serve(log_level: str, options: dict[str, object]) -> None:
    """Run until SIGINT or SIGTERM. Exits with 2 and one line where the settings or the data directory won't do."""
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    try:
        settings = from_environment(**options)
        _run(_serve(settings))
    except (SettingsError, DataDirRefused, OSError) as error:
        click.echo(f"pileus: {error}", err=True)
        sys.exit(2)


def _run(main) -> None:
    import uvloop

    # A commit is published from the store's thread; the default of 5 ms would show in every tail.
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def _serve(settings: Settings) -> None:
    clock, ids = Clock(), Ids()
    store, blobs = open_store(settings, clock, ids)
    pileus = Pileus(settings, store, blobs, Registry.discover("pileus.services"), clock=clock, ids=ids)
    await pileus.start()
    local = LocalApi(pileus, Console(pileus).handle)
    server = Server(local.handle, settings.host, settings.port, clock=clock)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    try:
        await server.start()
        pileus.serve_at(server.port)
        # What is loaded now stays: the collector need not walk it again.
        gc.collect()
        gc.freeze()
        # Requests leave no cycles behind, but what is under way outnumbers the default of 700 all the time.
        gc.set_threshold(20_000)
        if not compiled.is_used():
            log.info("nothing is compiled here: requests take longer than they could (docs/decisions/0011)")
        place = "nothing is kept" if settings.is_ephemeral else f"data in {_short(settings.data_dir)}"
        address = f"http://{settings.host}:{server.port}"
        click.echo(f"Pileus is ready at {address} ({place}). Console: {address}/console. Ctrl-C stops it.")
        await stopped.wait()
    finally:
        await server.stop(grace_s=5)
        await pileus.stop()


def _short(path: Path) -> str:
    try:
        return "~/" + str(path.relative_to(Path.home()))
    except ValueError:
        return str(path)
