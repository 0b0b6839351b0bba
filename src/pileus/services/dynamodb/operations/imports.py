"""Import from S3."""

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.operations.jobs import asked_of, asker_of, job_of, job_out, page_of, standing_out
from pileus.services.dynamodb.operations.tables import new_table
from pileus.services.dynamodb.state import imports
from pileus.services.dynamodb.state.imports import IMPORTS, Import
from pileus.services.dynamodb.values import ion


async def describe_import(call: Call, request: dict) -> dict:
    """An import: how far it is, or what it came to.

    errors   ImportNotFoundException, ValidationException
    source   DynamoDB API reference, DescribeImport
    """
    return {"ImportTableDescription": import_out(await job_of(call, IMPORTS, request["ImportArn"]))}


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
    asker = asker_of(call, request)
    begun = await call.write(imports.begin, new.record, new.indexes, new.encrypts, asked_of(request), asker)
    return {"ImportTableDescription": import_out(begun)}


async def list_imports(call: Call, request: dict) -> dict:
    """Imports of the past 90 days, the newest first.

    source   DynamoDB API reference, ListImports
    """
    found, more = await page_of(call, IMPORTS, request, request.get("PageSize"))
    return {"ImportSummaryList": [standing_out(one) | _source_out(one) for one in found], **more}


def import_out(found: Import) -> dict:
    """ImportTableDescription."""
    out = {
        **job_out(found),
        **_source_out(found),
        "ErrorCount": found.errors,
        "InputCompressionType": found.asked.get("InputCompressionType") or "NONE",
        "TableCreationParameters": found.asked["TableCreationParameters"],
        "ProcessedSizeBytes": found.processed_bytes,
        "ProcessedItemCount": found.processed,
        "ImportedItemCount": found.imported,
    }
    if found.asked.get("InputFormatOptions"):
        out["InputFormatOptions"] = found.asked["InputFormatOptions"]
    return out


def _source_out(found: Import) -> dict:
    """What ImportSummary says beside how the import stands."""
    return {
        "S3BucketSource": {"S3BucketOwner": found.account} | found.asked["S3BucketSource"],
        "CloudWatchLogGroupArn": found.log_group_arn,
        "InputFormat": found.asked["InputFormat"],
    }
