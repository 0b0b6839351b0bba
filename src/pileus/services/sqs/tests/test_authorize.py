"""Who may do what: queue policies, AddPermission, other accounts, and what each operation asks for."""

import json

import pytest

from pileus.kernel import principal
from pileus.kernel.errors import AccessDenied, AwsError
from pileus.protocol import models
from pileus.services.sqs import SERVICE, authorize

OTHER = "111122223333"


@pytest.fixture
def stranger(cloud):
    """The root of another account."""
    return cloud.as_(principal.root(OTHER), "sqs")


def allow(queue, action: str, **more) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": action, "Resource": queue.arn, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def test_every_operation_of_the_model_is_written():
    names = models.load("sqs").operation_names
    assert [name for name in names if SERVICE.operation(name) is None] == []


async def test_another_account_may_do_nothing_by_default(jobs, stranger):
    with pytest.raises(AccessDenied) as denied:
        await stranger.SendMessage(QueueUrl=jobs.url, MessageBody="a")
    assert "is not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:" in denied.value.message


async def test_a_queues_policy_lets_another_account_in_for_what_it_says(jobs, stranger):
    await jobs.set(Policy=allow(jobs, "sqs:SendMessage"))
    await stranger.SendMessage(QueueUrl=jobs.url, MessageBody="a")
    assert await jobs.bodies() == ["a"]
    with pytest.raises(AccessDenied):
        await stranger.ReceiveMessage(QueueUrl=jobs.url)


async def test_a_permission_for_an_operation_is_one_for_its_batch(jobs, stranger):
    await jobs.set(Policy=allow(jobs, "sqs:SendMessage"))
    entries = [{"Id": "1", "MessageBody": "a"}]
    assert (await stranger.SendMessageBatch(QueueUrl=jobs.url, Entries=entries))["Failed"] == []


async def test_some_operations_are_the_owners_whatever_the_policy_says(jobs, stranger):
    await jobs.set(Policy=allow(jobs, "sqs:*"))
    await stranger.PurgeQueue(QueueUrl=jobs.url)
    for operation, more in (
        ("DeleteQueue", {}),
        ("SetQueueAttributes", {"Attributes": {"DelaySeconds": "1"}}),
        ("TagQueue", {"Tags": {"a": "b"}}),
        ("RemovePermission", {"Label": "x"}),
    ):
        with pytest.raises(AccessDenied):
            await getattr(stranger, operation)(QueueUrl=jobs.url, **more)


async def test_a_policy_may_deny_the_owner(jobs):
    await jobs.set(Policy=allow(jobs, "sqs:SendMessage", Effect="Deny", Principal="*"))
    with pytest.raises(AccessDenied):
        await jobs.send("a")


async def test_a_service_may_send_for_the_resource_that_the_policy_names(cloud, jobs):
    bucket = "arn:aws:s3:::example"
    await jobs.set(
        Policy=allow(
            jobs,
            "sqs:SendMessage",
            Principal={"Service": "s3.amazonaws.com"},
            Condition={"ArnLike": {"aws:SourceArn": bucket}},
        )
    )
    for source_arn, is_allowed in [(bucket, True), ("arn:aws:s3:::other", False)]:
        who = principal.service("s3.amazonaws.com", source_arn=source_arn)
        call = cloud.pileus.call("sqs", "SendMessage", principal=who, account=cloud.account, source_arn=source_arn)
        request = {"QueueUrl": jobs.url, "MessageBody": "a"}
        if is_allowed:
            await cloud.pileus.invoke(call, request)
        else:
            with pytest.raises(AccessDenied):
                await cloud.pileus.invoke(call, request)


async def test_a_policy_may_look_at_the_queues_tags(make, stranger):
    condition = {"StringEquals": {"aws:ResourceTag/shared": "yes"}}
    for name, tags in (("shared", {"shared": "yes"}), ("private", {"shared": "no"})):
        queue = await make(name, tags=tags)
        await queue.set(Policy=allow(queue, "sqs:GetQueueUrl", Condition=condition))
    await stranger.GetQueueUrl(QueueName="shared", QueueOwnerAWSAccountId="000000000000")
    with pytest.raises(AccessDenied):
        await stranger.GetQueueUrl(QueueName="private", QueueOwnerAWSAccountId="000000000000")


async def test_a_move_takes_from_the_source_and_sends_to_the_destination(cloud):
    call = cloud.pileus.call("sqs", "StartMessageMoveTask", principal=principal.root(cloud.account))
    request = {"SourceArn": "arn:aws:sqs:us-east-1:000000000000:dead", "DestinationArn": "arn:aws:sqs:us-east-1:1:to"}
    touches = authorize.RESOURCES["StartMessageMoveTask"](call, request)
    assert [(touch.action, touch.resource.rsplit(":", 1)[1]) for touch in touches] == [
        ("sqs:StartMessageMoveTask", "dead"),
        ("sqs:ReceiveMessage", "dead"),
        ("sqs:DeleteMessage", "dead"),
        ("sqs:GetQueueAttributes", "dead"),
        ("sqs:SendMessage", "to"),
    ]


# AddPermission, RemovePermission


async def test_a_permission_is_a_statement_of_the_policy(jobs, stranger):
    await jobs.sqs.AddPermission(
        QueueUrl=jobs.url, Label="partner", AWSAccountIds=[OTHER], Actions=["SendMessage", "GetQueueUrl"]
    )
    assert json.loads((await jobs.attributes("Policy"))["Policy"]) == {
        "Version": "2008-10-17",
        "Id": f"{jobs.arn}/SQSDefaultPolicy",
        "Statement": [
            {
                "Sid": "partner",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
                "Action": ["SQS:SendMessage", "SQS:GetQueueUrl"],
                "Resource": jobs.arn,
            }
        ],
    }
    await stranger.SendMessage(QueueUrl=jobs.url, MessageBody="a")
    with pytest.raises(AccessDenied):
        await stranger.ReceiveMessage(QueueUrl=jobs.url)


async def test_a_removed_permission_leaves_the_others(jobs, stranger):
    for label, action in (("send", "SendMessage"), ("receive", "ReceiveMessage")):
        await jobs.sqs.AddPermission(QueueUrl=jobs.url, Label=label, AWSAccountIds=[OTHER], Actions=[action])
    await jobs.sqs.RemovePermission(QueueUrl=jobs.url, Label="send")
    await stranger.ReceiveMessage(QueueUrl=jobs.url)
    with pytest.raises(AccessDenied):
        await stranger.SendMessage(QueueUrl=jobs.url, MessageBody="a")
    await jobs.sqs.RemovePermission(QueueUrl=jobs.url, Label="receive")
    assert await jobs.attributes("Policy") == {}


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"Label": "a b"}, "InvalidParameterValue", "for parameter Label is invalid"),
        ({"Label": "x" * 81}, "InvalidParameterValue", "for parameter Label is invalid"),
        ({"Actions": ["CreateQueue"]}, "InvalidParameterValue", "Only the queue owner is allowed to invoke"),
        ({"Actions": ["SendMessage"] * 8}, "OverLimit", "8 Actions were found, maximum allowed is 7."),
        ({"Actions": []}, "MissingParameter", "Actions"),
        ({"AWSAccountIds": []}, "MissingParameter", "AWSAccountIds"),
        ({"AWSAccountIds": ["*"]}, "InvalidParameterValue", "Value [*] for parameter PrincipalId is invalid"),
    ],
)
async def test_a_permission_must_be_one(jobs, change, code, text):
    request = {"Label": "partner", "AWSAccountIds": [OTHER], "Actions": ["SendMessage"], **change}
    with pytest.raises(AwsError) as refused:
        await jobs.sqs.AddPermission(QueueUrl=jobs.url, **request)
    assert refused.value.code == code
    assert text in refused.value.message


async def test_a_label_is_used_once_and_must_be_there_to_be_removed(jobs):
    request = {"QueueUrl": jobs.url, "Label": "partner", "AWSAccountIds": [OTHER], "Actions": ["*"]}
    await jobs.sqs.AddPermission(**request)
    with pytest.raises(AwsError, match="Already exists"):
        await jobs.sqs.AddPermission(**request)
    with pytest.raises(AwsError, match="can't find label on existing policy"):
        await jobs.sqs.RemovePermission(QueueUrl=jobs.url, Label="other")
