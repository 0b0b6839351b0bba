"""Rules' ARNs, the names that belong to DynamoDB, and who DynamoDB is.

Source: DynamoDB developer guide, "CloudWatch contributor insights for DynamoDB: How it works" (names) and "Using IAM
with CloudWatch contributor insights for DynamoDB" (the service-linked role).
"""

import re

from pileus.authn.linked_roles import DYNAMODB_INSIGHTS
from pileus.kernel.arn import parse_arn
from pileus.kernel.call import Call
from pileus.services.cloudwatch.errors import InvalidParameterValue

RuleKey = tuple[str, str, str]
"""Account, region, name."""

_OF_DYNAMODB = re.compile(r"DynamoDBContributorInsights-(PKC|SKC|PKT|SKT)-.+-\d+")
_PREFIX = "insight-rule/"


def rule_arn(call: Call, name: str) -> str:
    return call.arn("cloudwatch", f"{_PREFIX}{name}")


def rule_key(call: Call, name: str) -> RuleKey:
    return call.account, call.region, name


def rule_of_arn(text: str) -> RuleKey | None:
    arn = parse_arn(text)
    if arn is None or arn.service != "cloudwatch" or not arn.resource.startswith(_PREFIX):
        return None
    return arn.account, arn.region, arn.resource.removeprefix(_PREFIX)


def own_rule(call: Call, text: str) -> RuleKey:
    """The key in a ResourceARN. raises InvalidParameterValue where it names no rule of this account and region"""
    key = rule_of_arn(text)
    if key is None or key[:2] != (call.account, call.region) or not key[2]:
        raise InvalidParameterValue(f"The value {text} for parameter ResourceARN is invalid.")
    return key


def is_of_dynamodb(name: str) -> bool:
    """Whether a rule of this name is DynamoDB's to make and delete, and nobody else's."""
    return _OF_DYNAMODB.fullmatch(name) is not None


def is_asked_by_dynamodb(call: Call) -> bool:
    """Whether DynamoDB asks, as its service-linked role and within the cloud. A role that a user gave the same name is
    used from outside."""
    return not call.is_from_outside and DYNAMODB_INSIGHTS.is_acting(call.principal)
