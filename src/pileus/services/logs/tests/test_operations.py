"""The operations as clients see them."""

import orjson
import pytest

from pileus.kernel.errors import AwsError
from pileus.protocol import models
from pileus.protocol.errors import serialize
from pileus.services.logs import errors
from pileus.testing import STARTS_AT_MS as NOW

DAY_MS = 24 * 3_600_000


async def stream(cloud, group="app", name="one"):
    try:
        await cloud.logs.CreateLogGroup(logGroupName=group)
    except AwsError as error:
        assert error.code == "ResourceAlreadyExistsException"
    await cloud.logs.CreateLogStream(logGroupName=group, logStreamName=name)


async def put(cloud, *events, group="app", name="one"):
    """Events as (milliseconds from now, message)."""
    return await cloud.logs.PutLogEvents(
        logGroupName=group,
        logStreamName=name,
        logEvents=[{"timestamp": cloud.clock.now_ms() + ms, "message": message} for ms, message in events],
    )


async def get(cloud, **request):
    return await cloud.logs.GetLogEvents(**{"logGroupName": "app", "logStreamName": "one", **request})


async def filtered(cloud, **request):
    return await cloud.logs.FilterLogEvents(**{"logGroupName": "app", **request})


def messages(result):
    return [event["message"] for event in result["events"]]


async def refused(code, awaitable):
    with pytest.raises(AwsError) as caught:
        await awaitable
    assert caught.value.code == code, caught.value
    return caught.value.message


# Groups


async def test_a_group_is_described_as_made(cloud):
    await cloud.logs.CreateLogGroup(logGroupName="/aws/lambda/f", tags={"team": "a"})
    (group,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    assert group == {
        "logGroupName": "/aws/lambda/f",
        "creationTime": NOW,
        "metricFilterCount": 0,
        "arn": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:*",
        "logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f",
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False,
    }


async def test_a_name_is_taken_once(cloud):
    await cloud.logs.CreateLogGroup(logGroupName="a")
    text = await refused("ResourceAlreadyExistsException", cloud.logs.CreateLogGroup(logGroupName="a"))
    assert text == "The specified log group already exists"


async def test_names_are_checked_in_the_services_own_code(cloud):
    text = await refused("InvalidParameterException", cloud.logs.CreateLogGroup(logGroupName="a b"))
    assert text == (
        "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
    )
    await refused("InvalidParameterException", cloud.logs.CreateLogGroup(logGroupName="aws/a"))


async def test_what_is_not_honoured_is_refused_by_name(cloud):
    for extra in ({"kmsKeyId": "k"}, {"logGroupClass": "INFREQUENT_ACCESS"}):
        await refused("NotImplemented", cloud.logs.CreateLogGroup(logGroupName="a", **extra))
    await refused("NotImplemented", cloud.logs.StartQuery(startTime=0, endTime=1, queryString="fields @message"))


async def test_groups_are_found_by_prefix_and_by_part_in_pages(cloud):
    for name in ("b/1", "a/1", "a/2", "a/3"):
        await cloud.logs.CreateLogGroup(logGroupName=name)
    first = await cloud.logs.DescribeLogGroups(logGroupNamePrefix="a/", limit=2)
    assert [group["logGroupName"] for group in first["logGroups"]] == ["a/1", "a/2"]
    rest = await cloud.logs.DescribeLogGroups(logGroupNamePrefix="a/", limit=2, nextToken=first["nextToken"])
    assert [group["logGroupName"] for group in rest["logGroups"]] == ["a/3"]
    assert "nextToken" not in rest
    part = await cloud.logs.DescribeLogGroups(logGroupNamePattern="/1")
    assert [group["logGroupName"] for group in part["logGroups"]] == ["a/1", "b/1"]
    await refused("InvalidParameterException", cloud.logs.DescribeLogGroups(nextToken="nonsense"))


async def test_a_deleted_group_leaves_nothing_to_its_successor(cloud):
    await stream(cloud)
    await put(cloud, (0, "old"))
    await cloud.logs.DeleteLogGroup(logGroupName="app")
    assert await refused("ResourceNotFoundException", filtered(cloud)) == "The specified log group does not exist."
    await stream(cloud)
    assert (await filtered(cloud))["events"] == []
    (group,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    assert group["storedBytes"] == 0


async def test_deletion_protection_holds_until_it_is_lifted(cloud):
    await cloud.logs.CreateLogGroup(logGroupName="a", deletionProtectionEnabled=True)
    await refused("ValidationException", cloud.logs.DeleteLogGroup(logGroupName="a"))
    await cloud.logs.PutLogGroupDeletionProtection(logGroupIdentifier="a", deletionProtectionEnabled=False)
    await cloud.logs.DeleteLogGroup(logGroupName="a")


async def test_tags_by_name_and_by_arn_are_the_same(cloud):
    await cloud.logs.CreateLogGroup(logGroupName="a", tags={"x": "1"})
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:a"
    await cloud.logs.TagResource(resourceArn=arn, tags={"y": "2"})
    await cloud.logs.TagLogGroup(logGroupName="a", tags={"z": "3"})
    await cloud.logs.UntagResource(resourceArn=arn, tagKeys=["x"])
    assert await cloud.logs.ListTagsForResource(resourceArn=arn) == {"tags": {"y": "2", "z": "3"}}
    await cloud.logs.UntagLogGroup(logGroupName="a", tags=["z"])
    assert await cloud.logs.ListTagsLogGroup(logGroupName="a") == {"tags": {"y": "2"}}
    await refused("TooManyTagsException", cloud.logs.TagResource(resourceArn=arn, tags={str(n): "" for n in range(50)}))


# Streams


async def test_streams_are_described_by_name_and_by_last_event(cloud):
    for name in ("a", "b", "c"):
        await stream(cloud, name=name)
    await put(cloud, (5, "x"), name="a")
    await put(cloud, (1, "x"), (3, "x"), name="b")

    async def order(**request):
        found = (await cloud.logs.DescribeLogStreams(logGroupName="app", **request))["logStreams"]
        return [stream["logStreamName"] for stream in found]

    assert await order() == ["a", "b", "c"]
    assert await order(descending=True) == ["c", "b", "a"]
    assert await order(logStreamNamePrefix="b") == ["b"]
    assert await order(logStreamNamePrefix="b", descending=True) == ["b"]
    assert await order(orderBy="LastEventTime") == ["c", "b", "a"]
    assert await order(orderBy="LastEventTime", descending=True) == ["a", "b", "c"]
    await refused("InvalidParameterException", order(orderBy="LastEventTime", logStreamNamePrefix="b"))
    (b,) = (await cloud.logs.DescribeLogStreams(logGroupName="app", logStreamNamePrefix="b"))["logStreams"]
    assert (b["firstEventTimestamp"], b["lastEventTimestamp"]) == (NOW + 1, NOW + 3)
    assert b["lastIngestionTime"] == NOW
    assert b["storedBytes"] == 0
    assert b["arn"] == "arn:aws:logs:us-east-1:000000000000:log-group:app:log-stream:b"


@pytest.mark.parametrize("request_", [{}, {"descending": True}, {"orderBy": "LastEventTime"}])
async def test_pages_of_streams_lose_and_repeat_none(cloud, request_):
    for number in range(7):
        await stream(cloud, name=f"s{number}")
    whole = await cloud.logs.DescribeLogStreams(logGroupName="app", **request_)
    seen, token = [], {}
    while True:
        page = await cloud.logs.DescribeLogStreams(logGroupName="app", limit=3, **request_, **token)
        seen += page["logStreams"]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert seen == whole["logStreams"]


async def test_a_token_of_the_other_order_is_refused(cloud):
    for name in ("a", "b"):
        await stream(cloud, name=name)
    token = (await cloud.logs.DescribeLogStreams(logGroupName="app", limit=1))["nextToken"]
    request = {"logGroupName": "app", "orderBy": "LastEventTime", "nextToken": token}
    await refused("InvalidParameterException", cloud.logs.DescribeLogStreams(**request))


async def test_a_deleted_stream_takes_its_bytes_along(cloud):
    await stream(cloud)
    await put(cloud, (0, "abc"), (1, "é"))
    (group,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    assert group["storedBytes"] == 3 + 2 + 2 * 26
    await cloud.logs.DeleteLogStream(logGroupName="app", logStreamName="one")
    (group,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    assert group["storedBytes"] == 0
    assert await refused("ResourceNotFoundException", get(cloud)) == "The specified log stream does not exist."


# Putting


async def test_a_batch_must_be_in_order(cloud):
    await stream(cloud)
    text = await refused("InvalidParameterException", put(cloud, (1, "a"), (0, "b")))
    assert text == "Log events in a single PutLogEvents request must be in chronological order."


async def test_a_batch_may_have_a_mebibyte_with_26_bytes_an_event(cloud):
    await stream(cloud)
    await put(cloud, (0, "a" * (1_048_576 - 26)))
    text = await refused("InvalidParameterException", put(cloud, (0, "a" * 524_288), (0, "a" * (524_288 - 51))))
    assert text == "Upload too large: 1048577 bytes exceeds limit of 1048576"
    await put(cloud, (0, "a" * 524_288), (0, "a" * (524_288 - 52)))


async def test_a_batch_may_span_a_day(cloud):
    await stream(cloud)
    await put(cloud, (-DAY_MS, "a"), (0, "b"))
    await refused("InvalidParameterException", put(cloud, (-DAY_MS, "a"), (1, "b")))


async def test_what_is_too_old_or_too_new_is_rejected_and_the_rest_kept(cloud):
    await stream(cloud)
    result = await put(
        cloud, (-14 * DAY_MS - 1, "old"), (0, "a"), (7_200_000, "b"), (7_200_001, "new"), (7_200_002, "newer")
    )
    assert result["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}
    assert messages(await filtered(cloud)) == ["a", "b"]
    result = await put(cloud, (7_200_001, "new"))
    assert result["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}


async def test_sequence_tokens_are_ignored(cloud):
    await stream(cloud)
    await cloud.logs.PutLogEvents(
        logGroupName="app",
        logStreamName="one",
        sequenceToken="wrong",
        logEvents=[{"timestamp": NOW, "message": "a"}],
    )
    assert messages(await get(cloud)) == ["a"]


# Getting


async def test_the_newest_page_comes_first_and_tokens_lead_both_ways(cloud):
    await stream(cloud)
    await put(cloud, *((n, str(n)) for n in range(10)))
    newest = await get(cloud, limit=4)
    assert messages(newest) == ["6", "7", "8", "9"]
    before = await get(cloud, limit=4, nextToken=newest["nextBackwardToken"])
    assert messages(before) == ["2", "3", "4", "5"]
    oldest = await get(cloud, limit=4, nextToken=before["nextBackwardToken"])
    assert messages(oldest) == ["0", "1"]
    end = await get(cloud, limit=4, nextToken=oldest["nextBackwardToken"])
    assert end["events"] == []
    assert end["nextBackwardToken"] == oldest["nextBackwardToken"]
    again = await get(cloud, limit=4, nextToken=end["nextForwardToken"])
    assert messages(again) == ["0", "1", "2", "3"]


async def test_at_the_end_the_same_token_comes_back_until_there_is_more(cloud):
    await stream(cloud)
    await put(cloud, (0, "a"))
    first = await get(cloud, startFromHead=True)
    end = await get(cloud, startFromHead=True, nextToken=first["nextForwardToken"])
    assert end["events"] == []
    assert end["nextForwardToken"] == first["nextForwardToken"]
    await put(cloud, (0, "b"))
    assert messages(await get(cloud, startFromHead=True, nextToken=end["nextForwardToken"])) == ["b"]


async def test_an_empty_streams_token_sees_what_comes(cloud):
    await stream(cloud)
    empty = await get(cloud)
    assert empty["events"] == []
    await put(cloud, (-5, "a"))
    assert messages(await get(cloud, nextToken=empty["nextForwardToken"])) == ["a"]


async def test_the_range_includes_its_start_and_not_its_end(cloud):
    await stream(cloud)
    await put(cloud, *((n, str(n)) for n in range(5)))
    for from_head in (True, False):
        found = await get(cloud, startTime=NOW + 1, endTime=NOW + 3, startFromHead=from_head)
        assert messages(found) == ["1", "2"]


@pytest.mark.parametrize("number", ["0" * 55, "9" * 64, "x" * 56])
async def test_a_forged_token_is_refused(cloud, number):
    await stream(cloud)
    await refused("InvalidParameterException", get(cloud, nextToken=f"f/{number}/s"))


async def test_a_range_at_the_end_of_time_is_empty(cloud):
    await stream(cloud)
    await put(cloud, (0, "a"))
    end = (1 << 63) - 1
    for from_head in (True, False):
        found = await get(cloud, startTime=end, endTime=end, startFromHead=from_head)
        assert found["events"] == []
        again = await get(cloud, startTime=end, nextToken=found["nextForwardToken"])
        assert again["nextForwardToken"] == found["nextForwardToken"]
        assert (await filtered(cloud, startTime=end, startFromHead=from_head))["events"] == []


async def test_a_page_holds_a_mebibyte(cloud):
    await stream(cloud)
    for n in range(3):
        await put(cloud, (n, str(n) * 400_000))
    page = await get(cloud, startFromHead=True)
    assert [message[0] for message in messages(page)] == ["0", "1"]
    rest = await get(cloud, startFromHead=True, nextToken=page["nextForwardToken"])
    assert [message[0] for message in messages(rest)] == ["2"]


async def test_groups_are_named_by_arn_as_well(cloud):
    await stream(cloud)
    await put(cloud, (0, "a"))
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:app"
    for identifier in ("app", arn):
        assert messages(await cloud.logs.GetLogEvents(logGroupIdentifier=identifier, logStreamName="one")) == ["a"]
        assert messages(await cloud.logs.FilterLogEvents(logGroupIdentifier=identifier)) == ["a"]
    # The ARN with ":*" that DescribeLogGroups answers is none of the pattern that the model has for identifiers.
    await refused("InvalidParameterException", cloud.logs.FilterLogEvents(logGroupIdentifier=f"{arn}:*"))
    await refused("InvalidParameterException", get(cloud, logGroupIdentifier="app"))
    await refused("InvalidParameterException", get(cloud, nextToken="f/1/s"))


# Filtering


async def test_streams_are_interleaved_by_time(cloud):
    for name, times in (("one", (0, 20_000, 40_000)), ("two", (10_000, 30_000))):
        await stream(cloud, name=name)
        await put(cloud, *((ms, f"{name} {ms}") for ms in times), name=name)
    await put(cloud, (5_000, "one late"), name="one")
    found = await filtered(cloud)
    assert messages(found) == ["one 0", "one late", "two 10000", "one 20000", "two 30000", "one 40000"]
    assert found["searchedLogStreams"] == []
    ids = [event["eventId"] for event in found["events"]]
    assert ids == sorted(set(ids))
    newest = await filtered(cloud, startFromHead=False, startTime=NOW)
    assert messages(newest) == messages(found)[::-1]
    assert messages(await filtered(cloud, logStreamNames=["two"])) == ["two 10000", "two 30000"]
    assert messages(await filtered(cloud, logStreamNamePrefix="t", endTime=NOW + 10_000)) == ["two 10000"]
    await refused("ResourceNotFoundException", filtered(cloud, logStreamNames=["three"]))


@pytest.mark.parametrize("from_head", [True, False])
async def test_pages_of_a_filter_lose_and_repeat_none(cloud, from_head):
    for name in ("one", "two", "three"):
        await stream(cloud, name=name)
        for batch in range(4):
            await put(cloud, *((batch * 7 + n * 4_000, f"ERROR {name} {batch} {n}") for n in range(5)), name=name)
        await put(cloud, (0, "fine"), name=name)
    request = {"filterPattern": "ERROR", "startFromHead": from_head, "startTime": NOW}
    whole = messages(await filtered(cloud, **request))
    assert len(whole) == 60
    seen, token = [], {}
    while True:
        page = await filtered(cloud, limit=7, **request, **token)
        seen += messages(page)
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert seen == whole


async def test_a_wrong_pattern_is_refused(cloud):
    await stream(cloud)
    text = await refused("InvalidParameterException", filtered(cloud, filterPattern="a:b"))
    assert text == "Invalid character(s) in term 'a:b'"


async def test_a_pattern_is_tried_on_messages(cloud):
    result = await cloud.logs.TestMetricFilter(
        filterPattern="[ip, ..., status = 4*, size]", logEventMessages=["10.0.0.1 - 200 5", '10.0.0.1 "a b" 404 7']
    )
    assert result["matches"] == [
        {
            "eventNumber": 2,
            "eventMessage": '10.0.0.1 "a b" 404 7',
            "extractedValues": {"$ip": "10.0.0.1", "$2": "a b", "$status": "404", "$size": "7"},
        }
    ]


# Retention


async def test_events_expire_at_once_for_readers_and_soon_on_disk(cloud):
    await stream(cloud)
    await put(cloud, (0, "a"), (30_000, "b"))
    await cloud.logs.PutRetentionPolicy(logGroupName="app", retentionInDays=1)
    await cloud.advance(DAY_MS)
    assert messages(await filtered(cloud)) == ["a", "b"]
    await cloud.advance(1)
    assert messages(await filtered(cloud)) == ["b"]
    assert messages(await get(cloud)) == ["b"]
    assert (await put(cloud, (-DAY_MS - 1, "old"), (0, "c")))["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    await cloud.advance(DAY_MS)
    (group,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    assert group["storedBytes"] == 27
    assert group["retentionInDays"] == 1
    await cloud.logs.DeleteRetentionPolicy(logGroupName="app")
    (group,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    assert "retentionInDays" not in group


async def test_only_some_retentions_are_allowed(cloud):
    await cloud.logs.CreateLogGroup(logGroupName="app")
    text = await refused(
        "InvalidParameterException", cloud.logs.PutRetentionPolicy(logGroupName="app", retentionInDays=2)
    )
    assert text.startswith(
        "1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint: "
        "Member must satisfy enum value set: [1, 3, 5, "
    )


def test_errors_carry_their_words_on_the_wire():
    """The model's error shapes have no members; AWS sends the message all the same."""
    answer = serialize(models.load("logs"), None, errors.LogGroupNotFound(), "id")
    assert orjson.loads(answer.body) == {
        "__type": "ResourceNotFoundException",
        "message": "The specified log group does not exist.",
    }
