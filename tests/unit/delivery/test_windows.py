"""Tumbling windows, on edges from both sides. Source: Lambda developer guide, "Implementing stateful … processing"."""

import json
import random

import pytest

from pileus.delivery.filters import Filters
from pileus.delivery.pollers.windows import STATE_LIMIT_BYTES
from tests.unit.delivery.polling import FakeTarget, Polling

MINUTE_MS = 60_000


@pytest.fixture
def target():
    return FakeTarget(collecting)


@pytest.fixture
def polling(cloud, stream, target):
    return Polling(cloud, stream, target, tumbling_ms=MINUTE_MS)


def collecting(event):
    """Its state is the list of what it has seen of the window."""
    return {"state": {"seen": event["state"].get("seen", []) + [record["n"] for record in event["Records"]]}}


def told(target):
    """Of each run: (minute of its window, what it was given, state it was given, final, early)"""
    return [
        (
            int(event["window"]["start"][14:16]),
            [record["n"] for record in event["Records"]],
            event["state"].get("seen", []),
            event["isFinalInvokeForWindow"],
            event["isWindowTerminatedEarly"],
        )
        for event in target.events
    ]


async def test_from_the_trim_horizon_the_windows_of_the_past_come_one_after_the_other(cloud, stream, target, polling):
    for n in range(3):
        await stream.put(n, n + 10)
        await cloud.advance(MINUTE_MS)
    await polling.begin()
    assert told(target) == [
        (0, [0, 10], [], False, False),
        (0, [], [0, 10], True, False),
        (1, [1, 11], [], False, False),
        (1, [], [1, 11], True, False),
        (2, [2, 12], [], False, False),
        (2, [], [2, 12], True, False),
    ]


async def test_from_a_timestamp_the_first_window_begins_before_it(cloud, stream, target, polling):
    """A window is one of the clock's: that of the first record, not one that begins with it."""
    await stream.put(1)
    await cloud.advance(30_000)
    await stream.put(2)
    await polling.begin(starting_position="AT_TIMESTAMP", starting_at_ms=cloud.clock.now_ms())
    await cloud.advance(30_000)
    assert told(target) == [(0, [2], [], False, False), (0, [], [2], True, False)]


async def test_from_the_latest_only_what_comes_has_a_window(cloud, stream, target, polling):
    await stream.put(1)
    await polling.begin(starting_position="LATEST")
    await cloud.advance(2 * MINUTE_MS)
    assert target.events == []
    await stream.put(2)
    await cloud.advance(MINUTE_MS)
    assert told(target) == [(2, [2], [], False, False), (2, [], [2], True, False)]


async def test_the_last_millisecond_of_a_window_is_in_it_and_the_next_is_not(cloud, stream, target, polling):
    await cloud.advance(MINUTE_MS - 1)
    await stream.put(1)
    await cloud.advance(1)
    await stream.put(2)
    await polling.begin()
    assert told(target) == [(0, [1], [], False, False), (0, [], [1], True, False), (1, [2], [], False, False)]


async def test_a_batch_ends_with_its_window_though_its_batching_window_does_not(cloud, stream, target, polling):
    await cloud.advance(MINUTE_MS - 1000)
    await polling.begin(window_ms=30_000)
    await stream.put(1)
    await cloud.advance(999)
    assert target.events == []
    await cloud.advance(1)
    assert told(target) == [(0, [1], [], False, False), (0, [], [1], True, False)]


async def test_a_window_without_records_runs_nothing(cloud, stream, target, polling):
    await polling.begin()
    await stream.put(1)
    await cloud.advance(10 * MINUTE_MS)
    assert len(target.events) == 2


@pytest.mark.parametrize(("over", "is_early"), [(0, False), (1, True)])
async def test_a_state_of_more_than_a_megabyte_ends_its_window(cloud, stream, target, polling, over, is_early):
    room = STATE_LIMIT_BYTES - len('{"x":""}')
    target.answers = lambda event: {"state": {"x": "y" * (room + over)}}
    await polling.begin()
    await stream.put(1)
    await cloud.settle()
    assert [event["isWindowTerminatedEarly"] for event in target.events[1:]] == [True] * is_early
    await cloud.advance(MINUTE_MS)
    finals = [event for event in target.events if event["isFinalInvokeForWindow"]]
    assert [event["isWindowTerminatedEarly"] for event in finals] == [is_early]


async def test_a_states_size_is_that_of_its_text_in_utf_8(cloud, stream, target, polling):
    target.answers = lambda event: {"state": {"x": "é" * 400_000}}
    await polling.begin()
    await stream.put(1)
    await cloud.settle()
    assert len(target.events) == 1
    await cloud.advance(MINUTE_MS)
    assert target.events[1]["state"] == {"x": "é" * 400_000}


async def test_after_an_early_end_the_same_window_goes_on_with_an_empty_state(cloud, stream, target, polling):
    target.answers = lambda event: (
        {"state": {"x": "y" * STATE_LIMIT_BYTES}} if 1 in [r["n"] for r in event["Records"]] else collecting(event)
    )
    await polling.begin(batch_size=1)
    await stream.put(1, 2, 3)
    await cloud.settle()
    await polling.crash()
    await polling.begin()
    await cloud.advance(MINUTE_MS)
    assert told(target) == [
        (0, [1], [], False, False),
        (0, [], [], True, True),
        (0, [2], [], False, False),
        (0, [3], [2], False, False),
        (0, [], [2, 3], True, False),
    ]


async def test_an_early_end_that_was_killed_is_told_after_the_restart(cloud, stream, target, polling):
    big = {"state": {"x": "y" * STATE_LIMIT_BYTES}}
    target.answers = lambda event: ValueError() if event["isFinalInvokeForWindow"] else big
    await polling.begin()
    await stream.put(1)
    await cloud.settle()
    await polling.crash()
    target.answers = collecting
    await stream.put(2)
    await polling.begin()
    assert told(target)[2:] == [(0, [], [], True, True), (0, [2], [], False, False)]


async def test_each_shard_has_its_own_windows_and_states(cloud, stream, target, polling):
    await stream.add_shard("s2")
    await polling.begin()
    await stream.put(1)
    await stream.put(2, shard="s2")
    await stream.put(3)
    await cloud.advance(MINUTE_MS)
    finals = {event["shardId"]: event["state"]["seen"] for event in target.events if event["isFinalInvokeForWindow"]}
    assert finals == {"s1": [1, 3], "s2": [2]}


async def test_a_split_ends_the_parents_window_and_its_children_begin_with_an_empty_state(
    cloud, stream, target, polling
):
    await polling.begin()
    await stream.put(1)
    await cloud.settle()
    await stream.close("s1")
    await stream.add_shard("s2", "s1")
    await stream.put(2, shard="s2")
    await cloud.settle()
    assert told(target) == [(0, [1], [], False, False), (0, [], [1], True, False), (0, [2], [], False, False)]
    assert [event["shardId"] for event in target.events] == ["s1", "s1", "s2"]


async def test_a_failed_batch_is_tried_again_with_the_state_before_it(cloud, stream, target, polling):
    outcomes = [None, ValueError(), ValueError(), None]
    target.answers = lambda event: outcomes.pop(0) or collecting(event)
    await polling.begin()
    await stream.put(1)
    await cloud.settle()
    await stream.put(2)
    await cloud.advance(3000)
    assert told(target)[1:] == [(0, [2], [1], False, False)] * 3


async def test_what_is_given_up_leaves_the_state_as_it_was(cloud, stream, target, polling):
    target.answers = lambda event: ValueError() if 2 in [r["n"] for r in event["Records"]] else collecting(event)
    await polling.begin(retries=0)
    for n in (1, 2, 3):
        await stream.put(n)
        await cloud.settle()
    await cloud.advance(MINUTE_MS)
    assert len(polling.discarded) == 1
    assert told(target)[2:] == [(0, [3], [1], False, False), (0, [], [1, 3], True, False)]


async def test_a_batch_reported_in_part_carries_its_state_to_the_rest(cloud, stream, target, polling):
    numbers = await stream.put(1, 2, 3)
    outcomes = [{"state": {"seen": [1]}, "batchItemFailures": [{"itemIdentifier": numbers[1]}]}]
    target.answers = lambda event: outcomes.pop(0) if outcomes else collecting(event)
    await polling.begin(reports_failures=True)
    await cloud.advance(MINUTE_MS)
    assert told(target) == [
        (0, [1, 2, 3], [], False, False),
        (0, [2, 3], [1], False, False),
        (0, [], [1, 2, 3], True, False),
    ]


async def test_a_final_run_that_was_killed_comes_again_with_its_state(cloud, stream, target, polling):
    target.answers = lambda event: ValueError() if event["isFinalInvokeForWindow"] else collecting(event)
    await polling.begin()
    await stream.put(1)
    await cloud.advance(MINUTE_MS)
    await polling.crash()
    target.answers = collecting
    await polling.begin()
    assert told(target)[-1] == (0, [], [1], True, False)
    assert polling.checkpoint().window_ms is None


async def test_a_window_that_ended_while_nobody_polled_has_its_final_run_when_somebody_does(
    cloud, stream, target, polling
):
    await polling.begin()
    await stream.put(1)
    await cloud.settle()
    await polling.end()
    await stream.put(2)
    await cloud.advance(5 * MINUTE_MS)
    await stream.put(3)
    await polling.begin()
    assert told(target)[1:] == [
        (0, [2], [1], False, False),
        (0, [], [1, 2], True, False),
        (5, [3], [], False, False),
    ]


@pytest.mark.parametrize("answer", ["text", None, [], {"state": "text"}, {"state": None}, {"State": {}}])
async def test_what_has_no_state_is_a_failure(cloud, stream, target, polling, answer):
    target.answers = lambda event: answer
    await polling.begin(retries=0)
    await stream.put(1)
    await cloud.settle()
    assert len(polling.discarded) == 1


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_each_record_is_in_the_final_state_of_one_window(cloud, stream, target, polling, seed):
    """Failing and refused records, crashes, stops, splits of shards."""
    chance = random.Random(seed)
    refused = set(chance.sample(range(400), chance.choice([1, 100, 300])))
    filters = Filters([json.dumps({"n": [{"anything-but": sorted(refused)}]})], None)
    bad: set[int] = set()
    final: dict[tuple[str, str], list[int]] = {}
    shard, number = "s1", 0

    def answers(event):
        numbers = [record["n"] for record in event["Records"]]
        if bad & set(numbers):
            return ValueError()
        seen = event["state"].get("seen", []) + numbers
        if event["isFinalInvokeForWindow"]:
            assert final.setdefault((event["shardId"], event["window"]["start"]), seen) == seen
        return {"state": {"seen": seen}}

    def plan():
        return {"batch_size": chance.choice([1, 3, 10]), "window_ms": chance.choice([0, 2000]), "filters": filters}

    target.answers = answers
    await polling.begin(tumbling_ms=10_000, **plan())
    for _ in range(40):
        action = chance.random()
        if action < 0.5:
            for _ in range(chance.randrange(1, 8)):
                await stream.put(number, shard=shard)
                if chance.random() < 0.05:
                    bad.add(number)
                number += 1
            await cloud.settle()
        elif action < 0.6:
            bad.clear()
        elif action < 0.65:
            await stream.close(shard)
            await stream.add_shard(child := f"s{len(stream.parents) + 1}", shard)
            shard = child
        elif action < 0.8:
            await polling.crash()
            await polling.begin(**plan())
        elif action < 0.9:
            await polling.end()
            await polling.begin(**plan())
        else:
            await cloud.advance(chance.randrange(8000))
    bad.clear()
    await cloud.advance(900_000)
    assert sorted(n for seen in final.values() for n in seen) == sorted(set(range(number)) - refused)
