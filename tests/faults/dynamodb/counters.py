"""Counters that several clients count on at once, blindly and by conditions."""

from collections.abc import Callable
from typing import Any

from tests.faults.dynamodb.work import ON_DEMAND, Work, attributes, keys, wait_active

TABLE = "counters"
CLIENTS = 2


class Counters(Work):
    """`known`: what a counter was after the last kill; each client may since have counted once more than it knows."""

    def prepare(self) -> None:
        self.dynamodb.create_table(
            TableName=TABLE, **ON_DEMAND, AttributeDefinitions=attributes(p="S"), KeySchema=keys("p")
        )
        wait_active(self.dynamodb, TABLE)
        self.known = {"added": 0, "swapped": 0}
        self.counted: dict[str, list[int]] = {"added": [], "swapped": []}
        self.asked: dict[str, list[int]] = {"added": [], "swapped": []}
        for name in self.known:
            self.dynamodb.put_item(TableName=TABLE, Item={"p": {"S": name}, "n": {"N": "0"}})

    def steps(self) -> list[Callable[[], None]]:
        return [self.add] * CLIENTS + [self.swap] * CLIENTS

    def add(self) -> None:
        self.asked["added"].append(1)
        self.dynamodb.update_item(TableName=TABLE, Key={"p": {"S": "added"}}, **adding("ADD n :one", one=1))
        self.counted["added"].append(1)

    def swap(self) -> None:
        """Look, and count on if nobody else did meanwhile."""
        found = self.read("swapped")
        self.asked["swapped"].append(1)
        try:
            self.dynamodb.update_item(
                TableName=TABLE,
                Key={"p": {"S": "swapped"}},
                ConditionExpression="n = :seen",
                **adding("SET n = :next", seen=found, next=found + 1),
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            self.asked["swapped"].pop()
            return
        self.counted["swapped"].append(1)

    def read(self, name: str) -> int:
        found = self.dynamodb.get_item(TableName=TABLE, Key={"p": {"S": name}}, ConsistentRead=True)
        return int(found["Item"]["n"]["N"])

    def restarted(self) -> None:
        for name in self.known:
            found, counted, asked = self.read(name), len(self.counted[name]), len(self.asked[name])
            least, most = self.known[name] + counted, self.known[name] + asked
            assert asked - counted <= CLIENTS
            assert least <= found <= most, f"{name} is {found}, which is not within {least} and {most}"
            self.known[name] = found
            self.counted[name].clear()
            self.asked[name].clear()

    def check(self) -> None:
        self.restarted()

    def said(self) -> str:
        return f"{sum(self.known.values())} counted"


def adding(expression: str, **values: int) -> dict[str, Any]:
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeValues": {f":{name}": {"N": str(value)} for name, value in values.items()},
    }
