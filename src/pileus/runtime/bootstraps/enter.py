"""The first process of a zygote: makes its namespaces and its root, then becomes the zygote inside.

Run as  python -I -S enter.py SETTINGS_JSON CONTROL_FD. The root it builds is what every
environment of this runtime shares: the system's programs and libraries, the language under /var/lang, the runtime's own
files under /var/runtime, and nothing else. The host's root stays reachable at /.host for one reason: an environment
still has to fetch its code from there. The environment unmounts it before any foreign code runs (environment_init.py).
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Imported now: after the change of root this interpreter's own files are out of sight.
from bootstraps import linux, zygote

CONTROL_FD = 3
HOST = "/.host"
DEVICES = ("null", "zero", "full", "random", "urandom")
EMPTY = (
    "proc",
    "tmp",
    "var/task/lib",
    "opt/lib",
    "opt/bin",
    "var/tmp",
    "var/runtime/node_modules",
    "usr",
    "root",
    "home",
)


def main():
    settings = json.loads(sys.argv[1])
    if int(sys.argv[2]) != CONTROL_FD:
        os.dup2(int(sys.argv[2]), CONTROL_FD)
        os.close(int(sys.argv[2]))
    os.set_inheritable(CONTROL_FD, True)
    if not settings["namespaces"]:
        become_zygote(settings)
    uid, gid = os.getuid(), os.getgid()
    flags = linux.NEWNS | linux.NEWPID | linux.NEWIPC | linux.NEWUTS
    linux.unshare(flags if settings["as_root"] else flags | linux.NEWUSER)
    if not settings["as_root"]:
        linux.map_single_user(0, 0, uid, gid)
    child = os.fork()
    if child:
        os.close(CONTROL_FD)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    build_root(settings)
    become_zygote(settings)


def become_zygote(settings):
    if settings["argv"]:
        os.execve(settings["argv"][0], settings["argv"], settings["environment"])
    zygote.main(settings)


def build_root(settings):
    """Swap roots first, on an empty tmpfs, then fill it from /.host: so no mount of ours can hide what it is made of."""
    os.umask(0o022)
    binds = [(os.path.realpath(source), target) for source, target in settings["binds"]]
    linux.mount(None, "/", flags=linux.REC | linux.PRIVATE)
    linux.mount("tmpfs", "/tmp", "tmpfs", linux.NOSUID, "mode=755,size=16m")
    os.mkdir("/tmp/.host")
    linux.pivot_root("/tmp", "/tmp/.host")
    os.chdir("/")
    for name in EMPTY:
        os.makedirs("/" + name, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if os.path.islink(HOST + "/" + name):
            os.symlink(os.readlink(HOST + "/" + name), "/" + name)
        elif os.path.isdir(HOST + "/" + name):
            linux.bind(HOST + "/" + name, "/" + name)
    linux.bind(HOST + "/usr", "/usr")
    if os.path.isdir("/usr/local"):
        # What the host's owner installed there is no part of the runtime.
        linux.mount("tmpfs", "/usr/local", "tmpfs", linux.NOSUID | linux.RDONLY, "mode=755,size=4k")
    for source, target in binds:
        if os.path.exists(HOST + source):
            linux.bind(HOST + source, target)
    for path, content in settings["files"].items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content)
    # Node looks for the modules of import (not of require) in the folders above the importing file only.
    os.symlink("/var/runtime/node_modules", "/node_modules")
    os.symlink("/opt/nodejs/node_modules", "/var/node_modules")
    os.mkdir("/dev")
    for name in DEVICES:
        linux.bind(HOST + "/dev/" + name, "/dev/" + name, writable=True, devices=True)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, "/dev/" + name)
    mount_proc()
    linux.mount(None, "/", flags=linux.REMOUNT | linux.BIND | linux.RDONLY | linux.NOSUID)


def mount_proc():
    linux.mount("proc", "/proc", "proc", linux.NOSUID | linux.NODEV | linux.NOEXEC)


if __name__ == "__main__":
    main()
