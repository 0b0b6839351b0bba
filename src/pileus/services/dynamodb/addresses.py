"""Names and ARNs of tables, indexes and streams.

Source: Service Authorization Reference, "Resource types defined by Amazon DynamoDB"; API reference: TableName takes a
name or an ARN in every operation; developer guide, "Supported data types and naming rules".
"""

import re
from functools import lru_cache
from typing import NamedTuple

from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.errors import invalid

NAME_MIN, NAME_MAX = 3, 255
FOR_OWNERS = (
    "This action is only supported by accounts that match the resource owner\N{RIGHT SINGLE QUOTATION MARK}s account."
)
_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_TABLE_ARN = re.compile(r"arn:aws[a-z-]*:dynamodb:([a-z0-9-]+):(\d{12}):table/([a-zA-Z0-9_.-]{3,255})(/.+)?")


class Address(NamedTuple):
    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return _arn(self)


@lru_cache(maxsize=4096)
def _arn(address: Address) -> str:
    return f"arn:{partition_of(address.region)}:dynamodb:{address.region}:{address.account}:table/{address.name}"


def of_name(call: Call, name: str) -> Address:
    """Where a TableName points: a name is the caller's own, an ARN says whose in this region. Raises
    ValidationException."""
    return _address(call.account, call.region, name)


@lru_cache(maxsize=4096)
def _address(account: str, region: str, name: str) -> Address:
    if name.startswith("arn:"):
        address = of_arn(name)
        if address is None or address.arn != name:
            raise ValidationException(f"Invalid TableArn: Invalid ResourceArn provided as input {name}")
        if address.region != region:
            raise ValidationException(f"1 validation error detected: Invalid AWS region in '{name}'")
        return address
    broken = []
    if len(name) < NAME_MIN:
        broken.append(f"Member must have length greater than or equal to {NAME_MIN}")
    if len(name) > NAME_MAX:
        broken.append(f"Member must have length less than or equal to {NAME_MAX}")
    if not _NAME.fullmatch(name):
        broken.append(f"Member must satisfy regular expression pattern: {_NAME.pattern}")
    if broken:
        found = "; ".join(f"Value '{name}' at 'tableName' failed to satisfy constraint: {text}" for text in broken)
        errors = "1 validation error" if len(broken) == 1 else f"{len(broken)} validation errors"
        raise ValidationException(f"{errors} detected: {found}")
    return Address(account, region, name)


def of_source(call: Call, request: dict) -> Address:
    """The table that RestoreTableToPointInTime restores: one of this region by its name, of any by its ARN. Raises
    ValidationException."""
    name, arn = request.get("SourceTableName"), request.get("SourceTableArn")
    if name and arn:
        raise ValidationException("Must provide exactly one of: sourceTableArn, sourceTableName")
    if not arn:
        if not name:
            raise ValidationException("The parameter 'TableName' is required but was not present in the request")
        return of_name(call, name)
    address = of_arn(arn)
    if address is None or address.arn != arn:
        raise invalid("sourceTableArn is not a valid ARN")
    if address.account != call.account:
        raise ValidationException(FOR_OWNERS)
    return address


@lru_cache(maxsize=4096)
def of_arn(arn: str) -> Address | None:
    """The table of a table's, index's, stream's, backup's or export's ARN; None where it is none."""
    found = _TABLE_ARN.fullmatch(arn)
    return None if found is None else Address(found[2], found[1], found[3])


def of_labelled(arn: str, kind: str) -> tuple[Address, str] | None:
    """The table and the label of a backup's, export's or import's ARN; None where it is none of that kind."""
    address = of_arn(arn)
    table_arn, _, label = arn.partition(f"/{kind}/")
    if address is None or address.arn != table_arn or not label or "/" in label:
        return None
    return address, label


def check_resource(call: Call, arn: str) -> None:
    """Whether tags can be set on or listed of an ARN: a table's, or a stream's of it, of this region. Whose it is has been
    asked before. The texts were recorded in October 2026. Raises ValidationException."""
    if not arn.startswith("arn:"):
        raise invalid(f"ARNs must start with 'arn:': {arn}")
    address = of_arn(arn)
    if address is None:
        raise ValidationException(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    kind = arn.partition(f":table/{address.name}")[2]
    if kind.startswith("/index/"):
        raise invalid(f"Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}")
    if kind and not kind.startswith("/stream/"):
        raise invalid(f"Provided Arn is not a DynamoDB resource arn: {arn}")
    if address.region != call.region or address.arn + kind != arn:
        raise ValidationException(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
