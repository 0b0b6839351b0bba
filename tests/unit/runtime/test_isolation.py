"""What a function can't see, can't do and can't use up."""

import asyncio
import json
import os

import pytest

from pileus.runtime.cgroups import Cgroups
from pileus.runtime.process import _descendants
from pileus.runtime.spec import TooManyEnvironments

pytestmark = pytest.mark.usefixtures("isolated")


async def test_nothing_of_the_host_is_to_be_seen(bench, monkeypatch):
    monkeypatch.setenv("HOST_SECRET", "do not tell")
    secret = bench.folder / "secret.txt"
    secret.write_text("do not tell")
    source = f"""
        import os
        def handler(event, context):
            seen = set()
            for folder, folders, files in os.walk("/"):
                seen.update(files)
                folders[:] = [name for name in folders if name not in ("proc", "usr", "lang")]
            return {{
                "files": [os.path.exists(path) for path in ({str(secret)!r}, {os.path.expanduser("~/.bashrc")!r}, "/.host/etc", "/sys")],
                "walked": "secret.txt" in seen,
                "root": sorted(os.listdir("/")),
                "variable": os.environ.get("HOST_SECRET"),
                "environ": "HOST_SECRET" in open("/proc/self/environ").read(),
                "mounts": {str(bench.folder.parent)!r} in open("/proc/self/mountinfo").read().split(),
            }}
    """
    found = json.loads((await bench.call(bench.function(source))).payload)
    assert found["files"] == [False] * 4
    assert not found["walked"] and not found["environ"] and not found["mounts"]
    assert found["variable"] is None
    assert not set(found["root"]) & {"boot", "mnt", "srv", "sys", "run"}


async def test_the_hosts_processes_are_not_to_be_seen(bench):
    source = """
        import os
        def handler(event, context):
            try:
                os.kill(event, 0)
                reached = True
            except ProcessLookupError:
                reached = False
            return [sorted(int(p) for p in os.listdir("/proc") if p.isdigit()), reached]
    """
    pids, reached = json.loads((await bench.call(bench.function(source), str(os.getpid()).encode())).payload)
    assert pids == [1, 2]
    assert not reached


async def test_it_is_nobody_and_can_become_nobody_else(bench):
    source = """
        import os
        def attempt(what, *arguments):
            try:
                what(*arguments)
                return "done"
            except OSError as error:
                return type(error).__name__
        def handler(event, context):
            status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
            return {
                "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getgroups()],
                "capabilities": {status[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {""},
                "no_new_privs": status["NoNewPrivs"],
                "setuid": attempt(os.setuid, 0),
                "chroot": attempt(os.chroot, "/tmp"),
                "kill init": attempt(os.kill, 1, 9),
                "init's memory": attempt(open, "/proc/1/mem"),
            }
    """
    found = json.loads((await bench.call(bench.function(source))).payload)
    assert found["ids"][:3] == [993, 993, 990]
    assert 0 not in found["ids"][3]
    assert found["capabilities"] is True
    assert found["no_new_privs"] == "1"
    # Without root there is no such user at all in its user namespace: EINVAL instead of EPERM.
    assert found["setuid"] in ("PermissionError", "OSError")
    assert found["chroot"] == found["init's memory"] == "PermissionError"
    # The kernel drops a signal that would kill the first process of a namespace from inside; it lives, or this fails.
    assert found["kill init"] in ("done", "PermissionError")


async def test_only_tmp_can_be_written_to_and_it_is_private(bench):
    source = """
        import os
        def attempt(path):
            try:
                open(path, "w").close()
                return "written"
            except OSError as error:
                return os.strerror(error.errno)
        def handler(event, context):
            before = os.listdir("/tmp")
            return [before, *map(attempt, ("/var/task/x", "/opt/x", "/x", "/usr/x", "/etc/passwd", "/var/runtime/x", "/tmp/x"))]
    """
    spec = bench.function(source)
    before, *others, tmp = json.loads((await bench.call(spec)).payload)
    assert before == [] and tmp == "written"
    assert set(others) <= {"Read-only file system", "Permission denied"}
    assert json.loads((await bench.call(spec)).payload)[0] == ["x"]  # kept in the environment
    bench.engine.forget(spec.key)
    assert json.loads((await bench.call(spec)).payload)[0] == []  # and gone with it


async def test_tmp_has_the_size_it_was_given(bench):
    source = """
        def handler(event, context):
            written = 0
            try:
                with open("/tmp/file", "wb", buffering=0) as file:
                    while written < 100 << 20:
                        written += file.write(b"x" * (1 << 20))
            except OSError as error:
                return [written >> 20, error.errno]
            return [written >> 20, 0]
    """
    # Twice the memory: on AWS /tmp is a disk.
    spec = bench.function(source, memory_mib=32, ephemeral_storage_mib=64, timeout_s=20)
    assert json.loads((await bench.call(spec)).payload) == [64, 28]


async def test_more_memory_than_it_has_kills_it(bench):
    source = """
        held = []
        def handler(event, context):
            for _ in range(event):
                held.append(b"x" * (1 << 20))
            return len(held)
    """
    spec = bench.function(source, memory_mib=128, timeout_s=20)
    assert (await bench.call(spec, b"60")).payload == b"60"
    result = await bench.call(spec, b"3000", request_id="the-id")
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: the-id Error: Runtime exited with error: signal: killed",
    }
    assert result.max_memory_mib == 128
    assert (await bench.call(spec, b"1")).payload == b"1"


async def test_without_control_groups_memory_is_watched_all_the_same(bench, monkeypatch):
    def refuse(self: Cgroups) -> None:
        raise OSError("not here")

    monkeypatch.setattr(Cgroups, "_find", refuse)
    assert "not here" in bench.engine.isolation()["memory"]
    source = "held = []\ndef handler(event, context):\n    while True: held.append(b'x' * (1 << 20))"
    result = await bench.call(bench.function(source, timeout_s=20))
    assert b"Runtime exited with error: signal: killed" in result.payload


async def test_processes_left_behind_die_with_the_environment(bench):
    source = """
        import subprocess
        def handler(event, context):
            subprocess.Popen(["sleep", "98765"], start_new_session=True)
    """
    spec = bench.function(source)
    await bench.call(spec)
    environment = next(iter(bench.engine.pool.all))
    pidfd = os.pidfd_open(environment.process.pid)
    bench.engine.forget(spec.key)
    await bench.engine.stop()
    await bench.wait_for_end(pidfd)  # the first process of the namespace ends after all others
    running = [path for path in os.listdir("/proc") if path.isdigit() and b"98765" in _command(path)]
    assert running == []


def _command(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _state(pid: int) -> str:
    """T: stopped. Source: proc_pid_stat(5)."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


async def test_processes_stand_still_between_invocations(bench, monkeypatch):
    monkeypatch.setattr("pileus.runtime.environment.FREEZE_AFTER_S", 0)
    spec = bench.function("def handler(event, context): return 'on'")
    await bench.call(spec)
    first = next(iter(bench.engine.pool.all))
    (runtime,) = _descendants(first.process.pid)
    async with asyncio.timeout(10):
        while _state(runtime) != "T":
            await asyncio.sleep(0)
    again = await bench.call(spec)
    assert again.payload == b'"on"' and again.environment_id == first.id


async def test_a_small_function_gets_a_small_share_of_a_core(bench):
    if "NOT" in bench.engine.isolation()["cpu"]:
        pytest.skip("no cpu control groups here")
    source = """
        import time
        def handler(event, context):
            start, used = time.perf_counter(), time.process_time()
            while time.perf_counter() - start < 0.5:
                pass
            return (time.process_time() - used) / 0.5
    """
    share = float((await bench.call(bench.function(source, memory_mib=256))).payload)
    assert share < 0.25  # 256 MB is 14% of a core


async def test_a_function_cant_take_anothers_events(bench):
    victim = bench.function("def handler(event, context): return 'mine'")
    await bench.call(victim)
    (environment,) = bench.engine.pool.all
    source = """
        import urllib.request, urllib.error
        def handler(event, context):
            try:
                return urllib.request.urlopen(f"http://{event}/2018-06-01/runtime/invocation/next", timeout=1).read()
            except urllib.error.HTTPError as error:
                return error.code
    """
    taken = await bench.call(bench.function(source), json.dumps(environment.api.address).encode())
    assert taken.payload == b"403"
    assert (await bench.call(victim)).payload == b'"mine"'


async def test_the_engines_limit_throttles_and_idle_ones_make_room(bench):
    bench.engine.pool.limit = 1
    first = bench.function("def handler(event, context): pass")
    second = bench.function("def handler(event, context): pass")
    await bench.call(first)
    assert (await bench.call(second)).error is None  # the idle one of the other function went
    bench.engine.pool.starting = 1
    bench.engine.forget(second.key)
    with pytest.raises(TooManyEnvironments):
        await bench.call(first)
    bench.engine.pool.starting = 0


async def test_thousands_of_invocations_leave_nothing_open(bench):
    spec = bench.function("def handler(event, context): return event")
    await bench.call(spec)
    for _ in range(20):
        await bench.call(spec)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(3000):
        assert (await bench.call(spec, str(number).encode())).payload == str(number).encode()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the zygote has forked one ahead meanwhile
    for _ in range(10):
        bench.engine.forget(spec.key)
        await bench.call(spec)
    assert len(os.listdir("/proc/self/fd")) <= before + 4
