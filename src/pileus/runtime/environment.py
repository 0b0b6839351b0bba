"""One execution environment: its start, its invocations one after the other, its end.

Source: Lambda developer guide, "Understanding the Lambda execution environment lifecycle".
"""

import asyncio
import contextlib
import json
import math
import signal
from collections.abc import Callable
from dataclasses import dataclass

from pileus.kernel.clock import Clock, iso8601
from pileus.runtime.api import Event, RuntimeApi
from pileus.runtime.cgroups import Group
from pileus.runtime.logs import Line, LogPipe, Tail
from pileus.runtime.process import EnvironmentProcess
from pileus.runtime.spec import RESPONSE_LIMIT_BYTES, TAIL_BYTES, FunctionSpec, Invocation, SandboxFailed

INIT_LIMIT_S = 10.0
"""Initialization is stopped then, and done again within the invocation. Source: lifecycle page, "Init phase"."""

FREEZE_AFTER_S = 0.05
"""AWS freezes at once. To stop and wake the processes costs 0.1 ms, which a busy environment need not pay each time."""

SETTLE_LIMIT_S = 0.1
"""How long after its answer a runtime may take to ask for the next event before the caller stops waiting for that."""

MEMORY_WATCH_S = 0.03

WALL = Clock()
"""The real time, for what happens in real processes: the cloud's clock may have been moved, the function's is not."""

OnLog = Callable[[FunctionSpec, str, list[Line]], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the runtime did: answered ("response"), said it failed ("error"), or stopped being there.

    status  "ok", "error" or "timeout", as in a REPORT line
    """

    status: str
    payload: bytes
    error_type: str | None = None
    log: str | None = None
    keep: bool = False
    """Whether the environment may serve on."""


class Environment:
    def __init__(self, spec: FunctionSpec, identity: str, log_stream: str, clock: Clock, on_log: OnLog) -> None:
        self.spec = spec
        self.id = identity
        self.log_stream = log_stream
        self.clock = clock
        self.on_log = on_log
        self.api = RuntimeApi(self)
        self.logs = LogPipe(clock, self.write_log)
        self.group: Group | None = None
        self.process: EnvironmentProcess | None = None
        self.expires_at_ms: int | None = None
        self.alive = True
        self.retired = False
        self.init_ms: float | None = None
        self.peak_bytes = 0
        self.on_death: Callable[[Environment], None] | None = None
        self._outcome: asyncio.Future[Outcome] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._tail = Tail(TAIL_BYTES)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._request_id = ""

    # Its life

    def watch_logs(self) -> None:
        asyncio.get_running_loop().add_reader(self.logs.read_fd, self._log_readable)

    async def initialize(self, limit_s: float) -> Outcome | None:
        """Wait until the runtime asks for its first event. None when it did, else what happened instead."""
        loop = asyncio.get_running_loop()
        started_ns = Clock.stopwatch_ns()
        self._outcome = loop.create_future()
        self._ready = loop.create_future()
        self._watch_memory()
        if not self.api.is_waiting:
            done, _ = await asyncio.wait({self._outcome, self._ready}, timeout=limit_s, return_when="FIRST_COMPLETED")
            if not done:
                self._outcome = None
                return self._timed_out(limit_s)
        self._stop_timer("memory")
        outcome = self._outcome.result() if self._outcome.done() else None
        self._outcome = None
        self._drain_logs(last=True)
        self._note_memory()
        self.init_ms = (Clock.stopwatch_ns() - started_ns) / 1e6
        if outcome is None and self.group is not None:
            self.group.limit_cpu(self.spec.memory_mib)
        return outcome

    async def invoke(self, event: Event, *, initialize: bool = False, init_ms: float | None = None) -> Invocation:
        """Have one event answered. Returns when the environment is free again, or has ended.

        initialize  initialization belongs to this invocation and its time (the first try failed)
        init_ms     how long it took before, when this is the first invocation
        """
        assert self.process is not None
        self._stop_timer("freeze")
        self.process.proceed()
        self._request_id = event.request_id
        self._tail = Tail(TAIL_BYTES)
        self._log(f"START RequestId: {event.request_id} Version: {self.spec.version}\n")
        started_ns = Clock.stopwatch_ns()
        outcome = await self.initialize(self.spec.timeout_s) if initialize else None
        if outcome is None:
            remaining_s = self.spec.timeout_s - (Clock.stopwatch_ns() - started_ns) / 1e9
            outcome = await self._answer(event, remaining_s)
        duration_ms = (Clock.stopwatch_ns() - started_ns) / 1e6
        if outcome.status == "timeout":
            duration_ms = self.spec.timeout_s * 1000
        self._drain_logs(last=True)
        self._note_memory()
        if outcome.log:
            self._log(outcome.log)
        billed_ms, used_mib = self._report(event.request_id, outcome, duration_ms, init_ms)
        result = Invocation(
            payload=outcome.payload,
            error=None if outcome.status == "ok" else "Unhandled",
            log_tail=self._tail.bytes(),
            log_stream=self.log_stream,
            environment_id=self.id,
            duration_ms=duration_ms,
            billed_ms=billed_ms,
            init_ms=init_ms,
            max_memory_mib=used_mib,
        )
        if not outcome.keep:
            self.close()
        elif not self.api.is_waiting and self._ready is not None:
            # The next invocation would find no free environment if it came before the runtime's next question.
            await asyncio.wait({self._ready}, timeout=SETTLE_LIMIT_S)
        return result

    async def _answer(self, event: Event, limit_s: float) -> Outcome:
        loop = asyncio.get_running_loop()
        deadline_ms = WALL.now_ms() + int(limit_s * 1000)
        event.headers.append(("Lambda-Runtime-Deadline-Ms", str(deadline_ms)))
        self._outcome = loop.create_future()
        self._ready = loop.create_future()
        self._watch_memory()
        self.api.give(event)
        try:
            async with asyncio.timeout(limit_s):
                return await self._outcome
        except TimeoutError:
            return self._timed_out(self.spec.timeout_s)
        finally:
            self._stop_timer("memory")
            self._outcome = None

    def rest(self) -> None:
        """No event for it now: its processes stop, soon."""
        self._stop_timer("freeze")
        assert self.process is not None
        self._timers["freeze"] = asyncio.get_running_loop().call_later(FREEZE_AFTER_S, self.process.stop)

    @property
    def is_free(self) -> bool:
        return self.alive and self.api.is_waiting

    async def wait_until_free(self, limit_s: float) -> bool:
        """After an answer: until the runtime asks for the next event."""
        if self.alive and not self.api.is_waiting and self._ready is not None:
            await asyncio.wait({self._ready}, timeout=limit_s)
        return self.is_free

    def close(self) -> None:
        """Kill whatever runs and give everything back, except the control group: it can go when all have ended."""
        if not self.alive:
            return
        self.alive = False
        for name in list(self._timers):
            self._stop_timer(name)
        if self.process is not None:
            self.process.kill()
        self.api.close()
        if self.logs.read_fd >= 0:
            asyncio.get_running_loop().remove_reader(self.logs.read_fd)
        self.logs.close()
        if self._ready is not None and not self._ready.done():
            self._ready.cancel()
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(self._exited(-signal.SIGKILL))
        if self.on_death is not None:
            self.on_death(self)

    # What the runtime says (api.Owner)

    def runtime_is_ready(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def runtime_responded(self, payload: bytes) -> None:
        self._settle(Outcome("ok", payload, keep=True))

    def runtime_response_too_large(self, size_bytes: int) -> None:
        message = (
            f"Response payload size ({size_bytes} bytes) exceeded maximum allowed payload size "
            f"({RESPONSE_LIMIT_BYTES} bytes)."
        )
        body = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
        log = f"[ERROR] [{WALL.now_ms()}] LAMBDA_RUNTIME Failed to post handler success response. Http response code: 413.\n"
        self._settle(Outcome("error", _json(body), "Function.ResponseSizeTooLarge", log=log, keep=True))

    def runtime_failed(self, error_type: str, payload: bytes) -> None:
        self._settle(Outcome("error", payload, error_type, keep=True))

    def init_failed(self, error_type: str, payload: bytes) -> None:
        self._settle(Outcome("error", payload, error_type))

    def process_exited(self, status: int | str) -> None:
        """The runtime has ended, or (a text) the sandbox could not be made."""
        if isinstance(status, str):
            if self._outcome is not None and not self._outcome.done():
                self._outcome.set_exception(SandboxFailed(status))
        else:
            self._settle(self._exited(status))
        if self._outcome is None:
            self.close()  # it ended while nothing was asked of it

    def _settle(self, outcome: Outcome) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(outcome)

    def _exited(self, status: int) -> Outcome:
        if status == 0:
            reason = "Runtime exited without providing a reason"
        elif status < 0:
            reason = f"Runtime exited with error: signal: {signal_name(-status)}"
        else:
            reason = f"Runtime exited with error: exit status {status}"
        message = f"RequestId: {self._request_id} Error: {reason}"
        body = {"errorType": "Runtime.ExitError", "errorMessage": message}
        return Outcome("error", _json(body), "Runtime.ExitError", log=f"{message}\nRuntime.ExitError\n")

    def _timed_out(self, limit_s: float) -> Outcome:
        text = f"Task timed out after {limit_s:.2f} seconds"
        body = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {self._request_id} Error: {text}"}
        log = f"{iso8601(self.clock.now_ms())} {self._request_id} {text}\n\n"
        return Outcome("timeout", _json(body), "Sandbox.Timedout", log=log)

    # Its log

    def write_log(self, lines: list[Line]) -> None:
        self._tail.add(lines)
        self.on_log(self.spec, self.log_stream, lines)

    def _log(self, text: str) -> None:
        self.write_log([(self.clock.now_ms(), text)])

    def log_init_start(self, version: str) -> None:
        self._log(f"INIT_START Runtime Version: {version}\n")

    def log_init_failure(self, outcome: Outcome) -> None:
        """INIT_REPORT, as printed when the first try at initialization failed."""
        self._drain_logs(last=True)
        duration = INIT_LIMIT_S * 1000 if outcome.status == "timeout" else self.init_ms or 0.0
        text = f"INIT_REPORT Init Duration: {duration:.2f} ms\tPhase: init\tStatus: {outcome.status}"
        text += f"\tError Type: {outcome.error_type}" if outcome.status == "error" else ""
        self._log(text + "\n")

    def _report(self, request_id: str, outcome: Outcome, duration_ms: float, init_ms: float | None) -> tuple[int, int]:
        """Write END and REPORT. Since August 2025 initialization is billed with every kind of function (AWS Compute
        Blog, "AWS Lambda standardizes billing for INIT phase")."""
        billed_ms = max(1, math.ceil(duration_ms + (init_ms or 0)))
        used_mib = min(self.spec.memory_mib, max(1, math.ceil(self.peak_bytes / (1 << 20))))
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: {billed_ms} ms\t"
            f"Memory Size: {self.spec.memory_mib} MB\tMax Memory Used: {used_mib} MB\t"
        )
        if init_ms is not None:
            report += f"Init Duration: {init_ms:.2f} ms\t"
        if outcome.status == "timeout":
            report += "Status: timeout"
        elif outcome.error_type == "Runtime.ExitError":
            report += "Status: error\tError Type: Runtime.ExitError"
        now_ms = self.clock.now_ms()
        self.write_log([(now_ms, f"END RequestId: {request_id}\n"), (now_ms, report + "\n")])
        return billed_ms, used_mib

    def _log_readable(self) -> None:
        if self.logs.drain():
            asyncio.get_running_loop().remove_reader(self.logs.read_fd)

    def _drain_logs(self, *, last: bool) -> None:
        if self.logs.read_fd >= 0:
            self.logs.drain(last=last)

    # Its memory

    def _watch_memory(self) -> None:
        self._timers["memory"] = asyncio.get_running_loop().call_later(MEMORY_WATCH_S, self._check_memory)

    def _check_memory(self) -> None:
        if self._note_memory() > self.spec.memory_mib << 20:
            assert self.process is not None
            self.process.kill_as_out_of_memory()
        else:
            self._watch_memory()

    def _note_memory(self) -> int:
        if self.group is not None and self.group.limits_memory:
            used = self.group.memory_used_bytes()
        else:
            used = self.process.resident_bytes() if self.process is not None else 0
        self.peak_bytes = max(self.peak_bytes, used)
        return used

    def _stop_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


SIGNALS = {
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGTERM: "terminated",
    signal.SIGINT: "interrupt",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
    signal.SIGPIPE: "broken pipe",
    signal.SIGHUP: "hangup",
    signal.SIGQUIT: "quit",
    signal.SIGTRAP: "trace/breakpoint trap",
}
"""As Lambda's supervisor prints them: Go's names."""


def signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return SIGNALS[signal.Signals(number)] if number in SIGNALS else f"signal {number}"
    return f"signal {number}"


def _json(value: dict) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
