"""The handler that fills an import's table from S3. What it has done is in state/imports.py."""

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.import_records import ObjectReader
from pileus.services.dynamodb.state import imports
from pileus.services.dynamodb.state.imports import IMPORTS, ITEMS_FAILED, LOG_GROUP, OBJECTS_MAX, Batch, Import
from pileus.services.dynamodb.state.records import TableRecord
from pileus.services.dynamodb.working import Failed, handler, refused, s3

ALREADY_THERE = "ResourceAlreadyExistsException"


async def _fill(call: Call, under_way: Import) -> int:
    """Return the time of its end."""
    await _open_logs(call, under_way)
    table = await call.read(imports.table_of, under_way)
    source = under_way.asked["S3BucketSource"]
    owner = source.get("S3BucketOwner") or under_way.account
    of_bucket = {"Bucket": source["S3Bucket"], "ExpectedBucketOwner": owner}
    listing = of_bucket | {"Prefix": source.get("S3KeyPrefix") or ""}
    while True:
        after = {"StartAfter": under_way.after_key} if under_way.after_key else {}
        page = await s3(call, "ListObjectsV2", listing | after)
        for entry in page.get("Contents") or ():
            if under_way.objects >= OBJECTS_MAX:
                raise Failed("LimitExceededException", f"An import takes at most {OBJECTS_MAX} objects")
            under_way = await _read_object(call, under_way, table, of_bucket | {"Key": entry["Key"]})
        if not page.get("IsTruncated"):
            break
    if under_way.errors:
        raise Failed(*ITEMS_FAILED)
    return call.clock.now_ms()


async def _read_object(call: Call, under_way: Import, table: TableRecord, asked: dict) -> Import:
    key = asked["Key"]
    skip = under_way.records if under_way.object_key == key else 0
    try:
        body = (await s3(call, "GetObject", asked))["Body"]
    except Failed as failed:
        if failed.code != "S3NoSuchKey":
            raise
        gone = Batch([], [(skip, failed.message)], 1, 0, is_end=True)  # it went since it was listed
        return await _take(call, under_way, asked, gone)
    chunks = body if isinstance(body, AsyncIterator) else call.cloud.blobs.stream([body] if body else [])
    try:
        reader = ObjectReader(_pulling(chunks), under_way.asked, table, skip)
        while True:
            batch = await _in_thread(reader.next_batch)
            under_way = await _take(call, under_way, asked, batch)
            if batch.is_end:
                return under_way
    finally:
        await chunks.aclose()


async def _in_thread(read: Callable[[], Batch]) -> Batch:
    """A thread that reads is waited for: the bytes it reads come from a generator that is closed afterwards."""
    reading = asyncio.ensure_future(asyncio.to_thread(read))
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        await asyncio.wait([reading])
        raise


def _pulling(chunks: AsyncIterator[bytes]) -> Callable[[], bytes]:
    """What a reading thread calls for the next bytes; they come by the loop, which reads S3."""
    loop = asyncio.get_running_loop()

    async def next_chunk() -> bytes:
        return await anext(chunks, b"")

    return lambda: asyncio.run_coroutine_threadsafe(next_chunk(), loop).result()


async def _take(call: Call, under_way: Import, asked: dict, batch: Batch) -> Import:
    if batch.failures:
        await _log(call, under_way, asked, batch.failures)
    return await call.write(imports.take, under_way.key, asked["Key"], batch)


# CloudWatch Logs: a group for all imports, two streams each. What was logged before a kill is logged again.


async def _open_logs(call: Call, under_way: Import) -> None:
    await _logs(call, "CreateLogGroup", {"logGroupName": LOG_GROUP})
    for stream in ("info", "error"):
        name = f"{under_way.label}/{stream}"
        await _logs(call, "CreateLogStream", {"logGroupName": LOG_GROUP, "logStreamName": name})


async def _log(call: Call, under_way: Import, asked: dict, failures: list[tuple[int, str]]) -> None:
    now_ms = call.clock.now_ms()
    events = []
    for index, message in failures:
        where = {"bucket": asked["Bucket"], "key": asked["Key"], "itemIndex": index}
        entry = {"itemS3Pointer": where, "importArn": under_way.arn, "errorMessages": [message]}
        events.append({"timestamp": now_ms, "message": orjson.dumps(entry).decode()})
    stream = f"{under_way.label}/error"
    request = {"logGroupName": LOG_GROUP, "logStreamName": stream, "logEvents": events}
    await _logs(call, "PutLogEvents", request)


async def _logs(call: Call, operation: str, request: dict) -> None:
    try:
        await call.invoke("logs", operation, request)
    except AwsError as error:
        if error.code != ALREADY_THERE:
            raise refused(error, error.code) from error


fill_table = handler(IMPORTS, "ImportTable", _fill)
