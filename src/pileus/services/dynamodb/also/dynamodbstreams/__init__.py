"""DynamoDB Streams: the streams of DynamoDB's tables, whose state is in the folder above."""

from pileus.kernel.service import Service
from pileus.services.dynamodb.also.dynamodbstreams import authorize, operations

SERVICE = Service(name="dynamodbstreams", operations=operations, authorize=authorize)
