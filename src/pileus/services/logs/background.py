"""Deliveries to subscribed functions.

Source: user guide, "Subscription filters with AWS Lambda" (the payload) and "Subscriptions concepts" (retries).
"""

import base64
import gzip
import logging

import orjson

from pileus.kernel import principal
from pileus.kernel.arn import partition_of
from pileus.kernel.call import Cloud
from pileus.kernel.errors import AwsError
from pileus.store.events import Event

log = logging.getLogger("pileus.logs")

GIVE_UP_MS = 24 * 3_600_000
PAYLOAD_MAX_BYTES = 240 * 1024
"""Below Lambda's quota for asynchronous invocations of 256 KB."""

RETRIED_CODES = ("TooManyRequestsException", "ThrottlingException", "EC2ThrottledException")


async def deliver(cloud: Cloud, event: Event) -> None:
    """Invoke the function with the events of one PutLogEvents call, in as many payloads as they need.

    Throttling and faults are tried again for 24 hours; what Lambda refuses for good is dropped and logged.
    """
    what = event.payload
    source_arn = (
        f"arn:{partition_of(what['region'])}:logs:{what['region']}:{what['account']}:log-group:{what['group']}:*"
    )
    caller = principal.service("logs.amazonaws.com", source_account=what["account"], source_arn=source_arn)
    for payload in payloads(what, what["events"]):
        call = cloud.call(
            "lambda",
            "Invoke",
            principal=caller,
            account=what["account"],
            region=what["region"],
            source_arn=source_arn,
        )
        request = {"FunctionName": what["destination"], "InvocationType": "Event", "Payload": payload}
        try:
            await cloud.invoke(call, request)
        except AwsError as error:
            is_passing = error.is_fault or error.code in RETRIED_CODES
            if is_passing and cloud.clock.now_ms() - event.emitted_at_ms < GIVE_UP_MS:
                raise
            log.warning("subscription %s of %s lost events: %s", what["filter"], what["group"], error)


def payloads(what: dict, events: list) -> list[bytes]:
    """The invocation's input: gzip within base64 within JSON; halves where the whole is too large."""
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": what["account"],
        "logGroup": what["group"],
        "logStream": what["stream"],
        "subscriptionFilters": [what["filter"]],
        "logEvents": [{"id": id_, "timestamp": timestamp, "message": message} for id_, timestamp, message in events],
    }
    # No time in the header: the same events give the same bytes.
    data = base64.b64encode(gzip.compress(orjson.dumps(document), compresslevel=6, mtime=0)).decode()
    if len(data) > PAYLOAD_MAX_BYTES and len(events) > 1:
        half = len(events) // 2
        return payloads(what, events[:half]) + payloads(what, events[half:])
    return [orjson.dumps({"awslogs": {"data": data}})]
