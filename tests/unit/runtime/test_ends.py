"""What is left when something is killed: nothing."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, os, pathlib, sys
from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.kernel.tasks import Tasks
from pileus.runtime.engine import Engine
from pileus.runtime.spec import FunctionSpec

async def main(folder):
    engine = Engine(folder, clock=Clock(), ids=Ids(), tasks=Tasks(), on_log=lambda *_: None)
    spec = FunctionSpec(
        key="k", arn="a", name="n", version="$LATEST", runtime="python3.11", handler="app.handler",
        code=str(folder / "code"), account="0", region="us-east-1", timeout_s=60,
    )
    await engine.invoke(spec, b"0", request_id="1")
    busy = asyncio.ensure_future(engine.invoke(spec, b"50", request_id="2"))
    await asyncio.sleep(0)
    print(" ".join(str(e.process.pid) for e in engine.pool.all), flush=True)
    await busy

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="waits for processes by pidfd")
async def test_when_pileus_is_killed_its_functions_die(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/app.py").write_text(
        "import threading\ndef handler(event, context): threading.Event().wait(event)"
    )
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as pileus:
        pids = [int(pid) for pid in pileus.stdout.readline().split()]
        assert len(pids) == 1
        ends = [os.pidfd_open(pid) for pid in pids]
        pileus.send_signal(signal.SIGKILL)
    for pidfd in ends:
        await ended(pidfd)
        os.close(pidfd)


async def ended(pidfd: int) -> None:
    """A pidfd is readable when its process has ended."""
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    loop.add_reader(pidfd, lambda: gone.done() or gone.set_result(None))
    try:
        await asyncio.wait_for(gone, 30)
    finally:
        loop.remove_reader(pidfd)


async def test_a_killed_zygote_is_replaced(bench):
    spec = bench.function("def handler(event, context): return 'here'")
    await bench.call(spec)
    (start,) = bench.engine._zygotes.values()
    start.result().close()
    other = bench.function("def handler(event, context): return 'again'")
    assert (await bench.call(other)).payload == b'"again"'
    assert (await bench.call(spec)).payload == b'"here"'


async def test_a_caller_that_goes_away_takes_its_environment_along(bench):
    spec = bench.function("import threading\ndef handler(event, context): threading.Event().wait(event)", timeout_s=30)
    first = await bench.call(spec, b"0")
    going = asyncio.ensure_future(bench.call(spec, b"20"))
    await asyncio.sleep(0)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert bench.engine.pool.all == set()
    assert (await bench.call(spec, b"0")).environment_id != first.environment_id


async def test_an_environment_killed_while_idle_is_not_used(bench):
    spec = bench.function("import os\ndef handler(event, context): return os.getpid()")
    first = await bench.call(spec)
    (environment,) = bench.engine.pool.all
    pidfd = os.pidfd_open(environment.process.pid)
    os.kill(environment.process.pid, signal.SIGKILL)
    await ended(pidfd)
    os.close(pidfd)
    second = await bench.call(spec)
    assert second.error is None and second.environment_id != first.environment_id


async def test_another_python_version_runs_on_the_nearest_there_is(bench):
    source = "import sys, boto3\ndef handler(event, context): return list(sys.version_info[:2])"
    for runtime in ("python3.7", "python3.12", "python3.99"):
        major, minor = json.loads((await bench.call(bench.function(source, runtime=runtime, timeout_s=20))).payload)
        assert major == 3 and minor >= 10
        assert f"INIT_START Runtime Version: python:3.{minor}." in bench.log
