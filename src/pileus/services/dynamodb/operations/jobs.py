"""What the operations on exports and imports have in common: who asks, ARNs, and pages of lists."""

from hashlib import blake2b
from itertools import islice

import orjson

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address, of_arn, of_labelled
from pileus.services.dynamodb.errors import invalid
from pileus.services.dynamodb.page_tokens import read_token, token
from pileus.services.dynamodb.state.jobs import Asker, J, Jobs
from pileus.store.transaction import Transaction

LISTED_MAX = 25


def asker_of(call: Call, request: dict) -> Asker:
    """The digest is of all that a request asks for, but not of the token that says that it is the same one."""
    asked = {name: value for name, value in request.items() if name != "ClientToken" and value is not None}
    digest = blake2b(orjson.dumps(asked, default=repr, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
    return Asker(call.principal, request.get("ClientToken") or call.ids.uuid(), digest)


async def job_of(call: Call, jobs: Jobs[J], arn: str) -> J:
    """Raises ValidationException, and ExportNotFoundException or the like."""
    named = of_labelled(arn, jobs.kind)
    if named is None:
        raise ValidationException(f"Invalid {jobs.shown} ARN")
    if named[0].region != call.region:
        raise jobs.not_found(f"{jobs.shown} not found: Invalid {jobs.kind} arn")
    return await call.read(jobs.find, *named)


async def page_of(call: Call, jobs: Jobs[J], request: dict, limit: int | None) -> tuple[list[J], dict]:
    """The jobs that a list shows next, and its NextToken where there are more."""
    limit = limit or LISTED_MAX
    until = read_token(jobs.kind, request.get("NextToken"))
    of_table = only_of_table(request["TableArn"]) if request.get("TableArn") else None
    found = await call.read(_listed, call, jobs, of_table, until, limit + 1)
    if len(found) <= limit:
        return found, {}
    last = found[limit - 1]
    return found[:limit], {"NextToken": token(jobs.kind, last.label, last.table_name)}


def _listed(
    tx: Transaction, call: Call, jobs: Jobs[J], of_table: Address | None, until: tuple[str, str] | None, count: int
) -> list[J]:
    if of_table is None:
        return list(islice(jobs.listed(tx, call.account, call.region, until), count))
    return list(islice(jobs.of_table(tx, of_table, until and until[0]), count))


def only_of_table(arn: str) -> Address:
    """The table of an operation that takes no names, and no ARNs of what is the table's. Raises ValidationException."""
    if not arn.startswith("arn:"):
        raise invalid("tableArn is not a valid ARN")
    address = of_arn(arn)
    if address is None or address.arn != arn:
        raise ValidationException("Invalid Request: Table ARN is invalid.")
    return address
