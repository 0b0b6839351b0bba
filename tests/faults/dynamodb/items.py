"""Items written in every way, their indexes, their stream, and the function that the stream feeds."""

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.faults.dynamodb.work import (
    ON_DEMAND,
    Kept,
    Work,
    attributes,
    keys,
    pages,
    stream_records,
    wait_active,
    wait_for,
)
from tests.faults.functions import make_function, make_role
from tests.faults.server import Server

TABLE = "items"
INDEXES = {"by-group": ("g", "s"), "by-version": ("p", "v"), "groups": ("g",)}

FED = """
import boto3, json, time, uuid
s3 = boto3.client("s3")
def handler(event, context):
    # A name for each run, in the order of the runs, so that no run hides another.
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
    seen = [[r["dynamodb"]["Keys"]["p"]["S"], r["dynamodb"]["Keys"]["s"]["N"], r["dynamodb"]["SequenceNumber"]]
            for r in event["Records"]]
    s3.put_object(Bucket="fed", Key=name, Body=json.dumps(seen))
"""


class Writer:
    """One thread that writes items of its own, known by the beginnings of their partition keys."""

    def __init__(self, dynamodb: Any, name: str, moments: random.Random, next_version: Callable[[], int]) -> None:
        self.dynamodb = dynamodb
        self.name = name
        self.moments = moments
        self.next_version = next_version
        self.kept = Kept()
        self.is_whole = False

    def write(self) -> None:
        ways = (self.put, self.update, self.delete, self.batch, self.statement, self.transact)
        self.moments.choice(ways)()
        self.kept.answered()
        time.sleep(0.004)

    def restarted(self) -> None:
        self.kept.found(self.look, self.is_whole)

    def look(self, key: tuple[str, str]) -> dict | None:
        return self.dynamodb.get_item(TableName=TABLE, Key=key_of(key), ConsistentRead=True).get("Item")

    def any_key(self) -> tuple[str, str]:
        return f"{self.name}-{self.moments.randrange(6)}", str(self.moments.randrange(12))

    def new_item(self, key: tuple[str, str]) -> dict:
        item = key_of(key) | {"v": {"N": str(self.next_version())}, "body": {"B": self.moments.randbytes(40)}}
        if self.moments.random() < 0.7:  # those without are in no index of groups
            item["g"] = {"S": f"g{self.moments.randrange(4)}"}
        return item

    def asking(self, changes: dict, is_whole: bool = False) -> None:
        self.is_whole = is_whole
        self.kept.asking(changes)

    # The ways to write: each says what it asks for, and looks whether the answer knows of what was before.

    def put(self) -> None:
        key = self.any_key()
        item = self.new_item(key)
        self.asking({key: item})
        answer = self.dynamodb.put_item(TableName=TABLE, Item=item, ReturnValues="ALL_OLD")
        self.compare(key, answer.get("Attributes"))

    def update(self) -> None:
        key = self.any_key()
        before = self.kept.items.get(key)
        item = (before or key_of(key)) | {"v": {"N": str(self.next_version())}}
        moves = self.moments.choice(("SET g = :g", "REMOVE g", ""))
        values = {":v": item["v"]}
        if moves == "SET g = :g":
            values[":g"] = item["g"] = {"S": f"g{self.moments.randrange(4)}"}
        elif moves:
            item = {name: value for name, value in item.items() if name != "g"}
        self.asking({key: item})
        answer = self.dynamodb.update_item(
            TableName=TABLE,
            Key=key_of(key),
            UpdateExpression=moves.replace("SET ", "SET v = :v, ")
            if moves.startswith("SET")
            else f"SET v = :v {moves}",
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
        )
        assert answer["Attributes"] == item, f"{key} became {answer['Attributes']} and not {item}"

    def delete(self) -> None:
        key = self.any_key()
        self.asking({key: None})
        answer = self.dynamodb.delete_item(TableName=TABLE, Key=key_of(key), ReturnValues="ALL_OLD")
        self.compare(key, answer.get("Attributes"))

    def batch(self) -> None:
        chosen = {self.any_key() for _ in range(8)}
        changes = {key: self.new_item(key) if self.moments.random() < 0.6 else None for key in chosen}
        requests = [
            {"DeleteRequest": {"Key": key_of(key)}} if item is None else {"PutRequest": {"Item": item}}
            for key, item in changes.items()
        ]
        self.asking(changes)
        assert not self.dynamodb.batch_write_item(RequestItems={TABLE: requests})["UnprocessedItems"]

    def statement(self) -> None:
        key = self.any_key()
        before = self.kept.items.get(key)
        where = [{"S": key[0]}, {"N": key[1]}]
        if before is None:
            item = self.new_item(key)
            members = ", ".join(f"'{name}': ?" for name in item)
            asked = f'INSERT INTO "{TABLE}" VALUE {{{members}}}', list(item.values())
        elif self.moments.random() < 0.3:
            item = None
            asked = f'DELETE FROM "{TABLE}" WHERE p = ? AND s = ? AND v = ?', [*where, before["v"]]
        else:
            item = before | {"v": {"N": str(self.next_version())}}
            asked = f'UPDATE "{TABLE}" SET v = ? WHERE p = ? AND s = ?', [item["v"], *where]
        self.asking({key: item})
        self.dynamodb.execute_statement(Statement=asked[0], Parameters=asked[1])

    def transact(self) -> None:
        changes = {key: self.new_item(key) for key in {self.any_key() for _ in range(4)}}
        puts = []
        for key, item in changes.items():
            before = self.kept.items.get(key)
            condition: dict = {"ConditionExpression": "attribute_not_exists(p)"}
            if before is not None:
                condition = {"ConditionExpression": "v = :v", "ExpressionAttributeValues": {":v": before["v"]}}
            puts.append({"Put": {"TableName": TABLE, "Item": item, **condition}})
        self.asking(changes, is_whole=True)
        self.dynamodb.transact_write_items(TransactItems=puts)

    def compare(self, key: tuple[str, str], before: dict | None) -> None:
        known = self.kept.items.get(key)
        assert before == known, f"{key} was {before} and not {known}"


class Items(Work):
    """Two writers on one table with indexes and a stream, which feeds a function in two lanes."""

    def __init__(self, clients: dict[str, Any], moments: random.Random, server: Server) -> None:
        super().__init__(clients, moments)
        self.server = server
        self.writers = [Writer(self.dynamodb, f"w{n}", random.Random(moments.random()), self.next) for n in range(2)]

    def next(self) -> int:
        self.number += 1
        return self.number

    def prepare(self) -> None:
        everything = {"Projection": {"ProjectionType": "ALL"}}
        by_group, by_version, groups = (
            {"IndexName": name, "KeySchema": keys(*names), **everything} for name, names in INDEXES.items()
        )
        made = self.dynamodb.create_table(
            TableName=TABLE,
            **ON_DEMAND,
            AttributeDefinitions=attributes(p="S", s="N", g="S", v="N"),
            KeySchema=keys("p", "s"),
            LocalSecondaryIndexes=[by_version],
            GlobalSecondaryIndexes=[by_group, groups | {"Projection": {"ProjectionType": "KEYS_ONLY"}}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.arn = made["TableDescription"]["LatestStreamArn"]
        wait_active(self.dynamodb, TABLE)
        self.clients["s3"].create_bucket(Bucket="fed")
        role = make_role(self.server, "s3:*", "dynamodb:*")
        make_function(self.server, "fed", role, FED, Timeout=10)
        self.clients["lambda"].create_event_source_mapping(
            FunctionName="fed",
            EventSourceArn=self.arn,
            StartingPosition="TRIM_HORIZON",
            BatchSize=20,
            ParallelizationFactor=2,
        )

    def steps(self) -> list[Callable[[], None]]:
        return [writer.write for writer in self.writers]

    def restarted(self) -> None:
        for writer in self.writers:
            writer.restarted()

    def check(self) -> None:
        self.check_items()
        records = self.check_stream()
        self.check_function(records)

    def check_items(self) -> None:
        """What is there is what was acknowledged; and indexes say the same."""
        kept = {key: item for writer in self.writers for key, item in writer.kept.items.items()}
        found = by_key(pages(self.dynamodb.scan, TableName=TABLE, ConsistentRead=True))
        assert found == kept, differences(found, kept)
        table = wait_active(self.dynamodb, TABLE)
        counts = {TABLE: table["ItemCount"]}
        counts |= {index["IndexName"]: index["ItemCount"] for index in table["GlobalSecondaryIndexes"]}
        counts |= {index["IndexName"]: index["ItemCount"] for index in table["LocalSecondaryIndexes"]}
        assert counts[TABLE] == len(kept)
        for index, names in INDEXES.items():
            wanted = {key: item for key, item in kept.items() if names[0] in item and names[-1] in item}
            if index == "groups":
                wanted = {key: {name: item[name] for name in ("p", "s", "g")} for key, item in wanted.items()}
            there = list(pages(self.dynamodb.scan, TableName=TABLE, IndexName=index))
            assert len(there) == len(wanted) == counts[index], f"{index} has {len(there)} entries, says {counts[index]}"
            assert by_key(there) == wanted, f"{index}: {differences(by_key(there), wanted)}"
            for value in {json.dumps(item[names[0]]) for item in wanted.values()}:
                queried = by_key(
                    pages(
                        self.dynamodb.query,
                        TableName=TABLE,
                        IndexName=index,
                        KeyConditionExpression="#h = :h",
                        ExpressionAttributeNames={"#h": names[0]},
                        ExpressionAttributeValues={":h": json.loads(value)},
                    )
                )
                part = {key: item for key, item in wanted.items() if json.dumps(item[names[0]]) == value}
                assert queried == part, f"{index} {value}: {differences(queried, part)}"

    def check_stream(self) -> dict[tuple[str, str], list[str]]:
        """Each item's records are its changes, one for one; return their sequence numbers, in order."""
        made = defaultdict(list)
        for writer in self.writers:
            for key, before, after in writer.kept.changes:
                made[key].append((before, after))
        told, numbers = defaultdict(list), defaultdict(list)
        last = 0
        for record in stream_records(self.clients, self.arn):
            change = record["dynamodb"]
            number = int(change["SequenceNumber"])
            assert number > last, f"{number} follows {last}"
            last = number
            key = (change["Keys"]["p"]["S"], change["Keys"]["s"]["N"])
            told[key].append((change.get("OldImage"), change.get("NewImage")))
            numbers[key].append(change["SequenceNumber"])
            kinds = {(True, False): "INSERT", (False, False): "MODIFY", (False, True): "REMOVE"}
            assert record["eventName"] == kinds["OldImage" not in change, "NewImage" not in change]
        for key in made.keys() | told.keys():
            for at, (before, after) in enumerate(zip(told[key], told[key][1:], strict=False)):
                assert before[1] == after[0], f"records {at} and {at + 1} of {key} leave a gap: {before}, {after}"
            assert told[key] == made[key], f"{key} has {len(told[key])} records of {len(made[key])} changes"
        return numbers

    def check_function(self, numbers: dict[tuple[str, str], list[str]]) -> None:
        """Every record has reached the function; of each item first 1, then 2, however often again."""
        s3 = self.clients["s3"]
        seen: dict[str, list] = {}
        wanted = {number for its in numbers.values() for number in its}

        def look() -> bool:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket="fed"):
                for entry in page.get("Contents", []):
                    if entry["Key"] not in seen:
                        body = s3.get_object(Bucket="fed", Key=entry["Key"])["Body"].read()
                        seen[entry["Key"]] = json.loads(body)
            return wanted <= {number for batch in seen.values() for _, _, number in batch}

        wait_for(look, "the stream's records do not reach the function")
        first: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for _, batch in sorted(seen.items()):
            for p, s, number in batch:
                first[p, s].setdefault(number)
        for key, its in numbers.items():
            assert list(first[key]) == its, f"{key} came to the function in another order"

    def said(self) -> str:
        return f"{sum(len(writer.kept.changes) for writer in self.writers)} changes of items"


def key_of(key: tuple[str, str]) -> dict:
    return {"p": {"S": key[0]}, "s": {"N": key[1]}}


def by_key(items: Any) -> dict[tuple[str, str], dict]:
    return {(item["p"]["S"], item["s"]["N"]): item for item in items}


def differences(found: dict, wanted: dict) -> str:
    lost, back = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    other = [key for key in wanted.keys() & found.keys() if wanted[key] != found[key]]
    return f"lost {sorted(lost)[:3]}, came back {sorted(back)[:3]}, are others {sorted(other)[:3]}"
