"""DynamoDB Streams prefixes its error types as DynamoDB does, and gives out the same attribute values."""

from . import Overlay
from .dynamodb import OVERLAY as DYNAMODB

OVERLAY = Overlay(error_namespace=DYNAMODB.error_namespace, opaque=DYNAMODB.opaque)
