"""Lets these tests share wire.py, and gives each a cloud with a wire to it."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from wire import Wire

from pileus.app import Pileus
from pileus.config import Settings
from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.kernel.service import Registry
from pileus.store.opening import open_store
from pileus.testing import STARTS_AT_MS, Cloud


@pytest.fixture
def wire(cloud) -> Wire:
    return Wire(cloud)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator:
    """`await opened(auth="strict", …)`: a wire to a cloud with these settings; the same data directory each time, so
    that a second one after `await wire.cloud.pileus.stop()` is a restart."""

    @asynccontextmanager
    async def running(is_frozen: bool, settings: dict):
        options = Settings(data_dir=tmp_path / "data", durability="process", **settings)
        clock, ids = Clock(frozen_at_ms=STARTS_AT_MS if is_frozen else None), Ids(seed=20260101)
        store, blobs = open_store(options, clock, ids)
        pileus = Pileus(options, store, blobs, Registry.discover("pileus.services"), clock=clock, ids=ids)
        await pileus.start()
        wire = Wire(Cloud(pileus))
        try:
            yield wire
        finally:
            await wire.stop()

    async with AsyncExitStack() as stack:

        async def open_one(*, is_frozen: bool = True, **settings) -> Wire:
            return await stack.enter_async_context(running(is_frozen, settings))

        yield open_one
