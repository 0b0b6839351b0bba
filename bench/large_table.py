"""`python -m bench.large_table`: what a table of many items costs, beside one of a thousand and one of none.

The items are put by in-process transitions of a thousand each, through the one function by which every item changes
(services/dynamodb/state/writing.py); then GetItem, PutItem and Query are measured, one after another on random keys,
over HTTP (one connection, requests signed beforehand) and in process. `--data` keeps the tables for the next run.
"""

import argparse
import asyncio
import contextlib
import http.client
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson

from bench import load, platforms
from pileus.app import Pileus
from pileus.config import Settings
from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.kernel.principal import root
from pileus.kernel.service import Registry
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.state import rows, tables, writing
from pileus.store.opening import open_store
from pileus.store.transaction import Transaction

ITEM_BYTES = 500
OF_A_PARTITION = 10
AT_ONCE = 1000
WARM, MEASURED = 3000, 2000
OPERATIONS = ("GetItem", "PutItem", "Query")
SMALL = 1000

TEXT = random.Random(1).randbytes(1 << 19).hex()
"""Attributes are pieces of it: they hardly compress, as hashes and ids don't."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--data", type=Path, help="where the tables lie, or will")
    arguments = parser.parse_args()
    place = arguments.data or Path(tempfile.mkdtemp(prefix="large-"))
    try:
        print("| items | where | " + " | ".join(f"{name} p50, p99 µs" for name in OPERATIONS) + " | PSS, MiB |")
        print("|" + "---|" * (3 + len(OPERATIONS)))
        for items in (0, SMALL, arguments.items):
            _measure(place / str(items), items)
    finally:
        if arguments.data is None:
            shutil.rmtree(place)


def _measure(data: Path, items: int) -> None:
    if not data.exists():
        began = time.perf_counter()
        asyncio.run(_fill(data, items))
        if items > SMALL:
            print(f"loaded in {time.perf_counter() - began:.0f} s", file=sys.stderr)
            with _served(data) as running:
                _row(items, "HTTP, while it is compacted", _over_http(running, items), running.memory_mib())
    with _served(data) as running:
        _wait_quiet(running.process.pid)
        _row(items, "HTTP", _over_http(running, items), running.memory_mib())
    _row(items, "in process", asyncio.run(_in_process(data, items)), None)


def _row(items: int, where: str, took: dict[str, list[float]], mib: float | None) -> None:
    cells = [f"{statistics.median(took[name]):,.0f}, {_p99(took[name]):,.0f}" for name in OPERATIONS]
    print(f"| {items:,} | {where} | " + " | ".join(cells) + f" | {'–' if mib is None else round(mib)} |", flush=True)


def _p99(took: list[float]) -> float:
    return sorted(took)[len(took) * 99 // 100]


@contextlib.contextmanager
def _served(data: Path) -> Iterator[platforms.Running]:
    pileus = platforms.PLATFORMS[0]
    with platforms.running(pileus, platforms.install(pileus), data) as running:
        yield running


@contextlib.asynccontextmanager
async def _opened(data: Path, durability: str = "fsync") -> AsyncIterator[Pileus]:
    settings, clock, ids = Settings(data_dir=data, durability=durability), Clock(), Ids()
    store, blobs = open_store(settings, clock, ids)
    pileus = Pileus(settings, store, blobs, Registry.discover("pileus.services"), clock=clock, ids=ids)
    await pileus.start()
    try:
        yield pileus
    finally:
        await pileus.stop()


async def _invoke(pileus: Pileus, operation: str, request: dict) -> dict:
    call = pileus.call("dynamodb", operation, principal=root(pileus.settings.account))
    return await pileus.invoke(call, request)


# The table


async def _fill(data: Path, items: int) -> None:
    # Not synced one by one: it is a load, and what follows opens the table anew.
    async with _opened(data, "process") as pileus:
        definition = {
            "TableName": "bench",
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in "ps"],
            "BillingMode": "PAY_PER_REQUEST",
        }
        await _invoke(pileus, "CreateTable", definition)
        while (await _invoke(pileus, "DescribeTable", {"TableName": "bench"}))["Table"]["TableStatus"] != "ACTIVE":
            await asyncio.sleep(0.01)
        for first in range(0, items, AT_ONCE):
            await pileus.store.write(_put, pileus.settings, range(first, min(first + AT_ONCE, items)))


def _put(tx: Transaction, settings: Settings, numbers: range) -> None:
    table = tables.require(tx, Address(settings.account, settings.region, "bench"))
    for number in numbers:
        item = _item(number, 0)
        writing.change(tx, table, rows.suffix_of(table, item), None, item, new_bytes=ITEM_BYTES)


def _key(number: int) -> dict:
    partition, sort = divmod(number, OF_A_PARTITION)
    return {"p": {"S": f"p{partition:09d}"}, "s": {"S": f"s{sort:03d}"}}


def _item(number: int, turn: int) -> dict:
    """Of ITEM_BYTES: 2 names and 14 bytes of keys, 12 of the number, the rest in the text."""
    at = number * 7919 % (len(TEXT) - ITEM_BYTES)
    turned = {"turn": {"S": f"{turn:08d}"}, "text": {"S": TEXT[at : at + ITEM_BYTES - 32]}}
    return _key(number) | turned


def _request(operation: str, number: int) -> dict:
    if operation == "GetItem":
        return {"TableName": "bench", "Key": _key(number)}
    if operation == "PutItem":
        return {"TableName": "bench", "Item": _item(number, random.randrange(10**8))}
    condition = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": _key(number)["p"]}}
    return {"TableName": "bench", **condition}


def _requests(operation: str, items: int, count: int) -> Iterator[dict]:
    """On random items. Those of an empty table ask for what isn't there, and put into one place."""
    for _ in range(count):
        yield _request(operation, random.randrange(items) if items else 0 if operation == "PutItem" else 10)


# What is measured


def _over_http(running: platforms.Running, items: int) -> dict[str, list[float]]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    took = {}
    for operation in OPERATIONS:
        requests = [
            load.dynamodb(running.endpoint, operation, content)
            for content in _requests(operation, items, WARM + MEASURED)
        ]
        took[operation] = [_send_us(connection, request) for request in requests][WARM:]
    return took


def _send_us(connection: http.client.HTTPConnection, request: load.Request) -> float:
    began = time.perf_counter()
    connection.request(request.method, request.path, request.body, request.headers)
    response = connection.getresponse()
    body = response.read()
    took_us = (time.perf_counter() - began) * 1e6
    assert response.status == 200, body
    return took_us


async def _in_process(data: Path, items: int) -> dict[str, list[float]]:
    took = {}
    async with _opened(data) as pileus:
        for operation in OPERATIONS:
            took[operation] = []
            for request in _requests(operation, items, WARM + MEASURED):
                request = orjson.loads(orjson.dumps(request))
                began = time.perf_counter()
                await _invoke(pileus, operation, request)
                took[operation].append((time.perf_counter() - began) * 1e6)
            del took[operation][:WARM]
    return took


def _wait_quiet(pid: int) -> None:
    """Until a process hardly computes: what the load left to compact is compacted."""
    while True:
        before = _cpu_ticks(pid)
        time.sleep(3)
        if _cpu_ticks(pid) - before < 10:
            return


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    main()
