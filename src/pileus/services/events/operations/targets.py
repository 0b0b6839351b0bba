"""Targets of rules: put, remove, list."""

from collections.abc import Iterator
from itertools import islice

from pileus.kernel.call import Call
from pileus.services.events import names, target_kinds
from pileus.services.events.operations.paging import page
from pileus.services.events.operations.rules import asking_service
from pileus.services.events.roles import require_own_role
from pileus.services.events.state import rules as state
from pileus.services.events.state.tables import Rule, require_rule
from pileus.store.transaction import Transaction


async def put_targets(call: Call, request: dict) -> dict:
    """Add targets to a rule, or replace those of the same Ids; all of them or, with an error, none.

    errors   ResourceNotFoundException, LimitExceededException, ManagedRuleException, ValidationException
    source   API reference, PutTargets
    """
    key = names.rule_of(call, request, "Rule")
    await call.read(require_rule, key)
    for target in request["Targets"]:
        require_own_role(call, target.get("RoleArn"))
        await target_kinds.check(call, key, target)
    given = [_without_nothing(target) for target in request["Targets"]]
    await call.write(state.put_targets, key, given, by=asking_service(call))
    return {"FailedEntryCount": 0, "FailedEntries": []}


async def remove_targets(call: Call, request: dict) -> dict:
    """Remove targets by their Ids. Source: API reference, RemoveTargets"""
    key, ids = names.rule_of(call, request, "Rule"), request["Ids"]
    force = bool(request.get("Force"))
    unknown = await call.write(state.remove_targets, key, ids, force=force, by=asking_service(call))
    failed = [
        {
            "TargetId": each,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Rule {key.name} does not have target {each}.",
        }
        for each in unknown
    ]
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


async def list_targets_by_rule(call: Call, request: dict) -> dict:
    """Source: API reference, ListTargetsByRule"""
    key = names.rule_of(call, request, "Rule")
    found, more = await page(call, request, _targets_of, key, name_of=lambda target: target["Id"])
    return {"Targets": found, **more}


async def list_rule_names_by_target(call: Call, request: dict) -> dict:
    """The names of a bus's rules that have the target. Source: API reference, ListRuleNamesByTarget"""
    bus = names.bus_of(call, request.get("EventBusName"))
    found, more = await page(call, request, _with_target, bus, request["TargetArn"], name_of=lambda rule: rule.name)
    return {"RuleNames": [rule.name for rule in found], **more}


def _targets_of(tx: Transaction, key: names.RuleKey, *, after: str) -> Iterator[dict]:
    targets_ = require_rule(tx, key).targets
    at = next((at for at, target in enumerate(targets_, 1) if target["Id"] == after), 0)
    return islice(targets_, at, None)


def _with_target(tx: Transaction, bus: names.BusKey, target_arn: str, *, after: str) -> Iterator[Rule]:
    for rule in state.named(tx, bus, after=after):
        if any(target["Arn"] == target_arn for target in rule.targets):
            yield rule


def _without_nothing(target: dict) -> dict:
    """Without members that were sent as null."""
    return {name: value for name, value in target.items() if value is not None}
