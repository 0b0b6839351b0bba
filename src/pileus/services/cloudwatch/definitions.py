"""Rules' definitions, which are JSON.

Source: CloudWatch user guide, "Contributor Insights rule syntax".
"""

from typing import Any

import msgspec
import orjson

from pileus.services.cloudwatch.errors import InvalidParameterValue

OVER_LOG_GROUPS = "CloudWatchLogRule"
"""Schema.Name of the rules that users make."""

KEYS_MAX = 4
AGGREGATES = ("Count", "Sum")


class Definition(msgspec.Struct, frozen=True):
    """
    schema      Schema.Name
    keys        of Contribution, as written: "$.PartitionKey"
    aggregates  "Count" or "Sum"
    """

    schema: str
    keys: tuple[str, ...]
    aggregates: str

    @property
    def key_labels(self) -> list[str]:
        """As a report names them. Source: AWS CLI command reference, get-insight-rule-report (the example)"""
        return [key.removeprefix("$.") for key in self.keys]


def read(text: str) -> Definition:
    """raises InvalidParameterValue"""
    document = _loaded(text)
    match document:
        case {
            "Schema": {"Name": str(schema), "Version": 1},
            "Contribution": {"Keys": [*keys], **contribution},
            "AggregateOn": str(aggregates),
        }:
            pass
        case _:
            raise _invalid("Schema, Contribution with its Keys, and AggregateOn are required.")
    if not 1 <= len(keys) <= KEYS_MAX or not all(isinstance(key, str) and key for key in keys):
        raise _invalid(f"Keys must be 1 to {KEYS_MAX} fields.")
    if aggregates not in AGGREGATES:
        raise _invalid("AggregateOn must be Count or Sum.")
    if (aggregates == "Sum") != isinstance(contribution.get("ValueOf"), str):
        raise _invalid("ValueOf must be a field where AggregateOn is Sum, and is not allowed otherwise.")
    return Definition(schema, tuple(keys), aggregates)


def log_groups(text: str) -> list[str]:
    """The log groups that a definition names, be it otherwise sound or not: what policies are asked about."""
    try:
        document = _loaded(text)
    except InvalidParameterValue:
        return []  # the operation says so
    named = [document.get("LogGroupNames"), document.get("LogGroupARNs")]
    return [group for groups in named if isinstance(groups, list) for group in groups if isinstance(group, str)]


def _loaded(text: str) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _invalid("It is not valid JSON.") from None
    if not isinstance(document, dict):
        raise _invalid("It must be a JSON object.")
    return document


def _invalid(reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"The value for parameter RuleDefinition is invalid. {reason}")
