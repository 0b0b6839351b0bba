"""Tables: create, describe, update, delete, list."""

from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from pileus.authn.linked_roles import DYNAMODB_AUTO_SCALING
from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb import auto_scaling, changes, descriptions, schemas, tagging, vector_schemas
from pileus.services.dynamodb.addresses import Address, of_arn, of_name
from pileus.services.dynamodb.errors import invalid
from pileus.services.dynamodb.resource_policies import new_policy
from pileus.services.dynamodb.state import accounts, tables
from pileus.services.dynamodb.state.encryption import own_key
from pileus.services.dynamodb.state.records import Policy, SecondaryIndex, TableRecord

LISTED_MAX = 100
OWN = (
    *("DeletionProtectionEnabled", "GlobalTableSettingsReplicationMode", "GlobalTableSourceArn", "ResourcePolicy"),
    *("SSESpecification", "TableClass", "TableName", "Tags"),
)
"""What CreateTable says of a replica of another account's table; it has the rest from there."""


async def create_table(call: Call, request: dict) -> dict:
    """Make a table, or a replica of another account's; it is CREATING, and ACTIVE soon after.

    request  CreateTableInput
    errors   AccessDenied (somebody's policy doesn't let DynamoDB replicate), LimitExceededException, ResourceInUseException, ValidationException
    source   DynamoDB API reference, CreateTable
    """
    if request.get("GlobalTableSourceArn"):
        return await _join(call, request)
    new = new_table(call, request)
    mode = request.get("GlobalTableSettingsReplicationMode")
    record = replace(
        new.record,
        policy=await _policy(call, request, new.record.address),
        settings_mode="" if mode is None else changes.settings_mode_of(mode),
    )
    stream = ""
    if request.get("StreamSpecification"):
        stream = changes.stream_view(request["StreamSpecification"], is_new=True)
    table = await call.write(tables.create, record, new.indexes, stream=stream, encrypts=new.encrypts)
    return {"TableDescription": await call.read(descriptions.table_out, table)}


async def _policy(call: Call, request: dict, address: Address) -> Policy | None:
    document = request.get("ResourcePolicy")
    return None if document is None else await new_policy(call, address.arn, document)


async def _join(call: Call, request: dict) -> dict:
    """Make a replica of another account's table. Source: developer guide, "Tutorials: Creating multi-account global tables"."""
    address = of_name(call, request["TableName"])
    source = of_arn(request["GlobalTableSourceArn"])
    if source is None or source.arn != request["GlobalTableSourceArn"]:
        raise ValidationException(
            f"Invalid GlobalTableSourceArn: Invalid ResourceArn provided as input {request['GlobalTableSourceArn']}"
        )
    if request.get("GlobalTableSettingsReplicationMode") != accounts.ENABLED:
        raise invalid(
            f"GlobalTableSettingsReplicationMode must be {accounts.ENABLED} when GlobalTableSourceArn is specified"
        )
    beyond = sorted(name for name, value in request.items() if value is not None and name not in OWN)
    if beyond:
        raise invalid(f"{beyond[0]} cannot be specified when GlobalTableSourceArn is specified")
    encryption, encrypts = changes.encryption_of(request.get("SSESpecification") or {})
    record = TableRecord(
        *address,
        id=0,
        uuid="",
        created_at_ms=0,
        status="CREATING",
        hash_name="",
        range_name="",
        attribute_types={},
        table_class=request.get("TableClass") or "",
        is_protected=bool(request.get("DeletionProtectionEnabled")),
        encryption=own_key(address) if encrypts else encryption,
        tags=tagging.given(request.get("Tags"), own=not call.is_from_outside),
        policy=await _policy(call, request, address),
    )
    there = await call.read(tables.find, source)
    scaled: frozenset[str] = frozenset()
    if there is not None and there.billing == schemas.PROVISIONED:
        scaled = await auto_scaling.scaled_writes(call, there)
    table = await call.write(accounts.join, source, record, scaled)
    return {"TableDescription": await call.read(descriptions.table_out, table)}


async def delete_table(call: Call, request: dict) -> dict:
    """Delete a table with everything in it; it is DELETING, and gone soon after.

    errors   ResourceInUseException, ResourceNotFoundException, ValidationException (deletion protection)
    source   DynamoDB API reference, DeleteTable
    """
    table = await call.write(tables.delete, _address(call, request))
    return {"TableDescription": await call.read(descriptions.summary_out, table)}


async def describe_kinesis_streaming_destination(call: Call, request: dict) -> dict:
    """Where a table's changes go in Kinesis: nowhere, as EnableKinesisStreamingDestination is not there yet (501).

    errors   ResourceNotFoundException
    source   DynamoDB API reference, DescribeKinesisStreamingDestination
    """
    table = await call.read(tables.named, _address(call, request))
    return {"TableName": table.name, "KinesisDataStreamDestinations": []}


async def describe_table(call: Call, request: dict) -> dict:
    """All there is to know of a table. ItemCount and TableSizeBytes are of now, where AWS's are of hours ago.

    errors   ResourceNotFoundException
    source   DynamoDB API reference, DescribeTable
    """
    table = await call.read(tables.named, _address(call, request))
    return {"Table": await call.read(descriptions.table_out, table)}


async def list_tables(call: Call, request: dict) -> dict:
    """The names of the account's tables in this region, 100 a page.

    source   DynamoDB API reference, ListTables
    """
    limit = request.get("Limit") or LISTED_MAX
    after = request.get("ExclusiveStartTableName") or ""
    found = await call.read(tables.listed, call.account, call.region, after=after, limit=limit + 1)
    names = [table.name for table in found[:limit]]
    answer: dict = {"TableNames": names}
    if len(found) > limit:
        answer["LastEvaluatedTableName"] = names[-1]
    return answer


async def update_table(call: Call, request: dict) -> dict:
    """Change a table; it is UPDATING, and ACTIVE soon after. A new global index is entered while the table lives on.

    request  UpdateTableInput
    errors   LimitExceededException, ResourceInUseException, ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, UpdateTable
    """
    address = _address(call, request)
    changes.check(request)
    table = await call.read(tables.find, address)
    scaled: frozenset[str] = frozenset()
    if table is not None and changes.asks_for_scaling(request, table):
        scaled = await auto_scaling.scaled_writes(call, table)
    is_scaling = DYNAMODB_AUTO_SCALING.is_acting(call.principal)
    plan_of = partial(changes.plan, request, scaled=scaled, is_scaling=is_scaling)
    table = await call.write(tables.change, address, plan_of)
    return {"TableDescription": await call.read(descriptions.table_out, table)}


class NewTable(NamedTuple):
    """record: without ids; encrypts: with a key of DynamoDB's own in KMS."""

    record: TableRecord
    indexes: list[SecondaryIndex]
    encrypts: bool


def new_table(call: Call, request: dict) -> NewTable:
    """What CreateTable, or an import's TableCreationParameters, ask for, checked; stream and policy are left to the former.

    errors   ValidationException
    """
    address = of_name(call, request["TableName"])
    billing = request.get("BillingMode") or schemas.PROVISIONED
    for member in ("AttributeDefinitions", "KeySchema"):
        if request.get(member) is None:
            path = member[0].lower() + member[1:]
            raise ValidationException(
                f"1 validation error detected: Value null at '{path}' failed to satisfy constraint: "
                "Member must not be null"
            )
    if not request["KeySchema"]:
        raise ValidationException(
            "1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    throughput = schemas.throughput_of(request, billing)
    on_demand = schemas.on_demand_of(request, billing)
    types = schemas.attribute_types(request["AttributeDefinitions"])
    keys = schemas.keys_of(request["KeySchema"], types, is_index=False)
    asked_vectors = request.get("VectorIndexes")
    indexes = schemas.new_indexes(request, types, keys, billing, vector_schemas.searched_names(asked_vectors))
    vector_indexes = vector_schemas.new_indexes(asked_vectors, types, billing, indexes)
    encryption, encrypts = changes.encryption_of(request.get("SSESpecification") or {})
    tags = tagging.given(request.get("Tags"), own=not call.is_from_outside)
    record = TableRecord(
        *address,
        id=0,
        uuid="",
        created_at_ms=0,
        status="CREATING",
        hash_name=keys[0][0],
        range_name=keys[1][0] if keys[1] else "",
        attribute_types=types,
        billing=billing,
        throughput=throughput,
        on_demand=on_demand,
        warm=schemas.new_warm(request, billing, throughput),
        table_class=request.get("TableClass") or "",
        is_protected=bool(request.get("DeletionProtectionEnabled")),
        encryption=encryption,
        tags=tags,
        vector_indexes=vector_indexes,
    )
    return NewTable(record, indexes, encrypts)


def _address(call: Call, request: dict) -> Address:
    return of_name(call, request["TableName"])
