"""What each operation touches.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch"; user guide,
"Using condition keys to limit Contributor Insights users' access to log groups"; API reference, PutInsightRule (Tags).
"""

from collections.abc import Callable, Iterable

from pileus.kernel.call import Call
from pileus.kernel.service import Touch
from pileus.kernel.tags import from_list
from pileus.services.cloudwatch import definitions, names
from pileus.services.cloudwatch.state.records import RULES
from pileus.store.transaction import Transaction


def _put_rule(call: Call, request: dict) -> list[Touch]:
    arn, tags = names.rule_arn(call, request["RuleName"]), from_list(request.get("Tags"))
    groups = definitions.log_groups(request["RuleDefinition"])
    touched = [
        Touch("cloudwatch:PutInsightRule", arn, {"cloudwatch:requestInsightRuleLogGroups": groups}, request_tags=tags)
    ]
    return [*touched, Touch("cloudwatch:TagResource", arn, request_tags=tags)] if tags else touched


def _anything(call: Call, request: dict) -> list[str]:
    return ["*"]


def _rules(call: Call, request: dict) -> list[str]:
    return [names.rule_arn(call, name) for name in request["RuleNames"]]


def _rule(call: Call, request: dict) -> list[str]:
    return [names.rule_arn(call, request["RuleName"])]


def _tags(call: Call, request: dict) -> list[Touch]:
    tags = from_list(request.get("Tags")) or dict.fromkeys(request.get("TagKeys") or (), "")
    return [Touch(f"cloudwatch:{call.operation}", request["ResourceARN"], request_tags=tags)]


RESOURCES: dict[str, Callable[[Call, dict], Iterable[str | Touch]]] = {
    "DeleteInsightRules": _rules,
    "DescribeInsightRules": _anything,
    "DisableInsightRules": _rules,
    "EnableInsightRules": _rules,
    "GetInsightRuleReport": _rule,
    "ListTagsForResource": _tags,
    "PutInsightRule": _put_rule,
    "TagResource": _tags,
    "UntagResource": _tags,
}


def resource_tags(tx: Transaction, call: Call, arn: str) -> dict[str, str] | None:
    key = names.rule_of_arn(arn)
    rule = None if key is None else RULES.get(tx, *key)
    return None if rule is None else rule.tags
