"""The first application through the real tools: deployed, used, updated, deleted."""

import json
import shutil
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Tools

APP = ROOT / "apps" / "difference_checker"
LOGGED_WITHIN_S = 30

pytestmark = pytest.mark.timeout(300)  # the tools' own waiters sleep for seconds


@pytest.fixture
def app(tmp_path: Path) -> Path:
    copy = tmp_path / "app"
    shutil.copytree(APP, copy, ignore=shutil.ignore_patterns(".aws-sam", "__pycache__"))
    return copy


def outputs(tools: Tools, stack: str) -> dict[str, str]:
    described = json.loads(tools("aws", "cloudformation", "describe-stacks", "--stack-name", stack))
    return {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}


def use(tools: Tools, stack: str, folder: Path) -> None:
    """Upload two versions of a text, and see their difference in the function's log."""
    out = outputs(tools, stack)
    for version in ("one two three", "one four three"):
        (folder / "note.txt").write_text(version)
        tools("aws", "s3", "cp", "note.txt", f"s3://{out['BucketName']}/note.txt", cwd=folder)
    deadline = time.monotonic() + LOGGED_WITHIN_S
    group = f"/aws/lambda/{out['FunctionName']}"
    while True:
        log = tools("aws", "logs", "filter-log-events", "--log-group-name", group, fails=True)
        if "four" in log:
            return
        assert time.monotonic() < deadline, f"no difference in the log:\n{log}\n{''.join(tools.server.log[-40:])}"
        time.sleep(0.5)


def empty(tools: Tools, bucket: str) -> None:
    """A versioned bucket with objects is not deleted, on AWS neither."""
    listed = json.loads(tools("aws", "s3api", "list-object-versions", "--bucket", bucket) or "{}")
    for kind in ("Versions", "DeleteMarkers"):
        for version in listed.get(kind) or ():
            tools(
                *("aws", "s3api", "delete-object", "--bucket", bucket),
                *("--key", version["Key"], "--version-id", version["VersionId"]),
            )


def test_sam_builds_deploys_and_deletes(tools: Tools, app: Path):
    tools("sam", "build", cwd=app)
    deploy = (
        *("sam", "deploy", "--stack-name", "checker", "--resolve-s3", "--no-confirm-changeset"),
        *("--capabilities", "CAPABILITY_IAM", "--no-progressbar"),
    )
    printed = tools(*deploy, cwd=app)
    assert "Successfully created/updated stack - checker" in printed
    use(tools, "checker", app)

    again = tools(*deploy, "--no-fail-on-empty-changeset", cwd=app)
    assert "No changes to deploy. Stack checker is up to date" in again

    changed = tools(*deploy, "--parameter-overrides", "KeepVersions=2", cwd=app)
    assert "Successfully created/updated stack - checker" in changed

    empty(tools, outputs(tools, "checker")["BucketName"])
    deleted = tools("sam", "delete", "--stack-name", "checker", "--region", "us-east-1", "--no-prompts", cwd=app)
    assert "Deleted successfully" in deleted
    gone = tools("aws", "cloudformation", "describe-stacks", "--stack-name", "checker", fails=True)
    assert "Stack with id checker does not exist" in gone


def test_the_aws_cli_packages_and_deploys(tools: Tools, app: Path):
    tools("aws", "s3", "mb", "s3://artefacts")
    tools(
        *("aws", "cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", "artefacts"),
        *("--output-template-file", "packaged.yaml"),
        cwd=app,
    )
    deploy = (
        *("aws", "cloudformation", "deploy", "--template-file", "packaged.yaml", "--stack-name", "checker"),
        *("--capabilities", "CAPABILITY_IAM"),
    )
    assert "Successfully created/updated stack - checker" in tools(*deploy, cwd=app)
    use(tools, "checker", app)
    again = tools(*deploy, "--no-fail-on-empty-changeset", cwd=app)
    assert "No changes to deploy. Stack checker is up to date" in again
    empty(tools, outputs(tools, "checker")["BucketName"])
    tools("aws", "cloudformation", "delete-stack", "--stack-name", "checker")
    tools("aws", "cloudformation", "wait", "stack-delete-complete", "--stack-name", "checker")


def test_a_stack_without_the_capability_it_needs_is_refused(tools: Tools, app: Path):
    tools("aws", "s3", "mb", "s3://artefacts")
    tools(
        *("aws", "cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", "artefacts"),
        *("--output-template-file", "packaged.yaml"),
        cwd=app,
    )
    refused = tools(
        *("aws", "cloudformation", "deploy", "--template-file", "packaged.yaml", "--stack-name", "checker"),
        cwd=app,
        fails=True,
    )
    assert "Requires capabilities : [CAPABILITY_IAM]" in refused
