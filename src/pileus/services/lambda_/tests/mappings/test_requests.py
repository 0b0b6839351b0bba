"""Lists, tags and permissions of mappings, and the requests that are refused."""

import json
from datetime import UTC, datetime

import pytest

from pileus.kernel.errors import AccessDenied, AwsError
from pileus.kernel.principal import role_session
from pileus.services.lambda_.tests.mappings.played import POLLING, QUEUE_ARN, mapping, refused, send
from pileus.services.lambda_.tests.material import TRUST, allow

# Lists, tags, permissions


async def test_mappings_are_listed_by_function_and_by_source(cloud, played, map_, make, url):
    await cloud.sqs.CreateQueue(QueueName="other")
    await make("second")
    other = "arn:aws:sqs:us-east-1:000000000000:other"
    one = await map_()
    two = await map_(EventSourceArn=other)
    three = await map_(FunctionName="second")

    async def listed(**more):
        found = await cloud.lambda_.ListEventSourceMappings(**more)
        return {each["UUID"] for each in found["EventSourceMappings"]}

    assert await listed() == {one, two, three}
    assert await listed(FunctionName="echo") == {one, two}
    assert await listed(EventSourceArn=QUEUE_ARN) == {one, three}
    assert await listed(EventSourceArn=QUEUE_ARN, FunctionName="second") == {three}
    with refused("ResourceNotFoundException"):
        await listed(FunctionName="nobody")
    first = await cloud.lambda_.ListEventSourceMappings(MaxItems=2)
    rest = await cloud.lambda_.ListEventSourceMappings(Marker=first["NextMarker"])
    assert "NextMarker" not in rest
    assert {each["UUID"] for each in first["EventSourceMappings"] + rest["EventSourceMappings"]} == {one, two, three}


async def test_a_mapping_has_tags(cloud, played, map_, url):
    uuid = await map_(Tags={"team": "blue"})
    arn = (await mapping(cloud, uuid))["EventSourceMappingArn"]
    await cloud.lambda_.TagResource(Resource=arn, Tags={"cost": "1"})
    assert (await cloud.lambda_.ListTags(Resource=arn))["Tags"] == {"team": "blue", "cost": "1"}
    await cloud.lambda_.UntagResource(Resource=arn, TagKeys=["team"])
    assert (await cloud.lambda_.ListTags(Resource=arn))["Tags"] == {"cost": "1"}


async def test_policies_may_look_at_the_mappings_function(cloud, played, map_, make, url):
    await make("second")
    statement = {
        "Effect": "Allow",
        "Action": ["lambda:*EventSourceMapping"],
        "Resource": "*",
        "Condition": {"ArnLike": {"lambda:FunctionArn": "arn:aws:lambda:*:*:function:echo"}},
    }
    made = await cloud.iam.CreateRole(RoleName="deploys", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(
        RoleName="deploys",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    deployer = cloud.as_(role_session(made["Role"]["Arn"], made["Role"]["RoleId"], "me"), "lambda")
    mine = await deployer.CreateEventSourceMapping(FunctionName="echo", EventSourceArn=QUEUE_ARN)
    await cloud.settle()
    with pytest.raises(AccessDenied):
        await deployer.CreateEventSourceMapping(FunctionName="second", EventSourceArn=QUEUE_ARN)
    with pytest.raises(AccessDenied):
        await deployer.UpdateEventSourceMapping(UUID=mine["UUID"], FunctionName="second")
    await deployer.UpdateEventSourceMapping(UUID=mine["UUID"], BatchSize=3)
    theirs = await map_(FunctionName="second")
    with pytest.raises(AccessDenied):
        await deployer.DeleteEventSourceMapping(UUID=theirs)


# Refusals


async def test_the_role_must_be_able_to_read_the_queue(cloud, played, map_, url):
    for missing in POLLING:
        rest = [action for action in POLLING if action != missing]
        await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow(*rest))
        operation = missing.removeprefix("sqs:")
        with refused(
            "InvalidParameterValueException",
            f"The provided execution role does not have permissions to call {operation} on SQS",
        ):
            await map_()


async def test_the_queues_own_policy_may_give_the_permission(cloud, played, map_, url, role):
    await cloud.iam.DeleteRolePolicy(RoleName="runs-functions", PolicyName="p")
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sqs:*", "Resource": QUEUE_ARN}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"Policy": policy})
    await map_()
    await send(cloud, url, "a")
    assert played.batches == [["a"]]


async def test_one_mapping_a_queue_and_function(cloud, played, map_, url):
    uuid = await map_()
    with pytest.raises(AwsError) as refusal:
        await map_()
    assert refusal.value.code == "ResourceConflictException"
    assert refusal.value.message == (
        f'An event source mapping with SQS arn (" {QUEUE_ARN} ") and function (" echo ") already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}"
    )


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", "Function not found"),
        ({"EventSourceArn": QUEUE_ARN + "2"}, "InvalidParameterValueException", "AWS.SimpleQueueService.NonExistent"),
        (
            {"EventSourceArn": "arn:aws:sqs:us-east-1::jobs"},
            "InvalidParameterValueException",
            "Invalid event source ARN",
        ),
        ({"EventSourceArn": "arn:aws:s3:::bucket"}, "InvalidParameterValueException", "Unrecognized event source"),
        (
            {"EventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/c/1"},
            "NotImplemented",
            "with kafka as the event source",
        ),
        (
            {"EventSourceArn": QUEUE_ARN.replace("us-east-1", "eu-west-1")},
            "InvalidParameterValueException",
            "must be in the function's region",
        ),
        (
            {"StartingPosition": "LATEST"},
            "InvalidParameterValueException",
            "StartingPosition is not valid for SQS event sources.",
        ),
        *(
            (
                {member: value},
                "InvalidParameterValueException",
                f"Unsupported '{member}' parameter for given event source mapping type.",
            )
            for member, value in {
                "StartingPositionTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
                "ParallelizationFactor": 1,
                "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:jobs"}},
                "MaximumRecordAgeInSeconds": 60,
                "BisectBatchOnFunctionError": True,
                "MaximumRetryAttempts": 2,
                "TumblingWindowInSeconds": 1,
            }.items()
        ),
        ({"BatchSize": 0}, "ValidationException", "batchSize"),
        ({"BatchSize": 10001, "MaximumBatchingWindowInSeconds": 1}, "ValidationException", "batchSize"),
        ({"MaximumBatchingWindowInSeconds": 301}, "ValidationException", "maximumBatchingWindowInSeconds"),
        ({"ScalingConfig": {"MaximumConcurrency": 1001}}, "ValidationException", "maximumConcurrency"),
        ({"FunctionResponseTypes": ["Report"]}, "ValidationException", "functionResponseTypes"),
        (
            {"BatchSize": 11},
            "InvalidParameterValueException",
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        ({"ScalingConfig": {"MaximumConcurrency": 1}}, "ValidationException", "maximumConcurrency"),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
            "InvalidParameterValueException",
            "Invalid filter pattern definition.",
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["x"]}'}] * 6}},
            "InvalidParameterValueException",
            "Number of filters exceeds the limit of 5",
        ),
        ({"FilterCriteria": {"Filters": [{"Pattern": "x" * 4097}]}}, "ValidationException", "4096"),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}, "NotImplemented", "with KMSKeyArn"),
        ({"MetricsConfig": {"Metrics": ["EventCount"]}}, "NotImplemented", "with MetricsConfig"),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 2}}, "NotImplemented", "with ProvisionedPollerConfig"),
        ({"Topics": ["topic"]}, "NotImplemented", "with Topics"),
    ],
)
async def test_what_can_not_be_mapped_is_refused(cloud, played, map_, url, more, code, words):
    with refused(code, words):
        await map_(**more)
    assert (await cloud.lambda_.ListEventSourceMappings())["EventSourceMappings"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"BatchSize": 10},
        {"BatchSize": 11, "MaximumBatchingWindowInSeconds": 1},
        {"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 300},
        {"ScalingConfig": {"MaximumConcurrency": 2}},
        {"ScalingConfig": {"MaximumConcurrency": 1000}},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["x"]}'}] * 5}},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["' + "x" * 4082 + '"]}'}]}},
    ],
)
async def test_what_is_within_the_limits_is_mapped(cloud, played, map_, url, more):
    uuid = await map_(**more)
    assert (await mapping(cloud, uuid))["State"] == "Enabled"


async def test_an_update_is_checked_together_with_what_is_there(cloud, played, map_, url):
    uuid = await map_(BatchSize=11, MaximumBatchingWindowInSeconds=1)
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, BatchSize=12)
    await cloud.settle()
    with refused("InvalidParameterValueException", "Maximum batch window in seconds must be greater than 0"):
        await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, MaximumBatchingWindowInSeconds=0)
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, MaximumBatchingWindowInSeconds=0, BatchSize=10)


async def test_a_batching_window_is_not_for_fifo_queues(cloud, played, map_, fifo):
    with refused("InvalidParameterValueException", "Batching window is not supported for FIFO queues"):
        await map_(EventSourceArn=QUEUE_ARN + ".fifo", MaximumBatchingWindowInSeconds=1)


async def test_the_visibility_timeout_must_last_for_the_function(cloud, played, map_, make, url):
    await make("slow", Timeout=31)
    with refused(
        "InvalidParameterValueException",
        "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds",
    ):
        await map_(FunctionName="slow")
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"VisibilityTimeout": "31"})
    await map_(FunctionName="slow")
