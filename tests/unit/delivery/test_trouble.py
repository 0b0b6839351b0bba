"""What keeps a stream's poller from reading: tried ever more seldom, at once when it may be mended, and told of."""

import pytest

from pileus.delivery.pollers import NotReached
from pileus.delivery.sources import SourceGone

MINUTE_MS = 60_000


def refusing(stream, name):
    """Make a reading fail as long as the answer holds an error; return when it was tried."""
    tries, state, original = [], {"error": SourceGone("gone")}, getattr(stream, name)

    async def refused(*args):
        tries.append(stream.cloud.clock.now_ms())
        if state["error"]:
            raise state["error"]
        return await original(*args)

    setattr(stream, name, refused)
    return tries, state


@pytest.mark.parametrize("name", ["shards", "read"])
async def test_a_stream_that_is_gone_is_looked_for_ever_more_seldom(cloud, stream, polling, name):
    tries, _ = refusing(stream, name)
    await polling.begin()
    await cloud.advance(24 * 60 * MINUTE_MS)
    minutes = [(at - tries[0]) // MINUTE_MS for at in tries]
    assert minutes[:7] == [0, 1, 2, 4, 8, 16, 31]
    assert len(tries) < 110
    assert set(polling.results) == {"PROBLEM: gone"}


@pytest.mark.parametrize("name", ["shards", "read"])
@pytest.mark.parametrize("topic", ["fake.mended", "fake.target", "fake.rights"])
async def test_whatever_may_mend_it_is_followed_by_a_try_at_once(cloud, stream, target, polling, name, topic):
    _, state = refusing(stream, name)
    await stream.put(1)
    await polling.begin()
    await cloud.advance(120 * MINUTE_MS)
    state["error"] = None
    await stream.ring(topic)
    await cloud.settle()
    assert target.seen == [1]
    assert polling.results[-2:] == ["No records processed", "OK"]


@pytest.mark.parametrize("name", ["shards", "read"])
async def test_records_that_arrive_mend_nothing(cloud, stream, polling, name):
    tries, _ = refusing(stream, name)
    await polling.begin()
    tries.clear()
    for n in range(10):
        await stream.put(n)
        await cloud.settle()
    assert tries == []


@pytest.mark.parametrize("name", ["shards", "read"])
async def test_what_went_well_for_a_minute_begins_anew(cloud, stream, polling, name):
    tries, state = refusing(stream, name)
    await polling.begin()
    await cloud.advance(60 * MINUTE_MS)
    state["error"] = None
    await stream.ring("fake.mended")
    await cloud.advance(MINUTE_MS + 1)
    state["error"] = SourceGone("gone")
    tries.clear()
    await stream.ring()
    await cloud.advance(MINUTE_MS)
    assert [at - tries[0] for at in tries] == [0, MINUTE_MS]


async def test_a_stop_does_not_wait_for_the_trouble_to_end(cloud, stream, polling):
    refusing(stream, "read")
    await polling.begin()
    await polling.end()


async def test_a_batch_waits_for_a_target_that_is_missing_without_a_try(cloud, stream, target, polling):
    await stream.put(1)

    def gone(event):
        target.problem = "PROBLEM: gone"
        return NotReached("PROBLEM: gone")

    target.answers = gone
    await polling.begin()
    await cloud.advance(24 * 60 * MINUTE_MS)
    assert target.batches == [[1]]
    target.problem, target.answers = None, lambda event: None
    await stream.ring("fake.target")
    await cloud.settle()
    assert target.batches == [[1], [1]]


async def test_records_expire_while_their_target_is_missing(cloud, stream, target, polling):
    await stream.put(1)

    def gone(event):
        target.problem = "PROBLEM: gone"
        return NotReached("PROBLEM: gone")

    target.answers = gone
    await polling.begin(age_limit_ms=MINUTE_MS)
    await cloud.advance(MINUTE_MS)
    assert not polling.discarded
    await cloud.advance(1)
    assert [each.condition for each in polling.discarded] == ["RecordAgeExceeded"]
