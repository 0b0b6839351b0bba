"""A zygote from Pileus's side: starting it, asking it for environments, noticing its end."""

import asyncio
import json
import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from pileus.kernel.tasks import Tasks
from pileus.runtime.cgroups import Group
from pileus.runtime.sandbox import BOOTSTRAPS
from pileus.runtime.spec import SandboxFailed

log = logging.getLogger("pileus.runtime")

START_LIMIT_S = 30.0
"""Imports on a slow disk may take seconds; beyond this something is wrong."""


@dataclass(frozen=True)
class Fork:
    """The first process of an environment: the socket to it, and the control group it is in."""

    channel: socket.socket
    group: Group | None


class Zygote:
    """One process that forks environments of one language version. Started once, on first need."""

    def __init__(self, name: str, settings: dict, tasks: Tasks, make_group: Callable[[], Group | None]) -> None:
        self.name = name
        self.make_group = make_group
        self.settings = settings
        self.tasks = tasks
        self.alive = False
        self._control: socket.socket | None = None
        self._process: subprocess.Popen | None = None
        self._spare: Fork | None = None

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

    def fork(self) -> Fork:
        """A new environment's first process. It says "hello" and waits to be told what to run."""
        fork, self._spare = self._spare or self._request(), None
        return fork

    def prepare(self) -> None:
        """Have one environment's first process forked ahead: the next cold start does not wait for it."""
        if self._spare is None and self.alive:
            self._spare = self._request()

    def _request(self) -> Fork:
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
        entrances = group.entrances() if group is not None else []
        send_configuration(ours, {}, entrances)
        for fd in entrances:
            os.close(fd)
        return Fork(ours, group)

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

    def give_up_spare(self) -> Group | None:
        """End the process forked ahead; its control group can go when it has ended."""
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        spare.channel.close()
        return spare.group

    def close(self) -> None:
        """Every environment forked from it ends with it where it has a pid namespace of its own."""
        self._ended()
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
