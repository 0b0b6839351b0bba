"""Buses, rules, targets, permissions and tags: what is kept, and what is refused."""

import json
import re
from contextlib import contextmanager

import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.kernel.principal import service
from pileus.services.events.tests.conftest import BUS_PATTERN

DAY = "rate(1 day)"


@contextmanager
def refused(code: str, words: str = ""):
    with pytest.raises(AwsError, match=re.escape(words) or None) as error:
        yield
    assert error.value.code == code


# Buses


async def test_the_default_bus_is_there_without_being_made(cloud):
    arn = f"arn:aws:events:us-east-1:{cloud.account}:event-bus/default"
    assert await cloud.events.DescribeEventBus() == {"Name": "default", "Arn": arn}
    assert (await cloud.events.ListEventBuses())["EventBuses"] == [{"Name": "default", "Arn": arn}]


async def test_a_bus_is_made_described_changed_and_deleted(cloud):
    dead = f"arn:aws:sqs:us-east-1:{cloud.account}:dead"
    made = await cloud.events.CreateEventBus(Name="shop", Description="ours", DeadLetterConfig={"Arn": dead})
    assert made == {
        "EventBusArn": f"arn:aws:events:us-east-1:{cloud.account}:event-bus/shop",
        "Description": "ours",
        "DeadLetterConfig": {"Arn": dead},
    }
    cloud.clock.advance(1000)
    await cloud.events.UpdateEventBus(Name="shop", Description="theirs")
    shown = await cloud.events.DescribeEventBus(Name=made["EventBusArn"])
    assert (shown["Description"], shown["DeadLetterConfig"]) == ("theirs", {"Arn": dead})
    assert (shown["LastModifiedTime"] - shown["CreationTime"]).total_seconds() == 1
    await cloud.events.DeleteEventBus(Name="shop")
    with refused("ResourceNotFoundException", "Event bus shop does not exist."):
        await cloud.events.DescribeEventBus(Name="shop")
    await cloud.events.DeleteEventBus(Name="shop")


async def test_buses_are_listed_by_name_page_by_page(cloud):
    for name in ("b", "a", "z"):
        await cloud.events.CreateEventBus(Name=name)
    first = await cloud.events.ListEventBuses(Limit=3)
    assert [bus["Name"] for bus in first["EventBuses"]] == ["a", "b", "default"]
    second = await cloud.events.ListEventBuses(Limit=3, NextToken=first["NextToken"])
    assert ([bus["Name"] for bus in second["EventBuses"]], "NextToken" in second) == (["z"], False)
    assert [bus["Name"] for bus in (await cloud.events.ListEventBuses(NamePrefix="de"))["EventBuses"]] == ["default"]
    with refused("ValidationException"):
        await cloud.events.ListEventBuses(NextToken="nonsense")


async def test_names_of_buses_are_unique_and_have_no_slash(cloud):
    for name, code in (("default", "ResourceAlreadyExistsException"), ("a/b", "ValidationException")):
        with refused(code):
            await cloud.events.CreateEventBus(Name=name)


async def test_a_bus_with_rules_and_the_default_bus_can_not_be_deleted(cloud):
    await cloud.events.CreateEventBus(Name="shop")
    await cloud.events.PutRule(Name="r", EventBusName="shop", EventPattern=BUS_PATTERN)
    with refused("ValidationException", "Event bus can't be deleted since it has rules."):
        await cloud.events.DeleteEventBus(Name="shop")
    with refused("ValidationException", "Cannot delete event bus default."):
        await cloud.events.DeleteEventBus(Name="default")


async def test_an_account_has_a_hundred_buses_and_no_more(cloud):
    for number in range(99):
        await cloud.events.CreateEventBus(Name=f"bus-{number}")
    with refused("LimitExceededException"):
        await cloud.events.CreateEventBus(Name="one-more")


@pytest.mark.parametrize("member", [{"KmsKeyIdentifier": "alias/k"}, {"LogConfig": {"Level": "INFO"}}])
async def test_what_buses_do_not_do_here_is_refused_by_name(cloud, member):
    with pytest.raises(NotImplementedByUs, match=next(iter(member))):
        await cloud.events.CreateEventBus(Name="b", **member)
    await cloud.events.CreateEventBus(Name="b", LogConfig={"Level": "OFF"})


# Permissions


async def policy_of(cloud, bus: str = "default") -> dict | None:
    text = (await cloud.events.DescribeEventBus(Name=bus)).get("Policy")
    return None if text is None else json.loads(text)


async def test_a_permission_is_a_statement_of_the_buss_policy(cloud):
    request = {"Action": "events:PutEvents", "Principal": "111122223333"}
    await cloud.events.PutPermission(StatementId="one", **request)
    condition = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"}
    await cloud.events.PutPermission(StatementId="two", **request | {"Principal": "*"}, Condition=condition)
    bus = f"arn:aws:events:us-east-1:{cloud.account}:event-bus/default"
    allow = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    assert (await policy_of(cloud))["Statement"] == [
        {"Sid": "one", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}} | allow,
        {"Sid": "two", "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}} | allow,
    ]
    await cloud.events.RemovePermission(StatementId="one")
    assert [each["Sid"] for each in (await policy_of(cloud))["Statement"]] == ["two"]
    with refused("ResourceNotFoundException", "Statement with the provided id does not exist."):
        await cloud.events.RemovePermission(StatementId="one")
    await cloud.events.RemovePermission(RemoveAllPermissions=True)
    assert await policy_of(cloud) is None
    with refused("ResourceNotFoundException", "EventBus does not have a policy."):
        await cloud.events.RemovePermission(StatementId="two")


async def test_a_whole_policy_replaces_the_one_before(cloud):
    await cloud.events.PutPermission(StatementId="one", Action="events:PutEvents", Principal="*")
    statement = {"Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "events:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    await cloud.events.PutPermission(Policy=json.dumps(document))
    assert await policy_of(cloud) == document


@pytest.mark.parametrize(
    "request_",
    [
        {"Policy": "{}"},
        {"StatementId": "one", "Action": "events:PutEvents"},
        {"StatementId": "one", "Principal": "*", "Action": "events:PutRule"},
    ],
)
async def test_half_a_permission_is_refused(cloud, request_):
    with refused("ValidationException"):
        await cloud.events.PutPermission(**request_)


async def test_a_policy_has_10240_characters_at_most(cloud):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "events:*", "Resource": "*", "Sid": ""}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    statement["Sid"] = "x" * (10_240 - len(json.dumps(document, separators=(",", ":"))))
    await cloud.events.PutPermission(Policy=json.dumps(document))
    statement["Sid"] += "x"
    with refused("PolicyLengthExceededException"):
        await cloud.events.PutPermission(Policy=json.dumps(document))


# Rules


async def test_a_rule_says_what_it_is(cloud):
    await cloud.events.CreateEventBus(Name="shop")
    made = await cloud.events.PutRule(
        Name="r", EventBusName="shop", EventPattern=BUS_PATTERN, Description="d", State="DISABLED"
    )
    assert made == {"RuleArn": f"arn:aws:events:us-east-1:{cloud.account}:rule/shop/r"}
    shown = {
        "Name": "r",
        "Arn": made["RuleArn"],
        "EventPattern": BUS_PATTERN,
        "State": "DISABLED",
        "Description": "d",
        "EventBusName": "shop",
    }
    assert await cloud.events.DescribeRule(Name="r", EventBusName="shop") == shown | {"CreatedBy": cloud.account}
    assert (await cloud.events.ListRules(EventBusName="shop"))["Rules"] == [shown]
    assert (await cloud.events.ListRules())["Rules"] == []


async def test_rules_of_the_default_bus_go_without_its_name(cloud, rule):
    assert rule == f"arn:aws:events:us-east-1:{cloud.account}:rule/orders"


async def test_a_rule_put_again_keeps_its_targets_and_tags_and_nothing_else(cloud, rule, listen):
    await listen(rule="orders")
    await cloud.events.TagResource(ResourceARN=rule, Tags=[{"Key": "a", "Value": "b"}])
    await cloud.events.PutRule(Name="orders", EventPattern=BUS_PATTERN, Description="d", State="DISABLED")
    await cloud.events.PutRule(Name="orders", ScheduleExpression=DAY)
    shown = await cloud.events.DescribeRule(Name="orders")
    assert (shown["State"], shown["ScheduleExpression"]) == ("ENABLED", DAY)
    assert "Description" not in shown and "EventPattern" not in shown
    assert len((await cloud.events.ListTargetsByRule(Rule="orders"))["Targets"]) == 1
    assert (await cloud.events.ListTagsForResource(ResourceARN=rule))["Tags"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({}, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        (
            {"ScheduleExpression": "rate(1 minutes)"},
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        ({"EventPattern": '{"a": "b"}'}, "InvalidEventPatternException", "Event pattern is not valid. Reason: "),
        (
            {"EventPattern": BUS_PATTERN, "EventBusName": "no"},
            "ResourceNotFoundException",
            "Event bus no does not exist.",
        ),
        ({"EventPattern": BUS_PATTERN, "RoleArn": "arn:aws:iam::111122223333:role/r"}, "AccessDenied", "Cross-account"),
        ({"EventPattern": BUS_PATTERN, "RoleArn": "role"}, "ValidationException", "RoleArn"),
        ({"EventPattern": BUS_PATTERN, "State": "ON"}, "ValidationException", "enum value set"),
    ],
)
async def test_what_is_no_rule_is_refused(cloud, request_, code, words):
    with refused(code, words):
        await cloud.events.PutRule(Name="r", **request_)


async def test_only_the_default_bus_has_schedules(cloud):
    await cloud.events.CreateEventBus(Name="shop")
    with refused("ValidationException", "ScheduleExpression is supported only on the default event bus."):
        await cloud.events.PutRule(Name="r", EventBusName="shop", ScheduleExpression=DAY)


async def test_a_bus_has_three_hundred_rules_and_no_more(cloud):
    for number in range(300):
        await cloud.events.PutRule(Name=f"rule-{number:03}", EventPattern=BUS_PATTERN)
    with refused("LimitExceededException"):
        await cloud.events.PutRule(Name="one-more", EventPattern=BUS_PATTERN)
    await cloud.events.PutRule(Name="rule-000", EventPattern=BUS_PATTERN)
    page = await cloud.events.ListRules(NamePrefix="rule-1")
    assert [len(page["Rules"]), "NextToken" in page] == [100, False]
    page = await cloud.events.ListRules()
    more = await cloud.events.ListRules(NextToken=page["NextToken"])
    assert (page["Rules"][-1]["Name"], more["Rules"][0]["Name"]) == ("rule-099", "rule-100")


async def test_a_rule_with_targets_can_not_be_deleted(cloud, rule, listen):
    await listen(rule="orders")
    with refused("ValidationException", "Rule can't be deleted since it has targets."):
        await cloud.events.DeleteRule(Name="orders")
    await cloud.events.RemoveTargets(Rule="orders", Ids=["heard"])
    await cloud.events.DeleteRule(Name="orders")
    with refused("ResourceNotFoundException", "Rule orders does not exist on EventBus default."):
        await cloud.events.DescribeRule(Name="orders")
    await cloud.events.DeleteRule(Name="orders")


async def test_rules_that_a_service_made_only_force_can_take(cloud, listen):
    queue = await listen()
    of_service = cloud.as_(service("autoscaling.amazonaws.com"), "events")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "autoscaling.amazonaws.com"},
        "Action": "events:*",
        "Resource": "*",
    }
    await cloud.events.PutPermission(Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    await of_service.PutRule(Name="managed", EventPattern=BUS_PATTERN)
    await of_service.PutTargets(Rule="managed", Targets=[{"Id": "1", "Arn": queue.arn}])
    arn = f"arn:aws:events:us-east-1:{cloud.account}:rule/managed"
    assert (await cloud.events.DescribeRule(Name="managed"))["ManagedBy"] == "autoscaling.amazonaws.com"
    for operation, request in (
        ("PutRule", {"Name": "managed", "EventPattern": BUS_PATTERN}),
        ("DisableRule", {"Name": "managed"}),
        ("PutTargets", {"Rule": "managed", "Targets": [{"Id": "1", "Arn": queue.arn}]}),
        ("RemoveTargets", {"Rule": "managed", "Ids": ["1"]}),
        ("DeleteRule", {"Name": "managed"}),
        ("TagResource", {"ResourceARN": arn, "Tags": [{"Key": "a", "Value": "b"}]}),
    ):
        with refused("ManagedRuleException"):
            await getattr(cloud.events, operation)(**request)
    await cloud.events.RemoveTargets(Rule="managed", Ids=["1"], Force=True)
    await cloud.events.DeleteRule(Name="managed", Force=True)


# Targets


async def test_targets_are_put_replaced_listed_and_removed(cloud, rule, listen):
    one, two = await listen("one", rule="orders"), await listen("two", rule="orders")
    await cloud.events.PutTargets(Rule="orders", Targets=[{"Id": "one", "Arn": one.arn, "Input": "{}"}])
    first = await cloud.events.ListTargetsByRule(Rule="orders", Limit=1)
    assert first["Targets"] == [{"Id": "one", "Arn": one.arn, "Input": "{}"}]
    rest = await cloud.events.ListTargetsByRule(Rule="orders", NextToken=first["NextToken"])
    assert rest == {"Targets": [{"Id": "two", "Arn": two.arn}]}
    assert await cloud.events.ListRuleNamesByTarget(TargetArn=two.arn) == {"RuleNames": ["orders"]}
    answer = await cloud.events.RemoveTargets(Rule="orders", Ids=["two", "three"])
    assert [answer["FailedEntryCount"], answer["FailedEntries"][0]["TargetId"]] == [1, "three"]
    assert await cloud.events.ListRuleNamesByTarget(TargetArn=two.arn) == {"RuleNames": []}


async def test_a_rule_has_five_targets_and_no_more(cloud, rule, listen):
    queue = await listen()
    targets = [{"Id": str(number), "Arn": queue.arn} for number in range(6)]
    with refused("LimitExceededException"):
        await cloud.events.PutTargets(Rule="orders", Targets=targets)
    assert (await cloud.events.ListTargetsByRule(Rule="orders"))["Targets"] == []
    await cloud.events.PutTargets(Rule="orders", Targets=targets[:5])
    with refused("LimitExceededException"):
        await cloud.events.PutTargets(Rule="orders", Targets=targets[5:])


QUEUE = "arn:aws:sqs:us-east-1:000000000000:heard"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"Arn": "queue"}, "Provided Arn is not in correct format."),
        ({"Arn": "arn:aws:s3:::bucket"}, "Provided Arn is not in correct format."),
        ({"Arn": QUEUE.replace("us-east-1", "eu-west-1")}, "Provided Arn is in another Region."),
        ({"Arn": QUEUE + ".fifo"}, "Parameter(s) SqsParameters must be specified for target: 1."),
        ({"SqsParameters": {"MessageGroupId": "g"}}, "Parameter(s) SqsParameters not valid for target: 1."),
        (
            {"KinesisParameters": {"PartitionKeyPath": "$.id"}},
            "Parameter(s) KinesisParameters not valid for target: 1.",
        ),
        ({"Input": "[" * 5000}, "Input for target 1 is not a valid JSON text."),
        ({"InputTransformer": {"InputTemplate": "[" * 5000}}, "Invalid InputTemplate for target 1"),
        ({"Input": "{"}, "Input for target 1 is not a valid JSON text."),
        ({"Input": "{}", "InputPath": "$"}, "Only one of Input, InputPath, or InputTransformer must be provided"),
        ({"InputPath": "detail"}, "InputPath for target 1 is not valid"),
        (
            {"InputTransformer": {"InputTemplate": '"<a>"'}},
            "InputTemplate for target 1 contains invalid placeholder a.",
        ),
        ({"InputTransformer": {"InputTemplate": "{"}}, "Invalid InputTemplate for target 1 : [Source: (String)"),
        ({"DeadLetterConfig": {"Arn": QUEUE + ".fifo"}}, "DeadLetterConfig.Arn is not valid"),
    ],
)
async def test_what_is_no_target_is_refused(cloud, rule, target, words):
    with refused("ValidationException", words):
        await cloud.events.PutTargets(Rule="orders", Targets=[{"Id": "1", "Arn": QUEUE, **target}])


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:ecs:us-east-1:000000000000:cluster/c",
        "arn:aws:execute-api:us-east-1:000000000000:abc/prod/POST/orders",
        "arn:aws:events:us-east-1:000000000000:api-destination/d/1",
    ],
)
async def test_a_target_of_a_service_that_is_not_here_is_refused_by_name(cloud, rule, arn):
    with pytest.raises(NotImplementedByUs, match="events:PutTargets with a target of"):
        await cloud.events.PutTargets(Rule="orders", Targets=[{"Id": "1", "Arn": arn, "RoleArn": None}])


async def test_targets_of_a_rule_that_is_not_there(cloud):
    with refused("ResourceNotFoundException", "Rule r does not exist on EventBus default."):
        await cloud.events.PutTargets(Rule="r", Targets=[{"Id": "1", "Arn": QUEUE}])


# Tags


async def test_rules_and_buses_have_tags(cloud):
    tags = [{"Key": "team", "Value": "a"}]
    bus = (await cloud.events.CreateEventBus(Name="shop", Tags=tags))["EventBusArn"]
    rule = (await cloud.events.PutRule(Name="r", EventBusName="shop", EventPattern=BUS_PATTERN, Tags=tags))["RuleArn"]
    for arn in (bus, rule):
        assert (await cloud.events.ListTagsForResource(ResourceARN=arn))["Tags"] == tags
        await cloud.events.TagResource(ResourceARN=arn, Tags=[{"Key": "stage", "Value": "b"}])
        await cloud.events.UntagResource(ResourceARN=arn, TagKeys=["team", "none"])
        assert (await cloud.events.ListTagsForResource(ResourceARN=arn))["Tags"] == [{"Key": "stage", "Value": "b"}]
    with refused("ResourceNotFoundException"):
        await cloud.events.ListTagsForResource(ResourceARN=rule + "x")
    with refused("ValidationException"):
        await cloud.events.ListTagsForResource(ResourceARN="arn:aws:sqs:us-east-1:000000000000:q")
