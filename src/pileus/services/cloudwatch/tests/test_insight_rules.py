"""Rules: who makes them, what is answered about them, what becomes of them."""

import pytest

from pileus.authn.linked_roles import DYNAMODB_INSIGHTS
from pileus.kernel import principal
from pileus.kernel.errors import AwsError
from pileus.services.cloudwatch import definitions
from pileus.services.cloudwatch.state import insight_rules as state
from pileus.services.cloudwatch.tests.conftest import LOG_GROUPS, RULE, definition

ARN = f"arn:aws:cloudwatch:us-east-1:000000000000:insight-rule/{RULE}"


async def refused(call, code: str) -> str:
    with pytest.raises(AwsError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


async def names_of(cloud, **request) -> list[str]:
    return [rule["Name"] for rule in (await cloud.cloudwatch.DescribeInsightRules(**request))["InsightRules"]]


async def test_a_rule_of_dynamodb_is_described_as_a_managed_one(cloud, dynamodb):
    text = definition("PartitionKey", "SortKey", value="ThrottleCount")
    assert await dynamodb.PutInsightRule(RuleName=RULE, RuleDefinition=text) == {}
    (rule,) = (await cloud.cloudwatch.DescribeInsightRules())["InsightRules"]
    assert rule == {
        "Name": RULE,
        "State": "ENABLED",
        "Schema": '{"Name": "ServiceLogRule", "Version": 1}',
        "Definition": text,
        "ManagedRule": True,
    }


async def test_a_rule_of_dynamodb_may_be_put_disabled(cloud, dynamodb):
    await dynamodb.PutInsightRule(RuleName=RULE, RuleDefinition=definition(), RuleState="DISABLED")
    (rule,) = (await cloud.cloudwatch.DescribeInsightRules())["InsightRules"]
    assert rule["State"] == "DISABLED"


async def test_a_rule_that_is_put_again_keeps_its_state_and_tags(cloud, dynamodb):
    await dynamodb.PutInsightRule(RuleName=RULE, RuleDefinition=definition(), RuleState="DISABLED")
    await cloud.cloudwatch.TagResource(ResourceARN=ARN, Tags=[{"Key": "a", "Value": "1"}])
    again = definition(value="ThrottleCount")
    await dynamodb.PutInsightRule(RuleName=RULE, RuleDefinition=again)
    (rule,) = (await cloud.cloudwatch.DescribeInsightRules())["InsightRules"]
    assert (rule["State"], rule["Definition"]) == ("DISABLED", again)
    assert (await cloud.cloudwatch.ListTagsForResource(ResourceARN=ARN))["Tags"] == [{"Key": "a", "Value": "1"}]


async def test_a_new_rule_has_the_tags_that_it_is_put_with_and_an_old_one_its_own(cloud):
    """By the transition: AWS's policy lets DynamoDB set no tags, and the rules of others are not here yet."""
    for tags in ({"a": "1"}, {"b": "2"}):
        key = (cloud.account, cloud.region, RULE)
        await cloud.store.write(state.put, key, definition(), is_enabled=None, tags=tags)
    assert (await cloud.cloudwatch.ListTagsForResource(ResourceARN=ARN))["Tags"] == [{"Key": "a", "Value": "1"}]


async def test_rules_are_of_their_account_and_region(cloud, rule):
    elsewhere = cloud.as_(principal.root(cloud.account), "cloudwatch", "eu-west-1")
    assert await elsewhere.DescribeInsightRules() == {"InsightRules": []}


async def test_rules_over_log_groups_are_refused_by_name(cloud):
    message = await refused(
        cloud.cloudwatch.PutInsightRule(RuleName="mine", RuleDefinition=LOG_GROUPS), "NotImplemented"
    )
    assert "cloudwatch:PutInsightRule of rules over log groups" in message


@pytest.mark.parametrize("name", [RULE, "DynamoDBContributorInsights-SKT-a-b-c-1"])
async def test_nobody_but_dynamodb_makes_rules_of_its_names(cloud, name):
    message = await refused(
        cloud.cloudwatch.PutInsightRule(RuleName=name, RuleDefinition=definition()), "InvalidParameterValue"
    )
    assert f"The insight rule {name} is a built-in rule" in message
    assert await names_of(cloud) == []


@pytest.mark.parametrize("name", ["DynamoDBContributorInsights-PKC-music", "DynamoDBContributorInsights-XYZ-music-1"])
async def test_other_names_are_not_dynamodbs(dynamodb, name):
    put = dynamodb.PutInsightRule(RuleName=name, RuleDefinition=LOG_GROUPS)
    await refused(put, "NotImplemented")
    put = dynamodb.PutInsightRule(RuleName=name, RuleDefinition=definition())
    assert "Schema.Name must be CloudWatchLogRule" in await refused(put, "InvalidParameterValue")


async def test_from_outside_nobody_is_dynamodb(cloud, dynamodb):
    """Whoever made a role of that name themselves uses it from there."""
    account = principal.root(cloud.account)
    call = cloud.pileus.call("dynamodb", principal=account, account=cloud.account, region=cloud.region)
    session = await DYNAMODB_INSIGHTS.session(call)
    put = {"RuleName": RULE, "RuleDefinition": definition()}
    call = cloud.pileus.call(
        "cloudwatch", "PutInsightRule", principal=session, account=cloud.account, region=cloud.region
    )
    call.is_of_page = True
    assert "is a built-in rule" in await refused(cloud.pileus.invoke(call, put), "InvalidParameterValue")
    await dynamodb.PutInsightRule(**put)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "It is not valid JSON."),
        ("[]", "It must be a JSON object."),
        ("{}", "Schema, Contribution with its Keys, and AggregateOn are required."),
        (LOG_GROUPS.replace('"Version": 1', '"Version": 2'), "Schema, Contribution with its Keys"),
        (LOG_GROUPS.replace('["$.ip"]', "[]"), "Keys must be 1 to 4 fields."),
        (LOG_GROUPS.replace('["$.ip"]', '["a", "b", "c", "d", "e"]'), "Keys must be 1 to 4 fields."),
        (LOG_GROUPS.replace('["$.ip"]', "[1]"), "Keys must be 1 to 4 fields."),
        (LOG_GROUPS.replace('"Count"', '"Mean"'), "AggregateOn must be Count or Sum."),
        (LOG_GROUPS.replace('"Count"', '"Sum"'), "ValueOf must be a field where AggregateOn is Sum"),
        (definition().replace('"Sum"', '"Count"'), "ValueOf must be a field where AggregateOn is Sum"),
        (definition(), "Schema.Name must be CloudWatchLogRule."),
    ],
)
async def test_a_definition_must_follow_the_syntax(cloud, text, reason):
    put = cloud.cloudwatch.PutInsightRule(RuleName="mine", RuleDefinition=text)
    assert reason in await refused(put, "InvalidParameterValue")


async def test_a_definition_has_up_to_four_keys():
    assert len(definitions.read(LOG_GROUPS.replace('["$.ip"]', '["a", "b", "c", "d"]')).keys) == 4


async def test_a_state_is_one_of_two(dynamodb):
    put = dynamodb.PutInsightRule(RuleName=RULE, RuleDefinition=definition(), RuleState="enabled")
    assert "RuleState must be ENABLED or DISABLED" in await refused(put, "InvalidParameterValue")


async def test_names_and_definitions_have_a_longest_length(dynamodb):
    name = f"DynamoDBContributorInsights-PKC-{'n' * 82}-1700000000000"
    assert len(name) == 128
    longest = definition()[:-1] + " " * (8192 - len(definition())) + "}"
    await dynamodb.PutInsightRule(RuleName=name, RuleDefinition=longest)
    put = dynamodb.PutInsightRule(RuleName=name.replace("-1700", "--1700"), RuleDefinition=longest)
    assert "at 'ruleName' failed to satisfy constraint" in await refused(put, "InvalidParameterValue")
    put = dynamodb.PutInsightRule(RuleName=name, RuleDefinition=longest + " ")
    assert "at 'ruleDefinition' failed to satisfy constraint" in await refused(put, "InvalidParameterValue")


async def test_a_parameter_that_is_missing_is_named(cloud):
    message = await refused(cloud.cloudwatch.PutInsightRule(RuleName="mine"), "MissingParameter")
    assert message == "The parameter RuleDefinition is required."


async def test_a_region_has_up_to_a_hundred_rules(cloud, dynamodb):
    for at in range(100):
        name = f"DynamoDBContributorInsights-PKC-t-{at:03}"
        await dynamodb.PutInsightRule(RuleName=name, RuleDefinition=definition())
    await refused(dynamodb.PutInsightRule(RuleName=RULE, RuleDefinition=definition()), "LimitExceededException")
    await dynamodb.PutInsightRule(RuleName=name, RuleDefinition=definition(value="ThrottleCount"))
    await dynamodb.DeleteInsightRules(RuleNames=[name])
    await dynamodb.PutInsightRule(RuleName=RULE, RuleDefinition=definition())
    assert len(await names_of(cloud)) == 100


async def test_rules_come_in_pages_by_name(cloud, dynamodb):
    names = [f"DynamoDBContributorInsights-{kind}-t-1" for kind in ("PKC", "PKT", "SKC")]
    for name in reversed(names):
        await dynamodb.PutInsightRule(RuleName=name, RuleDefinition=definition())
    first = await cloud.cloudwatch.DescribeInsightRules(MaxResults=2)
    assert [rule["Name"] for rule in first["InsightRules"]] == names[:2]
    assert await names_of(cloud, MaxResults=2, NextToken=first["NextToken"]) == names[2:]
    assert "NextToken" not in await cloud.cloudwatch.DescribeInsightRules(MaxResults=3)


async def test_a_token_must_be_one_that_was_given(cloud):
    await refused(cloud.cloudwatch.DescribeInsightRules(NextToken="mine"), "InvalidNextToken")


@pytest.mark.parametrize("most", [0, 501])
async def test_a_page_has_one_to_five_hundred_rules(cloud, most):
    await refused(cloud.cloudwatch.DescribeInsightRules(MaxResults=most), "InvalidParameterValue")
    await cloud.cloudwatch.DescribeInsightRules(MaxResults=500)


@pytest.mark.parametrize("operation", ["DeleteInsightRules", "EnableInsightRules", "DisableInsightRules"])
async def test_nothing_that_users_do_changes_a_built_in_rule(cloud, rule, operation):
    answer = await getattr(cloud.cloudwatch, operation)(RuleNames=[rule, "none"])
    assert answer["Failures"] == [
        {
            "FailureResource": rule,
            "ExceptionType": "InvalidParameterValueException",
            "FailureCode": "InvalidParameterValue",
            "FailureDescription": f"The insight rule {rule} is a built-in rule, which the service that made it alone "
            "may change.",
        },
        {
            "FailureResource": "none",
            "ExceptionType": "ResourceNotFoundException",
            "FailureCode": "ResourceNotFoundException",
            "FailureDescription": "The insight rule none does not exist.",
        },
    ]
    (there,) = (await cloud.cloudwatch.DescribeInsightRules())["InsightRules"]
    assert (there["Name"], there["State"]) == (rule, "ENABLED")


async def test_dynamodb_deletes_its_rules_and_is_told_which_were_not_there(cloud, dynamodb, rule):
    gone = RULE.replace("PKC", "PKT")
    answer = await dynamodb.DeleteInsightRules(RuleNames=[gone, rule, rule])
    assert [failure["FailureResource"] for failure in answer["Failures"]] == [gone]
    assert await names_of(cloud) == []
    again = await dynamodb.DeleteInsightRules(RuleNames=[rule])
    assert [failure["FailureResource"] for failure in again["Failures"]] == [rule]


async def test_what_a_deleted_rule_counted_is_gone(cloud, dynamodb, rule, count, report):
    await count(0, {"a": 1.0})
    await dynamodb.DeleteInsightRules(RuleNames=[rule])
    await dynamodb.PutInsightRule(RuleName=rule, RuleDefinition=definition())
    assert (await report(0, 1))["Contributors"] == []


async def test_tags_of_a_rule(cloud, rule):
    await cloud.cloudwatch.TagResource(ResourceARN=ARN, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    await cloud.cloudwatch.TagResource(ResourceARN=ARN, Tags=[{"Key": "a", "Value": "3"}])
    await cloud.cloudwatch.UntagResource(ResourceARN=ARN, TagKeys=["b", "c"])
    answer = await cloud.cloudwatch.ListTagsForResource(ResourceARN=ARN)
    assert answer["Tags"] == [{"Key": "a", "Value": "3"}]


async def test_a_rule_has_up_to_fifty_tags(cloud, rule):
    fifty = [{"Key": str(at), "Value": ""} for at in range(50)]
    await cloud.cloudwatch.TagResource(ResourceARN=ARN, Tags=fifty)
    one_more = cloud.cloudwatch.TagResource(ResourceARN=ARN, Tags=[{"Key": "50", "Value": ""}])
    assert "no more than 50 tags" in await refused(one_more, "InvalidParameterValue")


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:cloudwatch:us-east-1:000000000000:insight-rule/none", "ResourceNotFoundException"),
        ("arn:aws:cloudwatch:us-east-1:000000000000:insight-rule/", "InvalidParameterValue"),
        ("arn:aws:cloudwatch:eu-west-1:000000000000:insight-rule/none", "InvalidParameterValue"),
        ("arn:aws:sqs:us-east-1:000000000000:none", "InvalidParameterValue"),
        ("none", "InvalidParameterValue"),
    ],
)
async def test_tags_are_of_a_rule_that_is_there(cloud, arn, code):
    await refused(cloud.cloudwatch.ListTagsForResource(ResourceARN=arn), code)
    await refused(cloud.cloudwatch.TagResource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}]), code)
    await refused(cloud.cloudwatch.UntagResource(ResourceARN=arn, TagKeys=["a"]), code)


async def test_what_is_not_written_yet_answers_501(cloud):
    await refused(cloud.cloudwatch.ListMetrics(), "NotImplemented")
    await refused(cloud.cloudwatch.ListManagedInsightRules(ResourceARN="arn:aws:x:::y"), "NotImplemented")
