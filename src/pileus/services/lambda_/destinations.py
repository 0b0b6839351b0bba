"""Where records and dead letters go: SQS, SNS, Lambda, EventBridge, S3. Sent as the function's role."""

import json
import logging
from typing import Any

from pileus.kernel.arn import Arn, parse_arn
from pileus.kernel.call import Call
from pileus.kernel.clock import iso8601
from pileus.kernel.errors import AccessDenied, AwsError, NotImplementedByUs
from pileus.services.lambda_ import errors
from pileus.services.lambda_.roles import Roles
from pileus.store.events import Event

log = logging.getLogger("pileus.lambda")

ATTEMPTS = 3
FAULT_LIMIT_MS = 21_600_000

DESTINATIONS = ("sqs", "sns", "lambda", "events", "s3")
DISCARD_DESTINATIONS = ("sqs", "sns", "s3")
DEAD_LETTER_TARGETS = ("sqs", "sns")


async def require_destination(call: Call, arn: str, *, on_failure: bool) -> None:
    """errors   InvalidParameterValueException for what can't be a destination, NotImplemented for what can't be yet"""
    parsed = parse_arn(arn)
    services = DESTINATIONS if on_failure else DESTINATIONS[:4]
    if parsed is None or parsed.service not in services or arn.endswith(".fifo"):
        raise errors.InvalidParameterValueException(
            f"The provided destination config DestinationConfig is invalid: {arn}"
        )
    await _require_service(call, parsed.service)


async def require_discard_destination(call: Call, arn: str) -> None:
    """Where an event source mapping reports what it gave up. Source: API reference, CreateEventSourceMapping.

    errors   InvalidParameterValueException, NotImplemented
    """
    if arn.startswith("kafka://"):
        raise NotImplementedByUs(f"lambda:{call.operation} with a Kafka topic as destination")
    parsed = parse_arn(arn)
    if parsed is None or parsed.service not in DISCARD_DESTINATIONS or arn.endswith(".fifo"):
        raise errors.InvalidParameterValueException(
            f"The provided destination config DestinationConfig is invalid: {arn}"
        )
    await _require_service(call, parsed.service)


async def require_dead_letter_target(call: Call, arn: str) -> None:
    """errors   InvalidParameterValueException, NotImplemented"""
    parsed = parse_arn(arn)
    if parsed is None or parsed.service not in DEAD_LETTER_TARGETS or arn.endswith(".fifo"):
        raise errors.InvalidParameterValueException(
            f"The provided dead letter config TargetArn is invalid: {arn}. It must be a standard SQS queue or SNS topic."
        )
    await _require_service(call, parsed.service)


async def require_dead_letter_permission(call: Call, arn: str, role: str, function: str) -> None:
    """errors   InvalidParameterValueException where the execution role may not send there, in words that many a
    deployment has ended with"""
    operation = await _denied(call, arn, role, function)
    if operation is not None:
        service = parse_arn(arn).service.upper()
        raise errors.InvalidParameterValueException(
            f"The provided execution role does not have permissions to call {operation} on {service}"
        )


async def require_destination_permission(call: Call, arn: str, role: str, function: str) -> None:
    """errors   InvalidParameterValueException where the execution role may not send there.

    Source: developer guide, "Capturing records of Lambda asynchronous invocations", for the permissions; the wording is
    not confirmed by a page of AWS.
    """
    operation = await _denied(call, arn, role, function)
    if operation is not None:
        raise errors.InvalidParameterValueException(
            f"The function's execution role does not have permissions to call {operation} on {arn}"
        )


async def _denied(call: Call, arn: str, role: str, function: str) -> str | None:
    """The operation that would send there, if the role may not call it. Nothing is sent."""
    target = parse_arn(arn)
    assert target is not None
    sending = {
        "body": json.dumps({"requestContext": {"requestId": call.request_id}}),
        "result": "Success",
        "function": function,
        "function_arn": "",
    }
    service, operation, request = _message(sending, target, call.cloud)
    session = await call.cloud.engines["lambda"].roles.session(role, call.region, function)
    asked = call.cloud.call(
        service,
        operation,
        principal=session.principal,
        account=target.account or call.account,
        region=target.region or call.region,
    )
    try:
        await call.cloud.authorize(asked, request)
    except AccessDenied:
        return "InvokeFunction" if operation == "Invoke" else operation
    return None


async def _require_service(call: Call, name: str) -> None:
    """Refused now, as what would be sent there later would be lost without a word."""
    if await call.cloud.service(name) is None:
        raise NotImplementedByUs(f"lambda:{call.operation} with a destination of {name}")


async def deliver(cloud: Any, roles: Roles, event: Event) -> None:
    """Send one record. A target that refuses is tried three times in all, as nobody could be told; one that is down,
    for as long as events live."""
    sending = event.payload
    target = parse_arn(sending["target"])
    assert target is not None
    session = await roles.session(sending["role"], sending["region"], sending["function"])
    service, operation, request = _message(sending, target, cloud)
    call = cloud.call(
        service,
        operation,
        principal=session.principal,
        account=target.account or sending["account"],
        region=target.region or sending["region"],
    )
    try:
        answer = await cloud.invoke(call, request)
        if answer.get("FailedEntryCount"):
            raise AwsError(str(answer["Entries"][0].get("ErrorMessage")), code="FailedEntry")
    except AwsError as error:
        age_ms = cloud.clock.now_ms() - event.emitted_at_ms
        if age_ms < FAULT_LIMIT_MS and (
            (error.is_fault and error.code != "NotImplemented") or event.attempts + 1 < ATTEMPTS
        ):
            raise
        log.warning("%s can't send its record to %s: %s", sending["function_arn"], sending["target"], error)


def _message(sending: dict, target: Arn, cloud: Any) -> tuple[str, str, dict]:
    """(service, operation, request)"""
    body = sending["body"]
    attributes = sending.get("attributes", {})
    if target.service == "sqs":
        url = f"{cloud.endpoint}/{target.account}/{target.resource}"
        request: dict = {"QueueUrl": url, "MessageBody": body}
        return "sqs", "SendMessage", request | ({"MessageAttributes": attributes} if attributes else {})
    if target.service == "sns":
        request = {"TopicArn": str(target), "Message": body}
        return "sns", "Publish", request | ({"MessageAttributes": attributes} if attributes else {})
    if target.service == "lambda":
        request = {"FunctionName": str(target), "InvocationType": "Event", "Payload": body.encode()}
        return "lambda", "Invoke", request
    if target.service == "events":
        entry = {
            "EventBusName": str(target),
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {sending['result']}",
            "Detail": body,
            "Resources": [sending["function_arn"], str(target)],
        }
        return "events", "PutEvents", {"Entries": [entry]}
    if "key" in sending:
        return "s3", "PutObject", {"Bucket": target.resource, "Key": sending["key"], "Body": body.encode()}
    record = json.loads(body)
    now = iso8601(cloud.clock.now_ms())
    day, time = now[:10], now[:19].replace(":", ".")
    key = (
        f"aws/lambda/async/{sending['function']}/{day.replace('-', '/')}/{time}-{record['requestContext']['requestId']}"
    )
    return "s3", "PutObject", {"Bucket": target.resource, "Key": key, "Body": body.encode()}
