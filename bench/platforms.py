"""What is measured: how each is installed and started. Peers come from PyPI, each into an environment of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENVS = ROOT / ".bench"
READY_S = 60


@dataclass(frozen=True)
class Platform:
    """requirement: what pip installs, "" for this checkout. command: with {python}, {bin}, {port} and {data}."""

    name: str
    requirement: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    ready_path: str = "/_localstack/health"


PLATFORMS = (
    Platform(
        "pileus",
        "",
        ("{python}", "-m", "pileus", "start", "--port", "{port}", "--data-dir", "{data}", "--log-level", "error"),
    ),
    Platform("ministack", "ministack", ("{bin}/ministack",), {"GATEWAY_PORT": "{port}", "LOG_LEVEL": "ERROR"}),
    Platform("moto", "moto[server]", ("{bin}/moto_server", "-H", "127.0.0.1", "-p", "{port}"), ready_path="/moto-api/"),
)


def install(platform: Platform) -> Path:
    """The folder of its programs."""
    if not platform.requirement:
        return Path(sys.executable).parent
    venv = VENVS / platform.name
    if not (venv / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    if not (venv / ".installed").exists():
        subprocess.run([venv / "bin" / "python", "-m", "pip", "install", "-q", platform.requirement], check=True)
        (venv / ".installed").touch()
    return venv / "bin"


def version(platform: Platform, programs: Path) -> str:
    name = platform.requirement.partition("[")[0] or "pileus"
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run([programs / "python", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


class Running:
    """A started platform."""

    def __init__(self, platform: Platform, process: subprocess.Popen, port: int, ready_s: float) -> None:
        self.platform, self.process, self.port, self.ready_s = platform, process, port, ready_s

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def memory_mib(self) -> float:
        """Resident memory of it and all its children, shared pages counted once (PSS)."""
        return sum(pss_kib(pid) for pid in _family(self.process.pid)) / 1024


@contextlib.contextmanager
def running(platform: Platform, programs: Path, data_dir: Path | None = None) -> Iterator[Running]:
    """data_dir: where its data lies; None: in a folder that goes with it."""
    with contextlib.ExitStack() as stack, socket.socket() as probe:
        data = str(data_dir or stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        fill = {"python": sys.executable, "bin": str(programs), "port": str(port), "data": data}
        began = time.perf_counter()
        process = subprocess.Popen(
            [part.format(**fill) for part in platform.command],
            env={**os.environ, **{name: value.format(**fill) for name, value in platform.environment.items()}},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=data,
        )
        try:
            _wait_ready(f"http://127.0.0.1:{port}{platform.ready_path}", process)
            yield Running(platform, process, port, time.perf_counter() - began)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_ready(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"it ended with {process.returncode} before it was ready")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.005)
    raise RuntimeError("it was not ready in time")


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _family(int(child))
    return found


def pss_kib(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
