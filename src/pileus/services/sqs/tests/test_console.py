"""SQS's pages: what they show and do is what the operations tell and did."""

import json

import pytest

SCRIPT = "<script>alert(1)</script>"
PAGE = "sqs/queues/jobs"
RECEIVE = {"count": "10", "timeout": "30", "wait": "0"}


async def queue_names(cloud) -> list[str]:
    return [url.rpartition("/")[2] for url in (await cloud.sqs.ListQueues()).get("QueueUrls", [])]


def handle_on(page) -> str:
    """The receipt handle of the one message that a page shows."""
    return page.html.partition('name="handle" value="')[2].partition('"')[0]


# Queues


async def test_a_queue_is_made_listed_and_described(cloud, make):
    dead = await make("dead")
    form = {"name": "jobs", "kind": "standard", "VisibilityTimeout": "45", "MaximumMessageSize": "2048"}
    redrive = {"dead_letter_queue": dead.arn, "max_receive_count": "3"}
    seen = await cloud.browser.post("sqs/queues", "create", **form, **redrive)
    assert "The queue jobs is there." in seen.text
    url = (await cloud.sqs.GetQueueUrl(QueueName="jobs"))["QueueUrl"]
    made = (await cloud.sqs.GetQueueAttributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]
    assert (made["VisibilityTimeout"], made["MaximumMessageSize"], made["DelaySeconds"]) == ("45", "2048", "0")
    assert json.loads(made["RedrivePolicy"]) == {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3}
    await cloud.sqs.SendMessage(QueueUrl=url, MessageBody="a")
    assert "jobs Standard 1 0 0 2026-01-01 00:00:00" in (await cloud.browser.get("sqs/queues")).text
    seen = await cloud.browser.get(PAGE)
    for part in ("Available 1", made["QueueArn"], "dead after 3 receives", "Visibility timeout (s) 45", url[-18:]):
        assert part in seen.text


async def test_a_fifo_queue_is_made(cloud):
    form = {
        "name": "jobs.fifo",
        "kind": "fifo",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perQueue",
    }
    await cloud.browser.post("sqs/queues", "create", ContentBasedDeduplication="true", **form)
    url = (await cloud.sqs.GetQueueUrl(QueueName="jobs.fifo"))["QueueUrl"]
    made = (await cloud.sqs.GetQueueAttributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]
    assert (made["FifoQueue"], made["ContentBasedDeduplication"]) == ("true", "true")
    assert made["DeduplicationScope"] == "messageGroup"
    assert "Deduplication scope messageGroup" in (await cloud.browser.get("sqs/queues/jobs.fifo")).text


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"name": SCRIPT, "kind": "standard"}, "Can only include alphanumeric characters"),
        ({"name": "jobs", "kind": "fifo"}, "must end with .fifo suffix"),
        ({"name": "jobs", "kind": "standard", "DelaySeconds": "901"}, "Invalid value for the parameter DelaySeconds"),
        ({"name": "jobs", "kind": "standard", "dead_letter_queue": "dead"}, "Invalid value for deadLetterTargetArn"),
    ],
)
async def test_a_queue_that_is_refused_is_not_made(cloud, form, why):
    seen = await cloud.browser.post("sqs/queues", "create", **form)
    assert (seen.status, why in seen.text, SCRIPT in seen.html) == (400, True, False)
    assert await queue_names(cloud) == []


async def test_queues_are_found_by_prefix_and_paged(cloud, make):
    for at in range(27):
        await make(f"queue-{at:02}")
    await make("other")
    assert "other" in (await cloud.browser.get("sqs/queues")).text
    first = await cloud.browser.get("sqs/queues", prefix="queue-")
    assert ("queue-24" in first.text, "queue-25" in first.text, "other" in first.text) == (True, False, False)
    second = await cloud.browser.follow(first, "from=")
    assert ("queue-24" in second.text, "queue-26" in second.text, "other" in second.text) == (False, True, False)


async def test_a_queue_is_purged_and_deleted_by_its_name(cloud, jobs):
    await jobs.send("a")
    assert "To purge jobs, type its name." in (await cloud.browser.post(PAGE, "purge", typed_name="job")).text
    assert await jobs.counts() == (1, 0, 0)
    await cloud.browser.post(PAGE, "purge", typed_name="jobs")
    assert await jobs.counts() == (0, 0, 0)
    assert "PurgeQueueInProgress" in (await cloud.browser.post(PAGE, "purge", typed_name="jobs")).text
    assert "To delete jobs, type its name." in (await cloud.browser.post(PAGE, "delete", typed_name="")).text
    assert await queue_names(cloud) == ["jobs"]
    await cloud.browser.post(PAGE, "delete", typed_name="jobs")
    assert await queue_names(cloud) == []


async def test_a_queue_that_is_not_there_is_told(cloud):
    seen = await cloud.browser.get(PAGE)
    assert (seen.status, "QueueDoesNotExist The specified queue does not exist." in seen.text) == (400, True)


# Messages


async def test_a_message_is_sent_received_and_deleted(cloud, jobs):
    page = f"{PAGE}/messages"
    sent = {
        "body": f"{SCRIPT}\r\n 2 ",
        "delay": "0",
        "name0": "colour",
        "type0": "String",
        "value0": SCRIPT,
        "name2": "raw",
        "type2": "Binary",
        "value2": "AP8=",
    }
    seen = await cloud.browser.post(page, "send", **sent)
    assert "is sent." in seen.text
    assert await jobs.counts() == (1, 0, 0)
    seen = await cloud.browser.post(page, "receive", **RECEIVE)
    assert ("colour String" in seen.text, "raw Binary AP8=" in seen.text) == (True, True)
    assert "Received, times 1" in seen.text
    assert ("&lt;script&gt;" in seen.html, SCRIPT in seen.html) == (True, False)
    assert await jobs.counts() == (0, 1, 0)
    await cloud.advance(30_000)
    (message,) = await jobs.receive()
    assert message["Body"] == f"{SCRIPT}\n 2 "  # browsers make CR LF of what was typed
    assert message["MessageAttributes"]["raw"]["BinaryValue"] == b"\x00\xff"
    assert message["MessageAttributes"]["colour"]["StringValue"] == SCRIPT
    seen = await cloud.browser.post(page, "delete", handle=message["ReceiptHandle"])
    assert "1 of 1 messages are deleted." in seen.text
    assert await jobs.counts() == (0, 0, 0)


async def test_receiving_hides_a_message_for_as_long_as_was_typed(cloud, jobs):
    page = f"{PAGE}/messages"
    await jobs.send("a")
    await jobs.send("b")
    await cloud.browser.post(page, "receive", count="1", timeout="7", wait="0")
    assert await jobs.counts() == (1, 1, 0)
    await cloud.advance(6_999)
    assert await jobs.counts() == (1, 1, 0)
    await cloud.advance(1)
    assert await jobs.counts() == (2, 0, 0)
    seen = await cloud.browser.post(page, "receive", count="1", timeout="a while", wait="0")
    assert "The visibility timeout must be a whole number." in seen.text
    seen = await cloud.browser.post(page, "receive", count="11", timeout="7", wait="0")
    assert "Must be between 1 and 10, if provided." in seen.text
    assert await jobs.counts() == (2, 0, 0)


async def test_a_received_message_is_given_back(cloud, jobs):
    page = f"{PAGE}/messages"
    await jobs.send("a")
    seen = await cloud.browser.post(page, "receive", **RECEIVE)
    seen = await cloud.browser.post(page, "release", handle=handle_on(seen))
    assert "1 of 1 messages are visible again." in seen.text
    assert await jobs.counts() == (1, 0, 0)
    seen = await cloud.browser.post(page, "receive", **RECEIVE)
    assert "Received, times 2" in seen.text
    assert "No message came." in (await cloud.browser.post(page, "receive", **RECEIVE)).text


async def test_what_was_not_deleted_is_told(cloud, jobs):
    await jobs.send("a")
    (message,) = await jobs.receive()
    handles = [message["ReceiptHandle"], "none"]
    seen = await cloud.browser.post(f"{PAGE}/messages", "delete", handle=handles)
    assert (seen.status, "ReceiptHandleIsInvalid 1 of 2 messages are deleted." in seen.text) == (400, True)
    assert await jobs.counts() == (0, 0, 0)
    assert "There should be at least one" in (await cloud.browser.post(f"{PAGE}/messages", "delete")).text


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"body": ""}, "must contain the parameter MessageBody"),
        ({"body": "a", "delay": "soon"}, "The delay must be a whole number."),
        ({"body": "a", "delay": "901"}, "DelaySeconds must be >= 0 and <= 900."),
        ({"body": "a", "name0": "x", "type0": "Binary", "value0": "?"}, "The value of x is not in base64."),
        ({"body": "a", "name0": "x", "type0": "Number", "value0": "one"}, "Could not cast message attribute"),
    ],
)
async def test_a_message_that_is_refused_is_not_sent(cloud, jobs, form, why):
    seen = await cloud.browser.post(f"{PAGE}/messages", "send", **form)
    assert (seen.status, why in seen.text) == (400, True)
    assert await jobs.counts() == (0, 0, 0)


async def test_messages_of_groups(cloud, make):
    orders = await make("orders.fifo", ContentBasedDeduplication="false")
    page = "sqs/queues/orders.fifo/messages"
    seen = await cloud.browser.post(page, "send", body="a", group="g")
    assert "ContentBasedDeduplication" in seen.text
    seen = await cloud.browser.post(page, "send", body="a", group="g", deduplication="1")
    assert "Its sequence number is 1" in seen.text
    seen = await cloud.browser.post(page, "receive", **RECEIVE)
    assert "Message group ID g Message deduplication ID 1 Sequence number 1" in seen.text
    await cloud.browser.post(page, "delete", handle=handle_on(seen))
    assert await orders.counts() == (0, 0, 0)


# Dead letters


async def dead_letter(make, jobs, cloud):
    """A dead-letter queue that has one message of jobs'."""
    dead = await make("dead")
    await jobs.set(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": "1"}))
    await jobs.send("a")
    await jobs.receive(VisibilityTimeout=0)
    await jobs.receive()
    assert await dead.counts() == (1, 0, 0)
    return dead


async def test_dead_letters_go_back(cloud, make, jobs):
    dead = await dead_letter(make, jobs, cloud)
    assert "Those received 1 times go to dead" in (await cloud.browser.get(f"{PAGE}/dead-letters")).text
    page = "sqs/queues/dead/dead-letters"
    seen = await cloud.browser.get(page)
    assert "their dead-letter queue jobs" in seen.text
    seen = await cloud.browser.post(page, "redrive", destination="", rate="")
    assert "The messages are being moved." in seen.text
    await cloud.advance(5_000)
    assert (await dead.counts(), await jobs.counts()) == ((0, 0, 0), (1, 0, 0))
    (task,) = (await cloud.sqs.ListMessageMoveTasks(SourceArn=dead.arn))["Results"]
    assert task["Status"] == "COMPLETED"
    seen = await cloud.browser.get(page)
    assert ("COMPLETED where each came from 1 1" in seen.text, "refresh" in seen.headers) == (True, False)


async def test_a_redrive_is_cancelled(cloud, make, jobs):
    dead = await dead_letter(make, jobs, cloud)
    other = await make("other")
    for _ in range(5):
        await dead.send("b")
    page = "sqs/queues/dead/dead-letters"
    seen = await cloud.browser.post(page, "redrive", destination=other.arn, rate="1")
    assert ("RUNNING" in seen.text, seen.headers["refresh"]) == (True, "3")
    (task,) = (await cloud.sqs.ListMessageMoveTasks(SourceArn=dead.arn))["Results"]
    assert (task["DestinationArn"], task["MaxNumberOfMessagesPerSecond"]) == (other.arn, 1)
    await cloud.advance(1_000)
    seen = await cloud.browser.post(page, "cancel", task=task["TaskHandle"])
    assert "What was moved until now stays moved: 2." in seen.text
    await cloud.advance(10_000)
    (task,) = (await cloud.sqs.ListMessageMoveTasks(SourceArn=dead.arn))["Results"]
    assert task["Status"] == "CANCELLED"
    assert (await dead.counts(), await other.counts()) == ((4, 0, 0), (2, 0, 0))


async def test_a_redrive_that_is_refused_does_not_begin(cloud, jobs):
    page = f"{PAGE}/dead-letters"
    assert "must be configured as a Dead Letter Queue" in (await cloud.browser.post(page, "redrive")).text
    assert "The rate must be a whole number." in (await cloud.browser.post(page, "redrive", rate="fast")).text
    assert (await cloud.sqs.ListMessageMoveTasks(SourceArn=jobs.arn))["Results"] == []


async def test_a_page_of_sources_leads_to_the_next(cloud, make):
    dead = await make("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": "1"})
    for at in range(52):
        await make(f"source-{at:02}", RedrivePolicy=redrive)
    first = await cloud.browser.get("sqs/queues/dead/dead-letters")
    second = await cloud.browser.follow(first, "from=")
    assert ("source-49" in first.text, "source-50" in first.text) == (True, False)
    assert ("source-49" in second.text, "source-51" in second.text) == (False, True)


# Settings


async def test_attributes_are_changed(cloud, make, jobs):
    dead = await make("dead")
    page = f"{PAGE}/settings"
    numbers = {
        "VisibilityTimeout": "1",
        "DelaySeconds": "2",
        "ReceiveMessageWaitTimeSeconds": "3",
        "MessageRetentionPeriod": "64",
        "MaximumMessageSize": "2048",
    }
    allow = {"redrive_permission": "byQueue", "source_queues": f"{dead.arn}\r\n"}
    form = {**numbers, "dead_letter_queue": dead.arn, "max_receive_count": "5", **allow}
    await cloud.browser.post(page, "update", **form)
    changed = await jobs.attributes()
    assert {name: changed[name] for name in numbers} == numbers
    assert json.loads(changed["RedrivePolicy"]) == {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 5}
    assert json.loads(changed["RedriveAllowPolicy"]) == {"redrivePermission": "byQueue", "sourceQueueArns": [dead.arn]}
    shown = (await cloud.browser.get(page)).html
    assert ('value="64"' in shown, f'value="{dead.arn}"' in shown, 'value="byQueue" selected' in shown) == (True,) * 3
    seen = await cloud.browser.post(page, "update", **{**form, "DelaySeconds": "3", "VisibilityTimeout": "-1"})
    assert (seen.status, 'value="-1"' in seen.html) == (400, True)
    assert await jobs.attributes() == changed
    await cloud.browser.post(page, "update", **numbers)
    left = await jobs.attributes()
    assert ("RedrivePolicy" in left, "RedriveAllowPolicy" in left) == (False, False)


async def test_attributes_of_fifo_queues_are_changed(cloud, make):
    orders = await make("orders.fifo")
    form = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    await cloud.browser.post("sqs/queues/orders.fifo/settings", "update", **form)
    changed = await orders.attributes()
    assert {name: changed[name] for name in form} == form
    assert changed["ContentBasedDeduplication"] == "false"


async def test_a_policy_is_put_in_force_and_taken_away(cloud, jobs):
    page = f"{PAGE}/settings"
    statement = {"Sid": SCRIPT, "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": jobs.arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert "The policy is in force." in (await cloud.browser.post(page, "policy", policy=policy)).text
    assert json.loads((await jobs.attributes())["Policy"])["Statement"] == [statement]
    assert SCRIPT not in (await cloud.browser.get(page)).html
    seen = await cloud.browser.post(page, "policy", policy="{")
    assert (seen.status, "{</textarea>" in seen.html) == (400, True)
    assert "Policy" in await jobs.attributes()
    await cloud.browser.post(page, "policy", policy="")
    assert "Policy" not in await jobs.attributes()


async def test_tags(cloud, jobs):
    page = f"{PAGE}/settings"
    assert (await cloud.browser.post(page, "tag", key="aws:team", value="core")).status == 400
    assert SCRIPT not in (await cloud.browser.post(page, "tag", key="team", value=SCRIPT)).html
    assert await cloud.sqs.ListQueueTags(QueueUrl=jobs.url) == {}
    await cloud.browser.post(page, "tag", key="team", value="core")
    assert (await cloud.sqs.ListQueueTags(QueueUrl=jobs.url))["Tags"] == {"team": "core"}
    assert "team core Remove" in (await cloud.browser.get(page)).text
    await cloud.browser.post(page, "untag", key="team")
    assert await cloud.sqs.ListQueueTags(QueueUrl=jobs.url) == {}


# Who may


async def test_who_may_not_is_told_so(cloud, jobs):
    await jobs.send("a")
    await cloud.visit_as("ann", "sqs:ListQueues", "sqs:GetQueueAttributes")
    seen = await cloud.browser.post(f"{PAGE}/messages", "receive", **RECEIVE)
    assert (seen.status, "ann is not authorized to perform: sqs:receivemessage" in seen.text) == (403, True)
    assert await jobs.counts() == (1, 0, 0)
    seen = await cloud.browser.post(PAGE, "delete", typed_name="jobs")
    assert "is not authorized to perform: sqs:deletequeue" in seen.text
    assert await queue_names(cloud) == ["jobs"]
    assert "is not authorized" in (await cloud.browser.get(f"{PAGE}/settings")).text


async def test_of_a_queue_that_one_may_not_look_at_the_list_has_the_name(cloud, jobs):
    await cloud.visit_as("ann", "sqs:ListQueues")
    seen = await cloud.browser.get("sqs/queues")
    assert (seen.status, "jobs Standard AccessDenied" in seen.text) == (200, True)
