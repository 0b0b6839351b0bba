"""Thirty days in a moment: what falls due on the way happens in order and once, and no restart takes time back."""

import json
import threading
import time
from datetime import datetime

import pytest

from tests.faults.functions import make_function, make_role
from tests.faults.server import Server

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FAILS = """
import json
def handler(event, context):
    raise ValueError("attempt of " + event["name"])
"""


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "data")
    server.start()
    yield server
    server.stop()


def bodies(server: Server, url: str) -> list[str]:
    """All that can be received now, deleted as it comes."""
    sqs, found = server.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_delays_and_retention_on_the_way(server):
    sqs = server.client("sqs")
    longest = {"MessageRetentionPeriod": str(14 * 86_400)}
    kept = sqs.create_queue(QueueName="kept", Attributes=longest)["QueueUrl"]
    short = sqs.create_queue(QueueName="short", Attributes={"MessageRetentionPeriod": "60"})["QueueUrl"]
    for url in (kept, short):
        for delay_s in (900, 0, 45, 300, 59):
            sqs.send_message(QueueUrl=url, MessageBody=f"after {delay_s}", DelaySeconds=delay_s)
    assert bodies(server, kept) == ["after 0"]
    server.advance("13d")
    assert sorted(bodies(server, kept)) == ["after 300", "after 45", "after 59", "after 900"]
    assert bodies(server, short) == []
    sqs.send_message(QueueUrl=kept, MessageBody="new")
    sqs.send_message(QueueUrl=kept, MessageBody="later", DelaySeconds=900)
    server.advance("30d")
    assert bodies(server, kept) == []
    attributes = sqs.get_queue_attributes(QueueUrl=kept, AttributeNames=["All"])["Attributes"]
    for name in ("", "Delayed", "NotVisible"):
        assert attributes[f"ApproximateNumberOfMessages{name}"] == "0"


def test_a_message_hidden_while_the_clock_jumps_comes_back_and_goes_to_its_dead_letters(server):
    sqs = server.client("sqs")
    dead = sqs.create_queue(QueueName="dead", Attributes={"MessageRetentionPeriod": str(14 * 86_400)})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    url = sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="bad")
    for _ in range(2):
        assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "bad"
        assert "Messages" not in sqs.receive_message(QueueUrl=url)
        server.advance("1h")
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert bodies(server, dead) == ["bad"]


def test_retries_of_an_event_happen_at_their_times_and_in_order(server):
    sqs, lambda_, logs = server.client("sqs"), server.client("lambda"), server.client("logs")
    given_up = sqs.create_queue(QueueName="given-up", Attributes={"MessageRetentionPeriod": str(14 * 86_400)})
    arn = sqs.get_queue_attributes(QueueUrl=given_up["QueueUrl"], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    make_function(server, "fails", make_role(server, "sqs:SendMessage"), FAILS)
    lambda_.put_function_event_invoke_config(
        FunctionName="fails", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    server.ask("clock", {"freeze": True})  # else the real time of starting the function is in the figures
    payload = json.dumps({"name": "event"})
    request_id = lambda_.invoke(FunctionName="fails", InvocationType="Event", Payload=payload)["ResponseMetadata"][
        "RequestId"
    ]
    server.advance("5d")
    events = logs.filter_log_events(logGroupName="/aws/lambda/fails", filterPattern="START")["events"]
    starts = [event["timestamp"] for event in events if event["message"].startswith("START")]
    assert [at - starts[0] for at in starts] == [0, 60_000, 180_000]
    assert all(request_id in event["message"] for event in events if event["message"].startswith("START "))
    records = [json.loads(body) for body in bodies(server, given_up["QueueUrl"])]
    assert [record["requestContext"]["condition"] for record in records] == ["RetriesExhausted"]
    assert records[0]["requestContext"]["approximateInvokeCount"] == 3
    told = datetime.fromisoformat(records[0]["timestamp"]).timestamp() * 1000
    assert 180_000 <= told - starts[0] < 181_000
    server.advance("30d")
    after = logs.filter_log_events(logGroupName="/aws/lambda/fails", filterPattern="START")["events"]
    assert len([event for event in after if event["message"].startswith("START")]) == 3


def test_log_retention_and_object_expiry_on_the_way(server):
    logs, s3 = server.client("logs"), server.client("s3")
    now_ms = server.ask("clock")["now_ms"]
    for group in ("week", "always"):
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="all")
        line = [{"timestamp": now_ms, "message": "line"}]
        logs.put_log_events(logGroupName=group, logStreamName="all", logEvents=line)
    logs.put_retention_policy(logGroupName="week", retentionInDays=7)
    s3.create_bucket(Bucket="bucket")
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 10}}
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": [rule]})
    for key in ("tmp/a", "kept/a"):
        s3.put_object(Bucket="bucket", Key=key, Body=b"x")
    server.advance("6d")
    assert len(logs.filter_log_events(logGroupName="week")["events"]) == 1
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 2
    server.advance("24d")
    assert logs.filter_log_events(logGroupName="week")["events"] == []
    assert len(logs.filter_log_events(logGroupName="always")["events"]) == 1
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["kept/a"]


def test_no_restart_takes_time_back(server):
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    stands = server.advance("30d")
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    for stop in (server.kill, server.stop):
        stop()
        server.start()
        now_ms = server.ask("clock")["now_ms"]
        assert stands <= now_ms < stands + HOUR_MS
        stands = now_ms
    assert bodies(server, url) == []
    server.advance("10m")
    assert bodies(server, url) == ["later"]


def test_a_kill_in_the_middle_of_a_jump_takes_no_time_back(server):
    """What has happened on the way has happened: the restarted cloud stands there or later, and goes on from it."""
    s3, sqs = server.client("s3"), server.client("sqs")
    s3.create_bucket(Bucket="bucket")
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": [rule]})
    url = sqs.create_queue(QueueName="jobs", Attributes={"MessageRetentionPeriod": str(14 * 86_400)})["QueueUrl"]
    before = server.ask("clock")["now_ms"]
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    jump = threading.Thread(target=lambda: _advance(server, "9000d"), daemon=True)
    jump.start()
    deadline = time.monotonic() + 20
    while s3.list_objects_v2(Bucket="bucket")["KeyCount"]:  # until the daily walk has passed some days
        assert time.monotonic() < deadline
    assert jump.is_alive(), "the jump was over before it could be killed"
    reached = server.ask("clock")["now_ms"]
    assert reached > before + DAY_MS
    server.kill()
    jump.join(10)
    server.start()
    assert server.ask("clock")["now_ms"] >= reached - 1000
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=60)
    server.advance("61s")
    assert bodies(server, url) == ["later"]


def _advance(server: Server, duration: str) -> None:
    try:
        server.advance(duration)
    except OSError:
        return  # the server was killed
