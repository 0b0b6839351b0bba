"""What each operation of DynamoDB Streams touches.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB".
"""

from pileus.kernel.call import Call
from pileus.services.dynamodb.also.dynamodbstreams.operations import iterator_in
from pileus.services.dynamodb.authorize import resource_policy, resource_tags

IAM_PREFIX = "dynamodb"

__all__ = ["IAM_PREFIX", "RESOURCES", "resource_policy", "resource_tags"]


def on_stream(call: Call, request: dict) -> list[str]:
    return [request["StreamArn"]]


def on_iterator(call: Call, request: dict) -> list[str]:
    return [iterator_in(request["ShardIterator"])[0]]


def on_any_stream(call: Call, request: dict) -> list[str]:
    return ["*"]


RESOURCES = {
    "DescribeStream": on_stream,
    "GetRecords": on_iterator,
    "GetShardIterator": on_stream,
    "ListStreams": on_any_stream,
}
