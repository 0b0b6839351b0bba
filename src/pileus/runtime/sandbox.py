"""What this host can isolate, and the settings that make a zygote's root (bootstraps/enter.py builds it)."""

import functools
import json
import os
import pathlib
import subprocess
import sys

BOOTSTRAPS = pathlib.Path(__file__).parent / "bootstraps"

USER_ID = 993
GROUP_ID = 990
"""Who functions are inside: the ids of AWS's sbx_user1051. Never root, also where Pileus is."""

CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
)
"""Where programs look for trusted authorities: Debian's place, Amazon Linux's two."""

HOST_FILES = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/mime.types",
)
"""All that a function sees of the host's /etc."""

FILES = {
    "/etc/passwd": (
        "root:x:0:0:root:/root:/sbin/nologin\n"
        f"sbx_user1051:x:{USER_ID}:{GROUP_ID}::/home/sbx_user1051:/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
    ),
    "/etc/group": f"root:x:0:\nsbx_user1051:x:{GROUP_ID}:\nnogroup:x:65534:\n",
}

_PROBE = """
import sys
sys.path.insert(0, sys.argv[1])
import os
from bootstraps import linux
flags = linux.NEWNS | linux.NEWPID | linux.NEWIPC | linux.NEWUTS
uid, gid = os.getuid(), os.getgid()
linux.unshare(flags if sys.argv[2] == "root" else flags | linux.NEWUSER)
if sys.argv[2] != "root":
    linux.map_single_user(0, 0, uid, gid)
child = os.fork()
if child == 0:
    linux.mount(None, "/", flags=linux.REC | linux.PRIVATE)
    linux.mount("tmpfs", "/tmp", "tmpfs", linux.NOSUID)
    os.mkdir("/tmp/proc")
    linux.mount("proc", "/tmp/proc", "proc", linux.NOSUID | linux.NODEV | linux.NOEXEC)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@functools.cache
def refusal() -> str | None:
    """None where a process may be given namespaces of its own; else the host's reason. Tried for real, once."""
    if sys.platform != "linux":
        return f"{sys.platform} has no namespaces"
    if os.environ.get("PILEUS_NO_NAMESPACES"):
        return "switched off by PILEUS_NO_NAMESPACES"
    role = "root" if os.getuid() == 0 else "user"
    command = [sys.executable, "-I", "-S", "-c", _PROBE, str(BOOTSTRAPS.parent), role]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["the probe failed"])[-1]


def root_settings(
    *,
    prefix: pathlib.Path | None,
    packages: list[tuple[str, str]],
    argv: list[str],
    site: str,
    preload: bool,
    ca_bundle: str,
) -> dict:
    """Settings of a zygote for enter.py and zygote.py.

    prefix    the language's installation; /var/lang inside. None: the function brings its own
    packages  (host path, name under /var/runtime)
    argv      the interpreter and its options before the script, with paths as they are inside. Empty: the zygote has
              nothing to load, and the process that made the root goes on as the zygote
    """
    isolated = refusal() is None
    binds = [(path, path) for path in HOST_FILES if os.path.exists(path)]
    binds += [(str(BOOTSTRAPS), "/var/runtime/bootstraps")]
    binds += [(str(prefix), "/var/lang")] if prefix is not None else []
    binds += [(source, "/var/runtime/" + name) for source, name in packages]
    binds += [(ca_bundle, target) for target in CA_BUNDLES]
    binds.append((str(pathlib.Path(ca_bundle).with_name("ca.pem")), "/var/runtime/ca.pem"))
    if os.path.isdir("/nix/store"):
        binds.append(("/nix/store", "/nix/store"))  # there every program's libraries are
    inside = "/var/runtime" if isolated else str(BOOTSTRAPS.parent)
    settings = {
        "namespaces": isolated,
        "as_root": os.getuid() == 0,
        "uid": USER_ID,
        "gid": GROUP_ID,
        "binds": binds,
        "files": FILES,
        "site": site,
        "preload": preload,
        "argv": [],
        "environment": {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
    }
    settings["environment"]["LD_LIBRARY_PATH"] = library_path("/var/lang", "/var/task", "/opt") if isolated else ""
    inner = {name: settings[name] for name in ("namespaces", "as_root", "uid", "gid", "site", "preload")}
    if argv:
        settings["argv"] = [*argv, "-c", _ZYGOTE, json.dumps(inner), inside]
    return settings


_ZYGOTE = (
    "import sys; sys.path.insert(0, sys.argv[2]); sys.argv.pop(); "
    "from bootstraps import zygote; sys.path.pop(0); zygote.main(zygote._settings())"
)


def library_path(language: str, task: str, opt: str) -> str:
    """LD_LIBRARY_PATH as AWS sets it. Source: developer guide, "Defined runtime environment variables"."""
    return f"{language}/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:{task}:{task}/lib:{opt}/lib"
