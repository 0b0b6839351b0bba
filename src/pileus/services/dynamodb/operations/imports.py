"""Import from S3."""

from itertools import islice

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.descriptions import moment
from pileus.services.dynamodb.errors import ImportNotFoundException
from pileus.services.dynamodb.operations.requests import digest_of, job_of, only_of_table
from pileus.services.dynamodb.operations.tables import new_table
from pileus.services.dynamodb.page_tokens import read_token, token
from pileus.services.dynamodb.state import imports
from pileus.services.dynamodb.state.imports import Import
from pileus.services.dynamodb.values import ion
from pileus.store.transaction import Transaction

LISTED_MAX = 25


async def describe_import(call: Call, request: dict) -> dict:
    """An import: how far it is, or what it came to.

    errors   ImportNotFoundException, ValidationException
    source   DynamoDB API reference, DescribeImport
    """
    address, label = job_of(request["ImportArn"], "import", "Import")
    if address.region != call.region:
        raise ImportNotFoundException("Import not found: Invalid import arn")
    return {"ImportTableDescription": import_out(await call.read(imports.find, address, label))}


async def import_table(call: Call, request: dict) -> dict:
    """Make a new table of what objects in S3 hold; it is CREATING until all of them have been read.

    request  ImportTableInput. InputCompressionType: NONE where it isn't given
    errors   ImportConflictException, LimitExceededException, ResourceInUseException, ValidationException
    source   DynamoDB API reference, ImportTable; developer guide, "Requesting a table import in DynamoDB"
    """
    options = request.get("InputFormatOptions") or {}
    if options.get("Csv") is not None and request["InputFormat"] != "CSV":
        raise ValidationException(
            f"Invalid Request: Unsupported InputFormatOptions for the given input format: {request['InputFormat']}."
        )
    if request["InputFormat"] == "ION":
        ion.require()
    new = new_table(call, request["TableCreationParameters"])
    asked = {name: value for name, value in request.items() if name != "ClientToken" and value is not None}
    begun = await call.write(
        imports.begin,
        new.record,
        new.indexes,
        new.encrypts,
        asked,
        call.principal,
        request.get("ClientToken") or call.ids.uuid(),
        digest_of(request),
    )
    return {"ImportTableDescription": import_out(begun)}


async def list_imports(call: Call, request: dict) -> dict:
    """Imports of the past 90 days, the newest first.

    source   DynamoDB API reference, ListImports
    """
    limit = request.get("PageSize") or LISTED_MAX
    until = read_token("import", request.get("NextToken"))
    of_table = only_of_table(request["TableArn"]) if request.get("TableArn") else None
    found = await call.read(_listed, call, of_table, until, limit + 1)
    answer: dict = {"ImportSummaryList": [_summary_out(each) for each in found[:limit]]}
    if len(found) > limit:
        last = found[limit - 1]
        answer["NextToken"] = token("import", last.label, last.table_name)
    return answer


def import_out(found: Import) -> dict:
    """ImportTableDescription."""
    out = _summary_out(found) | {
        "TableId": found.table_uuid,
        "ClientToken": found.client_token,
        "ErrorCount": found.errors,
        "InputCompressionType": found.asked.get("InputCompressionType") or "NONE",
        "TableCreationParameters": found.asked["TableCreationParameters"],
        "ProcessedSizeBytes": found.processed_bytes,
        "ProcessedItemCount": found.processed,
        "ImportedItemCount": found.imported,
    }
    if found.asked.get("InputFormatOptions"):
        out["InputFormatOptions"] = found.asked["InputFormatOptions"]
    if found.failure_code:
        out |= {"FailureCode": found.failure_code, "FailureMessage": found.failure_message}
    return out


def _summary_out(found: Import) -> dict:
    """ImportSummary."""
    out = {
        "ImportArn": found.arn,
        "ImportStatus": found.status,
        "TableArn": found.table_arn,
        "S3BucketSource": {"S3BucketOwner": found.account} | found.asked["S3BucketSource"],
        "CloudWatchLogGroupArn": found.log_group_arn,
        "InputFormat": found.asked["InputFormat"],
        "StartTime": moment(found.started_at_ms),
    }
    if found.status != imports.IN_PROGRESS:
        out["EndTime"] = moment(found.ended_at_ms)
    return out


def _listed(
    tx: Transaction, call: Call, of_table: Address | None, until: tuple[str, str] | None, count: int
) -> list[Import]:
    if of_table is None:
        return list(islice(imports.listed(tx, call.account, call.region, until), count))
    return list(islice(imports.of_table(tx, of_table, until and until[0]), count))
