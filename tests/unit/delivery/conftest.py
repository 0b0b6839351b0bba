"""A poller of a stream of one shard, with a target in memory. Who needs another target or plan says so in its module."""

import pytest

from tests.unit.delivery.polling import FakeStream, FakeTarget, Polling


@pytest.fixture
async def stream(cloud):
    stream = FakeStream(cloud)
    await stream.add_shard("s1")
    return stream


@pytest.fixture
def target():
    return FakeTarget()


@pytest.fixture
def polling(cloud, stream, target):
    return Polling(cloud, stream, target)
