"""Time to live."""

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import of_name
from pileus.services.dynamodb.state import replica_settings, tables


async def describe_time_to_live(call: Call, request: dict) -> dict:
    """Whether items of a table expire, and by which attribute.

    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, DescribeTimeToLive; the text is that of recorded answers
    """
    table = await call.read(tables.named, of_name(call, request["TableName"]))
    if table.status in ("CREATING", "DELETING"):
        raise ValidationException(
            f"Cannot describe time to live while table is in {table.status} state: Current table state is "
            f"{table.status}"
        )
    if table.ttl is None or not table.ttl.is_enabled:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    return {"TimeToLiveDescription": {"TimeToLiveStatus": table.ttl.status, "AttributeName": table.ttl.attribute}}


async def update_time_to_live(call: Call, request: dict) -> dict:
    """Let items expire by an attribute, or no longer. At once, where AWS takes up to an hour; not twice in one.

    errors   ResourceInUseException, ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, UpdateTimeToLive
    """
    asked = request["TimeToLiveSpecification"]
    await call.write(
        replica_settings.set_ttl, of_name(call, request["TableName"]), asked["AttributeName"], asked["Enabled"]
    )
    return {"TimeToLiveSpecification": {"Enabled": asked["Enabled"], "AttributeName": asked["AttributeName"]}}
