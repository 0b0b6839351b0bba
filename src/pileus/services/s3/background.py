"""What S3 does by itself: hand events to their destinations, apply lifecycle rules."""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

from pileus.kernel import principal as principals
from pileus.kernel.arn import parse_arn
from pileus.kernel.errors import AwsError
from pileus.services.s3 import events
from pileus.services.s3.state import lifecycle, uploads
from pileus.store.events import Event

log = logging.getLogger("pileus.s3")

GIVE_UP_AFTER_MS = 24 * 3_600_000
"""AWS promises "at least once" and names no end; a destination that is gone for a day is not waited for."""


async def notify(cloud: Any, event: Event) -> None:
    """Deliver one event to one destination. Raises to be called again, later and later."""
    told = event.payload
    try:
        await _SENDERS[told["target"]](cloud, told)
    except AwsError as error:
        if cloud.clock.now_ms() - event.emitted_at_ms < GIVE_UP_AFTER_MS:
            raise
        log.warning("event %s of %s for %s is given up: %s", told["action"], told["bucket"], told["arn"], error)


async def _to_function(cloud: Any, told: dict) -> None:
    payload = orjson.dumps({"Records": [events.record(told)]})
    await _ask(cloud, told, "Invoke", {"FunctionName": told["arn"], "InvocationType": "Event", "Payload": payload})


async def _to_queue(cloud: Any, told: dict) -> None:
    arn = parse_arn(told["arn"])
    body = orjson.dumps({"Records": [events.record(told)]}).decode()
    url = f"{cloud.endpoint}/{arn.account}/{arn.resource}"
    await _ask(cloud, told, "SendMessage", {"QueueUrl": url, "MessageBody": body})


async def _to_topic(cloud: Any, told: dict) -> None:
    body = orjson.dumps({"Records": [events.record(told)]}).decode()
    await _ask(cloud, told, "Publish", {"TopicArn": told["arn"], "Message": body, "Subject": "Amazon S3 Notification"})


async def _to_event_bridge(cloud: Any, told: dict) -> None:
    detail_type, detail = events.bridge_event(told)
    entry = {
        "Time": datetime.fromtimestamp(told["at_ms"] // 1000, UTC),  # when it happened, however late it is delivered
        "Source": "aws.s3",
        "DetailType": detail_type,
        "Detail": orjson.dumps(detail).decode(),
        "Resources": [f"arn:aws:s3:::{told['bucket']}"],
    }
    answer = await _ask(cloud, told, "PutEvents", {"Entries": [entry]})
    if answer.get("FailedEntryCount"):
        failed = answer["Entries"][0]
        raise AwsError(failed.get("ErrorMessage", ""), code=failed.get("ErrorCode", "InternalFailure"), status=500)


_SENDERS = {"lambda": _to_function, "sqs": _to_queue, "sns": _to_topic, events.EVENT_BRIDGE: _to_event_bridge}


async def _ask(cloud: Any, told: dict, operation: str, request: dict) -> dict:
    """As S3, on behalf of the bucket, where the destination is."""
    arn = parse_arn(told["arn"])
    bucket_arn = f"arn:aws:s3:::{told['bucket']}"
    call = cloud.call(
        told["target"],
        operation,
        principal=principals.service("s3.amazonaws.com", source_account=told["account"], source_arn=bucket_arn),
        account=arn.account if arn else told["account"],
        region=arn.region if arn else told["region"],
        source_arn=bucket_arn,
    )
    return await cloud.invoke(call, request)


EVENTS = {"s3.notify": notify}
TIMERS = {lifecycle.TIMER: lifecycle.run, "s3.forget-upload": uploads.forget_completed}
