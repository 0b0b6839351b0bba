"""The CloudFormation types, each step twice: a killed step runs again."""

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.logs.resources import LogGroup, LogStream
from pileus.stacks.resource import ResourceContext


@pytest.fixture
def context(cloud):
    async def invoke(service, operation, request):
        return await cloud.invoke(service, operation, request, root(cloud.account), cloud.region)

    stack_id = "arn:aws:cloudformation:us-east-1:000000000000:stack/shop/1"
    tags = {
        "aws:cloudformation:stack-name": "shop",
        "aws:cloudformation:stack-id": stack_id,
        "aws:cloudformation:logical-id": "Log",
    }
    return ResourceContext(cloud.account, cloud.region, "aws", "shop", stack_id, "Log", "t1", cloud.clock, invoke, tags)


async def group(cloud):
    (found,) = (await cloud.logs.DescribeLogGroups())["logGroups"]
    return found


async def test_a_group_is_made_once_changed_and_deleted(cloud, context):
    kind = LogGroup()
    properties = kind.coerced({"RetentionInDays": "7", "Tags": [{"Key": "a", "Value": "1"}]})
    created = await kind.create(context, properties)
    assert await kind.create(context, properties) == created
    assert created.physical_id.startswith("shop-Log-")
    assert created.attributes["Arn"] == (await group(cloud))["arn"]
    assert (await group(cloud))["retentionInDays"] == 7

    changed = kind.coerced({"DeletionProtectionEnabled": True, "Tags": [{"Key": "b", "Value": "2"}]})
    for _ in range(2):
        await kind.update(context, created.physical_id, properties, changed)
    assert "retentionInDays" not in await group(cloud)
    assert (await group(cloud))["deletionProtectionEnabled"]
    assert await kind.read(context, created.physical_id) == {
        "LogGroupName": created.physical_id,
        "LogGroupClass": "STANDARD",
        "DeletionProtectionEnabled": True,
        "Tags": [{"Key": "b", "Value": "2"}],
    }

    await kind.update(context, created.physical_id, changed, {})
    for _ in range(2):
        await kind.delete(context, created.physical_id, {})
    assert (await cloud.logs.DescribeLogGroups())["logGroups"] == []


async def test_somebody_elses_group_is_not_taken(cloud, context):
    await cloud.logs.CreateLogGroup(logGroupName="theirs")
    with pytest.raises(AwsError) as caught:
        await LogGroup().create(context, {"LogGroupName": "theirs"})
    assert caught.value.code == "ResourceAlreadyExistsException"


async def test_a_key_of_kms_fails_the_stack_by_name():
    with pytest.raises(AwsError, match="KmsKeyId of AWS::Logs::LogGroup"):
        LogGroup().coerced({"KmsKeyId": "k"})


async def test_a_stream_is_made_once_and_deleted(cloud, context):
    await cloud.logs.CreateLogGroup(logGroupName="app")
    kind, properties = LogStream(), {"LogGroupName": "app"}
    created = await kind.create(context, properties)
    assert await kind.create(context, properties) == created
    for _ in range(2):
        await kind.delete(context, created.physical_id, properties)
    assert (await cloud.logs.DescribeLogStreams(logGroupName="app"))["logStreams"] == []
