"""FIFO queues: order within a group, exactly-once sends and receives."""

import pytest

from pileus.kernel.errors import AwsError

FIVE_MINUTES_MS = 300_000


@pytest.fixture
async def orders(make):
    return await make("orders.fifo")


# Order


async def test_messages_of_a_group_come_in_the_order_they_were_sent(orders):
    for body in "abcdefghijkl":
        await orders.send(body, MessageGroupId="g")
    first = await orders.receive(5)
    for message in first:
        await orders.delete(message)
    assert [message["Body"] for message in first] == list("abcde")
    assert await orders.bodies(10) == list("fghijkl")


async def test_nothing_of_a_group_comes_while_one_of_it_is_in_flight(cloud, orders):
    for body in "ab":
        await orders.send(body, MessageGroupId="g")
    assert await orders.bodies(1) == ["a"]
    assert await orders.bodies(1) == []
    cloud.clock.advance(ms=29_999)
    assert await orders.bodies(1) == []
    cloud.clock.advance(ms=1)
    assert await orders.bodies() == ["a", "b"]


async def test_a_group_goes_on_when_its_message_is_deleted(orders):
    for body in "ab":
        await orders.send(body, MessageGroupId="g")
    [a] = await orders.receive(1)
    await orders.delete(a)
    assert await orders.bodies() == ["b"]


async def test_a_group_goes_on_from_the_start_when_its_message_is_given_back(orders):
    for body in "abc":
        await orders.send(body, MessageGroupId="g")
    first, *_ = await orders.receive(1)
    await orders.hide(first, 0)
    assert await orders.bodies() == ["a", "b", "c"]


async def test_a_group_waits_for_the_last_of_a_batch(cloud, orders):
    for body in "abc":
        await orders.send(body, MessageGroupId="g")
    a, b = await orders.receive(2)
    await orders.hide(b, 60)
    await orders.delete(a)
    cloud.clock.advance(ms=59_999)
    assert await orders.bodies() == []
    cloud.clock.advance(ms=1)
    assert await orders.bodies() == ["b", "c"]


async def test_one_given_back_waits_for_the_rest_of_its_batch(orders):
    for body in "ab":
        await orders.send(body, MessageGroupId="g")
    a, b = await orders.receive(2)
    await orders.hide(a, 0)
    assert await orders.bodies() == []
    await orders.delete(b)
    assert await orders.bodies() == ["a"]


async def test_a_group_waits_for_the_longest_hidden_of_a_batch(cloud, orders):
    for body in "abc":
        await orders.send(body, MessageGroupId="g")
    a, b, _ = await orders.receive(3)
    await orders.hide(a, 0)
    await orders.hide(b, 60)
    cloud.clock.advance(ms=59_999)
    assert await orders.bodies() == []
    cloud.clock.advance(ms=1)
    assert await orders.bodies() == ["a", "b", "c"]


async def test_a_message_sent_while_its_group_is_blocked_waits(orders):
    await orders.send("a", MessageGroupId="g")
    [a] = await orders.receive()
    await orders.send("b", MessageGroupId="g")
    assert await orders.bodies() == []
    await orders.delete(a)
    assert await orders.bodies() == ["b"]


async def test_other_groups_go_on_while_one_is_blocked(orders):
    for body, group in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")]:
        await orders.send(body, MessageGroupId=group)
    assert await orders.bodies(1) == ["a1"]
    assert await orders.bodies(10) == ["b1", "b2"]


async def test_a_receive_takes_as_much_of_a_group_as_it_can_before_the_next(cloud, orders):
    for number in range(3):
        for group in "ab":
            await orders.send(f"{group}{number}", MessageGroupId=group)
            cloud.clock.advance(ms=1)
    assert await orders.bodies(4) == ["a0", "a1", "a2", "b0"]


async def test_a_timeout_of_zero_blocks_no_group(orders):
    for body in "ab":
        await orders.send(body, MessageGroupId="g")
    assert await orders.bodies(1, VisibilityTimeout=0) == ["a"]
    assert await orders.bodies(2, VisibilityTimeout=0) == ["a", "b"]


async def test_a_delay_is_the_queues_and_keeps_the_order(cloud, make):
    slow = await make("slow.fifo", DelaySeconds="10")
    await slow.send("a", MessageGroupId="g")
    cloud.clock.advance(ms=5_000)
    await slow.send("b", MessageGroupId="g")
    cloud.clock.advance(ms=5_000)
    assert await slow.bodies(VisibilityTimeout=0) == ["a"]
    cloud.clock.advance(ms=5_000)
    assert await slow.bodies() == ["a", "b"]


async def test_a_message_may_have_no_delay_of_its_own(orders):
    with pytest.raises(AwsError, match="not valid for this queue type"):
        await orders.send("a", MessageGroupId="g", DelaySeconds=1)


async def test_a_message_must_have_a_group(orders):
    with pytest.raises(AwsError, match="must contain the parameter MessageGroupId") as refused:
        await orders.send("a")
    assert refused.value.code == "MissingParameter"


@pytest.mark.parametrize("group", ["", "a b", "é", "x" * 129])
async def test_group_ids_have_printable_ascii_of_up_to_128_characters(orders, group):
    with pytest.raises(AwsError, match="1 to 128 in length"):
        await orders.send("a", MessageGroupId=group)


async def test_the_longest_group_id_is_taken(orders):
    await orders.send("a", MessageGroupId="~" * 128)
    [message] = await orders.receive()
    assert message["Attributes"]["MessageGroupId"] == "~" * 128


async def test_expired_messages_leave_their_group_in_order(cloud, make):
    short = await make("short.fifo", MessageRetentionPeriod="60")
    await short.send("a", MessageGroupId="g")
    await cloud.advance(ms=30_000)
    await short.send("b", MessageGroupId="g")
    await cloud.advance(ms=30_000)
    assert await short.bodies() == ["b"]


async def test_counts_know_blocked_messages_as_visible(orders):
    for body in "abc":
        await orders.send(body, MessageGroupId="g")
    await orders.receive(1)
    assert await orders.counts() == (2, 1, 0)


# Receipt handles


async def test_a_handle_expires_with_its_visibility_timeout(cloud, orders):
    await orders.send("a", MessageGroupId="g")
    [message] = await orders.receive()
    cloud.clock.advance(ms=30_000)
    for act in (orders.delete(message), orders.hide(message, 10)):
        with pytest.raises(AwsError, match="The receipt handle has expired") as refused:
            await act
        assert refused.value.code == "InvalidParameterValue"


async def test_a_handle_expires_with_the_next_receive(cloud, orders):
    await orders.send("a", MessageGroupId="g")
    [first] = await orders.receive(VisibilityTimeout=1)
    cloud.clock.advance(ms=1_000)
    [second] = await orders.receive()
    with pytest.raises(AwsError, match="The receipt handle has expired"):
        await orders.delete(first)
    await orders.delete(second)
    assert await orders.counts() == (0, 0, 0)


# Deduplication of sends


async def test_the_same_body_within_five_minutes_is_one_message(cloud, orders):
    first = await orders.send("a", MessageGroupId="g")
    cloud.clock.advance(ms=FIVE_MINUTES_MS - 1)
    again = await orders.send("a", MessageGroupId="g")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert await orders.bodies() == ["a"]


async def test_the_same_body_after_five_minutes_is_a_second_message(cloud, orders):
    first = await orders.send("a", MessageGroupId="g")
    cloud.clock.advance(ms=FIVE_MINUTES_MS)
    second = await orders.send("a", MessageGroupId="g")
    assert int(second["SequenceNumber"]) > int(first["SequenceNumber"])
    assert await orders.bodies() == ["a", "a"]


async def test_a_deleted_message_is_still_known(orders):
    await orders.send("a", MessageGroupId="g")
    [message] = await orders.receive()
    await orders.delete(message)
    await orders.send("a", MessageGroupId="g")
    assert await orders.bodies() == []


async def test_an_id_of_ones_own_goes_before_the_content(orders):
    await orders.send("a", MessageGroupId="g", MessageDeduplicationId="1")
    await orders.send("a", MessageGroupId="g", MessageDeduplicationId="2")
    await orders.send("b", MessageGroupId="g", MessageDeduplicationId="2")
    assert await orders.bodies() == ["a", "a"]


async def test_attributes_are_not_content(orders):
    await orders.send("a", MessageGroupId="g", MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}})
    await orders.send("a", MessageGroupId="g", MessageAttributes={"n": {"DataType": "Number", "StringValue": "2"}})
    assert await orders.bodies() == ["a"]


async def test_without_content_based_deduplication_an_id_is_required(make):
    strict = await make("strict.fifo", ContentBasedDeduplication="false")
    with pytest.raises(AwsError, match="ContentBasedDeduplication enabled or MessageDeduplicationId provided"):
        await strict.send("a", MessageGroupId="g")
    await strict.send("a", MessageGroupId="g", MessageDeduplicationId="1")


async def test_ids_are_the_queues_by_default(orders):
    for group in "ab":
        await orders.send("same", MessageGroupId=group)
    assert await orders.bodies() == ["same"]


async def test_ids_are_the_groups_with_that_scope(make):
    fast = await make("fast.fifo", DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in "abab":
        await fast.send("same", MessageGroupId=group)
    assert await fast.bodies() == ["same", "same"]


async def test_what_is_remembered_is_forgotten_as_new_ids_come(cloud, orders):
    from pileus.services.sqs.state.tables import DEDUPLICATIONS

    for number in range(6):
        await orders.send(str(number), MessageGroupId="g")
    cloud.clock.advance(ms=FIVE_MINUTES_MS)
    for number in range(3):
        await orders.send(f"later {number}", MessageGroupId="g")
    kept, _ = cloud.store.look(lambda tx: [row.deduplication_id for row in DEDUPLICATIONS.scan(tx)])
    assert len(kept) == 3


async def test_messages_show_their_group_deduplication_id_and_sequence_number(orders):
    sent = await orders.send("a", MessageGroupId="g", MessageDeduplicationId="once")
    [message] = await orders.receive()
    shown = message["Attributes"]
    assert (shown["MessageGroupId"], shown["MessageDeduplicationId"]) == ("g", "once")
    assert shown["SequenceNumber"] == sent["SequenceNumber"]
    assert len(sent["SequenceNumber"]) == 20


# Repeated receives


async def test_a_receive_repeated_with_its_attempt_id_gets_the_same_messages(cloud, orders):
    for body in "abc":
        await orders.send(body, MessageGroupId="g")
    first = await orders.receive(2, ReceiveRequestAttemptId="try")
    cloud.clock.advance(ms=20_000)
    again = await orders.receive(2, ReceiveRequestAttemptId="try")
    assert [message["ReceiptHandle"] for message in again] == [message["ReceiptHandle"] for message in first]

    cloud.clock.advance(ms=29_999)  # the repetition started the visibility timeout anew
    assert await orders.bodies() == []
    cloud.clock.advance(ms=1)
    assert await orders.bodies() == ["a", "b", "c"]


async def test_a_receive_is_not_repeated_once_a_message_was_deleted(orders):
    for body in "ab":
        await orders.send(body, MessageGroupId="g")
    a, _ = await orders.receive(2, ReceiveRequestAttemptId="try")
    await orders.delete(a)
    assert await orders.bodies(ReceiveRequestAttemptId="try") == []


async def test_a_receive_is_not_repeated_once_a_timeout_was_changed(orders):
    await orders.send("a", MessageGroupId="g")
    [a] = await orders.receive(ReceiveRequestAttemptId="try")
    await orders.hide(a, 60)
    assert await orders.bodies(ReceiveRequestAttemptId="try") == []


async def test_a_receive_is_not_repeated_after_five_minutes(cloud, orders):
    await orders.send("a", MessageGroupId="g")
    await orders.receive(ReceiveRequestAttemptId="try", VisibilityTimeout=600)
    cloud.clock.advance(ms=FIVE_MINUTES_MS - 1)
    assert await orders.bodies(ReceiveRequestAttemptId="try", VisibilityTimeout=600) == ["a"]
    cloud.clock.advance(ms=1)
    assert await orders.bodies(ReceiveRequestAttemptId="try") == []
