"""What the engine is told and what it tells: functions, credentials, invocations."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

RESPONSE_LIMIT_BYTES = 6_291_556
"""Largest answer of a function, and largest event. Source: Lambda quotas, "Invocation payload": 6 MB."""

TAIL_BYTES = 4096
"""How much of the log LogType=Tail returns. Source: API reference, Invoke, LogResult."""


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at_ms: int
    """On the cloud's clock. The environment that holds them is retired before."""


@dataclass(frozen=True)
class FunctionSpec:
    """One revision of one function: whatever changes what an environment would be needs a new `key`."""

    key: str
    arn: str
    name: str
    version: str
    runtime: str
    handler: str
    code: str
    """The folder with the unpacked package (`Packages.unpack`)."""
    account: str
    region: str
    memory_mib: int = 128
    timeout_s: int = 3
    ephemeral_storage_mib: int = 512
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    """Folders with the unpacked layers, in the order in which they are merged to /opt."""
    architecture: str = "x86_64"
    log_group: str = ""
    log_format: str = "Text"
    log_level: str | None = None
    endpoint_url: str | None = None
    """Where Pileus answers, as functions shall see it: http://127.0.0.1:4566."""
    credentials: Callable[[], Awaitable[Credentials]] | None = None
    tracing: str = "PassThrough"
    initialization_type: str = "on-demand"

    @property
    def log_group_name(self) -> str:
        return self.log_group or f"/aws/lambda/{self.name}"


@dataclass(frozen=True, slots=True)
class Invocation:
    """What became of one event.

    error     None, "Handled" or "Unhandled": the header X-Amz-Function-Error
    payload   the function's answer, or the description of its error, as JSON
    log_tail  the last 4 KB of the log of this invocation, START to REPORT
    """

    payload: bytes
    error: str | None
    log_tail: bytes
    log_stream: str
    environment_id: str
    duration_ms: float
    billed_ms: int
    init_ms: float | None
    max_memory_mib: int


class TooManyEnvironments(Exception):
    """The engine's own limit on environments is reached and none is idle: a throttle to the caller."""


class SandboxFailed(Exception):
    """The host would not start an environment. Not the function's fault."""


class RuntimeMissing(Exception):
    """No interpreter for this runtime on this machine. The text is meant for the function's owner."""
