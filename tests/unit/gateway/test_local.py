"""What Pileus answers for itself: health, status, the clock. To this machine only."""

import orjson
import pytest

from pileus.gateway.clock_moves import duration_ms
from pileus.kernel.clock import iso8601
from pileus.testing import STARTS_AT_MS

PAGES = ["/_pileus/health", "/_localstack/health", "/_pileus/status", "/_pileus/clock", "/_pileus/explain/x"]


async def clock(wire, **move) -> dict:
    answer = await wire.ask("POST", "/_pileus/clock", orjson.dumps(move))
    assert answer.status == 200, answer.body
    return orjson.loads(answer.body)


@pytest.mark.parametrize("path", ["/_pileus/health", "/_localstack/health"])
async def test_health_names_every_service_that_runs(wire, path):
    answer = await wire.ask("GET", path)
    health = orjson.loads(answer.body)
    assert (answer.status, answer.headers["content-type"], health["status"]) == (200, "application/json", "running")
    assert set(health["services"]) == set(wire.cloud.pileus.registry.services)
    assert health["version"]


async def test_status_says_how_it_runs(wire):
    status = orjson.loads((await wire.ask("GET", "/_pileus/status")).body)
    assert (status["durability"], status["auth"], status["iam"], status["data_dir"]) == (
        "none",
        "local",
        "enforce",
        None,
    )
    assert {"timers.wheel", "delivery.dispatcher"} <= set(status["tasks"])


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "::ffff:127.0.0.1", ""])
async def test_other_machines_are_told_nothing(wire, path, host):
    answer = await wire.ask("GET", path, client_host=host)
    assert answer.status == 403
    assert set(orjson.loads(answer.body)) == {"message"}


async def test_other_machines_do_not_move_the_clock(wire):
    before = wire.cloud.clock.now_ms()
    assert (await wire.ask("POST", "/_pileus/clock", b'{"advance":"30d"}', client_host="192.0.2.1")).status == 403
    assert wire.cloud.clock.now_ms() == before


async def test_there_is_nothing_else(wire):
    assert (await wire.ask("GET", "/_pileus/nothing")).status == 404
    assert (await wire.ask("GET", "/_pileus/explain/none-such")).status == 404
    # What does not begin so is the APIs'.
    assert b"Code>" in (await wire.ask("GET", "/pileus/health")).body


# The clock


async def test_the_clock_says_where_it_stands(wire):
    answer = orjson.loads((await wire.ask("GET", "/_pileus/clock")).body)
    assert answer == {"now": iso8601(STARTS_AT_MS), "now_ms": STARTS_AT_MS, "is_frozen": True}


async def test_advancing_delivers_what_falls_due_on_the_way(wire):
    url = (await wire.call("sqs", "CreateQueue", QueueName="jobs")).parsed["QueueUrl"]
    await wire.call("sqs", "SendMessage", QueueUrl=url, MessageBody="later", DelaySeconds=900)
    assert "Messages" not in (await wire.call("sqs", "ReceiveMessage", QueueUrl=url)).parsed
    assert (await clock(wire, advance="899s"))["now_ms"] == STARTS_AT_MS + 899_000
    assert "Messages" not in (await wire.call("sqs", "ReceiveMessage", QueueUrl=url)).parsed
    await clock(wire, advance="1s")
    assert (await wire.call("sqs", "ReceiveMessage", QueueUrl=url)).parsed["Messages"][0]["Body"] == "later"
    # The default retention is four days.
    await clock(wire, advance="4d")
    assert "Messages" not in (await wire.call("sqs", "ReceiveMessage", QueueUrl=url)).parsed


async def test_set_goes_to_a_time_and_never_back(wire):
    assert (await clock(wire, set="2026-02-01T00:00:00Z"))["now"] == "2026-02-01T00:00:00.000Z"
    answer = await wire.ask("POST", "/_pileus/clock", b'{"set":"2026-01-31T00:00:00Z"}')
    assert answer.status == 400
    assert wire.cloud.clock.now_ms() == STARTS_AT_MS + 31 * 86_400_000


async def test_freeze_stands_and_resume_goes_on_from_there(opened):
    wire = await opened(is_frozen=False)
    frozen = await clock(wire, freeze=True)
    assert frozen["is_frozen"]
    assert wire.cloud.clock.now_ms() == wire.cloud.clock.now_ms() == frozen["now_ms"]
    later = await clock(wire, advance="1h")
    assert later["now_ms"] == frozen["now_ms"] + 3_600_000
    resumed = await clock(wire, resume=True)
    assert not resumed["is_frozen"]
    assert 0 <= resumed["now_ms"] - later["now_ms"] < 10_000
    assert (await clock(wire, freeze="2100-01-01T00:00:00Z"))["now"] == "2100-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"{}",
        b'{"advance":"soon"}',
        b'{"advance":"-1d"}',
        b'{"set":"tomorrow"}',
        b'{"set":null}',
        b'{"resume":false}',
        b'{"freeze":false}',
        b'{"set":"1999-01-01T00:00:00Z"}',
        b'{"advance":"99999999999999999999d"}',
    ],
)
async def test_a_move_that_makes_no_sense_moves_nothing(wire, body):
    answer = await wire.ask("POST", "/_pileus/clock", body)
    assert (answer.status, "message" in orjson.loads(answer.body)) == (400, True)
    assert wire.cloud.clock.now_ms() == STARTS_AT_MS


def test_durations_are_read_as_people_write_them():
    written = ["250", "250ms", "90s", "5m", "12h", "30d", "2w", " 1d "]
    expected = [250, 250, 90_000, 300_000, 43_200_000, 2_592_000_000, 1_209_600_000, 86_400_000]
    assert [duration_ms(text) for text in written] == expected


async def test_a_restart_takes_no_time_back(opened):
    wire = await opened(is_frozen=False)
    url = (await wire.call("sqs", "CreateQueue", QueueName="jobs")).parsed["QueueUrl"]
    await wire.call("sqs", "SendMessage", QueueUrl=url, MessageBody="later", DelaySeconds=900)
    before = await clock(wire, advance="600s")
    await wire.stop()

    wire = await opened(is_frozen=False)
    assert 0 <= wire.cloud.clock.now_ms() - before["now_ms"] < 60_000
    assert "Messages" not in (await wire.call("sqs", "ReceiveMessage", QueueUrl=url)).parsed
    await clock(wire, advance="300s")
    assert (await wire.call("sqs", "ReceiveMessage", QueueUrl=url)).parsed["Messages"][0]["Body"] == "later"


async def test_a_frozen_clock_stays_frozen_over_a_restart(opened):
    wire = await opened(is_frozen=False)
    stands = await clock(wire, freeze="2100-01-01T00:00:00Z")
    await wire.stop()
    wire = await opened(is_frozen=False)
    assert orjson.loads((await wire.ask("GET", "/_pileus/clock")).body) | {"is_quiet": True} == stands


async def test_keys_and_sessions_outlive_a_restart(opened):
    wire = await opened()
    key = await wire.user("ann")
    session = (await wire.call("sts", "GetSessionToken", key=key)).parsed["Credentials"]
    token = (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    await wire.stop()
    wire = await opened()
    for known in (key, token):
        who = await wire.call("sts", "GetCallerIdentity", key=known)
        assert who.parsed["Arn"] == "arn:aws:iam::000000000000:user/ann"
