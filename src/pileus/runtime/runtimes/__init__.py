"""The languages: which interpreter runs a runtime's name, and how its zygote and environments are started."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pileus.runtime.spec import FunctionSpec


@dataclass(frozen=True)
class Interpreter:
    """A language version found on this machine."""

    language: str
    version: str
    executable: Path
    prefix: Path

    @property
    def inside(self) -> str:
        """Its path in the sandbox, where its prefix is /var/lang."""
        return "/var/lang/" + str(self.executable.relative_to(self.prefix))


@dataclass(frozen=True)
class Paths:
    """Where an environment finds its things: the same inside every sandbox, elsewhere without one."""

    task: str = "/var/task"
    opt: str = "/opt"
    runtime: str = "/var/runtime"
    tmp: str = "/tmp"
    ca_bundle: str = "/etc/ssl/certs/ca-certificates.crt"
    ca: str = "/var/runtime/ca.pem"


@dataclass(frozen=True)
class Told:
    """What our own bootstraps are told beside their environment variables.

    names   where http and https to AWS's names lead: (address, port) each
    secret  what they show to the Runtime API. Loopback is shared: without it a function could take another's events
    """

    names: tuple[tuple[str, int], tuple[str, int]] | None
    secret: str


@dataclass(frozen=True)
class Ahead:
    """A runtime to be started before it is known for which function. Equal ones may be taken for each other.

    variables  those it starts with; the function's come when it is claimed
    """

    argv: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    mounts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Launch:
    """How one environment is started: what its init process is told beyond the sandbox itself."""

    argv: list[str] | None
    """None: the zygote's child runs the language's loop itself."""
    settings: dict = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    mounts: list[tuple[str, str]] = field(default_factory=list)
    shows_secret: bool = True
    """False for runtimes that are not ours: they know the Runtime API as AWS documents it."""
    notice: str | None = None
    """For the function's log: something is missing here that AWS has."""
    ahead: Ahead | None = None
    """What may wait for such a function; None where the zygote's fork is all that can be done ahead."""


class Language(Protocol):
    """One per family of runtimes (python, nodejs, provided)."""

    async def interpreter(self, runtime: str) -> Interpreter:
        """The one that runs this runtime's name. Raises RuntimeMissing."""

    def zygote_settings(self, interpreter: Interpreter, ca_bundle: str) -> dict: ...

    async def launch(self, spec: FunctionSpec, interpreter: Interpreter, paths: Paths, told: Told) -> Launch: ...
