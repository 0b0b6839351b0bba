"""One real `pileus start` for all of these tests; each module has an account of its own, so that lists are its own."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import boto3
import pytest
from botocore.config import Config

READY = re.compile(r"ready at (http://[\d.]+:\d+)")


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("clients") / "data"
    command = [
        sys.executable,
        "-m",
        "pileus",
        "start",
        "--port",
        "0",
        "--data-dir",
        str(data),
        "--log-level",
        "warning",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        found = READY.search(line)
        assert found, f"the server did not start: {line!r}"
        yield found[1]
        assert process.poll() is None, "the server died"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        process.stdout.close()


@pytest.fixture(scope="module")
def account(request) -> str:
    """Twelve digits that are the access key and the account of the module's root."""
    number = sum(request.module.__name__.encode()) * 7919
    return f"{number:012d}"


@pytest.fixture(scope="module")
def session(account) -> boto3.Session:
    return boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name="us-east-1")


@pytest.fixture(scope="module")
def connect(session, endpoint) -> Callable:
    """`connect("s3", …)`: a client of the module's root, or of whoever's keys are given."""

    def make(service: str, config: Config | None = None, **options):
        settings = Config(retries={"total_max_attempts": 1}, read_timeout=30)
        if config is not None:
            settings = settings.merge(config)
        return session.client(service, endpoint_url=endpoint, config=settings, **options)

    return make


@pytest.fixture(autouse=True, scope="session")
def localhost_names() -> Iterator[None]:
    """Every name below .localhost is this machine (RFC 6761, 6.3), also where the system's resolver doesn't know."""
    system = socket.getaddrinfo

    def resolve(host, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        return system("127.0.0.1" if name and name.endswith(".localhost") else host, *arguments, **options)

    socket.getaddrinfo = resolve
    try:
        yield
    finally:
        socket.getaddrinfo = system
