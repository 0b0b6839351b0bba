"""What each operation touches.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB".
"""

from pileus.kernel.call import Call
from pileus.services.dynamodb.addresses import of_name


def on_table(call: Call, request: dict) -> list[str]:
    return [of_name(call, request["TableName"]).arn]


RESOURCES = {}
