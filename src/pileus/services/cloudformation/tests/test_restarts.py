"""Killed at any commit, a stack ends where it would have ended.

A scenario is played once on an engine that photographs itself, and the world, before and after every commit. Each
photograph is a disk as a kill at that moment would leave it: a new cloud starts from it and goes on by itself.
"""

import copy
import json
from pathlib import Path

import pytest

from pileus.app import Pileus
from pileus.config import Settings
from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.kernel.service import Registry
from pileus.services.cloudformation.engine import engine_of
from pileus.services.cloudformation.resources import RESOURCE_TYPES
from pileus.services.cloudformation.tests.conftest import FakeThing, Shelf, thing
from pileus.stacks.resource import ResourceTypes
from pileus.store.blobs import Blobs
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store
from pileus.testing import STARTS_AT_MS, Cloud

REGISTRY = Registry.discover("pileus.services")


class Photographed(MemoryEngine):
    """`shelf` is the world that must be photographed with it."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self.shelf = shelf
        self.photographs: list[tuple] = []

    def apply(self, changes, ranges=()) -> None:
        self._photograph()
        super().apply(changes, ranges)
        self._photograph()

    def _photograph(self) -> None:
        self.photographs.append((self._rows.copy(), copy.deepcopy(self.shelf)))


async def start(folder: Path, engine: MemoryEngine, shelf: Shelf, seed: int) -> Cloud:
    clock, ids = Clock(frozen_at_ms=STARTS_AT_MS), Ids(seed=seed)
    settings = Settings(data_dir=folder, is_ephemeral=True, durability="none")
    store = Store(engine, clock, ids)
    pileus = Pileus(settings, store, Blobs(folder / "blobs", ids, store), REGISTRY, clock=clock, ids=ids)
    types = ResourceTypes([*RESOURCE_TYPES, FakeThing])
    types.get(FakeThing.name).shelf = shelf

    async def with_types(name: str):
        service = await started(name)
        if name == "cloudformation":
            engine_of(pileus)._types = types
        return service

    started, pileus.service = pileus.service, with_types
    await pileus.start()
    await pileus.service("cloudformation")
    return Cloud(pileus)


def text(**resources) -> str:
    return json.dumps({"Resources": resources})


BEFORE = text(Ground=thing(Color="red"), Wall=thing(Needs=[{"Ref": "Ground"}]), Old=thing(), Fixed=thing(Name="fixed"))
AFTER = text(
    Ground=thing(Color="blue"),
    Wall=thing(Needs=[{"Ref": "Ground"}, {"Ref": "New"}]),
    New=thing(),
    Fixed=thing(Name="other", DependsOn=["Ground", "Wall"]),
)


async def creates(cloud: Cloud) -> None:
    await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=BEFORE)
    await cloud.settle()


async def updates(cloud: Cloud) -> None:
    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=AFTER)
    await cloud.settle()


async def deletes(cloud: Cloud) -> None:
    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.settle()


@pytest.mark.parametrize(
    ("before", "act", "failing", "ends_as", "colors"),
    [
        ([], creates, "", "CREATE_COMPLETE", ["none", "none", "none", "red"]),
        ([], creates, "create Wall", "ROLLBACK_COMPLETE", []),
        ([creates], updates, "", "UPDATE_COMPLETE", ["blue", "none", "none", "none"]),
        ([creates], updates, "create Fixed", "UPDATE_ROLLBACK_COMPLETE", ["none", "none", "none", "red"]),
        ([creates, updates], deletes, "", "DELETE_COMPLETE", []),
    ],
    ids=["creation", "rollback", "update", "update-rollback", "deletion"],
)
async def test_a_killed_process_goes_on(tmp_path, before, act, failing, ends_as, colors):
    shelf = Shelf()
    engine = Photographed(shelf)
    cloud = await start(tmp_path / "first", engine, shelf, 1)
    for step in before:
        await step(cloud)
    if failing:
        shelf.failing.add(failing)
    engine.photographs.clear()
    await act(cloud)
    photographs = engine.photographs[1:]
    assert len(photographs) > 10
    await cloud.pileus.stop()

    for number, (rows, world) in enumerate(photographs):
        left = MemoryEngine()
        left._rows = rows
        again = await start(tmp_path / str(number), left, world, 1000 + number)
        await again.settle()
        stacks = (await again.cloudformation.ListStacks())["StackSummaries"]
        assert [stack["StackStatus"] for stack in stacks] == [ends_as], f"killed at {number}: {world.log}"
        there = sorted(each.get("Color", "none") for each in world.things.values())
        assert there == colors, f"killed at {number}: {world.log}"
        await again.pileus.stop()
