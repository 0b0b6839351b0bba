"""Tables that come and go: each ends as there or as gone."""

from collections.abc import Callable

from tests.faults.dynamodb.work import ON_DEMAND, Work, attributes, keys, wait_active, wait_for

PREFIX = "table-"


class Tables(Work):
    """`there`, `gone`: what was answered. A table whose creation or deletion was under way is in neither."""

    def prepare(self) -> None:
        self.there: set[str] = set()
        self.gone: set[str] = set()

    def steps(self) -> list[Callable[[], None]]:
        return [self.create]

    def create(self) -> None:
        self.number += 1
        name = f"{PREFIX}{self.number:06d}"
        self.dynamodb.create_table(
            TableName=name,
            **ON_DEMAND,
            AttributeDefinitions=attributes(p="S", g="S"),
            KeySchema=keys("p"),
            GlobalSecondaryIndexes=[
                {"IndexName": "by-g", "KeySchema": keys("g"), "Projection": {"ProjectionType": "ALL"}}
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        self.there.add(name)
        wait_active(self.dynamodb, name)
        self.dynamodb.put_item(TableName=name, Item={"p": {"S": name}, "g": {"S": name}})
        if self.number % 3:
            self.there.remove(name)
            self.dynamodb.delete_table(TableName=name)
            self.gone.add(name)
            wait_for(lambda: name not in self.listed(), f"{name} is not deleted")

    def listed(self) -> set[str]:
        found = self.dynamodb.get_paginator("list_tables").paginate(ExclusiveStartTableName=PREFIX)
        return {name for page in found for name in page["TableNames"] if name.startswith(PREFIX)}

    def restarted(self) -> None:
        """No table stays between the two."""
        assert self.there <= self.listed(), f"{sorted(self.there - self.listed())[:3]} are lost"
        wait_for(lambda: not self.listed() & self.gone, "a deleted table stays")
        for name in self.listed() - self.there:
            # Its creation or its deletion wasn't answered: it becomes the one or the other.
            wait_for(lambda name=name: self.status(name) in ("ACTIVE", None), f"{name} stays {self.status(name)}")
            if self.status(name) == "ACTIVE":
                self.there.add(name)
            else:
                self.gone.add(name)

    def status(self, name: str) -> str | None:
        try:
            return self.dynamodb.describe_table(TableName=name)["Table"]["TableStatus"]
        except self.dynamodb.exceptions.ResourceNotFoundException:
            return None

    def check(self) -> None:
        self.restarted()
        assert self.listed() == self.there
        for name in self.there:
            wait_active(self.dynamodb, name)
            by_g = {
                "IndexName": "by-g",
                "KeyConditionExpression": "g = :g",
                "ExpressionAttributeValues": {":g": {"S": name}},
            }
            found = self.dynamodb.scan(TableName=name)["Items"]
            assert self.dynamodb.query(TableName=name, **by_g)["Items"] == found, f"{name}: its index is another"

    def said(self) -> str:
        return f"{len(self.there)} tables made, {len(self.gone)} deleted"
