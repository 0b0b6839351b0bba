"""The processes of one environment, from outside: told what to run, stopped, let go on, watched, killed."""

import asyncio
import contextlib
import json
import os
import pathlib
import signal
import socket
from collections.abc import Callable

from pileus.runtime.zygotes import read_message, send_configuration


class EnvironmentProcess:
    """The first process of an environment and, beneath it, all others.

    on_exit is called once, with the runtime's exit code (negative: the signal), or with a text where the sandbox itself
    could not be made.
    """

    def __init__(self, channel: socket.socket, on_exit: Callable[[int | str], None]) -> None:
        self.pid: int | None = None
        self.isolated = False
        self.stopped = False
        self._channel: socket.socket | None = channel
        self._on_exit: Callable[[int | str], None] | None = on_exit
        self._pidfd: int | None = None
        self._received = b""
        channel.setblocking(False)
        asyncio.get_running_loop().add_reader(channel.fileno(), self._readable)

    def start(self, configuration: dict, fds: list[int], *, isolated: bool) -> None:
        assert self._channel is not None
        self.isolated = isolated
        send_configuration(self._channel, configuration, fds)

    def stop(self) -> None:
        """Freeze every process where it is; costs nothing until `proceed`."""
        self.stopped = self._order(b"S")

    def proceed(self) -> None:
        if self.stopped:
            self._order(b"C")
            self.stopped = False

    def kill(self) -> None:
        """End every process. What still happens in them is nobody's concern: `on_exit` is not called any more."""
        self._on_exit = None
        if self._pidfd is not None:
            if self.isolated:
                # Process 1 of the pid namespace: the kernel kills all others with it.
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = None
        self._close_channel()  # without a namespace it kills them when it sees this

    def kill_as_out_of_memory(self) -> None:
        """As the kernel would: the runtime ends by SIGKILL, and `on_exit` hears it."""
        on_exit = self._on_exit
        self.kill()
        if on_exit is not None:
            on_exit(-signal.SIGKILL)

    def resident_bytes(self) -> int:
        """What the environment's processes hold in memory that is theirs alone. For hosts without cgroups."""
        total = 0
        for pid in _descendants(self.pid) if self.pid else ():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = pathlib.Path(f"/proc/{pid}/statm").read_bytes().split()
                total += (int(fields[1]) - int(fields[2])) * _PAGE
        return total

    def _order(self, order: bytes) -> bool:
        if self._channel is None:
            return False
        with contextlib.suppress(OSError):
            self._channel.send(order)
            return True
        return False

    def _readable(self) -> None:
        assert self._channel is not None
        try:
            data, pid = read_message(self._channel)
        except BlockingIOError:
            return
        except OSError:
            data, pid = b"", None
        if not data:
            self._ended(-signal.SIGKILL)
            return
        self._received += data
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "hello" in message:
                self.pid = pid or message["hello"]
                with contextlib.suppress(OSError, AttributeError):  # no pidfds before Linux 5.3 and on macOS
                    self._pidfd = os.pidfd_open(self.pid)
            elif "failed" in message:
                self._ended(message["failed"])
            elif "exit" in message:
                self._ended(message["exit"])

    def _ended(self, status: int | str) -> None:
        on_exit, self._on_exit = self._on_exit, None
        self._close_channel()
        if on_exit is not None:
            on_exit(status)

    def _close_channel(self) -> None:
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            self._channel.close()
            self._channel = None


_PAGE = os.sysconf("SC_PAGE_SIZE")


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{current}/task"):
                children = pathlib.Path(f"/proc/{current}/task/{task}/children").read_text().split()
                waiting += map(int, children)
                found += map(int, children)
    return found
