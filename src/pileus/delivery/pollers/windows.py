"""A lane whose batches belong to tumbling windows, and carry a state from one to the next.

A window is so many seconds since the epoch, and a record is in that of its arrival. The state that a batch's answer
gives is what the next batch of the window is handed; at the window's end the target runs once more, without records,
with the last state, until it succeeds. A state of more than 1 MB ends the window early: it is handed over as the final
one, and what comes after in the same window begins with an empty one.

The state is kept with the checkpoint, so a killed process goes on with the state that belongs to its position.

Source: Lambda developer guide, "Implementing stateful … stream processing".
"""

import json
from typing import TYPE_CHECKING, Any

import orjson

from pileus.delivery.pollers.checkpoints import Failing
from pileus.delivery.pollers.lanes import Entry, Lane
from pileus.delivery.pollers.plan import (
    ENVELOPE_BYTES,
    FUNCTION_CALL_FAILED,
    OK,
    PAYLOAD_LIMIT_BYTES,
    Answer,
    NotReached,
)
from pileus.kernel.clock import FOREVER_MS, iso8601

if TYPE_CHECKING:
    from pileus.delivery.pollers.shards import ShardReader

STATE_LIMIT_BYTES = 1_048_576


class WindowedLane(Lane):
    """A shard has one: a state is a shard's."""

    def __init__(self, reader: "ShardReader", number: int, failing: tuple[Failing, ...] = ()) -> None:
        super().__init__(reader, number, failing)
        self._window_ms: int | None = None
        self._state = b"{}"
        self._is_final = False
        self._is_early = False

    def open(self, window_ms: int | None, state: bytes) -> None:
        """Go on where a checkpoint is."""
        self._window_ms, self._state = window_ms, state

    @property
    def is_empty(self) -> bool:
        return not self._queue and self._window_ms is None

    async def _step(self) -> int:
        now_ms = self._reader.clock.now_ms()
        if len(self._state) > STATE_LIMIT_BYTES:
            # Also of a state that a killed process left behind.
            await self._finish_window(early=True)
            return 0
        if self._window_ms is not None:
            ends_ms = self._window_ms + self._plan.tumbling_ms
            first_is_later = bool(self._queue) and self._window_of(self._queue[0]) != self._window_ms
            # Before the reader has caught up with the shard, there may be more of the window than is here.
            has_all = self._is_closing or (now_ms >= ends_ms and self._reader.has_caught_up)
            if first_is_later or (not self._queue and has_all):
                await self._finish_window()
                return 0
        else:
            ends_ms = FOREVER_MS
        if not self._queue:
            return ends_ms if now_ms < ends_ms else FOREVER_MS
        window_ms = self._window_of(self._queue[0])
        ready_ms = self._ready_ms()
        if self._again_first() is None:
            # A batch ends with its window, full or not.
            ready_ms = min(ready_ms, window_ms + self._plan.tumbling_ms)
        if now_ms < ready_ms:
            return ready_ms
        self._window_ms = window_ms
        most = next((at for at, each in enumerate(self._queue) if self._window_of(each) != window_ms), len(self._queue))
        await self._process(self._next_part(most, PAYLOAD_LIMIT_BYTES - ENVELOPE_BYTES - len(self._state)))
        return 0

    def _window_of(self, entry: Entry) -> int:
        return entry.arrived_at_ms - entry.arrived_at_ms % self._plan.tumbling_ms

    def _more(self) -> dict[str, Any]:
        assert self._window_ms is not None
        start, end = self._window_ms, self._window_ms + self._plan.tumbling_ms
        return {
            "window": {"start": _second(start), "end": _second(end)},
            "state": orjson.Fragment(self._state),
            "shardId": self._reader.shard_id,
            "eventSourceARN": self._plan.reader.arn,
            "isFinalInvokeForWindow": self._is_final,
            "isWindowTerminatedEarly": self._is_early,
        }

    def _failed_at(self, entries: list[Entry], answer: Answer) -> int:
        """An answer without a state is a failure."""
        return 0 if _state_in(answer) is None else super()._failed_at(entries, answer)

    async def _succeeded(self, entries: list[Entry], answer: Answer) -> None:
        state = _state_in(answer)
        assert state is not None
        await self._reader.done(entries, {"window_ms": self._window_ms, "window_state": state})
        self._state = state

    def _given_up(self) -> dict[str, Any]:
        return {"window_ms": self._window_ms, "window_state": self._state}

    async def _finish_window(self, *, early: bool = False) -> None:
        """The final run, as often as it takes."""
        self._is_final, self._is_early = True, early
        failures = 0
        while not self._is_ending:
            try:
                answer = await self._invoke([])
                is_reached, result = True, OK if answer.error is None else FUNCTION_CALL_FAILED
            except NotReached as error:
                is_reached, result = False, error.problem
            await self._reader.say(result)
            if result == OK:
                await self._reader.done([], {"window_ms": None, "window_state": b"{}"})
                self._window_ms, self._state = None, b"{}"
                break
            failures += 1
            if is_reached:
                await self._pause(failures)
            else:
                await self._wait_for_target(failures, FOREVER_MS)
        self._is_final = self._is_early = False


def _state_in(answer: Answer) -> bytes | None:
    """The state of an answer, as JSON."""
    if answer.error is not None:
        return None
    try:
        response = json.loads(answer.payload)
    except ValueError:
        return None
    if not isinstance(response, dict) or not isinstance(response.get("state"), dict):
        return None
    try:
        return orjson.dumps(response["state"])
    except TypeError:  # lone surrogates, or numbers that are too large for it
        return json.dumps(response["state"], separators=(",", ":")).encode()


def _second(at_ms: int) -> str:
    """2026-01-01T00:00:00Z"""
    return iso8601(at_ms)[:19] + "Z"
