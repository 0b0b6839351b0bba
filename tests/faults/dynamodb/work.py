"""A kind of work, and what its one writer knows of a table."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

SETTLE_S = 60
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}


class Work:
    """`prepare` once; `steps` are repeated by a thread each until the server is killed; then, with nobody at work,
    `restarted`; and `check` at the end.

    A step notes what it is about to ask for, then asks, then notes that it was answered. So what the server did is
    known exactly, but for one request a thread.
    """

    def __init__(self, clients: dict[str, Any], moments: random.Random) -> None:
        self.dynamodb = clients["dynamodb"]
        self.clients = clients
        self.moments = moments
        self.number = 0

    def prepare(self) -> None:
        """Make what the work needs."""

    def steps(self) -> list[Callable[[], None]]:
        raise NotImplementedError

    def restarted(self) -> None:
        """Look at what was in doubt."""

    def check(self) -> None:
        raise NotImplementedError

    def said(self) -> str:
        """What was done, for the report."""
        return ""


class Kept:
    """The items of a table, or of a part of it, that one writer writes: key -> item, as they are on the wire.

    changes  every change that happened, in order: (key, item before, item after)
    doubt    what was asked for and not answered: key -> item, or None for a deletion
    """

    def __init__(self) -> None:
        self.items: dict[Any, dict] = {}
        self.changes: list[tuple[Any, dict | None, dict | None]] = []
        self.doubt: dict[Any, dict | None] = {}

    def asking(self, changes: dict[Any, dict | None]) -> None:
        assert not self.doubt
        self.doubt = changes

    def answered(self) -> None:
        for key, item in self.doubt.items():
            self.became(key, item)
        self.doubt = {}

    def became(self, key: Any, item: dict | None) -> None:
        before = self.items.get(key)
        if before == item:
            return
        self.changes.append((key, before, item))
        if item is None:
            del self.items[key]
        else:
            self.items[key] = item

    def found(self, look: Callable[[Any], dict | None], is_whole: bool = False) -> None:
        """After a kill: each item in doubt must be what it was or what it was to be; is_whole: all of them alike."""
        fates = set()
        for key, wanted in self.doubt.items():
            there, before = look(key), self.items.get(key)
            assert there in (before, wanted), f"{key} is {there}, and neither {before} nor {wanted}"
            if before != wanted:
                fates.add(there == wanted)
            self.became(key, there)
        assert not (is_whole and len(fates) > 1), f"a half of {self.doubt} was applied"
        self.doubt = {}


def attributes(**types: str) -> list[dict]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def keys(hash_name: str, range_name: str = "") -> list[dict]:
    named = [{"AttributeName": hash_name, "KeyType": "HASH"}]
    return [*named, {"AttributeName": range_name, "KeyType": "RANGE"}] if range_name else named


def pages(ask: Callable, **request: Any) -> Iterator[dict]:
    """The items of a Query or Scan, all pages of it."""
    while True:
        answer = ask(**request)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def wait_active(dynamodb: Any, name: str) -> dict:
    """The description of a table that is ACTIVE, as all its indexes are."""

    def described() -> dict | None:
        table = dynamodb.describe_table(TableName=name)["Table"]
        indexes = table.get("GlobalSecondaryIndexes", [])
        return table if {table["TableStatus"], *(index["IndexStatus"] for index in indexes)} == {"ACTIVE"} else None

    return wait_for(described, f"{name} does not become ACTIVE")


def wait_for(look: Callable[[], Any], problem: str, within_s: float = SETTLE_S) -> Any:
    """What `look` returns as soon as it is something."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"{problem} within {within_s} s"
        time.sleep(0.05)
    return found


def put_all(dynamodb: Any, name: str, items: list[dict]) -> None:
    for at in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[at : at + 25]]
        assert not dynamodb.batch_write_item(RequestItems={name: requests})["UnprocessedItems"]


def stream_records(clients: dict[str, Any], arn: str) -> list[dict]:
    """Every record of a stream, parents before children."""
    streams = clients["dynamodbstreams"]
    records: list[dict] = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator is not None:
            page = streams.get_records(ShardIterator=iterator)
            records += page["Records"]
            iterator = page.get("NextShardIterator") if page["Records"] else None
    return records
