"""What policies have to name."""

import json

import pytest

from pileus.kernel import principal
from pileus.kernel.errors import AwsError

from .conftest import READS, WRITES

ROLE = "arn:aws:iam::000000000000:role/f"
DYNAMODB = {"Effect": "Allow", "Action": ["dynamodb:DescribeTable", "dynamodb:UpdateTable"], "Resource": "*"}
LINKED = {
    "Effect": "Allow",
    "Action": "iam:CreateServiceLinkedRole",
    "Resource": "*",
    "Condition": {"StringEquals": {"iam:AWSServiceName": "dynamodb.application-autoscaling.amazonaws.com"}},
}


def allow(action: str, resource: str = "*", **condition) -> dict:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


@pytest.fixture
async def as_role(cloud):
    """as_role(*statements): the service as sessions of a role with these see it."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = await cloud.iam.CreateRole(RoleName="f", AssumeRolePolicyDocument=document)

    async def as_role(*statements):
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        await cloud.iam.PutRolePolicy(RoleName="f", PolicyName="p", PolicyDocument=document)
        return cloud.as_(principal.role_session(ROLE, made["Role"]["RoleId"], "s"), "application-autoscaling")

    return as_role


async def denied(operation, **request) -> AwsError:
    with pytest.raises(AwsError) as caught:
        await operation(**request)
    return caught.value


@pytest.fixture
def new(scaled):
    return {**scaled.where(), "MinCapacity": 1, "MaxCapacity": 9}


async def test_registering_takes_what_is_done_with_it(as_role, new):
    register = allow("application-autoscaling:RegisterScalableTarget")
    await (await as_role(register, DYNAMODB, LINKED)).RegisterScalableTarget(**new)
    await (await as_role(register, DYNAMODB)).RegisterScalableTarget(**new)  # its role is there now


async def test_without_the_role_to_be_made_nothing_is_registered(cloud, as_role, new):
    client = await as_role(allow("application-autoscaling:RegisterScalableTarget"), DYNAMODB)
    error = await denied(client.RegisterScalableTarget, **new)
    assert "iam:CreateServiceLinkedRole" in error.message
    answer = await cloud.application_autoscaling.DescribeScalableTargets(ServiceNamespace="dynamodb")
    assert answer["ScalableTargets"] == []


@pytest.mark.parametrize("missing", ["dynamodb:DescribeTable", "dynamodb:UpdateTable"])
async def test_who_may_not_change_the_table_may_not_have_it_changed(as_role, new, missing):
    (other,) = {"dynamodb:DescribeTable", "dynamodb:UpdateTable"} - {missing}
    client = await as_role(allow("application-autoscaling:RegisterScalableTarget"), allow(other), LINKED)
    error = await denied(client.RegisterScalableTarget, **new)
    assert (error.code, missing in error.message) == ("ValidationException", True)


async def test_a_target_is_named_by_its_arn(cloud, scaled, as_role):
    arn = await scaled.register()
    other = await scaled.register(dimension=WRITES)
    client = await as_role(allow("application-autoscaling:*", arn), DYNAMODB)
    await client.RegisterScalableTarget(**scaled.where(), MaxCapacity=10)
    await client.ListTagsForResource(ResourceARN=arn)
    error = await denied(client.DeregisterScalableTarget, **scaled.where(dimension=WRITES))
    assert f"application-autoscaling:DeregisterScalableTarget on resource: {other}" in error.message
    assert (await denied(client.ListTagsForResource, ResourceARN=other)).status == 403
    assert (await denied(client.DescribeScalableTargets, ServiceNamespace="dynamodb")).status == 403


async def test_a_new_target_is_one_of_all(scaled, as_role, new):
    all_of_them = "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/*"
    client = await as_role(allow("application-autoscaling:RegisterScalableTarget", all_of_them), DYNAMODB, LINKED)
    await client.RegisterScalableTarget(**new)


async def test_namespace_and_dimension_are_condition_keys(scaled, as_role):
    await scaled.register()
    await scaled.register(dimension=WRITES)
    keys = {
        "application-autoscaling:service-namespace": "dynamodb",
        "application-autoscaling:scalable-dimension": READS,
    }
    client = await as_role(allow("application-autoscaling:DeregisterScalableTarget", StringEquals=keys))
    assert (await denied(client.DeregisterScalableTarget, **scaled.where(dimension=WRITES))).status == 403
    await client.DeregisterScalableTarget(**scaled.where())


async def test_tags_of_the_target_and_of_the_request_are_condition_keys(scaled, as_role):
    arn = await scaled.register(Tags={"team": "a"})
    other = await scaled.register(dimension=WRITES, Tags={"team": "b"})
    by_tag = allow("application-autoscaling:*", StringEquals={"aws:ResourceTag/team": "a"})
    client = await as_role(by_tag)
    await client.TagResource(ResourceARN=arn, Tags={"x": "1"})
    assert (await denied(client.TagResource, ResourceARN=other, Tags={"x": "1"})).status == 403

    wanted = allow("application-autoscaling:TagResource", StringEquals={"aws:RequestTag/team": "c"})
    client = await as_role(wanted)
    await client.TagResource(ResourceARN=arn, Tags={"team": "c"})
    assert (await denied(client.TagResource, ResourceARN=arn, Tags={"team": "d"})).status == 403


async def test_tagging_at_the_registration_takes_both(as_role, new):
    register = allow("application-autoscaling:RegisterScalableTarget")
    error = await denied((await as_role(register, DYNAMODB, LINKED)).RegisterScalableTarget, **new, Tags={"a": "1"})
    assert "application-autoscaling:TagResource" in error.message
    tagging = allow("application-autoscaling:TagResource")
    await (await as_role(register, tagging, DYNAMODB, LINKED)).RegisterScalableTarget(**new, Tags={"a": "1"})


async def test_a_role_must_be_passed(as_role, new):
    register = allow("application-autoscaling:RegisterScalableTarget")
    client = await as_role(register, DYNAMODB, LINKED)
    assert "iam:PassRole" in (await denied(client.RegisterScalableTarget, **new, RoleARN=ROLE)).message
    to_us = {"iam:PassedToService": "application-autoscaling.amazonaws.com"}
    client = await as_role(register, DYNAMODB, LINKED, allow("iam:PassRole", ROLE, StringEquals=to_us))
    await client.RegisterScalableTarget(**new, RoleARN=ROLE)
