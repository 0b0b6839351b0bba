"""What a mapping is while it is made, changed, disabled, without its function, queue or permission, and deleted."""

import asyncio
import json

from pileus.services.lambda_.tests.mappings.played import (
    POLLING,
    QUEUE_ARN,
    left,
    mapping,
    refused,
    send,
    turns,
)
from pileus.services.lambda_.tests.material import TRUST, allow


async def test_a_mapping_is_creating_then_enabled(cloud, played, url):
    made = await cloud.lambda_.CreateEventSourceMapping(FunctionName="echo", EventSourceArn=QUEUE_ARN)
    uuid = made["UUID"]
    assert made.pop("LastModified").timestamp() * 1000 == cloud.at(0)
    assert made == {
        "UUID": uuid,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": QUEUE_ARN,
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:echo",
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": [],
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}",
    }
    await cloud.settle()
    assert (await mapping(cloud, uuid))["State"] == "Enabled"


async def test_a_disabled_mapping_reads_nothing_until_it_is_enabled(cloud, played, map_, url):
    uuid = await map_(Enabled=False)
    assert (await mapping(cloud, uuid))["State"] == "Disabled"
    await send(cloud, url, "a")
    assert played.batches == []
    changed = await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=True)
    assert changed["State"] == "Enabling"
    await cloud.settle()
    assert (await mapping(cloud, uuid))["State"] == "Enabled"
    assert played.batches == [["a"]]


async def test_disabling_lets_the_batch_under_way_end_and_loses_nothing(cloud, played, map_, url):
    uuid = await map_()
    played.gate = asyncio.Event()
    await cloud.sqs.SendMessage(QueueUrl=url, MessageBody="a")
    await turns()
    assert played.running == 1
    assert (await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=False))["State"] == "Disabling"
    await turns()
    assert (await mapping(cloud, uuid))["State"] == "Disabling"
    with refused("ResourceInUseException", "Cannot update the event source mapping because it is in use."):
        await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=True)
    played.gate.set()
    await cloud.settle()
    assert (await mapping(cloud, uuid))["State"] == "Disabled"
    assert await left(cloud, url) == (0, 0)
    await send(cloud, url, "b")
    assert await left(cloud, url) == (1, 0)


async def test_what_a_window_has_gathered_is_handed_over_before_the_mapping_is_disabled(cloud, played, map_, url):
    """Received once more it would be a dead letter that nobody has seen."""
    await cloud.sqs.CreateQueue(QueueName="dead")
    redrive = json.dumps({"deadLetterTargetArn": QUEUE_ARN.replace("jobs", "dead"), "maxReceiveCount": 1})
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})
    uuid = await map_(BatchSize=100, MaximumBatchingWindowInSeconds=20, ScalingConfig={"MaximumConcurrency": 2})
    await send(cloud, url, "a", "b")
    assert played.batches == []
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, Enabled=False)
    await cloud.settle()
    assert played.batches == [["a", "b"]]
    assert (await mapping(cloud, uuid))["State"] == "Disabled"
    assert await left(cloud, url) == (0, 0)


async def test_an_update_changes_what_it_names(cloud, played, map_, url):
    uuid = await map_(BatchSize=2, FunctionResponseTypes=["ReportBatchItemFailures"])
    changed = await cloud.lambda_.UpdateEventSourceMapping(
        UUID=uuid,
        BatchSize=5,
        ScalingConfig={"MaximumConcurrency": 7},
        FilterCriteria={"Filters": [{"Pattern": '{"body":["x"]}'}]},
    )
    assert changed["State"] == "Updating"
    await cloud.settle()
    now = await mapping(cloud, uuid)
    assert now["State"] == "Enabled"
    assert now["BatchSize"] == 5
    assert now["ScalingConfig"] == {"MaximumConcurrency": 7}
    assert now["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    await cloud.lambda_.UpdateEventSourceMapping(
        UUID=uuid, ScalingConfig={}, FilterCriteria={}, FunctionResponseTypes=[]
    )
    now = await mapping(cloud, uuid)
    assert not {"ScalingConfig", "FilterCriteria"} & now.keys()
    assert now["FunctionResponseTypes"] == []


async def test_an_update_may_name_another_function(cloud, played, map_, make, url):
    uuid = await map_()
    await make("other")
    await cloud.lambda_.UpdateEventSourceMapping(UUID=uuid, FunctionName="other")
    await send(cloud, url, "a")
    assert played.arns == ["arn:aws:lambda:us-east-1:000000000000:function:other"]


async def test_a_deleted_mapping_goes_and_leaves_the_messages(cloud, played, map_, url):
    uuid = await map_()
    assert (await cloud.lambda_.DeleteEventSourceMapping(UUID=uuid))["State"] == "Deleting"
    await cloud.settle()
    with refused("ResourceNotFoundException", "The resource you requested does not exist."):
        await mapping(cloud, uuid)
    await send(cloud, url, "a")
    assert played.batches == []
    assert await map_()


async def test_a_mapping_outlives_its_function_and_serves_the_next_of_that_name(cloud, played, map_, make, url):
    uuid = await map_()
    await cloud.lambda_.DeleteFunction(FunctionName="echo")
    await send(cloud, url, "a")
    assert await left(cloud, url) == (1, 0)
    found = await mapping(cloud, uuid)
    assert (found["State"], found["LastProcessingResult"]) == ("Enabled", "PROBLEM: Function does not exist")
    await make()
    await cloud.settle()
    assert played.batches == [["a"]]
    assert "LastProcessingResult" not in await mapping(cloud, uuid)


async def test_a_function_that_is_gone_is_said_so_before_anything_arrives(cloud, played, map_, url):
    uuid = await map_()
    await cloud.lambda_.DeleteFunction(FunctionName="echo")
    await cloud.settle()
    assert (await mapping(cloud, uuid))["LastProcessingResult"] == "PROBLEM: Function does not exist"


async def test_an_alias_that_is_gone_is_said_so_and_the_next_of_that_name_is_served_at_once(cloud, played, map_, url):
    where = {"FunctionName": "echo", "Name": "live"}
    await cloud.lambda_.CreateAlias(**where, FunctionVersion="$LATEST")
    uuid = await map_(FunctionName="echo:live")
    await cloud.lambda_.DeleteAlias(**where)
    await cloud.settle()
    assert (await mapping(cloud, uuid))["LastProcessingResult"] == "PROBLEM: Function does not exist"
    await send(cloud, url, "a")
    assert played.batches == []
    await cloud.lambda_.CreateAlias(**where, FunctionVersion="$LATEST")
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_an_alias_that_goes_to_a_version_with_a_better_role_is_served_at_once(cloud, played, map_, url, role):
    await cloud.lambda_.PublishVersion(FunctionName="echo")
    await cloud.settle()
    await cloud.lambda_.CreateAlias(FunctionName="echo", Name="live", FunctionVersion="1")
    await map_(FunctionName="echo:live")
    other = await cloud.iam.CreateRole(RoleName="other", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(RoleName="other", PolicyName="p", PolicyDocument=allow("logs:*", *POLLING))
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*"))
    await send(cloud, url, "a")
    await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", Role=other["Role"]["Arn"])
    await cloud.settle()
    await cloud.lambda_.PublishVersion(FunctionName="echo")
    await cloud.settle()
    assert played.batches == []
    await cloud.lambda_.UpdateAlias(FunctionName="echo", Name="live", FunctionVersion="2")
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_a_mapping_outlives_its_queue_and_reads_the_next_of_that_name(cloud, played, map_, url):
    uuid = await map_()
    await cloud.sqs.DeleteQueue(QueueUrl=url)
    await cloud.settle()
    assert (await mapping(cloud, uuid))["LastProcessingResult"].startswith("PROBLEM: The specified queue")
    await cloud.advance(61_000)
    await cloud.sqs.CreateQueue(QueueName="jobs")
    await cloud.settle()
    assert "LastProcessingResult" not in await mapping(cloud, uuid)
    await send(cloud, url, "a")
    assert played.batches == [["a"]]


async def test_a_role_that_loses_its_permission_reads_no_more(cloud, played, map_, url):
    uuid = await map_()
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*"))
    await send(cloud, url, "a")
    assert played.batches == []
    assert (await mapping(cloud, uuid))["LastProcessingResult"].startswith("PROBLEM: The execution role lacks")
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*", *POLLING))
    await cloud.settle()
    assert played.batches == [["a"]]
    assert "LastProcessingResult" not in await mapping(cloud, uuid)


async def test_a_queue_that_opens_itself_to_the_role_is_read_at_once(cloud, played, map_, url, role):
    await map_()
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*"))
    await send(cloud, url, "a")
    await cloud.advance(86_400_000)
    assert played.batches == []
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sqs:*", "Resource": QUEUE_ARN}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await cloud.sqs.SetQueueAttributes(QueueUrl=url, Attributes={"Policy": policy})
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_a_role_that_is_gone_is_said_so_and_the_next_of_that_name_reads_at_once(cloud, played, map_, url):
    uuid = await map_()
    await cloud.iam.DeleteRolePolicy(RoleName="runs-functions", PolicyName="p")
    await cloud.iam.DeleteRole(RoleName="runs-functions")
    await send(cloud, url, "a")
    await cloud.advance(60_000)
    found = await mapping(cloud, uuid)
    assert found["LastProcessingResult"] == "PROBLEM: Lambda failed to assume your function execution role."
    await cloud.iam.CreateRole(RoleName="runs-functions", AssumeRolePolicyDocument=TRUST)
    await cloud.settle()
    assert played.batches == []
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*", *POLLING))
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_a_policy_that_allows_it_after_all_is_followed_by_a_reading_at_once(cloud, played, map_, url):
    await map_()
    policy = await cloud.iam.CreatePolicy(PolicyName="polling", PolicyDocument=allow("logs:*"))
    arn = policy["Policy"]["Arn"]
    await cloud.iam.AttachRolePolicy(RoleName="runs-functions", PolicyArn=arn)
    await cloud.iam.DeleteRolePolicy(RoleName="runs-functions", PolicyName="p")
    await send(cloud, url, "a")
    assert played.batches == []
    await cloud.iam.CreatePolicyVersion(PolicyArn=arn, PolicyDocument=allow(*POLLING), SetAsDefault=True)
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_a_function_that_got_another_role_hears_of_that_one(cloud, played, map_, url):
    await map_()
    other = await cloud.iam.CreateRole(RoleName="other", AssumeRolePolicyDocument=TRUST, Path="/of/functions/")
    await cloud.lambda_.UpdateFunctionConfiguration(FunctionName="echo", Role=other["Role"]["Arn"])
    await cloud.settle()
    await send(cloud, url, "a")
    await cloud.advance(60_000)
    assert played.batches == []
    await cloud.iam.PutRolePolicy(RoleName="other", PolicyName="p", PolicyDocument=allow(*POLLING))
    await cloud.settle()
    assert played.batches == [["a"]]


async def test_messages_that_arrive_mend_no_role(cloud, played, map_, url, monkeypatch):
    await map_()
    await cloud.iam.PutRolePolicy(RoleName="runs-functions", PolicyName="p", PolicyDocument=allow("logs:*"))
    await send(cloud, url, "a")
    source = (await cloud.pileus.service("sqs")).source()
    tries, receive = [], source.receive

    async def counted(*args):
        tries.append(cloud.clock.now_ms())
        return await receive(*args)

    monkeypatch.setattr(source, "receive", counted, raising=False)
    await send(cloud, url, *"bcdefg")
    assert tries == []
    await cloud.iam.CreateRole(RoleName="of-others", AssumeRolePolicyDocument=TRUST)
    await cloud.iam.PutRolePolicy(RoleName="of-others", PolicyName="p", PolicyDocument=allow("logs:*"))
    await cloud.settle()
    assert tries == []
    await cloud.advance(3_600_000)
    minutes = [(at - tries[0]) / 60_000 for at in tries]
    assert minutes == [0, 1, 3, 7, 15, 30, 45]


async def test_what_a_window_has_gathered_is_handed_over_when_its_queue_is_gone(cloud, played, map_, url):
    await map_(MaximumBatchingWindowInSeconds=20)
    await send(cloud, url, "a")
    await cloud.sqs.DeleteQueue(QueueUrl=url)
    await cloud.settle()
    assert played.batches == [["a"]]
