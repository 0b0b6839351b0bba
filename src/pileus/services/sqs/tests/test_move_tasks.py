"""Message move tasks: dead letters go back."""

import pytest

from pileus.kernel.errors import AwsError


@pytest.fixture
async def dead(make):
    return await make("dead")


@pytest.fixture
async def source(make, dead):
    """Its messages are dead after one receive."""
    policy = f'{{"deadLetterTargetArn":"{dead.arn}","maxReceiveCount":1}}'
    return await make("source", RedrivePolicy=policy, VisibilityTimeout="1")


async def kill(cloud, queue, *bodies: str) -> None:
    """Send messages and let them become dead letters."""
    for body in bodies:
        await queue.send(body)
    for _ in range(-(-len(bodies) // 10)):
        await queue.receive(10)
    cloud.clock.advance(ms=1_000)
    assert await queue.receive(10) == []


async def tasks(dead, count=10) -> list[dict]:
    return (await dead.sqs.ListMessageMoveTasks(SourceArn=dead.arn, MaxResults=count))["Results"]


async def test_dead_letters_go_back_to_where_they_came_from(cloud, make, source, dead):
    other = await make("other", RedrivePolicy=(await source.attributes())["RedrivePolicy"], VisibilityTimeout="1")
    await kill(cloud, source, "a", "b")
    await kill(cloud, other, "c")
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn)
    await cloud.settle()

    assert await dead.counts() == (0, 0, 0)
    assert await source.bodies() == ["a", "b"]
    assert await other.bodies() == ["c"]
    [task] = await tasks(dead)
    assert task["Status"] == "COMPLETED"
    assert (task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == (3, 3)
    assert "TaskHandle" not in task
    assert "DestinationArn" not in task


async def test_dead_letters_go_where_the_task_says(cloud, make, source, dead):
    other = await make("other")
    await kill(cloud, source, "a")
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn, DestinationArn=other.arn)
    await cloud.settle()
    assert await other.bodies() == ["a"]
    assert (await tasks(dead))[0]["DestinationArn"] == other.arn


async def test_a_moved_message_is_a_new_one(cloud, source, dead):
    await kill(cloud, source, "x" * 10_000)
    [letter] = await dead.receive(VisibilityTimeout=0)
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn)
    await cloud.settle()
    [message] = await source.receive()
    assert message["Body"] == "x" * 10_000
    assert message["MessageId"] != letter["MessageId"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["SentTimestamp"] == str(cloud.clock.now_ms())
    assert "DeadLetterQueueSourceArn" not in message["Attributes"]


async def test_messages_of_groups_move_in_order(cloud, make):
    dead = await make("dead.fifo")
    policy = f'{{"deadLetterTargetArn":"{dead.arn}","maxReceiveCount":1}}'
    orders = await make("orders.fifo", RedrivePolicy=policy, VisibilityTimeout="1")
    for body in "abc":
        await orders.send(body, MessageGroupId="g")
    await orders.receive()
    cloud.clock.advance(ms=1_000)
    await orders.receive()
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn)
    await cloud.settle()
    assert await orders.bodies() == ["a", "b", "c"]


async def test_a_task_moves_as_many_a_second_as_it_may(cloud, source, dead):
    await kill(cloud, source, *"abcde")
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=2)
    await cloud.settle()
    assert await dead.counts() == (3, 0, 0)
    [task] = await tasks(dead)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("RUNNING", 2)
    assert task["MaxNumberOfMessagesPerSecond"] == 2

    await cloud.advance(ms=999)
    assert await dead.counts() == (3, 0, 0)
    await cloud.advance(ms=1)
    assert await dead.counts() == (1, 0, 0)
    await cloud.advance(ms=1_000)
    assert (await tasks(dead))[0]["Status"] == "COMPLETED"
    assert await source.counts() == (5, 0, 0)


async def test_a_cancelled_task_leaves_what_it_has_not_moved(cloud, source, dead):
    await kill(cloud, source, *"abc")
    handle = (await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=1))["TaskHandle"]
    await cloud.settle()
    assert await cloud.sqs.CancelMessageMoveTask(TaskHandle=handle) == {"ApproximateNumberOfMessagesMoved": 1}
    await cloud.advance(ms=10_000)
    assert await dead.counts() == (2, 0, 0)
    assert (await tasks(dead))[0]["Status"] == "CANCELLED"
    with pytest.raises(AwsError) as refused:
        await cloud.sqs.CancelMessageMoveTask(TaskHandle=handle)
    assert refused.value.code == "UnsupportedOperation"


async def test_a_queue_has_one_running_task(cloud, source, dead):
    await kill(cloud, source, *"abc")
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=1)
    with pytest.raises(AwsError, match="There is already a task running") as refused:
        await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn)
    assert refused.value.code == "InvalidParameterValue"


async def test_a_task_moves_no_more_than_was_there_at_its_start(cloud, source, dead):
    await kill(cloud, source, "a", "b")
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=1)
    await cloud.settle()
    await source.sqs.PurgeQueue(QueueUrl=source.url)
    await kill(cloud, source, "c")
    await cloud.advance(ms=10_000)
    assert await source.bodies() == ["b"]
    assert await dead.bodies() == ["c"]


async def test_messages_in_flight_stay(cloud, source, dead):
    await kill(cloud, source, "a", "b")
    await dead.receive(1)
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn)
    await cloud.settle()
    assert await source.bodies() == ["b"]
    assert await dead.counts() == (0, 1, 0)
    assert (await tasks(dead))[0]["Status"] == "COMPLETED"


async def test_a_task_fails_at_a_message_that_came_from_nowhere(cloud, source, dead):
    await dead.send("sent here by hand")
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn)
    await cloud.settle()
    [task] = await tasks(dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert await dead.bodies() == ["sent here by hand"]


async def test_a_task_fails_when_its_destination_is_deleted(cloud, source, dead):
    await kill(cloud, source, "a", "b")
    await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn, DestinationArn=source.arn, MaxNumberOfMessagesPerSecond=1)
    await cloud.settle()
    await cloud.sqs.DeleteQueue(QueueUrl=source.url)
    await cloud.advance(ms=1_000)
    [task] = await tasks(dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    assert await dead.bodies() == ["b"]


async def test_the_latest_tasks_come_first_and_one_by_default(cloud, make, source, dead):
    for _ in range(12):
        await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn)
        await cloud.advance(ms=1_000)
    started = [task["StartedTimestamp"] for task in await tasks(dead)]
    assert started == [cloud.at(1_000 * number) for number in range(11, 1, -1)]
    assert len((await cloud.sqs.ListMessageMoveTasks(SourceArn=dead.arn))["Results"]) == 1


async def test_only_a_dead_letter_queue_has_tasks(cloud, jobs):
    with pytest.raises(AwsError, match="Source queue must be configured as a Dead Letter Queue") as refused:
        await cloud.sqs.StartMessageMoveTask(SourceArn=jobs.arn)
    assert refused.value.code == "InvalidParameterValue"


@pytest.mark.parametrize("member", ["SourceArn", "DestinationArn"])
async def test_queues_that_are_not_there_are_named(cloud, source, dead, member):
    request = {"SourceArn": dead.arn, "DestinationArn": source.arn} | {member: dead.arn + "x"}
    with pytest.raises(AwsError, match=member) as refused:
        await cloud.sqs.StartMessageMoveTask(**request)
    assert refused.value.code == "ResourceNotFoundException"


async def test_dead_letters_do_not_go_to_themselves_or_to_another_type(cloud, make, source, dead):
    orders = await make("orders.fifo")
    for arn in (dead.arn, orders.arn):
        with pytest.raises(AwsError) as refused:
            await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn, DestinationArn=arn)
        assert refused.value.code == "InvalidParameterValue"


@pytest.mark.parametrize("rate", [0, 501])
async def test_a_rate_is_from_1_to_500(cloud, source, dead, rate):
    with pytest.raises(AwsError, match="MaxNumberOfMessagesPerSecond"):
        await cloud.sqs.StartMessageMoveTask(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=rate)


@pytest.mark.parametrize("handle", ["nonsense", "e30=", "bnVsbA=="])
async def test_a_task_handle_that_is_none_is_refused(cloud, handle):
    with pytest.raises(AwsError, match="Value for parameter TaskHandle is invalid"):
        await cloud.sqs.CancelMessageMoveTask(TaskHandle=handle)
