"""DynamoDB Streams speaks as DynamoDB does."""

from .dynamodb import OVERLAY

__all__ = ["OVERLAY"]
