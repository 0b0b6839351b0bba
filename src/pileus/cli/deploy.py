"""`pileus deploy`: package a template's local code, and create or update its stack.

For templates whose functions need no build; `sam build && sam deploy` does the rest. It speaks the public APIs with
botocore, as the AWS CLI's `cloudformation package` and `deploy` do.
"""

import hashlib
import io
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import yaml

CODE_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Lambda::Function": "Code",
}
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
POLL_S = 0.1
DEADLINE_S = 900


class DeployFailed(Exception):
    """In words for the user."""


class Deployer:
    """`create_client` makes a botocore client of a service."""

    def __init__(self, create_client, region: str) -> None:
        self.s3 = create_client("s3")
        self.cloudformation = create_client("cloudformation")
        self.account = create_client("sts").get_caller_identity()["Account"]
        self.region = region

    def deploy(self, template: Path, stack: str, parameters: dict[str, str]) -> dict[str, str]:
        """The stack's outputs, once it is created or updated. Raises DeployFailed."""
        body = self.packaged(template)
        kind = "UPDATE" if self._exists(stack) else "CREATE"
        change_set = self.cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"deploy-{hashlib.sha256(body.encode()).hexdigest()[:12]}-{int(time.time())}",
            ChangeSetType=kind,
            TemplateBody=body,
            Capabilities=CAPABILITIES,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )["Id"]
        if self._wait_change_set(change_set):
            self.cloudformation.execute_change_set(ChangeSetName=change_set)
            self._wait_stack(stack)
        described = self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def packaged(self, template: Path) -> str:
        """The template with its local code uploaded, and named by where that lies now."""
        document = yaml.load(template.read_text(), Loader=_TemplateLoader)
        for one in with_code(document):
            self._package(template.parent, one)
        return yaml.dump(document, Dumper=_TemplateDumper, sort_keys=False)

    def _package(self, folder: Path, one: "WithCode") -> None:
        code = one.properties.get(one.name)
        if not isinstance(code, str) or code.startswith("s3://"):
            return
        place = folder / code
        if (place / "requirements.txt").exists() or (place / "package.json").exists():
            raise DeployFailed(f"{place} has dependencies to install: use `sam build && sam deploy`.")
        archive = zip_folder(place)
        bucket, key = self._bucket(), f"{hashlib.sha256(archive).hexdigest()}.zip"
        self.s3.put_object(Bucket=bucket, Key=key, Body=archive)
        if one.kind.startswith("AWS::Serverless"):
            one.properties[one.name] = f"s3://{bucket}/{key}"
        else:
            one.properties[one.name] = {"S3Bucket": bucket, "S3Key": key}

    def _bucket(self) -> str:
        bucket = f"pileus-deploy-{self.account}-{self.region}"
        try:
            self.s3.head_bucket(Bucket=bucket)
        except self.s3.exceptions.ClientError:
            where = (
                {} if self.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
            )
            self.s3.create_bucket(Bucket=bucket, **where)
        return bucket

    def _exists(self, stack: str) -> bool:
        try:
            found = self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        except self.cloudformation.exceptions.ClientError as error:
            if "does not exist" in str(error):
                return False
            raise
        return found["StackStatus"] != "REVIEW_IN_PROGRESS"

    def _wait_change_set(self, change_set: str) -> bool:
        """True if it is to be executed, False if there is nothing to change."""
        for _ in range(int(DEADLINE_S / POLL_S)):
            state = self.cloudformation.describe_change_set(ChangeSetName=change_set)
            if state["Status"] == "CREATE_COMPLETE":
                return True
            if state["Status"] == "FAILED":
                reason = state.get("StatusReason", "")
                if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                    return False
                raise DeployFailed(f"the change set failed: {reason}")
            time.sleep(POLL_S)
        raise DeployFailed("the change set takes too long")

    def _wait_stack(self, stack: str) -> None:
        for _ in range(int(DEADLINE_S / POLL_S)):
            status = self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                return
            if not status.endswith("_IN_PROGRESS"):
                raise DeployFailed(f"{stack} ended as {status}: {self._first_failure(stack)}")
            time.sleep(POLL_S)
        raise DeployFailed(f"{stack} takes too long")

    def _first_failure(self, stack: str) -> str:
        events = self.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        if not failed:
            return "no event says why"
        first = failed[-1]
        return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', '')}"


class WithCode(NamedTuple):
    """Properties that may name a folder of code: a resource's, or what SAM's Globals give to every resource of a kind."""

    kind: str
    properties: dict
    name: str


def with_code(document: dict) -> Iterator[WithCode]:
    """Where a template's code stands. Source: AWS SAM developer guide, "Globals section of the AWS SAM template"."""
    functions = (document.get("Globals") or {}).get("Function")
    if functions:
        kind = "AWS::Serverless::Function"
        yield WithCode(kind, functions, CODE_PROPERTIES[kind])
    for resource in document.get("Resources", {}).values():
        kind = resource.get("Type")
        if kind in CODE_PROPERTIES and isinstance(resource.get("Properties"), dict):
            yield WithCode(kind, resource["Properties"], CODE_PROPERTIES[kind])


def zip_folder(place: Path) -> bytes:
    """The same folder gives the same bytes: times are left out."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(place.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(str(path.relative_to(place)), (1980, 1, 1, 0, 0, 0))
                entry.external_attr = (path.stat().st_mode & 0xFFFF) << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


class _Tagged:
    """A short form (!Ref, !Sub …), kept as it is: expanding it is the server's affair."""

    def __init__(self, tag: str, node: yaml.Node) -> None:
        self.tag, self.node = tag, node


class _TemplateLoader(yaml.SafeLoader):
    pass


class _TemplateDumper(yaml.SafeDumper):
    pass


_TemplateLoader.add_multi_constructor("!", lambda loader, suffix, node: _Tagged("!" + suffix, node))
_TemplateDumper.add_representer(_Tagged, lambda dumper, tagged: tagged.node)


def run_deploy(port: int, template: Path, stack: str, parameters: tuple[str, ...]) -> None:
    """The command. Ends the program with 1 and one line when it fails."""
    given = dict(parameter.split("=", 1) for parameter in parameters)
    try:
        outputs = deployer(f"http://127.0.0.1:{port}").deploy(template, stack, given)
    except (DeployFailed, OSError) as error:
        click.echo(f"pileus: {error}", err=True)
        sys.exit(1)
    for name, value in outputs.items():
        click.echo(f"{name}: {value}")


def deployer(endpoint: str) -> Deployer:
    """As the root of the local account, unless the environment has other credentials."""
    import os

    import botocore.session

    session = botocore.session.get_session()
    region = session.get_config_variable("region") or "us-east-1"
    keys = {}
    if "AWS_ACCESS_KEY_ID" not in os.environ:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return Deployer(
        lambda service: session.create_client(service, endpoint_url=endpoint, region_name=region, **keys), region
    )
