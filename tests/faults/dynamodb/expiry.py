"""Items that expire: what is due goes, with a record of the service's own, and nothing else does."""

import time
from collections.abc import Callable

from tests.faults.dynamodb.work import (
    ON_DEMAND,
    Work,
    attributes,
    keys,
    pages,
    stream_records,
    wait_active,
    wait_for,
)

TABLE = "expiring"
SERVICE = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


class Expiry(Work):
    def prepare(self) -> None:
        made = self.dynamodb.create_table(
            TableName=TABLE,
            **ON_DEMAND,
            AttributeDefinitions=attributes(p="S"),
            KeySchema=keys("p"),
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        self.arn = made["TableDescription"]["LatestStreamArn"]
        wait_active(self.dynamodb, TABLE)
        self.dynamodb.update_time_to_live(
            TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "at"}
        )
        self.due: set[str] = set()
        self.staying: set[str] = set()
        self.asked: set[str] = set()

    def steps(self) -> list[Callable[[], None]]:
        return [self.put]

    def put(self) -> None:
        self.number += 1
        key = f"k{self.number}"
        stays = self.number % 3 == 0
        at_s = int(time.time()) + (86_400 if stays else 1)
        self.asked.add(key)
        self.dynamodb.put_item(TableName=TABLE, Item={"p": {"S": key}, "at": {"N": str(at_s)}})
        (self.staying if stays else self.due).add(key)
        time.sleep(0.02)

    def check(self) -> None:
        def there() -> set[str]:
            return {item["p"]["S"] for item in pages(self.dynamodb.scan, TableName=TABLE, ConsistentRead=True)}

        wait_for(lambda: not there() & self.due, "what is due stays", within_s=15)
        found = there()
        assert self.staying <= found, f"{len(self.staying - found)} items went before their time"
        assert found <= self.asked - self.due
        expired: list[str] = []
        for record in stream_records(self.clients, self.arn):
            if record["eventName"] == "REMOVE":
                assert record["userIdentity"] == SERVICE, record
                expired.append(record["dynamodb"]["Keys"]["p"]["S"])
        assert len(expired) == len(set(expired)), "an item expired twice"
        assert self.due <= set(expired), "items went without a record"
        assert not set(expired) & found

    def said(self) -> str:
        return f"{len(self.due)} items expired"
