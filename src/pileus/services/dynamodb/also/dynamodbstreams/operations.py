"""The operations of DynamoDB Streams."""

from pileus.kernel.call import Call
from pileus.services.dynamodb.state import streams


async def list_streams(call: Call, request: dict) -> dict:
    """The streams of a table, or of all tables of the account in this region.

    source  DynamoDB Streams API reference, ListStreams
    """
    found = await call.read(streams.listed, call.account, call.region, request.get("TableName") or "")
    return {"Streams": found}
