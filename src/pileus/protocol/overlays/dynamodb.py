"""DynamoDB prefixes its error types, and reads attribute values itself: each is walked once, and few are looked into.

Source: DynamoDB developer guide, "Error handling", "Error components".
"""

from . import Overlay

OVERLAY = Overlay(
    error_namespace="com.amazonaws.dynamodb.v20120810",
    opaque=frozenset({"AttributeValue"}),
)
