"""The CloudFormation types, each acting through the public operations only."""

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.sqs.resources import Queue, QueueInlinePolicy, QueuePolicy
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import Gone, ResourceContext

STACK_TAGS = {"aws:cloudformation:stack-name": "shop", "aws:cloudformation:logical-id": "Jobs"}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}],
}


@pytest.fixture
def context(cloud):
    async def invoke(service: str, operation: str, request: dict) -> dict:
        return await getattr(getattr(cloud, service), operation)(**request)

    return ResourceContext(
        account=cloud.account,
        region=cloud.region,
        partition="aws",
        stack_name="shop",
        stack_id="arn:aws:cloudformation:us-east-1:000000000000:stack/shop/1",
        logical_id="Jobs",
        token="1",
        clock=cloud.clock,
        invoke=invoke,
        tags=STACK_TAGS,
    )


async def create(kind, context, **properties):
    resource = kind()
    return await resource.create(context, resource.coerced(properties))


async def attributes(cloud, url: str) -> dict[str, str]:
    return (await cloud.sqs.GetQueueAttributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]


async def test_a_queue_without_a_name_gets_one(cloud, context):
    created = await create(Queue, context)
    name = created.attributes["QueueName"]
    assert name.startswith("shop-Jobs-")
    assert created.physical_id == created.attributes["QueueUrl"] == (await cloud.sqs.ListQueues())["QueueUrls"][0]
    assert created.attributes["Arn"] == f"arn:aws:sqs:us-east-1:{cloud.account}:{name}"


async def test_a_fifo_queue_without_a_name_gets_one_that_ends_in_fifo(context):
    created = await create(Queue, context, FifoQueue="true")
    assert created.attributes["QueueName"].endswith(".fifo")
    assert len(created.attributes["QueueName"]) <= 80


async def test_every_property_reaches_the_queue(cloud, context):
    dead = await create(Queue, context, QueueName="dead.fifo", FifoQueue=True)
    created = await create(
        Queue,
        context,
        QueueName="jobs.fifo",
        FifoQueue=True,
        ContentBasedDeduplication=True,
        DeduplicationScope="messageGroup",
        FifoThroughputLimit="perMessageGroupId",
        DelaySeconds="5",
        KmsMasterKeyId="alias/aws/sqs",
        KmsDataKeyReusePeriodSeconds=600,
        MaximumMessageSize=2048,
        MessageRetentionPeriod=120,
        ReceiveMessageWaitTimeSeconds=10,
        RedrivePolicy={"deadLetterTargetArn": dead.attributes["Arn"], "maxReceiveCount": 3},
        RedriveAllowPolicy={"redrivePermission": "denyAll"},
        VisibilityTimeout=45,
        Tags=[{"Key": "team", "Value": "a"}],
    )
    shown = await attributes(cloud, created.physical_id)
    assert {name: shown[name] for name in Queue.properties if name in shown} == {
        "ContentBasedDeduplication": "true",
        "DeduplicationScope": "messageGroup",
        "DelaySeconds": "5",
        "FifoQueue": "true",
        "FifoThroughputLimit": "perMessageGroupId",
        "KmsDataKeyReusePeriodSeconds": "600",
        "KmsMasterKeyId": "alias/aws/sqs",
        "MaximumMessageSize": "2048",
        "MessageRetentionPeriod": "120",
        "ReceiveMessageWaitTimeSeconds": "10",
        "RedriveAllowPolicy": '{"redrivePermission":"denyAll"}',
        "RedrivePolicy": '{"deadLetterTargetArn":"' + dead.attributes["Arn"] + '","maxReceiveCount":3}',
        "SqsManagedSseEnabled": "false",
        "VisibilityTimeout": "45",
    }
    tags = (await cloud.sqs.ListQueueTags(QueueUrl=created.physical_id))["Tags"]
    assert tags == {**STACK_TAGS, "team": "a"}


async def test_a_property_that_a_queue_has_not_fails_by_name(context):
    with pytest.raises(InvalidProperty, match="Colour"):
        await create(Queue, context, Colour="red")


async def test_the_creation_may_run_again(context):
    first = await create(Queue, context, QueueName="jobs", DelaySeconds=5)
    assert await create(Queue, context, QueueName="jobs", DelaySeconds=5) == first


async def test_a_stack_does_not_take_somebody_elses_queue(cloud, context):
    await cloud.sqs.CreateQueue(QueueName="jobs")
    with pytest.raises(AwsError, match="identifier 'jobs' already exists") as refused:
        await create(Queue, context, QueueName="jobs")
    assert refused.value.code == "AlreadyExists"


async def test_an_update_changes_adds_and_gives_the_defaults_back(cloud, context):
    queue = Queue()
    old = queue.coerced({"DelaySeconds": 5, "VisibilityTimeout": 10, "Tags": [{"Key": "a", "Value": "1"}]})
    new = queue.coerced({"VisibilityTimeout": 20, "MaximumMessageSize": 1024, "Tags": [{"Key": "b", "Value": "2"}]})
    created = await queue.create(context, old)
    updated = await queue.update(context, created.physical_id, old, new)

    shown = await attributes(cloud, created.physical_id)
    assert (shown["DelaySeconds"], shown["VisibilityTimeout"], shown["MaximumMessageSize"]) == ("0", "20", "1024")
    tags = (await cloud.sqs.ListQueueTags(QueueUrl=created.physical_id))["Tags"]
    assert tags == {**STACK_TAGS, "b": "2"}
    assert updated.attributes == created.attributes


@pytest.mark.parametrize("name", ["QueueName", "FifoQueue"])
def test_name_and_type_of_a_queue_need_a_new_one(name):
    assert Queue().requires_recreation(name) == "Always"


async def test_a_queue_of_a_name_just_deleted_waits_until_it_is_free(cloud, context, begin):
    await cloud.sqs.CreateQueue(QueueName="jobs")
    await cloud.sqs.DeleteQueue(QueueUrl=f"http://localhost:4566/{cloud.account}/jobs")
    creation = await begin(create(Queue, context, QueueName="jobs"))
    for _ in range(60):
        assert not creation.done()
        await cloud.advance(ms=1_000)
        await cloud.sqs.ListQueues()
    assert (await creation).attributes["QueueName"] == "jobs"
    assert cloud.clock.now_ms() >= cloud.at(60_000)


async def test_a_deleted_queue_is_gone_and_its_deletion_may_run_again(cloud, context):
    created = await create(Queue, context)
    for _ in range(2):
        await Queue().delete(context, created.physical_id, {})
    assert await cloud.sqs.ListQueues() == {}


async def test_a_queue_is_read_as_it_is(context):
    properties = {"QueueName": "jobs", "DelaySeconds": 5, "Tags": [{"Key": "a", "Value": "1"}]}
    created = await create(Queue, context, **properties)
    found = await Queue().read(context, created.physical_id)
    assert {name: found[name] for name in properties} == properties
    assert found["VisibilityTimeout"] == 30
    with pytest.raises(Gone):
        await Queue().read(context, created.physical_id + "x")


async def test_a_queue_policy_is_that_of_all_its_queues(cloud, context):
    one, two, three = [(await create(Queue, context, QueueName=name)).physical_id for name in ("a", "b", "c")]
    policy = QueuePolicy()
    old = {"PolicyDocument": POLICY, "Queues": [one, two]}
    created = await policy.create(context, policy.coerced(old))
    assert created.attributes == {"Id": created.physical_id}
    assert "Policy" in await attributes(cloud, one)
    assert "Policy" in await attributes(cloud, two)

    new = {"PolicyDocument": POLICY, "Queues": [two, three]}
    await policy.update(context, created.physical_id, old, new)
    assert "Policy" not in await attributes(cloud, one)
    assert "Policy" in await attributes(cloud, three)

    await cloud.sqs.DeleteQueue(QueueUrl=three)
    for _ in range(2):
        await policy.delete(context, created.physical_id, new)
    assert "Policy" not in await attributes(cloud, two)


async def test_an_inline_policy_is_that_of_its_queue(cloud, context):
    queue = (await create(Queue, context)).physical_id
    inline = QueueInlinePolicy()
    properties = {"PolicyDocument": POLICY, "Queue": queue}
    created = await inline.create(context, inline.coerced(properties))
    assert created.physical_id == queue
    assert await inline.read(context, queue) == properties
    await inline.delete(context, queue, properties)
    with pytest.raises(Gone):
        await inline.read(context, queue)
