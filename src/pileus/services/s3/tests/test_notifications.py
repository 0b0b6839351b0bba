"""Event notifications: configuration, filters, delivery."""

import json

import pytest

from pileus.kernel.errors import NotImplementedByUs
from pileus.services.s3 import errors, events


def on(arn: str, *names: str, prefix: str = "", suffix: str = "") -> dict:
    rules = [{"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value]
    return {"QueueArn": arn, "Events": list(names), **({"Filter": {"Key": {"FilterRules": rules}}} if rules else {})}


@pytest.fixture
async def queue(cloud):
    """(URL, ARN) of a queue that lets S3 send."""
    arn = f"arn:aws:sqs:{cloud.region}:{cloud.account}:uploads"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::box"}},
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = await cloud.sqs.CreateQueue(QueueName="uploads", Attributes={"Policy": text})
    return made["QueueUrl"], arn


async def configure(cloud, bucket, *rules):
    await cloud.s3.PutBucketNotificationConfiguration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": list(rules)}
    )


async def received(cloud, url) -> list[dict]:
    await cloud.settle()
    found = []
    while messages := (await cloud.sqs.ReceiveMessage(QueueUrl=url, MaxNumberOfMessages=10)).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            await cloud.sqs.DeleteMessage(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


async def problems_of(cloud, bucket, **configuration) -> list[str]:
    with pytest.raises(errors.InvalidArgument, match="Unable to validate the following") as refused:
        await cloud.s3.PutBucketNotificationConfiguration(Bucket=bucket, NotificationConfiguration=configuration)
    fields = refused.value.fields
    return [value for name, value in sorted(fields.items()) if name.startswith("ArgumentValue")]


async def test_a_destination_that_is_not_there_is_no_question_of_permissions(cloud, bucket):
    await cloud.sqs.CreateQueue(QueueName="closed")
    where = f"{cloud.region}:{cloud.account}"
    rules = [
        on(f"arn:aws:sqs:{where}:closed", "s3:ObjectCreated:*"),
        on(f"arn:aws:sqs:{where}:none", "s3:ObjectRemoved:*"),
    ]
    assert await problems_of(cloud, bucket, QueueConfigurations=rules) == [
        "Permissions on the destination queue do not allow S3 to publish notifications from this bucket",
        "The destination queue does not exist",
    ]
    rule = {"LambdaFunctionArn": f"arn:aws:lambda:{where}:function:none", "Events": ["s3:ObjectCreated:*"]}
    assert await problems_of(cloud, bucket, LambdaFunctionConfigurations=[rule]) == [
        "The destination Lambda function does not exist"
    ]


async def test_a_queue_gets_a_test_event_and_then_what_happens(cloud, bucket, queue):
    url, arn = queue
    await configure(cloud, bucket, on(arn, "s3:ObjectCreated:*", prefix="in/", suffix=".txt"))
    (test,) = await received(cloud, url)
    assert (test["Event"], test["Bucket"]) == ("s3:TestEvent", bucket)
    await cloud.s3.PutObject(Bucket=bucket, Key="in/a b ü.txt", Body=b"hello")
    await cloud.s3.PutObject(Bucket=bucket, Key="in/other.png")
    await cloud.s3.PutObject(Bucket=bucket, Key="out/a.txt")
    await cloud.s3.DeleteObject(Bucket=bucket, Key="in/a b ü.txt")
    ((record,),) = [message["Records"] for message in await received(cloud, url)]
    assert (record["eventName"], record["eventVersion"], record["eventTime"]) == (
        "ObjectCreated:Put",
        "2.1",
        "2026-01-01T00:00:00.000Z",
    )
    thing = record["s3"]["object"]
    assert (thing["key"], thing["size"], thing["eTag"]) == (
        "in/a+b+%C3%BC.txt",
        5,
        "5d41402abc4b2a76b9719d911017c592",
    )
    assert "versionId" not in thing


async def test_markers_copies_tags_and_uploads_have_events_of_their_own(cloud, versioned, queue):
    url, arn = queue
    await configure(cloud, versioned, on(arn, "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"))
    await received(cloud, url)
    version = (await cloud.s3.PutObject(Bucket=versioned, Key="k", Body=b"1"))["VersionId"]
    await cloud.s3.CopyObject(Bucket=versioned, Key="c", CopySource=f"{versioned}/k")
    await cloud.s3.PutObjectTagging(Bucket=versioned, Key="k", Tagging={"TagSet": []})
    await cloud.s3.DeleteObject(Bucket=versioned, Key="k")
    await cloud.s3.DeleteObject(Bucket=versioned, Key="k", VersionId=version)
    records = [message["Records"][0] for message in await received(cloud, url)]
    records.sort(key=lambda record: record["s3"]["object"]["sequencer"])
    assert [record["eventName"] for record in records] == [
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectTagging:Put",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectRemoved:Delete",
    ]
    assert records[0]["s3"]["object"]["versionId"] == records[4]["s3"]["object"]["versionId"] == version


async def test_a_destination_must_be_there_and_let_s3_in(cloud, bucket, queue):
    missing = queue[1].replace("uploads", "none")
    with pytest.raises(errors.InvalidArgument, match="Unable to validate"):
        await configure(cloud, bucket, on(missing, "s3:ObjectCreated:*"))
    await cloud.sqs.SetQueueAttributes(QueueUrl=queue[0], Attributes={"Policy": ""})
    with pytest.raises(errors.InvalidArgument, match="Unable to validate") as caught:
        await configure(cloud, bucket, on(queue[1], "s3:ObjectCreated:*"))
    assert "Permissions on the destination queue" in caught.value.fields["ArgumentValue1"]
    assert await cloud.s3.GetBucketNotificationConfiguration(Bucket=bucket) == {}


async def test_filters_must_not_overlap(cloud, bucket, queue):
    arn = queue[1]
    with pytest.raises(errors.InvalidArgument, match="ambiguously"):
        await configure(
            cloud,
            bucket,
            on(arn, "s3:ObjectCreated:*", prefix="a"),
            on(arn, "s3:ObjectCreated:Put", prefix="ab"),
        )
    await configure(
        cloud,
        bucket,
        on(arn, "s3:ObjectCreated:*", prefix="a", suffix=".x"),
        on(arn, "s3:ObjectCreated:Put", prefix="ab", suffix=".y"),
        on(arn, "s3:ObjectRemoved:*"),
    )


TOPIC = {"TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Events": ["s3:ObjectCreated:*"]}


@pytest.mark.parametrize(
    ("service", "configuration"),
    [("sns", {"TopicConfigurations": [TOPIC]})],
)
async def test_nothing_is_promised_to_a_service_that_is_not_there(cloud, bucket, service, configuration):
    if cloud.pileus.registry.get(service) is not None:
        pytest.skip(f"{service} is there")
    with pytest.raises(NotImplementedByUs, match=service):
        await cloud.s3.PutBucketNotificationConfiguration(
            Bucket=bucket, NotificationConfiguration=configuration, SkipDestinationValidation=True
        )
    assert await cloud.s3.GetBucketNotificationConfiguration(Bucket=bucket) == {}


async def heard_by_event_bridge(cloud, url: str) -> list[dict]:
    """By a rule for all events of S3, through the queue."""
    await cloud.settle()
    answer = await cloud.sqs.ReceiveMessage(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", ())]


async def test_event_bridge_hears_of_everything_on_the_default_bus(cloud, versioned, queue):
    url, arn = queue
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:*", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"Policy": policy})
    await cloud.events.PutRule(Name="s3", EventPattern=json.dumps({"source": ["aws.s3"]}))
    await cloud.events.PutTargets(Rule="s3", Targets=[{"Id": "1", "Arn": arn}])
    await cloud.s3.PutBucketNotificationConfiguration(
        Bucket=versioned, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    version = (await cloud.s3.PutObject(Bucket=versioned, Key="in/a b.txt", Body=b"hello"))["VersionId"]
    await cloud.s3.DeleteObject(Bucket=versioned, Key="in/a b.txt")
    created, deleted = sorted(await heard_by_event_bridge(cloud, url), key=lambda event: event["detail-type"])
    assert {name: created[name] for name in ("source", "detail-type", "account", "time", "region", "resources")} == {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "account": cloud.account,
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{versioned}"],
    }
    thing = created["detail"]["object"]
    assert (thing["key"], thing["size"], thing["version-id"]) == ("in/a b.txt", 5, version)
    assert created["detail"]["reason"] == "PutObject"
    assert (deleted["detail-type"], deleted["detail"]["deletion-type"]) == ("Object Deleted", "Delete Marker Created")


async def test_lifecycle_says_so(cloud, bucket, queue):
    url, arn = queue
    await configure(cloud, bucket, on(arn, "s3:LifecycleExpiration:*"))
    await cloud.s3.PutBucketLifecycleConfiguration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]},
    )
    await cloud.s3.PutObject(Bucket=bucket, Key="k")
    await received(cloud, url)
    await cloud.advance(2 * 86_400_000)
    names = [message["Records"][0]["eventName"] for message in await received(cloud, url)]
    assert names == ["LifecycleExpiration:Delete"]


@pytest.mark.parametrize(
    ("name", "action", "covers"),
    [
        ("s3:ObjectCreated:*", "ObjectCreated:Put", True),
        ("s3:ObjectCreated:Put", "ObjectCreated:Put", True),
        ("s3:ObjectCreated:Put", "ObjectCreated:Copy", False),
        ("s3:ObjectRemoved:*", "ObjectCreated:Put", False),
    ],
)
def test_which_names_cover_an_event(name, action, covers):
    assert events.event_covers(name, action) is covers
