"""SIGKILL while the regions of a global table are written to: no acknowledged write is lost, and all regions converge, also
where one of another account was cut off meanwhile; those of strong consistency are the same after every kill.

Each writer has items of its own, of which it knows the last acknowledged state, and all of them fight for others, of
which only one thing must hold: they are the same everywhere in the end. A replica is being filled at the first kill.
"""

import json
import os
import random
import threading
import time
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError

from tests.faults.server import Server

KILLS = int(os.environ.get("PILEUS_KILLS", "50")) // 5
SEED = int(os.environ.get("PILEUS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
OHIO, OREGON = "us-east-2", "us-west-2"
EAST, WEST, SOUTH = REGIONS = ("us-east-1", "eu-west-1", "sa-east-1")
CONVERGED_S = 60
SCHEMA = {
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


class Writer:
    """Writes to one region. `wanted`: item -> its last acknowledged number, None for deleted; `open`: what it may be as
    well, by the writes after that one which nothing was heard of."""

    def __init__(self, server: Server, region: str, moments: random.Random, **more: str) -> None:
        self.client = server.client("dynamodb", region_name=region, **more)
        self.region = region
        self.moments = moments
        self.number = 0
        self.wanted: dict[str, int | None] = {}
        self.open: dict[str, set[int | None]] = {}

    def write(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self.number += 1
            own = f"{self.region} {self.moments.randrange(20)}"
            name = own if self.moments.random() < 0.7 else f"all {self.moments.randrange(5)}"
            value = None if self.moments.random() < 0.3 else self.number
            self.open.setdefault(name, set()).add(value)
            try:
                if value is None:
                    self.client.delete_item(TableName="items", Key={"p": {"S": name}})
                else:
                    self.client.put_item(TableName="items", Item={"p": {"S": name}, "n": {"N": str(value)}})
            except (BotoCoreError, ConnectionError):
                return  # killed: it may have happened or not
            self.wanted[name] = value
            del self.open[name]

    def check(self, items: dict[str, int], seed: int) -> None:
        for name, value in self.wanted.items():
            if name.startswith(self.region):
                allowed = {value, *self.open.get(name, ())}
                assert items.get(name) in allowed, f"{name} is {items.get(name)}, not {value} (seed {seed})"


def items_of(client) -> dict[str, int]:
    pages = client.get_paginator("scan").paginate(TableName="items")
    return {item["p"]["S"]: int(item["n"]["N"]) for page in pages for item in page["Items"]}


def make_empty_table(server: Server):
    """Returns the client of its region."""
    east = server.client("dynamodb", region_name=EAST)
    east.create_table(TableName="items", **SCHEMA)
    east.get_waiter("table_exists").wait(TableName="items", WaiterConfig={"Delay": 1})
    return east


def make_table(server: Server) -> None:
    east = make_empty_table(server)
    for start in range(0, 2000, 25):
        puts = [
            {"PutRequest": {"Item": {"p": {"S": f"old {n}"}, "n": {"N": str(n)}, "x": {"S": "x" * 500}}}}
            for n in range(start, start + 25)
        ]
        assert not east.batch_write_item(RequestItems={"items": puts})["UnprocessedItems"]
    add_replica(server, WEST)
    east.update_table(TableName="items", ReplicaUpdates=[{"Create": {"RegionName": SOUTH}}])


def add_replica(server: Server, region: str) -> None:
    server.client("dynamodb", region_name=EAST).update_table(
        TableName="items", ReplicaUpdates=[{"Create": {"RegionName": region}}]
    )
    wait_for_replicas(server)


def wait_for_replicas(server: Server) -> None:
    east, deadline = server.client("dynamodb", region_name=EAST), time.monotonic() + CONVERGED_S
    while True:
        table = east.describe_table(TableName="items")["Table"]
        if {table["TableStatus"], *(replica["ReplicaStatus"] for replica in table["Replicas"])} == {"ACTIVE"}:
            return
        assert time.monotonic() < deadline, table
        time.sleep(0.05)


def write_until_killed(server: Server, writers: list[Writer], moments: random.Random) -> None:
    """Let all of them write until some moment at which the server is killed; it is there again afterwards."""
    stopping = threading.Event()
    threads = [threading.Thread(target=writer.write, args=(stopping,), daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    time.sleep(moments.uniform(0.05, 0.8))
    server.kill()
    stopping.set()
    for thread in threads:
        thread.join()
    server.start()


def wait_for_convergence(writers: list[Writer]) -> dict[str, int]:
    """Returns what is in all regions, which is what everybody wrote last."""
    deadline = time.monotonic() + CONVERGED_S
    while True:
        there, *others = (items_of(writer.client) for writer in writers)
        if all(other == there for other in others):
            break
        assert time.monotonic() < deadline, f"the regions differ (seed {SEED})"
        time.sleep(0.1)
    for writer in writers:
        writer.check(there, SEED)
    return there


@pytest.mark.timeout(120 + 30 * KILLS)
def test_replicas_converge_and_lose_nothing_to_kill_9(tmp_path: Path):
    moments = random.Random(SEED)
    server = Server(tmp_path / "data")
    server.start()
    try:
        make_table(server)
        server.kill()
        server.start()
        wait_for_replicas(server)
        writers = [Writer(server, region, random.Random(moments.random())) for region in REGIONS]
        for _ in range(KILLS):
            write_until_killed(server, writers, moments)
        east = wait_for_convergence(writers)
        assert sum(name.startswith("old ") for name in east) == 2000
    finally:
        server.stop()
    print(f"\nseed {SEED}: {KILLS} kills; {sum(writer.number for writer in writers)} writes, {len(east)} items")


@pytest.mark.timeout(120 + 30 * KILLS)
def test_regions_of_strong_consistency_are_the_same_after_every_kill_9(tmp_path: Path):
    moments = random.Random(SEED)
    server = Server(tmp_path / "data")
    server.start()
    try:
        east = make_empty_table(server)
        creates = [{"Create": {"RegionName": region}} for region in (OHIO, OREGON)]
        east.update_table(TableName="items", ReplicaUpdates=creates, MultiRegionConsistency="STRONG")
        server.kill()
        server.start()
        wait_for_replicas(server)
        writers = [Writer(server, region, random.Random(moments.random())) for region in (EAST, OHIO, OREGON)]
        for _ in range(KILLS):
            write_until_killed(server, writers, moments)
            there, *others = (items_of(writer.client) for writer in writers)
            assert all(other == there for other in others), f"the regions differ (seed {SEED})"
            for writer in writers:
                writer.check(there, SEED)
    finally:
        server.stop()
    print(f"\nseed {SEED}: {KILLS} kills; {sum(writer.number for writer in writers)} writes, {len(there)} items")


OWNERS = {EAST: "111111111111", WEST: "222222222222", SOUTH: "333333333333"}
ARNS = {region: f"arn:aws:dynamodb:{region}:{account}:table/items" for region, account in OWNERS.items()}


def policy_of(region: str, *, lets: bool = True) -> str:
    """Lets the others' accounts join, and DynamoDB replicate among all of them or not."""
    steady = {
        "Effect": "Allow" if lets else "Deny",
        "Principal": {"Service": "replication.dynamodb.amazonaws.com"},
        "Action": [f"dynamodb:{what}DataForReplication" for what in ("Read", "Write")] + ["dynamodb:ReplicateSettings"],
        "Resource": ARNS[region],
        "Condition": {"StringEquals": {"aws:SourceArn": list(ARNS.values())}},
    }
    joins = {
        "Effect": "Allow",
        "Principal": {"AWS": [account for one, account in OWNERS.items() if one != region]},
        "Action": "dynamodb:AssociateTableReplica",
        "Resource": ARNS[region],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [steady, joins]})


@pytest.mark.timeout(120 + 30 * KILLS)
def test_replicas_of_several_accounts_converge_whoever_was_cut_off(tmp_path: Path):
    moments = random.Random(SEED)
    server = Server(tmp_path / "data")
    server.start()
    try:
        writers = [
            Writer(server, region, random.Random(moments.random()), aws_access_key_id=account)
            for region, account in OWNERS.items()
        ]
        for writer in writers:
            asked = SCHEMA if writer.region == EAST else {"GlobalTableSourceArn": ARNS[EAST]}
            writer.client.create_table(
                TableName="items",
                GlobalTableSettingsReplicationMode="ENABLED",
                ResourcePolicy=policy_of(writer.region),
                **asked,
            )
            for member in writers[: writers.index(writer) + 1]:
                member.client.get_waiter("table_exists").wait(TableName="items", WaiterConfig={"Delay": 1})
        for _ in range(KILLS):
            changed = moments.choice(writers)
            policy = policy_of(changed.region, lets=moments.random() < 0.5)
            changed.client.put_resource_policy(ResourceArn=ARNS[changed.region], Policy=policy)
            write_until_killed(server, writers, moments)
        for writer in writers:
            writer.client.put_resource_policy(ResourceArn=ARNS[writer.region], Policy=policy_of(writer.region))
        there = wait_for_convergence(writers)
    finally:
        server.stop()
    print(f"\nseed {SEED}: {KILLS} kills; {sum(writer.number for writer in writers)} writes, {len(there)} items")
