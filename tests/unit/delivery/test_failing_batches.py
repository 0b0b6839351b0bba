"""What has failed is kept: after a crash or a stop a batch is the same again, and its runs count."""

import random
import zlib
from functools import partial

import pytest

from pileus.delivery.filters import Filters
from pileus.store.store import Store
from tests.unit.delivery.polling import failing as failing_for

failing = partial(failing_for, otherwise={"state": {}})


async def again(polling, how, **changes):
    await (polling.crash() if how == "crash" else polling.end())
    await polling.begin(**changes)


@pytest.mark.parametrize("how", ["crash", "end"])
async def test_a_restart_takes_no_retry_back(cloud, stream, target, polling, how):
    target.answers = failing(1)
    await stream.put(1, 2)
    await polling.begin(retries=3)
    for _ in range(3):
        assert not polling.discarded
        await again(polling, how)
    (discarded,) = polling.discarded
    assert (discarded.runs, discarded.count, discarded.condition) == (4, 2, "RetryAttemptsExhausted")
    assert target.batches == [[1, 2]] * 4
    assert polling.checkpoint().failing == {}


async def test_what_expires_after_a_restart_is_reported_with_its_runs_and_its_last_answer(
    cloud, stream, target, polling
):
    target.answers = failing(1)
    await stream.put(1)
    await polling.begin(age_limit_ms=60_000)
    await cloud.advance(500)
    await polling.crash()
    cloud.clock.advance(120_000)
    await polling.begin()
    (discarded,) = polling.discarded
    assert (discarded.condition, discarded.runs, len(target.events)) == ("RecordAgeExceeded", 2, 2)
    assert (discarded.answer.error, discarded.answer.request_id) == ("Unhandled", "request")


async def test_a_batch_that_failed_is_the_same_after_a_restart_though_more_has_come(cloud, stream, target, polling):
    target.answers = failing(1)
    await stream.put(1, 2)
    await polling.begin()
    await polling.crash()
    await stream.put(3, 4)
    await polling.begin()
    assert target.batches == [[1, 2], [1, 2]]
    target.answers = failing()
    await cloud.advance(60_000)
    assert target.batches[2:] == [[1, 2], [3, 4]]


async def test_a_restart_waits_for_all_of_a_batch_that_comes_in_pages(cloud, stream, target, polling):
    target.answers = failing(4)
    await stream.put(*range(5))
    await polling.begin()
    stream.pages = 2
    await again(polling, "crash")
    assert target.batches == [[0, 1, 2, 3, 4]] * 2


async def test_a_split_batch_stays_split(cloud, stream, target, polling):
    target.answers = failing(2)
    await stream.put(1, 2, 3, 4)
    await polling.begin(bisects=True, retries=1)
    await cloud.advance(500)
    assert target.batches == [[1, 2, 3, 4], [1, 2]]
    await again(polling, "crash")
    assert target.batches[2:] == [[1], [2]], "halved already: the first half was done with, and the bad one is alone"
    await again(polling, "crash")
    assert target.batches[4:] == [[2], [3, 4]]
    assert [(each.first_sequence_number, each.count, each.runs) for each in polling.discarded] == [("2", 1, 2)]


async def test_what_was_processed_and_what_failed_of_a_batch_is_one_commit(cloud, stream, target, polling):
    numbers = await stream.put(1, 2, 3)
    target.answers = lambda event: {"batchItemFailures": [{"itemIdentifier": numbers[1]}]}
    await polling.begin(reports_failures=True, retries=2)
    checkpoint = polling.checkpoint()
    assert checkpoint.position == numbers[0]
    assert [(each.first, each.last, each.runs) for each in checkpoint.failing["0"]] == [(numbers[1], numbers[2], 1)]


async def test_a_batch_that_never_failed_writes_nothing_besides_its_checkpoint(
    cloud, stream, target, polling, monkeypatch
):
    await polling.begin()
    writes, write = [], Store.write

    async def counted(store, fn, *args, **kwargs):
        writes.append(fn.__name__)
        return await write(store, fn, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", counted)
        await stream.put(1)
        await stream.put(2)
        await cloud.settle()
    assert [name for name in writes if name != "rung"] == ["advance"] * len(target.batches)


async def test_smaller_batches_try_the_same_records_and_go_on_counting(cloud, stream, target, polling):
    target.answers = failing(1, 2, 3)
    await stream.put(1, 2, 3)
    await polling.begin(retries=1)
    await again(polling, "end", batch_size=2)
    assert target.batches == [[1, 2, 3], [1, 2], [3]]
    assert [(each.count, each.runs) for each in polling.discarded] == [(2, 2), (1, 2)]


async def test_other_lanes_count_anew(cloud, stream, target, polling):
    target.answers = failing(1)
    await stream.put(1)
    await polling.begin(retries=1)
    await again(polling, "end", parallelization=3)
    assert not polling.discarded
    await cloud.advance(500)
    assert [each.runs for each in polling.discarded] == [2]


async def test_records_that_nobody_wants_any_more_do_not_hold_up_the_others(cloud, stream, target, polling):
    target.answers = failing(9)
    await stream.put(9, 1)
    await polling.begin()
    await again(polling, "end", filters=Filters(['{"n": [{"numeric": ["<", 5]}]}'], None))
    assert target.batches == [[9, 1], [1]]
    await stream.put(2)
    await cloud.settle()
    assert target.seen[-1] == 2
    assert polling.checkpoint().failing == {}


async def test_each_lane_counts_for_itself(cloud, stream, target, polling):
    for n in range(40):
        await stream.put(n, key=f"k{n}")
    bad = {0, 7, 21}
    target.answers = lambda event: ValueError() if {r["n"] for r in event["Records"]} & bad else None
    await polling.begin(parallelization=4, batch_size=2, retries=3)
    for _ in range(12):
        await again(polling, "crash")
    assert {n for each in polling.discarded for n in [each.runs]} == {4}
    assert set(target.seen) == set(range(40))
    assert polling.checkpoint().position == "40"


@pytest.mark.parametrize("lanes", [1, 3])
async def test_a_failing_batch_that_its_old_lane_gets_in_part_is_not_waited_for(cloud, stream, target, polling, lanes):
    """With another number of lanes the old ones go as far as they had come, and a failing batch may end beyond that."""
    bad, good = (next(key for key in "abcdefgh" if zlib.crc32(key.encode()) % 2 == lane) for lane in (0, 1))
    for n, key in ((1, bad), (2, good), (3, bad)):
        await stream.put(n, key=key)
    target.answers = failing(1)
    await polling.begin(parallelization=2)
    await polling.end()
    assert polling.checkpoint().failing["0"][0].last == "3"
    target.events.clear()
    target.answers = lambda event: None
    await polling.begin(parallelization=lanes)
    assert target.seen == [1, 3]
    assert polling.checkpoint().position == "3"


async def test_a_windows_failing_batch_counts_over_a_restart_and_its_state_is_that_before_it(
    cloud, stream, target, polling
):
    def answers(event):
        numbers = [record["n"] for record in event["Records"]]
        return ValueError() if 3 in numbers else {"state": {"seen": event["state"].get("seen", []) + numbers}}

    target.answers = answers
    await polling.begin(tumbling_ms=60_000, retries=2)
    await stream.put(1, 2)
    await cloud.settle()
    await stream.put(3)
    await cloud.settle()
    await again(polling, "crash")
    assert not polling.discarded
    await again(polling, "crash")
    assert [each.runs for each in polling.discarded] == [3]
    await cloud.advance(60_000)
    assert [event["state"] for event in target.events[1:]] == [{"seen": [1, 2]}] * 4
    assert target.events[-1]["isFinalInvokeForWindow"]


@pytest.mark.parametrize("seed", range(10))
async def test_no_restart_lets_a_record_be_tried_more_often_than_it_may(cloud, stream, target, polling, seed):
    """Poisoned records under crashes and stops: each is tried as often as if nothing had happened, and given up."""
    chance = random.Random(seed)
    bad = {n for n in range(60) if chance.random() < 0.1}
    target.answers = lambda event: ValueError() if {r["n"] for r in event["Records"]} & bad else None
    plan = {"parallelization": chance.choice([1, 3]), "batch_size": chance.choice([1, 4, 10]), "retries": 3}
    plan["bisects"] = chance.random() < 0.5
    stream.pages = chance.choice([3, 1000])
    for n in range(60):
        await stream.put(n, key=f"k{n % 7}")
    await polling.begin(**plan)
    for _ in range(60):
        await again(polling, chance.choice(["crash", "end"]))
        await cloud.advance(chance.choice([0, 0, 500]))
    await cloud.advance(600_000)
    assert set(target.seen) == set(range(60))
    assert {each.runs for each in polling.discarded} <= {4}
    if plan["bisects"]:
        assert sorted(int(each.first_sequence_number) - 1 for each in polling.discarded) == sorted(bad)
    assert polling.checkpoint().position == "60"
    batches = [tuple(batch) for batch in target.batches]
    assert max(batches.count(batch) for batch in batches) <= 4
