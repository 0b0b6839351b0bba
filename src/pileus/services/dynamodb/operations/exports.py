"""Export to S3."""

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.descriptions import moment, ms_of
from pileus.services.dynamodb.errors import TableNotFoundException
from pileus.services.dynamodb.export_files import filter_of
from pileus.services.dynamodb.operations.jobs import asker_of, job_of, job_out, only_of_table, page_of
from pileus.services.dynamodb.state import exports
from pileus.services.dynamodb.state.exports import EXPORTS, FULL, INCREMENTAL, Asked, Destination, Export
from pileus.services.dynamodb.state.jobs import COMPLETED
from pileus.services.dynamodb.values import ion

INVALID_REQUEST = "Invalid Request: "


async def describe_export(call: Call, request: dict) -> dict:
    """An export: how far it is, or what it came to.

    errors   ExportNotFoundException, ValidationException
    source   DynamoDB API reference, DescribeExport
    """
    return {"ExportDescription": export_out(await job_of(call, EXPORTS, request["ExportArn"]))}


async def export_table_to_point_in_time(call: Call, request: dict) -> dict:
    """Write a table as it was at a moment, or what changed between two, to a bucket; it is IN_PROGRESS until it is there.

    request  ExportTableToPointInTimeInput. ExportTime: what was written up to it is there
    errors   ExportConflictException, InvalidExportTimeException, LimitExceededException,
             PointInTimeRecoveryUnavailableException, TableNotFoundException, ValidationException
    source   DynamoDB API reference, ExportTableToPointInTime; developer guide, "Requesting a table export in DynamoDB"
             and "Filtering a table export"
    """
    arn = request["TableArn"]
    address = only_of_table(arn)
    if address.region != call.region:
        raise TableNotFoundException(f"Table not found: {arn}")
    asked = _asked(request)
    export = await call.write(exports.begin, address, asked, asker_of(call, request), filter_of(asked.filter))
    return {"ExportDescription": export_out(export)}


async def list_exports(call: Call, request: dict) -> dict:
    """Exports of the past 90 days, the newest first. With a TableArn: those of the table that has this name now.

    source   DynamoDB API reference, ListExports
    """
    found, more = await page_of(call, EXPORTS, request, request.get("MaxResults"))
    summaries = [
        {"ExportArn": export.arn, "ExportStatus": export.status, "ExportType": export.asked.type or FULL}
        for export in found
    ]
    return {"ExportSummaries": summaries, **more}


def export_out(export: Export) -> dict:
    """ExportDescription."""
    asked, to = export.asked, export.asked.destination
    out = {
        **job_out(export),
        "S3Bucket": to.bucket,
        "S3SseAlgorithm": to.sse_algorithm or "AES256",
        "ExportFormat": asked.format,
    }
    given = {
        "S3BucketOwner": to.owner,
        "S3Prefix": to.prefix,
        "S3SseKmsKeyId": to.kms_key,
        "ExportType": asked.type,
        "FilterSpecification": asked.filter,
    }
    out |= {name: value for name, value in given.items() if value}
    if asked.is_incremental:
        out["IncrementalExportSpecification"] = {
            "ExportFromTime": moment(asked.from_ms),
            "ExportToTime": moment(asked.until_ms),
            "ExportViewType": asked.view,
        }
    else:
        out["ExportTime"] = moment(asked.at_ms)
    if export.status == COMPLETED:
        out |= {
            "ExportManifest": export.manifest_key,
            "ItemCount": export.items,
            "BilledSizeBytes": export.size_bytes,
        }
    return out


def _asked(request: dict) -> Asked:
    """In AWS's order of checking, as far as recorded answers show it. Raises ValidationException."""
    kind = request.get("ExportType") or ""
    period = request.get("IncrementalExportSpecification")
    if kind == INCREMENTAL:
        if period is None:
            raise ValidationException(
                f"{INVALID_REQUEST}Incremental Export Specification expected when export type is set as "
                "Incremental Export"
            )
        if period.get("ExportFromTime") is None:
            raise ValidationException(
                f"{INVALID_REQUEST}ExportFromTime must be provided in IncrementalExportSpecification"
            )
        if request.get("ExportTime") is not None:
            raise ValidationException(
                f"{INVALID_REQUEST}Export Time should not be provided when export type is set as Incremental Export"
            )
    elif period is not None:
        raise ValidationException(
            f"{INVALID_REQUEST}When Export Type is Full Export , Incremental Export Specification should not be "
            "provided"
            if kind
            else f"{INVALID_REQUEST}Export Type expected to be Incremental Export when incremental export "
            "specification is provided"
        )
    period = period or {}
    sse_algorithm, kms_key = request.get("S3SseAlgorithm") or "", request.get("S3SseKmsKeyId") or ""
    if kms_key and sse_algorithm != "KMS":
        raise ValidationException(f"{INVALID_REQUEST}KMS Key Id is not supported for this encryption type")
    if request.get("ExportFormat") == "ION":
        ion.require()
    return Asked(
        Destination(
            request["S3Bucket"],
            request.get("S3BucketOwner") or "",
            request.get("S3Prefix") or "",
            sse_algorithm,
            kms_key,
        ),
        request.get("ExportFormat") or "DYNAMODB_JSON",
        kind,
        at_ms=ms_of(request.get("ExportTime")),
        from_ms=ms_of(period.get("ExportFromTime")) or 0,
        until_ms=ms_of(period.get("ExportToTime")),
        view=(period.get("ExportViewType") or "NEW_AND_OLD_IMAGES") if kind == INCREMENTAL else "",
        filter=_filter(request),
    )


def _filter(request: dict) -> dict:
    asked = request.get("FilterSpecification")
    if asked is None:
        return {}
    given = {name: value for name, value in asked.items() if value}
    if not given:
        raise ValidationException(f"{INVALID_REQUEST}Invalid FilterSpecification: The specification can not be empty")
    return given
