"""Memory, CPU and process limits by control groups, version 1 or 2, where we may write them.

Memory has two limits. /tmp is a tmpfs, whose pages the kernel counts as the writer's memory, while on AWS it is a disk;
so the kernel's hard limit is memory plus /tmp, and `memory_used_bytes`, which leaves the /tmp pages out, is
compared with the function's own limit by the environment's watch, every few milliseconds while it runs.

Sources: kernel documentation, cgroup-v2.rst, cgroup-v1/memory.rst, sched-bwc.rst. CPU share: Lambda developer guide,
"Configure Lambda function memory": 1,769 MB is one vCPU.
"""

import contextlib
import logging
import os
import pathlib

log = logging.getLogger("pileus.runtime")

MEMORY_OF_ONE_CPU_MIB = 1769
PERIOD_US = 20_000
"""Shorter than the kernel's default of 100 ms: a small function is held back in short steps, not long ones."""
PROCESSES = 1024
"""Source: Lambda quotas, "Execution processes/threads": 1,024."""

V1_CONTROLLERS = ("memory", "cpu", "pids")


class Cgroups:
    """Where our groups go. `parents` is empty where the host lets us make none."""

    def __init__(self) -> None:
        self.name = f"pileus-{os.getpid()}"
        self.version = 0
        self.parents: dict[str, pathlib.Path] = {}
        self.reason = "cgroups are not writable here"
        try:
            self._find()
        except OSError as error:
            self.reason = f"cgroups are not writable here ({error})"

    def _find(self) -> None:
        own = {}
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                own[controller] = path.lstrip("/")
        root = pathlib.Path("/sys/fs/cgroup")
        if (root / "cgroup.controllers").exists():
            self._find_v2(root, root / own.get("", ""))
            return
        for controller in V1_CONTROLLERS:
            group = root / controller / own.get(controller, "") / self.name
            with contextlib.suppress(OSError):
                _sweep(group.parent)
                group.mkdir(exist_ok=True)
                self.parents[controller] = group
        self.version = 1 if self.parents else 0

    def _find_v2(self, root: pathlib.Path, own: pathlib.Path) -> None:
        """The nearest group above our own that may hand memory to its children.

        A group that holds processes may not (only the root may), so our own group rarely does.
        """
        for above in [own, *own.parents]:
            if not above.is_relative_to(root):
                break
            group = above / self.name
            try:
                _hand_down(above)
                _sweep(above)
                group.mkdir(exist_ok=True)
                _hand_down(group)
            except OSError:
                with contextlib.suppress(OSError):
                    group.rmdir()
                continue
            available = (group / "cgroup.controllers").read_text().split()
            self.parents = {name: group for name in V1_CONTROLLERS if name in available}
            self.version = 2 if self.parents else 0
            return

    def make(self, name: str) -> "Group | None":
        """A group for one environment; None where there are no cgroups."""
        if not self.parents:
            return None
        folders = {controller: parent / name for controller, parent in self.parents.items()}
        group = Group(self.version, folders)
        for folder in set(folders.values()):
            folder.mkdir(exist_ok=True)
        group.write("pids", "pids.max", PROCESSES)
        return group

    def close(self) -> None:
        for folder in set(self.parents.values()):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _hand_down(group: pathlib.Path) -> None:
    """Let the children of `group` be limited. Raises OSError where memory can't be."""
    there = (group / "cgroup.controllers").read_text().split()
    wanted = [name for name in V1_CONTROLLERS if name in there]
    if "memory" not in wanted:
        raise OSError("no memory controller")
    (group / "cgroup.subtree_control").write_text(" ".join("+" + name for name in wanted))


def _sweep(parent: pathlib.Path) -> None:
    """Remove what a Pileus left here that was killed: its groups are empty, since its functions died with it."""
    for group in parent.glob("pileus-*"):
        pid = group.name.removeprefix("pileus-")
        if not pid.isdigit() or os.path.exists(f"/proc/{pid}"):
            continue
        for folder in [*(path for path in group.iterdir() if path.is_dir()), group]:
            with contextlib.suppress(OSError):
                folder.rmdir()


class Group:
    """The control group (v1: groups) of one environment."""

    def __init__(self, version: int, folders: dict[str, pathlib.Path]) -> None:
        self.version = version
        self.folders = folders
        self._usage_fd: int | None = None

    @property
    def limits_memory(self) -> bool:
        return "memory" in self.folders

    def entrances(self) -> list[int]:
        """Open files; a process that writes "0" to one is in the group from then on. The caller closes them."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in set(self.folders.values())]

    def limit_memory(self, limit_mib: int) -> None:
        limit_bytes = limit_mib << 20
        if self.version == 1:
            self.write("memory", "memory.limit_in_bytes", limit_bytes)
            self.write("memory", "memory.memsw.limit_in_bytes", limit_bytes)
        else:
            self.write("memory", "memory.max", limit_bytes)
            self.write("memory", "memory.swap.max", 0)

    def limit_cpu(self, memory_mib: int) -> None:
        """Give the share of a core that the memory buys. Called after initialization, which has all of it, as on AWS."""
        quota_us = max(1000, PERIOD_US * memory_mib // MEMORY_OF_ONE_CPU_MIB)
        if self.version == 1:
            self.write("cpu", "cpu.cfs_period_us", PERIOD_US)
            self.write("cpu", "cpu.cfs_quota_us", quota_us)
        else:
            self.write("cpu", "cpu.max", f"{quota_us} {PERIOD_US}")

    def memory_used_bytes(self) -> int:
        """What its processes use, without what lies in /tmp and in the page cache."""
        wanted = (b"rss ",) if self.version == 1 else (b"anon ", b"kernel ")
        with contextlib.suppress(OSError):
            if self._usage_fd is None:
                self._usage_fd = os.open(self.folders["memory"] / "memory.stat", os.O_RDONLY | os.O_CLOEXEC)
            lines = os.pread(self._usage_fd, 4096, 0).split(b"\n")
            return sum(int(line.split()[1]) for line in lines if line.startswith(wanted))
        return 0

    def write(self, controller: str, file: str, value: object) -> None:
        folder = self.folders.get(controller)
        if folder is None:
            return
        try:
            (folder / file).write_text(str(value))
        except FileNotFoundError:
            pass  # this kernel was built without it (swap accounting, say)
        except OSError as error:
            log.warning("can't set %s of a function's control group: %s", file, error)

    def close_files(self) -> None:
        if self._usage_fd is not None:
            os.close(self._usage_fd)
            self._usage_fd = None

    def remove(self) -> bool:
        """True when it is gone; False while a process still ends in it."""
        self.close_files()
        for folder in set(self.folders.values()):
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                return False
        return True
