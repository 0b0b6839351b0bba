"""CloudFormation types of S3."""

RESOURCE_TYPES: list = []
