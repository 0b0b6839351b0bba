"""The poller of streams, on a stream and a target in memory."""

import asyncio
import json
import random
import zlib

import pytest

from pileus.delivery.filters import Filters
from pileus.delivery.pollers import NotReached
from pileus.delivery.sources import SourceGone
from pileus.kernel.errors import AwsError, ServiceUnavailable
from tests.unit.delivery.polling import failing

SECOND_MS = 1000


async def test_records_come_in_order_and_are_passed_once(cloud, stream, target, polling):
    await stream.put(1, 2, 3)
    await polling.begin()
    await stream.put(4)
    await cloud.settle()
    assert target.batches == [[1, 2, 3], [4]]
    assert polling.checkpoint().position == "4"
    assert polling.results[-1] == "OK"


async def test_latest_begins_after_what_is_there(cloud, stream, target, polling):
    await stream.put(1, 2)
    await polling.begin(starting_position="LATEST")
    await stream.put(3)
    await cloud.settle()
    assert target.seen == [3]


async def test_a_timestamp_begins_with_the_first_record_of_then(cloud, stream, target, polling):
    await stream.put(1)
    await cloud.advance(SECOND_MS)
    await stream.put(2)
    await polling.begin(starting_position="AT_TIMESTAMP", starting_at_ms=cloud.clock.now_ms())
    assert target.seen == [2]


async def test_a_batch_has_no_more_records_than_asked_for(cloud, stream, target, polling):
    await stream.put(*range(7))
    await polling.begin(batch_size=3)
    assert target.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_a_window_gathers_until_it_ends(cloud, stream, target, polling):
    await polling.begin(window_ms=10_000)
    await stream.put(1)
    await cloud.advance(4000)
    await stream.put(2)
    await cloud.advance(5999)
    assert target.batches == []
    await cloud.advance(1)
    assert target.batches == [[1, 2]]


async def test_a_window_ends_when_the_batch_is_full(cloud, stream, target, polling):
    await polling.begin(window_ms=10_000, batch_size=2)
    await stream.put(1, 2, 3)
    await cloud.settle()
    assert target.batches == [[1, 2]]


async def test_a_batch_fits_into_six_megabytes(cloud, stream, target, polling):
    big = "x" * 2_500_000
    await stream.put(big, big, big)
    await polling.begin()
    assert [len(batch) for batch in target.batches] == [2, 1]


async def test_what_filters_refuse_is_passed_over(cloud, stream, target, polling):
    await polling.begin(filters=Filters(['{"n": [{"numeric": [">", 5]}]}'], None))
    await stream.put(1, 2)
    await cloud.settle()
    assert target.seen == []
    assert polling.checkpoint().position == "2"
    await stream.put(7, 3)
    await cloud.settle()
    assert target.seen == [7]
    assert polling.checkpoint().position == "4"


async def test_a_batch_is_gathered_from_among_however_many_refused(cloud, stream, target, polling):
    """They take no room from it: else a stream of which little is wanted would be read by so much a window."""
    await stream.put(*range(10_000))
    wanted = Filters(['{"n": [{"numeric": ["<", 5]}, {"numeric": [">", 9994]}]}'], None)
    await polling.begin(filters=wanted, window_ms=300_000, batch_size=10)
    assert target.batches == [[0, 1, 2, 3, 4, 9995, 9996, 9997, 9998, 9999]]
    assert polling.checkpoint().position == "10000"


async def test_every_other_record_makes_a_full_batch(cloud, stream, target, polling):
    await stream.put(*[5, 0] * 3000)
    await polling.begin(filters=Filters(['{"n": [5]}'], None), window_ms=300_000, batch_size=3000)
    assert [len(batch) for batch in target.batches] == [3000]


async def test_a_failing_batch_is_tried_again_and_holds_up_the_shard(cloud, stream, target, polling):
    target.answers = failing(1)
    await stream.put(1)
    await polling.begin()
    await stream.put(2)
    await cloud.settle()
    assert target.batches == [[1]]
    await cloud.advance(499)
    assert target.batches == [[1]]
    await cloud.advance(1)
    assert target.batches == [[1], [1]]
    assert polling.results[-1] == "PROBLEM: Function call failed"
    target.answers = lambda event: None
    await cloud.advance(SECOND_MS)
    assert target.batches == [[1], [1], [1], [2]]
    assert polling.results[-1] == "OK"


async def test_after_its_retries_a_batch_is_discarded(cloud, stream, target, polling):
    target.answers = failing(1, 2)
    await stream.put(1, 2)
    await polling.begin(retries=2)
    await stream.put(3)
    await cloud.advance(60_000)
    assert target.batches == [[1, 2], [1, 2], [1, 2], [3]]
    (discarded,) = polling.discarded
    assert (discarded.condition, discarded.runs, discarded.count) == ("RetryAttemptsExhausted", 3, 2)
    assert (discarded.first_sequence_number, discarded.last_sequence_number) == ("1", "2")
    assert discarded.answer.error == "Unhandled"
    assert json.loads(discarded.payload)["Records"][0]["n"] == 1


async def test_without_retries_the_first_failure_is_the_last(cloud, stream, target, polling):
    target.answers = failing(1)
    await stream.put(1)
    await polling.begin(retries=0)
    assert target.batches == [[1]]
    assert len(polling.discarded) == 1


async def test_records_that_are_too_old_are_discarded(cloud, stream, target, polling):
    target.answers = failing(1)
    await stream.put(1)
    await polling.begin(age_limit_ms=60_000)
    await cloud.advance(60_000)
    assert not polling.discarded
    await cloud.advance(60_000)
    (discarded,) = polling.discarded
    assert discarded.condition == "RecordAgeExceeded"
    await stream.put(2)
    await cloud.settle()
    assert target.seen[-1] == 2


async def test_a_record_that_was_too_old_at_first_sight_never_runs(cloud, stream, target, polling):
    await stream.put(1)
    await cloud.advance(61_000)
    await stream.put(2)
    await polling.begin(age_limit_ms=60_000)
    assert target.seen == [2]
    assert polling.discarded[0].answer is None
    assert polling.discarded[0].runs == 0


async def test_a_bisected_batch_leaves_only_the_bad_record(cloud, stream, target, polling):
    target.answers = failing(3)
    await stream.put(1, 2, 3, 4)
    await polling.begin(bisects=True, retries=1)
    await cloud.advance(60_000)
    assert target.batches == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4]]
    assert [(each.first_sequence_number, each.count) for each in polling.discarded] == [("3", 1)]


async def test_a_reported_failure_is_the_checkpoint(cloud, stream, target, polling):
    numbers = await stream.put(1, 2, 3, 4)
    reports = [
        {"batchItemFailures": [{"itemIdentifier": numbers[3]}, {"itemIdentifier": numbers[1]}]},
        {"batchItemFailures": []},
    ]
    target.answers = lambda event: reports.pop(0)
    await polling.begin(reports_failures=True)
    assert polling.checkpoint().position == numbers[0]
    await cloud.advance(SECOND_MS)
    assert target.batches == [[1, 2, 3, 4], [2, 3, 4]]


@pytest.mark.parametrize(
    "response",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"wrong": "1"}]},
        {"batchItemFailures": [{"itemIdentifier": "no record's"}]},
        {"batchItemFailures": "all"},
    ],
)
async def test_a_report_that_says_nothing_clear_fails_the_batch(cloud, stream, target, polling, response):
    target.answers = lambda event: response
    await stream.put(1, 2)
    await polling.begin(reports_failures=True)
    await cloud.advance(500)
    assert target.batches == [[1, 2], [1, 2]]


@pytest.mark.parametrize("response", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, "fine"])
async def test_a_report_of_nothing_is_success(cloud, stream, target, polling, response):
    target.answers = lambda event: response
    await stream.put(1)
    await polling.begin(reports_failures=response != "fine")
    assert polling.checkpoint().position == "1"


async def test_a_target_that_is_not_reached_costs_no_retry(cloud, stream, target, polling):
    target.answers = lambda event: NotReached("PROBLEM: Function call failed")
    await stream.put(1)
    await polling.begin(retries=0)
    await cloud.advance(10_000)
    assert not polling.discarded
    target.answers = lambda event: None
    await cloud.advance(60_000)
    assert polling.checkpoint().position == "1"


async def test_children_wait_for_their_parents(cloud, stream, target, polling):
    await stream.put(1)
    await stream.add_shard("s2", "s1")
    await stream.put(3, shard="s2")
    target.answers = failing(1)
    await polling.begin()
    await stream.close("s1")
    await cloud.settle()
    assert 3 not in target.seen
    target.answers = lambda event: None
    await cloud.advance(60_000)
    assert target.seen[-2:] == [1, 3]
    assert polling.checkpoint("s1").is_finished


async def test_a_shard_that_came_later_is_read_from_its_beginning(cloud, stream, target, polling):
    await polling.begin(starting_position="LATEST")
    await stream.add_shard("s2", "s1")
    await stream.put(2, shard="s2")
    await stream.close("s1")
    await cloud.settle()
    assert target.seen == [2]


async def test_shards_are_read_side_by_side(cloud, stream, target, polling):
    await stream.add_shard("s2")
    await stream.put(1)
    await stream.put(2, shard="s2")
    target.answers = failing(1)
    await polling.begin()
    assert 2 in target.seen


async def test_a_shard_that_is_gone_is_forgotten(cloud, stream, target, polling):
    await stream.close("s1")
    await polling.begin()
    del stream.parents["s1"]
    await stream.add_shard("s2")
    await stream.put(2, shard="s2")
    await cloud.settle()
    assert polling.checkpoint("s1") is None
    assert target.seen == [2]


async def test_a_stopped_poller_goes_on_where_it_was(cloud, stream, target, polling):
    await stream.put(1)
    await polling.begin()
    await polling.end()
    await stream.put(2)
    await cloud.settle()
    assert target.seen == [1]
    await polling.begin()
    assert target.seen == [1, 2]


async def test_a_stop_does_not_wait_for_retries(cloud, stream, target, polling):
    target.answers = failing(1)
    await stream.put(1)
    await polling.begin()
    await polling.end()
    assert polling.checkpoint().position == "TRIM_HORIZON"
    target.answers = lambda event: None
    await polling.begin()
    assert target.batches == [[1], [1]]


async def test_a_crash_repeats_no_more_than_the_batch(cloud, stream, target, polling):
    await stream.put(*range(6))
    target.answers = failing(4)
    await polling.begin(batch_size=2)
    await polling.crash()
    target.answers = lambda event: None
    await polling.begin()
    assert target.batches == [[0, 1], [2, 3], [4, 5], [4, 5]]


async def test_a_refused_record_behind_a_failing_one_does_not_hide_it(cloud, stream, target, polling):
    """The lane has done with the first and the third, and not with the second."""
    target.answers = failing(7)
    await polling.begin(filters=Filters(['{"n": [{"numeric": [">", 5]}]}'], None), batch_size=1, parallelization=2)
    await stream.put(6, 7, 1)
    await cloud.settle()
    await polling.crash()
    target.answers = lambda event: None
    await polling.begin()
    assert target.batches == [[6], [7], [7]]
    assert polling.checkpoint().position == "3"


async def test_a_source_that_fails_is_read_again(cloud, stream, target, polling):
    stream.failures.append(AwsError("down", code="InternalFailure", status=500))
    await stream.put(1)
    await polling.begin()
    assert polling.results == ["PROBLEM: internal Lambda error. Please contact Lambda customer support."]
    await cloud.advance(SECOND_MS)
    assert target.seen == [1]


@pytest.mark.parametrize(
    ("error", "pause_ms"),
    [(ServiceUnavailable(), 1000), (SourceGone("gone"), 60_000), (KeyError("a mistake of ours"), 60_000)],
)
async def test_a_poller_that_can_not_list_shards_tries_again(cloud, stream, target, polling, error, pause_ms):
    shards, errors = stream.shards, [error]

    async def failing_once(reader):
        if errors:
            raise errors.pop()
        return await shards(reader)

    stream.shards = failing_once
    await stream.put(1)
    await polling.begin()
    await cloud.advance(pause_ms - 1)
    assert target.seen == []
    await cloud.advance(1)
    assert target.seen == [1]


async def test_nothing_is_read_for_a_target_that_is_missing(cloud, stream, target, polling):
    target.problem = "PROBLEM: gone"
    await stream.put(1)
    await polling.begin()
    assert (target.seen, polling.results) == ([], ["PROBLEM: gone"])


# Lanes


async def keyed(stream, *pairs):
    for key, data in pairs:
        await stream.put(data, key=key)


async def test_lanes_run_side_by_side_and_keep_each_keys_order(cloud, stream, target, polling):
    keys = [f"k{n}" for n in range(8)]
    for n in range(20):
        for key in keys:
            await stream.put(f"{key}:{n}", key=key)
    target.answers = lambda event: ValueError() if any(r["n"] == "k0:3" for r in event["Records"]) else None
    await polling.begin(parallelization=4, batch_size=3)
    seen = set(target.seen)
    assert any(f"{key}:19" in seen for key in keys), "no lane got past the one that fails"
    assert "k0:19" not in seen
    target.answers = lambda event: None
    await cloud.advance(60_000)
    for key in keys:
        own = [n for n in target.seen if n.startswith(f"{key}:")]
        assert list(dict.fromkeys(own)) == [f"{key}:{n}" for n in range(20)]
    assert polling.checkpoint().position == "160"
    assert polling.checkpoint().done == {}


@pytest.mark.parametrize("again", [4, 2, 1, 7])
async def test_a_crash_repeats_one_batch_a_lane(cloud, stream, target, polling, again):
    keys = [f"k{n}" for n in range(8)]
    for n in range(10):
        for key in keys:
            await stream.put(f"{key}:{n}", key=key)
    target.answers = lambda event: ValueError() if any(r["n"] == "k0:0" for r in event["Records"]) else None
    await polling.begin(parallelization=4, batch_size=5)
    first = target.seen
    await polling.crash()
    target.answers = lambda event: None
    await polling.begin(parallelization=again)
    await stream.put("last", key="k9")
    await cloud.settle()
    seen = target.seen
    assert {*seen} == {*(f"{key}:{n}" for n in range(10) for key in keys), "last"}
    assert len(seen) - len(set(seen)) <= 5, "more than the batch that had not ended was repeated"
    assert len(first) > 40
    for key in keys:
        own = [n for n in seen if n.startswith(f"{key}:")]
        assert list(dict.fromkeys(own)) == [f"{key}:{n}" for n in range(10)]


@pytest.mark.parametrize("changes", [{"parallelization": 2}, {"parallelization": 1, "tumbling_ms": 60_000}])
async def test_other_lanes_and_other_filters_begin_where_the_old_ones_were(cloud, stream, target, polling, changes):
    # One key a lane, the first of which is held up by itself alone.
    keys = list({zlib.crc32(f"k{n}".encode()) % 4: f"k{n}" for n in range(40)}.values())
    bad = keys[0]
    for n in range(5):
        for key in keys:
            await stream.put(f"{key}:{n}", key=key)
    target.answers = lambda event: (
        ValueError() if any(r["n"] == f"{bad}:0" for r in event["Records"]) else {"state": {}}
    )
    await polling.begin(parallelization=4)
    done = {n for batch in target.batches if f"{bad}:0" not in batch for n in batch}
    assert done
    await polling.end()
    target.events.clear()
    target.answers = lambda event: {"state": {}}
    # Now nobody wants the record that held its lane up.
    pattern = json.dumps({"n": [{"anything-but": {"prefix": f"{bad}:"}}]})
    await polling.begin(filters=Filters([pattern], None), **changes)
    await stream.put("new", key=keys[1])
    await cloud.settle()
    assert len(done) == 15
    assert target.seen == ["new"]


# Tumbling windows


def summing(event):
    state = event["state"]
    return {"state": {"sum": state.get("sum", 0) + sum(record["n"] for record in event["Records"])}}


async def test_a_window_carries_its_state_and_ends_with_a_final_run(cloud, stream, target, polling):
    target.answers = summing
    await polling.begin(tumbling_ms=60_000)
    await stream.put(1, 2)
    await cloud.settle()
    await stream.put(3)
    await cloud.advance(59_999)
    assert [event["state"] for event in target.events] == [{}, {"sum": 3}]
    await cloud.advance(1)
    final = target.events[-1]
    assert final == {
        "Records": [],
        "window": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:01:00Z"},
        "state": {"sum": 6},
        "shardId": "s1",
        "eventSourceARN": "arn:aws:fake:us-east-1:000000000000:stream/s",
        "isFinalInvokeForWindow": True,
        "isWindowTerminatedEarly": False,
    }
    await stream.put(5)
    await cloud.settle()
    assert target.events[-1]["state"] == {}
    assert target.events[-1]["window"]["start"] == "2026-01-01T00:01:00Z"


async def test_a_windows_state_survives_a_crash(cloud, stream, target, polling):
    target.answers = summing
    await polling.begin(tumbling_ms=60_000)
    await stream.put(1, 2)
    await cloud.settle()
    await polling.crash()
    await stream.put(4)
    cloud.clock.advance(60_000)
    await polling.begin()
    assert [(event["state"], event["isFinalInvokeForWindow"]) for event in target.events[1:]] == [
        ({"sum": 3}, False),
        ({"sum": 7}, True),
    ]


async def test_an_answer_without_state_is_a_failure(cloud, stream, target, polling):
    target.answers = lambda event: {"batchItemFailures": []}
    await stream.put(1)
    await polling.begin(tumbling_ms=60_000, retries=0)
    assert len(polling.discarded) == 1


async def test_a_final_run_is_repeated_until_it_succeeds(cloud, stream, target, polling):
    target.answers = lambda event: ValueError() if event["isFinalInvokeForWindow"] else summing(event)
    await stream.put(1)
    await polling.begin(tumbling_ms=60_000, retries=0)
    await cloud.advance(60_000)
    await stream.put(2)
    await cloud.advance(20_000)
    assert 2 not in target.seen
    target.answers = summing
    await cloud.advance(60_000)
    assert 2 in target.seen


async def test_too_large_a_state_ends_its_window_early(cloud, stream, target, polling):
    target.answers = lambda event: {"state": {"x": "y" * 1_048_576}} if event["Records"] else {}
    await stream.put(1)
    await polling.begin(tumbling_ms=60_000)
    final = target.events[-1]
    assert (final["isFinalInvokeForWindow"], final["isWindowTerminatedEarly"]) == (True, True)
    await stream.put(2)
    await cloud.settle()
    again = next(event for event in target.events if any(record["n"] == 2 for record in event["Records"]))
    assert (again["state"], again["window"]) == ({}, final["window"])


async def test_a_window_that_is_switched_off_is_forgotten(cloud, stream, target, polling):
    target.answers = summing
    await stream.put(1)
    await polling.begin(tumbling_ms=60_000)
    await polling.end()
    await stream.put(2)
    target.answers = lambda event: None
    await polling.begin(tumbling_ms=0)
    assert polling.checkpoint().window_ms is None
    assert target.events[-1].keys() == {"Records"}


async def test_a_closed_shard_ends_its_window(cloud, stream, target, polling):
    target.answers = summing
    await stream.put(1)
    await stream.close("s1")
    await polling.begin(tumbling_ms=60_000)
    assert target.events[-1]["isFinalInvokeForWindow"]
    assert polling.checkpoint().is_finished


async def test_a_thousand_moments_of_rest_cost_no_look(cloud, stream, target, polling):
    """An idle poller does nothing at all: no read, however far the clock moves."""
    await polling.begin()
    reads = 0
    read = stream.read

    async def counted(*args):
        nonlocal reads
        reads += 1
        return await read(*args)

    stream.read = counted
    await cloud.advance(86_400_000)
    await asyncio.sleep(0)
    assert reads == 0


# Everything at once


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happens_nothing_is_lost_and_each_keys_order_holds(cloud, stream, target, polling, seed):
    """Records of a few keys, failing and refused ones among them, splits of shards, crashes, stops, other numbers of
    lanes."""
    chance = random.Random(seed)
    refused = set(chance.sample(range(400), chance.choice([1, 100, 350])))
    filters = Filters([json.dumps({"n": [{"anything-but": sorted(refused)}]})], None)
    put: dict[str, list[int]] = {}
    bad: set[int] = set()
    shard, number = "s1", 0
    target.answers = lambda event: ValueError() if {record["n"] for record in event["Records"]} & bad else None
    repeats = 0

    def plan():
        return {
            "parallelization": chance.choice([1, 1, 2, 3, 5]),
            "batch_size": chance.choice([1, 3, 10]),
            "window_ms": chance.choice([0, 0, 2000]),
            "bisects": chance.random() < 0.3,
            "filters": filters,
        }

    await polling.begin(**plan())
    for _ in range(40):
        action = chance.random()
        if action < 0.5:
            for _ in range(chance.randrange(1, 8)):
                key = f"k{chance.randrange(6)}"
                await stream.put(number, key=key, shard=shard)
                put.setdefault(key, []).append(number)
                if chance.random() < 0.05:
                    bad.add(number)
                number += 1
            await cloud.settle()
        elif action < 0.6:
            bad.clear()
            await cloud.advance(chance.randrange(5000))
        elif action < 0.7:
            await stream.close(shard)
            await stream.add_shard(child := f"s{len(stream.parents) + 1}", shard)
            shard = child
        elif action < 0.85:
            await polling.crash()
            repeats += 1
            await polling.begin(**plan())
        elif action < 0.95:
            await polling.end()
            await polling.begin(**plan())
        else:
            await cloud.advance(chance.randrange(3000))
    bad.clear()
    await cloud.advance(600_000)
    seen = target.seen
    assert set(seen) == set(range(number)) - refused
    for numbers in put.values():
        own = [n for n in seen if n in set(numbers)]
        assert list(dict.fromkeys(own)) == [n for n in numbers if n not in refused]
    assert polling.checkpoint(shard).done == {}
    assert len(stream.records[shard]) == 0 or polling.checkpoint(shard).position == str(number)
