"""What requests for exports and imports have in common: ARNs, and what tells a repeated request from another one."""

from hashlib import blake2b

import orjson

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address, of_arn
from pileus.services.dynamodb.errors import invalid


def job_of(arn: str, kind: str, shown: str) -> tuple[Address, str]:
    """The table and the label of an export's or import's ARN. Raises ValidationException."""
    address = of_arn(arn)
    table_arn, separator, label = arn.partition(f"/{kind}/")
    if address is None or address.arn != table_arn or not separator or not label or "/" in label:
        raise ValidationException(f"Invalid {shown} ARN")
    return address, label


def only_of_table(arn: str) -> Address:
    """The table of an operation that takes no names, and no ARNs of what is the table's. Raises ValidationException."""
    if not arn.startswith("arn:"):
        raise invalid("tableArn is not a valid ARN")
    address = of_arn(arn)
    if address is None or address.arn != arn:
        raise ValidationException("Invalid Request: Table ARN is invalid.")
    return address


def digest_of(request: dict) -> bytes:
    """Of all that a request asks for, but not of the token that says that it is the same one."""
    asked = {name: value for name, value in request.items() if name != "ClientToken" and value is not None}
    return blake2b(orjson.dumps(asked, default=repr, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
