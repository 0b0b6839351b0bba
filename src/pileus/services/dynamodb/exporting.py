"""The handler that writes an export's files to S3. What it has done is in state/exports.py."""

import asyncio
from typing import Any

from pileus.kernel.call import Call
from pileus.services.dynamodb.acting import ATTEMPTS_MAX, Failed, s3
from pileus.services.dynamodb.export_files import DataFile, files_manifest, md5_of, summary_manifest
from pileus.services.dynamodb.state import exports
from pileus.services.dynamodb.state.exports import Export, ExportFile
from pileus.store.events import Event

S3_ENCRYPTION = {"AES256": "AES256", "KMS": "aws:kms"}


async def write_export(cloud: Any, event: Event) -> None:
    """Write what is left of an export, and end it."""
    key = tuple(event.payload["export"])
    export = cloud.store.look(exports.under_way, key)[0]
    if export is None:
        return
    call = cloud.call(
        "dynamodb",
        "ExportTableToPointInTime",
        principal=export.principal,
        account=export.account,
        region=export.region,
    )
    try:
        if event.attempts >= ATTEMPTS_MAX:
            raise Failed("InternalServerError", "Internal server error")
        ended_at_ms = await _write(call, export)
    except Failed as failed:
        await call.write(exports.fail, key, failed.code, failed.message)
    else:
        await call.write(exports.complete, key, ended_at_ms)


write_export.running_limit = 4  # type: ignore[attr-defined]


async def _write(call: Call, export: Export) -> int:
    """Return the time that the manifest gives for its end."""
    if not export.files:
        await _put(call, export, f"{export.folder}_started", b"")
    while not export.is_read:
        written = await _write_file(call, export)
        if written is None:
            raise Failed("InternalServerError", "The export is no longer there")
        export = written
    files = await call.read(exports.files_of, export)
    ended_at_ms = call.clock.now_ms()
    for name, body in (
        ("manifest-files", files_manifest(files)),
        ("manifest-summary", summary_manifest(export, ended_at_ms)),
    ):
        await _put(call, export, f"{export.folder}{name}.json", body)
        await _put(call, export, f"{export.folder}{name}.md5", md5_of(body).encode())
    return ended_at_ms


async def _write_file(call: Call, export: Export) -> Export | None:
    """Fill a file, put it into the bucket, and note that it is there; an empty table has an empty one."""
    file = DataFile(export)
    after, is_end = export.after, False
    while not is_end and not file.is_full:
        changes, after, is_end = await call.read(exports.next_changes, export, after)
        await asyncio.to_thread(file.add, changes)
    body = await asyncio.to_thread(file.finish)
    name = export.data_key(export.files)
    answer = await _put(call, export, name, body)
    entry = ExportFile(*export.key, export.files, name, file.items, md5_of(body), answer["ETag"].strip('"'))
    return await call.write(exports.file_written, export.key, entry, after, is_end, file.size_bytes)


async def _put(call: Call, export: Export, key: str, body: bytes) -> dict:
    to = export.asked.destination
    owner = to.owner or export.account
    request = {
        "Bucket": to.bucket,
        "Key": key,
        "Body": body,
        "ContentMD5": md5_of(body),
        "ExpectedBucketOwner": owner,
        "ServerSideEncryption": S3_ENCRYPTION[to.sse_algorithm or "AES256"],
    }
    if to.kms_key:
        request["SSEKMSKeyId"] = to.kms_key
    if owner != export.account:
        request["ACL"] = "bucket-owner-full-control"  # so that its owner can read what somebody else wrote
    return await s3(call, "PutObject", request)
