"""Runs versions on the engine: what they run as, how many at once, and what became of an event."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pileus.kernel.call import Call
from pileus.runtime.engine import Engine
from pileus.runtime.packages import InvalidPackage
from pileus.runtime.spec import FunctionSpec, Invocation, RuntimeMissing, SandboxFailed, TooManyEnvironments
from pileus.services.lambda_ import errors
from pileus.services.lambda_.growth import Growth
from pileus.services.lambda_.names import FunctionRef
from pileus.services.lambda_.roles import Roles
from pileus.services.lambda_.state import ACCOUNT_CONCURRENCY, UNRESERVED_CONCURRENCY_MIN, Function, Version
from pileus.services.lambda_.transitions.codes import find_code, usage
from pileus.services.lambda_.transitions.functions import PREPARED, choose_version, require_version
from pileus.store.blobs import Blobs

PREPARE_LIMIT_MS = 60_000
"""How long an invocation waits for a function that is being made ready."""

REMEMBERED_SPECS = 10_000


@dataclass(frozen=True)
class RunSpec(FunctionSpec):
    """`role`: whose permissions the function has, and its log lines are written with."""

    role: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`seen`: the newest commit that was looked at (Call.seen)."""

    version: Version
    invocation: Invocation
    spec: RunSpec
    seen: int


class Concurrency:
    """How many events are being answered now. Counted in memory: after a restart nothing runs.

    Source: developer guide, "Configuring reserved concurrency for a function".
    """

    def __init__(self, cloud: Any) -> None:
        self._cloud = cloud
        self._by_function: Counter[tuple[str, str, str]] = Counter()
        self._unreserved: Counter[tuple[str, str]] = Counter()

    def enter(self, function: Function) -> None:
        """errors   TooManyRequestsException"""
        key = (function.account, function.region, function.name)
        if function.reserved_concurrency is not None:
            if self._by_function[key] >= function.reserved_concurrency:
                raise errors.TooManyRequestsException("ReservedFunctionConcurrentInvocationLimitExceeded")
        elif self._unreserved[key[:2]] >= UNRESERVED_CONCURRENCY_MIN:
            # So many are always there for functions that reserve nothing; only beyond it somebody has to count.
            reserved = self._cloud.store.look(usage, *key[:2])[0].reserved_concurrency
            if self._unreserved[key[:2]] >= ACCOUNT_CONCURRENCY - reserved:
                raise errors.TooManyRequestsException("ConcurrentInvocationLimitExceeded")
        self._by_function[key] += 1
        if function.reserved_concurrency is None:
            self._unreserved[key[:2]] += 1

    def leave(self, function: Function) -> None:
        """With the same record that `enter` was given."""
        key = (function.account, function.region, function.name)
        _count_down(self._by_function, key)
        if function.reserved_concurrency is None:
            _count_down(self._unreserved, key[:2])


def _count_down(counter: Counter, key: tuple) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


class Running:
    """Everything between an accepted invocation and the engine. One per Pileus."""

    def __init__(self, cloud: Any, engine: Engine, roles: Roles) -> None:
        self._cloud = cloud
        self.engine = engine
        self.roles = roles
        self.concurrency = Concurrency(cloud)
        self.growth = Growth()
        self.is_stopping = False
        """From then on environments are killed: what comes of their events says nothing of the functions."""
        self._specs: dict[str, RunSpec] = {}

    def isolation(self) -> dict[str, str]:
        """For `pileus status`."""
        return self.engine.isolation()

    def retire(self, environment_key: str) -> None:
        """The version changed or is gone: its environments end when they have answered."""
        self._specs.pop(environment_key, None)
        self.growth.forget(environment_key)
        self.engine.forget(environment_key)

    async def invoke(
        self,
        ref: FunctionRef,
        payload: bytes,
        *,
        request_id: str,
        client_context: str | None = None,
        trace_id: str | None = None,
        started: Callable[[], None] | None = None,
    ) -> Outcome:
        """Have a function answer one event; `started` is called when it has waited for its turn.

        errors  ResourceNotFoundException, TooManyRequestsException, ResourceConflictException, and what only this
                machine can't do: InvalidRuntimeException, ServiceException
        """
        if self.is_stopping:
            raise errors.ServiceException("Pileus is stopping.")
        (version, function), seen = await self._ready_version(ref)
        self.concurrency.enter(function)
        try:
            spec = self._specs.get(version.environment_key) or await self._spec(version)
            await self.growth.enter(spec.key)
            try:
                if started is not None:
                    started()
                invocation = await self.engine.invoke(
                    spec,
                    payload,
                    request_id=request_id,
                    invoked_arn=ref.arn,
                    client_context=client_context,
                    trace_id=trace_id or self._trace_id(version),
                )
            finally:
                self.growth.leave(spec.key)
        except TooManyEnvironments as error:
            raise errors.TooManyRequestsException("ConcurrentInvocationLimitExceeded") from error
        except RuntimeMissing as error:
            raise errors.InvalidRuntimeException(str(error)) from error
        except SandboxFailed as error:
            raise errors.ServiceException(f"Pileus could not start the function: {error}") from error
        except InvalidPackage as error:
            raise errors.InvalidZipFileException(str(error)) from error
        finally:
            self.concurrency.leave(function)
        if self.is_stopping and invocation.error is not None:
            raise errors.ServiceException("Pileus is stopping.")
        return Outcome(version, invocation, spec, seen)

    async def _ready_version(self, ref: FunctionRef) -> tuple[tuple[Version, Function], int]:
        """The version that serves, once it is ready, and the commit that was seen. AWS refuses invocations of a
        function in Pending; here that takes milliseconds, so they wait."""
        share = self._cloud.ids.fraction() if ref.qualifier else 0.0
        store = self._cloud.store
        found, seen = store.look(choose_version, ref, share)
        if found[0].state == "Active" and found[0].update_status != "InProgress":
            return found, seen
        async with store.watch(PREPARED) as notices:
            deadline_ms = self._cloud.clock.now_ms() + PREPARE_LIMIT_MS
            while True:
                found, seen = store.look(choose_version, ref, share)
                if found[0].state != "Pending" and found[0].update_status != "InProgress":
                    break
                if not await notices.wait_next(until_ms=deadline_ms):
                    break
        if found[0].state != "Active":
            raise errors.ResourceConflictException(
                "The operation cannot be performed at this time. The function is currently in the following state: "
                + found[0].state
            )
        return found, seen

    async def prepare(self, version: Version) -> RunSpec:
        """Lay ready what the version runs on: its code and layers, unpacked. Raises InvalidPackage."""
        configuration = version.configuration
        for digest in (configuration.code_digest, *(layer.digest for layer in configuration.layers)):
            await self._unpacked(digest)
        packages = self.engine.packages.folder
        layers = tuple(str(packages / layer.digest) for layer in configuration.layers)
        await self.engine.packages.merged(layers)
        return RunSpec(
            key=version.environment_key,
            arn=version.unqualified_arn,
            name=version.name,
            version=version.label,
            runtime=configuration.runtime,
            handler=configuration.handler,
            code=str(packages / configuration.code_digest),
            account=version.account,
            region=version.region,
            memory_mib=configuration.memory_mib,
            timeout_s=configuration.timeout_s,
            ephemeral_storage_mib=configuration.ephemeral_storage_mib,
            environment=configuration.environment,
            layers=layers,
            architecture=configuration.architecture,
            log_group=configuration.log_group,
            log_format=configuration.log_format,
            log_level=configuration.application_log_level or None,
            # By address: SDKs then put a bucket's name in the path and look up no such host.
            endpoint_url=self._cloud.endpoint.replace("//localhost", "//127.0.0.1"),
            credentials=self.roles.credentials(configuration.role, version.region, version.name),
            tracing=configuration.tracing,
            role=configuration.role,
        )

    async def _spec(self, version: Version) -> RunSpec:
        spec = await self.prepare(version)
        if len(self._specs) >= REMEMBERED_SPECS:
            self._specs.clear()
        self._specs[version.environment_key] = spec
        return spec

    async def _unpacked(self, digest: str) -> None:
        packages = self.engine.packages
        if (packages.folder / digest).exists():
            return
        store, blobs = self._cloud.store, self._cloud.blobs
        code, _ = store.look(find_code, digest)
        if code is None:
            raise InvalidPackage("The code of this function is gone.")
        await packages.unpack(await _zip(blobs, store.look(blobs.parts, code.blob_id)[0]), digest)

    def _trace_id(self, version: Version) -> str:
        """As X-Ray's header. Sampled where the function asks for tracing."""
        ids = self._cloud.ids
        sampled = 1 if version.configuration.tracing == "Active" else 0
        seconds = self._cloud.clock.now_ms() // 1000
        return f"Root=1-{seconds:08x}-{ids.hex(24)};Parent={ids.hex(16)};Sampled={sampled}"


async def _zip(blobs: Blobs, parts: list) -> bytes:
    """Fetched only where the unpacked files were lost: whole, for zips are read from their end."""
    return b"".join([chunk async for chunk in blobs.stream(parts)])


async def settled(call: Call, ref: FunctionRef) -> Version:
    """$LATEST once no earlier change of it is being made ready. AWS refuses changes until then; here that takes
    milliseconds, so they wait.

    errors   ResourceNotFoundException
    """
    latest = ref._replace(qualifier=None)
    deadline_ms = call.now_ms + PREPARE_LIMIT_MS
    async with call.watch(PREPARED) as notices:
        while True:
            version = await call.read(require_version, latest)
            if version.state != "Pending" and version.update_status != "InProgress":
                return version
            if not await notices.wait_next(until_ms=deadline_ms):
                return version
