"""SIGKILL at random moments while tables are written in every way: DynamoDB's promises hold over each of them.

`PILEUS_KILLS` and `PILEUS_SEED` as in test_kill.py.
"""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.faults.dynamodb.backups import Backups
from tests.faults.dynamodb.counters import Counters
from tests.faults.dynamodb.expiry import Expiry
from tests.faults.dynamodb.indexes import Indexes
from tests.faults.dynamodb.items import Items
from tests.faults.dynamodb.replicas import Replicas
from tests.faults.dynamodb.tables import Tables
from tests.faults.dynamodb.transactions import Transactions
from tests.faults.dynamodb.work import Work
from tests.faults.load import WENT_AWAY
from tests.faults.server import Server
from tests.faults.test_kill import KILLS, SEED

SERVICES = ("dynamodb", "dynamodbstreams", "s3", "lambda")


class Crew:
    """A thread for each step of each work; `begin` and `end` as often as the server is killed."""

    def __init__(self, works: list[Work]) -> None:
        self.works = works
        self.problems: list[str] = []
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        self._stopping.clear()
        steps = [step for work in self.works for step in work.steps()]
        self._threads = [threading.Thread(target=self._repeat, args=(step,), daemon=True) for step in steps]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"

    def _repeat(self, step: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                step()
            except WENT_AWAY:
                return  # the server was killed; whatever this request did is not acknowledged
            except (ClientError, AssertionError) as error:
                # A refusal is an answer; but nothing here gives the server a reason to refuse.
                self.problems.append(f"{step}: {error}")
                return


@pytest.mark.timeout(300 + 30 * KILLS)
def test_dynamodb_keeps_its_promises_over_kill_9(tmp_path: Path):
    moments = random.Random(SEED)
    server = Server(tmp_path / "data")
    server.start()
    clients = {name: server.client(name) for name in SERVICES}
    clients["dynamodb in another region"] = server.client("dynamodb", region_name="eu-west-1")
    kinds = (Counters, Transactions, Indexes, Expiry, Tables, Replicas, Backups)
    works: list[Work] = [Items(clients, random.Random(SEED), server)]
    works += [kind(clients, random.Random(SEED)) for kind in kinds]
    crew = Crew(works)
    try:
        for work in works:
            work.prepare()
        for _ in range(KILLS):
            crew.begin()
            time.sleep(moments.uniform(0.05, 1.2))
            server.kill()
            crew.end()
            server.start()
            assert not crew.problems, f"{crew.problems[:5]} (seed {SEED})"
            for work in reversed(works):  # what copies and fills is looked at first, before it has ended
                work.restarted()
        for work in works:
            work.check()
    finally:
        server.stop()
    print(f"\nseed {SEED}: {KILLS} kills; {', '.join(work.said() for work in works)}")
