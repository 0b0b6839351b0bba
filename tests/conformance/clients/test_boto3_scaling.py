"""Application Auto Scaling and contributor insights as boto3's users know them, on a table that is really used."""

import json
import urllib.request
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

WRITES = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": "table/busy",
    "ScalableDimension": "dynamodb:table:WriteCapacityUnits",
}
TRACKING = {
    "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
    "TargetValue": 50.0,
}


@pytest.fixture(scope="module")
def dynamodb(connect):
    client = connect("dynamodb")
    client.create_table(
        TableName="busy",
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    client.get_waiter("table_exists").wait(TableName="busy", WaiterConfig={"Delay": 1})
    return client


def advance(endpoint: str, duration: str) -> None:
    body = json.dumps({"advance": duration}).encode()
    urllib.request.urlopen(f"{endpoint}/_pileus/clock", body, timeout=60).close()


def write_for_a_minute(client, units: int) -> None:
    """Items of 100 KB are 100 units each."""
    for n in range(units // 100):
        client.put_item(TableName="busy", Item={"p": {"S": f"key {n % 3}"}, "x": {"S": "x" * (100 * 1024 - 20)}})


def test_a_table_that_is_used_scales_out_and_says_why(connect, endpoint, dynamodb):
    scaling = connect("application-autoscaling")
    scaling.register_scalable_target(**WRITES, MinCapacity=5, MaxCapacity=25)
    scaling.put_scaling_policy(
        **WRITES,
        PolicyName="half",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )
    for _ in range(2):
        write_for_a_minute(dynamodb, 600)  # 10 a second, which is half of 20
        advance(endpoint, "61s")
    table = dynamodb.describe_table(TableName="busy")["Table"]
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 20
    pages = scaling.get_paginator("describe_scaling_activities").paginate(ServiceNamespace="dynamodb")
    (activity,) = [one for page in pages for one in page["ScalingActivities"]]
    assert activity["Description"] == "Setting write capacity units to 20."
    assert "triggered policy half" in activity["Cause"]
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        scaling.deregister_scalable_target(**WRITES | {"ResourceId": "table/idle"})


def test_contributor_insights_rank_the_keys(connect, endpoint, dynamodb):
    cloudwatch = connect("cloudwatch")
    dynamodb.update_contributor_insights(TableName="busy", ContributorInsightsAction="ENABLE")
    for _ in range(1000):
        described = dynamodb.describe_contributor_insights(TableName="busy")
        if described["ContributorInsightsStatus"] != "ENABLING":
            break
    (rule,) = [name for name in described["ContributorInsightsRuleList"] if "-PKC-" in name]
    write_for_a_minute(dynamodb, 400)
    advance(endpoint, "61s")
    now = described["LastUpdateDateTime"]
    report = cloudwatch.get_insight_rule_report(
        RuleName=rule,
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=300,
        MaxContributorCount=2,
        Metrics=["UniqueContributors", "MaxContributorValue"],
    )
    assert [one["Keys"] for one in report["Contributors"]] == [["key 0"], ["key 1"]]
    assert [one["ApproximateAggregateValue"] for one in report["Contributors"]] == [600.0, 300.0]
    assert report["MetricDatapoints"][-1]["UniqueContributors"] == 3
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        cloudwatch.get_insight_rule_report(RuleName=rule, StartTime=now, EndTime=now, Period=60)


def test_a_global_table_is_scaled_in_all_its_regions(connect, dynamodb):
    far = connect("dynamodb", region_name="eu-west-1")
    dynamodb.update_table(TableName="busy", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    far.get_waiter("table_exists").wait(TableName="busy", WaiterConfig={"Delay": 1})
    target = {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 60.0}}
    settings = {"MinimumUnits": 6, "MaximumUnits": 60, "ScalingPolicyUpdate": target}
    dynamodb.update_table_replica_auto_scaling(TableName="busy", ProvisionedWriteCapacityAutoScalingUpdate=settings)
    described = far.describe_table_replica_auto_scaling(TableName="busy")["TableAutoScalingDescription"]
    for replica in described["Replicas"]:
        writes = replica["ReplicaProvisionedWriteCapacityAutoScalingSettings"]
        assert (writes["MinimumUnits"], writes["MaximumUnits"]) == (6, 60)
    with pytest.raises(ClientError, match="are required unless auto scaling is being disabled"):
        dynamodb.update_table_replica_auto_scaling(TableName="busy", ProvisionedWriteCapacityAutoScalingUpdate={})
