"""Who may do what: condition keys, roles passed on, policies of buses."""

import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root, user
from pileus.services.events.tests.conftest import BUS_PATTERN

QUEUE = "arn:aws:sqs:us-east-1:000000000000:heard"
ROLE = "arn:aws:iam::000000000000:role/sends"
GOOD = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}


@pytest.fixture
async def person(cloud):
    """A user, and what allows: `await person.may(…)`."""

    class Person:
        async def may(self, action, resource="*", **condition):
            allow = {"Effect": "Allow", "Action": action, "Resource": resource}
            document = {"Version": "2012-10-17", "Statement": [allow | ({"Condition": condition} if condition else {})]}
            await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps(document))

    made = (await cloud.iam.CreateUser(UserName="ann"))["User"]
    Person.events = cloud.as_(user(cloud.account, "ann", made["UserId"]), "events")
    return Person()


async def denied(operation) -> bool:
    try:
        await operation
    except AwsError as error:
        if "not authorized to perform" not in error.message:
            raise
        return True
    return False


async def test_events_source_and_detail_type_are_asked_of_each_entry(person):
    await person.may(
        "events:PutEvents", StringEquals={"events:source": "shop", "events:detail-type": ["Order", "Refund"]}
    )
    put = person.events.PutEvents
    assert not await denied(put(Entries=[GOOD, GOOD | {"DetailType": "Refund"}]))
    assert await denied(put(Entries=[GOOD, GOOD | {"Source": "stock"}]))
    assert await denied(put(Entries=[GOOD, GOOD | {"DetailType": "Stock"}]))


async def test_one_bus_may_be_allowed_and_another_not(cloud, person):
    bus = (await cloud.events.CreateEventBus(Name="shop"))["EventBusArn"]
    await person.may("events:PutEvents", bus)
    assert not await denied(person.events.PutEvents(Entries=[GOOD | {"EventBusName": "shop"}]))
    assert await denied(person.events.PutEvents(Entries=[GOOD]))


async def test_a_rules_pattern_can_be_limited_to_a_source(person):
    await person.may("events:PutRule", StringEquals={"events:source": "shop"})
    assert not await denied(person.events.PutRule(Name="r", EventPattern=BUS_PATTERN))
    assert await denied(person.events.PutRule(Name="r", EventPattern='{"source": ["stock"]}'))
    assert await denied(person.events.PutRule(Name="r", EventPattern='{"detail": {"a": [1]}}'))


async def test_events_target_arn_holds_for_every_target(person, rule, listen):
    queue, other = await listen("heard"), await listen("other")
    await person.may("events:PutTargets", ArnEquals={"events:TargetArn": queue.arn})
    allowed, extra = {"Id": "1", "Arn": queue.arn}, {"Id": "2", "Arn": other.arn}
    assert not await denied(person.events.PutTargets(Rule="orders", Targets=[allowed]))
    assert await denied(person.events.PutTargets(Rule="orders", Targets=[allowed, extra]))


async def test_a_role_must_be_passed_on(cloud, person, rule, listen):
    await listen()
    target = [{"Id": "1", "Arn": QUEUE, "RoleArn": ROLE}]
    await person.may("events:PutTargets")
    with pytest.raises(AwsError, match="iam:PassRole on resource: " + ROLE):
        await person.events.PutTargets(Rule="orders", Targets=target)
    await person.may(
        ["events:PutTargets", "iam:PassRole"],
        StringEqualsIfExists={"iam:PassedToService": "events.amazonaws.com"},
    )
    assert not await denied(person.events.PutTargets(Rule="orders", Targets=target))


async def test_tagging_takes_a_permission_of_its_own(person):
    tags = [{"Key": "team", "Value": "a"}]
    await person.may("events:CreateEventBus")
    assert await denied(person.events.CreateEventBus(Name="b", Tags=tags))
    await person.may("events:*", StringEquals={"aws:RequestTag/team": "a"})
    assert not await denied(person.events.CreateEventBus(Name="b", Tags=tags))


async def test_a_rules_creator_can_be_asked_for(cloud, person, rule):
    await person.may("events:DescribeRule", StringEquals={"events:creatorAccount": "111122223333"})
    assert await denied(person.events.DescribeRule(Name="orders"))
    await person.may("events:DescribeRule", StringEquals={"events:creatorAccount": cloud.account})
    assert not await denied(person.events.DescribeRule(Name="orders"))


async def test_another_account_needs_the_buss_policy_for_events_and_for_rules(cloud):
    theirs = cloud.as_(root("111122223333"), "events")
    bus = f"arn:aws:events:us-east-1:{cloud.account}:event-bus/default"
    put = {"Name": "theirs", "EventBusName": bus, "EventPattern": BUS_PATTERN}
    assert await denied(theirs.PutEvents(Entries=[GOOD | {"EventBusName": bus}]))
    assert await denied(theirs.PutRule(**put))
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": ["events:PutEvents", "events:PutRule"],
        "Resource": [bus, f"arn:aws:events:us-east-1:{cloud.account}:rule/*"],
    }
    await cloud.events.PutPermission(Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert not await denied(theirs.PutEvents(Entries=[GOOD | {"EventBusName": bus}]))
    assert not await denied(theirs.PutRule(**put))
    shown = await cloud.events.DescribeRule(Name="theirs")
    assert (shown["Arn"].split(":")[4], shown["CreatedBy"]) == (cloud.account, "111122223333")
