"""Global tables of the version 2017.11.29, of which AWS makes none any more: what it answers since.

Source: API reference, CreateGlobalTable and the others; developer guide, "Global tables version 2017.11.29 (Legacy)". The
texts, and that tables of the version 2019.11.21 are none of these, were recorded on AWS in October 2026.
"""

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.errors import GlobalTableNotFoundException, invalid

NOT_MADE = (
    "DynamoDB global tables version 2017.11.29 is not supported. We recommend using DynamoDB global tables version "
    "2019.11.21, instead of version 2017.11.29 (Legacy)."
)


async def create_global_table(call: Call, request: dict) -> dict:
    """Refuse to make one.

    errors   ValidationException
    source   DynamoDB API reference, CreateGlobalTable
    """
    raise invalid(NOT_MADE)


async def describe_global_table(call: Call, request: dict) -> dict:
    """There is none. Source: DynamoDB API reference, DescribeGlobalTable"""
    raise GlobalTableNotFoundException(f"Global table not found: {_missing(request)}")


async def describe_global_table_settings(call: Call, request: dict) -> dict:
    """There is none. Source: DynamoDB API reference, DescribeGlobalTableSettings"""
    raise GlobalTableNotFoundException(_missing(request))


async def list_global_tables(call: Call, request: dict) -> dict:
    """None. Source: DynamoDB API reference, ListGlobalTables"""
    return {"GlobalTables": []}


async def update_global_table(call: Call, request: dict) -> dict:
    """There is none to be changed, and a replica could not be added.

    errors   GlobalTableNotFoundException, ValidationException
    source   DynamoDB API reference, UpdateGlobalTable
    """
    updates = request["ReplicaUpdates"]
    if not updates:
        raise ValidationException("One or more parameter values were invalid")
    if any(update.get("Create") is not None for update in updates):
        raise invalid(NOT_MADE)
    raise GlobalTableNotFoundException(_missing(request))


async def update_global_table_settings(call: Call, request: dict) -> dict:
    """There is none. Source: DynamoDB API reference, UpdateGlobalTableSettings"""
    raise GlobalTableNotFoundException(_missing(request))


def _missing(request: dict) -> str:
    return f"Global table with name: '{request['GlobalTableName']}' does not exist."
