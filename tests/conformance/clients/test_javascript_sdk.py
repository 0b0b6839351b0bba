"""The JavaScript SDK, version 3, against a real server: DynamoDB's DocumentClient. The tests are in javascript/."""

import os
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "javascript" / "document_client.cjs"
PACKAGES = Path(__file__).parents[3] / ".venv" / "tools" / "javascript" / "node_modules"


def test_the_document_client(endpoint, account):
    node = shutil.which("node")
    if node is None or not (PACKAGES / "@aws-sdk" / "lib-dynamodb").exists():
        missing = "node is missing" if node is None else f"{PACKAGES} is missing; `make e2e` installs it with npm"
        warnings.warn(f"the JavaScript SDK is NOT tested: {missing}", stacklevel=1)
        pytest.skip(missing)
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(PACKAGES),
        "ENDPOINT": endpoint,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    done = subprocess.run(
        [node, "--test", "--test-reporter=tap", str(PROGRAM)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# skipped 0" in done.stdout and "# pass 7" in done.stdout, done.stdout
