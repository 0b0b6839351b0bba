"""SIGKILL at random moments, under load: nothing acknowledged is lost, nothing deleted comes back.

`PILEUS_KILLS` says how often (50 in CI; `make faults KILLS=1000` by hand), `PILEUS_SEED` repeats a run's moments.
"""

import json
import os
import random
import time
from pathlib import Path

import pytest

from tests.faults.load import Ledger, Load
from tests.faults.server import Server

KILLS = int(os.environ.get("PILEUS_KILLS", "50"))
SEED = int(os.environ.get("PILEUS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
SETTLE_S = 120
ENDED = {"CREATE_COMPLETE", "ROLLBACK_COMPLETE"}


@pytest.mark.timeout(300 + 30 * KILLS)
def test_nothing_acknowledged_is_lost_to_kill_9(tmp_path: Path):
    moments = random.Random(SEED)
    server = Server(tmp_path / "data")
    server.start()
    load = Load(server)
    starts: list[float] = []
    try:
        load.prepare()
        for _ in range(KILLS):
            load.begin()
            time.sleep(moments.uniform(0.05, 1.2))
            server.kill()
            load.end()
            starts.append(server.start())
        assert not load.ledger.refused, load.ledger.refused[:5]
        check(server, load.ledger)
    finally:
        server.stop()
    ledger = load.ledger
    print(
        f"\nseed {SEED}: {KILLS} kills; {len(ledger.objects)} objects, {len(ledger.uploads)} uploads, "
        f"{len(ledger.sent)} messages ({len(ledger.deleted)} deleted), {len(ledger.tasks)} tasks, "
        f"{len(ledger.put_events)} events, "
        f"{len(ledger.lines)} lines, {len(ledger.stacks)} stacks; longest start {max(starts):.2f} s"
    )


def check(server: Server, ledger: Ledger) -> None:
    check_objects(server, ledger)
    check_lines(server, ledger)
    check_messages(server, ledger)
    check_events(server, ledger)
    check_told(server, ledger)
    check_tasks(server, ledger)
    check_stacks(server, ledger)


def check_objects(server: Server, ledger: Ledger) -> None:
    s3 = server.client("s3")
    for key, body in ledger.objects.items():
        assert s3.get_object(Bucket="objects", Key=key)["Body"].read() == body, f"{key} is another (seed {SEED})"


def check_lines(server: Server, ledger: Ledger) -> None:
    logs, found, token = server.client("logs"), set(), {}
    while True:
        page = logs.get_log_events(logGroupName="lines", logStreamName="all", startFromHead=True, **token)
        found |= {event["message"] for event in page["events"]}
        if token.get("nextToken") == page["nextForwardToken"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    lost = ledger.lines - found
    assert not lost, f"{len(lost)} lines are lost, such as {sorted(lost)[:3]} (seed {SEED})"


def check_messages(server: Server, ledger: Ledger) -> None:
    """Drain the queue: what is not there was deleted, or never acknowledged."""
    sqs, url = server.client("sqs"), f"{server.endpoint}/000000000000/jobs"
    deadline, seen, quiet = time.monotonic() + SETTLE_S, set(), 0
    while quiet < 4 and time.monotonic() < deadline:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        quiet = 0 if messages else quiet + 1
        for message in messages:
            seen.add(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    back = (ledger.came_back | seen) & ledger.deleted
    assert not back, f"{len(back)} deleted messages came back, such as {sorted(back)[:3]} (seed {SEED})"
    lost = ledger.sent - seen - ledger.deleting
    assert not lost, f"{len(lost)} messages are lost, such as {sorted(lost)[:3]} (seed {SEED})"


def check_events(server: Server, ledger: Ledger) -> None:
    """Every acknowledged upload's event has reached its function, which wrote the key into another bucket."""
    check_bucket(server, "seen", ledger.uploads, "events")


def check_told(server: Server, ledger: Ledger) -> None:
    """Every acknowledged event, and every acknowledged upload's, has reached the queue that a rule tells."""
    sqs, url = server.client("sqs"), f"{server.endpoint}/000000000000/told"
    deadline, missing = time.monotonic() + SETTLE_S, ledger.put_events | ledger.uploads
    while missing:
        assert time.monotonic() < deadline, f"{len(missing)} were never told: {sorted(missing)[:3]} (seed {SEED})"
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            missing.discard(detail["name"] if "name" in detail else detail["object"]["key"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def check_tasks(server: Server, ledger: Ledger) -> None:
    """Every acknowledged message has reached the function that its queue feeds, and the queue is empty then."""
    check_bucket(server, "worked", ledger.tasks, "tasks")
    sqs, url = server.client("sqs"), f"{server.endpoint}/000000000000/tasks"
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    deadline = time.monotonic() + SETTLE_S
    while set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()) != {"0"}:
        assert time.monotonic() < deadline, f"messages stay in the queue (seed {SEED})"
        time.sleep(0.2)


def check_bucket(server: Server, bucket: str, keys: set[str], what: str) -> None:
    s3 = server.client("s3")
    deadline = time.monotonic() + SETTLE_S
    while True:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        missing = keys - {item["Key"] for page in pages for item in page.get("Contents", [])}
        if not missing:
            return
        assert time.monotonic() < deadline, f"{len(missing)} {what} never came: {sorted(missing)[:3]} (seed {SEED})"
        time.sleep(0.2)


def check_stacks(server: Server, ledger: Ledger) -> None:
    cloudformation, sqs = server.client("cloudformation"), server.client("sqs")
    deadline = time.monotonic() + SETTLE_S
    for name in ledger.stacks:
        while (status := cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]) not in ENDED:
            assert time.monotonic() < deadline, f"{name} stays {status} (seed {SEED})"
            time.sleep(0.2)
        queues = sqs.list_queues(QueueNamePrefix=f"{name}-").get("QueueUrls", [])
        assert len(queues) == (7 if status == "CREATE_COMPLETE" else 0), f"{name} is {status} with {queues}"
