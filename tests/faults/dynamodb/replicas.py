"""A global table that is written in both of its regions: they come to agree, and nothing acknowledged in either is lost."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.faults.dynamodb.work import (
    ON_DEMAND,
    Kept,
    Work,
    attributes,
    keys,
    pages,
    put_all,
    wait_active,
    wait_for,
)

TABLE = "global"
REGIONS = ("us-east-1", "eu-west-1")
ITEMS = 600
KEYS = 30
SHARED = 5


class Replicas(Work):
    """`kept`: of each region what is written there alone. Both write the shared keys, where the last writer wins."""

    def prepare(self) -> None:
        self.regions: dict[str, Any] = dict(
            zip(REGIONS, (self.dynamodb, self.clients["dynamodb in another region"]), strict=True)
        )
        self.dynamodb.create_table(
            TableName=TABLE,
            **ON_DEMAND,
            AttributeDefinitions=attributes(p="S"),
            KeySchema=keys("p"),
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        wait_active(self.dynamodb, TABLE)
        self.kept = {region: Kept() for region in REGIONS}
        here = self.kept[REGIONS[0]]
        here.items = {key: self.new_item(key) for key in (f"{REGIONS[0]} {n}" for n in range(ITEMS))}
        put_all(self.dynamodb, TABLE, list(here.items.values()))
        self.dynamodb.update_table(TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": REGIONS[1]}}])
        wait_active(self.dynamodb, TABLE)
        wait_active(self.regions[REGIONS[1]], TABLE)

    def new_item(self, key: str) -> dict:
        self.number += 1
        return {"p": {"S": key}, "v": {"N": str(self.number)}}

    def steps(self) -> list[Callable[[], None]]:
        return [partial(self.write, region) for region in REGIONS]

    def write(self, region: str) -> None:
        client, kept = self.regions[region], self.kept[region]
        key = f"{region} {self.moments.randrange(KEYS)}"
        item = None if self.moments.random() < 0.3 else self.new_item(key)
        kept.asking({key: item})
        if item is None:
            client.delete_item(TableName=TABLE, Key={"p": {"S": key}})
        else:
            client.put_item(TableName=TABLE, Item=item)
        kept.answered()
        client.put_item(TableName=TABLE, Item=self.new_item(f"shared {self.moments.randrange(SHARED)}"))
        time.sleep(0.01)

    def restarted(self) -> None:
        for region in REGIONS:
            self.kept[region].found(partial(self.look, region))

    def look(self, region: str, key: str) -> dict | None:
        asked = {"TableName": TABLE, "Key": {"p": {"S": key}}, "ConsistentRead": True}
        return self.regions[region].get_item(**asked).get("Item")

    def check(self) -> None:
        self.restarted()

        def found(region: str) -> dict[str, dict]:
            scanned = pages(self.regions[region].scan, TableName=TABLE, ConsistentRead=True)
            return {item["p"]["S"]: item for item in scanned}

        wait_for(lambda: found(REGIONS[0]) == found(REGIONS[1]), "the regions do not agree", within_s=20)
        there = found(REGIONS[0])
        wanted = self.kept[REGIONS[0]].items | self.kept[REGIONS[1]].items
        shared = {key for key in there if key.startswith("shared")}
        others = [key for key in (wanted.keys() | there.keys()) - shared if wanted.get(key) != there.get(key)]
        assert not others, f"{len(others)} items are not what their region wrote, such as {others[:3]}"

    def said(self) -> str:
        return f"{sum(len(kept.changes) for kept in self.kept.values())} changes in two regions"
