"""A zygote from Pileus's side: starting it, asking it for environments, noticing its end."""

import asyncio
import contextlib
import json
import logging
import os
import select
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pileus.kernel.tasks import Tasks
from pileus.runtime.cgroups import Group
from pileus.runtime.logs import log_pipe
from pileus.runtime.runtimes import Ahead
from pileus.runtime.sandbox import BOOTSTRAPS
from pileus.runtime.spec import SandboxFailed

log = logging.getLogger("pileus.runtime")

START_LIMIT_S = 30.0
"""Imports on a slow disk may take seconds; beyond this something is wrong."""

PREPARE_AFTER_S = 0.1


WAITING_LIMIT = 2
"""Of runtimes started ahead. An event often wakes two functions at once; each waiting Node holds some 40 MB."""


@dataclass(frozen=True)
class Fork:
    """The first process of an environment: the socket to it, and the control group it is in.

    ahead   the runtime that was started in it and waits; None: none was
    log_fd  where that runtime's output is read
    """

    channel: socket.socket
    group: Group | None
    ahead: Ahead | None = None
    log_fd: int | None = None

    @property
    def is_alive(self) -> bool:
        poll = select.poll()
        poll.register(self.channel, select.POLLHUP | getattr(select, "POLLRDHUP", 0))
        return not poll.poll(0)

    def close(self) -> None:
        """It ends when it sees this."""
        self.channel.close()
        if self.log_fd is not None:
            os.close(self.log_fd)


class Zygote:
    """One process that forks environments of one language version. Started once, on first need.

    idle_s     how long a runtime waits for a function before it is given up
    end_group  told of the control groups of forks that nobody took
    """

    def __init__(
        self,
        name: str,
        settings: dict,
        tasks: Tasks,
        make_group: Callable[[], Group | None],
        end_group: Callable[[Group], None],
        idle_s: float = 600.0,
    ) -> None:
        self.name = name
        self.make_group = make_group
        self.end_group = end_group
        self.idle_s = idle_s
        self.settings = settings
        self.tasks = tasks
        self.alive = False
        self._control: socket.socket | None = None
        self._process: subprocess.Popen | None = None
        self._spares: list[Fork] = []
        self._latest: deque[Ahead | None] = deque(maxlen=WAITING_LIMIT)
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        arguments = [sys.executable, "-I", "-S", str(BOOTSTRAPS / "enter.py"), json.dumps(self.settings)]
        self._process = await asyncio.to_thread(_start_process, arguments, theirs)
        theirs.close()
        self._control = ours
        self.tasks.start(f"log of the zygote {self.name}", self._pass_on_errors(self._process))
        try:
            async with asyncio.timeout(START_LIMIT_S):
                ready = await asyncio.get_running_loop().sock_recv(ours, 16)
        except (TimeoutError, OSError) as error:
            ready = str(error).encode()
        if ready != b"ready":
            self.close()
            raise SandboxFailed(f"The {self.name} runtime did not start; the log says why.")
        self.alive = True
        # It says nothing more on this socket: to be readable means to be closed.
        asyncio.get_running_loop().add_reader(ours.fileno(), self._ended)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def fork(self, ahead: Ahead | None = None) -> Fork:
        """A new environment's first process, with the runtime that waits in it if there is one of this kind.

        It says "hello" and waits to be told what to run.
        """
        self._latest.append(ahead)
        # Not at once: it would compete with the environment that somebody waits for.
        if "prepare" not in self._timers:
            self._later("prepare", PREPARE_AFTER_S, self._prepare)
        self._later("idle", self.idle_s, self._end_waiting)
        fitting = [spare for spare in self._spares if spare.ahead == ahead]
        for spare in fitting:
            self._spares.remove(spare)
            if spare.is_alive:
                return spare
            self._end(spare)
        return self._request(None)

    def _prepare(self) -> None:
        """Fork ahead what the latest environments were: the next cold start does not wait for it."""
        self._stop_timer("prepare")
        if not self.alive:
            return
        missing = list(self._latest) if any(self._latest) else [None]
        for spare in list(self._spares):
            if spare.ahead in missing and spare.is_alive:
                missing.remove(spare.ahead)
            else:
                self._spares.remove(spare)
                self._end(spare)
        if missing:
            with contextlib.suppress(SandboxFailed):  # the zygote has ended: the next function starts another
                self._spares.append(self._request(missing[0]))
        if len(missing) > 1:
            self._later("prepare", PREPARE_AFTER_S, self._prepare)  # one at a time: each takes a core for a moment

    def _end_waiting(self) -> None:
        """Nobody has started anything for long: give the memory of those that wait back."""
        self._latest.clear()
        for spare in [spare for spare in self._spares if spare.ahead is not None]:
            self._spares.remove(spare)
            self._end(spare)

    def _end(self, spare: Fork) -> None:
        spare.close()
        if spare.group is not None:
            self.end_group(spare.group)

    def _later(self, name: str, after_s: float, what: Callable[[], None]) -> None:
        self._stop_timer(name)
        self._timers[name] = asyncio.get_running_loop().call_later(after_s, what)

    def _stop_timer(self, name: str) -> None:
        if name in self._timers:
            self._timers.pop(name).cancel()

    def _request(self, ahead: Ahead | None) -> Fork:
        assert self._control is not None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        if sys.platform == "linux":
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            socket.send_fds(self._control, [b"E"], [theirs.fileno()])
        except OSError as error:
            self.alive = False
            ours.close()
            raise SandboxFailed(f"The {self.name} zygote has ended: {error}") from error
        finally:
            theirs.close()
        group = self.make_group()
        fds = group.entrances() if group is not None else []
        configuration, log_fd = {}, None
        if ahead is not None:
            log_fd, write_fd = log_pipe()
            fds.insert(0, write_fd)
            configuration["ahead"] = {"argv": ahead.argv, "variables": dict(ahead.variables), "mounts": ahead.mounts}
        try:
            send_configuration(ours, configuration, fds)
        finally:
            for fd in fds:
                os.close(fd)
        return Fork(ours, group, ahead, log_fd)

    async def _pass_on_errors(self, process: subprocess.Popen) -> None:
        """What a zygote prints is a fault of ours, and belongs in Pileus's log."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stderr)
        try:
            while line := await reader.readline():
                log.warning("%s zygote: %s", self.name, line.decode("utf-8", "replace").rstrip())
        finally:
            transport.close()

    def _ended(self) -> None:
        self.alive = False
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())

    def close(self) -> None:
        """Every environment forked from it ends with it where it has a pid namespace of its own."""
        self._ended()
        for name in list(self._timers):
            self._stop_timer(name)
        while self._spares:
            self._end(self._spares.pop())
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()  # at once: it has been killed


def _start_process(arguments: list[str], control: socket.socket) -> subprocess.Popen:
    return subprocess.Popen(
        [*arguments, str(control.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"PATH": os.defpath},
        cwd="/",
        pass_fds=[control.fileno()],
        start_new_session=True,  # Ctrl-C in the terminal is for Pileus
    )


def send_configuration(channel: socket.socket, configuration: dict, fds: list[int]) -> None:
    """To the first process of an environment (environment_init.receive). Small enough for the socket's buffer."""
    body = json.dumps(configuration).encode()
    socket.send_fds(channel, [struct.pack("!I", len(body))], fds)
    channel.sendall(body)


def read_message(channel: socket.socket) -> tuple[bytes, int | None]:
    """Bytes and the sender's process id as it is known here, which the sender can't know."""
    if sys.platform != "linux":
        return channel.recv(4096), None
    data, ancillary, _, _ = channel.recvmsg(4096, socket.CMSG_SPACE(12))
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return data, struct.unpack("iII", content[:12])[0]
    return data, None
