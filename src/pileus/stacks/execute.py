"""The executor: brings stacks to where their operations want them.

Everything it knows is in rows (records.py). An operation's phase walks a graph of resources: what can begin begins, many
at once; each step writes down its own beginning and end (steps.py). When a phase is over, one transaction turns to the
next or ends the operation. The outbox's event `cloudformation.work` brings it to a stack and is done when the stack is at
rest, or has only steps that wait: then a timer, or what they wait for, sends the next event. So a kill at any moment
leaves either the event or the timer, and the next start goes on from the rows.

One stack is worked on by one task at a time; an event for a stack that is being worked on makes it look again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pileus.kernel.errors import AwsError
from pileus.stacks import ledger, steps
from pileus.stacks.graph import Graph
from pileus.stacks.outputs import evaluate_outputs
from pileus.stacks.records import CLEAN, DELETED, LEFTOVERS, MAKE, OPERATIONS, REMOVE, UNDO, Leftover
from pileus.stacks.resource import ResourceTypes, StillWaiting
from pileus.stacks.work import Work, load_work
from pileus.store.transaction import Transaction

log = logging.getLogger("pileus.stacks")

STEPS_AT_ONCE = 16
"""Of one stack."""


@dataclass
class Walked:
    """How a walk ended. `parked_until_ms`: steps wait, and nothing else can be done meanwhile."""

    has_failed: bool = False
    parked_until_ms: int | None = None


@dataclass
class Turn:
    """Of one task that works on a stack: set `again` to have it look at its parked steps and its rows again."""

    again: asyncio.Event = field(default_factory=asyncio.Event)


class Executor:
    """`types` gives all resource types there are; it is asked when the first stack is worked on."""

    def __init__(self, cloud: Any, types: Callable[[], ResourceTypes]) -> None:
        self.cloud = cloud
        self._types = types
        self._turns: dict[str, Turn] = {}

    async def work(self, stack_id: str) -> None:
        """Do all that can be done on the stack now."""
        turn = self._turns.get(stack_id)
        if turn is not None:
            turn.again.set()
            return
        turn = self._turns[stack_id] = Turn()
        try:
            while True:
                turn.again.clear()
                await self._work(stack_id, turn)
                if not turn.again.is_set():
                    return
        finally:
            del self._turns[stack_id]

    async def _work(self, stack_id: str, turn: Turn) -> None:
        while True:
            try:
                work = await load_work(self.cloud, self._types(), stack_id)
            except AwsError as error:
                if error.is_fault and error.status != 501:
                    raise  # the store, say: the event comes again
                # The role can't be assumed: no step of this operation can be done.
                await self.cloud.store.write(_end_unworkable, stack_id, error.message)
                return
            if work is None:
                return
            walked = await PHASES[work.operation.phase](work, turn)
            if walked.parked_until_ms is not None:
                await self.cloud.store.write(ledger.park, stack_id, walked.parked_until_ms)
                return


# The phases


async def _make(work: Work, turn: Turn) -> Walked:
    graph = work.target.graph
    # Neither the request nor a change set is refused for this: the stack begins, and turns back before its first step.
    if missing := [name for name in work.target.blueprint.imports if name not in work.target.scope.exports]:
        return await _turn_back(work, f"No export named {missing[0]} found")
    walked = await _walk(work, turn, graph, steps.make)
    if walked.parked_until_ms is not None:
        return walked
    operation = work.operation = _current(work)
    if operation.ended_as:
        return Walked()
    if not walked.has_failed and not operation.turned_back:
        try:
            outputs = evaluate_outputs(work.target.template, work.scope)
            await work.write(ledger.finish_making, operation, outputs, list(graph.needs))
            return walked
        except AwsError as error:
            return await _turn_back(work, error.message)
    return await _turn_back(work, operation.turned_back or _failures(operation.failed))


async def _turn_back(work: Work, reason: str) -> Walked:
    """What was made is taken back, or left for the user to look at, as was asked."""
    operation = work.operation
    if operation.kind == "update":
        if operation.on_failure == "DO_NOTHING":
            await work.write(ledger.end, operation, "UPDATE_FAILED", reason)
        else:
            await work.write(ledger.turn, operation, UNDO, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
    elif operation.on_failure == "DO_NOTHING":
        await work.write(ledger.end, operation, "CREATE_FAILED", reason)
    else:
        status = "DELETE_IN_PROGRESS" if operation.on_failure == "DELETE" else "ROLLBACK_IN_PROGRESS"
        asked = "Delete" if operation.on_failure == "DELETE" else "Rollback"
        await work.write(ledger.turn, operation, REMOVE, status, f"{reason.rstrip(' .')}. {asked} requested by user.")
    return Walked()


async def _undo(work: Work, turn: Turn) -> Walked:
    touched = {
        name for name, row in work.rows.items() if row.touched_in == work.operation.id and row.before is not None
    }
    walked = await _walk(work, turn, work.previous.graph.only(touched & work.previous.graph.needs.keys()), steps.undo)
    if walked.parked_until_ms is not None:
        return walked
    operation = _current(work)
    if walked.has_failed:
        await work.write(ledger.end, operation, "UPDATE_ROLLBACK_FAILED", _failures(operation.failed))
    else:
        await work.write(ledger.finish_undoing, operation)
    return walked


async def _clean(work: Work, turn: Turn) -> Walked:
    status = "UPDATE_COMPLETE" if work.stack.status.startswith("UPDATE_COMPLETE") else "UPDATE_ROLLBACK_COMPLETE"
    # What a successful update left over stood in the old graph, what an undone one did in the new.
    graph = work.previous.graph if status == "UPDATE_COMPLETE" else work.target.graph
    walked = await _sweep(work, turn, graph)
    if walked.parked_until_ms is None:
        await work.write(ledger.end, _current(work), status)
    return walked


async def _remove(work: Work, turn: Turn) -> Walked:
    graph = work.target.graph if work.target is not None else Graph({})
    walked = await _sweep(work, turn, graph)
    if walked.parked_until_ms is not None:
        return walked
    named = graph.reversed().only(graph.needs.keys() & work.rows.keys())
    others = {name: frozenset() for name in work.rows if name not in graph.needs}
    walked = await _walk(work, turn, Graph({**others, **named.needs}), steps.remove)
    if walked.parked_until_ms is not None:
        return walked
    operation = _current(work)
    if operation.ended_as:
        return Walked()
    if operation.kind == "delete" or operation.on_failure == "DELETE":
        status = "DELETE_FAILED" if walked.has_failed else DELETED
    else:
        status = "ROLLBACK_FAILED" if walked.has_failed else "ROLLBACK_COMPLETE"
    await work.write(ledger.end, operation, status, _failures(operation.failed) if walked.has_failed else "")
    return walked


PHASES: dict[str, Callable[[Work, Turn], Awaitable[Walked]]] = {
    MAKE: _make,
    UNDO: _undo,
    CLEAN: _clean,
    REMOVE: _remove,
}


async def _sweep(work: Work, turn: Turn, graph: Graph) -> Walked:
    """Delete leftovers, users before what they use. Those of one name one after another."""
    while leftovers := await work.cloud.store.read(_leftovers, work.stack.id):
        first: dict[str, Leftover] = {}
        for leftover in leftovers:
            first.setdefault(leftover.logical_id, leftover)

        async def clean(work: Work, name: str, of: dict[str, Leftover] = first) -> None:
            await steps.clean(work, of[name])

        order = graph.reversed().only(first.keys() & graph.needs.keys()).needs
        others = {name: frozenset() for name in first if name not in graph.needs}
        walked = await _walk(work, turn, Graph({**others, **order}), clean)
        if walked.parked_until_ms is not None:
            return walked
    return Walked()


# Walking


async def _walk(work: Work, turn: Turn, graph: Graph, step: Callable[[Work, str], Awaitable[None]]) -> Walked:
    """Run `step` on every resource of the graph in its order, many at once.

    After a failure to make something nothing new begins: what runs is waited for, what waits is given up. On the way
    back everything is tried that does not need what failed.
    """
    is_making = work.operation.phase == MAKE
    done: set[str] = set()
    running: dict[asyncio.Task, str] = {}
    parked: dict[str, int] = {}
    unsure: set[asyncio.Task] = set()
    # In making, what failed before a restart is tried again, together with what was under way and may have been made.
    failed = set() if is_making else _current(work).failed.keys() & graph.needs.keys()
    while True:
        current = _current(work)
        if current.ended_as:
            parked.clear()  # a deletion took its place
        elif not is_making or (not failed and not current.turned_back):
            for name in graph.ready(done, {*running.values(), *parked, *failed}):
                if len(running) == STEPS_AT_ONCE:
                    break
                running[work.cloud.tasks.start(f"stacks.{work.operation.phase}", _outcome(step, work, name))] = name
        else:
            for name in parked:
                work.note(await work.write(steps.cancel_waiting, work.operation, name))
            parked.clear()
        if not running:
            break
        wake = asyncio.ensure_future(turn.again.wait())
        try:
            await asyncio.wait((*running, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wake.cancel()
        if turn.again.is_set():
            turn.again.clear()
            parked.clear()  # they look for themselves what has changed
            unsure.update(running)  # these may have looked before it changed: if they want to wait, they look again
        for task in [task for task in running if task.done()]:
            name = running.pop(task)
            outcome = task.result()
            if outcome is None:
                done.add(name)
            elif not isinstance(outcome, StillWaiting):
                failed.add(name)
            elif task not in unsure:
                parked[name] = outcome.until_ms
            unsure.discard(task)
    return Walked(bool(failed), min(parked.values()) if parked else None)


async def _outcome(step: Callable[[Work, str], Awaitable[None]], work: Work, name: str) -> Exception | None:
    try:
        await step(work, name)
    except (StillWaiting, steps.StepFailed) as outcome:
        return outcome
    return None


def _current(work: Work):
    """The operation's row as it is now: it may have been cancelled."""
    row, _ = work.cloud.store.look(OPERATIONS.get, work.stack.id, work.operation.id)
    return row


def _leftovers(tx: Transaction, stack_id: str) -> list[Leftover]:
    return list(LEFTOVERS.scan(tx, stack_id))


def _failures(failed: dict[str, str]) -> str:
    """ "The following resource(s) failed to create: [A, B]. " """
    parts = []
    for kind in ("create", "update", "delete"):
        names = [name for name, what in failed.items() if what == kind]
        if names:
            parts.append(f"The following resource(s) failed to {kind}: [{', '.join(names)}]. ")
    return "".join(parts)


def _end_unworkable(tx: Transaction, stack_id: str, reason: str) -> None:
    operation = ledger.operation_of(tx, stack_id)
    if operation is None:
        return
    status = {
        MAKE: "CREATE_FAILED" if operation.kind == "create" else "UPDATE_ROLLBACK_FAILED",
        REMOVE: "DELETE_FAILED" if operation.kind == "delete" else "ROLLBACK_FAILED",
    }.get(operation.phase, "UPDATE_ROLLBACK_FAILED")
    ledger.end(tx, operation, status, reason)
