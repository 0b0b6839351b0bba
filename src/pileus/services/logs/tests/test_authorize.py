"""What policies have to name."""

import json

import pytest

from pileus.kernel import principal
from pileus.kernel.errors import AwsError

ROLE = "arn:aws:iam::000000000000:role/f"


@pytest.fixture
async def role(cloud):
    """Sessions of a role: role(action, resource) gives it a policy and returns the service as it sees it."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    made = await cloud.iam.CreateRole(RoleName="f", AssumeRolePolicyDocument=json.dumps(trust))

    async def with_policy(*resources):
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": list(resources)}],
        }
        await cloud.iam.PutRolePolicy(RoleName="f", PolicyName="p", PolicyDocument=json.dumps(document))
        session = principal.role_session(ROLE, made["Role"]["RoleId"], "s")
        return cloud.as_(session, "logs")

    return with_policy


async def write(client):
    await client.CreateLogGroup(logGroupName="/aws/lambda/f")
    await client.CreateLogStream(logGroupName="/aws/lambda/f", logStreamName="2026/01/01/[$LATEST]0")
    await client.PutLogEvents(
        logGroupName="/aws/lambda/f",
        logStreamName="2026/01/01/[$LATEST]0",
        logEvents=[{"timestamp": 1_767_225_600_000, "message": "a"}],
    )
    await client.FilterLogEvents(logGroupName="/aws/lambda/f")


@pytest.mark.parametrize(
    "resource",
    ["*", "arn:aws:logs:*:*:*", "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/*:*"],
)
async def test_what_templates_grant_is_enough(role, resource):
    await write(await role(resource))


async def test_a_group_without_anything_behind_it_grants_nothing(role):
    client = await role("arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f")
    with pytest.raises(AwsError) as caught:
        await write(client)
    assert (
        "is not authorized to perform: logs:CreateLogGroup on resource: "
        "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:log-stream:"
    ) in caught.value.message


async def test_tags_are_asked_for_by_the_plain_arn(cloud, role):
    await cloud.logs.CreateLogGroup(logGroupName="a")
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:a"
    await (await role(arn)).TagResource(resourceArn=arn, tags={"a": "1"})
    with pytest.raises(AwsError):
        await (await role(f"{arn}:*")).TagResource(resourceArn=arn, tags={"a": "1"})
