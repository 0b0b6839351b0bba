"""A role that Lambda may assume, and functions that run as it."""

import pytest

from pileus.services.lambda_.tests.material import ECHO, TRUST, allow, zipped


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
