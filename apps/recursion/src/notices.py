"""What S3 tells a function about objects, and what the function tells its log."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote_plus


class Notice(NamedTuple):
    bucket: str
    key: str
    etag: str
    put_at_s: int
    """When the object was put, however late and however often the notice comes. Seconds since the epoch."""


def notices_of(event: dict) -> Iterator[Notice]:
    """The notices of one event. Keys come URL-encoded, spaces as "+". S3's own test event has no records."""
    for record in event.get("Records", []):
        bucket, its = record["s3"]["bucket"]["name"], record["s3"]["object"]
        put_at_s = int(datetime.fromisoformat(record["eventTime"]).timestamp())
        yield Notice(bucket, unquote_plus(its["key"]), its.get("eTag", ""), put_at_s)


def handle_each(event: dict, context, handle: Callable[[Notice], str]) -> None:
    """Handle each notice and log in one line what became of it: `handle` says it in a word.

    Raises the first failure after all have had their turn, so that Lambda tries the event again.
    """
    failures = []
    for notice in notices_of(event):
        try:
            outcome = handle(notice)
        except Exception as error:  # one bad object must not hide the others
            say("failed", notice.key, context, error=f"{type(error).__name__}: {error}")
            failures.append(error)
        else:
            say(outcome, notice.key, context, etag=notice.etag)
    if failures:
        raise failures[0]


def say(event: str, key: str, context, **details: object) -> None:
    """One line of JSON in the log, with the invocation that it belongs to."""
    line = {"event": event, "key": key, "request": context.aws_request_id, **details}
    print(json.dumps(line, ensure_ascii=False))
