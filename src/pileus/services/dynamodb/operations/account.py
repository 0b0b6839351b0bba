"""Limits and endpoints."""

from pileus.kernel.call import Call
from pileus.services.dynamodb.state.records import ACCOUNT_UNITS_MAX, TABLE_UNITS_MAX

CACHED_MINUTES = 1440


async def describe_endpoints(call: Call, request: dict) -> dict:
    """Where this region's DynamoDB is: here.

    source   DynamoDB API reference, DescribeEndpoints
    """
    address = call.endpoint.partition("://")[2] or call.endpoint
    if call.http is not None and call.http.host:
        address = call.http.host
    return {"Endpoints": [{"Address": address, "CachePeriodInMinutes": CACHED_MINUTES}]}


async def describe_limits(call: Call, request: dict) -> dict:
    """The quotas of provisioned capacity that a new account has.

    source   DynamoDB API reference, DescribeLimits
    """
    return {
        "AccountMaxReadCapacityUnits": ACCOUNT_UNITS_MAX,
        "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS_MAX,
        "TableMaxReadCapacityUnits": TABLE_UNITS_MAX,
        "TableMaxWriteCapacityUnits": TABLE_UNITS_MAX,
    }
