"""Events: what is accepted, what is refused, and what a rule's targets hear."""

import json
from datetime import UTC, datetime

import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.kernel.principal import service
from pileus.services.events.state import publishing


async def test_a_matching_event_reaches_the_target_whole(cloud, rule, listen, send):
    queue = await listen(rule="orders")
    answer = await send({"total": 12.50}, Resources=["arn:aws:s3:::shop"])
    assert await queue.heard() == [
        {
            "version": "0",
            "id": answer["EventId"],
            "detail-type": "Order",
            "source": "shop",
            "account": cloud.account,
            "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": ["arn:aws:s3:::shop"],
            "detail": {"total": 12.50},
        }
    ]


async def test_an_event_that_does_not_match_reaches_nobody(cloud, rule, listen, send):
    queue = await listen(rule="orders")
    assert "EventId" in await send(source="stock")
    assert await queue.heard() == []


async def test_the_senders_time_counts_where_it_is_given(rule, listen, send):
    queue = await listen(rule="orders")
    await send(Time=datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert (await queue.heard())[0]["time"] == "2020-02-03T04:05:06Z"


async def test_a_disabled_rule_matches_nothing_until_it_is_enabled(cloud, rule, listen, send):
    queue = await listen(rule="orders")
    await cloud.events.DisableRule(Name="orders")
    await send()
    assert await queue.heard() == []
    await cloud.events.EnableRule(Name="orders")
    await send()
    assert len(await queue.heard()) == 1


async def test_every_target_of_every_matching_rule_gets_the_event(cloud, rule, listen, send):
    first, second = await listen("first", rule="orders"), await listen("second", rule="orders")
    await cloud.events.PutRule(Name="all", EventPattern=json.dumps({"account": [cloud.account]}))
    third = await listen("third", rule="all")
    await send()
    assert [len(await queue.heard()) for queue in (first, second, third)] == [1, 1, 1]


async def test_buses_hear_only_what_is_sent_to_them(cloud, rule, listen, send):
    bus = await cloud.events.CreateEventBus(Name="own")
    await cloud.events.PutRule(Name="orders", EventBusName="own", EventPattern=json.dumps({"source": ["shop"]}))
    default, own = await listen("default", rule="orders"), await listen("own", rule="orders", bus="own")
    await send({"to": "default"})
    await send({"to": "own, by name"}, EventBusName="own")
    await send({"to": "own, by ARN"}, EventBusName=bus["EventBusArn"])
    assert [event["detail"]["to"] for event in await default.heard()] == ["default"]
    assert {event["detail"]["to"] for event in await own.heard()} == {"own, by name", "own, by ARN"}


async def test_an_event_for_a_bus_that_is_not_there_is_accepted_and_heard_by_nobody(send):
    assert "EventId" in await send(EventBusName="nowhere")


async def entries(cloud, *given: dict) -> dict:
    return await cloud.events.PutEvents(Entries=list(given))


GOOD = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}


async def test_each_entry_is_answered_in_its_place(cloud, rule, listen):
    queue = await listen(rule="orders")
    answer = await entries(
        cloud, GOOD, GOOD | {"Detail": "{"}, GOOD | {"Source": "aws.s3"}, GOOD | {"Detail": "[]"}, GOOD
    )
    assert answer["FailedEntryCount"] == 3
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None,
        "MalformedDetail",
        "NotAuthorizedForSourceException",
        "MalformedDetail",
        None,
    ]
    assert [event["id"] for event in await queue.heard()] == [
        entry["EventId"] for entry in answer["Entries"] if "EventId" in entry
    ]


@pytest.mark.parametrize("member", ["Source", "DetailType", "Detail"])
async def test_an_entry_without_what_is_required_fails_and_a_request_of_only_such_fails_whole(cloud, member):
    bad = {name: value for name, value in GOOD.items() if name != member}
    text = f"Parameter {member} is not valid. Reason: {member} is a required argument."
    answer = await entries(cloud, GOOD, bad)
    assert answer["Entries"][1] == {"ErrorCode": "InvalidArgument", "ErrorMessage": text}
    with pytest.raises(AwsError, match="is a required argument") as refused:
        await entries(cloud, bad, bad)
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize(("depth", "code"), [(150, None), (300, "MalformedDetail")])
async def test_detail_can_be_nested_so_deeply_and_no_deeper(send, rule, listen, depth, code):
    queue = await listen(rule="orders")
    answer = await send('{"a":' * depth + "1" + "}" * depth)
    assert answer.get("ErrorCode") == code
    assert len(await queue.heard()) == (code is None)


async def test_all_entries_together_may_have_one_mebibyte(cloud):
    fixed = len("shop") + len("Order") + len('{"a":""}')
    full = GOOD | {"Detail": json.dumps({"a": "x" * (1_048_576 - fixed)}, separators=(",", ":"))}
    assert (await entries(cloud, full))["FailedEntryCount"] == 0
    with pytest.raises(AwsError, match="Total size of the entries in the request is over the limit"):
        await entries(cloud, full | {"Resources": ["x"]})


async def test_ten_entries_go_in_one_request_and_eleven_do_not(cloud):
    assert (await entries(cloud, *[GOOD] * 10))["FailedEntryCount"] == 0
    with pytest.raises(AwsError, match="Member must have length less than or equal to 10"):
        await entries(cloud, *[GOOD] * 11)


async def test_services_of_aws_speak_of_aws_on_the_default_bus_without_asking(cloud, listen):
    await cloud.events.PutRule(Name="s3", EventPattern=json.dumps({"source": ["aws.s3"]}))
    queue = await listen(rule="s3")
    s3 = cloud.as_(service("s3.amazonaws.com"), "events")
    await s3.PutEvents(Entries=[GOOD | {"Source": "aws.s3"}])
    assert len(await queue.heard()) == 1
    with pytest.raises(AwsError, match="not authorized to perform: events:PutEvents"):
        await s3.PutEvents(Entries=[GOOD])


async def test_endpoints_are_not_there(cloud):
    with pytest.raises(NotImplementedByUs, match="EndpointId"):
        await cloud.events.PutEvents(EndpointId="abcde.veo", Entries=[GOOD])


async def test_a_large_event_of_many_rules_goes_on_in_further_transactions(cloud, listen, send, monkeypatch):
    monkeypatch.setattr(publishing, "TRANSACTION_BYTES", 2_000)
    for number in range(7):
        await cloud.events.PutRule(Name=f"rule-{number}", EventPattern=json.dumps({"source": ["shop"]}))
    queue = await listen()
    for number in range(7):
        await cloud.events.PutTargets(Rule=f"rule-{number}", Targets=[{"Id": "1", "Arn": queue.arn}])
    sizes: list[int] = []
    cloud.store.on_commit.append(lambda tx: sizes.append(sum(event.kind == publishing.DELIVER for event in tx.emitted)))
    await send({"text": "x" * 900})
    assert len(await queue.heard()) == 7
    assert [size for size in sizes if size] == [2, 2, 2, 1]


@pytest.mark.parametrize(("pattern", "result"), [({"detail": {"a": [1]}}, True), ({"detail": {"a": [2]}}, False)])
async def test_a_pattern_can_be_tried(cloud, pattern, result):
    event = {"id": "1", "account": "1", "source": "s", "time": "t", "region": "r", "resources": [], "detail-type": "d"}
    answer = await cloud.events.TestEventPattern(
        EventPattern=json.dumps(pattern), Event=json.dumps(event | {"detail": {"a": 1}})
    )
    assert answer == {"Result": result}


async def test_what_is_no_pattern_or_no_event_can_not_be_tried(cloud):
    with pytest.raises(AwsError, match="Event pattern is not valid") as refused:
        await cloud.events.TestEventPattern(EventPattern='{"a": "b"}', Event="{}")
    assert refused.value.code == "InvalidEventPatternException"
    with pytest.raises(AwsError, match="Parameter Event is not valid"):
        await cloud.events.TestEventPattern(EventPattern='{"a": ["b"]}', Event='{"id": "1"}')
