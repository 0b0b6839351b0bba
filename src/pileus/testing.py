"""The `cloud` fixture: a whole cloud in this process, with a manual clock, seeded ids and a fresh store.

A pytest plugin: installing Pileus installs it. Operations are called as the model spells them:

    async def test_it(cloud):
        queue = await cloud.sqs.CreateQueue(QueueName="jobs")
        cloud.clock.advance(ms=30_000)
        await cloud.settle()

Requests are validated against the service's model and so are the results: a wrong shape fails here.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pileus.app import Pileus
from pileus.config import Settings
from pileus.kernel.call import Call
from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.kernel.principal import Principal, root
from pileus.kernel.service import Registry
from pileus.protocol import models
from pileus.protocol.validate import checker
from pileus.store.blobs import Blobs
from pileus.store.memory import MemoryEngine
from pileus.store.store import Store

if TYPE_CHECKING:
    from pileus.console.browser import Browser

STARTS_AT_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""


class Client:
    """A service as one principal sees it: `await client.SendMessage(QueueUrl=…)`."""

    def __init__(self, cloud: "Cloud", service: str, principal: Principal, region: str) -> None:
        self._cloud = cloud
        self._service = service
        self._principal = principal
        self._region = region

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        async def call(**request: Any) -> dict:
            return await self._cloud.invoke(self._service, operation, request, self._principal, self._region)

        return call


class Cloud:
    """The cloud of a test. Attributes are services, as the root of the account `account`."""

    def __init__(self, pileus: Pileus) -> None:
        self.pileus = pileus
        self.clock = pileus.clock
        self.ids = pileus.ids
        self.store = pileus.store
        self.account = pileus.settings.account
        self.region = pileus.settings.region

    def __getattr__(self, service: str) -> Client:
        name = service.rstrip("_").replace("_", "-")
        if name not in self.pileus.registry.names:
            raise AttributeError(f"no service {name}")
        return Client(self, name, root(self.account), self.region)

    @cached_property
    def browser(self) -> "Browser":
        """The web console, as the root of the account sees it."""
        from pileus.console.browser import Browser
        from pileus.console.shell import Console

        return Browser(Console(self.pileus), self.region)

    async def visit_as(self, user: str, *actions: str) -> None:
        """Sign the browser in as a new user, who may do these alone."""
        await self.iam.CreateUser(UserName=user)
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await self.iam.PutUserPolicy(UserName=user, PolicyName="p", PolicyDocument=document)
        await self.browser.sign_in((await self.iam.CreateAccessKey(UserName=user))["AccessKey"])

    def as_(self, principal: Principal, service: str, region: str | None = None) -> Client:
        """The same service as somebody else sees it."""
        return Client(self, service, principal, region or self.region)

    async def invoke(self, service: str, operation: str, request: dict, principal: Principal, region: str) -> dict:
        call: Call = self.pileus.call(
            service, operation, principal=principal, account=principal.account or self.account, region=region
        )
        result = await self.pileus.invoke(call, request)
        check_result(service, operation, result)
        return result

    async def settle(self) -> None:
        """Run what is due; return when all is quiet."""
        await self.pileus.settle()

    async def advance(self, ms: int) -> None:
        """Move the cloud through time, stopping wherever a timer is due."""
        await self.pileus.advance(ms)

    def at(self, ms_from_start: int) -> int:
        return STARTS_AT_MS + ms_from_start


def check_result(service: str, operation: str, result: dict) -> None:
    """Raise AssertionError or SerializationException where a result is not shaped like the model's output."""
    op = models.load(service).operation(operation)
    shapes = op.shapes(models.load(service).protocols[0])
    if op.output is None:
        assert not result, f"{operation} answers nothing, but gave {result}"
        return
    unknown = list(_unknown_members(shapes, op.output, result, operation))
    assert not unknown, f"not in the model: {', '.join(unknown)}"
    # Requests and answers share shapes: an answer may be emptier (no tags, 0) or newer (enums) than a request may.
    loose = ("enum", "min_length", "min")
    broken = [violation for violation in checker(shapes, op.output)(result) or () if violation.constraint not in loose]
    assert not broken, f"{operation} answered wrongly: {'; '.join(map(str, broken))}"


def _unknown_members(shapes: dict, ref: Any, value: Any, path: str) -> Iterator[str]:
    shape = shapes[ref.shape]
    if shape.document:
        return
    if isinstance(value, dict) and shape.type == "structure":
        for name, inner in value.items():
            if name not in shape.members:
                yield f"{path}.{name}"
            elif inner is not None:
                yield from _unknown_members(shapes, shape.members[name], inner, f"{path}.{name}")
    elif isinstance(value, dict) and shape.type == "map":
        for key, inner in value.items():
            yield from _unknown_members(shapes, shape.value, inner, f"{path}[{key}]")
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _unknown_members(shapes, shape.member, inner, f"{path}[{at}]")


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    """All services, on a memory store, at 2026-01-01, with permissions enforced."""
    clock = Clock(frozen_at_ms=STARTS_AT_MS)
    ids = Ids(seed=20260101)
    settings = Settings(data_dir=tmp_path, is_ephemeral=True, durability="none")
    store = Store(MemoryEngine(), clock, ids)
    pileus = Pileus(settings, store, Blobs(tmp_path / "blobs", ids, store), _registry(), clock=clock, ids=ids)
    await pileus.start()
    try:
        yield Cloud(pileus)
    finally:
        await pileus.stop()


_REGISTRY: list[Registry] = []


def _registry() -> Registry:
    if not _REGISTRY:
        _REGISTRY.append(Registry.discover("pileus.services"))
    return _REGISTRY[0]
