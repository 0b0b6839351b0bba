"""A Pileus in its own process, and the real tools pointed at it."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv" / "tools" / "bin"
READY = re.compile(r"ready at http://([\d.]+):(\d+)")
START_TIMEOUT_S = 30
TOOL_TIMEOUT_S = 180


@dataclass
class Server:
    """`pileus start` on a free port; `log` is what it printed."""

    data_dir: Path
    process: subprocess.Popen | None = None
    port: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "pileus", "start", "--port", "0", "--data-dir", str(self.data_dir)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self.process, ready), daemon=True).start()
        assert ready.wait(START_TIMEOUT_S), "it did not get ready:\n" + "".join(self.log)

    def _read(self, process: subprocess.Popen, ready: threading.Event) -> None:
        for line in process.stdout:
            self.log.append(line)
            if found := READY.search(line):
                self.port = int(found[2])
                ready.set()

    def kill(self) -> None:
        """As a power cut would: nothing is finished, nothing is told."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass
class Tools:
    """The AWS and SAM CLIs, as a user with test/test calls them. Each call returns what it printed."""

    server: Server
    home: Path

    def __call__(self, *command: str, cwd: Path | None = None, fails: bool = False) -> str:
        program, *arguments = command
        done = subprocess.run(
            [str(TOOLS / program), *arguments],
            cwd=cwd or self.home,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TOOL_TIMEOUT_S,
        )
        assert fails or done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{''.join(self.server.log[-40:])}"
        return done.stdout

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([str(TOOLS), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "1",  # seconds between two looks at a stack; 5 as it comes
        }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def tools(server: Server, tmp_path: Path) -> Tools:
    if not (TOOLS / "sam").exists():
        pytest.skip("the tools are not installed: make test does it")
    home = tmp_path / "home"
    home.mkdir()
    return Tools(server, home)
