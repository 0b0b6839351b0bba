"""Events and timers: the executor's work, the preparation of change sets."""

import logging
from typing import Any

from pileus.kernel.errors import AwsError
from pileus.services.cloudformation import state
from pileus.services.cloudformation.engine import NAME, Engine, engine_of
from pileus.stacks import ledger, letters
from pileus.stacks.intrinsics import Pseudo
from pileus.stacks.plan import make_plan
from pileus.stacks.prepare import Asked, before_of, prepare
from pileus.stacks.records import Blueprint, Stack
from pileus.stacks.work import draw, pseudo_of
from pileus.store.events import Event
from pileus.store.transaction import Transaction

log = logging.getLogger("pileus.cloudformation")

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
NO_UPDATES = "No updates are to be performed."

ATTEMPTS = 3
"""A mistake of ours in preparing must not keep a tool waiting for ever."""


async def start(cloud: Any) -> None:
    cloud.engines[NAME] = Engine(cloud)


async def stop(cloud: Any) -> None:
    await engine_of(cloud).stop()


async def work(cloud: Any, event: Event) -> None:
    await engine_of(cloud).executor.work(event.payload["stack"])


async def prepare_change_set(cloud: Any, event: Event) -> None:
    """Bring a change set to CREATE_COMPLETE or FAILED."""
    change_set_id = event.payload["change_set"]
    change_set = await cloud.store.write(state.change_set_in_progress, change_set_id)
    if change_set is None:
        return
    if event.attempts >= ATTEMPTS:
        await cloud.store.write(state.change_set_failed, change_set_id, "Internal Failure")
        return
    try:
        blueprint, changes, empty = await _prepared(cloud, change_set)
    except AwsError as error:
        await cloud.store.write(state.change_set_failed, change_set_id, error.message)
        return
    if empty:
        await cloud.store.write(state.change_set_failed, change_set_id, empty, blueprint)
    else:
        await cloud.store.write(state.change_set_ready, change_set_id, blueprint, changes)


async def _prepared(cloud: Any, change_set: state.ChangeSet) -> tuple[Blueprint, list[dict], str]:
    """The blueprint, the changes as DescribeChangeSet shows them, and why there is nothing to do ("" if there is)."""
    engine = engine_of(cloud)
    call = cloud.call(
        "cloudformation",
        "CreateChangeSet",
        principal=change_set.actor,
        account=change_set.account,
        region=change_set.region,
    )
    stack, previous, rows = await call.read(_as_it_is, change_set.stack_id)
    world = await engine.world(call)
    asked = Asked(
        change_set.template,
        change_set.from_s3,
        change_set.given,
        previous,
        change_set.tags,
        change_set.capabilities,
        change_set.resource_types,
        needs_auto_expand=False,
    )
    pseudo: Pseudo = pseudo_of(stack)
    blueprint = await prepare(asked, pseudo, world, cloud.ids.uuid())
    drawn = draw(blueprint, pseudo, world.exports)
    plan = make_plan(before_of(stack, previous, rows), drawn.template, drawn.scope, engine.types(), tags=blueprint.tags)
    empty = ""
    if plan.is_empty and change_set.kind == "UPDATE":
        empty = NO_CHANGES if not blueprint.had_transforms else NO_UPDATES
    return blueprint, plan.shown(), empty


def _as_it_is(tx: Transaction, stack_id: str) -> tuple[Stack, Blueprint | None, dict]:
    stack = ledger.stack_by_id(tx, stack_id)
    if stack is None:
        raise state.errors.StackDoesNotExist(stack_id)
    rows = {row.logical_id: row for row in state.resources_of(tx, stack)}
    return stack, ledger.blueprint_of(tx, stack), rows


def forget(tx: Transaction, stack_id: str) -> None:
    letters.drop_all(tx, stack_id)
    ledger.forget(tx, stack_id)


EVENTS = {ledger.WORK: work, state.PREPARE: prepare_change_set}
TIMERS = {ledger.WAKE: ledger.wake, ledger.DEADLINE: ledger.pass_deadline, ledger.FORGET: forget}
