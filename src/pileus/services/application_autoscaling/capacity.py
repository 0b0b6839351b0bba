"""What a table or global index has provisioned, and how it is changed: DynamoDB's public operations."""

from typing import NamedTuple

from pileus.kernel.call import Call, Cloud
from pileus.kernel.errors import AccessDenied, AwsError
from pileus.kernel.principal import Principal
from pileus.services.application_autoscaling.errors import ValidationException
from pileus.services.application_autoscaling.names import READS, WRITES, TargetKey

_GONE = "ResourceNotFoundException"


class Provisioned(NamedTuple):
    """
    units   READS and WRITES -> units; 0 where the table is on demand
    status  the table's; where it is an index and the table is ACTIVE, the index's
    """

    units: dict[str, int]
    status: str


class Refused(Exception):
    """DynamoDB did not take a change; the text is for the activity."""

    is_gone = False


class Gone(Refused):
    """There is no such table or index."""

    is_gone = True


async def of(cloud: Cloud, key: TargetKey, principal: Principal) -> Provisioned:
    """errors   Gone"""
    asked = cloud.call("dynamodb", "DescribeTable", principal=principal, account=key.account, region=key.region)
    try:
        table = (await cloud.invoke(asked, {"TableName": key.table}))["Table"]
    except AwsError as error:
        if error.code != _GONE:
            raise
        raise Gone(_said(error, asked)) from error
    part = _part(table, key.index)
    if part is None:
        raise Gone(f"The table does not have the specified index: {key.index}")
    return part


def _part(table: dict, index: str) -> Provisioned | None:
    part, status = table, table["TableStatus"]
    if index:
        part = next((each for each in table.get("GlobalSecondaryIndexes", ()) if each["IndexName"] == index), None)
        if part is None:
            return None
        if status == "ACTIVE":
            status = part["IndexStatus"]
    throughput = part.get("ProvisionedThroughput", {})
    return Provisioned({units: throughput.get(units, 0) for units in (READS, WRITES)}, status)


async def check_scalable(call: Call, key: TargetKey) -> None:
    """Whether there is such a table or index, and whether who calls may look at it and change it.

    errors   ValidationException, in AWS's recorded words where table or index are not there
    source   user guide, "Permissions validation for Application Auto Scaling API calls on target resources"
    """
    wants = call.cloud.call(
        "dynamodb", "UpdateTable", principal=call.principal, account=call.account, region=call.region
    )
    wants.source_ip, wants.is_secure = call.source_ip, call.is_secure
    try:
        table = (await call.invoke("dynamodb", "DescribeTable", {"TableName": key.table}))["Table"]
        await call.cloud.authorize(wants, {"TableName": key.table})
    except AccessDenied as error:
        raise ValidationException(error.message) from error
    except AwsError as error:
        # A name that no table can have: there is no such table either.
        if error.code not in (_GONE, "ValidationException"):
            raise
        raise ValidationException(f"DynamoDB table does not exist: {key.resource}") from error
    if _part(table, key.index) is None:
        raise ValidationException(f"DynamoDB index does not exist: {key.resource}")


async def change(cloud: Cloud, key: TargetKey, principal: Principal, had: Provisioned, wanted: int) -> None:
    """Ask for `wanted` units; the other kind stays what it is. Raises Refused, or what is a fault of ours."""
    throughput = had.units | {key.units: wanted}
    request: dict = {"TableName": key.table}
    if key.index:
        update = {"Update": {"IndexName": key.index, "ProvisionedThroughput": throughput}}
        request["GlobalSecondaryIndexUpdates"] = [update]
    else:
        request["ProvisionedThroughput"] = throughput
    asked = cloud.call("dynamodb", "UpdateTable", principal=principal, account=key.account, region=key.region)
    try:
        await cloud.invoke(asked, request)
    except AwsError as error:
        if error.is_fault and error.code != "NotImplemented":
            raise
        raise (Gone if error.code == _GONE else Refused)(_said(error, asked)) from error


def _said(error: AwsError, asked: Call) -> str:
    """As DynamoDB's client says it, which activities quote."""
    return (
        f"{error.message} (Service: AmazonDynamoDBv2; Status Code: {error.status}; Error Code: {error.code}; "
        f"Request ID: {asked.request_id}; Proxy: null)"
    )
