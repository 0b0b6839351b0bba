"""DynamoDB's CloudFormation types."""

from pileus.services.dynamodb.resources.global_table import GlobalTable
from pileus.services.dynamodb.resources.table import Table

RESOURCE_TYPES = [GlobalTable, Table]
