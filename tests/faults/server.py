"""A real `pileus start` in its own process, to be killed and started again on the same data."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

READY = re.compile(r"ready at http://[\d.]+:(\d+)")
START_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """Keeps its port over restarts, as clients keep their endpoint."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.options = options
        self.process: subprocess.Popen | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Return the seconds until it was ready."""
        began = time.perf_counter()
        command = [sys.executable, "-m", "pileus", "start", "--port", str(self.port), "--data-dir", str(self.data_dir)]
        self.process = subprocess.Popen(
            [*command, "--log-level", "warning", *self.options], stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert READY.search(line), f"the server did not start: {line!r}"
        return time.perf_counter() - began

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed by the process."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def ask(self, path: str, body: dict | None = None) -> dict:
        """What Pileus answers for itself: `ask("clock", {"advance": "1h"})`."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.endpoint}/_pileus/{path}", data, timeout=120) as response:
            return json.load(response)

    def advance(self, duration: str) -> int:
        """Move the cloud's clock; return where it stands when all that fell due has happened."""
        return self.ask("clock", {"advance": duration})["now_ms"]

    def client(self, service: str, **options: object):
        """A boto3 client that never repeats a request by itself: the ledger must know what each one was told."""
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=30,
            max_pool_connections=4,
            s3={"addressing_style": "path"},
        )
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=self.endpoint, config=config, **{**keys, **options})
