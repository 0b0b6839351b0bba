"""What the operations on exports and imports have in common: who asks, ARNs, descriptions, and pages of lists."""

from hashlib import blake2b
from itertools import islice

import orjson

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address, of_arn, of_labelled
from pileus.services.dynamodb.descriptions import moment
from pileus.services.dynamodb.errors import invalid
from pileus.services.dynamodb.page_tokens import read_token, token
from pileus.services.dynamodb.state.jobs import IN_PROGRESS, Asker, J, Job, Jobs
from pileus.store.transaction import Transaction

LISTED_MAX = 25


def asked_of(request: dict) -> dict:
    """All that a request asks for, but not the token that says that it is the same one."""
    return {name: value for name, value in request.items() if name != "ClientToken" and value is not None}


def asker_of(call: Call, request: dict) -> Asker:
    """Where there is no token, one is made: no other request has it."""
    text = orjson.dumps(asked_of(request), default=repr, option=orjson.OPT_SORT_KEYS)
    digest = blake2b(text, digest_size=16).digest()
    return Asker(call.principal, request.get("ClientToken") or call.ids.uuid(), digest)


async def job_of(call: Call, jobs: Jobs[J], arn: str) -> J:
    """Raises ValidationException, and ExportNotFoundException or the like."""
    named = of_labelled(arn, jobs.kind)
    if named is None:
        raise ValidationException(f"Invalid {jobs.shown} ARN")
    if named[0].region != call.region:
        raise jobs.not_found(f"{jobs.shown} not found: Invalid {jobs.kind} arn")
    return await call.read(jobs.find, *named)


def job_out(job: Job) -> dict:
    """What ExportDescription and ImportTableDescription say alike."""
    out = standing_out(job) | {"TableId": job.table_uuid, "ClientToken": job.client_token}
    if job.failure_code:
        out |= {"FailureCode": job.failure_code, "FailureMessage": job.failure_message}
    return out


def standing_out(job: Job) -> dict:
    """What ImportSummary says of it, too."""
    shown = job.kind.capitalize()
    out = {
        f"{shown}Arn": job.arn,
        f"{shown}Status": job.status,
        "TableArn": job.table_arn,
        "StartTime": moment(job.started_at_ms),
    }
    if job.status != IN_PROGRESS:
        out["EndTime"] = moment(job.ended_at_ms)
    return out


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
