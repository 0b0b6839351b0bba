"""Tables of DynamoDB for tests: `await table()` makes one with a partition key p and a sort key c, all strings."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pileus.testing import Cloud


class TableClient:
    """A table as its tests speak of it: `await table.PutItem(Item=…)`."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._client = cloud.dynamodb
        self.name = name
        self.arn = f"arn:aws:dynamodb:{cloud.region}:{cloud.account}:table/{name}"

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[dict]]:
        async def call(**request: Any) -> dict:
            return await getattr(self._client, operation)(TableName=self.name, **request)

        return call

    async def put(self, **attributes: str | int | bytes) -> None:
        await self.PutItem(Item=item(**attributes))

    async def get(self, **key: str | int | bytes) -> dict | None:
        return (await self.GetItem(Key=item(**key))).get("Item")


def item(**attributes: str | int | bytes) -> dict:
    """Attributes by their Python values: texts, whole numbers and bytes."""
    kinds = {str: "S", int: "N", bytes: "B"}
    return {
        name: {kinds[type(value)]: str(value) if isinstance(value, int) else value}
        for name, value in attributes.items()
    }


def schema(*names: str, **more: str) -> dict:
    """KeySchema and AttributeDefinitions: "p" or "p", "c"; "c:N" for another type; more: other attributes' types."""
    types = {}
    keys = []
    for name, key_type in zip(names, ("HASH", "RANGE"), strict=False):
        name, _, kind = name.partition(":")
        types[name] = kind or "S"
        keys.append({"AttributeName": name, "KeyType": key_type})
    definitions = [{"AttributeName": name, "AttributeType": kind} for name, kind in (types | more).items()]
    return {"KeySchema": keys, "AttributeDefinitions": definitions}


def index(name: str, *keys: str, projection: dict | None = None) -> dict:
    """A secondary index of a partition key and perhaps a sort key."""
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        "Projection": {"ProjectionType": "ALL"} if projection is None else projection,
    }


@pytest.fixture
def make(cloud: Cloud) -> Callable[..., Awaitable[TableClient]]:
    """`await make("p", "c", GlobalSecondaryIndexes=…)`: an active on-demand table of that key."""

    async def made(
        *names: str, called: str = "tbl", types: dict[str, str] | None = None, **request: Any
    ) -> TableClient:
        if "ProvisionedThroughput" not in request:
            request["BillingMode"] = "PAY_PER_REQUEST"
        await cloud.dynamodb.CreateTable(TableName=called, **schema(*names or ("p", "c"), **(types or {})), **request)
        await cloud.settle()
        return TableClient(cloud, called)

    return made


@pytest.fixture
async def table(make: Callable[..., Awaitable[TableClient]]) -> TableClient:
    """A table of the keys p and c."""
    return await make()
