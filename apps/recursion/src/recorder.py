"""Design 3, first function: write every key to the table. The same item again makes no record in the table's stream."""

import os

import boto3
from notices import Notice, handle_each

DAY_S = 86_400

dynamodb = boto3.client("dynamodb")


def handler(event, context):
    handle_each(event, context, record)


def record(notice: Notice) -> str:
    dynamodb.put_item(TableName=os.environ["KEYS_TABLE"], Item=item_of(notice))
    return "recorded"


def item_of(notice: Notice) -> dict:
    """The same for every notice of a key on one day. Time to live is told in seconds since the epoch."""
    return {"ID": {"S": notice.key}, "TimeToLive": {"N": str(next_midnight_s(notice.put_at_s))}}


def next_midnight_s(time_s: int) -> int:
    """The first midnight, UTC, after `time_s`; from midnight itself, the one a day later."""
    return (time_s // DAY_S + 1) * DAY_S
