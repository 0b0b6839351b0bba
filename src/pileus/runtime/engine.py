"""The engine's front door: invoke a function, forget a revision, stop, and say what is isolated."""

import asyncio
import logging
import pathlib
import shutil
import sys

from pileus.kernel.clock import Clock, iso8601
from pileus.kernel.ids import Ids
from pileus.kernel.tasks import Tasks
from pileus.runtime import sandbox
from pileus.runtime.api import Event
from pileus.runtime.callers import Address, Callers
from pileus.runtime.cgroups import Cgroups, Group
from pileus.runtime.environment import INIT_LIMIT_S, Environment, OnLog
from pileus.runtime.names import Names
from pileus.runtime.packages import Packages
from pileus.runtime.pool import Pool
from pileus.runtime.process import EnvironmentProcess
from pileus.runtime.runtimes import Ahead, Interpreter, Language, Paths, Told
from pileus.runtime.runtimes.node import Node
from pileus.runtime.runtimes.provided import Provided
from pileus.runtime.runtimes.python import Python
from pileus.runtime.spec import FunctionSpec, Invocation, RuntimeMissing, SandboxFailed
from pileus.runtime.variables import variables
from pileus.runtime.zygotes import Zygote

log = logging.getLogger("pileus.runtime")

STARTS_AT_ONCE = 4
"""Cold starts are processor work; more at once only make each slower."""


class Engine:
    """Runs functions. Nothing is started before the first of them.

    on_log  called with (spec, log stream, [(milliseconds, text)]), in order, from the event loop; must not block
    """

    def __init__(
        self,
        data_dir: pathlib.Path,
        *,
        clock: Clock,
        ids: Ids,
        tasks: Tasks,
        on_log: OnLog,
        environments_limit: int = 500,
        idle_s: float = 600.0,
    ) -> None:
        self.folder = data_dir / "runtime"
        self.clock = clock
        self.ids = ids
        self.tasks = tasks
        self.on_log = on_log
        self.packages = Packages(self.folder / "packages")
        self.pool = Pool(clock, limit=environments_limit, idle_s=idle_s, on_close=self._closed)
        self.names = Names(self.folder / "authority", tasks)
        self.callers = Callers()
        self.languages: dict[str, Language] = {
            "python": Python(),
            "nodejs": Node(self.folder / "sdk", tasks),
            "provided": Provided(),
        }
        self._zygotes: dict[str, asyncio.Task[Zygote]] = {}
        self._cgroups: Cgroups | None = None
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._ended_groups: list[Group] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._warned = False

    async def invoke(
        self,
        spec: FunctionSpec,
        payload: bytes,
        *,
        request_id: str,
        invoked_arn: str | None = None,
        client_context: str | None = None,
        identity: str | None = None,
        trace_id: str | None = None,
    ) -> Invocation:
        """Have the function answer one event, in a free environment or a new one.

        client_context, identity  JSON texts, as the function's runtime shall see them
        raises  TooManyEnvironments, SandboxFailed, RuntimeMissing. A failing function is no exception but an answer.
        """
        event = _event(spec, payload, request_id, invoked_arn, client_context, identity, trace_id)
        environment = self.pool.take(spec)
        if environment is not None:
            return await self._run(environment, event)
        environment = await self._start(spec)
        try:
            failure = await environment.initialize(INIT_LIMIT_S)
        except BaseException:
            environment.close()
            raise
        if failure is None:
            return await self._run(environment, event, init_ms=environment.init_ms)
        # AWS does it again within the invocation: some initializations only need more than ten seconds.
        environment.log_init_failure(failure)
        environment.close()
        again = await self._start(spec, log_stream=environment.log_stream)
        return await self._run(again, event, initialize=True)

    def forget(self, key: str) -> None:
        """A function's code or configuration changed: no more events for the environments of this revision."""
        self.pool.forget(key)

    async def is_function(self, remote: Address, local: Address) -> bool:
        """Whether a connection from this machine (`remote`) to our `local` address is a function's."""
        return await self.callers.is_function(remote, local)

    async def stop(self) -> None:
        self.pool.close()
        self.names.close()
        for start in self._zygotes.values():
            if not start.done():
                start.cancel()
            elif not start.cancelled() and start.exception() is None:
                start.result().close()
        self._zygotes.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for _ in range(100):
            self._ended_groups = [group for group in self._ended_groups if not group.remove()]
            if not self._ended_groups:
                break
            await asyncio.sleep(0.02)  # the kernel still ends processes; nothing tells when it is done
        if self._cgroups is not None:
            self._cgroups.close()
        self.callers.close()

    def isolation(self) -> dict[str, str]:
        """What keeps functions from the host and from each other here; for `pileus status`."""
        refusal = sandbox.refusal()
        groups = self._groups()
        without = f"NOT isolated: {refusal}"
        watched = "watched and killed by Pileus, which may come late"
        return {
            "files": "own root, host invisible" if refusal is None else without,
            "processes": "own pid namespace" if refusal is None else without,
            "user": f"uid {sandbox.USER_ID}, no capabilities" if refusal is None else without,
            "tmp": "own tmpfs, limited" if refusal is None else f"own folder, NOT limited: {refusal}",
            "memory": f"cgroup v{groups.version}" if "memory" in groups.parents else f"{watched}: {groups.reason}",
            "cpu": f"cgroup v{groups.version}" if "cpu" in groups.parents else f"NOT limited: {groups.reason}",
            "processes_count": f"cgroup v{groups.version}" if "pids" in groups.parents else "NOT limited",
            "network": "NOT isolated: shared with the host, loopback included",
            "keys": self._keys(refusal),
            "system_calls": "NOT filtered",
        }

    def _keys(self, refusal: str | None) -> str:
        if sys.platform != "linux":
            return (
                f"NOT isolated: {sys.platform} does not say who calls, so the well-known key is root for functions too"
            )
        if refusal is not None:
            return "the well-known key is refused to functions, as long as they don't leave their process tree"
        return "their role's; the well-known key is refused to functions"

    # Starting

    async def _run(self, environment: Environment, event: Event, **how: object) -> Invocation:
        try:
            result = await environment.invoke(event, **how)
        except BaseException:
            environment.close()  # the caller went away, or we failed: nobody knows what state it is in
            raise
        if environment.is_free:
            self.pool.give_back(environment)
        elif environment.alive:
            self.tasks.start(f"wait for environment {environment.id}", self._give_back_later(environment))
        return result

    async def _give_back_later(self, environment: Environment) -> None:
        """Its runtime has answered and works on (a pending timer, say); it has its function's timeout for that."""
        await environment.wait_until_free(environment.spec.timeout_s)
        self.pool.give_back(environment)

    async def _start(self, spec: FunctionSpec, log_stream: str | None = None) -> Environment:
        language = self._language(spec.runtime)
        self.pool.make_room()
        self.pool.starting += 1
        try:
            async with self._starts:
                return await self._start_now(spec, language, log_stream)
        finally:
            self.pool.starting -= 1

    async def _start_now(self, spec: FunctionSpec, language: Language, log_stream: str | None) -> Environment:
        credentials = await spec.credentials() if spec.credentials else None
        interpreter = await language.interpreter(spec.runtime)
        zygote = await self._zygote(language, interpreter)
        isolated = zygote.settings["namespaces"]
        layers = await self.packages.merged(spec.layers)
        identity = self.ids.hex(32)
        paths = Paths() if isolated else self._paths_without_sandbox(spec, layers, identity)
        told = Told(await self.names.addresses(spec.endpoint_url), self.ids.hex(32))
        launch = await language.launch(spec, interpreter, paths, told)
        stream = log_stream or self._stream_name(spec, identity)
        environment = Environment(spec, identity, stream, self.clock, self.on_log)
        try:
            environment.api.secret = told.secret if launch.shows_secret else None
            await environment.api.listen()
            environment.expires_at_ms = credentials.expires_at_ms if credentials else None
            if log_stream is None:
                environment.log_init_start(f"{interpreter.language}:{interpreter.version}")
            if launch.notice:
                environment.write_log([(self.clock.now_ms(), launch.notice + "\n")])
            mounts = [(str(pathlib.Path(spec.code).resolve()), paths.task), *launch.mounts]
            if layers is not None:
                mounts.append((str(layers), paths.opt))
            configuration = {
                "mounts": mounts,
                "task_root": paths.task,
                "ephemeral_storage_mib": spec.ephemeral_storage_mib,
                "argv": launch.argv,
                "variables": variables(
                    spec, launch, paths, credentials, api=environment.api.address, log_stream=stream
                ),
                **launch.settings,
            }
            self._fork(zygote, environment, configuration, launch.ahead)
        except BaseException:
            environment.close()
            self._closed(environment)
            raise
        self.pool.add(environment)
        return environment

    def _fork(self, zygote: Zygote, environment: Environment, configuration: dict, ahead: Ahead | None) -> None:
        fork = zygote.fork(ahead)
        environment.group = fork.group
        if fork.group is not None:
            # The kernel counts what lies in /tmp as memory (cgroups.py).
            fork.group.limit_memory(environment.spec.memory_mib + environment.spec.ephemeral_storage_mib)
        if fork.log_fd is not None:
            environment.logs.adopt(fork.log_fd)
        environment.watch_logs()
        environment.process = EnvironmentProcess(fork.channel, environment.process_exited)
        fds = [] if fork.ahead else [environment.logs.write_fd]
        try:
            environment.process.start(configuration, fds, isolated=zygote.settings["namespaces"])
        except OSError as error:
            raise SandboxFailed(f"The environment ended before it began: {error}") from error
        finally:
            environment.logs.close_write_end()

    async def _zygote(self, language: Language, interpreter: Interpreter) -> Zygote:
        key = f"{interpreter.language} {interpreter.version}"
        start = self._zygotes.get(key)
        if start is not None and start.done() and (start.cancelled() or start.exception() or not start.result().alive):
            start = None
        if start is None:
            self._warn_once()
            start = self.tasks.start(f"start of the zygote {key}", self._start_zygote(key, language, interpreter))
            self._zygotes[key] = start
        return await asyncio.shield(start)

    async def _start_zygote(self, key: str, language: Language, interpreter: Interpreter) -> Zygote:
        # Found out in a thread, since it starts a process; later calls only read what was found.
        await asyncio.to_thread(sandbox.refusal)
        bundle = await self.names.ca_bundle()
        settings = language.zygote_settings(interpreter, bundle)
        zygote = Zygote(key, settings, self.tasks, self._new_group, self._end_group, self.pool.idle_s)
        await zygote.start()
        try:
            self.callers.add(zygote.pid, zygote.settings)
        except OSError as error:
            zygote.close()
            raise SandboxFailed(f"The sandboxes' namespace can't be told from others: {error}") from error
        return zygote

    def _language(self, runtime: str) -> Language:
        for name, language in self.languages.items():
            if runtime.startswith(name):
                return language
        raise RuntimeMissing(f"Pileus has no runtime {runtime} yet.")

    def _stream_name(self, spec: FunctionSpec, identity: str) -> str:
        day = _day(self.clock.now_ms())
        return f"{day}/[{spec.version}]{identity}"

    def _paths_without_sandbox(self, spec: FunctionSpec, layers: pathlib.Path | None, identity: str) -> Paths:
        tmp = self._scratch(identity)
        tmp.mkdir(parents=True, mode=0o700)
        runtime = str(sandbox.BOOTSTRAPS.parent)
        bundle = self.names.authority.bundle
        return Paths(
            task=str(spec.code),
            opt=str(layers or "/opt"),
            runtime=runtime,
            tmp=str(tmp),
            ca_bundle=str(bundle),
            ca=str(bundle.with_name("ca.pem")),
        )

    def _scratch(self, identity: str) -> pathlib.Path:
        """What stands for /tmp where there is no sandbox."""
        return self.folder / "tmp" / identity

    def _new_group(self) -> Group | None:
        return self._groups().make(self.ids.hex(16))

    def _groups(self) -> Cgroups:
        if self._cgroups is None:
            self._cgroups = Cgroups()
        return self._cgroups

    def _warn_once(self) -> None:
        refusal = sandbox.refusal()
        if refusal is not None and not self._warned:
            self._warned = True
            log.warning("FUNCTIONS ARE NOT ISOLATED FROM THIS MACHINE: %s. They see its files and processes.", refusal)

    # Ending

    def _closed(self, environment: Environment) -> None:
        if sandbox.refusal() is not None:
            shutil.rmtree(self._scratch(environment.id), ignore_errors=True)
        if environment.group is not None:
            environment.group.close_files()
            self._end_group(environment.group)
            environment.group = None

    def _end_group(self, group: Group) -> None:
        self._ended_groups.append(group)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(0.05, self._sweep)

    def _sweep(self) -> None:
        """Remove the control groups of ended environments, once the kernel is done with their processes."""
        self._ended_groups = [group for group in self._ended_groups if not group.remove()]
        self._sweeper = asyncio.get_running_loop().call_later(0.2, self._sweep) if self._ended_groups else None


def _event(
    spec: FunctionSpec,
    payload: bytes,
    request_id: str,
    invoked_arn: str | None,
    client_context: str | None,
    identity: str | None,
    trace_id: str | None,
) -> Event:
    headers = [
        ("Content-Type", "application/json"),
        ("Lambda-Runtime-Aws-Request-Id", request_id),
        ("Lambda-Runtime-Invoked-Function-Arn", invoked_arn or spec.arn),
    ]
    for name, value in (
        ("Lambda-Runtime-Trace-Id", trace_id),
        ("Lambda-Runtime-Client-Context", client_context),
        ("Lambda-Runtime-Cognito-Identity", identity),
    ):
        if value:
            # A header is one line; JSON's meaning does not depend on its line breaks.
            headers.append((name, value.replace("\r", " ").replace("\n", " ")))
    return Event(request_id, headers, payload)


def _day(now_ms: int) -> str:
    return iso8601(now_ms)[:10].replace("-", "/")
