"""The operations of DynamoDB Streams."""

from datetime import datetime

from pileus.kernel.call import Call
from pileus.kernel.errors import ValidationException
from pileus.kernel.page import InvalidToken, token_in, token_out
from pileus.services.dynamodb.addresses import of_name
from pileus.services.dynamodb.descriptions import moment, ms_of
from pileus.services.dynamodb.errors import (
    ExpiredIteratorException,
    ResourceNotFoundException,
    TrimmedDataAccessException,
)
from pileus.services.dynamodb.state import streams
from pileus.services.dynamodb.state.streams import FIRST_SEQUENCE, ITERATOR_LIFE_MS, Record, Shard, Stream
from pileus.store.transaction import Transaction

LISTED_MAX = 100
"""Of ListStreams and DescribeStream. Source: API reference, ListStreams and DescribeStream, "Limit"."""
_TOKEN = "ShardIterator"
_LAST_NUMBER = FIRST_SEQUENCE + (1 << 63) - 2
"""No greater one was ever given, and what follows it can still be looked for."""


async def describe_stream(call: Call, request: dict) -> dict:
    """A stream and its shards, oldest first.

    request  DescribeStreamInput. ShardFilter: the children of one shard alone
    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB Streams API reference, DescribeStream
    """
    count = _limit(request, LISTED_MAX)
    stream, shards = await call.read(_described, _here(call, request["StreamArn"]))
    numbers = {shard.number for shard in shards}
    after = request.get("ExclusiveStartShardId") or ""
    # Ids begin with the time and the number, so that they sort as the shards do; one that is unknown sorts too.
    shown = [shard for shard in shards if shard.id > after]
    wanted = request.get("ShardFilter")
    if wanted is not None:
        shown = [shard for shard in shown if shard.number - 1 == _parent_asked(wanted)]
    described = {
        "StreamArn": stream.arn,
        "StreamLabel": stream.label,
        "StreamStatus": "ENABLED" if stream.is_open else "DISABLED",
        "StreamViewType": stream.view_type,
        "CreationRequestDateTime": moment(stream.created_at_ms),
        "TableName": stream.table_name,
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind}
            for name, kind in ((stream.hash_name, "HASH"), (stream.range_name, "RANGE"))
            if name
        ],
        "Shards": [shard_out(shard, numbers) for shard in shown[:count]],
    }
    if len(shown) > count:
        described["LastEvaluatedShardId"] = shown[count - 1].id
    return {"StreamDescription": described}


async def get_records(call: Call, request: dict) -> dict:
    """The records from an iterator on. No NextShardIterator: the shard is closed and was read to its end.

    errors   ExpiredIteratorException, ResourceNotFoundException, TrimmedDataAccessException, ValidationException
    source   DynamoDB Streams API reference, GetRecords
    """
    count = _limit(request, streams.PAGE_RECORDS_MAX)
    arn, shard_id, sequence, made_at_ms = iterator_in(request["ShardIterator"])
    _here(call, arn)
    if made_at_ms + ITERATOR_LIFE_MS <= call.now_ms:
        raise ExpiredIteratorException(
            "Iterator expired. The iterator was created at time "
            f"{moment(made_at_ms):%a %b %d %H:%M:%S UTC %Y} while right now it is "
            f"{moment(call.now_ms):%a %b %d %H:%M:%S UTC %Y}"
        )
    stream, page = await call.read(_page, arn, shard_id, sequence, count)
    result: dict = {"Records": [record_out(stream, record) for record in page.records]}
    if page.next_sequence is not None:
        result["NextShardIterator"] = iterator_out(arn, shard_id, page.next_sequence, call.now_ms)
    return result


async def get_shard_iterator(call: Call, request: dict) -> dict:
    """Where reading a shard begins; good for 15 minutes.

    errors   ResourceNotFoundException, TrimmedDataAccessException, ValidationException
    source   DynamoDB Streams API reference, GetShardIterator
    """
    kind = request["ShardIteratorType"]
    sequence = _sequence_asked(kind, request.get("SequenceNumber"))
    at_ms = _time_asked(kind, request.get("Timestamp"))
    arn = _here(call, request["StreamArn"])
    position = await call.read(_position, arn, request["ShardId"], kind, sequence, at_ms)
    return {"ShardIterator": iterator_out(arn, request["ShardId"], position, call.now_ms)}


async def list_streams(call: Call, request: dict) -> dict:
    """The streams of a table, or of all tables of the account in this region; those that were closed, too.

    errors   ResourceNotFoundException, ValidationException
    source   DynamoDB Streams API reference, ListStreams
    """
    count = _limit(request, LISTED_MAX)
    after = ("", "")
    if request.get("ExclusiveStartStreamArn"):
        table_arn, _, label = _stream_arn(request["ExclusiveStartStreamArn"]).partition("/stream/")
        after = (table_arn.partition("table/")[2], label)
    account, region, name = call.account, call.region, ""
    if request.get("TableName"):
        account, region, name = of_name(call, request["TableName"])
    found = await call.read(streams.listed, account, region, name, after, count + 1)
    result: dict = {
        "Streams": [
            {"StreamArn": stream.arn, "TableName": stream.table_name, "StreamLabel": stream.label}
            for stream in found[:count]
        ]
    }
    if len(found) > count:
        result["LastEvaluatedStreamArn"] = found[count - 1].arn
    return result


def sequence_number(sequence: int) -> str:
    return str(FIRST_SEQUENCE + sequence)


def iterator_out(arn: str, shard_id: str, sequence: int, now_ms: int) -> str:
    return token_out(_TOKEN, [arn, shard_id, sequence, now_ms])


def iterator_in(token: str) -> tuple[str, str, int, int]:
    """(stream ARN, shard id, sequence, when it was made) of an iterator. Raises ValidationException."""
    try:
        arn, shard_id, sequence, made_at_ms = token_in(_TOKEN, token)
    except (InvalidToken, TypeError, ValueError) as error:
        raise ValidationException("Invalid ShardIterator") from error
    return arn, shard_id, sequence, made_at_ms


def shard_out(shard: Shard, numbers: set[int]) -> dict:
    """numbers: of the shards that are there; a parent that has gone is not named any more."""
    span = {"StartingSequenceNumber": sequence_number(shard.first)}
    if not shard.is_open:
        span["EndingSequenceNumber"] = sequence_number(shard.last)
    shown = {"ShardId": shard.id, "SequenceNumberRange": span}
    if shard.parent_id and shard.number - 1 in numbers:
        shown["ParentShardId"] = shard.parent_id
    return shown


def record_out(stream: Stream, record: Record) -> dict:
    """A Record as GetRecords gives it."""
    change: dict = {
        # Whole seconds: AWS says it is approximate.
        "ApproximateCreationDateTime": moment(record.at_ms // 1000 * 1000),
        "Keys": record.keys,
        "SequenceNumber": sequence_number(record.sequence),
        "SizeBytes": record.size_bytes,
        "StreamViewType": stream.view_type,
    }
    if record.new is not None:
        change["NewImage"] = record.new
    if record.old is not None:
        change["OldImage"] = record.old
    shown = {
        "eventID": f"{record.stream_id:016x}{record.sequence:016x}",
        "eventName": record.name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream.region,
        "dynamodb": change,
    }
    if record.is_expiry:
        shown["userIdentity"] = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    return shown


def _described(tx: Transaction, arn: str) -> tuple[Stream, list[Shard]]:
    stream = _require(tx, arn)
    return stream, streams.shards(tx, stream)


def _page(tx: Transaction, arn: str, shard_id: str, sequence: int, count: int) -> tuple[Stream, streams.Page]:
    stream = _require(tx, arn)
    return stream, streams.read(tx, _require_shard(tx, stream, shard_id), sequence, count)


def _position(tx: Transaction, arn: str, shard_id: str, kind: str, sequence: int | None, at_ms: int | None) -> int:
    """The first sequence that is read."""
    shard = _require_shard(tx, _require(tx, arn), shard_id)
    if kind == "LATEST":
        return streams.newest(tx, shard)
    if kind == "AT_TIMESTAMP":
        assert at_ms is not None
        return max(streams.at_time(tx, shard, at_ms), streams.oldest(tx, shard))
    oldest = streams.oldest(tx, shard)
    if sequence is None:
        return oldest
    if sequence < shard.first:
        raise TrimmedDataAccessException()
    # A number between the shard's beginning and its first record never was one: nothing of it is lost.
    if sequence < oldest and streams.is_trimmed(tx, shard):
        raise TrimmedDataAccessException()
    return sequence if kind == "AT_SEQUENCE_NUMBER" else sequence + 1


def _here(call: Call, arn: str) -> str:
    """A region's endpoint knows the streams of its own tables only. Raises ResourceNotFoundException."""
    if _stream_arn(arn).split(":", 4)[3] != call.region:
        raise _not_found(arn)
    return arn


def _require(tx: Transaction, arn: str) -> Stream:
    stream = streams.find(tx, _stream_arn(arn))
    if stream is None:
        raise _not_found(arn)
    return stream


def _not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")


def _require_shard(tx: Transaction, stream: Stream, shard_id: str) -> Shard:
    for shard in streams.shards(tx, stream):
        if shard.id == shard_id:
            return shard
    raise ResourceNotFoundException(
        f"Requested resource not found: Shard: {shard_id} not found in Stream: {stream.arn}"
    )


def _stream_arn(arn: str) -> str:
    if streams.ARN.fullmatch(arn) is None:
        raise ValidationException(f"Invalid StreamArn: {arn}")
    return arn


def _limit(request: dict, most: int) -> int:
    count = request.get("Limit")
    if count is None:
        return most
    if count > most:
        raise ValidationException(
            f"1 validation error detected: Value '{count}' at 'limit' failed to satisfy constraint: "
            f"Member must have value less than or equal to {most}"
        )
    return count


def _sequence_asked(kind: str, number: str | None) -> int | None:
    needs_one = kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
    if number is None:
        if needs_one:
            raise ValidationException(f"SequenceNumber must be provided when ShardIteratorType is {kind}")
        return None
    if not needs_one:
        raise ValidationException(f"SequenceNumber must not be provided when ShardIteratorType is {kind}")
    if not (number.isascii() and number.isdecimal()) or int(number) > _LAST_NUMBER:
        raise ValidationException(f"Invalid SequenceNumber: {number}")
    return int(number) - FIRST_SEQUENCE


def _time_asked(kind: str, at: datetime | None) -> int | None:
    if (at is None) != (kind != "AT_TIMESTAMP"):
        verb = "must" if at is None else "must not"
        raise ValidationException(f"Timestamp {verb} be provided when ShardIteratorType is {kind}")
    return ms_of(at)


def _parent_asked(wanted: dict) -> int:
    """The number of the shard whose children are asked for."""
    for name in ("Type", "ShardId"):
        if not wanted.get(name):
            raise ValidationException(
                f"1 validation error detected: Value null at 'shardFilter.{name[0].lower()}{name[1:]}' failed to "
                "satisfy constraint: Member must not be null"
            )
    number = streams.number_in(wanted["ShardId"])
    return -1 if number is None else number
