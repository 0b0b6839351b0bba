"""As whom stacks act."""

import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import Principal, user
from pileus.services.cloudformation.tests.conftest import status_of

QUEUE = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}}}})
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def allow(*actions: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def user_with(cloud, policy: str) -> Principal:
    made = (await cloud.iam.CreateUser(UserName="dev"))["User"]
    await cloud.iam.PutUserPolicy(UserName="dev", PolicyName="own", PolicyDocument=policy)
    return user(cloud.account, "dev", made["UserId"])


async def role_with(cloud, policy: str) -> str:
    role = await cloud.iam.CreateRole(RoleName="deployer", AssumeRolePolicyDocument=json.dumps(TRUST))
    await cloud.iam.PutRolePolicy(RoleName="deployer", PolicyName="own", PolicyDocument=policy)
    return role["Role"]["Arn"]


async def test_a_stack_acts_as_who_asked_for_it(cloud):
    dev = cloud.as_(await user_with(cloud, allow("cloudformation:*")), "cloudformation")
    await dev.CreateStack(StackName="shop", TemplateBody=QUEUE)
    await cloud.settle()
    assert await status_of(cloud) == "ROLLBACK_COMPLETE"
    events = (await cloud.cloudformation.DescribeStackEvents(StackName="shop"))["StackEvents"]
    reason = next(event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "CREATE_FAILED")
    assert "user/dev is not authorized to perform: sqs:" in reason
    assert "HandlerErrorCode: AccessDenied" in reason


async def test_a_stack_acts_as_its_role(cloud):
    role = await role_with(cloud, allow("sqs:*"))
    dev = cloud.as_(await user_with(cloud, allow("cloudformation:*", "iam:PassRole")), "cloudformation")
    await dev.CreateStack(StackName="shop", TemplateBody=QUEUE, RoleARN=role)
    await cloud.settle()
    await cloud.advance(5_000)
    assert await status_of(cloud) == "CREATE_COMPLETE"
    # The role stays the stack's own: later operations need not name it.
    await dev.DeleteStack(StackName="shop")
    await cloud.settle()
    await cloud.advance(5_000)
    with pytest.raises(AwsError, match="does not exist"):
        await status_of(cloud)


async def test_a_role_must_be_passed(cloud):
    role = await role_with(cloud, allow("sqs:*"))
    dev = cloud.as_(await user_with(cloud, allow("cloudformation:*")), "cloudformation")
    with pytest.raises(AwsError, match="iam:PassRole"):
        await dev.CreateStack(StackName="shop", TemplateBody=QUEUE, RoleARN=role)


async def test_a_role_that_does_not_trust_cloudformation_is_refused(cloud):
    trust = json.loads(json.dumps(TRUST).replace("cloudformation.", "lambda."))
    role = await cloud.iam.CreateRole(RoleName="other", AssumeRolePolicyDocument=json.dumps(trust))
    with pytest.raises(AwsError) as refused:
        await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=QUEUE, RoleARN=role["Role"]["Arn"])
    assert refused.value.code == "ValidationError"
    assert refused.value.message == f"Role {role['Role']['Arn']} is invalid or cannot be assumed"


async def test_permissions_are_on_the_stack_by_name(cloud):
    statements = [
        {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "arn:aws:cloudformation:*:*:stack/dev-*/*"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    dev = cloud.as_(await user_with(cloud, policy), "cloudformation")
    await dev.CreateStack(StackName="dev-shop", TemplateBody=QUEUE)
    with pytest.raises(AwsError, match="cloudformation:CreateStack"):
        await dev.CreateStack(StackName="prod-shop", TemplateBody=QUEUE)
    await cloud.settle()
    await cloud.advance(5_000)
    assert (await dev.DescribeStacks(StackName="dev-shop"))["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(AwsError, match="cloudformation:DescribeStacks"):
        await dev.DescribeStacks(StackName="prod-shop")


async def test_a_template_in_s3_is_read_as_the_caller(cloud):
    await cloud.s3.CreateBucket(Bucket="templates")
    await cloud.s3.PutObject(Bucket="templates", Key="a.json", Body=QUEUE.encode())
    dev = cloud.as_(await user_with(cloud, allow("cloudformation:*", "sqs:*")), "cloudformation")
    with pytest.raises(AwsError, match=r"S3 error: .*s3:GetObject"):
        await dev.CreateStack(StackName="shop", TemplateURL="https://s3.amazonaws.com/templates/a.json")
