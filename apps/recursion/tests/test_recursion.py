"""The application without a cloud: which keys and items it writes, what it makes of late notices, how check.py counts."""

import importlib
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from counting import misses, read_log
from notices import handle_each, notices_of
from numbering import number_lines

MIDNIGHT_S = 1_764_115_200  # 2025-11-26T00:00:00Z
CONTEXT = SimpleNamespace(aws_request_id="r-1")


@pytest.fixture
def app(monkeypatch):
    """Imports a module of the application, whose clients want to know a region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return importlib.import_module


@pytest.fixture
def s3(app, monkeypatch):
    """S3 as far as a test says what it answers."""
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    monkeypatch.setattr(app("objects"), "s3", client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def found(body: bytes = b"a\n", **metadata: str) -> dict:
    stream = StreamingBody(io.BytesIO(body), len(body))
    return {"Body": stream, "ETag": '"e-1"', "ContentType": "text/plain", "Metadata": metadata}


def notice(key: str = "a.txt", time: str = "2025-11-25T23:59:59.999Z") -> dict:
    about = {"bucket": {"name": "bucket"}, "object": {"key": key, "eTag": "e-1"}}
    return {"Records": [{"eventTime": time, "s3": about}]}


def stream_record(name: str = "INSERT", sequence: str = "1", key: str = "a.txt") -> dict:
    image = {} if name == "REMOVE" else {"NewImage": {"ID": {"S": key}, "TimeToLive": {"N": "1"}}}
    return {"eventName": name, "dynamodb": {"Keys": {"ID": {"S": key}}, "SequenceNumber": sequence, **image}}


# The work


@pytest.mark.parametrize(
    ("body", "numbered"),
    [(b"", b""), (b"a", b"1: a"), (b"a\n\nb\r\n", b"1: a\n2: \n3: b\r\n"), (b"\xff\x00\n", b"1: \xff\x00\n")],
)
def test_every_line_gets_its_number(body, numbered):
    assert number_lines(body) == numbered


def test_numbering_twice_shows():
    assert number_lines(number_lines(b"a\n")) == b"1: 1: a\n"


# Notices


def test_keys_of_notices_are_decoded():
    (one,) = notices_of(notice("Gr%C3%BC%C3%9Fe+100%25+%2B.txt"))
    assert one.key == "Grüße 100% +.txt"


def test_the_test_event_of_s3_has_no_notices():
    assert list(notices_of({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})) == []


def test_one_failure_hides_no_other_notice_and_lambda_is_told(capsys):
    event = {"Records": notice("bad.txt")["Records"] + notice("good.txt")["Records"]}

    def handle(one):
        if one.key == "bad.txt":
            raise ValueError("bad")
        return "processed"

    with pytest.raises(ValueError, match="bad"):
        handle_each(event, CONTEXT, handle)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["key"], line["request"]) for line in lines] == [
        ("failed", "bad.txt", "r-1"),
        ("processed", "good.txt", "r-1"),
    ]


# Design 1


@pytest.mark.parametrize(
    ("key", "output"),
    [
        ("original/a.txt", "a.txt"),
        ("original/original/a.txt", "a.txt"),
        ("original/b/original/a.txt", "b/original/a.txt"),
        ("original/.txt", ".txt"),
        ("originals/a.txt", "originals/a.txt"),
    ],
)
def test_no_output_has_the_prefix(app, key, output):
    assert app("prefix_suffix").output_key(key) == output


# Design 2


@pytest.mark.parametrize(
    ("metadata", "is_original"),
    [({"original": "true"}, True), ({"original": "false"}, False), ({"original": "True"}, False), ({}, False)],
)
def test_only_the_mark_makes_an_original(app, metadata, is_original):
    assert app("user_metadata").is_original(metadata) is is_original


def test_what_replaces_an_original_keeps_all_metadata_but_the_mark(app, s3):
    s3.add_response("get_object", found(original="true", author="you"), {"Bucket": "bucket", "Key": "a.txt"})
    s3.add_response(
        "put_object",
        {"ETag": '"e-2"'},
        {
            "Bucket": "bucket",
            "Key": "a.txt",
            "Body": b"1: a\n",
            "IfMatch": '"e-1"',
            "ContentType": "text/plain",
            "Metadata": {"author": "you"},
        },
    )
    (one,) = notices_of(notice())
    assert app("user_metadata").overwrite(one) == "processed"


def test_an_object_without_the_mark_is_not_written(app, s3):
    s3.add_response("get_object", found(author="you"))
    (one,) = notices_of(notice())
    assert app("user_metadata").overwrite(one) == "skipped"


@pytest.mark.parametrize(
    ("module", "handle"),
    [("two_buckets", "copy"), ("prefix_suffix", "strip"), ("user_metadata", "overwrite"), ("loop", "overwrite")],
)
def test_nothing_is_written_for_an_object_that_is_gone(app, s3, module, handle):
    s3.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    (one,) = notices_of(notice())
    assert getattr(app(module), handle)(one) == "gone"


@pytest.mark.parametrize("code", ["PreconditionFailed", "NoSuchKey"])
def test_an_object_overwritten_or_deleted_meanwhile_stays_so(app, s3, code):
    s3.add_client_error("put_object", code)
    assert app("objects").process_in_place(found(), "bucket", "a.txt", {}) == "overtaken"


def test_any_other_refusal_fails_the_invocation(app, s3):
    s3.add_client_error("put_object", "AccessDenied")
    with pytest.raises(s3.client.exceptions.ClientError, match="AccessDenied"):
        app("objects").process_in_place(found(), "bucket", "a.txt", {})


# Design 3


@pytest.mark.parametrize(
    ("time_s", "midnight_s"),
    [
        (MIDNIGHT_S - 86_400, MIDNIGHT_S),
        (MIDNIGHT_S - 1, MIDNIGHT_S),
        (MIDNIGHT_S, MIDNIGHT_S + 86_400),
    ],
)
def test_an_item_lives_until_the_next_midnight(app, time_s, midnight_s):
    assert app("recorder").next_midnight_s(time_s) == midnight_s


def test_items_of_one_key_are_identical_all_day_whenever_the_notice_comes(app):
    (early,), (late,), (next_day,) = (
        notices_of(notice(time=time))
        for time in ("2025-11-25T00:00:00.000Z", "2025-11-25T23:59:59.999Z", "2025-11-26T00:00:00.000Z")
    )
    item_of = app("recorder").item_of
    assert item_of(early) == item_of(late) == {"ID": {"S": "a.txt"}, "TimeToLive": {"N": str(MIDNIGHT_S)}}
    assert item_of(next_day) != item_of(late)


def test_an_expired_item_is_no_upload(app, s3):
    assert app("processor").handler({"Records": [stream_record("REMOVE")]}, CONTEXT) == {"batchItemFailures": []}


def test_the_first_failure_ends_a_batch_and_is_where_it_comes_again(app, s3, monkeypatch, capsys):
    monkeypatch.setenv("BUCKET", "bucket")
    s3.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    s3.add_client_error("get_object", "SlowDown", http_status_code=400)
    records = [stream_record(sequence=str(number), key=f"{number}.txt") for number in (1, 2, 3)]
    answer = app("processor").handler({"Records": records}, CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["key"]) for line in said] == [("gone", "1.txt"), ("failed", "2.txt")]


# The loop


@pytest.mark.parametrize(("round_", "outcome"), [("498", "processed"), ("499", "processed"), ("500", "blown")])
def test_the_fuse_ends_a_loop_that_everybody_forgot(app, s3, monkeypatch, round_, outcome):
    monkeypatch.setenv("FUSE", "500")
    s3.add_response("get_object", found(round=round_))
    if outcome == "processed":
        s3.add_response("put_object", {})
    (one,) = notices_of(notice())
    assert app("loop").overwrite(one) == outcome


# How check.py counts


def line(request: str, key: str, event: str = "processed") -> str:
    return json.dumps({"event": event, "key": key, "request": request})


def start(request: str) -> str:
    return f"START RequestId: {request} Version: $LATEST\n"


def test_invocations_are_counted_by_their_start_lines_in_any_order():
    told = read_log([line("1", "a"), start("2"), start("1"), "END RequestId: 1", "REPORT …", line("2", "a")])
    assert told.invocations() == {"a": 2}
    assert told.unexplained() == 0


def test_another_attempt_at_an_event_is_another_invocation():
    assert read_log([start("1"), line("1", "a", "failed"), start("1"), line("1", "a")]).invocations() == {"a": 2}


def test_an_invocation_for_two_keys_counts_for_both():
    assert read_log([start("1"), line("1", "a"), line("1", "b")]).invocations() == {"a": 1, "b": 1}


def test_an_invocation_that_says_nothing_is_not_explained():
    assert read_log([start("1"), "Task timed out", '{"no": "key"}', start("2"), line("2", "a")]).unexplained() == 1


def test_a_miss_on_either_side_and_the_unexpected_are_told():
    expected = {("f", "a"): (1, 1), ("f", "b"): (2, 2), ("f", "c"): (1, 2), ("f", "d"): (1, 1)}
    counted = {("f", "a"): 1, ("f", "b"): 1, ("f", "c"): 3, ("g", "a"): 1}
    assert [(str(miss), miss.is_too_many) for miss in misses(expected, counted)] == [
        ("f: 1 invocations for 'b', not 2", False),
        ("f: 3 invocations for 'c', not 1 to 2", True),
        ("f: 0 invocations for 'd', not 1", False),
        ("g: 1 invocations for 'a', not 0", True),
    ]
