"""Archives and replays: what is kept, for how long, and what is sent again."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.services.events.state import archives, replays
from pileus.services.events.tests.conftest import BUS_PATTERN

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000


@pytest.fixture
def bus(cloud) -> str:
    return f"arn:aws:events:us-east-1:{cloud.account}:event-bus/default"


@pytest.fixture
async def archive(cloud, bus) -> str:
    """The ARN of an archive of the shop's events."""
    made = await cloud.events.CreateArchive(ArchiveName="kept", EventSourceArn=bus, EventPattern=BUS_PATTERN)
    return made["ArchiveArn"]


@pytest.fixture
def replay(cloud, bus, archive):
    async def replay(name: str = "again", minutes: tuple[int, int] = (0, 60), **more) -> dict:
        return await cloud.events.StartReplay(
            ReplayName=name,
            EventSourceArn=archive,
            EventStartTime=START + timedelta(minutes=minutes[0]),
            EventEndTime=START + timedelta(minutes=minutes[1]),
            Destination={"Arn": bus, **more},
        )

    return replay


async def count(cloud) -> int:
    return (await cloud.events.DescribeArchive(ArchiveName="kept"))["EventCount"]


async def test_an_archive_keeps_what_its_pattern_wants(cloud, archive, bus, send):
    await send({"n": 1})
    await send(source="stock")
    shown = await cloud.events.DescribeArchive(ArchiveName="kept")
    assert (shown["EventCount"], shown["SizeBytes"] > 100, shown["RetentionDays"]) == (1, True, 0)
    assert (shown["ArchiveArn"], shown["EventSourceArn"], shown["EventPattern"]) == (archive, bus, BUS_PATTERN)
    assert archive == f"arn:aws:events:us-east-1:{cloud.account}:archive/kept"


async def test_archives_are_made_changed_listed_and_deleted(cloud, archive, bus):
    with pytest.raises(AwsError, match="Archive kept already exists"):
        await cloud.events.CreateArchive(ArchiveName="kept", EventSourceArn=bus)
    await cloud.events.UpdateArchive(ArchiveName="kept", RetentionDays=3, Description="d")
    shown = await cloud.events.DescribeArchive(ArchiveName="kept")
    assert (shown["RetentionDays"], shown["Description"], shown["EventPattern"]) == (3, "d", BUS_PATTERN)
    await cloud.events.CreateArchive(ArchiveName="other", EventSourceArn=bus)
    first = await cloud.events.ListArchives(Limit=1)
    second = await cloud.events.ListArchives(NextToken=first["NextToken"])
    names = [page["Archives"][0]["ArchiveName"] for page in (first, second)]
    assert (names, "NextToken" in second) == (["kept", "other"], False)
    assert len((await cloud.events.ListArchives(EventSourceArn=bus))["Archives"]) == 2
    assert (await cloud.events.ListArchives(EventSourceArn=bus + "x"))["Archives"] == []
    await cloud.events.DeleteArchive(ArchiveName="kept")
    with pytest.raises(AwsError, match="Archive kept does not exist"):
        await cloud.events.DescribeArchive(ArchiveName="kept")


async def test_an_archive_needs_a_bus_and_takes_no_key(cloud, bus):
    with pytest.raises(AwsError, match="Event bus no does not exist"):
        await cloud.events.CreateArchive(ArchiveName="a", EventSourceArn=bus.replace("default", "no"))
    with pytest.raises(NotImplementedByUs, match="KmsKeyIdentifier"):
        await cloud.events.CreateArchive(ArchiveName="a", EventSourceArn=bus, KmsKeyIdentifier="alias/k")


async def test_a_successor_of_the_same_name_begins_empty(cloud, archive, bus, send):
    await send()
    await cloud.events.DeleteArchive(ArchiveName="kept")
    await cloud.events.CreateArchive(ArchiveName="kept", EventSourceArn=bus)
    assert await count(cloud) == 0


async def test_events_go_when_they_are_older_than_the_archive_keeps(cloud, archive, send, monkeypatch):
    monkeypatch.setattr(archives, "EXPIRED_AT_ONCE", 2)
    await cloud.events.UpdateArchive(ArchiveName="kept", RetentionDays=2)
    for _ in range(5):
        await send(Time=START - timedelta(days=30))  # it is how long it was kept that counts
    await cloud.advance(DAY_MS)
    await send()
    await cloud.advance(DAY_MS - 1)
    assert await count(cloud) == 6
    await cloud.advance(1)
    assert await count(cloud) == 1
    await cloud.advance(DAY_MS)
    shown = await cloud.events.DescribeArchive(ArchiveName="kept")
    assert (shown["EventCount"], shown["SizeBytes"]) == (0, 0)


async def test_a_shorter_retention_holds_for_what_is_there(cloud, archive, send):
    await send()
    await cloud.advance(3 * DAY_MS)
    assert await count(cloud) == 1
    await cloud.events.UpdateArchive(ArchiveName="kept", RetentionDays=2)
    await cloud.settle()
    assert await count(cloud) == 0


async def test_a_replay_sends_the_events_of_its_span_again(cloud, archive, replay, rule, listen, send):
    for minute in (0, 10, 20):
        await send({"minute": minute}, Time=START + timedelta(minutes=minute))
    queue = await listen(rule="orders")
    started = await replay(minutes=(10, 20))
    assert (started["State"], started["ReplayArn"].rpartition(":")[2]) == ("STARTING", "replay/again")
    (event,) = await queue.heard()
    assert (event["detail"], event["replay-name"], event["time"]) == ({"minute": 10}, "again", "2026-01-01T00:10:00Z")
    shown = await cloud.events.DescribeReplay(ReplayName="again")
    assert (shown["State"], shown["EventLastReplayedTime"]) == ("COMPLETED", START + timedelta(minutes=10))
    assert await count(cloud) == 3  # what is replayed is not archived again


async def test_a_replay_may_be_for_some_rules_only(cloud, archive, replay, rule, listen, send):
    await send()
    await cloud.events.PutRule(Name="other", EventPattern=BUS_PATTERN)
    queue, other = await listen("heard", rule="orders"), await listen("other", rule="other")
    await replay(FilterArns=[rule])
    assert (len(await queue.heard()), len(await other.heard())) == (1, 0)


async def test_a_long_replay_goes_in_steps_and_repeats_nothing(cloud, archive, replay, rule, listen, send, monkeypatch):
    monkeypatch.setattr(replays, "STEP_EVENTS", 3)
    for number in range(8):
        await send({"n": number})
    queue = await listen(rule="orders")
    await replay()
    assert sorted(event["detail"]["n"] for event in await queue.heard()) == list(range(8))


async def test_a_replay_can_be_cancelled_until_it_has_ended(cloud, archive, replay, rule, listen, send):
    await send()
    queue = await listen(rule="orders")
    await replay()
    await cloud.events.CancelReplay(ReplayName="again")
    assert await queue.heard() == []
    assert (await cloud.events.DescribeReplay(ReplayName="again"))["State"] == "CANCELLED"
    with pytest.raises(AwsError) as refused:
        await cloud.events.CancelReplay(ReplayName="again")
    assert refused.value.code == "IllegalStatusException"


async def test_a_replay_of_an_archive_that_goes_away_fails(cloud, archive, replay, send):
    await send()
    await replay()
    await cloud.events.DeleteArchive(ArchiveName="kept")
    await cloud.settle()
    shown = await cloud.events.DescribeReplay(ReplayName="again")
    assert (shown["State"], shown["StateReason"]) == ("FAILED", "Archive kept does not exist.")


async def test_what_can_not_be_replayed_is_refused(cloud, archive, bus, replay):
    with pytest.raises(AwsError, match="EventStartTime must be before EventEndTime"):
        await replay(minutes=(5, 5))
    await cloud.events.CreateEventBus(Name="other")
    with pytest.raises(AwsError, match="Cross event bus replay is not permitted"):
        await replay(Arn=bus.replace("default", "other"))
    await replay()
    with pytest.raises(AwsError, match="Replay again already exists"):
        await replay()
    for number in range(9):
        await replay(f"r{number}")
    with pytest.raises(AwsError) as refused:
        await replay("one-too-many")
    assert refused.value.code == "LimitExceededException"


async def test_replays_are_listed_and_forgotten_after_ninety_days(cloud, archive, replay):
    await replay("a")
    await replay("b")
    await cloud.settle()
    assert [each["ReplayName"] for each in (await cloud.events.ListReplays(State="COMPLETED"))["Replays"]] == ["a", "b"]
    assert (await cloud.events.ListReplays(NamePrefix="c"))["Replays"] == []
    await cloud.advance(90 * DAY_MS - 1)
    assert len((await cloud.events.ListReplays(EventSourceArn=archive))["Replays"]) == 2
    await cloud.advance(1)
    assert (await cloud.events.ListReplays())["Replays"] == []


async def test_an_archive_lives_with_its_stack(cloud, bus):
    properties = {"SourceArn": bus, "EventPattern": json.loads(BUS_PATTERN), "RetentionDays": 5}
    template = {
        "Resources": {"A": {"Type": "AWS::Events::Archive", "Properties": properties}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["A", "Arn"]}}},
    }
    await cloud.cloudformation.CreateStack(StackName="app", TemplateBody=json.dumps(template))
    await cloud.settle()
    (made,) = (await cloud.events.ListArchives())["Archives"]
    stack = (await cloud.cloudformation.DescribeStacks(StackName="app"))["Stacks"][0]
    assert stack["Outputs"][0]["OutputValue"].endswith(f"archive/{made['ArchiveName']}")
    del properties["EventPattern"], properties["RetentionDays"]
    await cloud.cloudformation.UpdateStack(StackName="app", TemplateBody=json.dumps(template))
    await cloud.settle()
    shown = await cloud.events.DescribeArchive(ArchiveName=made["ArchiveName"])
    assert ("EventPattern" in shown, shown["RetentionDays"]) == (False, 0)
    await cloud.cloudformation.DeleteStack(StackName="app")
    await cloud.settle()
    assert (await cloud.events.ListArchives())["Archives"] == []
