"""What a poller is told: where to read, what to make of it, and whom to give it to."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from pileus.delivery.filters import Filters
from pileus.delivery.sources import TRIM_HORIZON, Reader
from pileus.store.transaction import Transaction

PAYLOAD_LIMIT_BYTES = 6_291_456
"""Source: Lambda developer guide, "Lambda quotas", "Invocation payload"."""
ENVELOPE_BYTES = 2048
"""Kept free of the payload for what surrounds the records; a window's state comes on top and is counted."""

OK = "OK"
NO_RECORDS = "No records processed"
FUNCTION_CALL_FAILED = "PROBLEM: Function call failed"
INTERNAL = "PROBLEM: internal Lambda error. Please contact Lambda customer support."


@dataclass(frozen=True, slots=True)
class Answer:
    """What the target made of a batch. `error`: the kind of a function error ("Unhandled"), None where it answered."""

    payload: bytes
    error: str | None
    executed_version: str
    request_id: str


class NotReached(Exception):
    """The target did not run: throttled, gone, or we failed. `problem` is told as the last result."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Target(Protocol):
    """Who gets the batches."""

    arn: str

    def timeout_ms(self) -> int:
        """How long it may take for a batch."""
        ...

    async def invoke(self, payload: bytes, started: Callable[[], None]) -> Answer:
        """Hand a batch over; `started` is called when it runs, after whatever it waited for. Raises NotReached."""
        ...

    def missing(self) -> str | None:
        """Why nothing should be read for it now ("PROBLEM: …"), or None."""
        ...

    def topic(self) -> str:
        """Notified when what `missing` says may have changed."""
        ...


@dataclass(frozen=True, slots=True)
class Discarded:
    """Records of a stream that were given up. `runs`: how often the target has run with them; `answer`: its last."""

    condition: str
    shard_id: str
    first_sequence_number: str
    last_sequence_number: str
    first_arrived_at_ms: int
    last_arrived_at_ms: int
    count: int
    runs: int
    answer: Answer | None
    payload: bytes


def records_event(encoded: list[bytes], more: dict[str, Any]) -> bytes:
    """{"Records": [...], …} as functions get it."""
    rest = orjson.dumps(more)[1:] if more else b"}"
    return b'{"Records":[' + b",".join(encoded) + (b"]," if more else b"]") + rest


EVERYTHING = Filters([], None)


def _keep_nothing(tx: Transaction, discarded: Discarded) -> None:
    pass


async def _tell_nobody(result: str) -> None:
    pass


@dataclass(frozen=True)
class Plan:
    """
    id                  the poller's, under which its checkpoints are kept
    window_ms           how long to gather; 0: what is there goes at once
    reports_failures    the target's answer names what failed (ReportBatchItemFailures)
    said                told the result of the last batch (LastProcessingResult)
    max_concurrency     queues: batches under way at once
    parallelization     streams: lanes a shard
    retries             streams: further attempts at a failing batch; None: until its records expire
    age_limit_ms        streams: older records are given up; None: never
    tumbling_ms         streams: length of the windows that a state is carried through; 0: none
    discarded           streams: called in the transaction that passes over what was given up
    """

    id: str
    source: Any
    reader: Reader
    target: Target
    batch_size: int
    window_ms: int = 0
    filters: Filters = EVERYTHING
    reports_failures: bool = False
    wrap: Callable[[list[bytes], dict[str, Any]], bytes] = records_event
    said: Callable[[str], Awaitable[None]] = _tell_nobody
    max_concurrency: int = 1000
    starting_position: str = TRIM_HORIZON
    starting_at_ms: int | None = None
    parallelization: int = 1
    bisects: bool = False
    retries: int | None = None
    age_limit_ms: int | None = None
    tumbling_ms: int = 0
    discarded: Callable[[Transaction, Discarded], None] = _keep_nothing


def encode(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event)
    except TypeError:  # lone surrogates: whatever a sender put into a text
        return json.dumps(event).encode()


def reported(answer: Answer) -> list[str] | None:
    """The itemIdentifiers of an answer's batchItemFailures; None where the whole batch has to count as failed.

    Source: Lambda developer guide, "Implementing partial batch responses", "Success and failure conditions".
    """
    if answer.error is not None:
        return None
    try:
        response = json.loads(answer.payload) if answer.payload else None
    except ValueError:
        return None
    if response is None:
        return []
    if not isinstance(response, dict):
        return None
    failures = response.get("batchItemFailures")
    if failures is None:
        return []
    if not isinstance(failures, list):
        return None
    identifiers = [each.get("itemIdentifier") if isinstance(each, dict) else None for each in failures]
    return identifiers if all(isinstance(each, str) and each for each in identifiers) else None
