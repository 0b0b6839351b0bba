"""`pileus demo`: a Pileus of its own in a temporary folder, an application deployed, its check run, nothing left."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from pileus.cli.deploy import DeployFailed, deployer

APPS = Path(__file__).parents[3] / "apps"
READY = re.compile(r"ready at http://[\d.]+:(\d+)")
STOP_S = 15


def run_demo(application: str) -> None:
    """Exits with the check's code, or 1 where it does not come that far."""
    folder = APPS / application
    if not (folder / "template.yaml").exists():
        there = ", ".join(sorted(path.parent.name for path in APPS.glob("*/template.yaml")))
        click.echo(f"pileus: there is no application {application} in a checkout's apps/; there are: {there}", err=True)
        sys.exit(2)
    with tempfile.TemporaryDirectory(prefix="pileus-demo-") as data_dir:
        began = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "-m", "pileus", "start", "--port", "0", "--data-dir", data_dir, "--log-level", "error"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            code = _show(server, folder, application.replace("_", "-"), began)
        finally:
            code_of_stop = _stop(server)
    click.echo(
        _dim("stopped; nothing is left behind") if code_of_stop == 0 else f"the server ended with {code_of_stop}"
    )
    sys.exit(code or code_of_stop)


def _show(server: subprocess.Popen, folder: Path, stack: str, began: float) -> int:
    port = _port(server)
    endpoint = f"http://127.0.0.1:{port}"
    _step(f"Pileus is ready at {endpoint}", began)
    began = time.perf_counter()
    try:
        outputs = deployer(endpoint).deploy(folder / "template.yaml", stack, {})
    except DeployFailed as error:
        click.echo(f"pileus: {error}", err=True)
        return 1
    _step(f"{folder.name} is deployed from its SAM template as the stack {stack}", began)
    for name, value in outputs.items():
        click.echo(f"    {name}: {value}")
    began = time.perf_counter()
    checked = subprocess.run(
        [sys.executable, str(folder / "check.py"), "--endpoint", endpoint, "--stack", stack]
        + (["--color"] if sys.stdout.isatty() or "FORCE_COLOR" in os.environ else []),
        env={**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"},
        check=False,
    )
    _step("the application was checked", began)
    return checked.returncode


def _port(server: subprocess.Popen) -> int:
    line = server.stdout.readline()
    found = READY.search(line)
    if found is None:
        click.echo(f"pileus: the server did not start: {line or 'it said nothing'}", err=True)
        sys.exit(1)
    return int(found.group(1))


def _stop(server: subprocess.Popen) -> int:
    server.send_signal(signal.SIGINT)
    try:
        return server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


def _step(text: str, began: float) -> None:
    click.echo(click.style("▸ ", fg="green") + text + _dim(f"  {time.perf_counter() - began:.2f} s"))


def _dim(text: str) -> str:
    return click.style(text, dim=True)
