"""SIGKILL for what runs a function, in the middle of an invocation: that one is told, and everybody else goes on."""

import json
import os
import signal
import threading
import time

import pytest

from tests.faults.functions import descendants, is_running, make_function, make_role, wait_for_process, zygotes
from tests.faults.server import Server

SLEEPER = """
import boto3, os, time
s3 = boto3.client("s3")
def handler(event, context):
    open("/proc/self/comm", "w").write(event["name"])
    time.sleep(event["sleep_s"])
    if "key" in event:
        s3.put_object(Bucket="done", Key=f"{event['key']}/{context.aws_request_id}", Body=b"")
    return event["name"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("dead") / "data")
    server.start()
    try:
        server.client("s3").create_bucket(Bucket="done")
        make_function(server, "sleeper", make_role(server, "s3:PutObject"), SLEEPER)
        yield server
        running = descendants(server.process.pid)
    finally:
        server.stop()
    assert running
    assert not [pid for pid in running if is_running(pid)], "the server leaves processes behind"


def invoke(server: Server, name: str, sleep_s: float = 0) -> dict:
    """The answer and its payload."""
    payload = json.dumps({"name": name, "sleep_s": sleep_s})
    answer = server.client("lambda").invoke(FunctionName="sleeper", Payload=payload)
    return {**answer, "Payload": json.loads(answer["Payload"].read())}


def begin(server: Server, name: str, sleep_s: float) -> tuple[threading.Thread, list[dict]]:
    answers: list[dict] = []
    thread = threading.Thread(target=lambda: answers.append(invoke(server, name, sleep_s)), daemon=True)
    thread.start()
    return thread, answers


def test_a_killed_function_is_an_exit_error_and_the_next_one_runs(server):
    thread, answers = begin(server, "killed", 25)
    os.kill(wait_for_process(server, "killed"), signal.SIGKILL)
    thread.join(20)
    assert not thread.is_alive(), "the invocation hangs"
    assert (answers[0]["StatusCode"], answers[0]["FunctionError"]) == (200, "Unhandled")
    assert answers[0]["Payload"]["errorType"] == "Runtime.ExitError"
    assert "exited with error: signal: killed" in answers[0]["Payload"]["errorMessage"]
    after = invoke(server, "next")
    assert ("FunctionError" in after, after["Payload"]) == (False, "next")


def test_others_that_run_beside_a_killed_one_are_not_disturbed(server):
    beside, theirs = begin(server, "beside", 3)
    wait_for_process(server, "beside")
    thread, answers = begin(server, "killed", 25)
    os.kill(wait_for_process(server, "killed"), signal.SIGKILL)
    thread.join(20)
    assert answers[0]["Payload"]["errorType"] == "Runtime.ExitError"
    beside.join(20)
    assert theirs[0]["Payload"] == "beside"


def test_the_log_says_what_happened(server):
    logs = server.client("logs")
    deadline = time.monotonic() + 10
    while True:
        events = logs.filter_log_events(logGroupName="/aws/lambda/sleeper", filterPattern='"Runtime.ExitError"')[
            "events"
        ]
        if any("REPORT" in event["message"] for event in events):
            break
        assert time.monotonic() < deadline, "no line of the killed invocation"
        time.sleep(0.1)


def test_a_killed_zygote_ends_what_it_ran_and_a_new_one_takes_its_place(server):
    invoke(server, "warm")
    before = zygotes(server)
    assert before, "no zygote runs"
    thread, answers = begin(server, "orphan", 20)
    wait_for_process(server, "orphan")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    thread.join(30)
    assert not thread.is_alive(), "the invocation hangs"
    answer = answers[0]
    # Where environments have pid namespaces of their own they end with the zygote, else they go on.
    if "FunctionError" in answer:
        assert answer["Payload"]["errorType"] == "Runtime.ExitError"
    else:
        assert answer["Payload"] == "orphan"
    for attempt in range(3):
        assert invoke(server, f"next-{attempt}")["Payload"] == f"next-{attempt}"
    assert zygotes(server)
    assert not set(zygotes(server)) & set(before)


def test_an_accepted_event_outlives_its_process(server):
    lambda_, s3 = server.client("lambda"), server.client("s3")
    payload = json.dumps({"name": "event", "sleep_s": 1.5, "key": "event"})
    assert lambda_.invoke(FunctionName="sleeper", InvocationType="Event", Payload=payload)["StatusCode"] == 202
    os.kill(wait_for_process(server, "event"), signal.SIGKILL)
    time.sleep(0.5)
    assert s3.list_objects_v2(Bucket="done")["KeyCount"] == 0
    server.advance("61s")  # AWS tries again after a minute
    found = s3.list_objects_v2(Bucket="done", Prefix="event/")
    assert found["KeyCount"] == 1
    server.advance("1h")
    assert s3.list_objects_v2(Bucket="done", Prefix="event/")["KeyCount"] == 1, "an event that succeeded came again"


def test_an_accepted_event_outlives_the_server(server):
    lambda_, s3 = server.client("lambda"), server.client("s3")
    payload = json.dumps({"name": "survivor", "sleep_s": 1.5, "key": "survivor"})
    lambda_.invoke(FunctionName="sleeper", InvocationType="Event", Payload=payload)
    worker = wait_for_process(server, "survivor")
    server.kill()
    deadline = time.monotonic() + 5
    while is_running(worker):
        assert time.monotonic() < deadline, "the function outlives the server that ran it"
        time.sleep(0.05)
    server.start()
    deadline = time.monotonic() + 20
    while not s3.list_objects_v2(Bucket="done", Prefix="survivor/")["KeyCount"]:
        assert time.monotonic() < deadline, "the event never came"
        time.sleep(0.1)
