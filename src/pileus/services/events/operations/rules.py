"""Rules: put, describe, list, enable, disable, delete."""

from pileus.delivery.patterns import InvalidPattern, compile
from pileus.kernel.call import Call
from pileus.services.events import errors, names
from pileus.services.events.operations.paging import page
from pileus.services.events.operations.tags import tags_in
from pileus.services.events.roles import require_own_role
from pileus.services.events.state import rules as state
from pileus.services.events.state.tables import DISABLED, ENABLED, Rule, require_rule
from pileus.timers.schedules import InvalidSchedule, parse


async def put_rule(call: Call, request: dict) -> dict:
    """Make a rule, or replace the one of that name: what the request doesn't name is gone. Targets and tags stay.

    errors   InvalidEventPatternException, ResourceNotFoundException, LimitExceededException, ManagedRuleException,
             ValidationException
    source   API reference, PutRule
    """
    key = names.rule_of(call, request)
    pattern, schedule = request.get("EventPattern"), request.get("ScheduleExpression")
    if not pattern and not schedule:
        raise errors.ValidationException("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern:
        check_pattern(pattern)
    if schedule:
        _check_schedule(key.bus, schedule)
    require_own_role(call, request.get("RoleArn"))
    rule = Rule(
        *key.bus,
        key.name,
        call.account,
        pattern=pattern or None,
        schedule=schedule or None,
        state=request.get("State", ENABLED),
        description=request.get("Description"),
        role_arn=request.get("RoleArn"),
        managed_by=asking_service(call),
        tags=tags_in(call, request.get("Tags")),
    )
    await call.write(state.put, rule)
    return {"RuleArn": key.arn}


async def describe_rule(call: Call, request: dict) -> dict:
    """Source: API reference, DescribeRule"""
    rule = await call.read(require_rule, names.rule_of(call, request))
    return {**_rule_out(rule), "CreatedBy": rule.created_by}


async def list_rules(call: Call, request: dict) -> dict:
    """A bus's rules by name, up to Limit (100), without their targets. Source: API reference, ListRules"""
    bus = names.bus_of(call, request.get("EventBusName"))
    prefix = request.get("NamePrefix") or ""
    found, more = await page(call, request, state.named, bus, prefix=prefix, name_of=lambda rule: rule.name)
    return {"Rules": [_rule_out(rule) for rule in found], **more}


async def enable_rule(call: Call, request: dict) -> dict:
    """Source: API reference, EnableRule"""
    await call.write(state.set_state, names.rule_of(call, request), ENABLED, by=asking_service(call))
    return {}


async def disable_rule(call: Call, request: dict) -> dict:
    """A disabled rule matches nothing and is never due. Source: API reference, DisableRule"""
    await call.write(state.set_state, names.rule_of(call, request), DISABLED, by=asking_service(call))
    return {}


async def delete_rule(call: Call, request: dict) -> dict:
    """Delete a rule that has no targets. Source: API reference, DeleteRule"""
    force = bool(request.get("Force"))
    await call.write(state.delete, names.rule_of(call, request), force=force, by=asking_service(call))
    return {}


def check_pattern(text: str) -> None:
    """Raises InvalidEventPatternException."""
    try:
        compile(text)
    except InvalidPattern as error:
        raise errors.InvalidEventPatternException(str(error)) from None


def asking_service(call: Call) -> str:
    """The service that calls on its own behalf, "" where a user does. Rules that services make are managed by them."""
    return call.principal.service


def _check_schedule(bus: names.BusKey, schedule: str) -> None:
    if bus.name != names.DEFAULT:
        raise errors.ValidationException("ScheduleExpression is supported only on the default event bus.")
    try:
        parse(schedule)
    except InvalidSchedule:
        raise errors.ValidationException("Parameter ScheduleExpression is not valid.") from None


def _rule_out(rule: Rule) -> dict:
    optional = {
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "Description": rule.description,
        "RoleArn": rule.role_arn,
        "ManagedBy": rule.managed_by,
    }
    out = {"Name": rule.name, "Arn": rule.key.arn, "State": rule.state, "EventBusName": rule.bus}
    return out | {name: value for name, value in optional.items() if value}
