"""CloudWatch Logs as boto3's users know it."""

import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def logs(connect):
    return connect("logs")


@pytest.fixture
def group(logs, request) -> str:
    logs.create_log_group(logGroupName=request.node.name)
    logs.create_log_stream(logGroupName=request.node.name, logStreamName="one")
    return request.node.name


def put(logs, group: str, *messages: str, stream: str = "one", at_ms: int | None = None) -> int:
    now_ms = int(time.time() * 1000) if at_ms is None else at_ms
    lines = [{"timestamp": now_ms + n, "message": text} for n, text in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=lines)
    return now_ms


def test_lines_go_in_and_come_out_in_order(logs, group):
    now_ms = put(logs, group, *(f"line {n} ü" for n in range(25)))
    where = {"logGroupName": group, "logStreamName": "one"}
    first = logs.get_log_events(**where, startFromHead=True, limit=10)
    assert [event["message"] for event in first["events"]] == [f"line {n} ü" for n in range(10)]
    second = logs.get_log_events(**where, startFromHead=True, limit=10, nextToken=first["nextForwardToken"])
    assert second["events"][0]["message"] == "line 10 ü"
    back = logs.get_log_events(**where, limit=10, nextToken=second["nextBackwardToken"])
    assert back["events"][-1]["message"] == "line 9 ü"
    newest = logs.get_log_events(**where, limit=5)
    assert [event["message"] for event in newest["events"]] == [f"line {n} ü" for n in range(20, 25)]
    some = logs.get_log_events(**where, startTime=now_ms + 3, endTime=now_ms + 5, startFromHead=True)
    assert [event["timestamp"] - now_ms for event in some["events"]] == [3, 4]
    last = logs.get_log_events(**where, startFromHead=True, nextToken=second["nextForwardToken"])
    end = logs.get_log_events(**where, startFromHead=True, nextToken=last["nextForwardToken"])
    assert (end["events"], end["nextForwardToken"]) == ([], last["nextForwardToken"])


def test_filters_over_streams_in_pages(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="two")
    put(logs, group, "GET /a 200", "GET /b 500", '{"level":"error","ms":12}')
    put(logs, group, "POST /c 500", '{"level":"info","ms":700}', stream="two")

    def found(pattern: str, **more) -> list[str]:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, filterPattern=pattern, PaginationConfig={"PageSize": 1}, **more
        )
        return sorted(event["message"] for page in pages for event in page["events"])

    assert found("500") == ["GET /b 500", "POST /c 500"]
    assert found("GET -200") == ["GET /b 500"]
    assert found('{ $.level = "error" || $.ms > 100 }') == ['{"level":"error","ms":12}', '{"level":"info","ms":700}']
    assert found("[verb, path, status = 5*]") == ["GET /b 500", "POST /c 500"]
    assert found("500", logStreamNames=["two"]) == ["POST /c 500"]
    assert found("", logStreamNamePrefix="tw") == ["POST /c 500", '{"level":"info","ms":700}']
    matches = logs.test_metric_filter(filterPattern="500", logEventMessages=["a 500", "b 200"])["matches"]
    assert [match["eventMessage"] for match in matches] == ["a 500"]


def test_groups_and_streams_are_listed_in_pages(logs, group):
    for n in range(5):
        logs.create_log_group(logGroupName=f"/page/{n}")
        logs.create_log_stream(logGroupName=group, logStreamName=f"s{n}")
    put(logs, group, "x", stream="s3")
    pages = list(
        logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix="/page/", PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["logGroups"]) for page in pages] == [2, 2, 1]
    names = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="s")["logStreams"]
    assert [stream["logStreamName"] for stream in names] == [f"s{n}" for n in range(5)]
    newest = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True, limit=1)
    assert newest["logStreams"][0]["logStreamName"] == "s3"
    assert newest["logStreams"][0]["firstEventTimestamp"]
    logs.delete_log_stream(logGroupName=group, logStreamName="s3")
    assert len(logs.describe_log_streams(logGroupName=group)["logStreams"]) == 5


def test_retention_tags_and_protection(logs, group, account):
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    described = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert (described["retentionInDays"], described["arn"]) == (
        7,
        f"arn:aws:logs:us-east-1:{account}:log-group:{group}:*",
    )
    logs.delete_retention_policy(logGroupName=group)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    arn = described["arn"].removesuffix(":*")
    logs.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1"}
    logs.tag_log_group(logGroupName=group, tags={"c": "3"})
    logs.untag_log_group(logGroupName=group, tags=["a"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"c": "3"}
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=True)
    with pytest.raises(ClientError):
        logs.delete_log_group(logGroupName=group)
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_what_is_too_old_or_too_new_is_said(logs, group):
    now_ms = int(time.time() * 1000)
    lines = [{"timestamp": now_ms + shift, "message": "x"} for shift in (-15 * 86_400_000, 0, 3 * 3_600_000)]
    answer = logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=lines)
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 2, "tooOldLogEventEndIndex": 1}


def test_errors_are_the_clients_classes(logs, group):
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName="none", logStreamName="none")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.put_log_events(
            logGroupName=group,
            logStreamName="one",
            logEvents=[{"timestamp": 2, "message": "b"}, {"timestamp": 1, "message": "a"}],
        )
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.create_log_group(logGroupName="not a name!")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.filter_log_events(logGroupName=group, filterPattern="{ $.a = ")


def test_a_subscription_needs_a_function_that_may_be_called(logs, group, account):
    arn = f"arn:aws:lambda:us-east-1:{account}:function:none"
    with pytest.raises(ClientError) as error:
        logs.put_subscription_filter(logGroupName=group, filterName="f", filterPattern="", destinationArn=arn)
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.delete_subscription_filter(logGroupName=group, filterName="f")
