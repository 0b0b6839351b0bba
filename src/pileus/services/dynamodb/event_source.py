"""DynamoDB Streams as a source of events for functions; see delivery/sources.py.

Source: Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB".
"""

import base64
from typing import Any, ClassVar

import orjson

from pileus.delivery.sources import TRIM_HORIZON, Limits, Page, Reader, Shard, SourceGone, SourceRefused, StreamRecord
from pileus.kernel.arn import Arn
from pileus.kernel.errors import AccessDenied, AwsError
from pileus.services.dynamodb.also.dynamodbstreams.operations import iterator_in, iterator_out, sequence_number
from pileus.services.dynamodb.state import attachments, streams

STREAMS = "dynamodbstreams"
GONE = ("ResourceNotFoundException",)
PAGE_RECORDS = streams.PAGE_RECORDS_MAX


class DynamoDBStream:
    kind: ClassVar[str] = "stream"
    data_key: ClassVar[str | None] = None
    batch_info: ClassVar[str] = "DDBStreamBatchInfo"

    def limits(self, arn: Arn) -> Limits:
        return Limits(
            batch_size=100,
            batch_size_max=10_000,
            starting_positions=frozenset({"TRIM_HORIZON", "LATEST"}),
            retention_ms=streams.RETENTION_MS,
        )

    async def check(self, reader: Reader, *, timeout_s: int) -> None:
        if "/stream/" not in reader.arn:
            raise SourceRefused(
                "Unrecognized event source, must be kinesis, dynamodb stream or sqs. "
                f"Unsupported source arn : {reader.arn}"
            )
        if not await self._may_read(reader):
            raise SourceRefused(
                f"Cannot access stream {reader.arn}. Please ensure the role can perform the GetRecords, "
                "GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM."
            )
        try:
            await reader.invoke(STREAMS, "DescribeStream", {"StreamArn": reader.arn, "Limit": 1})
        except AwsError as error:
            if error.code in GONE or error.code == "ValidationException":
                raise SourceRefused(f"Stream not found: {reader.arn}") from error
            raise

    async def _may_read(self, reader: Reader) -> bool:
        try:
            requests = (
                ("DescribeStream", {"StreamArn": reader.arn}),
                ("GetShardIterator", {"StreamArn": reader.arn, "ShardId": "", "ShardIteratorType": TRIM_HORIZON}),
                ("GetRecords", {"ShardIterator": iterator_out(reader.arn, "", 0, 0)}),
                ("ListStreams", {}),
            )
            return all([await reader.may(STREAMS, operation, request) for operation, request in requests])
        except AccessDenied:
            return False

    def topic(self, reader: Reader, shard_id: str | None) -> str:
        # One shard is open at a time, so whatever happens to a stream concerns it.
        return streams.topic(reader.arn)

    def mended(self, reader: Reader) -> str:
        # A stream that is gone never comes back: the next one of its table has another ARN.
        return attachments.policy_topic(reader.arn)

    async def shards(self, reader: Reader) -> list[Shard]:
        found: list[Shard] = []
        after: dict[str, str] = {}
        while True:
            answer = await _asked(reader, "DescribeStream", {"StreamArn": reader.arn, **after})
            described = answer["StreamDescription"]
            for shard in described["Shards"]:
                parent = shard.get("ParentShardId")
                found.append(Shard(shard["ShardId"], (parent,) if parent else ()))
            if "LastEvaluatedShardId" not in described:
                return found
            after = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}

    async def begin(self, reader: Reader, shard_id: str, starting_position: str, at_ms: int | None) -> str:
        if starting_position == TRIM_HORIZON:
            return TRIM_HORIZON
        request = {"StreamArn": reader.arn, "ShardId": shard_id, "ShardIteratorType": starting_position}
        answer = await _asked(reader, "GetShardIterator", request)
        # An iterator says what comes next, a position what was last.
        return sequence_number(iterator_in(answer["ShardIterator"])[2] - 1)

    async def read(self, reader: Reader, shard_id: str, position: str, limit: int) -> Page:
        try:
            answer = await self._read_from(reader, shard_id, position, limit)
        except AwsError as error:
            if error.code != "TrimmedDataAccessException":
                raise
            answer = await self._read_from(reader, shard_id, TRIM_HORIZON, limit)
        if answer is None:
            return Page([], is_end=True)
        records = [_record(reader.arn, record) for record in answer["Records"]]
        return Page(records, is_end="NextShardIterator" not in answer)

    async def _read_from(self, reader: Reader, shard_id: str, position: str, limit: int) -> dict | None:
        """What GetRecords answers; None where the shard has expired."""
        request = {"StreamArn": reader.arn, "ShardId": shard_id, "ShardIteratorType": TRIM_HORIZON}
        if position != TRIM_HORIZON:
            request |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position}
        try:
            iterator = (await reader.invoke(STREAMS, "GetShardIterator", request))["ShardIterator"]
        except AwsError as error:
            if error.code not in GONE:
                raise
            if shard_id in {shard.id for shard in await self.shards(reader)}:
                raise
            return None
        count = min(limit, PAGE_RECORDS)
        return await _asked(reader, "GetRecords", {"ShardIterator": iterator, "Limit": count})


async def _asked(reader: Reader, operation: str, request: dict) -> dict:
    """The answer. Raises SourceGone where the stream is not there."""
    try:
        return await reader.invoke(STREAMS, operation, request)
    except AwsError as error:
        if error.code in GONE:
            raise SourceGone(error.message) from error
        raise


def _record(arn: str, record: dict) -> StreamRecord:
    change = record["dynamodb"]
    arrived_at_ms = round(change["ApproximateCreationDateTime"].timestamp() * 1000)
    event = {
        **record,
        "dynamodb": _plain(change | {"ApproximateCreationDateTime": arrived_at_ms // 1000}),
        "eventSourceARN": arn,
    }
    if "userIdentity" in record:
        identity = record["userIdentity"]
        event["userIdentity"] = {"type": identity["Type"], "principalId": identity["PrincipalId"]}
    key = orjson.dumps(event["dynamodb"]["Keys"], option=orjson.OPT_SORT_KEYS).decode()
    return StreamRecord(change["SequenceNumber"], event, key, arrived_at_ms)


def _plain(value: Any) -> Any:
    """As JSON has it: bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


EVENT_SOURCE = DynamoDBStream()
