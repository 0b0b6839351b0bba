"""A table, its targets, and minutes that pass with a certain use."""

import pytest

READS, WRITES = "dynamodb:table:ReadCapacityUnits", "dynamodb:table:WriteCapacityUnits"
INDEX_READS, INDEX_WRITES = "dynamodb:index:ReadCapacityUnits", "dynamodb:index:WriteCapacityUnits"
TABLE, INDEX = "table/music", "table/music/index/by-year"
MINUTE_MS = 60_000
METRICS = {"Read": "DynamoDBReadCapacityUtilization", "Writ": "DynamoDBWriteCapacityUtilization"}


class Scaled:
    """The table "music" of 5 units each and its index "by-year" of 7, as Application Auto Scaling scales them."""

    def __init__(self, cloud) -> None:
        self._cloud = cloud

    def where(self, resource: str = TABLE, dimension: str = READS) -> dict:
        return {"ServiceNamespace": "dynamodb", "ResourceId": resource, "ScalableDimension": dimension}

    async def create(self, **more) -> None:
        throughput = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
        request = {
            "TableName": "music",
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("artist", "year")],
            "KeySchema": [{"AttributeName": "artist", "KeyType": "HASH"}],
            "ProvisionedThroughput": throughput,
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by-year",
                    "KeySchema": [{"AttributeName": "year", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                    "ProvisionedThroughput": {"ReadCapacityUnits": 7, "WriteCapacityUnits": 7},
                }
            ],
        }
        await self._cloud.dynamodb.CreateTable(**request | more)
        await self._cloud.settle()

    async def register(self, least=1, most=100, resource=TABLE, dimension=READS, **more) -> str:
        """The target's ARN; what follows from the registration has happened."""
        given = {"MinCapacity": least, "MaxCapacity": most, **more}
        answer = await self._cloud.application_autoscaling.RegisterScalableTarget(
            **self.where(resource, dimension), **{name: value for name, value in given.items() if value is not None}
        )
        await self.settle()
        return answer["ScalableTargetARN"]

    async def track(self, percent=70.0, resource=TABLE, dimension=READS, name="p", **configuration) -> dict:
        metric = METRICS[dimension.rpartition(":")[2][:4]]
        return await self._cloud.application_autoscaling.PutScalingPolicy(
            **self.where(resource, dimension),
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": percent,
                "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
                **configuration,
            },
        )

    async def use(self, units_a_second: float, minutes: int = 1, resource=TABLE, dimension=READS) -> None:
        """Let minutes pass in which so much is consumed, as DynamoDB tells it."""
        for _ in range(minutes):
            minute_ms = self._cloud.clock.now_ms() // MINUTE_MS * MINUTE_MS
            await self._cloud.advance(minute_ms + MINUTE_MS - self._cloud.clock.now_ms())
            if units_a_second:
                await self.tell(minute_ms, units_a_second * 60, resource, dimension)

    async def tell(self, minute_ms: int, consumed: float, resource=TABLE, dimension=READS) -> None:
        payload = {
            "account": self._cloud.account,
            "region": self._cloud.region,
            "resource": resource,
            "dimension": dimension,
            "minute_ms": minute_ms,
            "consumed": consumed,
        }
        await self._cloud.store.write(lambda tx: tx.emit("application-autoscaling.measured", payload) and None)
        await self._cloud.settle()

    async def settle(self) -> None:
        """Until a scaling that has begun has come to its end."""
        await self._cloud.settle()
        await self._cloud.advance(3_000)

    async def capacity(self, index: str = "") -> tuple[int, int]:
        """(reads, writes)"""
        await self.settle()
        part = (await self._cloud.dynamodb.DescribeTable(TableName="music"))["Table"]
        if index:
            (part,) = part["GlobalSecondaryIndexes"]
        throughput = part["ProvisionedThroughput"]
        return throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]

    async def set(self, reads: int, writes: int) -> None:
        """By hand."""
        throughput = {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}
        await self._cloud.dynamodb.UpdateTable(TableName="music", ProvisionedThroughput=throughput)
        await self._cloud.settle()

    async def activities(self, **asked) -> list[dict]:
        await self.settle()
        answer = await self._cloud.application_autoscaling.DescribeScalingActivities(
            ServiceNamespace="dynamodb", **asked
        )
        return answer["ScalingActivities"]


@pytest.fixture
async def scaled(cloud):
    scaled = Scaled(cloud)
    await scaled.create()
    return scaled
