"""How far a stream's poller has come: rows, and the transitions that move them."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from pileus.delivery.pollers.plan import Discarded
from pileus.delivery.sources import TRIM_HORIZON, Shard
from pileus.store.table import Table
from pileus.store.transaction import Transaction


class Failing(msgspec.Struct, frozen=True):
    """A batch of a lane that has failed, or a part of one: the lane's records from `first` to `last`.

    runs              how often the target failed with it
    error             of its last answer, as executed_version and request_id; None: there was none, or it was no error
    """

    first: str
    last: str
    runs: int
    error: str | None = None
    executed_version: str = ""
    request_id: str = ""


class Checkpoint(msgspec.Struct, frozen=True):
    """One poller in one shard. The shard "" stands for the stream: it is there once the poller has begun.

    position      everything up to it is done, in every lane
    is_finished   the shard was closed, and all of it is done
    lanes         how many lanes `done` counts
    done          lane -> sequence number that it has come to, where that is beyond `position`
    window_ms     start of the tumbling window that has a state; None: no window is open
    window_state  its state, as JSON
    failing       lane -> what it has tried in vain, in the order in which it will be tried again
    """

    poller: str
    shard: str
    position: str
    is_finished: bool = False
    lanes: int = 1
    done: dict[str, str] = {}
    window_ms: int | None = None
    window_state: bytes = b"{}"
    failing: dict[str, tuple[Failing, ...]] = {}


CHECKPOINTS = Table("delivery.checkpoints", Checkpoint, key=lambda row: (row.poller, row.shard))


def every(tx: Transaction, poller: str) -> dict[str, Checkpoint]:
    return {row.shard: row for row in CHECKPOINTS.scan(tx, poller)}


def get(tx: Transaction, poller: str, shard: str) -> Checkpoint | None:
    return CHECKPOINTS.get(tx, poller, shard)


def begin(tx: Transaction, poller: str, positions: dict[str, str]) -> None:
    """Keep where each shard begins. Of no effect if the poller has begun already."""
    if CHECKPOINTS.has(tx, poller, ""):
        return
    CHECKPOINTS.insert(tx, Checkpoint(poller, "", ""))
    for shard, position in positions.items():
        CHECKPOINTS.put(tx, Checkpoint(poller, shard, position))


def follow(tx: Transaction, poller: str, shards: list[Shard]) -> None:
    """Forget shards that are no more, and begin those that are new with their first record."""
    known = every(tx, poller)
    there = {shard.id for shard in shards}
    for shard_id in known:
        if shard_id and shard_id not in there:
            CHECKPOINTS.delete(tx, poller, shard_id)
    for shard in shards:
        if shard.id not in known:
            CHECKPOINTS.insert(tx, Checkpoint(poller, shard.id, TRIM_HORIZON))


def advance(
    tx: Transaction,
    poller: str,
    shard: str,
    changes: dict[str, Any],
    discarded: Discarded | None,
    keep: Callable[[Transaction, Discarded], None],
) -> None:
    """A batch is done, processed or given up. Of no effect if the poller is forgotten meanwhile."""
    row = CHECKPOINTS.get(tx, poller, shard)
    if row is None:
        return
    CHECKPOINTS.put(tx, replace(row, **changes))
    if discarded is not None:
        keep(tx, discarded)


def forget(tx: Transaction, poller: str) -> None:
    """The poller is gone for good."""
    CHECKPOINTS.delete_all(tx, poller)
