"""Rules as DynamoDB makes them, and minutes as it counts them."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from pileus.authn.linked_roles import DYNAMODB_INSIGHTS
from pileus.kernel import principal
from pileus.testing import STARTS_AT_MS, Client, Cloud

RULE = "DynamoDBContributorInsights-PKC-music-1700000000000"
MINUTE_MS = 60_000


def after(minutes: float) -> datetime:
    """So long after the cloud's start."""
    return datetime.fromtimestamp(STARTS_AT_MS / 1000, UTC) + timedelta(minutes=minutes)


def definition(*keys: str, value: str = "ConsumedThroughputUnits") -> str:
    return json.dumps(
        {
            "Schema": {"Name": "ServiceLogRule", "Version": 1},
            "AggregateOn": "Sum",
            "Contribution": {"Keys": [f"$.{key}" for key in keys or ("PartitionKey",)], "ValueOf": f"$.{value}"},
        }
    )


LOG_GROUPS = json.dumps(
    {
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
        "LogGroupNames": ["app-*", "web"],
        "LogFormat": "JSON",
        "Contribution": {"Keys": ["$.ip"], "Filters": []},
        "AggregateOn": "Count",
    }
)


@pytest.fixture
async def dynamodb(cloud: Cloud) -> Client:
    """CloudWatch as DynamoDB sees it."""
    account = principal.root(cloud.account)
    call = cloud.pileus.call("dynamodb", principal=account, account=cloud.account, region=cloud.region)
    await DYNAMODB_INSIGHTS.ensure(call)
    return cloud.as_(await DYNAMODB_INSIGHTS.session(call), "cloudwatch")


@pytest.fixture
async def rule(dynamodb: Client) -> str:
    """The name of a rule of DynamoDB's, by one key."""
    await dynamodb.PutInsightRule(RuleName=RULE, RuleDefinition=definition())
    return RULE


@pytest.fixture
def count(cloud: Cloud) -> Callable[..., Awaitable[None]]:
    """`await count(minute, {"a": 12.0, ("b", "1"): 3.0})`: DynamoDB counted this, so long after the cloud's start."""

    async def count(
        minute: int, values: dict, *, rule: str = RULE, unique: int | None = None, total: float | None = None
    ) -> None:
        ranked = sorted(values.items(), key=lambda pair: -pair[1])
        payload = {
            "account": cloud.account,
            "region": cloud.region,
            "rule": rule,
            "minute_ms": STARTS_AT_MS + minute * MINUTE_MS,
            "contributors": [[list(keys) if type(keys) is tuple else [keys], value] for keys, value in ranked],
            "unique": len(values) if unique is None else unique,
            "samples": 2 * len(values),
            "sum": sum(values.values()) if total is None else total,
        }
        await cloud.store.write(lambda tx: tx.emit("cloudwatch.contributed", payload))
        await cloud.settle()

    return count


@pytest.fixture
def report(cloud: Cloud) -> Callable[..., Awaitable[dict]]:
    """`await report(0, 60)`: of these minutes after the cloud's start, by default in periods of one."""

    async def report(start: float, end: float, *, rule: str = RULE, period: int = 60, **more) -> dict:
        return await cloud.cloudwatch.GetInsightRuleReport(
            RuleName=rule, StartTime=after(start), EndTime=after(end), Period=period, **more
        )

    return report
