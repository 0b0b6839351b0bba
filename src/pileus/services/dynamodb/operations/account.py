"""Limits and endpoints."""

from pileus.kernel.call import Call

ACCOUNT_UNITS, TABLE_UNITS = 80_000, 40_000
"""Read and write units, alike. Source: developer guide, "Quotas in Amazon DynamoDB", "Default quotas"."""
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
    """The quotas of provisioned capacity that a new account has. Pileus refuses no capacity above them.

    source   DynamoDB API reference, DescribeLimits
    """
    return {
        "AccountMaxReadCapacityUnits": ACCOUNT_UNITS,
        "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS,
        "TableMaxReadCapacityUnits": TABLE_UNITS,
        "TableMaxWriteCapacityUnits": TABLE_UNITS,
    }
