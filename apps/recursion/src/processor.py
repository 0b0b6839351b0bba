"""Design 3, second function: what is new in the table's stream is processed and written back to the same key."""

import os

from notices import say
from objects import find, process_in_place


def handler(event, context):
    """One batch of the stream. The first failure ends it: from there on it comes again."""
    for record in event["Records"]:
        key = key_of(record)
        if key is None:
            continue
        try:
            outcome = overwrite(os.environ["BUCKET"], key)
        except Exception as error:  # the stream repeats from this record on, and not the ones before it
            say("failed", key, context, error=f"{type(error).__name__}: {error}")
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        say(outcome, key, context)
    return {"batchItemFailures": []}


def key_of(record: dict) -> str | None:
    """The object's key; None for an item's deletion, which has no new image."""
    image = record["dynamodb"].get("NewImage")
    return None if image is None else image["ID"]["S"]


def overwrite(bucket: str, key: str) -> str:
    found = find(bucket, key)
    if found is None:
        return "gone"
    return process_in_place(found, bucket, key, found["Metadata"])
