"""The operations, and what they refuse."""

from datetime import UTC, datetime

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.application_autoscaling.operations import policies
from pileus.services.application_autoscaling.state import targets

from .conftest import INDEX, INDEX_READS, INDEX_WRITES, METRICS, READS, TABLE, WRITES

ROLE = (
    "arn:aws:iam::000000000000:role/aws-service-role/dynamodb.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
)
NOT_REGISTERED = (
    "No scalable target registered for service namespace: dynamodb, resource ID: table/music, "
    "scalable dimension: dynamodb:table:ReadCapacityUnits"
)


@pytest.fixture
def service(cloud):
    return cloud.application_autoscaling


async def refused(operation, **request) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        await operation(**request)
    return caught.value.code, caught.value.message


async def described(service, **asked) -> list[dict]:
    return (await service.DescribeScalableTargets(ServiceNamespace="dynamodb", **asked))["ScalableTargets"]


# Targets


async def test_a_target_is_told_as_it_was_registered(service, scaled):
    arn = await scaled.register(2, 20)
    (target,) = await described(service)
    assert target == {
        "ServiceNamespace": "dynamodb",
        "ResourceId": TABLE,
        "ScalableDimension": READS,
        "MinCapacity": 2,
        "MaxCapacity": 20,
        "RoleARN": ROLE,
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "SuspendedState": {
            "DynamicScalingInSuspended": False,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
        "ScalableTargetARN": arn,
    }
    assert arn.startswith("arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/")


async def test_an_update_changes_what_is_given(service, scaled):
    arn = await scaled.register(2, 20, SuspendedState={"DynamicScalingInSuspended": True})
    assert await scaled.register(None, 30) == arn
    await scaled.register(None, None, SuspendedState={"ScheduledScalingSuspended": True})
    (target,) = await described(service)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 30)
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": True,
    }


async def test_the_role_is_made_where_it_is_not_there(cloud, scaled):
    await scaled.register()
    role = (await cloud.iam.GetRole(RoleName=ROLE.rpartition("/")[2]))["Role"]
    assert role["Arn"] == ROLE
    await scaled.register(dimension=WRITES)


async def test_a_role_of_the_account_is_taken_and_not_used(service, scaled):
    await scaled.register(RoleARN="arn:aws:iam::000000000000:role/mine")
    assert (await described(service))[0]["RoleARN"] == ROLE


async def test_another_accounts_role_is_refused(scaled):
    code, message = await refused(scaled.register, RoleARN="arn:aws:iam::111111111111:role/theirs")
    assert (code, message) == ("AccessDenied", "Cross-account pass role is not allowed.")


@pytest.mark.parametrize("missing", ["least", "most"])
async def test_a_new_target_needs_both_ends_of_its_range(service, scaled, missing):
    code, _ = await refused(scaled.register, **{missing: None})
    assert (code, await described(service)) == ("ValidationException", [])


async def test_the_maximum_is_no_less_than_the_minimum(scaled):
    expected = ("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    assert await refused(scaled.register, least=6, most=5) == expected
    await scaled.register(5, 5)
    assert await refused(scaled.register, least=6, most=None) == expected
    assert await refused(scaled.register, least=None, most=4) == expected


@pytest.mark.parametrize(("least", "is_taken"), [(0, False), (1, True)])
async def test_the_minimum_is_what_a_table_can_do_with(service, scaled, least, is_taken):
    if is_taken:
        await scaled.register(least)
    else:
        assert (await refused(scaled.register, least=least))[0] == "ValidationException"
    assert len(await described(service)) == is_taken


async def test_what_is_not_there_is_no_target(scaled):
    assert await refused(scaled.register, resource="table/other") == (
        "ValidationException",
        "DynamoDB table does not exist: table/other",
    )
    assert await refused(scaled.register, resource="table/music/index/x", dimension=INDEX_READS) == (
        "ValidationException",
        "DynamoDB index does not exist: table/music/index/x",
    )
    assert (await refused(scaled.register, resource="table/a"))[1] == "DynamoDB table does not exist: table/a"


@pytest.mark.parametrize(
    ("resource", "dimension"),
    [
        (TABLE, INDEX_READS),
        (INDEX, READS),
        ("music", READS),
        ("dynamo/music", READS),
        ("table/music/index/", INDEX_WRITES),
        (TABLE, "ecs:service:DesiredCount"),
    ],
)
async def test_names_must_fit_each_other(service, scaled, resource, dimension):
    where = scaled.where(resource, dimension)
    expected = ("ValidationException", "Unsupported service namespace, resource type or scalable dimension")
    assert await refused(scaled.register, resource=resource, dimension=dimension) == expected
    assert await refused(service.DeregisterScalableTarget, **where) == expected
    assert await refused(service.DeleteScalingPolicy, **where, PolicyName="p") == expected


async def test_other_services_are_refused_by_name(service):
    where = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/a/b",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    expected = ("NotImplemented", "Pileus does not implement the service namespace ecs yet.")
    for operation in (service.RegisterScalableTarget, service.DeregisterScalableTarget):
        assert await refused(operation, **where) == expected
    for name in ("PutScalingPolicy", "DeleteScalingPolicy"):
        assert await refused(getattr(service, name), **where, PolicyName="p") == expected
    for name in ("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScalingActivities"):
        assert await refused(getattr(service, name), ServiceNamespace="ecs") == expected


async def test_a_service_that_aws_does_not_know_is_invalid(service):
    code, message = await refused(service.DescribeScalableTargets, ServiceNamespace="nosuch")
    assert code == "ValidationException"
    assert "'serviceNamespace' failed to satisfy constraint: Member must satisfy enum value set" in message


async def test_scheduled_actions_are_not_there(cloud, service, scaled):
    code, message = await refused(service.DescribeScheduledActions, ServiceNamespace="dynamodb")
    assert (code, "DescribeScheduledActions" in message) == ("NotImplemented", True)


async def test_targets_are_listed_by_resource_and_dimension(service, scaled):
    for resource, dimension in ((TABLE, READS), (TABLE, WRITES), (INDEX, INDEX_WRITES)):
        await scaled.register(resource=resource, dimension=dimension)

    async def found(**asked):
        return [(t["ResourceId"], t["ScalableDimension"]) for t in await described(service, **asked)]

    assert await found() == [(TABLE, READS), (TABLE, WRITES), (INDEX, INDEX_WRITES)]
    assert await found(ResourceIds=[INDEX]) == [(INDEX, INDEX_WRITES)]
    assert await found(ResourceIds=[TABLE, INDEX], ScalableDimension=WRITES) == [(TABLE, WRITES)]
    assert await found(ResourceIds=["table/other"]) == []
    assert (await refused(described, service=service, ScalableDimension=WRITES))[0] == "ValidationException"


async def test_targets_are_listed_in_pages(service, scaled):
    for resource, dimension in ((TABLE, READS), (TABLE, WRITES), (INDEX, INDEX_WRITES)):
        await scaled.register(resource=resource, dimension=dimension)
    first = await service.DescribeScalableTargets(ServiceNamespace="dynamodb", MaxResults=2)
    token = first["NextToken"]
    second = await service.DescribeScalableTargets(ServiceNamespace="dynamodb", MaxResults=2, NextToken=token)
    assert [len(page["ScalableTargets"]) for page in (first, second)] == [2, 1]
    assert "NextToken" not in second
    for bad in ("x", token[:-2]):
        code, _ = await refused(service.DescribeScalableTargets, ServiceNamespace="dynamodb", NextToken=bad)
        assert code == "InvalidNextTokenException"
    code, _ = await refused(service.DescribeScalingPolicies, ServiceNamespace="dynamodb", NextToken=token)
    assert code == "InvalidNextTokenException"


@pytest.mark.parametrize(
    ("operation", "most"),
    [("DescribeScalableTargets", 50), ("DescribeScalingPolicies", 10), ("DescribeScalingActivities", 50)],
)
async def test_a_page_has_its_bounds(service, operation, most):
    for count in (1, most):
        await getattr(service, operation)(ServiceNamespace="dynamodb", MaxResults=count)
    for count in (0, most + 1):
        code, _ = await refused(getattr(service, operation), ServiceNamespace="dynamodb", MaxResults=count)
        assert code == "ValidationException"


async def test_a_target_goes_with_its_policies(service, scaled):
    await scaled.register()
    await scaled.register(dimension=WRITES)
    await scaled.track()
    await scaled.track(dimension=WRITES)
    await service.DeregisterScalableTarget(**scaled.where())
    assert [target["ScalableDimension"] for target in await described(service)] == [WRITES]
    left = (await service.DescribeScalingPolicies(ServiceNamespace="dynamodb"))["ScalingPolicies"]
    assert [policy["ScalableDimension"] for policy in left] == [WRITES]
    assert await refused(service.DeregisterScalableTarget, **scaled.where()) == (
        "ObjectNotFoundException",
        NOT_REGISTERED,
    )


async def test_there_is_a_quota_of_targets(service, scaled, monkeypatch):
    monkeypatch.setattr(targets, "TARGETS_MAX", 2)
    await scaled.register()
    await scaled.register(dimension=WRITES)
    assert (await refused(scaled.register, resource=INDEX, dimension=INDEX_READS))[0] == "LimitExceededException"
    await scaled.register(2)


# Policies


async def test_a_policy_is_told_as_it_was_put(service, scaled):
    await scaled.register()
    put = await scaled.track(50, name="half", ScaleInCooldown=-1, ScaleOutCooldown=1_000_000_000, DisableScaleIn=True)
    (policy,) = (await service.DescribeScalingPolicies(ServiceNamespace="dynamodb"))["ScalingPolicies"]
    arn = policy["PolicyARN"]
    assert put == {"PolicyARN": arn, "Alarms": []}
    assert arn.startswith("arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:")
    assert arn.endswith(":resource/dynamodb/table/music:policyName/half")
    assert policy == {
        "PolicyARN": arn,
        "PolicyName": "half",
        **scaled.where(),
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 50.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": METRICS["Read"]},
            "ScaleInCooldown": -1,
            "ScaleOutCooldown": 1_000_000_000,
            "DisableScaleIn": True,
        },
        "Alarms": [],
        "CreationTime": policy["CreationTime"],
    }


async def test_a_policy_is_changed_and_keeps_its_arn(service, scaled):
    await scaled.register()
    arn = (await scaled.track(50))["PolicyARN"]
    assert (await scaled.track(60))["PolicyARN"] == arn
    assert (await service.PutScalingPolicy(**scaled.where(), PolicyName="p"))["PolicyARN"] == arn
    (policy,) = (await service.DescribeScalingPolicies(ServiceNamespace="dynamodb"))["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60


async def test_a_policy_needs_a_target(scaled):
    assert await refused(scaled.track) == ("ObjectNotFoundException", NOT_REGISTERED)


async def test_a_new_policy_needs_type_and_configuration(service, scaled):
    await scaled.register()
    configuration = {
        "TargetValue": 50.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": METRICS["Read"]},
    }
    named = {**scaled.where(), "PolicyName": "p"}
    for given in (
        {"PolicyType": "TargetTrackingScaling"},
        {"TargetTrackingScalingPolicyConfiguration": configuration},
        {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 50.0}},
    ):
        assert (await refused(service.PutScalingPolicy, **named, **given))[0] == "ValidationException"


@pytest.mark.parametrize("percent", [10, 19.9, 90])
async def test_a_target_value_from_10_to_90_is_taken(scaled, percent):
    await scaled.register()
    await scaled.track(percent)


@pytest.mark.parametrize(("percent", "said"), [(9.9, "9.9"), (90.1, "90.1"), (100, "100.0"), (1e9, "1.0E9")])
async def test_another_target_value_is_refused(scaled, percent, said):
    await scaled.register()
    assert await refused(scaled.track, percent=percent) == (
        "ValidationException",
        "For predefined metric type DynamoDBReadCapacityUtilization, target value must be between '10.0' and '90.0', "
        f"but was '{said}'.",
    )


@pytest.mark.parametrize(("percent", "said"), [(0, "0.0"), (-1, "-1.0"), (2.5e108, "2.5E108")])
async def test_a_value_that_no_metric_can_have_is_refused(scaled, percent, said):
    await scaled.register()
    assert await refused(scaled.track, percent=percent) == (
        "ValidationException",
        "For target tracking scaling, target value must be between '8.51592E-109' and '1.174271E108', "
        f"but was '{said}'.",
    )


async def test_the_metric_must_fit_the_dimension(service, scaled):
    await scaled.register()
    for metric in (METRICS["Writ"], "ECSServiceAverageCPUUtilization"):
        specification = {"PredefinedMetricType": metric}
        code, message = await refused(scaled.track, PredefinedMetricSpecification=specification)
        assert (code, metric in message) == ("ValidationException", True)


async def test_a_metric_has_one_policy(scaled):
    await scaled.register()
    await scaled.register(dimension=WRITES)
    await scaled.track()
    await scaled.track(dimension=WRITES)
    assert await refused(scaled.track, name="another") == (
        "ValidationException",
        "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"PolicyType": "StepScaling"}, "PolicyType StepScaling"),
        ({"PolicyType": "PredictiveScaling"}, "PolicyType PredictiveScaling"),
        ({"StepScalingPolicyConfiguration": {"Cooldown": 1}}, "StepScalingPolicyConfiguration"),
        (
            {
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 50.0,
                    "CustomizedMetricSpecification": {"MetricName": "m", "Namespace": "n", "Statistic": "Sum"},
                }
            },
            "CustomizedMetricSpecification",
        ),
    ],
)
async def test_other_policies_are_refused_by_name(service, scaled, given, named):
    await scaled.register()
    code, message = await refused(service.PutScalingPolicy, **scaled.where(), PolicyName="p", **given)
    assert (code, named in message) == ("NotImplemented", True)


async def test_policies_are_listed_by_what_is_asked(service, scaled):
    await scaled.register()
    await scaled.register(dimension=WRITES)
    arn = (await scaled.track(name="r"))["PolicyARN"]
    await scaled.track(dimension=WRITES, name="w")

    async def found(**asked):
        answer = await service.DescribeScalingPolicies(ServiceNamespace="dynamodb", **asked)
        return [policy["PolicyName"] for policy in answer["ScalingPolicies"]]

    assert await found() == ["r", "w"]
    assert await found(ResourceId=TABLE, ScalableDimension=WRITES) == ["w"]
    assert await found(PolicyNames=["r"]) == await found(PolicyNames=[arn]) == ["r"]
    assert await found(ResourceId=INDEX) == []
    first = await service.DescribeScalingPolicies(ServiceNamespace="dynamodb", MaxResults=1)
    assert await found(MaxResults=1, NextToken=first["NextToken"]) == ["w"]
    assert (await refused(found, ScalableDimension=WRITES))[0] == "ValidationException"


async def test_a_policy_is_deleted_once(service, scaled):
    await scaled.register()
    await scaled.track()
    await service.DeleteScalingPolicy(**scaled.where(), PolicyName="p")
    assert await refused(service.DeleteScalingPolicy, **scaled.where(), PolicyName="p") == (
        "ObjectNotFoundException",
        f"No scaling policy found for {NOT_REGISTERED.partition(' registered for ')[2]}, policy name: p",
    )


@pytest.mark.parametrize(
    ("value", "said"), [(8.51592e-109, "8.51592E-109"), (1.174271e108, "1.174271E108"), (1e7, "1.0E7"), (12.5, "12.5")]
)
def test_numbers_are_said_as_java_says_them(value, said):
    assert policies._java(value) == said


# Activities


async def test_activities_are_told_from_the_newest_on(service, scaled):
    for least, dimension in ((6, READS), (7, WRITES), (8, READS)):
        await scaled.register(least, dimension=dimension)
    assert [each["Description"][-2] for each in await scaled.activities()] == ["8", "7", "6"]
    assert [each["Description"][-2] for each in await scaled.activities(ResourceId=TABLE)] == ["8", "7", "6"]
    of_reads = await scaled.activities(ResourceId=TABLE, ScalableDimension=READS)
    assert [each["Description"][-2] for each in of_reads] == ["8", "6"]
    assert await scaled.activities(ResourceId=INDEX) == []
    first = await service.DescribeScalingActivities(ServiceNamespace="dynamodb", MaxResults=2)
    rest = await scaled.activities(MaxResults=2, NextToken=first["NextToken"])
    assert [each["Description"][-2] for each in rest] == ["6"]
    assert (await refused(scaled.activities, ScalableDimension=READS))[0] == "ValidationException"


async def test_activities_of_what_was_given_up_stay(service, scaled):
    await scaled.register(6)
    await service.DeregisterScalableTarget(**scaled.where())
    assert len(await scaled.activities()) == 1


async def test_what_was_not_scaled_is_not_told(service):
    asked = {"ServiceNamespace": "dynamodb", "IncludeNotScaledActivities": True}
    code, message = await refused(service.DescribeScalingActivities, **asked)
    assert (code, "IncludeNotScaledActivities" in message) == ("NotImplemented", True)


# Tags


async def test_tags_are_set_listed_and_taken_off(service, scaled):
    arn = await scaled.register(Tags={"a": "1"})
    await service.TagResource(ResourceARN=arn, Tags={"a": "2", "b": ""})
    assert (await service.ListTagsForResource(ResourceARN=arn))["Tags"] == {"a": "2", "b": ""}
    await service.UntagResource(ResourceARN=arn, TagKeys=["a", "c"])
    assert (await service.ListTagsForResource(ResourceARN=arn))["Tags"] == {"b": ""}


async def test_an_update_sets_no_tags(service, scaled):
    arn = await scaled.register(Tags={"a": "1"})
    assert (await refused(scaled.register, Tags={"a": "2"}))[0] == "ValidationException"
    assert (await service.ListTagsForResource(ResourceARN=arn))["Tags"] == {"a": "1"}


async def test_a_target_has_fifty_tags(service, scaled):
    arn = await scaled.register(Tags={f"t{at}": "" for at in range(50)})
    await service.TagResource(ResourceARN=arn, Tags={"t0": "again"})
    assert (await refused(service.TagResource, ResourceARN=arn, Tags={"t50": ""}))[0] == "TooManyTagsException"


async def test_only_targets_have_tags(service, scaled):
    arn = await scaled.register()
    for other in (f"{arn}0", arn.replace("us-east-1", "eu-west-1")):
        for operation, more in (
            (service.ListTagsForResource, {}),
            (service.TagResource, {"Tags": {"a": ""}}),
            (service.UntagResource, {"TagKeys": ["a"]}),
        ):
            with pytest.raises(AwsError) as caught:
                await operation(ResourceARN=other, **more)
            assert (caught.value.code, caught.value.fields) == ("ResourceNotFoundException", {"ResourceName": other})


async def test_a_tag_of_awss_is_refused_from_outside_only(service, scaled):
    arn = await scaled.register()
    assert (await refused(service.TagResource, ResourceARN=arn, Tags={"k" * 129: ""}))[0] == "ValidationException"
    await service.TagResource(ResourceARN=arn, Tags={"aws:cloudformation:stack-name": "shop"})
