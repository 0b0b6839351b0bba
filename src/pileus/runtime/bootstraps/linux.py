"""The Linux calls that Python's os module lacks: namespaces, mounts, capabilities. By ctypes, so nothing is compiled.

Sources: unshare(2), setns(2), mount(2), pivot_root(2), prctl(2), capset(2), user_namespaces(7).
"""

import ctypes
import os
import platform

NEWNS = 0x00020000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000

RDONLY = 1
NOSUID = 2
NODEV = 4
NOEXEC = 8
REMOUNT = 32
NOATIME = 1024
NODIRATIME = 2048
BIND = 4096
REC = 16384
PRIVATE = 1 << 18
RELATIME = 1 << 21
DETACH = 2

PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags):
    _checked(_libc.unshare(ctypes.c_int(flags)), f"unshare({flags:#x})")


def setns(fd, flags):
    _checked(_libc.setns(ctypes.c_int(fd), ctypes.c_int(flags)), "setns")


def mount(source, target, kind=None, flags=0, options=None):
    def text(value):
        return None if value is None else os.fsencode(value)

    _checked(
        _libc.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(options)),
        f"mount {source} on {target}",
    )


def umount(target, flags=DETACH):
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), f"umount {target}")


def bind(source, target, writable=False, devices=False):
    """Show `source` at `target`, read-only unless said otherwise; the target is made where it is missing.

    The second call is needed because a bind mount takes no other flags. It repeats those of the source: a user
    namespace may add restrictions to a mount of its parent, but take none away.
    """
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, target, flags=BIND | REC)
    kept = os.statvfs(target).f_flag
    flags = REMOUNT | BIND | NOSUID | (kept & (NOEXEC | NOATIME | NODIRATIME))
    if kept & 4096:  # ST_RELATIME
        flags |= RELATIME
    if not devices:
        flags |= NODEV
    if not writable or kept & RDONLY:
        flags |= RDONLY
    mount(None, target, flags=flags)


def pivot_root(new_root, old_root):
    number = PIVOT_ROOT[platform.machine()]
    _checked(_libc.syscall(ctypes.c_long(number), os.fsencode(new_root), os.fsencode(old_root)), "pivot_root")


def prctl(option, value):
    _checked(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl({option})")


def map_single_user(inside_uid, inside_gid, outside_uid, outside_gid):
    """Write the maps of a user namespace just made. Without privileges only one's own id can be mapped."""
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside_uid} {outside_uid} 1"),
        ("gid_map", f"{inside_gid} {outside_gid} 1"),
    ):
        with open("/proc/self/" + name, "w") as file:
            file.write(content)


def drop_bounding_set():
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break  # past the last capability this kernel knows


def drop_capabilities():
    """Give up every capability and, with no_new_privs, the way to any."""

    class Header(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

    class Data(ctypes.Structure):
        _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]

    _checked(_libc.capset(ctypes.byref(Header(0x20080522, 0)), (Data * 2)()), "capset")
    prctl(PR_SET_NO_NEW_PRIVS, 1)
