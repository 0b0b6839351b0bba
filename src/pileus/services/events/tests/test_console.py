"""EventBridge's pages: what they show and do is what the operations tell and did."""

import json
from datetime import UTC, datetime

import pytest

from pileus.kernel.errors import AwsError

SCRIPT = "<script>alert(1)</script>"
PATTERN = json.dumps({"source": ["shop"]})
BUS = "events/buses/default"
RULE = f"{BUS}/rules/orders"


@pytest.fixture
async def rule(cloud):
    """The ARN of a rule that is shown at RULE."""
    return (await cloud.events.PutRule(Name="orders", EventPattern=PATTERN))["RuleArn"]


@pytest.fixture
async def archive(cloud):
    """The page of an archive that has an event of the first second."""
    arn = (await cloud.events.DescribeEventBus())["Arn"]
    await cloud.events.CreateArchive(ArchiveName="kept", EventSourceArn=arn)
    await cloud.events.PutEvents(Entries=[{"Source": "shop", "DetailType": "order", "Detail": '{"n": 1}'}])
    await cloud.settle()
    return "events/archives/kept"


async def is_gone(waiting) -> bool:
    try:
        await waiting
    except AwsError as error:
        return error.code == "ResourceNotFoundException"
    return False


# Buses


async def test_a_bus_is_made_listed_and_deleted(cloud):
    await cloud.browser.post("events/buses", "create", name="shop", description="of the shop")
    assert (await cloud.events.DescribeEventBus(Name="shop"))["Description"] == "of the shop"
    listed = (await cloud.browser.get("events/buses")).text
    assert "default – –" in listed
    assert "shop of the shop – 2026-01-01 00:00:00" in listed
    assert "default" not in (await cloud.browser.get("events/buses", prefix="sh")).text
    page = "events/buses/shop/settings"
    assert "To delete shop, type its name." in (await cloud.browser.post(page, "delete", typed_name="default")).text
    assert not await is_gone(cloud.events.DescribeEventBus(Name="shop"))
    await cloud.browser.post(page, "delete", typed_name="shop")
    assert await is_gone(cloud.events.DescribeEventBus(Name="shop"))


async def test_a_bus_that_is_refused_is_not_made(cloud):
    seen = await cloud.browser.post("events/buses", "create", name="a b")
    assert (seen.status, "ValidationException" in seen.text, 'value="a b"' in seen.html) == (400, True, True)
    assert len((await cloud.events.ListEventBuses())["EventBuses"]) == 1


async def test_a_page_of_buses_leads_to_the_next(cloud):
    for at in range(52):
        await cloud.events.CreateEventBus(Name=f"bus-{at:02}")
    first = await cloud.browser.get("events/buses", prefix="bus")
    second = await cloud.browser.follow(first, "from=")
    assert ("bus-49" in first.text, "bus-50" in first.text) == (True, False)
    assert ("bus-49" in second.text, "bus-51" in second.text) == (False, True)


async def test_a_bus_has_settings(cloud):
    await cloud.events.CreateEventBus(Name="shop")
    page = "events/buses/shop/settings"
    queue = f"arn:aws:sqs:us-east-1:{cloud.account}:dead"
    await cloud.browser.post(page, "update", description="new", dead_letters=queue)
    bus = await cloud.events.DescribeEventBus(Name="shop")
    assert (bus["Description"], bus["DeadLetterConfig"]) == ("new", {"Arn": queue})
    assert f'value="{queue}"' in (await cloud.browser.get(page)).html
    await cloud.browser.post(page, "update", description="", dead_letters="")
    assert not {"Description", "DeadLetterConfig"} & set(await cloud.events.DescribeEventBus(Name="shop"))
    statement = {"Sid": "a", "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": bus["Arn"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await cloud.browser.post(page, "policy", policy=policy)
    assert json.loads((await cloud.events.DescribeEventBus(Name="shop"))["Policy"])["Statement"] == [statement]
    assert "events:PutEvents" in (await cloud.browser.get(page)).text
    seen = await cloud.browser.post(page, "policy", policy="{")
    assert (seen.status, "Parameter Policy is not valid" in seen.text) == (400, True)
    await cloud.browser.post(page, "policy", policy="")
    assert "Policy" not in await cloud.events.DescribeEventBus(Name="shop")


# Rules


async def test_rules_are_made_and_listed(cloud):
    await cloud.browser.post(BUS, "create", name="orders", pattern=PATTERN, description="all orders")
    made = await cloud.events.DescribeRule(Name="orders")
    assert (made["EventPattern"], made["Description"]) == (PATTERN, "all orders")
    await cloud.browser.post(BUS, "create", name="often", pattern="", schedule="rate(5 minutes)")
    assert "ScheduleExpression" in await cloud.events.DescribeRule(Name="often")
    seen = (await cloud.browser.get(BUS)).text
    assert f"orders ENABLED {PATTERN} all orders" in seen
    assert "often ENABLED rate(5 minutes)" in seen
    assert "often" not in (await cloud.browser.get(BUS, prefix="ord")).text


async def test_a_rule_of_the_same_name_is_not_replaced_by_a_new_one(cloud, rule):
    seen = await cloud.browser.post(BUS, "create", name="orders", pattern="", schedule="rate(1 minute)")
    assert "There is a rule orders on this bus already." in seen.text
    assert (await cloud.events.DescribeRule(Name="orders"))["EventPattern"] == PATTERN


async def test_a_rule_that_is_refused_is_not_made(cloud):
    seen = await cloud.browser.post(BUS, "create", name="orders", pattern='{"source": "shop"}')
    assert (seen.status, "InvalidEventPatternException" in seen.text) == (400, True)
    assert (await cloud.events.ListRules())["Rules"] == []


async def test_a_page_of_rules_leads_to_the_next(cloud):
    for at in range(52):
        await cloud.events.PutRule(Name=f"rule-{at:02}", EventPattern=PATTERN)
    first = await cloud.browser.get(BUS)
    second = await cloud.browser.follow(first, "from=")
    assert ("rule-49" in first.text, "rule-50" in first.text) == (True, False)
    assert ("rule-49" in second.text, "rule-51" in second.text) == (False, True)


async def test_a_changed_rule_keeps_its_state_and_role(cloud, rule):
    role = f"arn:aws:iam::{cloud.account}:role/runs"
    await cloud.events.PutRule(Name="orders", EventPattern=PATTERN, RoleArn=role, State="DISABLED")
    changed = json.dumps({"source": ["shop", "till"]})
    await cloud.browser.post(RULE, "update", pattern=changed, description="both", schedule="")
    got = await cloud.events.DescribeRule(Name="orders")
    assert (got["EventPattern"], got["Description"], got["State"], got["RoleArn"]) == (
        changed,
        "both",
        "DISABLED",
        role,
    )
    seen = await cloud.browser.post(RULE, "update", pattern="{", description="no")
    assert ("InvalidEventPatternException" in seen.text, 'value="no"' in seen.html) == (True, True)
    assert await cloud.events.DescribeRule(Name="orders") == got


async def test_a_rule_is_disabled_and_enabled(cloud, rule):
    await cloud.browser.post(RULE, "disable")
    assert (await cloud.events.DescribeRule(Name="orders"))["State"] == "DISABLED"
    assert "orders DISABLED Rule Enable" in (await cloud.browser.get(RULE)).text
    await cloud.browser.post(RULE, "enable")
    assert (await cloud.events.DescribeRule(Name="orders"))["State"] == "ENABLED"


async def test_targets_are_set_changed_and_removed(cloud, rule, listen):
    queue = await listen("heard")
    await cloud.browser.post(RULE, "put-target", id="q", arn=queue.arn, more='{"InputPath": "$.detail"}')
    (target,) = (await cloud.events.ListTargetsByRule(Rule="orders"))["Targets"]
    assert target == {"Id": "q", "Arn": queue.arn, "InputPath": "$.detail"}
    page = await cloud.browser.get(RULE)
    assert f"q {queue.arn} – $.detail Remove" in page.text
    opened = await cloud.browser.follow(page, "target=q")
    assert ('value="q"' in opened.html, '"InputPath": "$.detail"' in opened.text) == (True, True)
    await cloud.browser.post(RULE, "put-target", id="q", arn=queue.arn, more='{"Input": "{}"}')
    (target,) = (await cloud.events.ListTargetsByRule(Rule="orders"))["Targets"]
    assert target == {"Id": "q", "Arn": queue.arn, "Input": "{}"}
    await cloud.browser.post(RULE, "remove-target", id="q")
    assert (await cloud.events.ListTargetsByRule(Rule="orders"))["Targets"] == []
    assert "ResourceNotFoundException" in (await cloud.browser.post(RULE, "remove-target", id="q")).text


@pytest.mark.parametrize(
    ("arn", "more", "why"),
    [
        ("nowhere", "", "Provided Arn is not in correct format"),
        ("arn:aws:sqs:us-east-1:000000000000:q", "{", "That is no JSON"),
        ("arn:aws:sqs:us-east-1:000000000000:q", "[]", "is an object"),
        ("arn:aws:sqs:us-east-1:000000000000:q", '{"RetryPolicy": 5}', "Exception"),
        ("arn:aws:sqs:us-east-1:000000000000:q", '{"Input": {"a": 1}}', "Exception"),
        ("arn:aws:sqs:us-east-1:000000000000:q", '{"InputPath": "$.a", "Input": "{}"}', "Only one of Input"),
        ("arn:aws:sqs:us-east-1:000000000000:q.fifo", "", "SqsParameters must be specified"),
    ],
)
async def test_what_is_no_target_is_refused(cloud, rule, arn, more, why):
    seen = await cloud.browser.post(RULE, "put-target", id="q", arn=arn, more=more)
    assert (seen.status, why in seen.text, f'value="{arn}"' in seen.html) == (400, True, True)
    assert (await cloud.events.ListTargetsByRule(Rule="orders"))["Targets"] == []


async def test_a_rule_is_deleted_by_its_name_when_it_has_no_target(cloud, rule, listen):
    await listen("heard", rule="orders")
    assert "To delete orders, type its name." in (await cloud.browser.post(RULE, "delete", typed_name="order")).text
    seen = await cloud.browser.post(RULE, "delete", typed_name="orders")
    assert (seen.status, "has targets" in seen.text) == (400, True)
    await cloud.browser.post(RULE, "remove-target", id="heard")
    await cloud.browser.post(RULE, "delete", typed_name="orders")
    assert await is_gone(cloud.events.DescribeRule(Name="orders"))


@pytest.mark.parametrize("page", [RULE, f"{BUS}/settings"])
async def test_tags(cloud, rule, page):
    arn = rule if page == RULE else (await cloud.events.DescribeEventBus())["Arn"]
    refused = await cloud.browser.post(page, "tag", key="aws:team", value="core")
    assert refused.status == 400  # such tags are the cloud's own
    await cloud.browser.post(page, "tag", key="team", value="core")
    assert (await cloud.events.ListTagsForResource(ResourceARN=arn))["Tags"] == [{"Key": "team", "Value": "core"}]
    assert "team core Remove" in (await cloud.browser.get(page)).text
    await cloud.browser.post(page, "untag", key="team")
    assert (await cloud.events.ListTagsForResource(ResourceARN=arn))["Tags"] == []


async def test_what_was_written_is_shown_as_text(cloud, listen):
    pattern = json.dumps({"source": [SCRIPT]})
    await cloud.events.PutRule(Name="orders", EventPattern=pattern, Description=SCRIPT)
    await listen("heard", rule="orders", Input=json.dumps(SCRIPT))
    bus = await cloud.events.DescribeEventBus()
    await cloud.events.CreateArchive(
        ArchiveName="kept", EventSourceArn=bus["Arn"], EventPattern=pattern, Description=SCRIPT
    )
    for page in (BUS, RULE, "events/archives/kept"):
        seen = await cloud.browser.get(page)
        assert (SCRIPT in seen.html, "&lt;script&gt;alert(1)&lt;/script&gt;" in seen.html) == (False, True), page
    sent = await cloud.browser.post("events/send", "send", source=SCRIPT, detail_type="a", detail="no")
    assert (SCRIPT in sent.html, "&lt;script&gt;" in sent.html) == (False, True)


# Events


async def test_an_event_is_sent(cloud, rule, listen):
    queue = await listen("heard", rule="orders")
    form = {"bus": "", "source": "shop", "detail_type": "order", "detail": '{"n": 1}', "resources": "a:1\r\nb:2"}
    seen = await cloud.browser.post("events/send", "send", **form)
    (event,) = await queue.heard()
    assert (event["detail"], event["detail-type"], event["resources"]) == ({"n": 1}, "order", ["a:1", "b:2"])
    assert f"The event {event['id']} is accepted." in seen.text
    assert 'value="shop"' in seen.html


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"source": "shop", "detail": "no"}, "MalformedDetail Detail is malformed."),
        ({"source": "aws.s3", "detail": "{}"}, "NotAuthorizedForSourceException"),
        ({"source": "", "detail": "{}"}, "Source is a required argument"),
    ],
)
async def test_an_event_that_failed_says_why(cloud, rule, listen, form, why):
    queue = await listen("heard", rule="orders")
    seen = await cloud.browser.post("events/send", "send", detail_type="order", **form)
    assert (seen.status, why in seen.text, "is accepted" in seen.text) == (400, True, False)
    assert 'value="order"' in seen.html
    assert await queue.heard() == []


async def test_a_pattern_is_tried(cloud, rule):
    page = await cloud.browser.follow(await cloud.browser.get(RULE), "/pattern?")
    assert '"shop"' in page.text
    event = {
        "id": "1",
        "account": "1",
        "source": "shop",
        "time": "2026-01-01T00:00:00Z",
        "region": "r",
        "resources": [],
        "detail-type": "t",
    }
    seen = await cloud.browser.post("events/pattern", "try", pattern=PATTERN, event=json.dumps(event))
    assert "The pattern matches the event." in seen.text
    seen = await cloud.browser.post("events/pattern", "try", pattern='{"source": ["till"]}', event=json.dumps(event))
    assert ("The pattern doesn't match the event." in seen.text, '"till"' in seen.text) == (True, True)
    seen = await cloud.browser.post("events/pattern", "try", pattern=PATTERN, event="{}")
    assert (seen.status, "id is a required argument" in seen.text) == (400, True)


# Archives and replays


async def test_an_archive_is_made_changed_and_deleted(cloud):
    made = {"bus": "", "days": "7", "pattern": PATTERN, "description": "orders"}
    await cloud.browser.post("events/archives", "create", name="kept", **made)
    got = await cloud.events.DescribeArchive(ArchiveName="kept")
    assert (got["RetentionDays"], got["EventPattern"], got["Description"]) == (7, PATTERN, "orders")
    assert f"kept ENABLED {got['EventSourceArn']} 7 days 0 0 B" in (await cloud.browser.get("events/archives")).text
    page = "events/archives/kept"
    await cloud.browser.post(page, "update", days="", pattern="", description="")
    got = await cloud.events.DescribeArchive(ArchiveName="kept")
    assert (got["RetentionDays"], "EventPattern" in got, "Description" in got) == (0, False, False)
    seen = await cloud.browser.post(page, "update", days="many", pattern="", description="")
    assert "The retention in days must be a whole number." in seen.text
    assert "To delete kept, type its name." in (await cloud.browser.post(page, "delete", typed_name="")).text
    assert not await is_gone(cloud.events.DescribeArchive(ArchiveName="kept"))
    await cloud.browser.post(page, "delete", typed_name="kept")
    assert await is_gone(cloud.events.DescribeArchive(ArchiveName="kept"))


async def test_an_archive_that_is_refused_is_not_made(cloud):
    seen = await cloud.browser.post("events/archives", "create", name="kept", bus="none")
    assert "Event bus none does not exist." in seen.text
    seen = await cloud.browser.post("events/archives", "create", name="kept", pattern="{")
    assert "InvalidEventPatternException" in seen.text
    assert (await cloud.events.ListArchives())["Archives"] == []


async def test_pages_of_archives_and_replays_lead_to_the_next(cloud, archive):
    arn = (await cloud.events.DescribeEventBus())["Arn"]
    kept = (await cloud.events.DescribeArchive(ArchiveName="kept"))["ArchiveArn"]
    span = {"EventStartTime": datetime(2026, 1, 1, tzinfo=UTC), "EventEndTime": datetime(2026, 1, 2, tzinfo=UTC)}
    for at in range(52):
        await cloud.events.CreateArchive(ArchiveName=f"made-{at:02}", EventSourceArn=arn)
        await cloud.events.StartReplay(
            ReplayName=f"made-{at:02}", EventSourceArn=kept, Destination={"Arn": arn}, **span
        )
        await cloud.settle()
    for page in ("events/archives", "events/replays"):
        first = await cloud.browser.get(page, prefix="made")
        second = await cloud.browser.follow(first, "from=")
        assert ("made-49" in first.text, "made-50" in first.text) == (True, False), page
        assert ("made-49" in second.text, "made-51" in second.text) == (False, True), page


async def test_an_archive_is_replayed(cloud, archive, rule, listen):
    queue = await listen("heard", rule="orders")
    form = {"name": "again", "start": "2026-01-01 00:00:00", "end": "2026-01-01 00:01:00", "rules": rule}
    seen = await cloud.browser.post(archive, "replay", **form)
    assert "The replay again has begun." in seen.text
    assert seen.headers["refresh"] == "3"
    (event,) = await queue.heard()
    assert (event["detail"], event["replay-name"]) == ({"n": 1}, "again")
    replay = await cloud.events.DescribeReplay(ReplayName="again")
    assert (replay["State"], replay["Destination"]["FilterArns"]) == ("COMPLETED", [rule])
    seen = await cloud.browser.get("events/replays/again")
    assert ("again COMPLETED" in seen.text, rule in seen.text, "refresh" in seen.headers) == (True, True, False)
    assert "again COMPLETED kept 2026-01-01 00:00:00" in (await cloud.browser.get("events/replays")).text


async def test_a_replay_that_is_refused_does_not_begin(cloud, archive):
    form = {"name": "again", "start": "2026-01-01 00:00:00"}
    assert "Write the time as" in (await cloud.browser.post(archive, "replay", end="later", **form)).text
    seen = await cloud.browser.post(archive, "replay", end="2025-01-01 00:00:00", **form)
    assert "EventStartTime must be before EventEndTime" in seen.text
    assert (await cloud.events.ListReplays())["Replays"] == []


async def test_a_replay_is_cancelled(cloud, archive):
    form = {"name": "again", "start": "2026-01-01 00:00:00", "end": "2026-01-01 00:01:00"}
    await cloud.browser.post(archive, "replay", **form)
    await cloud.browser.post("events/replays/again", "cancel")
    await cloud.settle()
    assert (await cloud.events.DescribeReplay(ReplayName="again"))["State"] == "CANCELLED"
    seen = await cloud.browser.post("events/replays/again", "cancel")
    assert "IllegalStatusException" in seen.text


# Who may


async def test_who_may_not_is_told_so(cloud, rule):
    await cloud.visit_as("ann", "events:DescribeRule", "events:ListTargetsByRule", "events:ListTagsForResource")
    seen = await cloud.browser.post(RULE, "disable")
    assert seen.status == 403
    assert "ann is not authorized to perform: events:DisableRule" in seen.text
    assert (await cloud.events.DescribeRule(Name="orders"))["State"] == "ENABLED"
    assert "is not authorized to perform: events:ListRules" in (await cloud.browser.get(BUS)).text
    assert "is not authorized to perform: events:ListEventBuses" in (await cloud.browser.get("events/buses")).text
