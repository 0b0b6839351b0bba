"""Long polling: a receive that waits for a message."""

import asyncio

import pytest

from pileus.kernel.errors import AwsError


@pytest.fixture
def waiting(begin):
    """`await waiting(receive)`: the receive as a task that has looked once and waits now."""

    async def waits(receive):
        task = await begin(receive)
        assert not task.done()
        return task

    return waits


async def test_a_receive_waits_until_a_message_is_sent(jobs, waiting):
    receive = await waiting(jobs.bodies(WaitTimeSeconds=20))
    await jobs.send("hello")
    assert await receive == ["hello"]


async def test_a_receive_gives_up_when_its_wait_is_over(cloud, jobs, waiting):
    receive = await waiting(jobs.bodies(WaitTimeSeconds=20))
    cloud.clock.advance(ms=19_999)
    later = await waiting(jobs.bodies(WaitTimeSeconds=1))
    assert not receive.done()
    cloud.clock.advance(ms=1)
    assert await receive == []
    later.cancel()


async def test_the_queue_says_how_long_a_receive_waits_that_does_not_say(cloud, make, waiting):
    patient = await make("patient", ReceiveMessageWaitTimeSeconds="5")
    receive = await waiting(patient.bodies())
    cloud.clock.advance(ms=5_000)
    assert await receive == []
    assert await patient.bodies(WaitTimeSeconds=0) == []


async def test_a_receive_that_waits_gets_a_message_that_becomes_visible(cloud, jobs, waiting):
    await jobs.send("hello")
    await jobs.receive(VisibilityTimeout=10)
    receive = await waiting(jobs.bodies(WaitTimeSeconds=20))
    cloud.clock.advance(ms=10_000)
    assert await receive == ["hello"]


async def test_a_receive_that_waits_gets_a_delayed_message_that_was_sent_meanwhile(cloud, jobs, waiting):
    receive = await waiting(jobs.bodies(WaitTimeSeconds=20))
    await jobs.send("hello", DelaySeconds=10)
    cloud.clock.advance(ms=10_000)
    assert await receive == ["hello"]


async def test_a_receive_that_waits_gets_a_message_that_is_given_back(jobs, waiting):
    await jobs.send("hello")
    [message] = await jobs.receive()
    receive = await waiting(jobs.bodies(WaitTimeSeconds=20))
    await jobs.hide(message, 0)
    assert await receive == ["hello"]


async def test_a_receive_outlives_the_message_that_it_was_waiting_for(cloud, jobs, waiting):
    await jobs.send("gone")
    [message] = await jobs.receive(VisibilityTimeout=10)
    receive = await waiting(jobs.bodies(WaitTimeSeconds=20))
    await jobs.delete(message)
    cloud.clock.advance(ms=10_000)
    await jobs.send("other")
    assert await receive == ["other"]


async def test_one_message_ends_the_wait_of_one_receive(cloud, jobs, waiting):
    first = await waiting(jobs.bodies(WaitTimeSeconds=20))
    second = await waiting(jobs.bodies(WaitTimeSeconds=20))
    await jobs.send("hello")
    done, pending = await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [["hello"]]
    cloud.clock.advance(ms=20_000)
    assert await pending.pop() == []


async def test_the_queue_may_be_deleted_under_a_receive_that_waits(jobs, waiting):
    receive = await waiting(jobs.bodies(WaitTimeSeconds=20))
    await jobs.sqs.DeleteQueue(QueueUrl=jobs.url)
    with pytest.raises(AwsError) as refused:
        await receive
    assert refused.value.code == "QueueDoesNotExist"


async def test_deleting_a_message_of_a_group_ends_the_wait_for_its_next(make, waiting):
    orders = await make("orders.fifo")
    for body in "ab":
        await orders.send(body, MessageGroupId="g")
    [a] = await orders.receive(1)
    receive = await waiting(orders.bodies(WaitTimeSeconds=20))
    await orders.delete(a)
    assert await receive == ["b"]


async def test_the_limit_of_messages_in_flight_is_no_error_for_a_receive_that_waits(cloud, jobs, monkeypatch, waiting):
    monkeypatch.setattr("pileus.services.sqs.state.messages.IN_FLIGHT_MAX", 1)
    for body in "ab":
        await jobs.send(body)
    [a] = await jobs.receive()
    receive = await waiting(jobs.bodies(WaitTimeSeconds=20))
    cloud.clock.advance(ms=20_000)
    assert await receive == []
    await jobs.delete(a)
    assert await jobs.bodies() == ["b"]
