"""Killed at any commit, a mapping ends where it would have ended, and no message is lost.

Played once on an engine that photographs itself before and after every commit; each photograph is a disk as a kill at
that moment would leave it, and a new cloud starts from it and goes on by itself.
"""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from pileus.app import Pileus
from pileus.config import Settings
from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.kernel.service import Registry
from pileus.services.lambda_.log_shipping import LogShipping
from pileus.services.lambda_.running import Running
from pileus.services.lambda_.tests.material import TRUST, allow, zipped
from pileus.store.blobs import Blobs
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store
from pileus.testing import STARTS_AT_MS, Cloud

REGISTRY = Registry.discover("pileus.services")
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"


class Photographed(MemoryEngine):
    def __init__(self) -> None:
        super().__init__()
        self.photographs: list = []

    def apply(self, changes, ranges=()) -> None:
        self.photographs.append(self._rows.copy())
        super().apply(changes, ranges)
        self.photographs.append(self._rows.copy())


async def start(folder: Path, engine: MemoryEngine, seed: int) -> Cloud:
    clock, ids = Clock(frozen_at_ms=STARTS_AT_MS), Ids(seed=seed)
    settings = Settings(data_dir=folder, is_ephemeral=True, durability="none")
    store = Store(engine, clock, ids)
    pileus = Pileus(settings, store, Blobs(folder / "blobs", ids, store), REGISTRY, clock=clock, ids=ids)
    await pileus.start()
    return Cloud(pileus)


@pytest.fixture
def seen(monkeypatch):
    """The bodies that reached the function, in whatever process."""
    bodies: list[str] = []

    async def invoke(self, ref, payload, *, request_id, started=None, **more):
        bodies.extend(record["body"] for record in json.loads(payload)["Records"])
        version = SimpleNamespace(label="$LATEST")
        invocation = SimpleNamespace(payload=b"null", error=None, log_stream="")
        return SimpleNamespace(version=version, invocation=invocation, spec=None, seen=0)

    async def flushed(self, spec, stream):
        pass

    monkeypatch.setattr(Running, "invoke", invoke)
    monkeypatch.setattr(LogShipping, "flushed", flushed)
    return bodies


async def prepare(cloud: Cloud) -> str:
    role = await cloud.iam.CreateRole(RoleName="runs", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(RoleName="runs", PolicyName="p", PolicyDocument=allow("logs:*", "sqs:*"))
    await cloud.lambda_.CreateFunction(
        FunctionName="f",
        Runtime="python3.11",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": zipped()},
    )
    url = (await cloud.sqs.CreateQueue(QueueName="jobs"))["QueueUrl"]
    await cloud.settle()
    return url


async def test_a_killed_process_goes_on_with_its_mappings(tmp_path, seen):
    engine = Photographed()
    cloud = await start(tmp_path / "first", engine, 1)
    url = await prepare(cloud)
    for n in range(12):
        await cloud.sqs.SendMessage(QueueUrl=url, MessageBody=f"m{n}")
    engine.photographs.clear()
    mapping = await cloud.lambda_.CreateEventSourceMapping(FunctionName="f", EventSourceArn=QUEUE_ARN, BatchSize=5)
    engine.photographs.clear()
    await cloud.settle()
    assert sorted(seen) == sorted(f"m{n}" for n in range(12))
    await cloud.lambda_.UpdateEventSourceMapping(UUID=mapping["UUID"], BatchSize=2)
    await cloud.settle()
    photographs = list(engine.photographs)
    assert len(photographs) > 10
    await cloud.pileus.stop()

    for number, rows in enumerate(photographs):
        seen.clear()
        left = MemoryEngine()
        left._rows = rows
        before = bodies_in(rows)
        again = await start(tmp_path / f"again-{number}", left, 1000 + number)
        # Nobody asks Lambda for anything: it polls because there is a mapping.
        await again.settle()
        await again.advance(31_000)
        assert before <= set(seen), f"killed at {number}, {before - set(seen)} never came"
        found = await again.lambda_.GetEventSourceMapping(UUID=mapping["UUID"])
        assert found["State"] == "Enabled", f"killed at {number}"
        await again.pileus.stop()


def bodies_in(rows) -> set[str]:
    """The messages of a photograph, found by what they look like."""
    return {found.decode() for value in rows.values() for found in re.findall(rb"m\d+(?=[^0-9])", value)}


async def test_a_deletion_that_was_killed_is_finished(tmp_path, seen):
    engine = Photographed()
    cloud = await start(tmp_path / "first", engine, 1)
    await prepare(cloud)
    mapping = await cloud.lambda_.CreateEventSourceMapping(FunctionName="f", EventSourceArn=QUEUE_ARN)
    await cloud.settle()
    await cloud.lambda_.DeleteEventSourceMapping(UUID=mapping["UUID"])
    rows = engine.photographs[-1]
    await cloud.pileus.stop()
    left = MemoryEngine()
    left._rows = rows.copy()
    again = await start(tmp_path / "again", left, 2)
    await again.settle()
    assert (await again.lambda_.ListEventSourceMappings())["EventSourceMappings"] == []
    await again.pileus.stop()
