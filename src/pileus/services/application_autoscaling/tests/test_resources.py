"""The CloudFormation types: whole stacks, and each step twice."""

import dataclasses
import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.application_autoscaling.resources import ScalableTarget, ScalingPolicy
from pileus.stacks.resource import Gone, InvalidProperty, ResourceContext

from .conftest import METRICS, READS, TABLE, WRITES

TARGET = {
    "MinCapacity": 5,
    "MaxCapacity": "20",
    "ResourceId": TABLE,
    "ScalableDimension": READS,
    "ServiceNamespace": "dynamodb",
}
TRACKING = {"TargetValue": 70, "PredefinedMetricSpecification": {"PredefinedMetricType": METRICS["Read"]}}
POLICY = {
    "PolicyName": "follow",
    "PolicyType": "TargetTrackingScaling",
    "ScalingTargetId": f"{TABLE}|{READS}|dynamodb",
    "TargetTrackingScalingPolicyConfiguration": TRACKING,
}


@pytest.fixture
def context(cloud):
    async def invoke(service, operation, request):
        return await cloud.invoke(service, operation, request, root(cloud.account), cloud.region)

    stack_id = "arn:aws:cloudformation:us-east-1:000000000000:stack/shop/1"
    began_ms = cloud.clock.now_ms()
    return ResourceContext(
        cloud.account, cloud.region, "aws", "shop", stack_id, "Log", "t1", cloud.clock, invoke, began_ms=began_ms
    )


async def only(cloud, what: str) -> dict:
    operation = getattr(cloud.application_autoscaling, f"Describe{what}")
    (found,) = (await operation(ServiceNamespace="dynamodb"))[what]
    return found


async def test_a_target_is_made_once_changed_and_deleted(cloud, scaled, context):
    kind = ScalableTarget()
    properties = kind.coerced({**TARGET, "SuspendedState": {"DynamicScalingInSuspended": "true"}})
    created = await kind.create(context, properties)
    assert await kind.create(context, properties) == created
    assert created.physical_id == created.attributes["Id"] == f"{TABLE}|{READS}|dynamodb"
    assert (await only(cloud, "ScalableTargets"))["SuspendedState"]["DynamicScalingInSuspended"]

    changed = kind.coerced({**TARGET, "MinCapacity": 8})
    for _ in range(2):
        await kind.update(context, created.physical_id, properties, changed)
    assert (await only(cloud, "ScalableTargets"))["MinCapacity"] == 8
    assert await scaled.capacity() == (8, 5)
    nothing = dict.fromkeys(
        ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
    )
    assert await kind.read(context, created.physical_id) == {**changed, "SuspendedState": nothing}

    for _ in range(2):
        await kind.delete(context, created.physical_id, changed)
    with pytest.raises(Gone):
        await kind.read(context, created.physical_id)


async def test_somebody_elses_target_is_not_taken(cloud, scaled, context):
    await scaled.register()
    later = dataclasses.replace(context, began_ms=cloud.clock.now_ms())
    with pytest.raises(AwsError, match=r"table/music\|dynamodb:table:ReadCapacityUnits\|dynamodb already exists"):
        await ScalableTarget().create(later, ScalableTarget().coerced(TARGET))


async def test_a_policy_is_made_once_changed_and_deleted(cloud, scaled, context):
    await scaled.register()
    kind = ScalingPolicy()
    properties = kind.coerced(POLICY)
    created = await kind.create(context, properties)
    assert await kind.create(context, properties) == created
    policy = await only(cloud, "ScalingPolicies")
    assert created.physical_id == created.attributes["Arn"] == policy["PolicyARN"]

    changed = kind.coerced(POLICY | {"TargetTrackingScalingPolicyConfiguration": TRACKING | {"TargetValue": 50}})
    for _ in range(2):
        await kind.update(context, created.physical_id, properties, changed)
    shown = await kind.read(context, created.physical_id)
    assert shown["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 50
    assert (shown["ResourceId"], shown["ScalableDimension"]) == (TABLE, READS)

    for _ in range(2):
        await kind.delete(context, created.physical_id, changed)
    with pytest.raises(Gone):
        await kind.read(context, created.physical_id)


async def test_a_policy_may_name_its_target_in_three_properties(cloud, scaled, context):
    await scaled.register()
    three = {name: TARGET[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace")}
    named = {**POLICY, **three}
    del named["ScalingTargetId"]
    await ScalingPolicy().create(context, ScalingPolicy().coerced(named))
    with pytest.raises(InvalidProperty, match="not both"):
        ScalingPolicy().coerced(POLICY | three)
    del named["ResourceId"]
    with pytest.raises(InvalidProperty, match="Either ScalingTargetId or all three of"):
        ScalingPolicy().coerced(named)


async def test_somebody_elses_policy_is_not_taken(cloud, scaled, context):
    await scaled.register()
    await scaled.track(name="follow")
    await cloud.advance(1_000)
    later = dataclasses.replace(context, began_ms=cloud.clock.now_ms())
    with pytest.raises(AwsError, match="follow already exists"):
        await ScalingPolicy().create(later, ScalingPolicy().coerced(POLICY))


@pytest.mark.parametrize(
    ("kind", "properties", "name"),
    [
        (ScalableTarget, TARGET, "ScheduledActions"),
        (ScalingPolicy, POLICY, "StepScalingPolicyConfiguration"),
        (ScalingPolicy, POLICY, "PredictiveScalingPolicyConfiguration"),
    ],
)
def test_what_is_not_honoured_fails_the_stack_by_name(kind, properties, name):
    given = [{"ScheduledActionName": "a", "Schedule": "rate(1 day)"}] if name == "ScheduledActions" else {"Cooldown": 1}
    with pytest.raises(AwsError, match=f"{name} of {kind.name}"):
        kind().coerced({**properties, name: given})


def test_what_names_a_target_or_policy_replaces_it():
    assert ScalableTarget().replaces(TARGET, {**TARGET, "ScalableDimension": WRITES})
    assert not ScalableTarget().replaces(TARGET, {**TARGET, "MaxCapacity": 50, "RoleARN": "x"})
    assert ScalingPolicy().replaces(POLICY, {**POLICY, "PolicyName": "other"})
    assert not ScalingPolicy().replaces(POLICY, {**POLICY, "PolicyType": "x"})


def template(least: int = 10, dimension: str = READS) -> str:
    table = {
        "TableName": "albums",
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    }
    metric = METRICS["Read" if dimension == READS else "Writ"]
    target = {
        "MinCapacity": least,
        "MaxCapacity": 40,
        "ResourceId": {"Fn::Join": ["/", ["table", {"Ref": "Table"}]]},
        "RoleARN": {
            "Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/aws-service-role/"
            "dynamodb.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
        },
        "ScalableDimension": dimension,
        "ServiceNamespace": "dynamodb",
    }
    policy = {
        "PolicyName": f"follow{dimension[15:]}",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "Target"},
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 70.0,
            "ScaleInCooldown": 60,
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
        },
    }
    return json.dumps(
        {
            "Resources": {
                "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table},
                "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": target},
                "Policy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": policy},
            },
            "Outputs": {
                "Target": {"Value": {"Ref": "Target"}},
                "Id": {"Value": {"Fn::GetAtt": "Target.Id"}},
                "Policy": {"Value": {"Ref": "Policy"}},
                "Arn": {"Value": {"Fn::GetAtt": "Policy.Arn"}},
            },
        }
    )


async def test_a_stack_makes_changes_replaces_and_deletes_them(cloud):
    async def outputs() -> dict:
        await cloud.advance(5_000)
        (stack,) = (await cloud.cloudformation.DescribeStacks(StackName="shop"))["Stacks"]
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    async def reads() -> int:
        table = (await cloud.dynamodb.DescribeTable(TableName="albums"))["Table"]
        return table["ProvisionedThroughput"]["ReadCapacityUnits"]

    await cloud.cloudformation.CreateStack(StackName="shop", TemplateBody=template())
    made = await outputs()
    assert made["Target"] == made["Id"] == f"table/albums|{READS}|dynamodb"
    assert made["Policy"] == made["Arn"] == (await only(cloud, "ScalingPolicies"))["PolicyARN"]
    assert await reads() == 10

    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=template(12))
    assert await outputs() == made
    assert await reads() == 12

    await cloud.cloudformation.UpdateStack(StackName="shop", TemplateBody=template(12, WRITES))
    assert (await outputs())["Target"] == f"table/albums|{WRITES}|dynamodb"
    assert (await only(cloud, "ScalableTargets"))["ScalableDimension"] == WRITES
    assert (await only(cloud, "ScalingPolicies"))["ScalableDimension"] == WRITES

    await cloud.cloudformation.DeleteStack(StackName="shop")
    await cloud.advance(5_000)
    answer = await cloud.application_autoscaling.DescribeScalableTargets(ServiceNamespace="dynamodb")
    assert answer["ScalableTargets"] == []
