"""Dead-letter queues: what goes there, when, and who may use them."""

import json

import pytest

from pileus.kernel.errors import AwsError


def redrive(target, count=2) -> str:
    return json.dumps({"deadLetterTargetArn": target.arn, "maxReceiveCount": count})


@pytest.fixture
async def dead(make):
    return await make("dead")


@pytest.fixture
async def flaky(make, dead):
    """Its messages are dead after two receives; they come back after a second."""
    return await make("flaky", RedrivePolicy=redrive(dead), VisibilityTimeout="1")


async def fail(cloud, queue) -> list[str]:
    """Receive and do nothing until the messages are back."""
    bodies = await queue.bodies()
    cloud.clock.advance(ms=1_000)
    return bodies


async def test_a_message_goes_to_the_dead_letters_instead_of_a_receive_too_many(cloud, flaky, dead):
    await flaky.send("bad")
    assert await fail(cloud, flaky) == ["bad"]
    assert await fail(cloud, flaky) == ["bad"]
    assert await dead.counts() == (0, 0, 0)
    assert await fail(cloud, flaky) == []
    assert await flaky.counts() == (0, 0, 0)
    assert await dead.bodies() == ["bad"]


async def test_a_dead_letter_keeps_id_attributes_count_and_says_where_it_comes_from(cloud, flaky, dead):
    sent = await flaky.send("bad", MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}})
    for _ in range(3):
        await fail(cloud, flaky)
    [letter] = await dead.receive()
    assert letter["MessageId"] == sent["MessageId"]
    assert letter["MessageAttributes"] == {"n": {"DataType": "Number", "StringValue": "1"}}
    assert letter["Attributes"]["ApproximateReceiveCount"] == "3"
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == flaky.arn
    assert letter["Attributes"]["SentTimestamp"] == str(cloud.at(0))


async def test_large_messages_go_to_the_dead_letters_whole(cloud, flaky, dead):
    await flaky.send("x" * 100_000)
    for _ in range(3):
        await fail(cloud, flaky)
    assert await dead.bodies() == ["x" * 100_000]


async def test_the_good_ones_come_while_the_bad_ones_go(cloud, flaky, dead):
    await flaky.send("bad")
    for _ in range(2):
        await fail(cloud, flaky)
    await flaky.send("good")
    assert await flaky.bodies() == ["good"]
    assert await dead.bodies() == ["bad"]


async def test_a_dead_letters_age_counts_from_its_first_sending(cloud, make, flaky):
    dead = await make("short", MessageRetentionPeriod="60")
    await flaky.set(RedrivePolicy=redrive(dead))
    await flaky.send("bad")
    await cloud.advance(ms=50_000)
    for _ in range(3):
        await fail(cloud, flaky)
    assert await dead.counts() == (1, 0, 0)
    await cloud.advance(ms=6_999)
    assert await dead.counts() == (1, 0, 0)
    await cloud.advance(ms=1)
    assert await dead.counts() == (0, 0, 0)


async def test_a_receive_waiting_at_the_dead_letters_gets_them(cloud, flaky, dead, begin):
    await flaky.send("bad")
    for _ in range(2):
        await fail(cloud, flaky)
    waiting = await begin(dead.bodies(WaitTimeSeconds=20))
    await flaky.receive()
    assert await waiting == ["bad"]


async def test_the_next_of_a_fifo_group_comes_after_its_first_is_dead(cloud, make):
    dead = await make("dead.fifo")
    orders = await make("orders.fifo", RedrivePolicy=redrive(dead, 1), VisibilityTimeout="1")
    for body in "ab":
        await orders.send(body, MessageGroupId="g")
    assert await orders.bodies(1) == ["a"]
    cloud.clock.advance(ms=1_000)
    assert await orders.bodies(1) == ["b"]
    [letter] = await dead.receive()
    assert letter["Body"] == "a"
    assert letter["Attributes"]["MessageGroupId"] == "g"
    assert letter["Attributes"]["SentTimestamp"] == str(cloud.at(1_000))  # FIFO: its age starts anew


async def test_without_its_dead_letter_queue_a_spent_message_goes_on_coming(cloud, flaky, dead):
    await flaky.send("bad")
    await dead.sqs.DeleteQueue(QueueUrl=dead.url)
    for _ in range(4):
        assert await fail(cloud, flaky) == ["bad"]


async def test_a_queue_without_redrive_policy_keeps_its_messages(cloud, flaky, dead):
    await flaky.send("bad")
    await flaky.set(RedrivePolicy="")
    for _ in range(4):
        assert await fail(cloud, flaky) == ["bad"]
    assert "RedrivePolicy" not in await flaky.attributes()


# The policies


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("[]", "Redrive policy is not a valid JSON map."),
        ("{", "Redrive policy is not a valid JSON map."),
        ('{"maxReceiveCount": 1}', "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
        (
            '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}',
            "Redrive policy does not contain mandatory attribute: maxReceiveCount.",
        ),
        (
            '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 0}',
            "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.",
        ),
        (
            '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": "1001"}',
            "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive.",
        ),
    ],
)
async def test_a_redrive_policy_must_be_whole(jobs, dead, policy, reason):
    with pytest.raises(AwsError) as refused:
        await jobs.set(RedrivePolicy=policy)
    assert refused.value.code == "InvalidParameterValue"
    assert refused.value.message == f"Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}"


@pytest.mark.parametrize("count", [1, "1000"])
async def test_a_redrive_policy_may_count_from_1_to_1000_in_digits_or_text(jobs, dead, count):
    await jobs.set(RedrivePolicy=redrive(dead, count))
    assert json.loads((await jobs.attributes())["RedrivePolicy"])["maxReceiveCount"] == int(count)


async def test_a_dead_letter_queue_must_be_there(jobs):
    policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:nowhere","maxReceiveCount":1}'
    with pytest.raises(AwsError, match="Dead letter target does not exist"):
        await jobs.set(RedrivePolicy=policy)


async def test_a_dead_letter_queue_must_be_of_the_same_type(make, dead):
    with pytest.raises(AwsError, match="must be same type of queue as the source"):
        await make("orders.fifo", RedrivePolicy=redrive(dead))


async def test_deny_all_lets_no_queue_use_the_dead_letters(jobs, dead):
    await dead.set(RedriveAllowPolicy='{"redrivePermission":"denyAll"}')
    with pytest.raises(AwsError, match="does not allow this source queue"):
        await jobs.set(RedrivePolicy=redrive(dead))


async def test_by_queue_lets_the_named_queues_use_the_dead_letters(make, jobs, dead):
    policy = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [jobs.arn]})
    await dead.set(RedriveAllowPolicy=policy)
    await jobs.set(RedrivePolicy=redrive(dead))
    with pytest.raises(AwsError, match="does not allow this source queue"):
        await make("other", RedrivePolicy=redrive(dead))


async def test_a_permission_taken_away_later_stops_the_redrive(cloud, flaky, dead):
    await flaky.send("bad")
    await dead.set(RedriveAllowPolicy='{"redrivePermission":"denyAll"}')
    for _ in range(4):
        assert await fail(cloud, flaky) == ["bad"]


@pytest.mark.parametrize(
    "policy",
    [
        "{",
        '{"redrivePermission":"some"}',
        '{"redrivePermission":"byQueue"}',
        '{"redrivePermission":"byQueue","sourceQueueArns":[]}',
        '{"redrivePermission":"byQueue","sourceQueueArns":["jobs"]}',
        '{"redrivePermission":"allowAll","sourceQueueArns":["arn:aws:sqs:us-east-1:000000000000:jobs"]}',
        json.dumps(
            {
                "redrivePermission": "byQueue",
                "sourceQueueArns": [f"arn:aws:sqs:us-east-1:000000000000:q{number}" for number in range(11)],
            }
        ),
    ],
)
async def test_a_redrive_allow_policy_must_be_one(dead, policy):
    with pytest.raises(AwsError, match="for parameter RedriveAllowPolicy is invalid"):
        await dead.set(RedriveAllowPolicy=policy)


async def test_a_dead_letter_queue_knows_its_sources_page_by_page(make, dead):
    sources = [await make(name, RedrivePolicy=redrive(dead)) for name in ("a", "b", "c")]
    await make("stranger")
    first = await dead.sqs.ListDeadLetterSourceQueues(QueueUrl=dead.url, MaxResults=2)
    rest = await dead.sqs.ListDeadLetterSourceQueues(QueueUrl=dead.url, MaxResults=2, NextToken=first["NextToken"])
    assert first["queueUrls"] + rest["queueUrls"] == [queue.url for queue in sources]
    assert "NextToken" not in rest


async def test_a_queue_that_is_nobodys_dead_letter_queue_has_no_sources(jobs):
    assert await jobs.sqs.ListDeadLetterSourceQueues(QueueUrl=jobs.url) == {"queueUrls": []}
