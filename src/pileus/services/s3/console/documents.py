"""Configurations as JSON, in the API's members, as the AWS CLI reads and writes them."""

from datetime import UTC, datetime
from typing import Any

import orjson

from pileus.kernel.errors import ValidationException

DEEPEST = 10
"""Levels; no configuration of S3's has as many."""

# The names of all members in a kind of configuration.
CORS = "CORSRules ID AllowedHeaders AllowedMethods AllowedOrigins ExposeHeaders MaxAgeSeconds"
LIFECYCLE = """
Rules ID Status Prefix Filter And Tag Tags Key Value ObjectSizeGreaterThan ObjectSizeLessThan
Expiration Date Days ExpiredObjectDeleteMarker Transitions StorageClass
NoncurrentVersionExpiration NoncurrentVersionTransitions NoncurrentDays NewerNoncurrentVersions
AbortIncompleteMultipartUpload DaysAfterInitiation
"""
NOTIFICATIONS = """
QueueConfigurations QueueArn TopicConfigurations TopicArn LambdaFunctionConfigurations LambdaFunctionArn
EventBridgeConfiguration Id Events Filter Key FilterRules Name Value
"""


def read(text: str, members: str) -> dict:
    """A configuration that has these members only: a misspelt filter would filter nothing. Raises ValidationException."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValidationException(f"That is no JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ValidationException("A configuration is an object: {…}.")
    return _checked(value, frozenset(members.split()), DEEPEST)


def _checked(value: Any, members: frozenset[str], levels: int) -> Any:
    """Without what is null; dates as operations take them."""
    if not levels:
        raise ValidationException("That is too deep for a configuration.")
    if isinstance(value, list):
        return [_checked(each, members, levels - 1) for each in value if each is not None]
    if not isinstance(value, dict):
        return value
    strange = sorted(value.keys() - members)
    if strange:
        raise ValidationException(f"There is no member {strange[0]} in it.")
    return {
        name: _date(each) if name == "Date" else _checked(each, members, levels - 1)
        for name, each in value.items()
        if each is not None
    }


def _date(text: Any) -> datetime:
    try:
        date = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise ValidationException("Write a Date as 2026-01-31T00:00:00Z.") from error
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
