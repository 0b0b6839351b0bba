"""Names and ARNs of tables, indexes and streams.

Source: Service Authorization Reference, "Resource types defined by Amazon DynamoDB"; API reference: TableName takes a
name or an ARN in every operation.
"""

import re
from typing import NamedTuple

from pileus.kernel.arn import partition_of
from pileus.kernel.call import Call

_TABLE_ARN = re.compile(r"arn:(aws[a-z-]*):dynamodb:([a-z0-9-]+):(\d{12}):table/([a-zA-Z0-9_.-]{3,255})(/.+)?")


class Address(NamedTuple):
    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.region)}:dynamodb:{self.region}:{self.account}:table/{self.name}"


def of_name(call: Call, name: str) -> Address:
    """Where a TableName points: a name is the caller's own, an ARN says whose."""
    if name.startswith("arn:"):
        address = of_arn(name)
        if address is not None:
            return address
    return Address(call.account, call.region, name)


def of_arn(arn: str) -> Address | None:
    """The table of a table's, index's, stream's, backup's or export's ARN; None where it is none."""
    found = _TABLE_ARN.fullmatch(arn)
    return None if found is None else Address(found[3], found[2], found[4])
