"""SIGKILL right after something was acknowledged that has to follow by itself: it follows, however often that happens.

A registered range of capacity is kept, contributor insights get their rules in CloudWatch and lose them again, and what was
begun is never left half done: an activity ends, insights settle.
"""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.server import Server

KILLS = int(os.environ.get("PILEUS_KILLS", "50")) // 5
SEED = int(os.environ.get("PILEUS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
FOLLOWS_S = 60
WRITES = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": "table/items",
    "ScalableDimension": "dynamodb:table:WriteCapacityUnits",
}


def wait_for(what: Callable[[], object], wanted: object) -> None:
    deadline = time.monotonic() + FOLLOWS_S
    while (found := what()) != wanted:
        assert time.monotonic() < deadline, f"{found} is not {wanted} (seed {SEED})"
        time.sleep(0.05)


@pytest.mark.timeout(120 + 30 * KILLS)
def test_what_follows_an_acknowledged_change_survives_kill_9(tmp_path: Path):
    moments = random.Random(SEED)
    server = Server(tmp_path / "data")
    server.start()
    try:
        dynamodb = server.client("dynamodb")
        scaling, cloudwatch = server.client("application-autoscaling"), server.client("cloudwatch")
        dynamodb.create_table(
            TableName="items",
            AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
            ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
        )
        dynamodb.get_waiter("table_exists").wait(TableName="items", WaiterConfig={"Delay": 1})

        def capacity() -> int:
            return dynamodb.describe_table(TableName="items")["Table"]["ProvisionedThroughput"]["WriteCapacityUnits"]

        def status() -> str:
            return dynamodb.describe_contributor_insights(TableName="items")["ContributorInsightsStatus"]

        def rules() -> int:
            return len(cloudwatch.describe_insight_rules()["InsightRules"])

        def under_way() -> list[str]:
            activities = scaling.describe_scaling_activities(ServiceNamespace="dynamodb")["ScalingActivities"]
            return [one["Description"] for one in activities if one["StatusCode"] in ("Pending", "InProgress")]

        for kill in range(KILLS):
            least = 2 + kill
            scaling.register_scalable_target(**WRITES, MinCapacity=least, MaxCapacity=100)
            is_on = kill % 2 == 0
            dynamodb.update_contributor_insights(
                TableName="items", ContributorInsightsAction="ENABLE" if is_on else "DISABLE"
            )
            time.sleep(moments.choice((0, 0.01, 0.05, 0.5, 1.5)) * moments.random())
            server.kill()
            server.start()
            wait_for(capacity, least)
            wait_for(status, "ENABLED" if is_on else "DISABLED")
            wait_for(rules, 2 if is_on else 0)
            wait_for(under_way, [])
    finally:
        server.stop()
    print(f"\nseed {SEED}: {KILLS} kills")
