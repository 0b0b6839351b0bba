"""The second application through the real tools: two stacks of it side by side, checked, deleted."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Tools

APP = ROOT / "apps" / "recursion"
CHECK_TIMEOUT_S = 240

pytestmark = pytest.mark.timeout(600)  # most of it is waiting for invocations that must not come


@pytest.fixture
def app(tmp_path: Path) -> Path:
    copy = tmp_path / "app"
    shutil.copytree(APP, copy, ignore=shutil.ignore_patterns(".aws-sam", "__pycache__"))
    return copy


def test_no_design_invokes_itself_for_ever(tools: Tools, app: Path):
    tools("sam", "build", cwd=app)
    for stack in ("recursion", "beside"):
        tools(
            *("sam", "deploy", "--stack-name", stack, "--resolve-s3", "--no-confirm-changeset"),
            *("--capabilities", "CAPABILITY_IAM", "--no-progressbar", "--parameter-overrides", f"Name={stack}"),
            cwd=app,
        )
    checked = subprocess.run(
        [sys.executable, "check.py", "--stack", "beside"],
        cwd=app,
        env=tools.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=CHECK_TIMEOUT_S,
    )
    said = f"{checked.stdout}\n{''.join(tools.server.log[-40:])}"
    assert checked.returncode == 0, said
    assert "SKIPPED" not in checked.stdout, said

    def delete(stack: str) -> str:
        return tools("sam", "delete", "--stack-name", stack, "--region", "us-east-1", "--no-prompts", cwd=app)

    # check.py has left no object that would keep a bucket. At once: sam looks, sleeps for 30 s and looks again.
    with ThreadPoolExecutor() as both:
        for deleted in both.map(delete, ("beside", "recursion")):
            assert "Deleted successfully" in deleted
