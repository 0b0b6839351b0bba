"""Indexes made and deleted on a live table of some size, while its items are written."""

import time
from collections.abc import Callable

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

TABLE = "grown"
ITEMS = 4000
"""Some steps of a backfill."""
GROUPS = 40


class Indexes(Work):
    def prepare(self) -> None:
        self.dynamodb.create_table(
            TableName=TABLE, **ON_DEMAND, AttributeDefinitions=attributes(p="S"), KeySchema=keys("p")
        )
        wait_active(self.dynamodb, TABLE)
        self.kept = Kept()
        self.kept.items = {key: self.new_item(key) for key in (f"k{n}" for n in range(ITEMS))}
        put_all(self.dynamodb, TABLE, list(self.kept.items.values()))
        self.interrupted = self.filled = 0
        self.is_growing = False

    def new_item(self, key: str) -> dict:
        self.number += 1
        item = {"p": {"S": key}, "v": {"N": str(self.number)}}
        if self.moments.random() < 0.8:
            item["g"] = {"S": f"g{self.moments.randrange(GROUPS)}"}
        return item

    def steps(self) -> list[Callable[[], None]]:
        return [self.write, self.grow]

    def write(self) -> None:
        key = f"k{self.moments.randrange(ITEMS + 200)}"
        item = None if self.moments.random() < 0.3 else self.new_item(key)
        self.kept.asking({key: item})
        if item is None:
            self.dynamodb.delete_item(TableName=TABLE, Key={"p": {"S": key}})
        else:
            self.dynamodb.put_item(TableName=TABLE, Item=item)
        self.kept.answered()
        time.sleep(0.003)

    def grow(self) -> None:
        """Make an index, wait until it is there, delete it; the kill comes somewhere in this."""
        index = {"IndexName": f"by-g-{self.filled}", "KeySchema": keys("g"), "Projection": {"ProjectionType": "ALL"}}
        self.is_growing = True
        self.dynamodb.update_table(
            TableName=TABLE,
            AttributeDefinitions=attributes(p="S", g="S"),
            GlobalSecondaryIndexUpdates=[{"Create": index}],
        )
        wait_active(self.dynamodb, TABLE)
        self.is_growing = False
        self.filled += 1
        self.dynamodb.update_table(
            TableName=TABLE, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": index["IndexName"]}}]
        )
        wait_for(lambda: not self.described(), "the index is not deleted")

    def described(self) -> list[dict]:
        return self.dynamodb.describe_table(TableName=TABLE)["Table"].get("GlobalSecondaryIndexes", [])

    def restarted(self) -> None:
        self.kept.found(self.look)
        there = self.described()
        if not there:
            self.is_growing = False
            return
        self.interrupted += self.is_growing
        self.is_growing = False
        wait_for(
            lambda: {index["IndexStatus"] for index in self.described()} <= {"ACTIVE"},
            "an index is neither made nor deleted",
        )
        for index in self.described():
            self.check_index(index)
            self.dynamodb.update_table(
                TableName=TABLE, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": index["IndexName"]}}]
            )
        wait_for(lambda: not self.described(), "the index is not deleted")
        wait_active(self.dynamodb, TABLE)
        self.filled += 1

    def look(self, key: str) -> dict | None:
        return self.dynamodb.get_item(TableName=TABLE, Key={"p": {"S": key}}, ConsistentRead=True).get("Item")

    def check_index(self, index: dict) -> None:
        name = index["IndexName"]
        wanted = {key: item for key, item in self.kept.items.items() if "g" in item}
        there = list(pages(self.dynamodb.scan, TableName=TABLE, IndexName=name))
        assert len(there) == len(wanted), f"{name} has {len(there)} entries of {len(wanted)} items"
        assert {item["p"]["S"]: item for item in there} == wanted, f"{name} has others than the table"
        count = next(one for one in self.described() if one["IndexName"] == name)["ItemCount"]
        assert count == len(wanted), f"{name} says it has {count} items of {len(wanted)}"

    def check(self) -> None:
        self.restarted()
        found = {item["p"]["S"]: item for item in pages(self.dynamodb.scan, TableName=TABLE, ConsistentRead=True)}
        assert found == self.kept.items, "the table's items are others"

    def said(self) -> str:
        return f"{self.filled} indexes ({self.interrupted} killed while they were made)"
