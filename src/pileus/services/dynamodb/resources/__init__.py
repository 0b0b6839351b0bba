"""DynamoDB's CloudFormation types."""

from pileus.services.dynamodb.resources.table import Table

RESOURCE_TYPES = [Table]
