"""Resource policies: whom they let in, and how they are kept."""

import json

import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.kernel.principal import service
from pileus.services.logs.resources import ResourcePolicy

GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/orders"


def document(resource: str = f"{GROUP}:*", action: object = ("logs:CreateLogStream", "logs:PutLogEvents")) -> str:
    principal = {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]}
    statement = {"Sid": "s", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def write(client) -> None:
    await client.PutLogEvents(
        logGroupName="/aws/events/orders",
        logStreamName="s",
        logEvents=[{"timestamp": 1_767_225_600_000, "message": "a"}],
    )


@pytest.fixture
async def events(cloud):
    """Logs, as EventBridge sees it."""
    await cloud.logs.CreateLogGroup(logGroupName="/aws/events/orders")
    await cloud.logs.CreateLogStream(logGroupName="/aws/events/orders", logStreamName="s")
    return cloud.as_(service("events.amazonaws.com"), "logs")


async def test_a_service_may_write_where_a_policy_lets_it(cloud, events):
    with pytest.raises(AwsError, match="not authorized"):
        await write(events)
    # Two policies with the same statement id: both hold.
    await cloud.logs.PutResourcePolicy(policyName="one", policyDocument=document(GROUP + "-other:*"))
    await cloud.logs.PutResourcePolicy(policyName="two", policyDocument=document())
    await write(events)
    with pytest.raises(AwsError, match="not authorized"):
        await events.DeleteLogGroup(logGroupName="/aws/events/orders")
    await cloud.logs.DeleteResourcePolicy(policyName="two")
    with pytest.raises(AwsError, match="not authorized"):
        await write(events)


async def test_a_denial_holds_for_the_account_too(cloud, events):
    denial = (
        document(action="logs:PutLogEvents").replace("Allow", "Deny").replace('{"Service"', '{"AWS": "*", "Service"')
    )
    await cloud.logs.PutResourcePolicy(policyName="no", policyDocument=denial)
    with pytest.raises(AwsError, match="explicit deny"):
        await write(cloud.logs)


async def test_policies_are_listed_page_by_page_and_replaced_by_name(cloud):
    for name in ("b", "a", "b"):
        shown = await cloud.logs.PutResourcePolicy(policyName=name, policyDocument=document())
    assert shown["resourcePolicy"]["policyName"] == "b"
    first = await cloud.logs.DescribeResourcePolicies(limit=1)
    second = await cloud.logs.DescribeResourcePolicies(limit=1, nextToken=first["nextToken"])
    assert [page["resourcePolicies"][0]["policyName"] for page in (first, second)] == ["a", "b"]
    assert "nextToken" not in second


async def test_an_account_has_ten_policies_and_no_more(cloud):
    for number in range(10):
        await cloud.logs.PutResourcePolicy(policyName=f"p{number}", policyDocument=document())
    with pytest.raises(AwsError) as refused:
        await cloud.logs.PutResourcePolicy(policyName="p10", policyDocument=document())
    assert refused.value.code == "LimitExceededException"


async def test_what_is_no_policy_is_refused(cloud):
    with pytest.raises(AwsError, match="Invalid policy document"):
        await cloud.logs.PutResourcePolicy(policyName="p", policyDocument="{}")
    with pytest.raises(AwsError, match="policyName must be specified"):
        await cloud.logs.PutResourcePolicy(policyDocument=document())
    with pytest.raises(AwsError, match="does not exist"):
        await cloud.logs.DeleteResourcePolicy(policyName="p")
    with pytest.raises(NotImplementedByUs, match="resourceArn"):
        await cloud.logs.PutResourcePolicy(resourceArn=GROUP, policyDocument=document())


async def test_a_policy_lives_with_its_stack(cloud):
    properties = {"PolicyName": "p", "PolicyDocument": document()}
    template = {"Resources": {"P": {"Type": ResourcePolicy.name, "Properties": properties}}}
    await cloud.cloudformation.CreateStack(StackName="app", TemplateBody=json.dumps(template))
    await cloud.settle()
    assert len((await cloud.logs.DescribeResourcePolicies())["resourcePolicies"]) == 1
    properties["PolicyDocument"] = document("*")
    await cloud.cloudformation.UpdateStack(StackName="app", TemplateBody=json.dumps(template))
    await cloud.settle()
    (policy,) = (await cloud.logs.DescribeResourcePolicies())["resourcePolicies"]
    assert policy["policyDocument"] == document("*")
    await cloud.cloudformation.DeleteStack(StackName="app")
    await cloud.settle()
    assert (await cloud.logs.DescribeResourcePolicies())["resourcePolicies"] == []
