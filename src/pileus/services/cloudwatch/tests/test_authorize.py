"""What policies have to name."""

import json

import pytest

from pileus.kernel import principal
from pileus.kernel.errors import AwsError
from pileus.services.cloudwatch.tests.conftest import LOG_GROUPS, RULE, after, definition

ARN = "arn:aws:cloudwatch:us-east-1:000000000000:insight-rule/"


@pytest.fixture
async def ann(cloud):
    """`await ann(action, resource, **conditions)`: CloudWatch as a user sees it who may do this alone."""
    made = (await cloud.iam.CreateUser(UserName="ann"))["User"]

    async def with_policy(action: str | list, resource: str = "*", **conditions):
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        if conditions:
            statement["Condition"] = {operator.replace("_", ":"): tests for operator, tests in conditions.items()}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="p", PolicyDocument=document)
        return cloud.as_(principal.user(cloud.account, "ann", made["UserId"]), "cloudwatch")

    return with_policy


async def denied(call) -> str:
    with pytest.raises(AwsError) as caught:
        await call
    assert caught.value.code == "AccessDenied"
    return caught.value.message


async def test_reports_are_granted_as_the_guide_of_dynamodb_shows(ann, rule):
    client = await ann(
        "cloudwatch:GetInsightRuleReport", "arn:aws:cloudwatch:*:*:insight-rule/DynamoDBContributorInsights*"
    )
    asked = {"StartTime": after(0), "EndTime": after(1), "Period": 60}
    await client.GetInsightRuleReport(RuleName=rule, **asked)
    message = await denied(client.GetInsightRuleReport(RuleName="mine", **asked))
    assert f"cloudwatch:GetInsightRuleReport on resource: {ARN}mine" in message


async def test_describing_is_of_all_rules(ann):
    await (await ann("cloudwatch:DescribeInsightRules")).DescribeInsightRules()
    await denied((await ann("cloudwatch:DescribeInsightRules", f"{ARN}*")).DescribeInsightRules())


@pytest.mark.parametrize("operation", ["DeleteInsightRules", "EnableInsightRules", "DisableInsightRules"])
async def test_each_of_the_rules_that_are_named_must_be_granted(ann, operation):
    client = await ann(f"cloudwatch:{operation}", f"{ARN}a*")
    await getattr(client, operation)(RuleNames=["a1", "a2"])
    assert f"{ARN}b" in await denied(getattr(client, operation)(RuleNames=["a1", "b"]))


async def test_log_groups_are_a_condition_of_putting_a_rule(ann):
    key = "cloudwatch:requestInsightRuleLogGroups"
    allowed = {"ForAllValues_StringEqualsIgnoreCase": {key: ["APP-*", "Web"]}}
    client = await ann("cloudwatch:PutInsightRule", **allowed)
    with pytest.raises(AwsError) as caught:
        await client.PutInsightRule(RuleName="mine", RuleDefinition=LOG_GROUPS)
    assert caught.value.code == "NotImplemented"
    other = LOG_GROUPS.replace('"web"', '"other"')
    await denied(client.PutInsightRule(RuleName="mine", RuleDefinition=other))
    by_arn = LOG_GROUPS.replace("LogGroupNames", "LogGroupARNs")
    assert (await refusal(client.PutInsightRule(RuleName="mine", RuleDefinition=by_arn))) == "NotImplemented"
    assert (await refusal(client.PutInsightRule(RuleName="mine", RuleDefinition="{"))) == "InvalidParameterValue"


async def refusal(call) -> str:
    with pytest.raises(AwsError) as caught:
        await call
    return caught.value.code


async def test_tags_of_a_new_rule_take_a_permission_of_their_own(ann):
    put = {"RuleName": "mine", "RuleDefinition": LOG_GROUPS, "Tags": [{"Key": "a", "Value": "1"}]}
    message = await denied((await ann("cloudwatch:PutInsightRule")).PutInsightRule(**put))
    assert f"cloudwatch:TagResource on resource: {ARN}mine" in message
    both = ["cloudwatch:PutInsightRule", "cloudwatch:TagResource"]
    assert await refusal((await ann(both)).PutInsightRule(**put)) == "NotImplemented"
    client = await ann(both, StringEquals={"aws:RequestTag/a": "2"})
    await denied(client.PutInsightRule(**put))


async def test_tags_of_a_rule_are_conditions(cloud, ann, rule):
    client = await ann("cloudwatch:*", f"{ARN}*", StringEquals={"aws:ResourceTag/team": "a"})
    listing = {"ResourceARN": ARN + rule}
    await denied(client.ListTagsForResource(**listing))
    await cloud.cloudwatch.TagResource(**listing, Tags=[{"Key": "team", "Value": "a"}])
    await client.ListTagsForResource(**listing)
    await client.TagResource(**listing, Tags=[{"Key": "more", "Value": "1"}])
    await client.UntagResource(**listing, TagKeys=["team"])
    await denied(client.UntagResource(**listing, TagKeys=["more"]))


async def test_dynamodbs_role_may_do_what_awss_policy_for_it_allows(dynamodb):
    await dynamodb.PutInsightRule(RuleName=RULE, RuleDefinition=definition())
    await dynamodb.DescribeInsightRules()
    await denied(dynamodb.DisableInsightRules(RuleNames=[RULE]))
    await denied(dynamodb.DeleteInsightRules(RuleNames=[RULE, "mine"]))
    assert await dynamodb.DeleteInsightRules(RuleNames=[RULE]) == {"Failures": []}
