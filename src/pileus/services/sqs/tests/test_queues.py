"""Queues: creating, finding, describing, changing, purging, deleting; their addresses and tags."""

import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root

MINUTE_MS = 60_000


# Creating


async def test_a_new_queue_has_the_default_attributes(cloud, jobs):
    assert await jobs.attributes() == {
        "QueueArn": f"arn:aws:sqs:us-east-1:{cloud.account}:jobs",
        "CreatedTimestamp": str(cloud.at(0) // 1000),
        "LastModifiedTimestamp": str(cloud.at(0) // 1000),
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "VisibilityTimeout": "30",
        "SqsManagedSseEnabled": "true",
    }


async def test_a_new_fifo_queue_has_its_attributes_too(cloud):
    await cloud.sqs.CreateQueue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})
    url = (await cloud.sqs.GetQueueUrl(QueueName="orders.fifo"))["QueueUrl"]
    names = ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"]
    assert (await cloud.sqs.GetQueueAttributes(QueueUrl=url, AttributeNames=names))["Attributes"] == {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    }


async def test_creating_a_queue_again_finds_it(cloud, make):
    first = await make("jobs", DelaySeconds="5", VisibilityTimeout="10")
    again = await make("jobs", DelaySeconds="5")
    assert again.url == first.url
    assert (await cloud.sqs.CreateQueue(QueueName="jobs"))["QueueUrl"] == first.url


async def test_creating_a_queue_again_with_another_value_is_refused(make):
    await make("jobs", DelaySeconds="5")
    with pytest.raises(AwsError) as refused:
        await make("jobs", DelaySeconds="6")
    assert refused.value.code == "QueueNameExists"
    assert refused.value.message == (
        "A queue already exists with the same name and a different value for attribute DelaySeconds"
    )


@pytest.mark.parametrize("name", ["a", "A-b_9", "x" * 80])
async def test_names_have_letters_digits_hyphens_and_underscores(make, name):
    assert (await make(name)).url.endswith(f"/{name}")


@pytest.mark.parametrize("name", ["", "a b", "a.b", "é", "x" * 81, "orders.fifo"])
async def test_other_names_are_refused(cloud, name):
    with pytest.raises(AwsError, match="Can only include alphanumeric characters") as refused:
        await cloud.sqs.CreateQueue(QueueName=name)
    assert refused.value.code == "InvalidParameterValue"


@pytest.mark.parametrize("name", ["orders", ".fifo", "a b.fifo", "x" * 76 + ".fifo"])
async def test_a_fifo_queues_name_ends_in_fifo(cloud, name):
    with pytest.raises(AwsError, match=r"must end with \.fifo suffix and be 1 to 80 in length"):
        await cloud.sqs.CreateQueue(QueueName=name, Attributes={"FifoQueue": "true"})


async def test_the_longest_name_of_a_fifo_queue_has_80_characters(make):
    await make("x" * 75 + ".fifo")


async def test_a_queue_is_of_one_account_and_region(cloud, jobs):
    elsewhere = cloud.as_(root(cloud.account), "sqs", region="eu-west-1")
    assert await elsewhere.ListQueues() == {}
    with pytest.raises(AwsError):
        await elsewhere.GetQueueUrl(QueueName="jobs")
    await elsewhere.CreateQueue(QueueName="jobs")
    await jobs.send("here")
    assert await elsewhere.ReceiveMessage(QueueUrl=jobs.url) == {}


# Attributes


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("DelaySeconds", 0, 900),
        ("MaximumMessageSize", 1_024, 1_048_576),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("VisibilityTimeout", 0, 43_200),
        ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    ],
)
async def test_numbers_have_their_ranges(jobs, name, least, most):
    await jobs.set(KmsMasterKeyId="alias/aws/sqs")
    for value in (least, most):
        await jobs.set(**{name: str(value)})
        assert (await jobs.attributes(name)) == {name: str(value)}
    for value in (least - 1, most + 1, "many", "1.5"):
        with pytest.raises(AwsError) as refused:
            await jobs.set(**{name: str(value)})
        assert refused.value.code == "InvalidAttributeValue"
        assert refused.value.message == f"Invalid value for the parameter {name}."


@pytest.mark.parametrize("name", ["Nonsense", "QueueArn", "ApproximateNumberOfMessages", "All", "FifoQueue"])
async def test_attributes_that_can_not_be_set_are_unknown(jobs, name):
    with pytest.raises(AwsError) as refused:
        await jobs.set(**{name: "1"})
    assert refused.value.code == "InvalidAttributeName"
    assert refused.value.message == f"Unknown Attribute {name}."


@pytest.mark.parametrize(
    "name", ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"]
)
async def test_a_standard_queue_has_no_fifo_attributes(make, name):
    with pytest.raises(AwsError, match=f"Unknown Attribute {name}"):
        await make("jobs", **{name: "false"})
    jobs = await make("jobs")
    with pytest.raises(AwsError, match=f"Unknown Attribute {name}"):
        await jobs.attributes("VisibilityTimeout", name)


async def test_a_queue_does_not_change_its_type(make):
    orders = await make("orders.fifo")
    with pytest.raises(AwsError, match="Unknown Attribute FifoQueue"):
        await orders.set(FifoQueue="false")


async def test_a_change_is_seen_in_the_last_modified_timestamp(cloud, jobs):
    cloud.clock.advance(ms=5_000)
    await jobs.set(VisibilityTimeout="60")
    shown = await jobs.attributes("VisibilityTimeout", "CreatedTimestamp", "LastModifiedTimestamp")
    assert shown == {
        "VisibilityTimeout": "60",
        "CreatedTimestamp": str(cloud.at(0) // 1000),
        "LastModifiedTimestamp": str(cloud.at(5_000) // 1000),
    }


async def test_an_empty_value_gives_the_default_back(jobs):
    await jobs.set(VisibilityTimeout="60")
    await jobs.set(VisibilityTimeout="")
    assert await jobs.attributes("VisibilityTimeout") == {"VisibilityTimeout": "30"}


async def test_no_attribute_is_answered_unasked(jobs):
    assert await jobs.sqs.GetQueueAttributes(QueueUrl=jobs.url) == {}


async def test_asking_for_an_unknown_attribute_is_refused(jobs):
    with pytest.raises(AwsError, match="Unknown Attribute Colour"):
        await jobs.attributes("Colour")


async def test_throughput_per_group_needs_deduplication_per_group(make):
    orders = await make("orders.fifo")
    with pytest.raises(AwsError, match="FifoThroughputLimit") as refused:
        await orders.set(FifoThroughputLimit="perMessageGroupId")
    assert refused.value.code == "InvalidAttributeValue"
    await orders.set(FifoThroughputLimit="perMessageGroupId", DeduplicationScope="messageGroup")


async def test_a_queue_is_encrypted_in_one_way(jobs):
    await jobs.set(KmsMasterKeyId="alias/aws/sqs")
    shown = await jobs.attributes()
    assert shown["KmsMasterKeyId"] == "alias/aws/sqs"
    assert shown["KmsDataKeyReusePeriodSeconds"] == "300"
    assert shown["SqsManagedSseEnabled"] == "false"
    with pytest.raises(AwsError, match="one type of server-side encryption"):
        await jobs.set(KmsMasterKeyId="alias/aws/sqs", SqsManagedSseEnabled="true")
    await jobs.set(SqsManagedSseEnabled="true")
    assert "KmsMasterKeyId" not in await jobs.attributes()


@pytest.mark.parametrize("policy", ["{", "[]", '{"Statement": "all"}'])
async def test_a_policy_must_be_one(jobs, policy):
    with pytest.raises(AwsError) as refused:
        await jobs.set(Policy=policy)
    assert refused.value.code == "InvalidAttributeValue"


def policy_of(actions: list[str], statement_count: int = 1) -> str:
    statement = {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement] * statement_count})


async def test_a_policys_actions_are_those_of_sqs(jobs):
    for action in ("sqs:Foo", "sqs:Foo*", "s3:GetObject"):
        with pytest.raises(AwsError, match=r"Invalid value for the parameter Policy\.") as refused:
            await jobs.set(Policy=policy_of([action]))
        assert refused.value.code == "InvalidAttributeValue"
    await jobs.set(Policy=policy_of(["sqs:sendmessage", "SQS:Get*", "*"]))


async def test_a_statement_of_a_policy_has_at_most_seven_actions(jobs):
    await jobs.set(Policy=policy_of(["sqs:SendMessage"] * 7))
    with pytest.raises(AwsError, match="8 actions were found in a statement from the submitted policy") as refused:
        await jobs.set(Policy=policy_of(["sqs:SendMessage"] * 8))
    assert refused.value.code == "OverLimit"


async def test_a_policy_has_at_most_twenty_statements(jobs):
    await jobs.set(Policy=policy_of(["sqs:SendMessage"], 20))
    with pytest.raises(AwsError) as refused:
        await jobs.set(Policy=policy_of(["sqs:SendMessage"], 21))
    assert refused.value.code == "OverLimit"
    assert refused.value.message == "21 statements were found in the submitted policy, max allowed is 20"


async def test_a_permission_more_than_a_policy_holds_is_not_added(jobs):
    def add(n: int):
        return jobs.sqs.AddPermission(
            QueueUrl=jobs.url, Label=f"p{n}", AWSAccountIds=["111122223333"], Actions=["SendMessage"]
        )

    for n in range(20):
        await add(n)
    with pytest.raises(AwsError, match="21 statements were found"):
        await add(20)
    assert len(json.loads((await jobs.attributes("Policy"))["Policy"])["Statement"]) == 20


async def test_a_policy_has_at_most_8_192_bytes(jobs):
    def policy(size: int) -> str:
        document = (
            '{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"' + jobs.arn + '"}}'
        )
        return document + " " * (size - len(document))

    await jobs.set(Policy=policy(8_192))
    with pytest.raises(AwsError) as refused:
        await jobs.set(Policy=policy(8_193))
    assert (refused.value.code, refused.value.message) == ("OverLimit", "Submitted policy is over max allowed size.")


# Finding


async def test_a_url_is_found_by_name(jobs):
    assert await jobs.sqs.GetQueueUrl(QueueName="jobs") == {"QueueUrl": jobs.url}
    with pytest.raises(AwsError) as refused:
        await jobs.sqs.GetQueueUrl(QueueName="other")
    assert refused.value.code == "QueueDoesNotExist"


@pytest.mark.parametrize(
    "form",
    [
        "http://localhost:4566/{account}/jobs",
        "https://sqs.us-east-1.amazonaws.com/{account}/jobs",
        "http://sqs.us-east-1.localhost.localstack.cloud:4566/{account}/jobs",
        "https://us-east-1.queue.amazonaws.com/{account}/jobs",
        "http://localhost:4566/queue/us-east-1/{account}/jobs",
        "http://localhost:4566/queue/{account}/jobs",
        "http://localhost:4566/queue/jobs",
        "http://[::1]:4566/{account}/jobs/",
        "/{account}/jobs",
        "jobs",
    ],
)
async def test_a_queue_has_one_address_in_all_forms_of_its_url(cloud, jobs, form):
    await cloud.sqs.SendMessage(QueueUrl=form.format(account=cloud.account), MessageBody="hello")
    assert await jobs.bodies() == ["hello"]


@pytest.mark.parametrize("url", ["", "http://localhost:4566", "http://localhost:4566/jobs", "http://h/1/2/3"])
async def test_what_is_no_queue_url_is_refused(cloud, jobs, url):
    with pytest.raises(AwsError, match="is not valid for this endpoint") as refused:
        await cloud.sqs.SendMessage(QueueUrl=url, MessageBody="hello")
    assert refused.value.code == "InvalidAddress"


async def test_queues_are_listed_by_name_and_prefix(make):
    urls = {name: (await make(name)).url for name in ("b", "a-2", "c", "a-1")}
    sqs = (await make("a-1")).sqs
    assert (await sqs.ListQueues())["QueueUrls"] == [urls[name] for name in ("a-1", "a-2", "b", "c")]
    assert (await sqs.ListQueues(QueueNamePrefix="a-"))["QueueUrls"] == [urls["a-1"], urls["a-2"]]
    assert await sqs.ListQueues(QueueNamePrefix="x") == {}


async def test_queues_are_listed_page_by_page(make):
    urls = [(await make(name)).url for name in "abcde"]
    sqs = (await make("a")).sqs
    first = await sqs.ListQueues(MaxResults=2)
    second = await sqs.ListQueues(MaxResults=2, NextToken=first["NextToken"])
    third = await sqs.ListQueues(MaxResults=2, NextToken=second["NextToken"])
    assert first["QueueUrls"] + second["QueueUrls"] + third["QueueUrls"] == urls
    assert "NextToken" not in third


@pytest.mark.parametrize("count", [0, 1_001])
async def test_a_page_has_1_to_1000_queues(cloud, count):
    with pytest.raises(AwsError, match="MaxResults"):
        await cloud.sqs.ListQueues(MaxResults=count)


async def test_a_token_that_is_none_is_refused(cloud):
    with pytest.raises(AwsError, match="NextToken"):
        await cloud.sqs.ListQueues(MaxResults=1, NextToken="nonsense")


# Purging


async def test_a_purge_deletes_every_message_at_once(jobs):
    await jobs.send("in flight")
    await jobs.receive()
    await jobs.send("visible")
    await jobs.send("delayed", DelaySeconds=10)
    await jobs.send("x" * 10_000)
    await jobs.sqs.PurgeQueue(QueueUrl=jobs.url)
    assert await jobs.counts() == (0, 0, 0)
    assert await jobs.bodies() == []


async def test_a_queue_goes_on_after_a_purge(cloud, make):
    orders = await make("orders.fifo")
    for body in "ab":
        await orders.send(body, MessageGroupId="g")
    [a] = await orders.receive(1)
    await orders.sqs.PurgeQueue(QueueUrl=orders.url)
    await orders.delete(a)
    await orders.send("c", MessageGroupId="g")
    assert await orders.bodies() == ["c"]
    assert await orders.counts() == (0, 1, 0)


async def test_a_purge_leaves_no_row_behind(cloud, jobs):
    before = rows(cloud)
    await jobs.send("x" * 10_000, MessageGroupId="tenant")
    await jobs.sqs.PurgeQueue(QueueUrl=jobs.url)
    assert rows(cloud) == before


async def test_a_queue_is_purged_once_a_minute(cloud, jobs):
    await jobs.sqs.PurgeQueue(QueueUrl=jobs.url)
    cloud.clock.advance(ms=MINUTE_MS - 1)
    with pytest.raises(AwsError) as refused:
        await jobs.sqs.PurgeQueue(QueueUrl=jobs.url)
    assert refused.value.code == "PurgeQueueInProgress"
    assert refused.value.message == "Only one PurgeQueue operation on jobs is allowed every 60 seconds."
    cloud.clock.advance(ms=1)
    await jobs.sqs.PurgeQueue(QueueUrl=jobs.url)


# Deleting


async def test_a_deleted_queue_is_gone_at_once(jobs):
    await jobs.sqs.DeleteQueue(QueueUrl=jobs.url)
    assert await jobs.sqs.ListQueues() == {}
    for operation in ("DeleteQueue", "GetQueueAttributes", "ReceiveMessage", "PurgeQueue", "ListQueueTags"):
        with pytest.raises(AwsError) as refused:
            await getattr(jobs.sqs, operation)(QueueUrl=jobs.url)
        assert refused.value.code == "QueueDoesNotExist"


async def test_a_deleted_queues_name_is_free_after_a_minute(cloud, jobs):
    await jobs.sqs.DeleteQueue(QueueUrl=jobs.url)
    cloud.clock.advance(ms=MINUTE_MS - 1)
    with pytest.raises(AwsError) as refused:
        await cloud.sqs.CreateQueue(QueueName="jobs")
    assert refused.value.code == "QueueDeletedRecently"
    cloud.clock.advance(ms=1)
    await cloud.sqs.CreateQueue(QueueName="jobs")


async def test_a_queue_of_an_old_name_is_empty(cloud, make, jobs):
    await jobs.send("old")
    await jobs.sqs.DeleteQueue(QueueUrl=jobs.url)
    await cloud.advance(ms=MINUTE_MS)
    again = await make("jobs")
    assert await again.bodies() == []
    assert await again.counts() == (0, 0, 0)


async def test_a_deleted_queue_leaves_no_row_behind(cloud, make):
    before = rows(cloud)
    orders = await make("orders.fifo")
    await orders.send("x" * 10_000, MessageGroupId="g")
    await orders.receive(ReceiveRequestAttemptId="try")
    await orders.sqs.DeleteQueue(QueueUrl=orders.url)
    await cloud.advance(ms=MINUTE_MS)
    assert rows(cloud) == before


# Tags


async def test_tags_are_set_replaced_and_removed(make):
    jobs = await make("jobs", tags={"team": "a", "stage": "test"})
    await jobs.sqs.TagQueue(QueueUrl=jobs.url, Tags={"team": "b", "cost": "1"})
    await jobs.sqs.UntagQueue(QueueUrl=jobs.url, TagKeys=["stage", "never set"])
    assert await jobs.sqs.ListQueueTags(QueueUrl=jobs.url) == {"Tags": {"team": "b", "cost": "1"}}


async def test_a_queue_without_tags_answers_none(jobs):
    assert await jobs.sqs.ListQueueTags(QueueUrl=jobs.url) == {}


async def test_a_queue_has_at_most_50_tags(jobs):
    await jobs.sqs.TagQueue(QueueUrl=jobs.url, Tags={f"key{number}": "" for number in range(50)})
    with pytest.raises(AwsError, match="Too many tags added for queue jobs"):
        await jobs.sqs.TagQueue(QueueUrl=jobs.url, Tags={"one": "more"})


def rows(cloud) -> list[bytes]:
    """The keys of everything that SQS keeps, and of the timers; not those of the clock's own sequence."""
    found, _ = cloud.store.look(lambda tx: [key for key, _ in tx.scan(b"", b"\xff")])
    return [key for key in found if key.startswith((b"sqs.", b"timers")) and not key.startswith(b"sqs.backlogs")]
