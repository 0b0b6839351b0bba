"""SIGKILL while a mapping reads a DynamoDB stream: nothing is lost, each key's order holds, and what is poisoned is given
up after the tries that it may have.

`PILEUS_KILLS` and `PILEUS_SEED` as in test_kill.py.
"""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.functions import make_function, make_role
from tests.faults.server import Server
from tests.faults.test_kill import KILLS, SEED

KEYS = [f"k{n}" for n in range(5)]
POISON = "poison"
RETRIES = 4
WITHIN_S = 90

READER = """
import boto3, uuid
log = boto3.resource("dynamodb").Table("log")
def handler(event, context):
    records = [(r["dynamodb"]["Keys"]["p"]["S"], int(r["dynamodb"]["NewImage"]["n"]["N"])) for r in event["Records"]]
    if any(key == "poison" for key, n in records):
        if len(records) == 1:
            log.put_item(Item={"p": f"try/{uuid.uuid4()}", "n": records[0][1]})
        raise ValueError("poison")
    for key, n in records:
        last = int(log.get_item(Key={"p": key}, ConsistentRead=True).get("Item", {"n": -1})["n"])
        if n > last + 1:
            log.put_item(Item={"p": f"gap/{key}/{last}/{n}"})
        log.put_item(Item={"p": key, "n": max(n, last)})
"""


def test_a_mapping_of_a_stream_over_kill_9(tmp_path: Path):
    chance, kills = random.Random(SEED), min(KILLS, 6)
    server = Server(tmp_path / "data")
    server.start()
    try:
        stream = _prepare(server)
        given_up = server.client("sqs").create_queue(QueueName="given-up")["QueueUrl"]
        server.client("lambda").create_event_source_mapping(
            FunctionName="reader",
            EventSourceArn=stream,
            StartingPosition="TRIM_HORIZON",
            BatchSize=6,
            ParallelizationFactor=2,
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=RETRIES,
            DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:given-up"}},
        )
        written = dict.fromkeys(KEYS, -1)
        _put(server, POISON, 0)
        for _ in range(kills):
            until = time.monotonic() + chance.uniform(0.5, 2.5)
            while time.monotonic() < until:
                key = chance.choice(KEYS)
                _put(server, key, written[key] + 1)
                written[key] += 1
            server.kill()
            server.start()
        _wait(lambda: {key: _last(server, key) for key in KEYS} == written, "not everything was read")
        messages: list[dict] = []

        def is_given_up() -> bool:
            answer = server.client("sqs").receive_message(QueueUrl=given_up, WaitTimeSeconds=1)
            messages.extend(answer.get("Messages", []))
            return bool(messages)

        _wait(is_given_up, "the poisoned record was never given up")
        record = json.loads(messages[0]["Body"])
        assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
        assert record["requestContext"]["approximateInvokeCount"] == RETRIES + 1
        assert record["DDBStreamBatchInfo"]["batchSize"] == 1
        rows = [row["p"]["S"] for row in server.client("dynamodb").scan(TableName="log")["Items"]]
        assert [row for row in rows if row.startswith("gap/")] == []
        tries = [row for row in rows if row.startswith("try/")]
        # A kill may fall between a try and the commit that counts it.
        assert RETRIES + 1 <= len(tries) <= RETRIES + 1 + kills
    finally:
        server.stop()


def _prepare(server: Server) -> str:
    """The table, its log and the reader of its stream; return the stream's ARN."""
    dynamodb = server.client("dynamodb")
    key = {
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    view = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    made = dynamodb.create_table(TableName="orders", StreamSpecification=view, **key)
    dynamodb.create_table(TableName="log", **key)
    for name in ("orders", "log"):
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    make_function(server, "reader", make_role(server, "dynamodb:*", "sqs:SendMessage"), READER)
    return made["TableDescription"]["LatestStreamArn"]


def _put(server: Server, key: str, n: int) -> None:
    server.client("dynamodb").put_item(TableName="orders", Item={"p": {"S": key}, "n": {"N": str(n)}})


def _last(server: Server, key: str) -> int:
    item = server.client("dynamodb").get_item(TableName="log", Key={"p": {"S": key}}, ConsistentRead=True).get("Item")
    return -1 if item is None else int(item["n"]["N"])


def _wait(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)
