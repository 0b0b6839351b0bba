"""Node runtimes that were started before their function was known: as any other to the function, only sooner there."""

import asyncio
import base64
import json
import os
import shutil
import signal
import warnings

import pytest

from pileus.runtime import zygotes
from pileus.runtime.process import _descendants
from pileus.runtime.spec import SandboxFailed

if shutil.which("node") is None:
    warnings.warn("Node runtimes started ahead are not tested here: there is no node", stacklevel=1)
    pytest.skip("there is no node on this machine", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("isolated")  # without namespaces none is started ahead

FRESH = {"NODE_OPTIONS": ""}
"""A variable that node reads at its start: no waiting runtime fits."""


@pytest.fixture
def ahead(bench, monkeypatch):
    monkeypatch.setattr(zygotes, "PREPARE_AFTER_S", 0)
    return Waiting(bench)


class Waiting:
    """Calls functions, and knows what waits for the next."""

    def __init__(self, bench) -> None:
        self.bench = bench

    @property
    def zygote(self):
        (start,) = self.bench.engine._zygotes.values()
        return start.result()

    @property
    def spares(self) -> list:
        return [spare for spare in self.zygote._spares if spare.ahead is not None]

    def function(self, source: str, file: str = "index.js", **other: object):
        values = {"runtime": "nodejs20.x", "handler": "index.handler", "memory_mib": 512, "timeout_s": 10} | other
        return self.bench.function(source, file=file, **values)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.spares) < count:
                await asyncio.sleep(0)

    async def fresh(self, source: str, **other: object):
        """What a function answers whose runtime was started for it."""
        spec = self.function(source, environment={**FRESH, **other.pop("environment", {})}, **other)
        return json.loads((await self.bench.call(spec)).payload)

    async def call(self, source: str, **other: object):
        """What a function answers whose runtime had waited."""
        if not self.bench.engine._zygotes:
            await self.bench.call(self.function("exports.handler = async () => 1", **other))
        await self.until(1)
        spec = self.function(source, **other)
        request, self.zygote._request = self.zygote._request, no_other
        try:
            return json.loads((await self.bench.call(spec)).payload)
        finally:
            self.zygote._request = request


def no_other(*_: object) -> None:
    raise SandboxFailed("none waited")


async def test_none_waits_before_the_first_function_and_two_after_the_second(bench, ahead):
    assert bench.engine._zygotes == {}
    await bench.call(ahead.function("exports.handler = async () => 1"))
    await ahead.until(1)
    assert len(ahead.spares) == 1
    await bench.call(ahead.function("exports.handler = async () => 1"))
    await ahead.until(2)
    for _ in range(3):
        await bench.call(ahead.function("exports.handler = async () => 1"))
    await ahead.until(2)
    assert len(ahead.spares) == 2


ALL_IT_SEES = """
    const fs = require("node:fs"), os = require("node:os");
    const atLoad = { ...process.env };
    const read = (path) => fs.readFileSync(path, "utf8");
    const links = fs.readdirSync("/proc/self/fd").map((fd) => { try { return fs.readlinkSync("/proc/self/fd/" + fd) } catch { return "" } });
    exports.handler = async () => ({
      atLoad, env: { ...process.env }, cwd: process.cwd(), argv: process.argv, ids: [process.getuid(), process.getgid(), process.getgroups()],
      root: fs.readdirSync("/"), host: fs.readdirSync("/.host"), tmp: fs.readdirSync("/tmp"), task: fs.readdirSync("/var/task"),
      mounts: read("/proc/self/mountinfo").split("\\n").map((line) => line.split(" ").slice(4, 6).join(" ")),
      status: read("/proc/self/status").match(/^(Uid|Gid|Groups|Cap\\w+|NoNewPrivs|Seccomp|NSpid):.*$/gm),
      limits: read("/proc/self/limits"), processes: fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name)),
      pipes: new Set(links.filter((link) => link.startsWith("pipe:"))).size, host_name: os.hostname(), user: os.userInfo().username,
    });
"""


async def test_what_a_function_sees_is_the_same_to_the_last_variable(bench, ahead):
    waited = await ahead.call(ALL_IT_SEES, environment={"TABLE": "orders"})
    fresh = await ahead.fresh(ALL_IT_SEES, environment={"TABLE": "orders"})
    for seen in (waited, fresh):
        assert seen["atLoad"] == seen["env"]
        assert seen["env"]["TABLE"] == "orders"
        assert seen["host"] == []
        for own in ("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "NODE_OPTIONS"):
            seen["env"].pop(own, None), seen["atLoad"].pop(own, None)
    assert {name for name in waited if waited[name] != fresh[name]} == set()


async def test_nothing_of_one_function_is_in_the_next(bench, ahead):
    source = """
        const fs = require("node:fs");
        exports.handler = async () => {
          globalThis.left = process.env.SECRET;
          fs.writeFileSync("/tmp/left", "x");
          return [process.env.SECRET, fs.readFileSync("/proc/self/environ", "utf8").includes("do not tell")];
        };
    """
    assert await ahead.call(source, environment={"SECRET": "do not tell"}) == ["do not tell", False]
    after = """
        const fs = require("node:fs");
        exports.handler = async () => [globalThis.left ?? null, fs.readdirSync("/tmp"), "SECRET" in process.env, process.pid];
    """
    assert (await ahead.call(after))[:3] == [None, [], False]
    before = {environment.process.pid for environment in bench.engine.pool.all}
    await ahead.call(after)
    assert len({environment.process.pid for environment in bench.engine.pool.all}) == len(before) + 1


async def test_the_heap_is_that_of_the_functions_memory_whatever_waits(bench, ahead):
    source = "exports.handler = async () => require('node:v8').getHeapStatistics().heap_size_limit >> 20"
    small, large = await ahead.call(source, memory_mib=256), await ahead.call(source, memory_mib=256)
    assert small == large == await ahead.fresh(source, memory_mib=256)
    other = await bench.call(ahead.function(source, memory_mib=2048))
    assert int(other.payload) == await ahead.fresh(source, memory_mib=2048) > 1500


async def test_variables_that_node_reads_at_its_start_work(bench, ahead):
    await ahead.call("exports.handler = async () => 1")
    files = "exports.handler = async () => [globalThis.required, Error.stackTraceLimit]"
    spec = ahead.function(files, environment={"NODE_OPTIONS": "--require /var/task/first.js --stack-trace-limit=3"})
    with open(os.path.join(spec.code, "first.js"), "w") as file:
        file.write("globalThis.required = process.env.AWS_LAMBDA_FUNCTION_NAME")
    assert json.loads((await bench.call(spec)).payload) == ["sample", 3]


async def test_source_maps_alone_are_no_reason_to_start_afresh(ahead):
    mapped = {"version": 3, "sources": ["first.ts"], "names": [], "mappings": "AAAA"}
    encoded = base64.b64encode(json.dumps(mapped).encode()).decode()
    source = f"exports.handler = async () => new Error('x').stack\n//# sourceMappingURL=data:application/json;base64,{encoded}"
    assert "/var/task/first.ts:1:" in await ahead.call(source, environment={"NODE_OPTIONS": "--enable-source-maps"})
    assert "/var/task/first.ts" not in await ahead.call(source)


async def test_a_time_zone_is_known_when_the_function_loads(ahead):
    source = "const at = new Date(0).getTimezoneOffset(); exports.handler = async () => [at, new Date(0).getHours()]"
    assert await ahead.call(source) == [0, 0]
    assert await ahead.call(source, environment={"TZ": "Asia/Tokyo"}) == [-540, 9]


async def test_names_of_aws_lead_to_pileus_here_too(ahead, pileus):
    source = """
        exports.handler = async () => (await fetch("https://sqs.us-east-1.amazonaws.com/")).text();
    """
    assert await ahead.call(source, endpoint_url=pileus) == "sqs.us-east-1.amazonaws.com"


async def test_what_it_prints_is_in_its_functions_log(bench, ahead):
    await ahead.call("exports.handler = async () => { console.log('by console'); process.stdout.write('raw\\n') }")
    assert "\tINFO\tby console\n" in bench.log and "raw\n" in bench.log


async def test_one_that_dies_while_it_waits_costs_nobody_an_event(bench, ahead):
    source = "exports.handler = async () => 1"
    await bench.call(ahead.function(source))
    await ahead.until(1)
    init = await _first_process(ahead)
    async with asyncio.timeout(30):
        while not _descendants(init):
            await asyncio.sleep(0)
    runtime = os.pidfd_open(_descendants(init)[0])
    signal.pidfd_send_signal(runtime, signal.SIGKILL)
    await bench.wait_for_end(runtime)
    assert (await bench.call(ahead.function(source))).payload == b"1"
    assert "INIT_REPORT" not in bench.log


async def test_one_whose_sandbox_has_gone_is_not_taken(bench, ahead):
    source = "exports.handler = async () => 1"
    await bench.call(ahead.function(source))
    await ahead.until(1)
    init = await _first_process(ahead)
    pidfd = os.pidfd_open(init)
    os.kill(init, signal.SIGKILL)
    await bench.wait_for_end(pidfd)
    assert (await bench.call(ahead.function(source))).payload == b"1"


async def test_what_waits_goes_when_nobody_came_for_long(bench, ahead):
    await bench.call(ahead.function("exports.handler = async () => 1"))
    await ahead.until(1)
    pidfd = os.pidfd_open(await _first_process(ahead))
    ahead.zygote._end_waiting()
    assert ahead.spares == []
    await bench.wait_for_end(pidfd)
    # The next function is started all the same, and then one waits again.
    assert (await bench.call(ahead.function("exports.handler = async () => 2"))).payload == b"2"
    await ahead.until(1)


async def test_the_time_to_go_begins_anew_with_each_start(bench, ahead):
    bench.engine.pool.idle_s = 1000
    await bench.call(ahead.function("exports.handler = async () => 1"))
    first = ahead.zygote._timers["idle"].when()
    await bench.call(ahead.function("exports.handler = async () => 1"))
    assert ahead.zygote._timers["idle"].when() > first


async def _first_process(ahead) -> int:
    """The pid, as it is known here, of the init process of the one that waits. It is the zygote's youngest child."""
    in_use = {environment.process.pid for environment in ahead.bench.engine.pool.all}
    async with asyncio.timeout(30):
        while True:
            (zygote,) = _children(ahead.zygote.pid)
            left = [pid for pid in _children(zygote) if pid not in in_use]
            if left:
                return left[-1]
            await asyncio.sleep(0)


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


@pytest.fixture
def sdk(bench) -> None:
    """An SDK as npm would have left it: its modules tell when they were loaded."""
    for name in ("client-sts", "client-s3", "client-dynamodb", "lib-dynamodb", "client-sqs"):
        folder = bench.folder / "runtime" / "sdk" / "aws-sdk-3" / "node_modules" / "@aws-sdk" / name
        folder.mkdir(parents=True)
        (folder / "index.js").write_text("exports.from = 'bundled'; exports.known = 'TABLE' in process.env;")


async def test_the_sdk_is_loaded_ahead_and_is_the_functions_own_where_it_brings_one(bench, ahead, sdk):
    source = "const sdk = require('@aws-sdk/client-sqs'); exports.handler = async () => sdk"
    assert await ahead.call(source, environment={"TABLE": "orders"}) == {"from": "bundled", "known": False}
    mounts = "require('node:fs').readFileSync('/proc/self/mountinfo', 'utf8')"
    counted = f"exports.handler = async () => {mounts}.match(/ .var.runtime.node_modules /g).length"
    assert await ahead.call(counted) == 1
    imported = "import * as sdk from '@aws-sdk/client-s3'; export const handler = async () => sdk.default"
    assert await ahead.call(imported, file="index.mjs") == {"from": "bundled", "known": False}
    spec = ahead.function(source, environment={"TABLE": "orders"})
    own = os.path.join(spec.code, "node_modules/@aws-sdk/client-sqs")
    os.makedirs(own)
    with open(os.path.join(own, "index.js"), "w") as file:
        file.write("exports.from = 'its own'; exports.known = 'TABLE' in process.env;")
    await ahead.until(1)
    assert json.loads((await bench.call(spec)).payload) == {"from": "its own", "known": True}
