"""Functions for a server that something is done to, and the processes that run them."""

import io
import json
import time
import zipfile
from pathlib import Path

from tests.faults.server import Server


def make_role(server: Server, *actions: str) -> str:
    """A role for functions that may do these; returns its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": ["logs:*", *actions], "Resource": "*"}
    iam = server.client("iam")
    arn = iam.create_role(RoleName="runs", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="runs", PolicyName="p", PolicyDocument=document(allowed))
    return arn


def make_function(server: Server, name: str, role: str, code: str, **more: object) -> str:
    """A Python function whose `app.handler` is in `code`; returns its ARN."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", code)
    lambda_ = server.client("lambda")
    made = lambda_.create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.11",
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
        **{"Timeout": 30, "MemorySize": 256, **more},
    )
    lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
    return made["FunctionArn"]


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def parents() -> dict[int, int]:
    """Every process on this machine and its parent."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it ended
    return found


def descendants(pid: int) -> list[int]:
    of = parents()
    found = [pid]
    for parent in found:
        found += [child for child, its in of.items() if its == parent]
    return found[1:]


def wait_for_process(server: Server, named: str, within_s: float = 20) -> int:
    """The process below the server that calls itself `named`, as a function does by writing to /proc/self/comm."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        for pid in descendants(server.process.pid):
            try:
                if Path(f"/proc/{pid}/comm").read_text().strip() == named:
                    return pid
            except OSError:
                continue
        time.sleep(0.02)
    raise AssertionError(f"no process {named} within {within_s} s")


def zygotes(server: Server) -> list[int]:
    """What forks environments: each is the one child of the process that made its namespaces, the server's child."""
    of = parents()
    return [pid for pid, parent in of.items() if of.get(parent) == server.process.pid and b"zygote" in command(pid)]


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it ended


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
