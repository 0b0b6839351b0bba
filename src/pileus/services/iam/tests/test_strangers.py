"""Users and roles that are not there: no resource's policy can name them, whatever the service."""

import json

import pytest

from pileus.kernel.errors import AwsError

ANN = "arn:aws:iam::000000000000:user/team/ann"
DURABLE = "arn:aws:iam::000000000000:role/durable"


def document(who: str, action: str, resource: str = "*", element: str = "Principal") -> str:
    statement = {"Effect": "Deny", element: {"AWS": who}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def in_s3(cloud, who: str) -> None:
    await cloud.s3.PutBucketPolicy(Bucket="box", Policy=document(who, "s3:GetObject", "arn:aws:s3:::box/*"))


async def in_s3_as_exception(cloud, who: str) -> None:
    text = document(who, "s3:GetObject", "arn:aws:s3:::box/*", "NotPrincipal")
    await cloud.s3.PutBucketPolicy(Bucket="box", Policy=text)


async def in_a_new_queue(cloud, who: str) -> None:
    await cloud.sqs.CreateQueue(QueueName="new", Attributes={"Policy": document(who, "sqs:SendMessage")})


async def in_a_queue(cloud, who: str) -> None:
    url = (await cloud.sqs.GetQueueUrl(QueueName="jobs"))["QueueUrl"]
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"Policy": document(who, "sqs:SendMessage")})


async def in_logs(cloud, who: str) -> None:
    await cloud.logs.PutResourcePolicy(policyName="p", policyDocument=document(who, "logs:PutLogEvents"))


async def in_events(cloud, who: str) -> None:
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    await cloud.events.PutPermission(Policy=document(who, "events:PutEvents", bus))


async def in_a_table(cloud, who: str) -> None:
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things"
    text = document(who, "dynamodb:GetItem", arn)
    await cloud.dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=text)


async def in_a_new_table(cloud, who: str) -> None:
    await make_table(cloud, "new", ResourcePolicy=document(who, "dynamodb:GetItem"))


async def make_table(cloud, name: str, **more) -> None:
    await cloud.dynamodb.CreateTable(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    await cloud.settle()


@pytest.fixture
async def owned(cloud):
    await cloud.s3.CreateBucket(Bucket="box")
    await cloud.sqs.CreateQueue(QueueName="jobs")
    await make_table(cloud, "things")
    return cloud


@pytest.mark.parametrize(
    ("put", "code", "message"),
    [
        (in_s3, "MalformedPolicy", "Invalid principal in policy"),
        (in_s3_as_exception, "MalformedPolicy", "Invalid principal in policy"),
        (in_a_new_queue, "InvalidAttributeValue", "Invalid value for the parameter Policy."),
        (in_a_queue, "InvalidAttributeValue", "Invalid value for the parameter Policy."),
        (in_logs, "InvalidParameterException", "Could not convert to persistable policy."),
        (in_events, "ValidationException", f'not valid. Reason: Invalid principal in policy: "AWS":"{ANN}"'),
        (in_a_table, "ValidationException", "Invalid principal in policy document."),
        (in_a_new_table, "ValidationException", "Invalid principal in policy document."),
    ],
)
async def test_a_policy_can_not_name_a_user_who_is_not_there(owned, put, code, message):
    await owned.iam.CreateUser(UserName="ann")  # of another path: not the one that is named
    with pytest.raises(AwsError) as refused:
        await put(owned, ANN)
    assert (refused.value.code, message in refused.value.message) == (code, True)
    await owned.iam.DeleteUser(UserName="ann")
    await owned.iam.CreateUser(UserName="ann", Path="/team/")
    await put(owned, ANN)


async def test_a_unique_id_names_who_has_it(owned):
    user = (await owned.iam.CreateUser(UserName="ann"))["User"]
    await in_s3(owned, user["UserId"])
    await owned.iam.DeleteUser(UserName="ann")
    with pytest.raises(AwsError, match="Invalid principal in policy"):
        await in_s3(owned, user["UserId"])


async def test_accounts_and_sessions_are_not_looked_up(owned):
    session = "arn:aws:sts::000000000000:assumed-role/nobody/job"
    for who in ("111122223333", "arn:aws:iam::111122223333:root", "*", session):
        await in_s3(owned, who)
