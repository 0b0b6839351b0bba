"""What the contract runs over: each engine, by name."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pileus.store.engine import Engine
from pileus.store.memory import MemoryEngine
from pileus.store.rocks import RocksEngine

ENGINES = ["rocks", "memory"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made = RocksEngine(tmp_path / "state") if request.param == "rocks" else MemoryEngine()
    yield made
    made.close()


@pytest.fixture
def open_rocks(tmp_path: Path) -> Iterator[Callable[..., RocksEngine]]:
    """Open the engine in a folder of this test, as often as wanted; all are closed at the end."""
    opened = []

    def open_it(path: Path | None = None, **options) -> RocksEngine:
        opened.append(RocksEngine(path or tmp_path / "state", **options))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()
