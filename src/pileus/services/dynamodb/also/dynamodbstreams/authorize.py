"""What each operation of DynamoDB Streams touches.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB".
"""

from pileus.kernel.call import Call

IAM_PREFIX = "dynamodb"


def on_any_stream(call: Call, request: dict) -> list[str]:
    return [call.arn("dynamodb", "table/*/stream/*")]


RESOURCES = {
    "ListStreams": on_any_stream,
}
