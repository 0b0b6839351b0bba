"""Pollers: read queues and streams, and hand what they read to a target (a function, a pipe) in batches.

What is asked: nothing lost, whoever is killed when; a crash repeats a batch at most; what has one key (a message group,
a partition key) is handed over in order; nothing turns in circles while nothing arrives.

**Queues** (`queues.py`) keep their own state: a received message is hidden until it is deleted or comes back. So a
queue's poller keeps nothing on disk; what it held when it was killed becomes visible again.

**Streams** (`streams.py`, `shards.py`, `lanes.py`) are read from a position that the poller keeps: a `Checkpoint` a
shard, written in one transaction with whatever else a finished batch brings (a window's state, the record of what was
given up). A shard's records are dealt to lanes by the hash of their key; each lane has one batch under way, in order,
and a checkpoint says how far each lane has come, so that a killed process repeats each lane's batch and no more. It
says too which batches have failed, how often and how they were split: after a restart they are the same and their runs
count. A batch that doesn't fail writes nothing for that.

**Resting.** A poller that has nothing to do rests (`resting.py`) until a notice of its source's topic, a change of its
own affairs, or a time by the one clock. All pollers of an owner are one Worker of the cloud: the cloud is quiet when
each of them rests and none has anything due, and whoever moves the clock stops where one of them is.

What is polled and how is a `Plan` (`plan.py`); a changed plan is a new poller, after the old one has ended: `stop`
waits for the batches under way, and what they achieved is kept.

Rejected: a request per poll at a fixed pace, as AWS does (idle mappings would cost, and a manual clock would have to
tick through them); long polls inside of ReceiveMessage (nobody could tell an idle one from a busy one).
"""

from pileus.delivery.pollers.plan import Answer, Discarded, NotReached, Plan, Target
from pileus.delivery.pollers.queues import QueuePoller
from pileus.delivery.pollers.resting import Pollers
from pileus.delivery.pollers.streams import StreamPoller

__all__ = [
    "Answer",
    "Discarded",
    "NotReached",
    "Plan",
    "Pollers",
    "QueuePoller",
    "StreamPoller",
    "Target",
    "poller_of",
]


def poller_of(pollers: Pollers, plan: Plan) -> QueuePoller | StreamPoller:
    """The poller that this kind of source needs."""
    return QueuePoller(pollers, plan) if plan.source.kind == "queue" else StreamPoller(pollers, plan)
