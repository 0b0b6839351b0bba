"""DynamoDB prefixes its error types. Source: DynamoDB developer guide, "Error handling", "Error components"."""

from . import Overlay

OVERLAY = Overlay(error_namespace="com.amazonaws.dynamodb.v20120810")
