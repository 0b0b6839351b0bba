"""The handler that writes an export's files to S3. What it has done is in state/exports.py."""

import asyncio

from pileus.kernel.call import Call
from pileus.services.dynamodb.export_files import DataFile, files_manifest, md5_of, summary_manifest
from pileus.services.dynamodb.state import exports
from pileus.services.dynamodb.state.exports import EXPORTS, Export, ExportFile
from pileus.services.dynamodb.working import handler, s3

S3_ENCRYPTION = {"AES256": "AES256", "KMS": "aws:kms"}


async def _write(call: Call, export: Export) -> int:
    """Return the time that the manifest gives for its end."""
    if not export.files:
        await _put(call, export, f"{export.folder}_started", b"")
    while not export.is_read:
        export = await _write_file(call, export)
    files = await call.read(exports.files_of, export)
    ended_at_ms = call.clock.now_ms()
    for name, body in (
        ("manifest-files", files_manifest(files)),
        ("manifest-summary", summary_manifest(export, ended_at_ms)),
    ):
        await _put(call, export, f"{export.folder}{name}.json", body)
        await _put(call, export, f"{export.folder}{name}.md5", md5_of(body).encode())
    return ended_at_ms


async def _write_file(call: Call, export: Export) -> Export:
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


write_export = handler(EXPORTS, "ExportTableToPointInTime", _write)
