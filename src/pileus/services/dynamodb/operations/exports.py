"""Export to S3."""

from datetime import datetime
from itertools import islice

from pileus.kernel.call import Call
from pileus.kernel.errors import NotImplementedByUs, ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.descriptions import moment
from pileus.services.dynamodb.errors import ExportNotFoundException, TableNotFoundException
from pileus.services.dynamodb.export_files import filter_of
from pileus.services.dynamodb.operations.requests import digest_of, job_of, only_of_table
from pileus.services.dynamodb.page_tokens import read_token, token
from pileus.services.dynamodb.state import exports
from pileus.services.dynamodb.state.exports import FULL, INCREMENTAL, Asked, Destination, Export
from pileus.services.dynamodb.values import ion
from pileus.store.transaction import Transaction

LISTED_MAX = 25
INVALID_REQUEST = "Invalid Request: "


async def describe_export(call: Call, request: dict) -> dict:
    """An export: how far it is, or what it came to.

    errors   ExportNotFoundException, ValidationException
    source   DynamoDB API reference, DescribeExport
    """
    address, label = job_of(request["ExportArn"], "export", "Export")
    if address.region != call.region:
        raise ExportNotFoundException("Export not found: Invalid export arn")
    return {"ExportDescription": export_out(await call.read(exports.find, address, label))}


async def export_table_to_point_in_time(call: Call, request: dict) -> dict:
    """Write a table as it was at a moment, or what changed between two, to a bucket; it is IN_PROGRESS until it is there.

    request  ExportTableToPointInTimeInput. ExportTime: what was written up to it is there
    errors   ExportConflictException, InvalidExportTimeException, LimitExceededException,
             PointInTimeRecoveryUnavailableException, TableNotFoundException, ValidationException
    source   DynamoDB API reference, ExportTableToPointInTime; developer guide, "Requesting a table export in DynamoDB"
    """
    arn = request["TableArn"]
    address = only_of_table(arn)
    if address.region != call.region:
        raise TableNotFoundException(f"Table not found: {arn}")
    asked = _asked(request)
    tests = filter_of(asked.filter).key_condition if asked.filter else None
    client_token = request.get("ClientToken") or call.ids.uuid()
    export = await call.write(exports.begin, address, asked, call.principal, client_token, digest_of(request), tests)
    return {"ExportDescription": export_out(export)}


async def list_exports(call: Call, request: dict) -> dict:
    """Exports of the past 90 days, the newest first. With a TableArn: those of the table that has this name now.

    source   DynamoDB API reference, ListExports
    """
    limit = request.get("MaxResults") or LISTED_MAX
    until = read_token("export", request.get("NextToken"))
    of_table = only_of_table(request["TableArn"]) if request.get("TableArn") else None
    found = await call.read(_listed, call, of_table, until, limit + 1)
    answer: dict = {
        "ExportSummaries": [
            {"ExportArn": export.arn, "ExportStatus": export.status, "ExportType": export.asked.type or FULL}
            for export in found[:limit]
        ]
    }
    if len(found) > limit:
        last = found[limit - 1]
        answer["NextToken"] = token("export", last.label, last.table_name)
    return answer


def export_out(export: Export) -> dict:
    """ExportDescription."""
    asked, to = export.asked, export.asked.destination
    out = {
        "ExportArn": export.arn,
        "ExportStatus": export.status,
        "StartTime": moment(export.started_at_ms),
        "TableArn": export.table_arn,
        "TableId": export.table_uuid,
        "ClientToken": export.client_token,
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
        "FailureCode": export.failure_code,
        "FailureMessage": export.failure_message,
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
    if export.status != exports.IN_PROGRESS:
        out["EndTime"] = moment(export.ended_at_ms)
    if export.status == exports.COMPLETED:
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
        at_ms=_ms(request.get("ExportTime")),
        from_ms=_ms(period.get("ExportFromTime")) or 0,
        until_ms=_ms(period.get("ExportToTime")),
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
    if request.get("ExportType") == INCREMENTAL:
        raise NotImplementedByUs("dynamodb:ExportTableToPointInTime with a FilterSpecification of incremental exports")
    return given


def _listed(
    tx: Transaction, call: Call, of_table: Address | None, until: tuple[str, str] | None, count: int
) -> list[Export]:
    if of_table is None:
        return list(islice(exports.listed(tx, call.account, call.region, until), count))
    return list(islice(exports.of_table(tx, of_table, until and until[0]), count))


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
