"""The README's first five minutes, as it prints them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Tools

CHAPTER = re.compile(r"^## The first five minutes\n(.*?)^## ", re.S | re.M)
COMMANDS = ("export ", "aws ", "cd ", "sam ", "pileus ")
STARTED_ALREADY, NEEDS_A_DENIAL = "pileus start", "pileus iam explain"

pytestmark = pytest.mark.timeout(300)


def commands() -> list[str]:
    chapter = CHAPTER.search((ROOT / "README.md").read_text())[1]
    lines = [line.strip() for line in chapter.splitlines() if line.startswith("    ")]
    return [line for line in lines if line.startswith(COMMANDS) and STARTED_ALREADY not in line]


def test_the_commands_of_the_first_five_minutes_work(tools: Tools, tmp_path: Path):
    checkout = tmp_path / "checkout"
    for part in ("LICENSE", "apps/difference_checker"):
        (checkout / part).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, checkout / part)
    script = "\n".join(["set -e", *(line for line in commands() if not line.startswith(NEEDS_A_DENIAL))])
    # All that the user's shell knows of AWS is what the README exports. The port is another one: 4566 may be taken.
    environment = {name: value for name, value in tools.environment().items() if not name.startswith("AWS_")}
    environment |= {"PILEUS_PORT": str(tools.server.port), "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        ["bash", "-c", script.replace(":4566", f":{tools.server.port}")],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    for shown in ("/000000000000/jobs", "Successfully created/updated stack", "Deleted successfully", "running"):
        assert shown in done.stdout
