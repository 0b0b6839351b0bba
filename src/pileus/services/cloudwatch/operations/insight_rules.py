"""Contributor Insights rules: put, delete, describe, enable, disable.

All that are here are built-in rules of DynamoDB's: "You can't use the CloudWatch console or APIs to directly modify or
delete the rules created by CloudWatch Contributor Insights for DynamoDB" (DynamoDB developer guide); "You cannot
disable or enable built-in rules" (API reference, EnableInsightRules). Rules over log groups, which users make, are
not here yet.
"""

from itertools import islice

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.services.cloudwatch import definitions, errors, names
from pileus.services.cloudwatch.operations.tags import tags_in
from pileus.services.cloudwatch.state import insight_rules as state
from pileus.services.cloudwatch.state.records import RULES, InsightRule
from pileus.store.transaction import Transaction

DEFAULT_PAGE = 500

SCHEMA = '{"Name": "ServiceLogRule", "Version": 1}'
"""Of rules that AWS manages. Source: API reference, InsightRule."""

STATES = {"ENABLED": True, "DISABLED": False}


async def put_insight_rule(call: Call, request: dict) -> dict:
    """Make a rule, or change the one of that name, whose tags stay as they are.

    request  RuleState: ENABLED or DISABLED; a new rule is enabled where it says nothing
    errors   InvalidParameterValue, LimitExceededException
    source   API reference, PutInsightRule
    """
    name, text = request["RuleName"], request["RuleDefinition"]
    is_enabled = _is_enabled_in(request)
    definition = definitions.read(text)
    if names.is_of_dynamodb(name):
        if not names.is_asked_by_dynamodb(call):
            raise errors.InvalidParameterValue(_managed(name))
    elif definition.schema == definitions.OVER_LOG_GROUPS:
        raise NotImplementedByUs("cloudwatch:PutInsightRule of rules over log groups")
    else:
        raise errors.InvalidParameterValue(f"Schema.Name must be {definitions.OVER_LOG_GROUPS}.")
    tags = tags_in(call, request.get("Tags"))
    await call.write(state.put, names.rule_key(call, name), text, is_enabled=is_enabled, tags=tags)
    return {}


async def delete_insight_rules(call: Call, request: dict) -> dict:
    """Delete rules and what they counted; DynamoDB's can only be deleted by DynamoDB.

    returns  Failures: the rules that could not be deleted, the others are
    source   API reference, DeleteInsightRules
    """
    return await call.write(_delete, call, list(dict.fromkeys(request["RuleNames"])))


def _delete(tx: Transaction, call: Call, rule_names: list[str]) -> dict:
    by_dynamodb = names.is_asked_by_dynamodb(call)
    failures = _failures(tx, call, rule_names, may_change=by_dynamodb)
    failed = {failure["FailureResource"] for failure in failures}
    state.delete(tx, [names.rule_key(call, name) for name in rule_names if name not in failed])
    return {"Failures": failures}


async def describe_insight_rules(call: Call, request: dict) -> dict:
    """The account's rules by name, up to MaxResults (500).

    errors   InvalidNextToken
    source   API reference, DescribeInsightRules
    """
    limit, after = request.get("MaxResults", DEFAULT_PAGE), _after(request.get("NextToken"))
    found = await call.read(lambda tx: list(islice(state.find(tx, call.account, call.region, after=after), limit + 1)))
    result: dict = {"InsightRules": [_rule_out(rule) for rule in found[:limit]]}
    if len(found) > limit:
        result["NextToken"] = token_out("DescribeInsightRules", found[limit - 1].name)
    return result


async def enable_insight_rules(call: Call, request: dict) -> dict:
    """All fail: built-in rules can't be enabled. Source: API reference, EnableInsightRules"""
    return await _unchanged(call, request)


async def disable_insight_rules(call: Call, request: dict) -> dict:
    """All fail: built-in rules can't be disabled. Source: API reference, DisableInsightRules"""
    return await _unchanged(call, request)


async def _unchanged(call: Call, request: dict) -> dict:
    rule_names = list(dict.fromkeys(request["RuleNames"]))
    return {"Failures": await call.read(_failures, call, rule_names, may_change=False)}


def _failures(tx: Transaction, call: Call, rule_names: list[str], *, may_change: bool) -> list[dict]:
    """Why nothing happens to those of the rules to which nothing does."""
    failures = []
    for name in rule_names:
        if not RULES.has(tx, *names.rule_key(call, name)):
            text = f"The insight rule {name} does not exist."
            failures.append(_failure(name, "ResourceNotFoundException", "ResourceNotFoundException", text))
        elif not may_change:
            kind, code = "InvalidParameterValueException", "InvalidParameterValue"
            failures.append(_failure(name, kind, code, _managed(name)))
    return failures


def _failure(name: str, kind: str, code: str, text: str) -> dict:
    return {"FailureResource": name, "ExceptionType": kind, "FailureCode": code, "FailureDescription": text}


def _managed(name: str) -> str:
    return f"The insight rule {name} is a built-in rule, which the service that made it alone may change."


def _is_enabled_in(request: dict) -> bool | None:
    if "RuleState" not in request:
        return None
    if request["RuleState"] not in STATES:
        raise errors.InvalidParameterValue("The value for parameter RuleState must be ENABLED or DISABLED.")
    return STATES[request["RuleState"]]


def _after(token: str | None) -> str:
    if token is None:
        return ""
    try:
        name = token_in("DescribeInsightRules", token)
    except InvalidToken as error:
        raise errors.InvalidNextToken() from error
    if not isinstance(name, str):
        raise errors.InvalidNextToken()
    return name


def _rule_out(rule: InsightRule) -> dict:
    return {
        "Name": rule.name,
        "State": "ENABLED" if rule.is_enabled else "DISABLED",
        "Schema": SCHEMA,
        "Definition": rule.definition,
        "ManagedRule": True,
    }
