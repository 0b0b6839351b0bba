"""Python functions: forked from a zygote that has boto3 loaded."""

import asyncio
import contextlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import sys
from dataclasses import asdict

from pileus.runtime import sandbox
from pileus.runtime.runtimes import Interpreter, Launch, Paths, Told
from pileus.runtime.spec import FunctionSpec, RuntimeMissing

PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What AWS preinstalls: boto3 and what it needs. Taken from where Pileus itself finds them."""

OLDEST = (3, 10)
"""boto3 and what it needs are those beside Pileus, which need it. Older names run on the oldest there is."""

NEWEST_TRIED = 15

AT_START = (
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "AWS_LAMBDA_EXEC_WRAPPER",
    "PYTHONHASHSEED",
    "PYTHONOPTIMIZE",
    "PYTHONMALLOC",
)
"""Variables that only work when a process starts with them: such a function is started afresh, not forked."""

_DESCRIBE = "import sys, json; print(json.dumps([sys.version_info[:3], sys.executable, sys.base_prefix]))"


class Python:
    def __init__(self) -> None:
        self._found: dict[tuple[int, int], Interpreter] | None = None
        self._searching = asyncio.Lock()

    async def interpreter(self, runtime: str) -> Interpreter:
        """The nearest version: the one asked for, else the next newer, else the newest older."""
        match = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
        if match is None:
            raise RuntimeMissing(f"{runtime} is no Python runtime.")
        wanted = (int(match[1]), int(match[2]))
        own = sys.version_info[:2]
        if self._found is None and wanted == own:
            return _own_interpreter()  # no search for what most functions ask for
        async with self._searching:
            if self._found is None:
                self._found = await _find_all()
        newer = sorted(version for version in self._found if version >= wanted)
        older = sorted(version for version in self._found if version < wanted)
        return self._found[newer[0] if newer else older[-1]]

    def zygote_settings(self, interpreter: Interpreter, ca_bundle: str) -> dict:
        isolated = sandbox.refusal() is None
        packages = bundled_packages()
        site = "/var/runtime" if isolated else str(pathlib.Path(packages[0][0]).parent) if packages else ""
        program = interpreter.inside if isolated else str(interpreter.executable)
        return sandbox.root_settings(
            prefix=interpreter.prefix,
            packages=packages,
            argv=[program, "-I", "-S"],
            site=site,
            preload=True,
            ca_bundle=ca_bundle,
        )

    async def launch(self, spec: FunctionSpec, interpreter: Interpreter, paths: Paths, told: Told) -> Launch:
        settings = {"runtime": spec.runtime, "task_root": paths.task, "opt_root": paths.opt, **asdict(told)}
        variables = {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "PATH": f"/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:{paths.opt}/bin",
            "PYTHONPATH": spec.environment.get("PYTHONPATH", paths.runtime),
        }
        argv = None
        if any(name in spec.environment for name in AT_START):
            isolated = sandbox.refusal() is None
            program = interpreter.inside if isolated else str(interpreter.executable)
            site = paths.runtime if isolated else str(sandbox.BOOTSTRAPS.parent)
            argv = [program, "-S", f"{site}/bootstraps/python_main.py", json.dumps({**settings, "site": paths.runtime})]
            if wrapper := spec.environment.get("AWS_LAMBDA_EXEC_WRAPPER"):
                argv.insert(0, wrapper)
        return Launch(argv, settings, variables)


def bundled_packages() -> list[tuple[str, str]]:
    """(path on this machine, name) of each package, where there is one."""
    out = []
    for name in PACKAGES:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            continue
        path = pathlib.Path(found.origin)
        path = path.parent if path.name == "__init__.py" else path
        out.append((str(path.resolve()), path.name))
    return out


def _own_interpreter() -> Interpreter:
    executable = pathlib.Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    return _checked(sys.version_info[:3], executable, pathlib.Path(sys.base_prefix).resolve())


def _checked(version: tuple, executable: pathlib.Path, prefix: pathlib.Path) -> Interpreter:
    if not executable.is_relative_to(prefix):
        raise RuntimeMissing(f"The interpreter {executable} does not lie in its own prefix {prefix}.")
    return Interpreter("python", ".".join(map(str, version)), executable, prefix)


async def _find_all() -> dict[tuple[int, int], Interpreter]:
    """Ask every pythonX.Y on the PATH what it is. A name that answers nothing sensible is no interpreter."""
    own = _own_interpreter()
    names = [f"python3.{minor}" for minor in range(OLDEST[1], NEWEST_TRIED + 1)]
    candidates = {shutil.which(name) for name in ["python3", *names]} - {None}
    # pyenv and uv keep versions that are not on the PATH.
    for folder in ("~/.pyenv/versions/*/bin", "~/.local/share/uv/python/*/bin"):
        base, pattern = os.path.expanduser(folder).split("/*", 1)
        with contextlib.suppress(PermissionError):  # HOME may be another user's, after sudo
            candidates |= {str(path) for path in pathlib.Path(base).glob("*" + pattern + "/python3")}
    found = {sys.version_info[:2]: own}
    for interpreter in await asyncio.gather(*map(_ask, sorted(candidates))):
        if interpreter is not None:
            version = tuple(map(int, interpreter.version.split(".")[:2]))
            if version >= OLDEST:
                found.setdefault(version, interpreter)
    return found


async def _ask(candidate: str) -> Interpreter | None:
    process = await asyncio.create_subprocess_exec(
        candidate, "-I", "-S", "-c", _DESCRIBE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        answer, _ = await asyncio.wait_for(process.communicate(), 5)
        version, executable, prefix = json.loads(answer)
        return _checked(tuple(version), pathlib.Path(executable).resolve(), pathlib.Path(prefix).resolve())
    except (TimeoutError, ValueError, RuntimeMissing):
        if process.returncode is None:
            process.kill()
            await process.wait()
        return None
