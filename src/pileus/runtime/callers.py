"""Who is at the other end of a connection from this machine: a function, or one of its user's programs?

Functions share the machine's network, where Pileus takes certain well-known keys for an account's root. So it has to
know of each connection that shows such a key whose it is. The kernel knows: it names the socket at the other end, and
which user made it; /proc says which process holds it; and whether that lives in a sandbox is seen from its pid
namespace, or (where there are none) from its ancestors.

A function may do what it likes with its end: close it, pass it on, keep it in a message that nobody reads. So what
counts is not whether a sandbox is found to hold it. It is a function's until a process is found that holds it and lives
in none; or until its user is one that no function can be.

Pileus's own connections count as a function's: those that names.py forwards are, and whatever else it
asks of itself it asks for somebody.

What this can't tell: a program of the user's that hands on what functions ask of it (a proxy, say) is a program.
Without namespaces a function can leave its ancestors, as it can read the user's files there. Elsewhere than
on Linux there is nothing to ask, and everything on loopback counts as the user's.

Sources: sock_diag(7), proc(5), namespaces(7), ioctl_ns(2).
"""

import asyncio
import contextlib
import fcntl
import ipaddress
import logging
import os
import socket
import struct
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pileus.runtime.sandbox import USER_ID

log = logging.getLogger("pileus.runtime")

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NS_GET_PARENT = 0xB702
HELD_STATES = {1, 4, 5, 8}
"""TCP_ESTABLISHED, FIN_WAIT1, FIN_WAIT2 and CLOSE_WAIT: the socket of a process that may still read an answer. Not
SYN_SENT, which would be another process's, trying the address of one that has gone."""

ANCESTORS_LIMIT = 64
REMEMBERED_PROGRAMS = 8

Address = tuple[str, int]


@dataclass(frozen=True)
class Socket:
    """The other end, as the kernel knows it."""

    inode: int
    uid: int


class Callers:
    """Knows the sandboxes there are, and looks up whose a connection is."""

    def __init__(self) -> None:
        self._namespaces: set[int] = set()
        self._held: list[int] = []
        self._ancestors: set[int] = set()
        self._users: set[int] = set()
        # One: a function that opens thousands of connections makes itself wait, and takes a core from nobody.
        self._thread: ThreadPoolExecutor | None = None
        self._programs: deque[int] = deque(maxlen=REMEMBERED_PROGRAMS)
        self._warned = False

    def add(self, zygote_pid: int, settings: dict) -> None:
        """Before anything is forked from it. Never forgotten: its environments may outlive it for a moment.

        Raises OSError where the kernel does not show its namespace.
        """
        if settings["namespaces"]:
            self._users.add(USER_ID if settings["as_root"] else os.getuid())
            # Held open, so that no other namespace is given its number while we know it.
            self._held.append(os.open(f"/proc/{zygote_pid}/ns/pid_for_children", os.O_RDONLY))
            self._namespaces.add(os.fstat(self._held[-1]).st_ino)
        else:
            self._users.add(os.getuid())
            self._ancestors.add(zygote_pid)

    async def is_function(self, remote: Address, local: Address) -> bool:
        """Whether the connection from `remote` to our `local` is a function's, or nobody's any more."""
        if not self._users or sys.platform != "linux":
            return False  # no function has run yet, or nobody can tell
        if not remote or not local:
            return True  # it was cut before it could be asked for its ends
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="runtime-callers")
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, self._look, remote[:2], local[:2])
        except OSError as error:
            log.error("can't find out who calls from %s, so it counts as a function: %s", remote, error)
            return True
        if found and not self._warned:
            self._warned = True
            log.warning(
                "a function, or a program that left at once, used a well-known key and was refused: "
                "functions act as their role, whose credentials are in their environment"
            )
        return found

    def close(self) -> None:
        while self._held:
            os.close(self._held.pop())
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    def _look(self, remote: Address, local: Address) -> bool:
        found = other_end(remote, local)
        if found is None or _holds(os.getpid(), found.inode):
            return True
        if found.uid not in self._users:
            return False
        # Again after the search: the number of a socket that was closed meanwhile may have become another's.
        return not self._is_held_by_program(found.inode) or other_end(remote, local) != found

    def _is_held_by_program(self, inode: int) -> bool:
        """False as soon as a sandbox is found to hold it, and where nobody is."""
        pids = sorted((int(name) for name in os.listdir("/proc") if name.isdigit()), reverse=True)  # the youngest first
        for pid in [*self._programs, *pids]:
            with contextlib.suppress(OSError):  # it has ended, or is not ours to look into
                process = os.open(
                    f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY
                )  # stays this process's, if pids come round
                try:
                    if _holds(pid, inode, process):
                        if self._is_sandboxed(process):
                            return False
                        if pid not in self._programs:
                            self._programs.appendleft(pid)
                        return True
                finally:
                    os.close(process)
        return False

    def _is_sandboxed(self, process: int) -> bool:
        """By its pid namespace and those around that, and by its ancestors. `process`: its folder in /proc."""
        namespace = os.open("ns/pid", os.O_RDONLY, dir_fd=process)
        try:
            while True:
                if os.fstat(namespace).st_ino in self._namespaces:
                    return True
                try:
                    around = fcntl.ioctl(namespace, NS_GET_PARENT)
                except PermissionError:
                    break  # the next one is none of ours: it is around Pileus's own
                os.close(namespace)
                namespace = around
        finally:
            os.close(namespace)
        return bool(self._ancestors) and self._descends(_parent(process))

    def _descends(self, pid: int) -> bool:
        for _ in range(ANCESTORS_LIMIT):
            if pid in self._ancestors:
                return True
            if pid <= 1:
                return False
            ancestor = os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY)
            try:
                pid = _parent(ancestor)
            finally:
                os.close(ancestor)
        return True


def _holds(pid: int, inode: int, process: int | None = None) -> bool:
    """Whether a file descriptor of the process is this socket. Raises OSError where it may not be looked into."""
    wanted = f"socket:[{inode}]"
    path = f"/proc/{pid}/fd" if process is None else "fd"
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=process)
    try:
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if os.readlink(name, dir_fd=folder) == wanted:
                    return True
    finally:
        os.close(folder)
    return False


def _parent(process: int) -> int:
    with open(os.open("stat", os.O_RDONLY, dir_fd=process), "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


# The other end


def other_end(remote: Address, local: Address) -> Socket | None:
    """The socket at `remote` that is connected with our `local`; None where no process has it (any more)."""
    try:
        return _ask_kernel(remote, local)
    except OSError:
        return _read_tables(remote, local)


def _ask_kernel(remote: Address, local: Address) -> Socket | None:
    """By sock_diag: one lookup in the kernel's own table, however many sockets there are."""
    family, here, there = _packed(remote[0], local[0])
    ends = struct.pack("!HH16s16s", remote[1], local[1], here, there)
    # On the loopback device: also what is bound to it is found. No cookie (all ones): any socket of these addresses.
    request = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
    request += ends + struct.pack("=III", socket.if_nametoindex("lo"), 0xFFFFFFFF, 0xFFFFFFFF)
    head = struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(1.0)
        netlink.send(head + request)
        answer = netlink.recv(4096)
    kind = struct.unpack_from("=H", answer, 4)[0]
    if kind != SOCK_DIAG_BY_FAMILY:
        number = -struct.unpack_from("=i", answer, 16)[0]
        raise OSError(number, os.strerror(number))  # ENOENT means both: no such socket, and nobody here who'd know
    state = answer[16 + 1]
    uid, inode = struct.unpack_from("=II", answer, 16 + 64)
    if state not in HELD_STATES or inode == 0 or answer[16 + 4 : 16 + 8] != ends[:4]:
        return None
    return Socket(inode, uid)


def _read_tables(remote: Address, local: Address) -> Socket | None:
    """From /proc/net/tcp and tcp6, which list all sockets."""
    family, here, there = _packed(remote[0], local[0])
    places = [("tcp6", here, there)]
    if family == socket.AF_INET:
        mapped = b"\0" * 10 + b"\xff\xff"
        places = [("tcp", here[:4], there[:4]), ("tcp6", mapped + here[:4], mapped + there[:4])]
    for table, near, far in places:
        wanted = [f"{_as_listed(near)}:{remote[1]:04X}", f"{_as_listed(far)}:{local[1]:04X}"]
        with contextlib.suppress(FileNotFoundError), open(f"/proc/net/{table}") as file:
            for line in file:
                fields = line.split()
                if fields[1:3] == wanted:
                    inode = int(fields[9])
                    held = int(fields[3], 16) in HELD_STATES and inode != 0
                    return Socket(inode, int(fields[7])) if held else None
    return None


def _packed(remote: str, local: str) -> tuple[int, bytes, bytes]:
    """The family and both addresses in 16 bytes. A mapped IPv4 address (::ffff:127.0.0.1) is one of IPv4."""
    packed = []
    for text in (remote, local):
        address = ipaddress.ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        packed.append(address.packed)
    family = socket.AF_INET if len(packed[0]) == 4 else socket.AF_INET6
    return family, packed[0].ljust(16, b"\0"), packed[1].ljust(16, b"\0")


def _as_listed(packed: bytes) -> str:
    """As the tables show it: each 32 bits as a number of this machine's byte order."""
    count = len(packed) // 4
    return "".join(f"{number:08X}" for number in struct.unpack(f"={count}I", packed))
