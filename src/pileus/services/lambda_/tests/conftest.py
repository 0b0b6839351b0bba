"""What the tests of this service share: zips of a few lines, a role that Lambda may assume, functions."""

import io
import json
import zipfile

import pytest

ECHO = "def handler(event, context):\n    return event\n"

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def zipped(source: str = ECHO, name: str = "index.py", **more: str) -> bytes:
    """A package with one file, and more by name (dots as two underscores)."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in {name: source, **more}.items():
            archive.writestr(zipfile.ZipInfo(path.replace("__", ".")), text)
    return data.getvalue()


def allow(*actions: str, resource: str = "*") -> str:
    """A policy document."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
async def role(cloud):
    """The ARN of a role that Lambda may assume and that may write logs."""
    made = await cloud.iam.CreateRole(RoleName="runs-functions", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(
        RoleName="runs-functions", PolicyName="logs", PolicyDocument=allow("logs:*", "sqs:SendMessage")
    )
    return made["Role"]["Arn"]


@pytest.fixture
def make(cloud, role):
    """Make a function: `await make("echo", source=…, Timeout=…)`; Active when it returns."""

    async def make(name: str = "echo", source: str = ECHO, **settings) -> dict:
        request = {
            "Runtime": "python3.11",
            "Handler": "index.handler",
            "Role": role,
            "Code": {"ZipFile": zipped(source)},
        }
        made = await cloud.lambda_.CreateFunction(FunctionName=name, **(request | settings))
        await cloud.settle()
        return made

    return make
