"""The schema's version: a newer data directory is refused, an older one is migrated, each step at once."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.store import blobs, schema
from pileus.store.blobs import BLOBS, Blobs
from pileus.store.engine import DataDirRefused
from pileus.store.opening import open_store
from pileus.store.schema import SCHEMA, bring_up_to_date
from pileus.store.store import Store
from pileus.store.table import Table


class Old(msgspec.Struct, frozen=True):
    name: str


class New(msgspec.Struct, frozen=True):
    name: str
    length: int


OLDS = Table("things", Old, key=lambda row: (row.name,))
NEWS = Table("things.2", New, key=lambda row: (row.name,))


def move_things(tx) -> None:
    for thing in OLDS.scan(tx):
        NEWS.put(tx, New(thing.name, len(thing.name)))
    OLDS.delete_all(tx)


def fail(tx) -> None:
    NEWS.put(tx, New("half", 0))
    raise LookupError


def look(engine, fn):
    return Store(engine, Clock(), Ids()).look(fn)[0]


def version(engine) -> int:
    return look(engine, lambda tx: SCHEMA.get(tx, "all")).version


def bring(engine, to: int, **migrations) -> None:
    steps = {int(name[1:]): step for name, step in migrations.items()}
    bring_up_to_date(engine, Clock(), Ids(), to, steps)


def test_a_new_directory_gets_the_current_version(engine):
    bring(engine, 3)
    assert version(engine) == 3
    bring(engine, 3)
    assert version(engine) == 3


def test_an_older_one_is_migrated_step_by_step(engine):
    bring(engine, 1)
    steps = []
    engine.apply({OLDS.prefix + b"\x02ab\0": msgspec.msgpack.encode(Old("ab"))})
    bring(engine, 3, _1=move_things, _2=lambda tx: steps.append([row.name for row in NEWS.scan(tx)]))
    assert version(engine) == 3
    assert steps == [["ab"]]
    assert look(engine, lambda tx: list(NEWS.scan(tx))) == [New("ab", 2)]
    assert look(engine, lambda tx: list(OLDS.scan(tx))) == []


def test_a_migration_that_fails_leaves_its_step_undone_and_goes_on_there(engine):
    bring(engine, 1)
    with pytest.raises(LookupError):
        bring(engine, 3, _1=move_things, _2=fail)
    assert version(engine) == 2
    assert look(engine, lambda tx: list(NEWS.scan(tx))) == []
    bring(engine, 3, _2=lambda tx: NEWS.put(tx, New("whole", 5)))
    assert version(engine) == 3


def test_a_newer_one_is_refused_and_left_alone(engine):
    bring(engine, 2)
    with pytest.raises(DataDirRefused, match="schema version 2, this Pileus knows versions up to 1"):
        bring(engine, 1)
    assert version(engine) == 2


def test_what_is_not_ours_is_refused(engine):
    engine.apply({b"something": b"else"})
    with pytest.raises(DataDirRefused, match="not written by Pileus"):
        bring(engine, 1)


def test_every_version_since_the_first_has_its_migration():
    assert set(schema.MIGRATIONS) == set(range(1, schema.VERSION))


async def test_small_blobs_of_version_1_stay_readable_and_go_with_their_last_reference(engine, tmp_path):
    bring(engine, 1)
    key = BLOBS.prefix + b"\x02" + b"a" * 32 + b"\0"
    engine.apply({key: msgspec.msgpack.encode(["a" * 32, 5, 2, b"small", []])})
    bring_up_to_date(engine, Clock(), Ids())
    assert version(engine) == schema.VERSION
    store = Store(engine, Clock(), Ids())
    await store.start()
    made = Blobs(tmp_path / "blobs", Ids(), store)
    assert await store.write(blobs.share, "a" * 32) == "a" * 32
    for _ in range(3):
        assert await store.read(made.parts, "a" * 32) == [b"small"]
        await store.write(blobs.drop_reference, "a" * 32)
    assert engine.get(key) is None


@dataclass
class Settings:
    data_dir: Path
    durability: str = "fsync"
    is_ephemeral: bool = False
    is_loss_accepted: bool = False


async def test_a_data_directory_opens_closes_and_opens_again(tmp_path):
    settings = Settings(tmp_path / "data")
    for count in (1, 2):
        store, _ = open_store(settings, Clock(), Ids())
        await store.start()
        await store.write(lambda tx, name: OLDS.put(tx, Old(name)), "n" * count)
        assert len(await store.read(lambda tx: list(OLDS.scan(tx)))) == count
        await store.stop()
    assert {path.name for path in settings.data_dir.iterdir()} == {"state", "blobs"}


async def test_a_newer_data_directory_does_not_open_and_stays_usable(tmp_path, monkeypatch):
    settings = Settings(tmp_path / "data")
    monkeypatch.setattr(schema, "VERSION", 1)
    with monkeypatch.context() as newer:
        newer.setattr(bring_up_to_date, "__defaults__", (7, {}))
        store, _ = open_store(settings, Clock(), Ids())
        await store.start()
        await store.stop()
    with pytest.raises(DataDirRefused, match="schema version 7"):
        open_store(settings, Clock(), Ids())
    with monkeypatch.context() as newer:
        newer.setattr(bring_up_to_date, "__defaults__", (7, {}))
        store, _ = open_store(settings, Clock(), Ids())
        await store.start()
        await store.stop()


async def test_an_ephemeral_store_leaves_nothing(tmp_path):
    settings = Settings(tmp_path / "data", is_ephemeral=True)
    store, blobs = open_store(settings, Clock(), Ids())
    await store.start()
    folder = blobs.folder
    async with blobs.writer() as writer:
        await writer.write(bytes(100_000))
        await writer.finish()
    await store.stop()
    blobs.close()
    assert not settings.data_dir.exists()
    assert not folder.exists()
