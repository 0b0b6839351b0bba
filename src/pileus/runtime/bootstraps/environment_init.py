"""The first process of an environment: finishes the sandbox, starts the runtime in it, watches it to its end.

It is process 1 of the environment's pid namespace, so its end is the end of every process there. It speaks with Pileus
over one socket: first come the control groups to join, then what to run (each a length, JSON, and file descriptors
with it; between the two it may wait, forked ahead of need), then single bytes: S stop (freeze) all processes, C let
them go on. It answers one JSON line each for "hello", "failed" and "exit".

The order in `build` is what keeps the host hidden: mounts from /.host, then /.host goes, then privileges go, then the
runtime starts. A failure anywhere ends the environment; there is no way on with less isolation than was asked for.

A runtime that starts slowly (Node) may be started ahead too, with the first message: as the function's user already,
but with nothing of a function, it runs our own bootstrap, which loads what the runtime brings (the SDK) and waits at
its gate, a pipe. What the second message says goes through the gate once all of `build` is done: foreign code still
runs last.
"""

import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import traceback

from bootstraps import linux

GATE_FD = 3


def run(channel, settings):
    """Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the zygote ignores it, and we want the runtime's exit status
    child = gate = None
    try:
        tell(channel, {"hello": os.getpid()})
        first, fds = receive(channel)
        ahead = first.get("ahead", {})
        logs = [fds.pop(0)] if ahead else []
        for fd in fds:
            os.write(fd, b"0")  # into this control group, with all that we start; slow, so it is done ahead
            os.close(fd)
        if settings["namespaces"]:
            enter_namespaces(ahead)
        if ahead:
            child, gate = start_ahead(channel, dict(settings, **ahead), logs[0])
        config, more = receive(channel)
        settings = dict(settings, **config)
        if settings["namespaces"]:
            build(settings, ahead.get("mounts", []))
        if child is not None and os.waitpid(child, os.WNOHANG)[0]:
            os.close(gate)
            child = gate = None  # it did not last (somebody was short of memory): start it as any other
        if child is None:
            child = start_runtime(channel, settings, (logs + more)[0])
        if settings["namespaces"]:
            drop_own_privileges(settings)
        if gate is not None:
            open_gate(gate, settings)
        for fd in logs + more:
            os.close(fd)
        watch(channel, child, settings["namespaces"])
    except EOFError:
        if child is not None:
            signal_all(child, settings["namespaces"], signal.SIGKILL)
        os._exit(0)  # Pileus has gone, or needs us no more
    except BaseException as error:  # whatever it is, Pileus must hear of it, and no exception may reach the zygote
        try:
            tell(channel, {"failed": f"{type(error).__name__}: {error}"})
        finally:
            os._exit(1)


def tell(channel, message):
    channel.sendall(json.dumps(message).encode() + b"\n")


def receive(channel):
    head, fds, _, _ = socket.recv_fds(channel, 4, 16)
    if not head:
        raise EOFError
    length = struct.unpack("!I", head)[0]
    body = b""
    while len(body) < length:
        part = channel.recv(length - len(body))
        if not part:
            raise EOFError
        body += part
    return json.loads(body), list(fds)


def enter_namespaces(ahead):
    linux.unshare(linux.NEWNS | linux.NEWIPC | linux.NEWUTS)
    socket.sethostname("169.254.76.1")
    linux.mount("proc", "/proc", "proc", linux.NOSUID | linux.NODEV | linux.NOEXEC)
    for source, target in ahead.get("mounts", []):
        linux.bind("/.host" + source, target)


def build(settings, mounted):
    owner = f"uid={settings['uid']},gid={settings['gid']}" if settings["as_root"] else ""
    size = f"mode={'700' if owner else '1777'},size={settings['ephemeral_storage_mib']}m"
    linux.mount("tmpfs", "/tmp", "tmpfs", linux.NOSUID | linux.NODEV, ",".join(filter(None, (size, owner))))
    for source, target in settings["mounts"]:
        if [source, target] not in mounted:
            linux.bind("/.host" + source, target)
    linux.umount("/.host")
    if os.listdir("/.host"):
        raise RuntimeError("the host's files are still visible")


def start_ahead(channel, settings, log):
    """Start a runtime that knows its function only when the gate opens. Returns its pid and our end of the gate."""
    theirs, ours = os.pipe()
    child = start_runtime(channel, dict(settings, task_root="/"), log, gate=theirs)
    os.close(theirs)
    return child, ours


def open_gate(gate, settings):
    """The function's variables are not those it was started with: its first act is to make them its own."""
    told = {**settings["told"], "variables": settings["variables"], "task_root": settings["task_root"]}
    with open(gate, "wb") as file:
        file.write(json.dumps(told).encode())


def start_runtime(channel, settings, log, gate=None):
    child = os.fork()
    if child:
        return child
    try:
        channel.close()
        os.setsid()
        enter_limits(settings)
        if settings["namespaces"]:
            become_function_user(settings)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if gate is not None:
            os.dup2(gate, GATE_FD)
            os.set_inheritable(GATE_FD, True)
        os.closerange(GATE_FD if gate is None else GATE_FD + 1, 256)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.umask(0o022)
        os.chdir(settings["task_root"])
        if settings["argv"]:
            os.execve(settings["argv"][0], settings["argv"], settings["variables"])
        os.environ.clear()
        os.environ.update(settings["variables"])
        from bootstraps import python_loop

        python_loop.main(settings)
        sys.stdout.flush()
        os._exit(0)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        os._exit(code & 0xFF)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def enter_limits(settings):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = 1024 if hard == resource.RLIM_INFINITY else min(1024, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def become_function_user(settings):
    uid, gid = settings["uid"], settings["gid"]
    if settings["as_root"]:
        linux.drop_bounding_set()
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    else:
        # The zygote's user namespace maps root alone; one more level shows the user that AWS shows.
        linux.unshare(linux.NEWUSER)
        linux.map_single_user(uid, gid, 0, 0)
        linux.drop_bounding_set()
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_DUMPABLE, 1)  # changing user took /proc/self away from us


def drop_own_privileges(settings):
    if settings["as_root"]:
        # The same user as the function, so that we may stop its processes; not dumpable, so that it can't trace us.
        os.setgroups([])
        os.setresgid(settings["gid"], settings["gid"], settings["gid"])
        os.setresuid(settings["uid"], settings["uid"], settings["uid"])
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_DUMPABLE, 0)


def watch(channel, child, alone):
    """Obey S and C, reap what ends, and report the runtime's own end.

    alone  whether we are process 1 of a pid namespace: only then does kill(-1) reach just the environment.
    """
    ended_read, ended_write = os.pipe()
    os.set_blocking(ended_write, False)
    signal.set_wakeup_fd(ended_write)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    if not alone and sys.platform == "linux":
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    while True:
        # Before waiting: the child may have ended before the handler was there.
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid == child:
                signal_all(child, alone, signal.SIGKILL)
                tell(channel, {"exit": os.waitstatus_to_exitcode(status)})
                os._exit(0)
        readable, _, _ = select.select([channel, ended_read], [], [])
        if ended_read in readable:
            os.read(ended_read, 4096)
        if channel in readable:
            orders = channel.recv(64)
            if not orders:
                signal_all(child, alone, signal.SIGKILL)
                os._exit(0)
            signal_all(child, alone, signal.SIGSTOP if orders[-1:] == b"S" else signal.SIGCONT)


def signal_all(child, alone, number):
    try:
        if alone and os.getpid() == 1:
            os.kill(-1, number)
        else:
            os.killpg(child, number)
    except (ProcessLookupError, PermissionError):
        pass
