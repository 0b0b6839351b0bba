"""Pairs of items in two tables that must always agree, changed by transactions that a client repeats until answered."""

import random
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.faults.dynamodb.work import ON_DEMAND, Work, attributes, keys, wait_active

TABLES = ("left", "right")
PAIRS = 4


class Client:
    """Counts on both sides of a pair in one transaction. What wasn't answered it asks again, with the same token."""

    def __init__(self, dynamodb: Any, moments: random.Random) -> None:
        self.dynamodb = dynamodb
        self.moments = moments
        self.done: Counter[str] = Counter()
        self.pending: tuple[str, Callable[..., Any], dict] | None = None

    def step(self) -> None:
        way = self.moments.randrange(4)
        if way == 0:
            self.fail()
            return
        pair = f"p{self.moments.randrange(PAIRS)}"
        self.pending = (pair, *(self.by_statements(pair) if way == 1 else self.by_updates(pair)))
        answered = self.finish()
        if self.moments.random() < 0.3:
            answered()  # once more: it must not count again

    def finish(self) -> Callable[[], Any]:
        """Ask for what is pending; return what asks for the very same again."""
        assert self.pending is not None
        pair, ask, request = self.pending
        ask(**request)
        self.done[pair] += 1
        self.pending = None
        return lambda: ask(**request)

    def by_updates(self, pair: str) -> tuple[Callable[..., Any], dict]:
        updates = [{"Update": adding(table, pair)} for table in TABLES]
        return self.dynamodb.transact_write_items, {"TransactItems": updates, "ClientRequestToken": uuid.uuid4().hex}

    def by_statements(self, pair: str) -> tuple[Callable[..., Any], dict]:
        statements = [
            {"Statement": f'UPDATE "{table}" SET n = n + 1 WHERE p = ?', "Parameters": [{"S": pair}]}
            for table in TABLES
        ]
        token = uuid.uuid4().hex
        return self.dynamodb.execute_transaction, {"TransactStatements": statements, "ClientRequestToken": token}

    def fail(self) -> None:
        """The second half can't be, so the first may not be either."""
        pair = f"p{self.moments.randrange(PAIRS)}"
        refused = adding(TABLES[1], pair) | {"ConditionExpression": "attribute_not_exists(p)"}
        try:
            self.dynamodb.transact_write_items(TransactItems=[{"Update": adding(TABLES[0], pair)}, {"Update": refused}])
        except self.dynamodb.exceptions.TransactionCanceledException as error:
            codes = [reason["Code"] for reason in error.response["CancellationReasons"]]
            assert codes == ["None", "ConditionalCheckFailed"], codes
            return
        raise AssertionError("a transaction with a condition that fails was made")


class Transactions(Work):
    def prepare(self) -> None:
        self.workers = [Client(self.dynamodb, random.Random(self.moments.random())) for _ in range(2)]
        self.repeated = 0
        for table in TABLES:
            self.dynamodb.create_table(
                TableName=table, **ON_DEMAND, AttributeDefinitions=attributes(p="S"), KeySchema=keys("p")
            )
            wait_active(self.dynamodb, table)
            for pair in range(PAIRS):
                self.dynamodb.put_item(TableName=table, Item={"p": {"S": f"p{pair}"}, "n": {"N": "0"}})

    def steps(self) -> list[Callable[[], None]]:
        return [*(worker.step for worker in self.workers), self.look]

    def look(self) -> None:
        pair = f"p{self.moments.randrange(PAIRS)}"
        left, right = self.read(pair)
        assert left == right, f"{pair} is {left} and {right}"

    def read(self, pair: str) -> tuple[int, ...]:
        gets = [{"Get": {"TableName": table, "Key": {"p": {"S": pair}}}} for table in TABLES]
        found = self.dynamodb.transact_get_items(TransactItems=gets)["Responses"]
        return tuple(int(one["Item"]["n"]["N"]) for one in found)

    def restarted(self) -> None:
        for pair in range(PAIRS):
            left, right = self.read(f"p{pair}")
            assert left == right, f"p{pair} is {left} and {right}: a transaction was half applied"
        for worker in self.workers:
            if worker.pending is not None:
                worker.finish()
                self.repeated += 1
        done = sum((worker.done for worker in self.workers), Counter())
        for name in (f"p{pair}" for pair in range(PAIRS)):
            assert self.read(name) == (done[name],) * 2, f"{name} is {self.read(name)} after {done[name]} transactions"

    def check(self) -> None:
        self.restarted()
        for table in TABLES:
            found = self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
            assert len(found) == PAIRS

    def said(self) -> str:
        done = sum(sum(worker.done.values()) for worker in self.workers)
        return f"{done} transactions ({self.repeated} asked for again over a restart)"


def adding(table: str, pair: str) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": {"p": {"S": pair}},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
